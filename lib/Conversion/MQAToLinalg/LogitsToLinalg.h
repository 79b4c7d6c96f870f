//===- LogitsToLinalg.h - One op as linalg on scratch -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_CONVERSION_MQATOLINALG_LOGITSTOLINALG_H
#define MQA_CONVERSION_MQATOLINALG_LOGITSTOLINALG_H

#include "mqa/Dialect/MQA/IR/CombineHeads.h"
#include "mqa/Dialect/MQA/IR/Ranges.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/TypeUtilities.h"

namespace mlir::mqa {

/// Writes one op at the insertion point: loops over queries, and what is the
/// same however their scores are computed. `F32Logits` and `PackedLogits`
/// compute these.
class LogitsToLinalg {
public:
  LogitsToLinalg(IRRewriter &b, LogitsOp op)
      : b(b), op(op), loc(op.getLoc()), ranges(Ranges::get(b, op)),
        numGroups(op.getNumGroups()), groupHeads(op.getGroupHeads()),
        headDim(op.getHeadDim()),
        headKind(getCombiningKind(op.getHeadReduction())) {}
  virtual ~LogitsToLinalg() = default;
  void run();

protected:
  /// The keys of the op.
  Value countKeys();
  /// Whether there are fewer keys, or columns, than their type says.
  bool mayEndEarly();
  /// The op's keys, or queries: `limit` if these have no bound that is known,
  /// or a greater one. At least 1: there is no scratch of size 0.
  int64_t boundKeys(int64_t limit);
  int64_t boundQueries(int64_t limit);
  /// Writes the logits of keys [lo, hi), outside of which no query sees a key;
  /// lo < hi.
  virtual void writeLogits(Value lo, Value hi) = 0;

  /// A loop over queries [first, end), and in it for each one that sees keys of
  /// [lo, hi): these keys.
  void forEachQuery(Value first, Value end, Value lo, Value hi,
                    function_ref<void(Value m, Value from, Value to)> body);
  /// The logits of keys [from, to) of query m become the `sums` of their keys,
  /// scaled by `scales` if that is not null, and by `factors`, two numbers or
  /// null, which changes `sums`. Column 0 of both is key `first`.
  void writeQuery(Value m, Value from, Value to, Value sums, Value scales,
                  Value first, Value factors = Value());

  //===--------------------------------------------------------------------===//
  // Ops and views
  //===--------------------------------------------------------------------===//

  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  Value add(Value lhs, Value rhs) {
    return arith::AddIOp::create(b, loc, lhs, rhs);
  }
  Value sub(Value lhs, Value rhs) {
    return arith::SubIOp::create(b, loc, lhs, rhs);
  }
  Value min(Value lhs, Value rhs) {
    return arith::MinSIOp::create(b, loc, lhs, rhs);
  }
  Value max(Value lhs, Value rhs) {
    return arith::MaxSIOp::create(b, loc, lhs, rhs);
  }
  Value isLess(Value lhs, Value rhs) {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, lhs, rhs);
  }
  /// Scratch; a dimension of size kDynamic has as many elements as there are
  /// keys.
  Value allocate(ArrayRef<int64_t> shape, Type elementType);
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
  Value getColumns(Value row, OpFoldResult from, OpFoldResult count);
  /// Rows [first, first + count) of a matrix or vector.
  Value getRows(Value memref, OpFoldResult first, int64_t count);
  void forEach(Value from, Value to, int64_t step,
               function_ref<void(Value)> body);
  void forEach(Value count, function_ref<void(Value)> body) {
    forEach(constant(0), count, 1, body);
  }
  /// Writes what `body` does into an if.
  void onlyIf(Value condition, function_ref<void()> body);

  //===--------------------------------------------------------------------===//
  // The op's operands
  //===--------------------------------------------------------------------===//

  /// target = source, element by element, each extended to the target's type.
  void decode(Value source, Value target);
  /// Whether the scales lie in a cache, or are computed from those of blocks,
  /// so that they need scratch.
  bool needsScaleScratch();
  /// Row n of the op's keys; from a cache, the one of the key's block.
  Value getKey(Value n);
  /// Copies the scale of key n out of the cache, or computes it.
  void copyScale(Value n, Value scales, Value column);
  /// Decodes key n, which has block scales, but for the scale of `copyScale`.
  void decodeMxKey(Value n, Value target);
  /// Decodes query m, which has block scales: its elements become `target`
  /// (H x D), what is taken out of them goes into `weights` (H), and what is
  /// taken out of those into `factors` (2).
  void decodeMxQuery(Value m, Value target, Value weights, Value factors);
  /// totals += terms * scales, or what else combines them, element by element;
  /// null scales are 1.
  void combineScaled(vector::CombiningKind kind, Value totals, Value terms,
                     Value scales);
  /// What a reduction over heads begins with.
  double getNeutral() { return getNeutralTerm(op.getHeadReduction()); }
  /// `score` behind the activation.
  Value activate(OpBuilder &nested, Value score);
  /// `value` as f32.
  Value extend(OpBuilder &nested, Value value);

  IRRewriter &b;
  LogitsOp op;
  Location loc;
  Ranges ranges;
  int64_t numGroups, groupHeads, headDim;
  /// How heads are combined.
  vector::CombiningKind headKind;
  Value numKeys, numQueries;

private:
  Value takeMaximum(Value from, Value to, Value sums, Value scales);
  void writeMaxima(Value m, Value from, Value to, Value sums, Value scales,
                   Value first);
  std::pair<Value, Value> getRange(Value m);
  std::pair<Value, Value> findInPages(GatherPagesOp gather, Value block,
                                      Value slot);
  std::pair<Value, Value> findInCache(GatherPagesOp gather, Value n);
  void writeColumns(Value m, Value from, Value to, Value sums, Value scales,
                    Value first);
  void forEachKeyBlock(Value m, Value from, Value to,
                       function_ref<void(Value, Value, Value, Value)> body);
  /// Scale n of a gather.
  Value loadFromCache(GatherPagesOp scales, Value n);
  void cleanQuery(Value m, Value from, Value to);
  void scaleSums(Value from, Value to, Value sums, Value scales, Value first,
                 Value factors);
  Value loadBlockScales(Value n);
  void decodeMxRow(const mx::Format &format, ArrayRef<Value> blockScales,
                   Value source, Value target);
  Value decodeHead(Value m, Value h, Value target);
  void foldWeights(Value greatest, Value weights, Value factors);
  SmallVector<Value> getBlockScales(Value word);
  void storeGreatestScale(Value n, Value scales, Value column);

  SmallVector<Value> heapBuffers;
};

/// On f32: what any CPU has.
void convertToF32(IRRewriter &b, LogitsOp op);

/// On pairs of bf16, which matrix units of CPUs multiply; fails if an operand's
/// type does not fit into bf16.
LogicalResult convertToPairs(IRRewriter &b, LogitsOp op,
                             const MatrixUnit &unit);

} // namespace mlir::mqa

#endif // MQA_CONVERSION_MQATOLINALG_LOGITSTOLINALG_H
