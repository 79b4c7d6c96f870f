//===- LogitsRows.cpp - What a query writes into its row of logits --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LogitsToLinalg.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::mqa;
using utils::IteratorType;

/// The greatest of the logits of keys [from, to), some keys of a block that
/// `sums` and `scales` (which may be null) count from the same one.
Value LogitsToLinalg::takeMaximum(Value from, Value to, Value sums,
                                  Value scales) {
  int64_t size = ranges.getColumnKeys();
  Type f32 = b.getF32Type();
  auto type = VectorType::get({size}, f32);
  double inf = -std::numeric_limits<double>::infinity();
  Value least = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(inf));
  // NaN is the greatest; it does not matter which zero is.
  auto flags = arith::FastMathFlags::nsz;
  Value scaled = allocate({size}, f32);
  Value isWhole = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                        sub(to, from), constant(size));
  auto choose = scf::IfOp::create(b, loc, TypeRange(f32), isWhole,
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(choose.thenBlock());
  OpFoldResult count = b.getIndexAttr(size);
  fill(scaled, 0.0);
  combineScaled(vector::CombiningKind::ADD, scaled,
                getColumns(sums, from, count),
                scales ? getColumns(scales, from, count) : Value());
  Value whole = vector::TransferReadOp::create(b, loc, type, scaled,
                                               ValueRange{constant(0)}, least,
                                               ArrayRef<bool>{true});
  whole = vector::ReductionOp::create(b, loc, vector::CombiningKind::MAXIMUMF,
                                      whole, flags);
  scf::YieldOp::create(b, loc, whole);

  b.setInsertionPointToStart(choose.elseBlock());
  auto loop = scf::ForOp::create(b, loc, from, to, constant(1), least);
  {
    OpBuilder::InsertionGuard inner(b);
    b.setInsertionPointToStart(loop.getBody());
    Value n = loop.getInductionVar();
    Value logit = memref::LoadOp::create(b, loc, sums, n);
    if (scales)
      logit = arith::MulFOp::create(b, loc, logit,
                                    memref::LoadOp::create(b, loc, scales, n));
    Value greatest = arith::MaximumFOp::create(b, loc, loop.getRegionIterArg(0),
                                               logit, flags);
    scf::YieldOp::create(b, loc, greatest);
  }
  scf::YieldOp::create(b, loc, loop.getResult(0));
  return choose.getResult(0);
}

/// As `writeQuery`, of a column for each block that has one of these keys. No
/// block has keys of another call.
void LogitsToLinalg::writeMaxima(Value m, Value from, Value to, Value sums,
                                 Value scales, Value first) {
  int64_t size = ranges.getColumnKeys();
  Type type = op.getOutType().getElementType();
  Value past = arith::RemUIOp::create(b, loc, from, constant(size));
  forEach(sub(from, past), to, size, [&](Value block) {
    Value lo = max(from, block), hi = min(to, add(block, constant(size)));
    Value maximum = takeMaximum(sub(lo, first), sub(hi, first), sums, scales);
    if (!type.isF32())
      maximum = arith::TruncFOp::create(b, loc, type, maximum);
    Value column = arith::DivUIOp::create(b, loc, block, constant(size));
    memref::StoreOp::create(b, loc, maximum, op.getOut(),
                            ValueRange{m, column});
  });
}

