//===- SelectionToLoops.h - mqa.topk and mqa.merge_topk as loops *- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_CONVERSION_MQATOPKTOLOOPS_SELECTIONTOLOOPS_H
#define MQA_LIB_CONVERSION_MQATOPKTOLOOPS_SELECTIONTOLOOPS_H

#include "Loops.h"
#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/IR/PatternMatch.h"

namespace mlir::mqa {

/// Replace an op on memrefs, or two that are fused.
LogicalResult convertFusedTopk(IRRewriter &rewriter, TopkOp topk,
                               LogitsOpInterface logits);
void convertTopk(IRRewriter &rewriter, TopkOp op);
void convertMergeTopk(IRRewriter &rewriter, MergeTopkOp op);

/// Writes a row of `indices` and `values`, of which the latter may be null.
class RowWriter : LoopWriter {
public:
  RowWriter(ImplicitLocOpBuilder &b, Value indices, Value values, Value row)
      : LoopWriter(b), indices(indices), values(values), row(row) {}

  bool hasValues() { return bool(values); }
  /// `index` is an index, and `logit`, where there are values, an f32.
  void write(Value place, Value index, Value logit);
  /// -1 and -inf from `place` on.
  void pad(Value place);

private:
  Value indices, values, row;
};

} // namespace mlir::mqa

#endif // MQA_LIB_CONVERSION_MQATOPKTOLOOPS_SELECTIONTOLOOPS_H
