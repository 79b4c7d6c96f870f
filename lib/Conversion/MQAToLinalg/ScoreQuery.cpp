//===- ScoreQuery.cpp - The sums over the heads of a query ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LogitsToLinalg.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"

using namespace mlir;
using namespace mlir::mqa;
using utils::IteratorType;

/// target = f32(source), element by element.
void LogitsToLinalg::decode(Value source, Value target) {
  int64_t rank = cast<MemRefType>(source.getType()).getRank();
  SmallVector<AffineMap> maps(2, b.getMultiDimIdentityMap(rank));
  SmallVector<IteratorType> iterators(rank, IteratorType::parallel);
  linalg::GenericOp::create(
      b, loc, ValueRange{source}, ValueRange{target}, maps, iterators,
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        Value f32 =
            arith::ExtFOp::create(nested, loc, nested.getF32Type(), args[0]);
        linalg::YieldOp::create(nested, loc, f32);
      });
}

/// Key n becomes column n of `keys`.
void LogitsToLinalg::decodeKeys() {
  // Columns past the last key are multiplied too, and their sums dropped.
  if (keysMayEndEarly)
    fill(keys, 0.0);
  unsigned last = cast<MemRefType>(keys.getType()).getRank() - 1;
  forEach(numKeys, [&](Value n) {
    decode(getRow(op.getK(), n), dropDim(keys, last, n));
  });
}

/// sums[n] = sum over h of weights[h] * max(queries[h] . keys[n], 0).
void LogitsToLinalg::scoreHeads(Value queries, Value keys, Value weights) {
  fill(scores, 0.0);
  linalg::MatmulOp::create(b, loc, ValueRange{queries, keys},
                           ValueRange{scores});
  fill(sums, 0.0);
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
        Value score = args[0];
        if (op.getActivation() == Activation::Relu) {
          Value zero = arith::ConstantOp::create(nested, loc,
                                                 nested.getF32FloatAttr(0.0));
          // maximumf, not maxnumf: NaN must reach the logit.
          score = arith::MaximumFOp::create(nested, loc, score, zero);
        }
        if (weights) {
          Value weight = args[1];
          if (!weight.getType().isF32())
            weight =
                arith::ExtFOp::create(nested, loc, nested.getF32Type(), weight);
          score = arith::MulFOp::create(nested, loc, score, weight);
        }
        Value sum = arith::AddFOp::create(nested, loc, args.back(), score);
        linalg::YieldOp::create(nested, loc, sum);
      });
}

/// totals[n] += scales[n] * sums[n].
void LogitsToLinalg::addGroup(Value scales) {
  SmallVector<Value> inputs{sums};
  if (scales)
    inputs.push_back(scales);
  SmallVector<AffineMap> maps(inputs.size() + 1, b.getMultiDimIdentityMap(1));
  Value target = getColumns(totals, constant(0), numKeys);
  inputs[0] = getColumns(sums, constant(0), numKeys);
  linalg::GenericOp::create(
      b, loc, inputs, ValueRange{target}, maps, IteratorType::parallel,
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        Value term = args[0];
        if (scales)
          term = arith::MulFOp::create(nested, loc, term, args[1]);
        term = arith::AddFOp::create(nested, loc, args.back(), term);
        linalg::YieldOp::create(nested, loc, term);
      });
}

/// Leaves the sum over the heads in `sums`, or over groups, which it scales, in
/// `totals`.
void LogitsToLinalg::scoreQuery(Value m) {
  decode(getRow(op.getQ(), m), query);
  Value weights = op.getWeights() ? getRow(op.getWeights(), m) : Value();
  if (!op.hasKeyGroups())
    return scoreHeads(query, keys, weights);
  fill(totals, 0.0);
  forEach(constant(numGroups), [&](Value g) {
    OpFoldResult first = affine::makeComposedFoldedAffineApply(
        b, loc, b.getAffineDimExpr(0) * groupHeads, {OpFoldResult(g)});
    scoreHeads(getRows(query, first, groupHeads), getRow(keys, g),
               weights ? getRows(weights, first, groupHeads) : Value());
    addGroup(op.getKScale() ? dropDim(op.getKScale(), 1, g) : Value());
  });
}
