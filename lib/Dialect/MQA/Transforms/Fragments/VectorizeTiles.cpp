//===- VectorizeTiles.cpp - Writes mqa.tile_logits as vectors -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BuildDecode.h"
#include "Kernels/WorkgroupMemory.h"
#include "Rings/Fp4Tables.h"
#include "SplitKeyRows.h"
#include "VectorizeStore.h"
#include "mqa/Dialect/MQA/IR/CombineHeads.h"
#include "mqa/Dialect/MQA/IR/EnumCases.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"
#include "mqa/Dialect/MQA/IR/Target.h"

#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/Transforms/TilePlan.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/Pass.h"
#include "llvm/Support/DebugLog.h"

#include <limits>

#define DEBUG_TYPE "mqa-vectorize-tiles"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQAVECTORIZETILESPASS
#include "mqa/Dialect/MQA/Transforms/Passes/MQAVectorizeTilesPass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

namespace {
/// Writes one consumer group's tile. Vectors are indexed [query, head, key] up
/// to the reduction over heads, [query, key] from there on. Where keys are the
/// rows of products, they are indexed [key, query, head] and [key, query] until
/// the sums are transposed; those of several products are joined before that,
/// so that the rest is done once.
class TileVectorizer {
public:
  TileVectorizer(IRRewriter &b, TileLogitsOp op, bool isAsync)
      : b(b), op(op), loc(op.getLoc()), isAsync(isAsync),
        kind(getCombiningKind(op.getHeadReduction())),
        half(isPacked(op.getReduction())), keyRows(hasKeyRows(op.getRows())) {
    headTiles = op.getHeadTiles();
    queries = op.getTileQueries();
    heads = op.getTileHeads();
    keys = op.getNumKeys();
    productKeys = keyRows ? shapes::kGroupRows : keys;
  }

  /// k_scale * sum over heads of weights * relu(q . k), or * the maximum over
  /// them, and what it is combined with, indexed [query, key]. The first packed
  /// keys are decoded behind `previous`, a contraction (null: in place): while
  /// that is under way.
  void run(Operation *previous);
  /// The last contraction of the tile.
  Operation *getContraction() const { return contraction; }

private:
  /// Some rows of a memref without a layout.
  Value getRows(Value memref, int64_t first, int64_t count);
  Value splat(VectorType type, double value) {
    return arith::ConstantOp::create(
        b, loc,
        DenseElementsAttr::get(type,
                               b.getFloatAttr(type.getElementType(), value)));
  }
  /// The view of `memref` without the given leading dims, at these positions.
  Value dropLeading(Value memref, ArrayRef<int64_t> positions);
  Value read(Value memref, ArrayRef<int64_t> shape, int64_t column = 0) {
    return mqa::readVector(b, loc, memref, shape, column);
  }
  /// The weights of one head tile, as `read`; where `keepsWeights` says so, out
  /// of the loops in which they do not change.
  Value readWeights(int64_t headTile);
  /// As `read`, but where the memref is defined: out of the loops in which it
  /// does not change.
  Value readAtDefinition(Value memref, ArrayRef<int64_t> shape,
                         int64_t column = 0);
  Value getKeys(int64_t i, Operation *previous);
  Value computeScores(int64_t headTile, Value k);
  Relu getRelu(int64_t headTile);
  Value computeRelu(Relu relu, Value scores);
  Value dropNan(Value scores);
  Value computeHalfRelu(Value scores);
  std::pair<Value, double> activate(int64_t headTile, Value scores);
  Value dropPadding(int64_t headTile, Value values, double neutral);
  Value combineWeighted(int64_t headTile, Value scores, Value sums);
  Value readScale();
  std::pair<Value, Value> splitScale(Value scale);
  Value scaleByFactors(VectorType type, Value logits, int64_t i);
  SmallVector<Value> computeSums(Operation *previous);
  Value join(ArrayRef<Value> parts);
  Value computeLogits(Operation *previous);

