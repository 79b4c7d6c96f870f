//===- PackedLogits.cpp - mqa.logits to linalg on pairs of bf16 -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// fp8 and MXFP4 are exact in bf16, and a product of two bf16 is exact in f32:
// matrix units of CPUs, which multiply pairs of bf16 and add up in f32, lose
// nothing.
//
// Keys are the rows of a product, as they lie in memory; heads are its columns.
// So a key is decoded without being transposed, which counts where few queries
// see many keys. Queries are transposed once, for all keys.
//
//===----------------------------------------------------------------------===//

#include "LogitsToLinalg.h"
#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/IR/Target.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mqa;
using utils::IteratorType;

namespace {
/// Decoded keys fit the first cache, beside a query and a block's scores.
constexpr int64_t kChunkBytes = 16 << 10;
/// Keys that are multiplied at once, lanes of a vector of f32, and queries of
/// which there is scratch at once: these fit the second cache.
constexpr int64_t kBlockKeys = 32, kLanes = 16, kQueries = 16;
/// Elements that a table decodes at once.
constexpr int64_t kTableBytes = 64;
/// Pairs of a tile of AMX.
constexpr int64_t kTilePairs = kAmx.stepBytes / 4;
static_assert(kAmx.maxColumns == kLanes);

class PackedLogits final : public LogitsToLinalg {
public:
  PackedLogits(IRRewriter &b, LogitsOp op, const MatrixUnit &unit)
      : LogitsToLinalg(b, op),
        hasTiles(&unit == &kAmx && headDim % (2 * kTilePairs) == 0 &&
                 (numGroups == 1 || groupHeads % kLanes == 0)),
        deinterleaves(canDeinterleave()) {}

private:
  void writeLogits(Value lo, Value hi) override;
  void allocateScratch();
  void decodeKeys(Value first, Value end);
  bool canDeinterleave();
  void decodePairs(Value source, Value target);
  void prefetchKey(Value n);
  void transposeQuery(Value slot);
  void packQuery(Value m, Value slot);
  void copyWeights(Value m, Value slot);
  Value selectHead(OpBuilder &nested, Value score);
  void multiply(Value slot, Value n, Value g);
  void scoreBlock(Value slot, Value n, Value g);
  void addGroup(Value g, Value first, Value from, Value to);
  void scoreQuery(Value slot, Value first, Value from, Value to);
  void writeBlockOfQueries(Value firstQuery, Value endQuery, Value lo,
                           Value hi);
  Value allocateBytes(int64_t bytes) {
    return allocate({bytes}, b.getI8Type());
  }
  Value viewAs(Value bytes, ArrayRef<int64_t> shape, Type elementType);

  int64_t chunkKeys, numSlots, paddedHeads, rowHeads;
  /// bf16: keys [G, N, D] and [G, N, D / 2, 2].
  Value keys, keyPairs;
  /// Whether a query's pairs lie in tiles, each of which is contiguous: as AMX
  /// reads them fastest.
  bool hasTiles;
  /// Whether of each 64 elements of a row, those at even places lie ahead of
  /// those at odd ones, in queries as in keys: products are the same.
  bool deinterleaves;
  /// Heads of a query [H, D] in bf16, and the same bytes as pairs of d
  /// [H, D / 2] in i32; of each query these transposed [M, D / 2, H], and again
  /// as bf16 [M, D / 2, H, 2]. In tiles: [M, D / 32, H / 16, 16, 16], and
  /// [M, D / 32, H / 16, 16, 16, 2].
  Value queryRows, queryRowPairs, queryPairs, queries;
  /// f32: weights [M, G, H / G], scores of a block of keys [n, H / G], and
  /// their sums: of keys [N], and of groups those [N].
  Value weights, scores, sums, totals;
  /// The op's scales, or scratch [N] for those that need it.
  Value scales;
};
} // namespace

Value PackedLogits::viewAs(Value bytes, ArrayRef<int64_t> shape,
                           Type elementType) {
  return memref::ViewOp::create(b, loc, MemRefType::get(shape, elementType),
                                bytes, constant(0), /*sizes=*/ValueRange());
}

