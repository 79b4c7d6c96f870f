//===- FillKinds.h - How each tile of a slot is copied ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_FILLKINDS_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_FILLKINDS_H

#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/IR/Target.h"

namespace mlir {
namespace mqa {

/// How `source` is copied to a ring's tile: the engine copies what it can, and
/// the lanes of warps the rest.
FillKind chooseKind(Value source, MemRefType tile, const CopyEngine &engine);

/// How many warps, 1, 2 or 4, `put` needs to fill a slot in the time that
/// consumers take for one: several where lanes copy a large one.
int64_t countFillWarps(RingPutOp put, const CopyEngine &engine);

/// How long one warp takes to fill a slot, in copies by tensor maps that it
/// starts; 0 if anything is copied by chunks: then `countFillWarps` decides.
int64_t countFillSteps(RingPutOp put, const CopyEngine &engine);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_FILLKINDS_H
