//===- FusedSession.h - One kernel of logits and top-k ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What it selects by, it does not store. So it is compared with its companion:
// the kernel of the same logits that stores them.
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_COMMON_FUSEDSESSION_H
#define MQA_TOOLS_COMMON_FUSEDSESSION_H

#include "TopkSession.h"

namespace mqa::tools {

/// Whether kernel `logits` computes, bit for bit, what `fused` selects by, and
/// stores it: it is of the same schedule too, but for what a schedule cannot
/// change.
bool isCompanion(const mqa_kernel_info &logits, const mqa_kernel_info &fused);

/// The bundle's companion of `fused`; null if it has none.
std::unique_ptr<LoadedKernel>
loadCompanion(const mqa_bundle *bundle, const mqa_kernel_info &fused,
              std::optional<mqa_device_kind> kind = {});

/// What `fused` selects on `problem`; logits are to be set.
TopkProblem makeSelection(const mqa_kernel_info &fused, const Problem &problem,
                          uint64_t seed);

/// Makes the logit of each key what the pattern says, up to a rounding to the
/// type of logits: one product of each key is 1, and its scale is the logit.
/// Without scales, the key is the logit, rounded to its type. All queries of a
/// cache that is not paged have the same logits.
void plantLogits(Problem &problem, const TopkPattern &pattern, int64_t k,
                 uint64_t seed);

/// A problem's buffers on a device, for both kernels.
class FusedSession {
public:
  FusedSession(Device &device, const LoadedKernel &fused,
               const LoadedKernel &companion, const Problem &problem,
               uint64_t seed, const Slack &slack = {},
               const TopkSlack &topkSlack = {});

  TopkSession &getTopk() { return topk; }
  /// The buffers of the inputs, which both kernels read.
  Session &getInputs() { return inputs; }
  void launchLogits(void *stream = nullptr) {
    inputs.launch(companion, stream);
  }
  /// Launches the companion, and takes what it writes for what must be selected
  /// by. About `maxPairs` logits are compared with the oracle; 0: none are, and
  /// the result is that of a right kernel.
  CheckResult computeLogits(int64_t maxPairs);
  /// Launches the kernel, and compares what it selects with the best of those
  /// logits, in whole rows of about `maxLogits` logits together.
  TopkCheckResult check(int64_t maxLogits);
  /// Other ranges, or other lengths and another table, of the same sizes: the
  /// problem has them already. Both kernels have to be launched again.
  void updateRanges();
  const TopkProblem &getSelection() const { return selection; }

private:
  const LoadedKernel &fused, &companion;
  const Problem &problem;
  uint64_t seed;
  Session inputs;
  TopkProblem selection;
  TopkSession topk;
};

} // namespace mqa::tools

#endif // MQA_TOOLS_COMMON_FUSEDSESSION_H
