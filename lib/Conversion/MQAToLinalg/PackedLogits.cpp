//===- PackedLogits.cpp - mqa.logits to linalg on pairs of bf16 -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// fp8, MXFP4 and MXFP8 are exact in bf16, and a product of two bf16 is exact in
// f32: matrix units of CPUs, which multiply pairs of bf16 and add up in f32,
// lose nothing.
//
// Keys are the rows of a product, as they lie in memory; heads are its columns.
// So a key is decoded without being transposed, which counts where few queries
// see many keys. Queries are transposed once, for all keys.
//
//===----------------------------------------------------------------------===//

#include "PackedLogits.h"
#include "mqa/Dialect/MQA/IR/EnumCases.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"

using namespace mlir;
using namespace mlir::mqa;
using utils::IteratorType;

/// `value`, or `neutral` in the columns of a row that are no head of its group.
Value PackedLogits::selectHead(OpBuilder &nested, Value value, double neutral) {
  if (rowHeads == groupHeads)
    return value;
  Value column = linalg::IndexOp::create(nested, loc, 1);
  Value end = arith::ConstantIndexOp::create(nested, loc, groupHeads);
  Value isHead = arith::CmpIOp::create(nested, loc, arith::CmpIPredicate::slt,
                                       column, end);
  Value other =
      arith::ConstantOp::create(nested, loc, nested.getF32FloatAttr(neutral));
  return arith::SelectOp::create(nested, loc, isHead, value, other);
}

/// scores of a block of keys, of the heads of group g of a query: a row is a
/// key, a column a head.
void PackedLogits::multiply(Value slot, Value n, Value g) {
  Value block = getRows(getRow(keyPairs, g), n, kBlockKeys), out = scores;
  // Of the dim of heads.
  int64_t perGroup = groupHeads, numHeads = rowHeads;
  // Loops over keys, heads, pairs, and the elements of a pair; of tiles, over
  // tiles and what is in them.
  AffineExpr key, head, pair, element, inHead, inPair;
  bindDims(b.getContext(), key, head, pair, element, inHead, inPair);
  SmallVector<AffineExpr> ofBlock{key, pair, element},
      ofHeads{pair, head, element}, ofScores{key, head};
  auto parallel = IteratorType::parallel, reduction = IteratorType::reduction;
  SmallVector<IteratorType> loops{parallel, parallel, reduction, reduction};
  if (hasTiles) {
    perGroup /= kLanes;
    numHeads /= kLanes;
    ofBlock = {key, pair, inPair, element};
    ofHeads = {pair, head, inPair, inHead, element};
    ofScores = {key, head, inHead};
    loops.append({parallel, reduction});
    int64_t pairTiles = headDim / 2 / kTilePairs;
    block = memref::ExpandShapeOp::create(
        b, loc, ArrayRef<int64_t>{kBlockKeys, pairTiles, kTilePairs, 2}, block,
        SmallVector<ReassociationIndices>{{0}, {1, 2}, {3}});
    out = memref::ExpandShapeOp::create(
        b, loc, ArrayRef<int64_t>{kBlockKeys, numHeads, kLanes}, out,
        SmallVector<ReassociationIndices>{{0}, {1, 2}});
  }
  Value heads = getRow(queries, slot);
  int64_t rank = cast<MemRefType>(heads.getType()).getRank();
  SmallVector<OpFoldResult> offsets(rank, b.getIndexAttr(0)),
      sizes = memref::getMixedSizes(b, loc, heads),
      strides(rank, b.getIndexAttr(1));
  offsets[1] = affine::makeComposedFoldedAffineApply(
      b, loc, b.getAffineDimExpr(0) * perGroup, {OpFoldResult(g)});
  sizes[1] = b.getIndexAttr(numHeads);
  heads = memref::SubViewOp::create(b, loc, heads, offsets, sizes, strides);
  fill(out, 0.0);
  auto getMap = [&](ArrayRef<AffineExpr> results) {
    return AffineMap::get(loops.size(), 0, results, b.getContext());
  };
  linalg::GenericOp::create(
      b, loc, ValueRange{block, heads}, ValueRange{out},
      ArrayRef<AffineMap>{getMap(ofBlock), getMap(ofHeads), getMap(ofScores)},
      loops, [&](OpBuilder &nested, Location loc, ValueRange args) {
        Value product = arith::MulFOp::create(
            nested, loc, extend(nested, args[0]), extend(nested, args[1]));
        Value sum = arith::AddFOp::create(nested, loc, args[2], product);
        linalg::YieldOp::create(nested, loc, sum);
      });
}

