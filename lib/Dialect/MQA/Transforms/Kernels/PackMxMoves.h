//===- PackMxMoves.h - Ops that move typed values ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_KERNELS_PACKMXMOVES_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_KERNELS_PACKMXMOVES_H

#include "mlir/Transforms/DialectConversion.h"

namespace mlir {
namespace mqa {

/// Whether `op` does the same with bytes and words as with the typed values
/// that it has: it looks at no element.
bool isPackableMove(Operation *op);

/// Patterns for those ops.
void populatePackMxMoves(RewritePatternSet &patterns,
                         const TypeConverter &converter);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_KERNELS_PACKMXMOVES_H
