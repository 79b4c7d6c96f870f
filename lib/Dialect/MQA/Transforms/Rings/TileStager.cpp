//===- TileStager.cpp - One tile of mqa.logits in rings -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileStager.h"
#include "DecodeMx.h"
#include "mqa/Dialect/MQA/IR/CombineHeads.h"
#include "mqa/Dialect/MQA/IR/EnumCases.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::mqa;

/// Makes `loop` carry one more i32 for each of `inits`, which it returns as the
/// values at the start of an iteration. `getNext` maps them to those at its
/// end.
static FailureOr<scf::ForOp>
addCounters(RewriterBase &rewriter, scf::ForOp loop, ValueRange inits,
            function_ref<SmallVector<Value>(OpBuilder &, Location,
                                            ArrayRef<BlockArgument>)>
                getNext) {
  auto yields = [&](OpBuilder &b, Location loc,
                    ArrayRef<BlockArgument> newArgs) {
    return getNext(b, loc, newArgs);
  };
  FailureOr<LoopLikeOpInterface> replaced = loop.replaceWithAdditionalYields(
      rewriter, inits,
      /*replaceInitOperandUsesInLoop=*/false, yields);
  if (failed(replaced))
    return failure();
  return cast<scf::ForOp>(replaced->getOperation());
}

/// How often the body of `loop` runs, as an i32.
static Value countSteps(OpBuilder &b, Location loc, scf::ForOp loop) {
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  Value size =
      arith::SubIOp::create(b, loc, loop.getUpperBound(), loop.getLowerBound());
  size = arith::MaxSIOp::create(b, loc, size, zero);
  Value roundUp = arith::SubIOp::create(b, loc, loop.getStep(), one);
  size = arith::AddIOp::create(b, loc, size, roundUp);
  Value count = arith::DivUIOp::create(b, loc, size, loop.getStep());
  return arith::IndexCastOp::create(b, loc, b.getI32Type(), count);
}

/// Whether column `column` of a row begins with key `key`.
static bool isColumnOf(OpFoldResult column, Value key, int64_t columnKeys) {
  if (columnKeys == 1)
    return isEqualConstantIntOrValue(column, key);
  std::optional<int64_t> first = getConstantIntValue(key);
  std::optional<int64_t> number = getConstantIntValue(column);
  if (first && number)
    return *first == *number * columnKeys;
  auto apply = dyn_cast_if_present<affine::AffineApplyOp>(
      isa<Value>(column) ? cast<Value>(column).getDefiningOp() : nullptr);
  if (!apply || apply->getNumOperands() != 1 || apply->getOperand(0) != key)
    return false;
  AffineMap map = apply.getAffineMap();
  AffineExpr operand = map.getNumDims()
                           ? getAffineDimExpr(0, key.getContext())
                           : getAffineSymbolExpr(0, key.getContext());
  return map.getResult(0) == operand.floorDiv(columnKeys);
}

/// The rows of which the op writes the columns from `key_offset` on.
static FailureOr<Value> getWholeRows(LogitsOp logits) {
  if (logits.hasCompressedRows())
    return logits.getOut();
  auto view = logits.getOut().getDefiningOp<memref::SubViewOp>();
  if (view && view.hasUnitStride()) {
    SmallVector<OpFoldResult> offsets = view.getMixedOffsets();
    if (isConstantIntValue(offsets[0], 0) &&
        isColumnOf(offsets[1], logits.getKeyOffset(), logits.getColumnKeys()))
      return view.getSource();
  }
  if (int64_t keys = logits.getColumnKeys(); keys > 1)
    return logits.emitOpError() << "operand 'out' must be a memref.subview of "
                                   "whole rows at [0, key_offset floordiv "
                                << keys << "]";
  return logits.emitOpError("operand 'out' must be a memref.subview of whole "
                            "rows at [0, key_offset]");
}

