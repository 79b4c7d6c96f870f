//===- LaunchABI.h - How a host program calls kernels -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_KERNELS_LAUNCHABI_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_KERNELS_LAUNCHABI_H

#include "mqa/Dialect/MQA/Transforms/KernelFunctions.h"

namespace mlir {
namespace mqa {

/// An operand of a kernel that a host program gives it.
struct LaunchOperand {
  StringRef name;
  /// A memref, or the index "num_keys".
  Value value;
  /// The type of the kernel's argument: `value` can be cast to it.
  Type type;
};

/// The operands of `kernel`, on memrefs, in the order in which a launch has
/// them. Rows may be anywhere: the type of an argument says nothing of row
/// strides, offsets or the address space of global memory.
SmallVector<LaunchOperand> getLaunchOperands(const KernelFunction &kernel);

/// What stands on the function that a host program calls to launch `kernel`.
LaunchAttr getLaunch(const KernelFunction &kernel, StringRef name,
                     ArrayRef<LaunchOperand> operands);

/// `value` as an argument of type `type`.
Value castForLaunch(OpBuilder &b, Location loc, Value value, Type type);

/// What a kernel that selects is called by: "logits", "paged_logits_topk".
std::string getShortName(const KernelFunction &kernel);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_KERNELS_LAUNCHABI_H
