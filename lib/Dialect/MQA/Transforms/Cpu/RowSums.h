//===- RowSums.h - Sums along the rows of a block ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_DIALECT_MQA_TRANSFORMS_CPU_ROWSUMS_H
#define MQA_DIALECT_MQA_TRANSFORMS_CPU_ROWSUMS_H

#include "mlir/IR/PatternMatch.h"

namespace mlir::mqa {

/// Lowers vector.contract of two blocks of 16 rows, row by row, whose sums are
/// the 16 lanes of a vector.
void populateRowSumPatterns(RewritePatternSet &patterns);

} // namespace mlir::mqa

#endif // MQA_DIALECT_MQA_TRANSFORMS_CPU_ROWSUMS_H
