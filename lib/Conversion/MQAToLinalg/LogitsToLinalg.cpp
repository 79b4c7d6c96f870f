//===- LogitsToLinalg.cpp - Loops over queries, and their outputs ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LogitsToLinalg.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/ValueBoundsOpInterface.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mqa;
using utils::IteratorType;

//===----------------------------------------------------------------------===//
// Ops and views
//===----------------------------------------------------------------------===//

/// Static scratch lives on the stack of the function, once; what is dynamic or
/// large on the heap.
Value LogitsToLinalg::allocate(ArrayRef<int64_t> shape, Type elementType) {
  auto type = MemRefType::get(shape, elementType);
  auto alignment = b.getI64IntegerAttr(64);
  constexpr int64_t kMaxStackBytes = 1 << 19;
  int64_t elementBytes = elementType.getIntOrFloatBitWidth() / 8;
  if (type.hasStaticShape() &&
      type.getNumElements() * elementBytes <= kMaxStackBytes) {
    OpBuilder::InsertionGuard guard(b);
    auto func = op->getParentOfType<FunctionOpInterface>();
    b.setInsertionPointToStart(&func.getFunctionBody().front());
    return memref::AllocaOp::create(b, loc, type, alignment);
  }
  SmallVector<Value> sizes(type.getNumDynamicDims(), numKeys);
  Value buffer = memref::AllocOp::create(b, loc, type, sizes, alignment);
  heapBuffers.push_back(buffer);
  return buffer;
}

Value LogitsToLinalg::dropDim(Value memref, unsigned dim,
                              OpFoldResult position) {
  auto type = cast<MemRefType>(memref.getType());
  SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0));
  SmallVector<OpFoldResult> sizes = memref::getMixedSizes(b, loc, memref);
  SmallVector<OpFoldResult> strides(type.getRank(), b.getIndexAttr(1));
  offsets[dim] = position;
  sizes[dim] = b.getIndexAttr(1);
  SmallVector<int64_t> shape(type.getShape());
  shape.erase(shape.begin() + dim);
  auto reduced = memref::SubViewOp::inferRankReducedResultType(
      shape, type, offsets, sizes, strides);
  return memref::SubViewOp::create(b, loc, reduced, memref, offsets, sizes,
                                   strides);
}

Value LogitsToLinalg::getColumns(Value row, OpFoldResult from,
                                 OpFoldResult count) {
  return memref::SubViewOp::create(b, loc, row, ArrayRef<OpFoldResult>{from},
                                   ArrayRef<OpFoldResult>{count},
                                   ArrayRef<OpFoldResult>{b.getIndexAttr(1)});
}

Value LogitsToLinalg::getRows(Value memref, OpFoldResult first, int64_t count) {
  int64_t rank = cast<MemRefType>(memref.getType()).getRank();
  SmallVector<OpFoldResult> offsets(rank, b.getIndexAttr(0));
  SmallVector<OpFoldResult> sizes = memref::getMixedSizes(b, loc, memref);
  SmallVector<OpFoldResult> strides(rank, b.getIndexAttr(1));
  offsets[0] = first;
  sizes[0] = b.getIndexAttr(count);
  return memref::SubViewOp::create(b, loc, memref, offsets, sizes, strides);
}

