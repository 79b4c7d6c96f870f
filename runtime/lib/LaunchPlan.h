//===- LaunchPlan.h - A launch but for its addresses ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_LAUNCHPLAN_H
#define MQA_RUNTIME_LIB_LAUNCHPLAN_H

#include "Kernel.h"

#include <array>
#include <variant>

namespace mqa::runtime {

/// Of logits, of mqa.topk, and of both in one kernel.
constexpr int kNumLogitsObjects = 7, kNumTopkObjects = 9;
constexpr int kNumLogitsTopkObjects = 11, kNumPagedLogitsTopkObjects = 9;
constexpr int kMaxObjects = kNumLogitsTopkObjects;

/// Of the operands, in the order that Runtime.h says.
using Addresses = std::array<const void *, kMaxObjects>;

/// The arguments of a kernel that computes logits and selects by them. On a
/// GPU, its scratch is for launches on one stream.
struct LogitsTopkArgs {
  mqa_logits_args logits;
  mqa_topk_args selection;
  void *stream;
};
struct PagedLogitsTopkArgs {
  mqa_paged_logits_args logits;
  mqa_topk_args selection;
  void *stream;
};

/// A launch but for the addresses.
struct LaunchPlan {
  std::shared_ptr<Kernel> kernel;
  std::variant<mqa_logits_args, mqa_paged_logits_args, mqa_topk_args,
               LogitsTopkArgs, PagedLogitsTopkArgs>
      args;
  /// Of scales that lie behind the keys of a block, from the keys on; -1: they
  /// are a tensor of their own.
  int64_t kScaleOffset;
};

/// The plan's arguments at `addresses`, checked.
mqa_status checkArguments(const LaunchPlan &plan, const Addresses &addresses,
                          Tensors &tensors);

/// Whether a launch on `stream` may have the plan's scratch: it is that of
/// another stream, or a graph records the launch, which then needs its own.
mqa_status checkStream(const LaunchPlan &plan, void *stream, bool &fits);

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_LAUNCHPLAN_H