  IRRewriter &b;
  TileLogitsOp op;
  Location loc;
  /// Whether products are waited for later than they are started.
  bool isAsync;
  int64_t headTiles, queries, heads, keys;
  /// Keys of one product.
  int64_t productKeys;
  /// How heads are combined.
  vector::CombiningKind kind;
  bool half, keyRows;
  /// Of packed keys, product by product.
  SmallVector<Value> exponents;
  Operation *contraction = nullptr;
};
} // namespace

Value TileVectorizer::getRows(Value memref, int64_t first, int64_t count) {
  auto type = cast<MemRefType>(memref.getType());
  SmallVector<int64_t> offsets(type.getRank(), 0), sizes(type.getShape()),
      strides(type.getRank(), 1);
  offsets[0] = first;
  sizes[0] = count;
  return memref::SubViewOp::create(b, loc, memref, offsets, sizes, strides);
}

Value TileVectorizer::dropLeading(Value memref, ArrayRef<int64_t> positions) {
  auto type = cast<MemRefType>(memref.getType());
  SmallVector<OpFoldResult> offsets, sizes,
      strides(type.getRank(), b.getIndexAttr(1));
  for (auto [dim, size] : llvm::enumerate(type.getShape())) {
    bool drop = dim < positions.size();
    offsets.push_back(b.getIndexAttr(drop ? positions[dim] : 0));
    sizes.push_back(b.getIndexAttr(drop ? 1 : size));
  }
  auto result = memref::SubViewOp::inferRankReducedResultType(
      type.getShape().drop_front(positions.size()), type, offsets, sizes,
      strides);
  return memref::SubViewOp::create(b, loc, result, memref, offsets, sizes,
                                   strides);
}

Value TileVectorizer::readAtDefinition(Value memref, ArrayRef<int64_t> shape,
                                       int64_t column) {
  OpBuilder::InsertionGuard guard(b);
  // mqa.fit_queries scales weights in their slot. Ops on rings write no slot
  // that is held.
  setInsertionPointBehindWrites(b, memref, op, [](Operation *other) {
    return !isa<RingPutOp, RingGetOp, RingReleaseOp>(other) &&
           mayWriteWorkgroupMemory(other);
  });
  return read(memref, shape, column);
}

/// The keys of product `i`: decoded, once for all heads, if they are packed;
/// else where they lie.
Value TileVectorizer::getKeys(int64_t i, Operation *previous) {
  Value rows = op.getK();
  bool isWhole = productKeys == keys;
  if (op.hasPackedKeys()) {
    Value words = op.getKScale();
    if (!isWhole) {
      rows = getRows(rows, i * productKeys, productKeys);
      words = getRows(words, i * productKeys, productKeys);
    }
    DecodeMxOp decode = buildDecode(b, op, rows, words, previous);
    exponents.push_back(decode.getExponents());
    return decode.getKeys();
  }
  if (isWhole)
    return rows;
  MemRefType type = op.getK().getType();
  SmallVector<int64_t> shape{productKeys, type.getDimSize(1)};
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value part = arith::ConstantIndexOp::create(b, loc, i);
  return SubtileOp::create(b, loc, SubtileOp::getPartType(type, shape), rows,
                           ValueRange{part, zero});
}

/// q . k of one head tile, for the keys that `getKeys` gave.
Value TileVectorizer::computeScores(int64_t headTile, Value k) {
  int64_t headDim = op.getQ().getType().getDimSize(2);
  SmallVector<int64_t> shape{queries, heads, headDim};
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value index = arith::ConstantIndexOp::create(b, loc, headTile);
  Value rows = SubtileOp::create(
      b, loc, SubtileOp::getPartType(op.getQ().getType(), shape), op.getQ(),
      ValueRange{zero, index, zero});
  Value q = read(rows, shape);
  if (auto memref = dyn_cast<MemRefType>(k.getType()))
    k = read(k, memref.getShape());
  using vector::IteratorType;
  AffineExpr p, h, n, d;
  bindDims(b.getContext(), p, h, n, d);
  if (keyRows) {
    auto type = VectorType::get({productKeys, queries, heads}, b.getF32Type());
    contraction = vector::ContractionOp::create(
        b, loc, k, q, splat(type, 0.0),
        ArrayRef<ArrayRef<AffineExpr>>{{n, d}, {p, h, d}, {n, p, h}},
        ArrayRef<IteratorType>{IteratorType::parallel, IteratorType::parallel,
                               IteratorType::parallel,
                               IteratorType::reduction});
    return contraction->getResult(0);
  }
  auto type = VectorType::get({queries, heads, keys}, b.getF32Type());
  contraction = vector::ContractionOp::create(
      b, loc, q, k, splat(type, 0.0),
      ArrayRef<ArrayRef<AffineExpr>>{{p, h, d}, {n, d}, {p, h, n}},
      ArrayRef<IteratorType>{IteratorType::parallel, IteratorType::parallel,
                             IteratorType::parallel, IteratorType::reduction});
  return contraction->getResult(0);
}