/// The tile's; or those of its bounds, and of as many keys as whole rows have.
Value TileStager::getRanges(Value outRows) {
  if (logits.getRanges())
    return logits.getRanges();
  b.setInsertionPoint(logits->getParentOp());
  Value numKeys = memref::DimOp::create(b, loc, outRows, 1);
  return MakeRangesOp::create(b, loc, logits.getKs(), logits.getKe(), numKeys,
                              /*next_n=*/IntegerAttr(),
                              /*compressed=*/UnitAttr());
}

void TileStager::createRings(gpu::GPUFuncOp kernel) {
  b.setInsertionPointToStart(&kernel.getBody().front());
  queryRing = RingCreateOp::create(b, loc, plan.queryRing);
  keyRing = RingCreateOp::create(b, loc, plan.keyRing);
  if (plan.scaleRing)
    scaleRing = RingCreateOp::create(b, loc, plan.scaleRing);
  if (!plan.mxRing)
    return;
  mxRing = RingCreateOp::create(b, loc, plan.mxRing);
  mxScaleRing = RingCreateOp::create(b, loc, plan.mxScaleRing);
  for (Value from : {mxRing, mxScaleRing})
    from.getDefiningOp<RingCreateOp>().setReader(Role::Converter);
  for (Value into : {keyRing, scaleRing}) {
    auto create = into.getDefiningOp<RingCreateOp>();
    create.setFiller(Role::Converter);
    create.setProducers(plan.converterGroups * shapes::kGroupWarps);
  }
}

TileStager::Queries TileStager::putQueries(Value position,
                                           const HeadBlock &heads) {
  SmallVector<Value> sources;
  for (Value source : {logits.getQ(), logits.getQScale(), logits.getWeights()})
    if (source)
      sources.push_back(heads.getHeads(b, loc, source));
  RingPutOp::create(b, loc, queryRing, position, sources);
  auto staged = RingGetOp::create(b, loc, queryRing, position);
  if (logits.hasMxQueries())
    return decodeQueries(staged);
  return {staged.getResult(0),
          logits.getWeights() ? staged.getResult(1) : Value(), Value()};
}

/// In the tiles behind those that are filled.
TileStager::Queries TileStager::decodeQueries(RingGetOp staged) {
  unsigned first = logits.getWeights() ? 3 : 2;
  Queries queries{staged.getResult(first), staged.getResult(first + 1),
                  staged.getResult(first + 2)};
  DecodeQueriesOp::create(
      b, loc, staged.getResult(0), staged.getResult(1),
      logits.getWeights() ? staged.getResult(2) : Value(), queries.q,
      queries.weights, queries.factors, /*thread=*/Value(),
      /*num_threads=*/Value(), dropsNan(logits.getActivation()));
  return queries;
}

/// Gives queries the factors of an f16 reduction.
void TileStager::fitQueries(Queries &queries) {
  if (!isPacked(plan.schedule.getReduction()))
    return;
  auto weights = cast<MemRefType>(queries.weights.getType());
  auto type =
      MemRefType::get({2, weights.getDimSize(0)}, b.getF32Type(),
                      MemRefLayoutAttrInterface{}, weights.getMemorySpace());
  queries.factors = FitQueriesOp::create(b, loc, type, queries.q,
                                         queries.weights, Value(), Value());
}

/// In the order of keys that consumers decode.
void TileStager::permuteQueries(const Queries &queries) {
  if (plan.decodesInRegisters)
    PermuteQueriesOp::create(b, loc, queries.q, Value(), Value());
}

/// Fills a slot with the keys of `operands`.
void TileStager::putKeys(Value ring, Value position, const HeadBlock &heads,
                         ValueRange operands) {
  SmallVector<Value> sources = llvm::map_to_vector(
      operands, [&](Value operand) { return heads.getKeys(b, loc, operand); });
  RingPutOp::create(b, loc, ring, position, sources);
}

