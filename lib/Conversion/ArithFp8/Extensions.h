//===- Extensions.h - What expansions of extensions share -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_CONVERSION_ARITHFP8_EXTENSIONS_H
#define MQA_CONVERSION_ARITHFP8_EXTENSIONS_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::mqa {

/// `type` with another element type: a scalar, a vector or a tensor.
inline Type withElementType(Type type, Type element) {
  if (auto shaped = dyn_cast<ShapedType>(type))
    return shaped.clone(element);
  return element;
}

/// Whether `op` extends f8E4M3FN or f8E5M2 to `element`, and may be replaced.
LogicalResult matchFp8Extension(arith::ExtFOp op, Type element,
                                PatternRewriter &b);

/// Expands arith.extf from fp8 to bf16, by way of the extension to f32 if need
/// be.
void populateExpandToBF16Patterns(RewritePatternSet &patterns);

} // namespace mlir::mqa

#endif // MQA_CONVERSION_ARITHFP8_EXTENSIONS_H