Relu TileVectorizer::getRelu(int64_t headTile) {
  switch (op.getRelu()) {
  case Relu::Max:
  case Relu::IntegerMax:
  case Relu::AddAbs:
    return op.getRelu();
  case Relu::Mixed:
    return headTile % 2 == 0 ? Relu::AddAbs : Relu::IntegerMax;
  }
  llvm_unreachable("unknown relu");
}

/// `neutral` for the heads that are padding. (Their scores are zero, but for
/// keys that are not finite.)
Value TileVectorizer::dropPadding(int64_t headTile, Value values,
                                  double neutral) {
  int64_t first = headTile * heads;
  Value numHeads = op.getNumHeads();
  if (!numHeads || getConstantIntValue(numHeads).value_or(0) >= first + heads)
    return values;
  auto type = cast<VectorType>(values.getType());
  auto headType = VectorType::get({heads}, b.getIndexType());
  Value head = vector::StepOp::create(b, loc, headType);
  Value offset = arith::ConstantIndexOp::create(b, loc, first);
  Value end = vector::BroadcastOp::create(
      b, loc, headType, arith::SubIOp::create(b, loc, numHeads, offset));
  Value exists =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, head, end);
  Type i1 = b.getI1Type();
  if (!keyRows)
    exists = vector::ShapeCastOp::create(
        b, loc, VectorType::get({heads, 1}, i1), exists);
  exists = vector::BroadcastOp::create(b, loc, type.clone(i1), exists);
  return arith::SelectOp::create(b, loc, exists, values, splat(type, neutral));
}

/// The factor by which computeRelu is too much.
static double getReluFactor(Relu relu) {
  switch (relu) {
  case Relu::AddAbs:
    return 2.0;
  case Relu::Max:
  case Relu::IntegerMax:
  case Relu::Mixed:
    return 1.0;
  }
  llvm_unreachable("unknown relu");
}

/// max(scores, 0), or twice that (`add_abs`). NaN must reach the logit: WGMMA's
/// is positive as an integer. Scores of f8E4M3FN are never infinite.
Value TileVectorizer::computeRelu(Relu relu, Value scores) {
  auto type = cast<VectorType>(scores.getType());
  switch (relu) {
  case Relu::Mixed:
    break;
  case Relu::Max:
    return arith::MaximumFOp::create(b, loc, scores, splat(type, 0.0));
  case Relu::AddAbs:
    return arith::AddFOp::create(b, loc, scores,
                                 math::AbsFOp::create(b, loc, scores));
  case Relu::IntegerMax: {
    auto bitsType = VectorType::get(type.getShape(), b.getI32Type());
    Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(bitsType));
    Value bits = arith::BitcastOp::create(b, loc, bitsType, scores);
    bits = arith::MaxSIOp::create(b, loc, bits, zero);
    return arith::BitcastOp::create(b, loc, type, bits);
  }
  }
  llvm_unreachable("unknown relu");
}

/// max(scores, 0), and 0 for NaN.
Value TileVectorizer::dropNan(Value scores) {
  return arith::MaxNumFOp::create(
      b, loc, scores, splat(cast<VectorType>(scores.getType()), 0.0));
}

