//===- FusedTopkToLoops.cpp - mqa.topk on logits tile by tile -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Some rows at a time: the op that computes logits leaves a tile of them in
// scratch, and each row takes its own from there, before the next tile. So
// keys are decoded once for all of the rows, and there is never a whole row.
//
//===----------------------------------------------------------------------===//

#include "TopkRow.h"
#include "mqa/Dialect/MQA/IR/EmptyOperands.h"
#include "mqa/Dialect/MQA/IR/SequenceTiles.h"
#include "mqa/Dialect/MQA/Transforms/KernelFunctions.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"

using namespace mlir;
using namespace mlir::mqa;
using arith::CmpIPredicate;

namespace {
class FusedTopk : TopkRow {
public:
  FusedTopk(ImplicitLocOpBuilder &b, TopkOp op, LogitsOpInterface logits,
            int64_t numRows, CandidateBuffer &buffer, Ranges ranges);

  /// Makes the logits of keys [first, first + count) of the rows, in `out`.
  using MakeTile =
      function_ref<LogicalResult(Value first, OpFoldResult count, Value out)>;
  /// Selects from the rows [row, row + count), of which there are at most as
  /// many as there is scratch for.
  LogicalResult writeRows(Value row, OpFoldResult count, MakeTile makeTile);
  Value getNumColumns() { return numColumns; }

private:
  void enter(Value slot) {
    enterRow(add(firstRow, slot), ranges, numColumns);
    buffer.selectRow(slot);
  }
  CandidateBuffer::State loadState(Value slot) {
    return {load(counts, slot), load(leasts, slot)};
  }
  void storeState(Value slot, CandidateBuffer::State state) {
    store(state.count, counts, slot);
    store(state.least, leasts, slot);
  }
  std::pair<Value, Value> start(Value slot, Value lo, Value hi);
  void take(Value slot, Value first, Value count);
  void keepForced(Value slot, Value tileStart, Value tileEnd);
  void finish(Value slot);

  Value getKey(Value position) override;
  Value getLogit(Value position, Value) override {
    return buffer.getLogit(position);
  }
  Value getForcedLogit(bool isLast, Value i, Value) override {
    return load(forced,
                {slot, isLast ? add(constant(op.getForceFirst()), i) : i});
  }

  LogitsOpInterface logits;
  int64_t tileKeys;
  Ranges ranges;
  Value numColumns;
  /// Scratch: a tile of logits, the logits of forced keys, and what is known of
  /// the candidates of each row.
  Value tile, forced, counts, leasts;
  /// Of the rows that are selected from, the first one; and which of them it
  /// is.
  Value firstRow, slot;
};
} // namespace

FusedTopk::FusedTopk(ImplicitLocOpBuilder &b, TopkOp op,
                     LogitsOpInterface logits, int64_t numRows,
                     CandidateBuffer &buffer, Ranges ranges)
    : TopkRow(b, op, buffer), logits(logits),
      tileKeys(getFusedTileKeys(logits)), ranges(ranges) {
  numColumns = getValueOrCreateConstantIndexOp(
      b, b.getLoc(), getUnstoredLogits(logits).getMixedSizes()[1]);
  tile = allocateScratch(b, op, {numRows, tileKeys},
                         logits.getOutType().getElementType());
  if (needsLogits() && numForced)
    forced = allocateScratch(b, op, {numRows, numForced}, b.getF32Type());
  counts = allocateScratch(b, op, numRows, b.getIndexType());
  leasts = allocateScratch(b, op, numRows, b.getI64Type());
}

/// A row without a candidate; and [lo, hi) widened by the keys of which it
/// needs logits.
std::pair<Value, Value> FusedTopk::start(Value slot, Value lo, Value hi) {
  enter(slot);
  storeState(slot, buffer.getEmpty(isWhole));
  Value needs = compare(CmpIPredicate::sgt, length,
                        constant(needsLogits() ? 0 : numSelected));
  Value first = select(needs, TopkRow::start, lo);
  Value end = select(needs, add(TopkRow::start, length), hi);
  return {min(lo, first), max(hi, end)};
}

/// The logits of the forced keys in [tileStart, tileEnd).
void FusedTopk::keepForced(Value slot, Value tileStart, Value tileEnd) {
  auto keep = [&](Value from, Value to, Value place) {
    forEach(max(from, tileStart), min(to, tileEnd), 1, {},
            [&](Value key, ValueRange) {
              Value logit = loadF32(tile, {slot, sub(key, tileStart)});
              store(logit, forced, {slot, add(place, sub(key, from))});
              return SmallVector<Value>();
            });
  };
  if (op.getForceFirst())
    keep(constant(0), numFirst, constant(0));
  if (op.getForceLast())
    keep(sub(length, numLast), length, constant(op.getForceFirst()));
}

