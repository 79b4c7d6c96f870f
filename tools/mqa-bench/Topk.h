//===- Topk.h - The table of selections -------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_MQA_BENCH_TOPK_H
#define MQA_TOOLS_MQA_BENCH_TOPK_H

#include "TopkProblem.h"

#include <cstdint>
#include <string>
#include <vector>

namespace mqa::tools {

struct TopkOptions {
  std::vector<std::string> bundles;
  std::string ceiling, json, pattern = "normal";
  /// The longest row that is measured.
  int64_t maxKeys = 131072;
  int repeat = 21;
  /// All columns of the table.
  bool wide = false;
};

/// What a caller on a CPU has without the op: f32 logits, and the k best of
/// each row by std::nth_element, sorted by keys.
void selectPlainly(const TopkProblem &problem,
                   const std::vector<float> &logits);

/// Checks and times every kernel of mqa.topk: on a GPU beside the time that a
/// copy of this run takes for as many bytes, on a CPU beside std::nth_element;
/// and every kernel of logits and top-k beside its logits alone. Returns the
/// exit code: 1 if an entry was wrong.
int runTopkTable(const TopkOptions &options);

} // namespace mqa::tools

#endif // MQA_TOOLS_MQA_BENCH_TOPK_H
