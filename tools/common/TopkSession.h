//===- TopkSession.h - One kernel that selects on one problem ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_COMMON_TOPKSESSION_H
#define MQA_TOOLS_COMMON_TOPKSESSION_H

#include "MergeInputs.h"
#include "Session.h"
#include "TopkCheck.h"

namespace mqa::tools {

/// Whether a kernel's problem is a TopkProblem.
inline bool selectsKeys(const mqa_kernel_info &info) {
  return info.op == MQA_OP_TOPK || info.op == MQA_OP_MERGE_TOPK;
}

inline bool isTopk(const mqa_kernel_info &info) {
  return info.op == MQA_OP_TOPK;
}

/// Elements between the rows of each operand, more than there must be. Of
/// logits in steps of 16 bytes, to which rows are rounded on a GPU: kernels may
/// load as many at once.
struct TopkSlack {
  int64_t logits = 0, lens = 0, table = 0, indices = 0, values = 0;
  /// Of mqa.merge_topk, whose rows of lists have the slack of logits, and whose
  /// lists have that of the table: whether the lists of a row are neighbours.
  bool rowsFirst = false;
};

/// A problem's buffers on a device.
class TopkSession {
public:
  /// `inputs`: of a kernel that computes the logits, which are not looked at.
  TopkSession(Device &device, const LoadedKernel &kernel,
              const TopkProblem &problem, const TopkSlack &slack = {},
              const Session *inputs = nullptr);

  void poison();
  void launch(void *stream = nullptr);
  std::unique_ptr<mqa_launch, void (*)(mqa_launch *)> prepare();
  /// What the problem holds now, of the same sizes, for the launches to come.
  void update();
  /// Works in the scratch of another session of the kernel, which is larger.
  void shareScratch(const TopkSession &other) {
    args.scratch = other.args.scratch;
    args.scratch_size = other.args.scratch_size;
  }
  /// The outputs on the host, after all launches.
  const TopkOutput &download();
  TopkCheckResult check(int64_t maxLogits) {
    return checkTopk(problem, download(), maxLogits);
  }
  /// Bytes that a launch reads at least, and writes.
  double countBytes() const;

private:
  template <typename T>
  void upload(std::unique_ptr<Buffer> &buffer, const std::vector<T> &data,
              int64_t row, int64_t stride);
  void describeTopk();
  void describeMerge();
  /// What mqa.topk has for each query but logits and ranges.
  void describeRows();
  bool isPagedFused() const { return inputs && isPaged(problem.info); }

  Device &device;
  const LoadedKernel &kernel;
  const TopkProblem &problem;
  TopkSlack slack;
  const Session *inputs;
  std::unique_ptr<Buffer> logits, ks, ke, lens, table, sequence, offset,
      keyBlocks, numKeyBlocks, indices, values, scratch;
  TopkOutput output;
  mqa_topk_args args{};
  /// Of mqa.merge_topk, else null.
  std::unique_ptr<MergeInputs> merge;
  mqa_merge_topk_args mergeArgs{};
};

} // namespace mqa::tools

#endif // MQA_TOOLS_COMMON_TOPKSESSION_H
