//===- VectorizeTiles.cpp - Writes mqa.tile_logits as vectors -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BuildDecode.h"
#include "Kernels/WorkgroupMemory.h"
#include "SplitKeyRows.h"
#include "VectorizeStore.h"
#include "mqa/Dialect/MQA/IR/EnumCases.h"
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
/// the sums are transposed.
class TileVectorizer {
public:
  TileVectorizer(IRRewriter &b, TileLogitsOp op, bool isAsync)
      : b(b), op(op), loc(op.getLoc()), isAsync(isAsync),
        half(isPacked(op.getReduction())), keyRows(hasKeyRows(op.getRows())) {
    headTiles = op.getHeadTiles();
    queries = op.getTileQueries();
    heads = op.getTileHeads();
    keys = op.getNumKeys();
  }

  /// k_scale * sum over heads of weights * relu(q . k), and what it is added
  /// onto, indexed [query, key]. Packed keys are decoded behind `previous`, a
  /// contraction (null: in place): while that is under way.
  void run(Operation *previous);
  /// The last contraction of the tile.
  Operation *getContraction() const { return contraction; }

private:
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
  void decodeKeys(Operation *previous);
  Value computeScores(int64_t headTile);
  Relu getRelu(int64_t headTile);
  Value computeRelu(Relu relu, Value scores);
  Value dropNan(Value scores);
  Value computeHalfRelu(Value scores);
  std::pair<Value, double> activate(int64_t headTile, Value scores);
  Value dropPadding(int64_t headTile, Value scores);
  Value addWeighted(int64_t headTile, Value scores, Value sums);
  Value scale(VectorType type, Value logits, int64_t i);
  Value computeLogits();

  IRRewriter &b;
  TileLogitsOp op;
  Location loc;
  /// Whether products are waited for later than they are started.
  bool isAsync;
  int64_t headTiles, queries, heads, keys;
  bool half, keyRows;
  /// Of packed keys: what they are decoded to. Others are read where they are
  /// needed.
  Value decodedKeys, decodedScales;
  Operation *contraction = nullptr;
};
} // namespace

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

/// Packed keys are decoded once for all heads.
void TileVectorizer::decodeKeys(Operation *previous) {
  if (!op.hasPackedKeys())
    return;
  DecodeMxOp decode = buildDecode(b, op, previous);
  decodedKeys = decode.getKeys();
  decodedScales = decode.getScales();
}

/// q . k of one head tile.
Value TileVectorizer::computeScores(int64_t headTile) {
  int64_t headDim = op.getQ().getType().getDimSize(2);
  SmallVector<int64_t> shape{queries, heads, headDim};
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value index = arith::ConstantIndexOp::create(b, loc, headTile);
  Value rows = SubtileOp::create(
      b, loc, SubtileOp::getPartType(op.getQ().getType(), shape), op.getQ(),
      ValueRange{zero, index, zero});
  Value q = read(rows, shape);
  Value k = decodedKeys ? decodedKeys
                        : read(op.getK(), op.getK().getType().getShape());
  using vector::IteratorType;
  AffineExpr p, h, n, d;
  bindDims(b.getContext(), p, h, n, d);
  if (keyRows) {
    auto type = VectorType::get({keys, queries, heads}, b.getF32Type());
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

/// Zero for the heads that are padding, which are zero but for keys that are
/// not finite.
Value TileVectorizer::dropPadding(int64_t headTile, Value scores) {
  int64_t first = headTile * heads;
  Value numHeads = op.getNumHeads();
  if (!numHeads || getConstantIntValue(numHeads).value_or(0) >= first + heads)
    return scores;
  auto type = cast<VectorType>(scores.getType());
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
  return arith::SelectOp::create(b, loc, exists, scores, splat(type, 0.0));
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

/// sums + the sum over a head tile's heads of weights * relu(scores).
Value TileVectorizer::addWeighted(int64_t headTile, Value scores, Value sums) {
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
    std::tie(relu, factor) = activate(headTile, dropPadding(headTile, scores));
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
  return vector::MultiDimReductionOp::create(
      b, loc, weighted, sums, ArrayRef<bool>{false, !keyRows, keyRows},
      vector::CombiningKind::ADD);
}

/// `logits`, of type `type`, times row `i` of the factors, which are read by a
/// view made where they are.
Value TileVectorizer::scale(VectorType type, Value logits, int64_t i) {
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

Value TileVectorizer::computeLogits() {
  auto type = VectorType::get({queries, keys}, b.getF32Type());
  auto sumsType =
      type.clone(half ? Type(b.getF16Type()) : Type(b.getF32Type()));
  if (keyRows)
    sumsType = VectorType::get({keys, queries}, b.getF32Type());
  Value sums = splat(sumsType, 0.0);
  SmallVector<Value> scores;
  int64_t together = op.getAccumulators();
  if (isAsync) {
    // With several accumulators, the next head tiles' scores are started before
    // one is reduced.
    int64_t ahead = together - 1;
    for (int64_t i = 0; i < headTiles + ahead; ++i) {
      if (i < headTiles)
        scores.push_back(computeScores(i));
      if (i >= ahead)
        sums = addWeighted(i - ahead, scores[i - ahead], sums);
    }
  }
  // Else those of several head tiles are computed at once.
  for (int64_t first = 0; !isAsync && first < headTiles; first += together) {
    int64_t end = std::min(first + together, headTiles);
    for (int64_t i = first; i < end; ++i)
      scores.push_back(computeScores(i));
    for (int64_t i = first; i < end; ++i)
      sums = addWeighted(i, scores[i], sums);
  }
  // Read last: registers are short while head tiles are reduced.
  Value scale = decodedScales;
  if (!scale && op.getKScale())
    scale = read(op.getKScale(), {keys});
  Value logits = sums;
  if (half)
    logits = arith::ExtFOp::create(b, loc, type, logits);
  if (keyRows)
    logits = vector::TransposeOp::create(b, loc, logits, {1, 0});
  // What is finite in the end is so between two factors of about the same
  // exponent; sums in f16 are small.
  if (op.getFactors() && !half)
    logits = this->scale(type, logits, 0);
  if (scale) {
    Value scaleOfAll = vector::BroadcastOp::create(b, loc, type, scale);
    logits = arith::MulFOp::create(b, loc, logits, scaleOfAll);
  }
  for (int64_t i = half ? 0 : 1; op.getFactors() && i < 2; ++i)
    logits = this->scale(type, logits, i);
  if (op.getOnto())
    logits = arith::AddFOp::create(b, loc, op.getOnto(), logits);
  return logits;
}

void TileVectorizer::run(Operation *previous) {
  b.setInsertionPoint(op);
  decodeKeys(previous);
  b.replaceOp(op, computeLogits());
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
