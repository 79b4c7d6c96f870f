//===- Slices.h - Slices and effects of tensors and memrefs -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_IR_SLICES_H
#define MQA_LIB_DIALECT_MQA_IR_SLICES_H

#include "mqa/Dialect/MQA/IR/MQA.h"

namespace mlir {
namespace mqa {

/// Dimension `dim` of a tensor or memref.
OpFoldResult getDim(OpBuilder &b, Location loc, Value shaped, int64_t dim);

/// The slice of `source` with the given offsets and sizes, unit strides.
/// Dimensions behind those that are given are whole.
Value getSlice(OpBuilder &b, Location loc, Value source,
               ArrayRef<OpFoldResult> offsets, ArrayRef<OpFoldResult> sizes);

/// `keyOffset`, which may be null for 0, plus `n`.
OpFoldResult addOffset(OpBuilder &b, Location loc, Value keyOffset,
                       OpFoldResult n);

/// Of an op on memrefs: it reads its inputs and writes its output.
void addLogitsEffects(
    DestinationStyleOpInterface op,
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_IR_SLICES_H
