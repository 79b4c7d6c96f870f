//===- ReshapeGroups.h - Which dimensions make which ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_CONVERSION_LINALGTOMQA_RESHAPEGROUPS_H
#define MQA_LIB_CONVERSION_LINALGTOMQA_RESHAPEGROUPS_H

#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"

#include <optional>

namespace mlir {
namespace mqa {

/// Dimensions of a reshape's operand (first), and those of its result (second)
/// that count through the same elements. Some of one element are in no group.
using ReshapeGroups =
    SmallVector<std::pair<ReassociationIndices, ReassociationIndices>>;

/// The groups of a tensor.expand_shape, collapse_shape or reshape; nothing if
/// `op` is none of them, or if they are not known.
std::optional<ReshapeGroups> getReshapeGroups(Operation *op);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_CONVERSION_LINALGTOMQA_RESHAPEGROUPS_H