void PackedLogits::allocateScratch() {
  Type f32 = b.getF32Type(), bf16 = b.getBF16Type(), i32 = b.getI32Type();
  int64_t limit = std::max<int64_t>(
      kChunkBytes / (numGroups * headDim * 2) / kBlockKeys, 1);
  // A block whose maximum is taken is not cut.
  limit = llvm::alignTo(
      limit, std::max<int64_t>(ranges.getColumnKeys() / kBlockKeys, 1));
  chunkKeys = llvm::alignTo(boundKeys(limit * kBlockKeys), kBlockKeys);
  numSlots = boundQueries(kQueries);
  rowHeads = llvm::alignTo(groupHeads, kLanes);
  // Vectors of heads may begin at any group, and be read as a whole.
  paddedHeads = llvm::alignTo((numGroups - 1) * groupHeads + rowHeads, kLanes);
  int64_t pairs = headDim / 2;
  Value keyBytes = allocateBytes(numGroups * chunkKeys * headDim * 2);
  keys = viewAs(keyBytes, {numGroups, chunkKeys, headDim}, bf16);
  keyPairs = viewAs(keyBytes, {numGroups, chunkKeys, pairs, 2}, bf16);
  Value rows = allocateBytes(paddedHeads * headDim * 2);
  queryRows = viewAs(rows, {paddedHeads, headDim}, bf16);
  queryRowPairs = viewAs(rows, {paddedHeads, pairs}, i32);
  Value columns = allocateBytes(numSlots * paddedHeads * headDim * 2);
  SmallVector<int64_t> shape{numSlots, pairs, paddedHeads};
  if (hasTiles)
    shape = {numSlots, pairs / kTilePairs, paddedHeads / kLanes, kTilePairs,
             kLanes};
  queryPairs = viewAs(columns, shape, i32);
  shape.push_back(2);
  queries = viewAs(columns, shape, bf16);
  weights = allocate({numSlots, numGroups, rowHeads}, f32);
  scores = allocate({kBlockKeys, rowHeads}, f32);
  sums = allocate({chunkKeys}, f32);
  if (op.hasKeyGroups())
    totals = allocate({chunkKeys}, f32);
  scales = needsScaleScratch() ? allocate({chunkKeys}, f32) : op.getKScale();
  // Columns that are no head are multiplied too, and not added up.
  if (rowHeads != groupHeads)
    fill(weights, 0.0);
  if (paddedHeads != op.getNumHeads())
    fill(queryRows, 0.0);
}

/// Whether tables decode rows of both operands, 64 elements at a time.
bool PackedLogits::canDeinterleave() {
  TargetAttr target = getTarget(op);
  if (!target || !target.hasFeature("avx512vbmi") || op.hasMxKeys() ||
      headDim % kTableBytes != 0)
    return false;
  Value keys = op.getK();
  if (auto gather = keys.getDefiningOp<GatherPagesOp>())
    keys = gather.getCache();
  return llvm::all_of(ValueRange{op.getQ(), keys}, [](Value operand) {
    auto type = cast<MemRefType>(operand.getType());
    return isa<Float8E4M3FNType, Float8E5M2Type>(type.getElementType()) &&
           type.isLastDimUnitStride();
  });
}

/// A row of an operand as the product takes it.
void PackedLogits::decodePairs(Value source, Value target) {
  if (!deinterleaves)
    return decode(source, target);
  auto type = cast<MemRefType>(source.getType());
  auto bytes = VectorType::get(kTableBytes, type.getElementType()),
       half = VectorType::get(kTableBytes / 2, b.getBF16Type());
  forEach(constant(0), constant(headDim), kTableBytes, [&](Value d) {
    Value all = vector::LoadOp::create(b, loc, bytes, source, d);
    auto parts = vector::DeinterleaveOp::create(b, loc, all);
    Value at = d;
    for (Value part : parts.getResults()) {
      Value extended = arith::ExtFOp::create(b, loc, half, part);
      vector::StoreOp::create(b, loc, extended, target, at);
      at = add(d, constant(kTableBytes / 2));
    }
  });
}

/// Asks for the lines of key n, which lies in memory as it is.
void PackedLogits::prefetchKey(Value n) {
  constexpr int64_t kLineBytes = 64;
  auto type = cast<MemRefType>(op.getK().getType());
  int64_t lineElements = kLineBytes * 8 / type.getElementTypeBitWidth();
  for (int64_t g = 0; g < numGroups; ++g)
    for (int64_t d = 0; d < headDim; d += lineElements) {
      SmallVector<Value> indices{n};
      if (op.hasKeyGroups())
        indices.push_back(constant(g));
      indices.push_back(constant(d));
      memref::PrefetchOp::create(b, loc, op.getK(), indices,
                                 /*isWrite=*/false, /*localityHint=*/2,
                                 /*isDataCache=*/true);
    }
}

/// Key n of [first, end) becomes row n - first.
void PackedLogits::decodeKeys(Value first, Value end) {
  // What a processor prefetches by itself ends with a page, and starts anew
  // for each chunk: with all cores at work, a chunk would wait for its keys.
  Value last;
  if (!op.hasMxKeys() && !op.getK().getDefiningOp<GatherPagesOp>())
    last = sub(numKeys, constant(1));
  forEach(first, end, 1, [&](Value n) {
    if (last)
      prefetchKey(min(add(n, constant(chunkKeys)), last));
    Value row = sub(n, first), key = op.hasMxKeys() ? Value() : getKey(n);
    if (needsScaleScratch())
      copyScale(n, scales, row);
    if (op.hasMxKeys())
      return decodeMxKey(n, getRow(getRow(keys, b.getIndexAttr(0)), row));
    for (int64_t g = 0; g < numGroups; ++g)
      decodePairs(op.hasKeyGroups() ? getRow(key, b.getIndexAttr(g)) : key,
                  getRow(getRow(keys, b.getIndexAttr(g)), row));
  });
}