/// Fills the slots of keys and scales from keys with block scales, which are
/// staged ahead.
void TileStager::convertKeys(Value position, const HeadBlock &heads) {
  auto getTile = [&](Value ring, Value operand) -> Value {
    putKeys(ring, position, heads, operand);
    return RingGetOp::create(b, loc, ring, position).getTiles()[0];
  };
  Value packed = getTile(mxRing, logits.getK());
  Value words = getTile(mxScaleRing, logits.getKScale());
  auto keys = RingAcquireOp::create(b, loc, keyRing, position);
  auto scales = RingAcquireOp::create(b, loc, scaleRing, position);
  decodeMxKeys(b, loc, *logits.getMxFormat(), packed, words, keys.getTiles()[0],
               scales.getTiles()[0]);
  for (Value ring : {mxRing, mxScaleRing})
    RingReleaseOp::create(b, loc, ring, position);
  for (Value ring : {keyRing, scaleRing})
    RingCommitOp::create(b, loc, ring, position);
}

/// The schedule's where it may be: an infinite score plus its magnitude would
/// be NaN, while a maximum of the bits keeps WGMMA's NaN, which is positive. A
/// reduction in f16 has its own. What drops NaN is a maximum.
Relu TileStager::getRelu() {
  if (!isRelu(logits.getActivation()) || dropsNan(logits.getActivation()) ||
      isPacked(plan.schedule.getReduction()))
    return Relu::Max;
  // Of fp8 that became f16, the tile's type does not say that it is finite.
  bool isFinite = logits.hasOnlyFiniteScores() &&
                  plan.queryTile.getElementTypeBitWidth() == 8;
  return isFinite ? plan.schedule.getRelu() : Relu::IntegerMax;
}

/// The logits of a tile of keys, which is staged, and staged queries.
Value TileStager::buildTile(Value position, const HeadBlock &heads,
                            const Queries &queries, Value onto,
                            Value scalesOnto) {
  auto getTiles = [&](Value ring, ValueRange operands) -> ValueRange {
    if (!mxRing)
      putKeys(ring, position, heads, operands);
    return RingGetOp::create(b, loc, ring, position).getTiles();
  };
  if (mxRing)
    convertKeys(position, heads);
  Value keys, scales;
  if (plan.decodesInRegisters) {
    ValueRange tiles = getTiles(keyRing, {logits.getK(), logits.getKScale()});
    keys = tiles[0];
    scales = tiles[1];
  } else {
    keys = getTiles(keyRing, logits.getK())[0];
    if (scaleRing)
      scales = getTiles(scaleRing, logits.getKScale())[0];
  }
  // Padding is zero, which no sum notices; but behind a block of q come the
  // heads of the next.
  int64_t tileHeads = plan.queryTile.getDimSize(1);
  bool isZero = isSum(logits.getHeadReduction()) &&
                logits.hasOnlyFiniteScores() && !heads.firstHead;
  Value numHeads;
  if (!isZero && !isConstantIntValue(heads.numHeads, tileHeads))
    numHeads = getValueOrCreateConstantIndexOp(b, loc, heads.numHeads);
  return TileLogitsOp::create(
      b, loc, getTileType(), queries.q, keys, scales, queries.weights, onto,
      queries.factors, logits.getActivation(), numHeads, getRelu(),
      plan.schedule.getReduction(), plan.schedule.getAccumulators(),
      plan.schedule.getRows(), logits.getHeadReduction(), scalesOnto);
}

