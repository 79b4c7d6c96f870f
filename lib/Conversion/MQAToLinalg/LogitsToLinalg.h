//===- LogitsToLinalg.h - One op as linalg on f32 scratch -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_CONVERSION_MQATOLINALG_LOGITSTOLINALG_H
#define MQA_CONVERSION_MQATOLINALG_LOGITSTOLINALG_H

#include "mqa/Dialect/MQA/IR/Ranges.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/TypeUtilities.h"

namespace mlir::mqa {

/// Writes one op at the insertion point. Scratch holds `keyColumns` keys: the
/// static bound of the op's number of keys where there is one.
class LogitsToLinalg {
public:
  LogitsToLinalg(IRRewriter &b, LogitsOp op)
      : b(b), op(op), loc(op.getLoc()), ranges(Ranges::get(b, op)),
        numGroups(op.getNumGroups()), groupHeads(op.getGroupHeads()),
        headDim(op.getHeadDim()) {}
  void run();

private:
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  Value allocate(ArrayRef<int64_t> shape);
  void fill(Value memref, double value) {
    Type type = getElementTypeOrSelf(memref);
    Value filling =
        arith::ConstantOp::create(b, loc, b.getFloatAttr(type, value));
    linalg::FillOp::create(b, loc, ValueRange{filling}, ValueRange{memref});
  }
  /// Drops dimension `dim` of `memref` at `position`.
  Value dropDim(Value memref, unsigned dim, OpFoldResult position);
  Value getRow(Value memref, OpFoldResult row) {
    return dropDim(memref, 0, row);
  }
  /// Columns from `from` on, `count` of them.
  Value getColumns(Value row, Value from, Value count);
  /// Rows [first, first + count) of a matrix or vector.
  Value getRows(Value memref, OpFoldResult first, int64_t count);
  void forEach(Value count, function_ref<void(Value)> body);
  void decode(Value source, Value target);
  std::pair<Value, Value> findInCache(GatherPagesOp gather, Value n);
  void decodeKeys();
  void scoreHeads(Value queries, Value keys, Value weights);
  void scoreQuery(Value m);
  void addGroup(Value scales);
  void writeQuery(Value m, Value from, Value to);
  void cleanQuery(Value m, Value from, Value to);

  IRRewriter &b;
  LogitsOp op;
  Location loc;
  Ranges ranges;
  int64_t numGroups, groupHeads, headDim;
  Value numKeys, keyColumns;
  bool keysMayEndEarly = false;
  /// Decoded keys [D, N] or [G, D, N], decoded heads of a query [H, D], scores
  /// of a group's heads [H / G, N], their sums [N], and of groups, scaled, the
  /// sums of those [N].
  Value keys, query, scores, sums, totals;
  /// The op's scales, or scratch [N] for those that lie in a cache.
  Value scales;
  SmallVector<Value> heapBuffers;
};

} // namespace mlir::mqa

#endif // MQA_CONVERSION_MQATOLINALG_LOGITSTOLINALG_H