void LogitsToLinalg::forEach(Value from, Value to, int64_t step,
                             function_ref<void(Value)> body) {
  OpBuilder::InsertionGuard guard(b);
  auto loop = scf::ForOp::create(b, loc, from, to, constant(step));
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

void LogitsToLinalg::onlyIf(Value condition, function_ref<void()> body) {
  auto ifOp = scf::IfOp::create(b, loc, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(ifOp.thenBlock());
  body();
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

Value LogitsToLinalg::extend(OpBuilder &nested, Value value) {
  if (value.getType().isF32())
    return value;
  return arith::ExtFOp::create(nested, loc, nested.getF32Type(), value);
}

Value LogitsToLinalg::activate(OpBuilder &nested, Value score) {
  switch (op.getActivation()) {
  case Activation::None:
    return score;
  case Activation::Relu: {
    Value zero =
        arith::ConstantOp::create(nested, loc, nested.getF32FloatAttr(0.0));
    // NaN must reach the logit. A score of -0 may stay: a sum that it is added
    // to begins with +0. So a single instruction of x86 does it.
    Value isNegative = arith::CmpFOp::create(
        nested, loc, arith::CmpFPredicate::OGT, zero, score);
    return arith::SelectOp::create(nested, loc, isNegative, zero, score);
  }
  case Activation::ReluNanAsZero: {
    Value zero =
        arith::ConstantOp::create(nested, loc, nested.getF32FloatAttr(0.0));
    // False for NaN. Likewise a single instruction of x86.
    Value isPositive = arith::CmpFOp::create(
        nested, loc, arith::CmpFPredicate::OGT, score, zero);
    return arith::SelectOp::create(nested, loc, isPositive, score, zero);
  }
  }
  llvm_unreachable("all activations are handled");
}

void LogitsToLinalg::combineScaled(vector::CombiningKind kind, Value totals,
                                   Value terms, Value scales) {
  SmallVector<Value> inputs{terms};
  if (scales)
    inputs.push_back(scales);
  SmallVector<AffineMap> maps(inputs.size() + 1, b.getMultiDimIdentityMap(1));
  linalg::GenericOp::create(
      b, loc, inputs, ValueRange{totals}, maps, IteratorType::parallel,
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        Value term = args[0];
        if (scales)
          term = arith::MulFOp::create(nested, loc, term, args[1]);
        linalg::YieldOp::create(
            nested, loc, combineTerms(nested, loc, kind, args.back(), term));
      });
}

void LogitsToLinalg::decode(Value source, Value target) {
  auto type = cast<MemRefType>(target.getType());
  SmallVector<AffineMap> maps(2, b.getMultiDimIdentityMap(type.getRank()));
  SmallVector<IteratorType> iterators(type.getRank(), IteratorType::parallel);
  linalg::GenericOp::create(
      b, loc, ValueRange{source}, ValueRange{target}, maps, iterators,
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        Value value = args[0];
        if (value.getType() != type.getElementType())
          value =
              arith::ExtFOp::create(nested, loc, type.getElementType(), value);
        linalg::YieldOp::create(nested, loc, value);
      });
}

/// Number `number` of a list of so many, or the nearest that there is.
static Value clampNumber(OpBuilder &b, Location loc, Value number,
                         Value count) {
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  Value last = arith::SubIOp::create(b, loc, count, one);
  return arith::MinSIOp::create(
      b, loc, arith::MaxSIOp::create(b, loc, number, zero), last);
}

/// The page and the place in it of key `slot` of a block of a paged cache, or
/// of a sequence whose pages the gather has.
std::pair<Value, Value> LogitsToLinalg::findInPages(GatherPagesOp gather,
                                                    Value block, Value slot) {
  int64_t count = gather.getPageBlocks();
  // The sign goes along with the shift.
  Value page =
      arith::ShRSIOp::create(b, loc, block, constant(llvm::Log2_64(count)));
  Value inPage = arith::AndIOp::create(b, loc, block, constant(count - 1));
  slot = add(
      arith::MulIOp::create(b, loc, inPage, constant(gather.getBlockKeys())),
      slot);
  if (Value pages = gather.getPages()) {
    page = clampNumber(b, loc, page, memref::DimOp::create(b, loc, pages, 1));
    page = memref::LoadOp::create(b, loc, pages, ValueRange{constant(0), page});
    page = arith::IndexCastOp::create(b, loc, b.getIndexType(), page);
  }
  Value numPages = memref::DimOp::create(b, loc, gather.getCache(), 0);
  return {clampNumber(b, loc, page, numPages), slot};
}

/// The block and the slot of the cache that have key n of a gather; of a
/// matrix, the row. The number of no block must not lead out of either.
std::pair<Value, Value> LogitsToLinalg::findInCache(GatherPagesOp gather,
                                                    Value n) {
  Value key = add(gather.getFirst(), n);
  Value blockKv = constant(gather.getBlockKeys());
  Value block = arith::DivUIOp::create(b, loc, key, blockKv);
  Value id = memref::LoadOp::create(b, loc, gather.getTable(),
                                    ValueRange{constant(0), block});
  id = arith::IndexCastOp::create(b, loc, b.getIndexType(), id);
  Value slot = arith::RemUIOp::create(b, loc, key, blockKv);
  if (gather.isPaged() && gather.getBlockSize())
    return findInPages(gather, id, slot);
  // Of a matrix, a row.
  if (!gather.isPaged())
    id = add(arith::MulIOp::create(b, loc, id, blockKv), slot);
  Value numRows = memref::DimOp::create(b, loc, gather.getCache(), 0);
  Value last = sub(numRows, constant(1));
  id = min(max(id, constant(0)), last);
  return {id, slot};
}

Value LogitsToLinalg::getKey(Value n) {
  auto gather = op.getK().getDefiningOp<GatherPagesOp>();
  if (!gather)
    return getRow(op.getK(), n);
  auto [block, slot] = findInCache(gather, n);
  Value rows = getRow(gather.getCache(), block);
  return gather.isPaged() ? getRow(rows, slot) : rows;
}

Value LogitsToLinalg::loadFromCache(GatherPagesOp scales, Value n) {
  auto [block, slot] = findInCache(scales, n);
  SmallVector<Value> indices{block};
  if (scales.isPaged())
    indices.push_back(slot);
  return memref::LoadOp::create(b, loc, scales.getCache(), indices);
}

bool LogitsToLinalg::needsScaleScratch() {
  return op.hasMxKeys() ||
         (op.getKScale() && op.getKScale().getDefiningOp<GatherPagesOp>());
}

void LogitsToLinalg::copyScale(Value n, Value scales, Value column) {
  if (op.hasMxKeys())
    return storeGreatestScale(n, scales, column);
  auto gather = op.getKScale().getDefiningOp<GatherPagesOp>();
  Value scale = loadFromCache(gather, n);
  memref::StoreOp::create(b, loc, scale, scales, column);
}

//===----------------------------------------------------------------------===//
// Queries
//===----------------------------------------------------------------------===//

static int64_t getBound(ValueBoundsConstraintSet::Variable size,
                        int64_t limit) {
  FailureOr<int64_t> bound = ValueBoundsConstraintSet::computeConstantBound(
      presburger::BoundType::UB, size,
      /*stopCondition=*/nullptr, /*closedUB=*/true);
  return succeeded(bound) && *bound <= limit ? std::max<int64_t>(*bound, 1)
                                             : limit;
}

/// Columns that are keys say how many there are; of a cache, a tile does.
Value LogitsToLinalg::countKeys() {
  if (ranges.haveKeyColumns())
    return memref::DimOp::create(b, loc, op.getOut(), int64_t(1));
  if (auto gather = op.getK().getDefiningOp<GatherPagesOp>())
    return gather.getNumKeys();
  return memref::DimOp::create(b, loc, op.getK(), int64_t(0));
}

bool LogitsToLinalg::mayEndEarly() {
  if (ranges.haveKeyColumns())
    return op.getOutType().isDynamicDim(1);
  return op.getKeyType().isDynamicDim(0);
}

int64_t LogitsToLinalg::boundKeys(int64_t limit) {
  // Tiles of the rest of a sequence may have no key of `k`, but columns.
  if (ranges.haveKeyColumns())
    return getBound({op.getOut(), 1}, limit);
  if (auto gather = op.getK().getDefiningOp<GatherPagesOp>())
    return getBound(gather.getNumKeys(), limit);
  return getBound({op.getK(), 0}, limit);
}

int64_t LogitsToLinalg::boundQueries(int64_t limit) {
  return getBound({op.getOut(), 0}, limit);
}

/// The keys of this op that query m sees: 0 <= first <= second <= numKeys.
std::pair<Value, Value> LogitsToLinalg::getRange(Value m) {
  auto clip = [&](Value bound) -> Value {
    if (op.getKeyOffset())
      bound = sub(bound, op.getKeyOffset());
    return min(max(bound, constant(0)), numKeys);
  };
  Value from = clip(ranges.loadStart(b, loc, m)),
        to = clip(ranges.loadEnd(b, loc, m));
  // An empty or reversed range ends where it begins.
  return {from, max(from, to)};
}

void LogitsToLinalg::forEachQuery(
    Value first, Value end, Value lo, Value hi,
    function_ref<void(Value, Value, Value)> body) {
  forEach(first, end, 1, [&](Value m) {
    auto [start, stop] = getRange(m);
    Value from = max(start, lo), to = min(stop, hi);
    onlyIf(isLess(from, to), [&] { body(m, from, to); });
  });
}

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

void LogitsToLinalg::run() {
  numKeys = countKeys();
  numQueries = memref::DimOp::create(b, loc, op.getOut(), int64_t(0));
  // Nothing is decoded that no query sees.
  Value zero = constant(0);
  auto seen = scf::ForOp::create(b, loc, zero, numQueries, constant(1),
                                 ValueRange{numKeys, zero});
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(seen.getBody());
    auto [from, to] = getRange(seen.getInductionVar());
    Value lo = seen.getRegionIterArg(0), hi = seen.getRegionIterArg(1);
    Value some = isLess(from, to);
    scf::YieldOp::create(
        b, loc,
        ValueRange{arith::SelectOp::create(b, loc, some, min(lo, from), lo),
                   arith::SelectOp::create(b, loc, some, max(hi, to), hi)});
  }
  Value lo = seen.getResult(0), hi = seen.getResult(1);
  onlyIf(isLess(lo, hi), [&] {
    writeLogits(lo, hi);
    for (Value buffer : heapBuffers)
      memref::DeallocOp::create(b, loc, buffer);
  });
  if (op.getClean())
    forEach(numQueries, [&](Value m) {
      auto [from, to] = getRange(m);
      cleanQuery(m, from, to);
    });
  b.eraseOp(op);
}
