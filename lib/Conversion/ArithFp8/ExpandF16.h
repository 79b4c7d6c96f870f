//===- ExpandF16.h - f16 to f32 and back by bits ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_CONVERSION_ARITHFP8_EXPANDF16_H
#define MQA_CONVERSION_ARITHFP8_EXPANDF16_H

#include "mlir/IR/PatternMatch.h"

namespace mlir::mqa {

/// Expands arith.extf from f16 to f32 and arith.truncf back, of scalars and
/// vectors: for a processor without such conversions, LLVM calls functions that
/// a task's object does not have.
void populateExpandF16Patterns(RewritePatternSet &patterns);

} // namespace mlir::mqa

#endif // MQA_CONVERSION_ARITHFP8_EXPANDF16_H
