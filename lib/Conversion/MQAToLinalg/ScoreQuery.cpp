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

/// The block and the slot of the cache that have key n of a gather. The number
/// of no block must not lead out of the cache.
std::pair<Value, Value> LogitsToLinalg::findInCache(GatherPagesOp gather,
                                                    Value n) {
  Value key = arith::AddIOp::create(b, loc, gather.getFirst(), n);
  Value blockKv = constant(gather.getCache().getType().getDimSize(1));
  Value block = arith::DivUIOp::create(b, loc, key, blockKv);
  Value id = memref::LoadOp::create(b, loc, gather.getTable(),
                                    ValueRange{constant(0), block});
  id = arith::IndexCastOp::create(b, loc, b.getIndexType(), id);
  Value numBlocks = memref::DimOp::create(b, loc, gather.getCache(), 0);
  Value last = arith::SubIOp::create(b, loc, numBlocks, constant(1));
  id = arith::MinSIOp::create(
      b, loc, arith::MaxSIOp::create(b, loc, id, constant(0)), last);
  return {id, arith::RemUIOp::create(b, loc, key, blockKv)};
}

/// Key n becomes column n of `keys`; and, from a cache, scale n that of
/// `scales`.
void LogitsToLinalg::decodeKeys() {
  // Columns past the last key are multiplied too, and their sums dropped.
  if (keysMayEndEarly)
    fill(keys, 0.0);
  unsigned last = cast<MemRefType>(keys.getType()).getRank() - 1;
  auto keysOfCache = op.getK().getDefiningOp<GatherPagesOp>();
  GatherPagesOp scalesOfCache;
  if (op.getKScale())
    scalesOfCache = op.getKScale().getDefiningOp<GatherPagesOp>();
  forEach(numKeys, [&](Value n) {
    Value key;
    if (keysOfCache) {
      auto [block, slot] = findInCache(keysOfCache, n);
      key = getRow(getRow(keysOfCache.getCache(), block), slot);
    } else {
      key = getRow(op.getK(), n);
    }
    if (scalesOfCache) {
      auto [block, slot] = findInCache(scalesOfCache, n);
      Value scale = memref::LoadOp::create(b, loc, scalesOfCache.getCache(),
                                           ValueRange{block, slot});
      memref::StoreOp::create(b, loc, scale, scales, n);
    }
    decode(key, dropDim(keys, last, n));
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
