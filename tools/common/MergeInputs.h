//===- MergeInputs.h - Lists of candidates for mqa.merge_topk ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_COMMON_MERGEINPUTS_H
#define MQA_TOOLS_COMMON_MERGEINPUTS_H

#include "Device.h"
#include "TopkProblem.h"

namespace mqa::tools {

/// What each of several parts of a problem's keys selects, packed: lists x
/// queries x k.
struct MergeLists {
  std::vector<int32_t> indices;
  std::vector<float> values;
};

/// Deals the keys of each row out to `numLists` parts: in blocks, in turn, at
/// random, or all to one. A list has the best of its part in any order, with
/// padding in between whose indices are any negative numbers and whose values
/// are anything.
MergeLists makeLists(const TopkProblem &problem, int64_t numLists,
                     uint64_t seed);

/// How lists lie in memory.
struct ListLayout {
  int64_t listStride = 0, rowStride = 0, numElements = 0;
};

/// The lists of a problem on a device.
class MergeInputs {
public:
  /// There are `rowSlack` elements behind each row of a list, and `slack`
  /// behind the last row of each list, or behind the last list of each row
  /// with `rowsFirst`.
  MergeInputs(Device &device, const TopkProblem &problem, int64_t rowSlack,
              int64_t slack, bool rowsFirst);
  /// Other lists, as many as there were, of what the problem holds now.
  void update();
  /// All of the arguments that say what lists are.
  void describe(mqa_merge_topk_args &args) const;
  double countBytes() const;

private:
  template <typename T>
  void upload(std::unique_ptr<Buffer> &buffer, const std::vector<T> &packed,
              T behind);

  Device &device;
  const TopkProblem &problem;
  const int64_t numLists;
  ListLayout layout;
  uint64_t seed = 0;
  std::unique_ptr<Buffer> indices, values;
};

} // namespace mqa::tools

#endif // MQA_TOOLS_COMMON_MERGEINPUTS_H