/// The logits of all head blocks of a tile of keys; the first of them has the
/// rings' slots at `position`.
Value TileStager::buildHeadBlocks(Value position) {
  double neutral = getNeutralTerm(logits.getHeadReduction());
  Value none = arith::ConstantOp::create(
      b, loc,
      DenseElementsAttr::get(getTileType(), b.getF32FloatAttr(neutral)));
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  Value end = arith::ConstantIndexOp::create(b, loc, plan.numHeadBlocks);
  auto loop = scf::ForOp::create(b, loc, zero, end, one, none);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value index = loop.getInductionVar();
  Value own = arith::AddIOp::create(
      b, loc, position,
      arith::IndexCastOp::create(b, loc, b.getI32Type(), index));
  HeadBlock heads = HeadBlock::get(b, logits, plan.blockHeads, index);
  Queries queries = putQueries(own, heads);
  // A scale multiplies the heads of a key together where it may be negative.
  Value scalesOnto;
  if (plan.scalesLast) {
    Value last = arith::SubIOp::create(b, loc, end, one);
    scalesOnto =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, index, last);
  }
  Value sum =
      buildTile(own, heads, queries, loop.getRegionIterArg(0), scalesOnto);
  for (Value ring : {queryRing, keyRing, scaleRing})
    if (ring)
      RingReleaseOp::create(b, loc, ring, own);
  scf::YieldOp::create(b, loc, sum);
  return loop.getResult(0);
}

LogicalResult TileStager::stage(scf::ForOp outer) {
  FailureOr<Value> outRows = getWholeRows(logits);
  if (failed(outRows))
    return failure();
  Value ranges = getRanges(*outRows);
  createRings(logits->getParentOfType<gpu::GPUFuncOp>());
  Value zero = arith::ConstantIntOp::create(b, loc, 0, 32);
  Value one = arith::ConstantIntOp::create(b, loc, 1, 32);
  Value blocks = arith::ConstantIntOp::create(b, loc, plan.numHeadBlocks, 32);
  bool byParts = plan.stagesByParts;

  // How many query blocks, and how many key tiles, went by so far. Inside the
  // key loop the position follows from the key, so that a loop over some of the
  // keys has the same positions.
  auto inner = cast<scf::ForOp>(logits->getParentOp());
  auto withCounters = addCounters(
      b, outer, {zero, zero},
      [&](OpBuilder &nested, Location loc, ArrayRef<BlockArgument> args) {
        Value numTiles = countSteps(nested, loc, inner);
        if (byParts)
          numTiles = arith::MulIOp::create(nested, loc, numTiles, blocks);
        return SmallVector<Value>{
            arith::AddIOp::create(nested, loc, args[0], one),
            arith::AddIOp::create(nested, loc, args[1], numTiles)};
      });
  if (failed(withCounters))
    return failure();
  outer = *withCounters;
  Value queryPosition = outer.getRegionIterArgs().take_back(2)[0];
  Value keyPosition = outer.getRegionIterArgs().back();
  inner = cast<scf::ForOp>(logits->getParentOp());
  b.setInsertionPoint(logits);
  Value done = arith::SubIOp::create(b, loc, inner.getInductionVar(),
                                     inner.getLowerBound());
  done = arith::DivUIOp::create(b, loc, done, inner.getStep());
  done = arith::IndexCastOp::create(b, loc, b.getI32Type(), done);
  if (byParts)
    done = arith::MulIOp::create(b, loc, done, blocks);
  Value position = arith::AddIOp::create(b, loc, keyPosition, done);

  Value tile;
  if (byParts) {
    tile = buildHeadBlocks(position);
  } else {
    HeadBlock heads = HeadBlock::getAll(logits);
    b.setInsertionPoint(inner);
    Queries queries = putQueries(queryPosition, heads);
    fitQueries(queries);
    permuteQueries(queries);
    b.setInsertionPointAfter(inner);
    RingReleaseOp::create(b, loc, queryRing, queryPosition);
    b.setInsertionPoint(logits);
    tile = buildTile(position, heads, queries, /*onto=*/Value());
  }
  StoreLogitsOp::create(b, loc, tile, ranges, logits.getKeyOffset(), *outRows,
                        logits.getCleanAttr());
  for (Value ring : {keyRing, scaleRing})
    if (ring && !byParts)
      RingReleaseOp::create(b, loc, ring, position);
  b.eraseOp(logits);
  return success();
}
