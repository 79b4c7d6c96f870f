//===- ExpandPages.h - mqa.paged_logits tile by tile ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_CONVERSION_MQATOLINALG_EXPANDPAGES_H
#define MQA_LIB_CONVERSION_MQATOLINALG_EXPANDPAGES_H

#include "mqa/Dialect/MQA/IR/MQA.h"

namespace mlir {
namespace mqa {

/// Replaces an op on memrefs by tiles of mqa.logits for each sequence, as far
/// as it needs keys.
void expandPages(IRRewriter &b, PagedLogitsOp op);

/// Rows [row, row + count) of a memref, as a view of it.
Value getRowsOf(OpBuilder &b, Value source, OpFoldResult row,
                OpFoldResult count);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_CONVERSION_MQATOLINALG_EXPANDPAGES_H
