//===- F32Logits.cpp - mqa.logits to linalg on f32 scratch ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LogitsToLinalg.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"

using namespace mlir;
using namespace mlir::mqa;
using utils::IteratorType;

namespace {
/// Scratch holds all keys of the op.
class F32Logits final : public LogitsToLinalg {
public:
  using LogitsToLinalg::LogitsToLinalg;

private:
  void writeLogits(Value lo, Value hi) override;
  void decodeKeys();
  void scoreHeads(Value queries, Value keys, Value weights);
  void scoreQuery(Value m);

  /// Decoded keys [D, N] or [G, D, N], decoded heads of a query [H, D], scores
  /// of a group's heads [H / G, N], their sums [N], and of groups, scaled, the
  /// sums of those [N].
  Value keys, query, scores, sums, totals;
  /// The op's scales, or scratch [N] for those that need it.
  Value scales;
  /// Of queries with block scales: the weights of a query [H], and what was
  /// taken out of them [2].
  Value folded, factors;
  bool keysMayEndEarly = false;
};
} // namespace

void F32Logits::writeLogits(Value lo, Value hi) {
  // A bound this large is that of a whole problem, not of a tile.
  constexpr int64_t kMaxColumns = 4096;
  int64_t columns = boundKeys(kMaxColumns + 1);
  if (columns > kMaxColumns)
    columns = ShapedType::kDynamic;
  keysMayEndEarly = mayEndEarly();
  SmallVector<int64_t> keyShape{headDim, columns};
  if (op.hasKeyGroups())
    keyShape.insert(keyShape.begin(), numGroups);
  Type f32 = b.getF32Type();
  keys = allocate(keyShape, f32);
  query = allocate({op.getNumHeads(), headDim}, f32);
  scores = allocate({groupHeads, columns}, f32);
  sums = allocate({columns}, f32);
  if (op.hasKeyGroups())
    totals = allocate({columns}, f32);
  scales = needsScaleScratch() ? allocate({columns}, f32) : op.getKScale();
  if (op.hasMxQueries()) {
    folded = allocate({op.getNumHeads()}, f32);
    factors = allocate({2}, f32);
  }
  decodeKeys();
  forEachQuery(constant(0), numQueries, lo, hi,
               [&](Value m, Value from, Value to) {
                 scoreQuery(m);
                 writeQuery(m, from, to, totals ? totals : sums,
                            totals ? Value() : scales,
                            /*first=*/constant(0), factors);
               });
}

/// Key n becomes column n of `keys`; and, where there is scratch, scale n that
/// of `scales`.
void F32Logits::decodeKeys() {
  // Columns past the last key are multiplied too, and their sums dropped.
  if (keysMayEndEarly)
    fill(keys, 0.0);
  unsigned last = cast<MemRefType>(keys.getType()).getRank() - 1;
  forEach(numKeys, [&](Value n) {
    Value key = op.hasMxKeys() ? Value() : getKey(n);
    if (needsScaleScratch())
      copyScale(n, scales, n);
    Value column = dropDim(keys, last, n);
    if (op.hasMxKeys())
      decodeMxKey(n, column);
    else
      decode(key, column);
  });
}

/// sums[n] = sum over h of weights[h] * max(queries[h] . keys[n], 0), or the
/// maximum over h.
void F32Logits::scoreHeads(Value queries, Value keys, Value weights) {
  fill(scores, 0.0);
  linalg::MatmulOp::create(b, loc, ValueRange{queries, keys},
                           ValueRange{scores});
  fill(sums, getNeutral());
  AffineExpr h, n;
  bindDims(b.getContext(), n, h);
  auto map = [&](ArrayRef<AffineExpr> results) {
    return AffineMap::get(2, 0, results, b.getContext());
  };
  SmallVector<Value> inputs{scores};
  SmallVector<AffineMap> maps{map({h, n})};
  if (weights) {
    inputs.push_back(weights);
    maps.push_back(map({h}));
  }
  maps.push_back(map({n}));
  linalg::GenericOp::create(
      b, loc, inputs, ValueRange{sums}, maps,
      ArrayRef<IteratorType>{IteratorType::parallel, IteratorType::reduction},
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        Value score = activate(nested, args[0]);
        if (weights)
          score = arith::MulFOp::create(nested, loc, score,
                                        extend(nested, args[1]));
        linalg::YieldOp::create(
            nested, loc,
            combineTerms(nested, loc, headKind, args.back(), score));
      });
}

/// Leaves what the heads have together in `sums`, or groups, which it scales,
/// in `totals`.
void F32Logits::scoreQuery(Value m) {
  if (op.hasMxQueries()) {
    decodeMxQuery(m, query, folded, factors);
    return scoreHeads(query, keys, folded);
  }
  decode(getRow(op.getQ(), m), query);
  Value weights = op.getWeights() ? getRow(op.getWeights(), m) : Value();
  if (!op.hasKeyGroups())
    return scoreHeads(query, keys, weights);
  fill(totals, getNeutral());
  forEach(constant(numGroups), [&](Value g) {
    OpFoldResult first = affine::makeComposedFoldedAffineApply(
        b, loc, b.getAffineDimExpr(0) * groupHeads, {OpFoldResult(g)});
    scoreHeads(getRows(query, first, groupHeads), getRow(keys, g),
               weights ? getRows(weights, first, groupHeads) : Value());
    OpFoldResult zero = b.getIndexAttr(0), count = numKeys;
    combineScaled(headKind, getColumns(totals, zero, count),
                  getColumns(sums, zero, count),
                  op.getKScale() ? dropDim(op.getKScale(), 1, g) : Value());
  });
}

void mqa::convertToF32(IRRewriter &b, LogitsOp op) { F32Logits(b, op).run(); }
