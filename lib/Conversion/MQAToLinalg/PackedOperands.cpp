//===- PackedOperands.cpp - Queries and keys as pairs of bf16 -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PackedLogits.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mqa;

/// Decoded keys fit the first cache, beside a query and a block's scores.
static constexpr int64_t kChunkBytes = 16 << 10;
/// Elements that a table decodes at once.
static constexpr int64_t kTableBytes = 64;

PackedLogits::PackedLogits(IRRewriter &b, LogitsOp op, const MatrixUnit &unit)
    : LogitsToLinalg(b, op),
      hasTiles(&unit == &kAmx && headDim % (2 * kTilePairs) == 0 &&
               (numGroups == 1 || groupHeads % kLanes == 0)),
      deinterleaves(canDeinterleave()) {}

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
  if (op.hasMxQueries())
    factors = allocate({numSlots, 2}, f32);
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
      op.hasMxQueries() || headDim % kTableBytes != 0)
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
    last =
        sub(memref::DimOp::create(b, loc, op.getK(), int64_t(0)), constant(1));
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
  Value rows = getRows(queryRows, b.getIndexAttr(0), op.getNumHeads());
  if (op.hasMxQueries()) {
    // There are no groups beside such queries.
    Value own = getColumns(getRow(getRow(weights, slot), b.getIndexAttr(0)),
                           b.getIndexAttr(0), b.getIndexAttr(groupHeads));
    decodeMxQuery(m, rows, own, getRow(factors, slot));
    return transposeQuery(slot);
  }
  if (deinterleaves)
    forEach(constant(op.getNumHeads()), [&](Value h) {
      decodePairs(getRow(getRow(op.getQ(), m), h), getRow(queryRows, h));
    });
  else
    decode(getRow(op.getQ(), m), rows);
  transposeQuery(slot);
}

void PackedLogits::copyWeights(Value m, Value slot) {
  // Those of queries with block scales are decoded with them.
  if (op.hasMxQueries())
    return;
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
