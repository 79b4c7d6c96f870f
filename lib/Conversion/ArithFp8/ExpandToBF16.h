//===- ExpandToBF16.h - fp8 to bf16 by bits or by table ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_CONVERSION_ARITHFP8_EXPANDTOBF16_H
#define MQA_CONVERSION_ARITHFP8_EXPANDTOBF16_H

#include "mlir/IR/PatternMatch.h"

namespace mlir::mqa {

/// Expands arith.extf from fp8 to bf16, by way of the extension to f32 if need
/// be.
void populateExpandToBF16Patterns(RewritePatternSet &patterns);

} // namespace mlir::mqa

#endif // MQA_CONVERSION_ARITHFP8_EXPANDTOBF16_H