/// The row's candidates among the keys [first, first + count), whose logits are
/// in the tile.
void FusedTopk::take(Value slot, Value first, Value count) {
  enter(slot);
  Value tileStart = sub(first, TopkRow::start);
  Value tileEnd = add(tileStart, count);
  Value from = max(numFirst, tileStart);
  Value to = min(freeEnd, tileEnd);
  // All keys of a whole range are selected, whatever their logits are.
  if (!needsLogits())
    to = select(isWhole, from, to);
  CandidateBuffer::State state = loadState(slot);
  state.count =
      forEach(from, to, 1, state.count, [&](Value key, ValueRange carried) {
        Value logit = loadF32(tile, {slot, sub(key, tileStart)});
        return SmallVector<Value>{
            buffer.append({carried[0], state.least}, logit, key)};
      })[0];
  // Of a whole range there are never too many.
  if (numForced < numSelected)
    state =
        buffer.cut(state, numSelected - numForced, constant(2 * numSelected));
  storeState(slot, state);
  if (forced)
    keepForced(slot, tileStart, tileEnd);
}

Value FusedTopk::getKey(Value position) {
  Value key = buffer.getKey(position);
  return needsLogits() ? key : select(isWhole, position, key);
}

void FusedTopk::finish(Value row) {
  slot = row;
  enter(slot);
  CandidateBuffer::State state = loadState(slot);
  if (numForced < numSelected)
    state = buffer.cut(state, numSelected - numForced, getLastLimit());
  write(needsLogits() ? state.count : select(isWhole, length, state.count));
}

LogicalResult FusedTopk::writeRows(Value row, OpFoldResult count,
                                   MakeTile makeTile) {
  firstRow = row;
  Value numRows = getValueOrCreateConstantIndexOp(b, b.getLoc(), count);
  Value zero = constant(0), one = constant(1);
  SmallVector<Value> keys =
      forEach(zero, numRows, 1, {numColumns, zero},
              [&](Value slot, ValueRange carried) -> SmallVector<Value> {
                auto [lo, hi] = start(slot, carried[0], carried[1]);
                return {lo, hi};
              });
  // Where mqa.logits has tiles too.
  Value over = arith::RemSIOp::create(b, keys[0], constant(tileKeys));
  auto tiles =
      scf::ForOp::create(b, sub(keys[0], over), keys[1], constant(tileKeys));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(tiles.getBody());
    Value first = tiles.getInductionVar();
    AffineExpr begin, end;
    bindDims(b.getContext(), begin, end);
    OpFoldResult size = affine::makeComposedFoldedAffineMin(
        b, b.getLoc(),
        AffineMap::get(2, 0, {b.getAffineConstantExpr(tileKeys), end - begin},
                       b.getContext()),
        {first, numColumns});
    SmallVector<OpFoldResult> zeros(2, b.getIndexAttr(0)),
        ones(2, b.getIndexAttr(1));
    Value out = memref::SubViewOp::create(
        b, tile, zeros, ArrayRef<OpFoldResult>{count, size}, ones);
    if (failed(makeTile(first, size, out)))
      return failure();
    auto rows = scf::ForOp::create(b, zero, numRows, one);
    b.setInsertionPointToStart(rows.getBody());
    take(rows.getInductionVar(), first,
         getValueOrCreateConstantIndexOp(b, b.getLoc(), size));
  }
  forEach(numRows, [&](Value slot) { finish(slot); });
  return success();
}

//===----------------------------------------------------------------------===//
// The two ops that compute logits
//===----------------------------------------------------------------------===//

/// Puts `out` in the place of the slice that a tile has.
static void replaceOut(LogitsOp tile, Value out) {
  Operation *slice = tile.getOut().getDefiningOp();
  tile.getOutMutable().assign(out);
  slice->erase();
}