/// sums[n..] of a block of keys, over the heads of group g of a query.
void PackedLogits::scoreBlock(Value slot, Value n, Value g) {
  multiply(slot, n, g);
  Value out = getColumns(sums, n, b.getIndexAttr(kBlockKeys));
  fill(out, getNeutral());
  bool areSummed = isSum(op.getHeadReduction());
  linalg::GenericOp::create(
      b, loc, ValueRange{scores, getRow(getRow(weights, slot), g)},
      ValueRange{out},
      ArrayRef<AffineMap>{b.getMultiDimIdentityMap(2),
                          AffineMap::get(2, 0, b.getAffineDimExpr(1)),
                          AffineMap::get(2, 0, b.getAffineDimExpr(0))},
      ArrayRef<IteratorType>{IteratorType::parallel, IteratorType::reduction},
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        Value score = activate(nested, args[0]);
        // For a sum, a score of 0 is enough: the weight is 0, too.
        if (areSummed)
          score = selectHead(nested, score, 0.0);
        Value term = arith::MulFOp::create(nested, loc, score, args[1]);
        if (!areSummed)
          term = selectHead(nested, term, getNeutral());
        linalg::YieldOp::create(
            nested, loc, combineTerms(nested, loc, headKind, args[2], term));
      });
}

/// totals[n] += scale of group g and key n * sums[n], or the maximum of both.
void PackedLogits::addGroup(Value g, Value first, Value from, Value to) {
  Value column = sub(from, first), count = sub(to, from), factors;
  if (op.getKScale())
    factors = getColumns(dropDim(op.getKScale(), 1, g), from, count);
  combineScaled(headKind, getColumns(totals, column, count),
                getColumns(sums, column, count), factors);
}

void PackedLogits::scoreQuery(Value slot, Value first, Value from, Value to) {
  Value column = sub(from, first);
  Value over = arith::RemUIOp::create(b, loc, column, constant(kBlockKeys));
  Value block = sub(column, over);
  auto scoreBlocks = [&](Value g) {
    forEach(block, sub(to, first), kBlockKeys,
            [&](Value n) { scoreBlock(slot, n, g); });
  };
  if (!op.hasKeyGroups())
    return scoreBlocks(constant(0));
  fill(getColumns(totals, column, sub(to, from)), getNeutral());
  forEach(constant(numGroups), [&](Value g) {
    scoreBlocks(g);
    addGroup(g, first, from, to);
  });
}

void PackedLogits::writeBlockOfQueries(Value firstQuery, Value endQuery,
                                       Value lo, Value hi) {
  forEachQuery(firstQuery, endQuery, lo, hi, [&](Value m, Value, Value) {
    Value slot = sub(m, firstQuery);
    packQuery(m, slot);
    copyWeights(m, slot);
  });
  Value begin = lo;
  if (int64_t size = ranges.getColumnKeys(); size > 1)
    begin = sub(lo, arith::RemUIOp::create(b, loc, lo, constant(size)));
  forEach(begin, hi, chunkKeys, [&](Value first) {
    Value end = min(hi, add(first, constant(chunkKeys)));
    decodeKeys(first, end);
    forEachQuery(
        firstQuery, endQuery, first, end, [&](Value m, Value from, Value to) {
          scoreQuery(sub(m, firstQuery), first, from, to);
          Value logits = totals ? totals : sums;
          Value factors = totals ? Value() : scales;
          // Scales that are not scratch begin at key 0.
          if (factors && !needsScaleScratch()) {
            Value count = memref::DimOp::create(b, loc, factors, int64_t(0));
            factors = getColumns(factors, first, sub(count, first));
          }
          writeQuery(m, from, to, logits, factors, first,
                     this->factors ? getRow(this->factors, sub(m, firstQuery))
                                   : Value());
        });
  });
}

void PackedLogits::writeLogits(Value lo, Value hi) {
  allocateScratch();
  // A tile's queries are one block.
  if (boundQueries(kQueries + 1) <= kQueries)
    return writeBlockOfQueries(constant(0), numQueries, lo, hi);
  forEach(constant(0), numQueries, kQueries, [&](Value first) {
    Value end = min(numQueries, add(first, constant(kQueries)));
    writeBlockOfQueries(first, end, lo, hi);
  });
}

LogicalResult mqa::convertToPairs(IRRewriter &b, LogitsOp op,
                                  const MatrixUnit &unit) {
  // What has block scales becomes any type.
  SmallVector<Value> operands;
  if (!op.hasMxQueries())
    operands.push_back(op.getQ());
  if (!op.hasMxKeys())
    operands.push_back(op.getK());
  for (Value operand : operands) {
    Type type = unit.getOperandType(getElementTypeOrSelf(operand));
    if (!type || !type.isBF16())
      return failure();
  }
  PackedLogits(b, op, unit).run();
  return success();
}
