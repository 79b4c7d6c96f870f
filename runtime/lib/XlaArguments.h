//===- XlaArguments.h - The operands of a custom call -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_XLAARGUMENTS_H
#define MQA_RUNTIME_LIB_XLAARGUMENTS_H

#include "Arguments.h"
#include "XlaInterface.h"

#include <string_view>

namespace mqa::runtime {

/// The attributes of a call.
struct XlaAttributes {
  std::string_view op;
  /// -1: there is none.
  int64_t size = -1;
  int64_t maxMultiprocessors = 0;
};

mqa_status readAttributes(const xla::Attributes &attributes,
                          XlaAttributes &read);

/// The arguments of a launch, by what the op of its kernel takes.
struct XlaArguments {
  mqa_logits_args logits{};
  mqa_paged_logits_args paged{};
  /// Of a kernel that selects, or computes logits and selects.
  mqa_topk_args selection{};
  mqa_merge_topk_args merge{};
  /// Rows and columns of logits, for the size of scratch.
  int64_t numQueries = 0, numColumns = 0;
};

/// Reads operands and results of `frame` as those of `kernel`.
mqa_status readArguments(const xla::CallFrame &frame,
                         const XlaAttributes &attributes,
                         const KernelDescription &kernel,
                         XlaArguments &arguments);

/// Checks them as any launch does.
mqa_status checkArguments(const KernelDescription &kernel,
                          const XlaArguments &arguments, Tensors &tensors);

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_XLAARGUMENTS_H