/// The same in half precision. A conversion with relu keeps NaN, so the maximum
/// comes behind it, where it takes two numbers at once.
Value TileVectorizer::computeHalfRelu(Value scores) {
  auto type = cast<VectorType>(scores.getType()).clone(b.getF16Type());
  if (dropsNan(op.getActivation()))
    return dropNan(arith::TruncFOp::create(b, loc, type, scores));
  return arith::TruncFOp::create(b, loc, type, computeRelu(Relu::Max, scores));
}

/// What becomes of scores before they are weighted, times a factor.
std::pair<Value, double> TileVectorizer::activate(int64_t headTile,
                                                  Value scores) {
  switch (op.getActivation()) {
  case Activation::None:
    return {scores, 1.0};
  case Activation::Relu: {
    Relu relu = getRelu(headTile);
    return {computeRelu(relu, scores), getReluFactor(relu)};
  }
  case Activation::ReluNanAsZero:
    return {dropNan(scores), 1.0};
  }
  llvm_unreachable("unknown activation");
}

Value TileVectorizer::readWeights(int64_t headTile) {
  SmallVector<int64_t, 2> shape{queries, heads};
  if (!op.getWeights())
    return splat(VectorType::get(shape, b.getF32Type()), 1.0);
  if (keepsWeights(op.getRows(), headTiles))
    return readAtDefinition(op.getWeights(), shape, headTile * heads);
  return read(op.getWeights(), shape, headTile * heads);
}

/// sums + the sum over a head tile's heads of weights * relu(scores), or the
/// maximum of them and `sums`.
Value TileVectorizer::combineWeighted(int64_t headTile, Value scores,
                                      Value sums) {
  auto type = cast<VectorType>(scores.getType());
  Value weights = readWeights(headTile);
  Value relu;
  if (half) {
    type = type.clone(b.getF16Type());
    relu = computeHalfRelu(scores);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointAfterValue(weights);
    weights = arith::TruncFOp::create(
        b, loc, VectorType::get({queries, heads}, b.getF16Type()), weights);
  } else {
    double factor;
    // For a sum, a score of 0 is enough: the weight is 0, too.
    if (isSum(op.getHeadReduction()))
      scores = dropPadding(headTile, scores, 0.0);
    std::tie(relu, factor) = activate(headTile, scores);
    if (factor != 1.0) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointAfterValue(weights);
      weights = arith::MulFOp::create(
          b, loc, weights,
          splat(cast<VectorType>(weights.getType()), 1 / factor));
    }
  }
  Value column = weights;
  if (!keyRows)
    column = vector::ShapeCastOp::create(
        b, loc, VectorType::get({queries, heads, 1}, type.getElementType()),
        weights);
  Value weightsOfAll = vector::BroadcastOp::create(b, loc, type, column);
  Value weighted = arith::MulFOp::create(b, loc, relu, weightsOfAll);
  if (!isSum(op.getHeadReduction()))
    weighted =
        dropPadding(headTile, weighted, getNeutralTerm(op.getHeadReduction()));
  return vector::MultiDimReductionOp::create(
      b, loc, weighted, sums, ArrayRef<bool>{false, !keyRows, keyRows}, kind);
}

/// `logits`, of type `type`, times row `i` of the factors, which are read by a
/// view made where they are.
Value TileVectorizer::scaleByFactors(VectorType type, Value logits, int64_t i) {
  Value row;
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointAfterValue(op.getFactors());
    row = dropLeading(op.getFactors(), {i});
  }
  Value factor = readAtDefinition(row, {queries});
  factor = vector::ShapeCastOp::create(
      b, loc, VectorType::get({queries, 1}, b.getF32Type()), factor);
  factor = vector::BroadcastOp::create(b, loc, type, factor);
  return arith::MulFOp::create(b, loc, logits, factor);
}

