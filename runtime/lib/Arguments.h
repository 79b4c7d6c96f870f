//===- Arguments.h - The operands of one launch, checked --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_ARGUMENTS_H
#define MQA_RUNTIME_LIB_ARGUMENTS_H

#include "Bundle.h"

#include <array>

namespace mqa::runtime {

/// One operand as the kernels see it: outermost dimension first.
struct Tensor {
  const char *name;
  const void *data;
  mqa_element_type elementType;
  int rank;
  std::array<int64_t, kMaxRank> sizes, strides;

  int getElementBytes() const {
    return mqa::runtime::getElementBytes(elementType);
  }
};

using Tensors = std::array<Tensor, kNumOperands>;

/// Whether anything is written: not without a query or a column, nor without a
/// key unless rows are cleaned all the same.
bool hasWork(const KernelDescription &kernel, const Tensors &tensors);

/// Checks what every target requires of the arguments and describes them.
mqa_status checkArguments(const KernelDescription &kernel,
                          const mqa_logits_args &args, Tensors &tensors);

/// Likewise, of mqa.paged_logits.
mqa_status checkArguments(const KernelDescription &kernel,
                          const mqa_paged_logits_args &args, Tensors &tensors);

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_ARGUMENTS_H
