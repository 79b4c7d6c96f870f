//===- VectorizeTiles.cpp - Writes mqa.tile_logits as vectors -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/Transforms/Passes.h"

#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQAVECTORIZETILESPASS
#include "mqa/Dialect/MQA/Transforms/Passes.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

namespace {
/// Writes one tile. Vectors are indexed [query, key, head] up to the reduction
/// over heads, [query, key] from there on.
class TileVectorizer {
public:
  TileVectorizer(IRRewriter &b, TileLogitsOp op)
      : b(b), op(op), loc(op.getLoc()) {
    ArrayRef<int64_t> q = op.getQ().getType().getShape();
    queries = q[0];
    heads = q[1];
    keys = op.getK().getType().getDimSize(0);
  }

  void run();

private:
  Value splat(VectorType type, double value) {
    return arith::ConstantOp::create(
        b, loc,
        DenseElementsAttr::get(type,
                               b.getFloatAttr(type.getElementType(), value)));
  }
  /// Reads all of a memref of at most `shape`; zero past its end.
  Value read(Value memref, ArrayRef<int64_t> shape);
  /// As `read`, but where the memref is defined: out of the loops in which it
  /// does not change.
  Value readAtDefinition(Value memref, ArrayRef<int64_t> shape);
  Value computeLogits();
  Value getBounds(Value memref);
  Value computeMask();

  IRRewriter &b;
  TileLogitsOp op;
  Location loc;
  int64_t queries, heads, keys;
};
} // namespace

Value TileVectorizer::read(Value memref, ArrayRef<int64_t> shape) {
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  auto type = VectorType::get(shape, element);
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  SmallVector<Value> indices(shape.size(), zero);
  Value padding = arith::ConstantOp::create(b, loc, b.getZeroAttr(element));
  SmallVector<bool> inBounds;
  for (int64_t size : cast<MemRefType>(memref.getType()).getShape())
    inBounds.push_back(!ShapedType::isDynamic(size));
  return vector::TransferReadOp::create(b, loc, type, memref, indices, padding,
                                        inBounds);
}

Value TileVectorizer::readAtDefinition(Value memref, ArrayRef<int64_t> shape) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointAfterValue(memref);
  return read(memref, shape);
}

/// k_scale * sum over heads of weights * max(k . q, 0), indexed [query, key].
Value TileVectorizer::computeLogits() {
  Type f32 = b.getF32Type();
  int64_t headDim = op.getQ().getType().getDimSize(2);
  Value weights = readAtDefinition(op.getWeights(), {queries, heads});
  weights = vector::ShapeCastOp::create(
      b, loc, VectorType::get({queries, 1, heads}, f32), weights);
  Value scale = read(op.getKScale(), {keys});
  Value k = read(op.getK(), {keys, headDim});
  Value q = read(op.getQ(), {queries, heads, headDim});

  auto scoreType = VectorType::get({queries, keys, heads}, f32);
  Value zero = splat(scoreType, 0.0);
  AffineExpr n, m, h, d;
  bindDims(b.getContext(), n, m, h, d);
  using vector::IteratorType;
  Value scores = vector::ContractionOp::create(
      b, loc, k, q, zero,
      ArrayRef<ArrayRef<AffineExpr>>{{n, d}, {m, h, d}, {m, n, h}},
      ArrayRef<IteratorType>{IteratorType::parallel, IteratorType::parallel,
                             IteratorType::parallel, IteratorType::reduction});
  // maximumf, not maxnumf: NaN must reach the logit.
  Value relu = arith::MaximumFOp::create(b, loc, scores, zero);
  Value weightsOfAll = vector::BroadcastOp::create(b, loc, scoreType, weights);
  Value weighted = arith::MulFOp::create(b, loc, relu, weightsOfAll);
  Value sums = vector::MultiDimReductionOp::create(
      b, loc, weighted, splat(VectorType::get({queries, keys}, f32), 0.0),
      ArrayRef<bool>{false, false, true}, vector::CombiningKind::ADD);
  Value scaleOfAll = vector::BroadcastOp::create(
      b, loc, VectorType::get({queries, keys}, f32), scale);
  return arith::MulFOp::create(b, loc, sums, scaleOfAll);
}

/// Bounds of the queries' ranges as [query, key] vectors; a query past the end
/// of the problem has an empty range.
Value TileVectorizer::getBounds(Value memref) {
  OpBuilder::InsertionGuard guard(b);
  Value bounds = readAtDefinition(memref, {queries});
  b.setInsertionPointAfterValue(bounds);
  auto type = VectorType::get({queries}, b.getIndexType());
  bounds = arith::IndexCastOp::create(b, loc, type, bounds);
  Value column = vector::ShapeCastOp::create(
      b, loc, VectorType::get({queries, 1}, b.getIndexType()), bounds);
  return vector::BroadcastOp::create(
      b, loc, VectorType::get({queries, keys}, b.getIndexType()), column);
}

/// Which [query, key] lie in the query's range.
Value TileVectorizer::computeMask() {
  Type index = b.getIndexType();
  Value ks = getBounds(op.getKs()), ke = getBounds(op.getKe());
  Value step = vector::StepOp::create(b, loc, VectorType::get({keys}, index));
  Value first = vector::BroadcastOp::create(
      b, loc, VectorType::get({keys}, index), op.getFirstKey());
  Value key = arith::AddIOp::create(b, loc, step, first);
  Value keyOfAll = vector::BroadcastOp::create(
      b, loc, VectorType::get({queries, keys}, index), key);
  using arith::CmpIPredicate;
  Value started =
      arith::CmpIOp::create(b, loc, CmpIPredicate::sge, keyOfAll, ks);
  Value notEnded =
      arith::CmpIOp::create(b, loc, CmpIPredicate::slt, keyOfAll, ke);
  return arith::AndIOp::create(b, loc, started, notEnded);
}

void TileVectorizer::run() {
  b.setInsertionPoint(op);
  Value logits = computeLogits();
  Value mask = computeMask();
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  SmallVector<Value> indices{zero, op.getFirstKey()};
  // A query past the end of the problem has an empty range, but a range may end
  // past the last key.
  SmallVector<bool> inBounds{true, false};
  auto map =
      AffineMapAttr::get(AffineMap::getMultiDimIdentityMap(2, b.getContext()));
  vector::TransferWriteOp::create(b, loc, /*result=*/Type(), logits,
                                  op.getOut(), indices, map, mask,
                                  b.getBoolArrayAttr(inBounds));
  b.eraseOp(op);
}

namespace {
struct VectorizeTilesPass
    : mqa::impl::MQAVectorizeTilesPassBase<VectorizeTilesPass> {
  void runOnOperation() override {
    SmallVector<TileLogitsOp> ops;
    getOperation().walk([&](TileLogitsOp op) { ops.push_back(op); });
    IRRewriter rewriter(&getContext());
    for (TileLogitsOp op : ops)
      TileVectorizer(rewriter, op).run();
  }
};
} // namespace