/// The sums, or maxima, over heads of weights * relu(q . k), product by
/// product.
SmallVector<Value> TileVectorizer::computeSums(Operation *previous) {
  auto type = keyRows ? VectorType::get({productKeys, queries}, b.getF32Type())
                      : VectorType::get({queries, keys},
                                        half ? b.getF16Type() : b.getF32Type());
  int64_t numProducts = keys / productKeys, together = op.getAccumulators();
  SmallVector<Value> sums(numProducts,
                          splat(type, getNeutralTerm(op.getHeadReduction()))),
      allKeys, scores;
  // Step by step: head by head of a product, and then those of the next one.
  int64_t numSteps = numProducts * headTiles;
  auto start = [&](int64_t i) {
    int64_t product = i / headTiles, headTile = i % headTiles;
    if (headTile == 0)
      allKeys.push_back(getKeys(product, together > 1 ? nullptr : previous));
    scores.push_back(computeScores(headTile, allKeys[product]));
    // The keys of the next product are decoded while this one is under way.
    previous = contraction;
  };
  auto finish = [&](int64_t i) {
    Value &own = sums[i / headTiles];
    own = combineWeighted(i % headTiles, scores[i], own);
  };
  if (isAsync) {
    // With several accumulators, the next scores are started before one is
    // reduced. Then there is something to do in any case while a product is
    // under way, and no register for more keys.
    int64_t ahead = together - 1;
    for (int64_t i = 0; i < numSteps + ahead; ++i) {
      if (i < numSteps)
        start(i);
      if (i >= ahead)
        finish(i - ahead);
    }
  }
  // Else several scores are computed at once.
  for (int64_t first = 0; !isAsync && first < numSteps; first += together) {
    int64_t end = std::min(first + together, numSteps);
    for (int64_t i = first; i < end; ++i)
      start(i);
    for (int64_t i = first; i < end; ++i)
      finish(i);
  }
  return sums;
}

/// Vectors of all keys, from those of the products' keys.
Value TileVectorizer::join(ArrayRef<Value> parts) {
  if (parts.size() == 1)
    return parts.front();
  auto type = cast<VectorType>(parts.front().getType());
  SmallVector<int64_t> shape(type.getShape()), offsets(shape.size(), 0),
      strides(shape.size(), 1);
  shape[0] = keys;
  auto all = VectorType::get(shape, type.getElementType());
  Value joined = arith::ConstantOp::create(b, loc, b.getZeroAttr(all));
  for (Value part : parts) {
    joined = vector::InsertStridedSliceOp::create(b, loc, part, joined, offsets,
                                                  strides);
    offsets[0] += productKeys;
  }
  return joined;
}

/// The scale of each key; null without scales.
Value TileVectorizer::readScale() {
  if (op.hasPackedKeys()) {
    ImplicitLocOpBuilder here(loc, b);
    auto type = cast<FloatType>(op.getQ().getType().getElementType());
    return getMxFactor(here, Fp4Tables::getShift(type), join(exponents));
  }
  return op.getKScale() ? read(op.getKScale(), {keys}) : Value();
}

/// What of `scale` multiplies the own heads, ahead of the factors, and what
/// multiplies the maximum of all heads. A magnitude leaves the order of heads
/// as it is; a sign does not, nor does an infinity, which makes NaN of zeros.
std::pair<Value, Value> TileVectorizer::splitScale(Value scale) {
  auto type = cast<VectorType>(scale.getType());
  Value magnitude = math::AbsFOp::create(b, loc, scale);
  Value infinity = splat(type, std::numeric_limits<double>::infinity());
  Value isFinite = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT,
                                         magnitude, infinity);
  Value one = splat(type, 1.0);
  Value sign = math::CopySignOp::create(b, loc, one, scale);
  Value own = arith::SelectOp::create(b, loc, isFinite, magnitude, one);
  return {own, arith::SelectOp::create(b, loc, isFinite, sign, scale)};
}