/// queryRowPairs become those of a slot.
void PackedLogits::transposeQuery(Value slot) {
  auto transpose = [&](Value rows, Value columns) {
    linalg::TransposeOp::create(b, loc, rows, columns, ArrayRef<int64_t>{1, 0});
  };
  if (!hasTiles)
    return transpose(queryRowPairs, getRow(queryPairs, slot));
  forEach(constant(headDim / 2 / kTilePairs), [&](Value pairs) {
    forEach(constant(paddedHeads / kLanes), [&](Value heads) {
      auto getFirst = [&](Value tile, int64_t size) {
        return affine::makeComposedFoldedAffineApply(
            b, loc, b.getAffineDimExpr(0) * size, {OpFoldResult(tile)});
      };
      OpFoldResult one = b.getIndexAttr(1);
      Value rows = memref::SubViewOp::create(
          b, loc, queryRowPairs,
          ArrayRef<OpFoldResult>{getFirst(heads, kLanes),
                                 getFirst(pairs, kTilePairs)},
          ArrayRef<OpFoldResult>{b.getIndexAttr(kLanes),
                                 b.getIndexAttr(kTilePairs)},
          ArrayRef<OpFoldResult>{one, one});
      transpose(rows, getRow(getRow(getRow(queryPairs, slot), pairs), heads));
    });
  });
}

void PackedLogits::packQuery(Value m, Value slot) {
  if (deinterleaves)
    forEach(constant(op.getNumHeads()), [&](Value h) {
      decodePairs(getRow(getRow(op.getQ(), m), h), getRow(queryRows, h));
    });
  else
    decode(getRow(op.getQ(), m),
           getRows(queryRows, b.getIndexAttr(0), op.getNumHeads()));
  transposeQuery(slot);
}

void PackedLogits::copyWeights(Value m, Value slot) {
  for (int64_t g = 0; g < numGroups; ++g) {
    Value row = getColumns(getRow(getRow(weights, slot), b.getIndexAttr(g)),
                           b.getIndexAttr(0), b.getIndexAttr(groupHeads));
    if (op.getWeights())
      decode(getColumns(getRow(op.getWeights(), m),
                        b.getIndexAttr(g * groupHeads),
                        b.getIndexAttr(groupHeads)),
             row);
    else
      fill(row, 1.0);
  }
}

/// `score`, or 0 in the columns of a row that are no head of its group.
Value PackedLogits::selectHead(OpBuilder &nested, Value score) {
  Value column = linalg::IndexOp::create(nested, loc, 1);
  Value end = arith::ConstantIndexOp::create(nested, loc, groupHeads);
  Value isHead = arith::CmpIOp::create(nested, loc, arith::CmpIPredicate::slt,
                                       column, end);
  Value zero =
      arith::ConstantOp::create(nested, loc, nested.getF32FloatAttr(0.0));
  return arith::SelectOp::create(nested, loc, isHead, score, zero);
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
  fill(out, 0.0);
  linalg::GenericOp::create(
      b, loc, ValueRange{scores, getRow(getRow(weights, slot), g)},
      ValueRange{out},
      ArrayRef<AffineMap>{b.getMultiDimIdentityMap(2),
                          AffineMap::get(2, 0, b.getAffineDimExpr(1)),
                          AffineMap::get(2, 0, b.getAffineDimExpr(0))},
      ArrayRef<IteratorType>{IteratorType::parallel, IteratorType::reduction},
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        Value score = activate(nested, args[0]);
        if (rowHeads != groupHeads)
          score = selectHead(nested, score);
        Value term = arith::MulFOp::create(nested, loc, score, args[1]);
        Value sum = arith::AddFOp::create(nested, loc, args[2], term);
        linalg::YieldOp::create(nested, loc, sum);
      });
}

/// totals[n] += scale of group g and key n * sums[n].
void PackedLogits::addGroup(Value g, Value first, Value from, Value to) {
  Value column = sub(from, first), count = sub(to, from), factors;
  if (op.getKScale())
    factors = getColumns(dropDim(op.getKScale(), 1, g), from, count);
  addScaled(getColumns(totals, column, count), getColumns(sums, column, count),
            factors);
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
  fill(getColumns(totals, column, sub(to, from)), 0.0);
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
          writeQuery(m, from, to, logits, factors, first);
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
  // MXFP4 becomes any type.
  for (Value operand : {op.getQ(), op.hasMxKeys() ? op.getQ() : op.getK()}) {
    Type type = unit.getOperandType(getElementTypeOrSelf(operand));
    if (!type || !type.isBF16())
      return failure();
  }
  PackedLogits(b, op, unit).run();
  return success();
}