/// Rows are those of queries next to each other.
static LogicalResult convert(ImplicitLocOpBuilder &b, TopkOp topk,
                             LogitsOp logits, CandidateBuffer &buffer,
                             int64_t numRows) {
  if (!logits.getRanges())
    logits.replaceBounds(logits.getOrMakeRanges(b));
  FusedTopk select(b, topk, logits, numRows, buffer, Ranges::get(b, topk));
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value step = arith::ConstantIndexOp::create(b, numRows);
  Value end = memref::DimOp::create(b, topk.getIndices(), int64_t(0));
  auto blocks = scf::ForOp::create(b, zero, end, step);
  b.setInsertionPointToStart(blocks.getBody());
  OpFoldResult row = blocks.getInductionVar();
  AffineExpr d0, d1;
  bindDims(b.getContext(), d0, d1);
  OpFoldResult count = affine::makeComposedFoldedAffineMin(
      b, b.getLoc(),
      AffineMap::get(2, 0, {b.getAffineConstantExpr(numRows), d1 - d0},
                     b.getContext()),
      {row, end});
  return select.writeRows(
      blocks.getInductionVar(), count,
      [&](Value first, OpFoldResult size, Value out) -> LogicalResult {
        FailureOr<TilingResult> tiling =
            logits.getTiledImplementation(b, {row, first}, {count, size});
        if (failed(tiling))
          return logits.emitOpError("has no tiles to select from");
        replaceOut(cast<LogitsOp>(tiling->tiledOps.front()), out);
        return success();
      });
}

/// Rows [row, row + count) of a memref.
static Value getRows(OpBuilder &b, Value source, OpFoldResult row,
                     OpFoldResult count) {
  Location loc = source.getLoc();
  SmallVector<OpFoldResult> sizes = memref::getMixedSizes(b, loc, source);
  SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0)),
      strides(sizes.size(), b.getIndexAttr(1));
  offsets[0] = row;
  sizes[0] = count;
  return memref::SubViewOp::create(b, loc, source, offsets, sizes, strides);
}

/// Rows are those of a sequence.
static LogicalResult convert(ImplicitLocOpBuilder &b, TopkOp topk,
                             PagedLogitsOp logits, CandidateBuffer &buffer,
                             int64_t numRows) {
  SequenceTiles tiles(logits);
  // They end where the table does.
  Value ranges = tiles.makeRanges(b);
  FusedTopk select(b, topk, logits, numRows, buffer, Ranges::get(b, ranges));
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value one = arith::ConstantIndexOp::create(b, 1);
  Value end =
      getValueOrCreateConstantIndexOp(b, b.getLoc(), tiles.getNumSequences(b));
  auto sequences = scf::ForOp::create(b, zero, end, one);
  b.setInsertionPointToStart(sequences.getBody());
  Value index = sequences.getInductionVar();
  Sequence sequence = tiles.getSequence(b, ranges, index, getRows,
                                        /*getsRowsOfWeights=*/true);
  Value row = arith::MulIOp::create(
      b, index, arith::ConstantIndexOp::create(b, numRows).getResult());
  LogicalResult result = select.writeRows(
      row, b.getIndexAttr(numRows),
      [&](Value first, OpFoldResult size, Value out) -> LogicalResult {
        replaceOut(tiles.createTile(
                       b, sequence, first,
                       getValueOrCreateConstantIndexOp(b, b.getLoc(), size)),
                   out);
        return success();
      });
  sequence.out.getDefiningOp()->erase();
  return result;
}

LogicalResult mqa::convertFusedTopk(IRRewriter &rewriter, TopkOp topk,
                                    LogitsOpInterface logits) {
  // There are no slices of it.
  if (hasEmptyOperand(logits) || hasEmptyOperand(topk))
    return topk.emitOpError("fused with logits must have no operand that is "
                            "known to have no element");
  ImplicitLocOpBuilder b(topk.getLoc(), topk);
  UnstoredLogitsOp unstored = getUnstoredLogits(logits);
  int64_t numRows = logits.getNextN() ? logits.getNextN() : getFusedTaskRows();
  CandidateBuffer buffer(b, topk, topk.getNumSelected(),
                         /*blockSize=*/getFusedTileKeys(logits),
                         topk.getTieBreak(),
                         /*keepsLogits=*/bool(topk.getValues()), numRows);
  LogicalResult result =
      logits.getNextN()
          ? convert(b, topk, cast<PagedLogitsOp>(*logits), buffer, numRows)
          : convert(b, topk, cast<LogitsOp>(*logits), buffer, numRows);
  if (failed(result))
    return failure();
  rewriter.eraseOp(topk);
  rewriter.eraseOp(logits);
  resolveSizes(rewriter, unstored);
  return success();
}