Value TileVectorizer::computeLogits(Operation *previous) {
  auto type = VectorType::get({queries, keys}, b.getF32Type());
  Value logits = join(computeSums(previous));
  // Read last: registers are short while head tiles are reduced.
  Value scale = readScale(), scalesOnto = op.getScalesOnto(), lastScale;
  if (half)
    logits = arith::ExtFOp::create(b, loc, type, logits);
  if (keyRows)
    logits = vector::TransposeOp::create(b, loc, logits, {1, 0});
  if (scalesOnto) {
    // Factors alone might take a logit past the limits of f32, and no scale
    // brings it back.
    std::tie(scale, lastScale) =
        op.getFactors() ? splitScale(scale) : std::pair(Value(), scale);
    lastScale = vector::BroadcastOp::create(b, loc, type, lastScale);
  }
  if (scale)
    logits = arith::MulFOp::create(
        b, loc, logits, vector::BroadcastOp::create(b, loc, type, scale));
  // Behind the scale: a factor of queries with block scales is above 1 only
  // where sums are great, and below 1 only where they are small.
  for (int64_t i = 0; op.getFactors() && i < 2; ++i)
    logits = scaleByFactors(type, logits, i);
  if (op.getOnto())
    logits = combineTerms(b, loc, kind, op.getOnto(), logits);
  if (scalesOnto)
    logits = arith::MulFOp::create(b, loc, logits,
                                   arith::SelectOp::create(b, loc, scalesOnto,
                                                           lastScale,
                                                           splat(type, 1.0)));
  return logits;
}

void TileVectorizer::run(Operation *previous) {
  b.setInsertionPoint(op);
  b.replaceOp(op, computeLogits(previous));
}

namespace {
struct VectorizeTilesPass
    : mqa::impl::MQAVectorizeTilesPassBase<VectorizeTilesPass> {
  void runOnOperation() override {
    gpu::GPUFuncOp kernel = getOperation();
    SmallVector<TileLogitsOp> tiles;
    SmallVector<StoreLogitsOp> stores;
    kernel.walk([&](TileLogitsOp op) { tiles.push_back(op); });
    kernel.walk([&](StoreLogitsOp op) { stores.push_back(op); });
    // Of one product at a time, the order is the same for every unit.
    bool isAsync = true;
    for (TileLogitsOp op : tiles) {
      if (op.getQueryGroups() != 1) {
        op.emitOpError("must be narrowed to the queries of one consumer group "
                       "before it is vectorized");
        return signalPassFailure();
      }
      SmallVector<int64_t> headTile{op.getTileQueries(), op.getTileHeads(),
                                    op.getQ().getType().getDimSize(2)};
      if (!SubtileOp::getPartType(op.getQ().getType(), headTile)) {
        op.emitOpError() << "must have head tiles of " << headTile[0] << " x "
                         << headTile[1]
                         << " rows behind each other in memory, found "
                         << op.getQ().getType();
        return signalPassFailure();
      }
      if (op.getAccumulators() > 1) {
        FailureOr<const ChipInfo *> chip = requireGpu(op);
        if (failed(chip))
          return signalPassFailure();
        isAsync = (*chip)->matrixUnit->isAsync;
      }
    }
    for (StoreLogitsOp op : stores) {
      Value out = op.getOut();
      while (auto view = out.getDefiningOp<memref::SubViewOp>()) {
        if (!view.hasUnitStride()) {
          op.emitOpError("needs views of rows behind each other");
          return signalPassFailure();
        }
        out = view.getSource();
      }
    }
    IRRewriter rewriter(&getContext());
    if (failed(splitKeyRows(rewriter, tiles)))
      return signalPassFailure();
    stores.clear();
    kernel.walk([&](StoreLogitsOp op) { stores.push_back(op); });
    Operation *previous = nullptr;
    for (TileLogitsOp op : tiles) {
      LDBG() << "products one " << (isAsync ? "after" : "beside")
             << " another, " << op.getAccumulators() << " under way: " << op;
      TileVectorizer tile(rewriter, op, isAsync || op.getAccumulators() == 1);
      bool follows = previous && previous->getBlock() == op->getBlock() &&
                     previous->isBeforeInBlock(op);
      tile.run(follows ? previous : nullptr);
      previous = tile.getContraction();
    }
    for (StoreLogitsOp op : stores)
      vectorizeStore(rewriter, op);
    eraseUnusedRanges(rewriter, kernel);
  }
};
} // namespace
