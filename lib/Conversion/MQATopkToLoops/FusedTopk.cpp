//===- FusedTopk.cpp - mqa.topk on logits tile by tile --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FusedTopk.h"
#include "mqa/Dialect/MQA/Transforms/KernelFunctions.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"

using namespace mlir;
using namespace mlir::mqa;
using arith::CmpIPredicate;

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
  Value end = keys[1];
  // Of a cache without a block, nothing can be loaded, whatever lengths say.
  if (logits.getNextN())
    end = select(compare(CmpIPredicate::eq, getSize(logits.getK(), 0), zero),
                 zero, end);
  auto tiles =
      scf::ForOp::create(b, sub(keys[0], over), end, constant(tileKeys));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(tiles.getBody());
    Value first = tiles.getInductionVar();
    AffineExpr begin, behind;
    bindDims(b.getContext(), begin, behind);
    // Behind the blocks of a row, nothing is known of its list.
    OpFoldResult size = affine::makeComposedFoldedAffineMin(
        b, b.getLoc(),
        AffineMap::get(2, 0,
                       {b.getAffineConstantExpr(tileKeys), behind - begin},
                       b.getContext()),
        {first, logits.hasKeyBlocks() ? end : numColumns});
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