/// Calls `body` for each block that columns [from, to) of query m have a part
/// of: for the part, and for what of it belongs to keys that the query sees.
void LogitsToLinalg::forEachKeyBlock(
    Value m, Value from, Value to,
    function_ref<void(Value, Value, Value, Value)> body) {
  Value size = constant(ranges.getBlockSize());
  Value offset = op.getKeyOffset() ? Value(op.getKeyOffset()) : constant(0);
  const Ranges &seen = *ranges.getKeyRanges();
  Value start = seen.loadStart(b, loc, m), end = seen.loadEnd(b, loc, m);
  Value first = arith::DivUIOp::create(b, loc, add(from, offset), size);
  Value behind = arith::DivUIOp::create(
      b, loc, add(add(to, offset), constant(ranges.getBlockSize() - 1)), size);
  auto blocks = scf::ForOp::create(b, loc, first, behind, constant(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(blocks.getBody());
  Value block = blocks.getInductionVar();
  Value id = memref::LoadOp::create(b, loc, ranges.getKeyBlocks(),
                                    ValueRange{m, block});
  id = arith::IndexCastOp::create(b, loc, b.getIndexType(), id);
  // Column c of this op belongs to key c + ahead.
  Value column = sub(arith::MulIOp::create(b, loc, block, size), offset);
  Value ahead = sub(arith::MulIOp::create(b, loc, id, size), column);
  Value partFrom = max(from, column), partTo = min(to, add(column, size));
  Value seenFrom = min(max(partFrom, sub(start, ahead)), partTo);
  Value seenTo = max(seenFrom, min(partTo, sub(end, ahead)));
  body(partFrom, partTo, seenFrom, seenTo);
}

/// Multiplies the sums of keys [from, to) by their scales (which may be null)
/// and then by both factors. Factors are above 1 only where sums are of weights
/// near the greatest, and below 1 only where they are of weights near the
/// least: so no product overflows, or becomes subnormal, on the way to one that
/// does not.
void LogitsToLinalg::scaleSums(Value from, Value to, Value sums, Value scales,
                               Value first, Value factors) {
  from = sub(from, first);
  Value count = sub(sub(to, first), from);
  Value own = getColumns(sums, from, count);
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  if (scales) {
    inputs.push_back(getColumns(scales, from, count));
    maps.push_back(b.getMultiDimIdentityMap(1));
  }
  for (int64_t i = 0; i < 2; ++i) {
    inputs.push_back(getRow(factors, b.getIndexAttr(i)));
    maps.push_back(AffineMap::get(1, 0, b.getContext()));
  }
  maps.push_back(b.getMultiDimIdentityMap(1));
  linalg::GenericOp::create(
      b, loc, inputs, ValueRange{own}, maps, IteratorType::parallel,
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        Value sum = args.back();
        for (Value factor : args.drop_back())
          sum = arith::MulFOp::create(nested, loc, sum, factor);
        linalg::YieldOp::create(nested, loc, sum);
      });
}

void LogitsToLinalg::writeQuery(Value m, Value from, Value to, Value sums,
                                Value scales, Value first, Value factors) {
  if (factors) {
    scaleSums(from, to, sums, scales, first, factors);
    scales = Value();
  }
  if (ranges.getColumnKeys() > 1)
    return writeMaxima(m, from, to, sums, scales, first);
  if (!ranges.getKeyRanges())
    return writeColumns(m, from, to, sums, scales, first);
  forEachKeyBlock(m, from, to, [&](Value, Value, Value seenFrom, Value seenTo) {
    writeColumns(m, seenFrom, seenTo, sums, scales, first);
  });
}

/// Of compressed rows, the columns that these keys have, as far as there are
/// any.
void LogitsToLinalg::writeColumns(Value m, Value from, Value to, Value sums,
                                  Value scales, Value first) {
  Value column = from;
  if (ranges.areCompressed()) {
    // Key n of this op is key key_offset + n.
    Value start = ranges.loadStart(b, loc, m);
    if (op.getKeyOffset())
      start = sub(start, op.getKeyOffset());
    column = ranges.getColumn(b, loc, from, start);
    Value numColumns = memref::DimOp::create(b, loc, op.getOut(), int64_t(1));
    to = max(from, min(to, add(start, numColumns)));
  }
  Value count = sub(to, from);
  Value target = getColumns(getRow(op.getOut(), m), column, count);
  Type type = op.getOutType().getElementType();
  from = sub(from, first);
  SmallVector<Value> inputs{getColumns(sums, from, count)};
  if (scales)
    inputs.push_back(getColumns(scales, from, count));
  SmallVector<AffineMap> maps(inputs.size() + 1, b.getMultiDimIdentityMap(1));
  linalg::GenericOp::create(
      b, loc, inputs, ValueRange{target}, maps, IteratorType::parallel,
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        Value logit = args[0];
        if (scales)
          logit = arith::MulFOp::create(nested, loc, logit, args[1]);
        if (!type.isF32())
          logit = arith::TruncFOp::create(nested, loc, type, logit);
        linalg::YieldOp::create(nested, loc, logit);
      });
}

/// -inf outside of the range [from, to) of this op's keys. Compressed rows are
/// cleaned by the tile at key 0, from the range's length on.
void LogitsToLinalg::cleanQuery(Value m, Value from, Value to) {
  double inf = -std::numeric_limits<double>::infinity();
  Value row = getRow(op.getOut(), m);
  Value numColumns = memref::DimOp::create(b, loc, row, int64_t(0));
  if (int64_t size = ranges.getColumnKeys(); size > 1) {
    // Those without a key of the range.
    AffineExpr d0 = b.getAffineDimExpr(0);
    auto apply = [&](AffineExpr expr, Value value) -> Value {
      return affine::AffineApplyOp::create(b, loc, expr, value);
    };
    Value some = isLess(from, to);
    from = apply(d0.floorDiv(size), from);
    to = arith::SelectOp::create(b, loc, some, apply(d0.ceilDiv(size), to),
                                 from);
  }
  if (!ranges.areCompressed()) {
    fill(getColumns(row, b.getIndexAttr(0), from), inf);
    fill(getColumns(row, to, sub(numColumns, to)), inf);
    if (ranges.getKeyRanges())
      forEachKeyBlock(
          m, from, to,
          [&](Value partFrom, Value partTo, Value seenFrom, Value seenTo) {
            fill(getColumns(row, partFrom, sub(seenFrom, partFrom)), inf);
            fill(getColumns(row, seenTo, sub(partTo, seenTo)), inf);
          });
    return;
  }
  auto clean = [&] {
    Value length = ranges.loadColumns(b, loc, m, numColumns).second;
    fill(getColumns(row, length, sub(numColumns, length)), inf);
  };
  if (!op.getKeyOffset())
    return clean();
  onlyIf(arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                               op.getKeyOffset(), constant(0)),
         clean);
}
