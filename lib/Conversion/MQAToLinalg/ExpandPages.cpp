//===- ExpandPages.cpp - mqa.paged_logits block by block ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExpandPages.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::mqa;
using arith::CmpIPredicate;

namespace {
class PageExpander {
public:
  PageExpander(IRRewriter &b, PagedLogitsOp op)
      : b(b), op(op), loc(op.getLoc()), nextN(op.getNextN()),
        blockKv(op.getBlockKv()) {
    bindDims(b.getContext(), d0, d1);
  }
  void run();

private:
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  Value getSize(Value memref, int64_t dim) {
    return memref::DimOp::create(b, loc, memref, dim);
  }
  OpFoldResult apply(AffineExpr expr, ArrayRef<OpFoldResult> operands) {
    return affine::makeComposedFoldedAffineApply(b, loc, expr, operands);
  }
  /// `sizes` elements of `memref` from `offsets` on, without its first
  /// dimension where that is asked for.
  Value slice(Value memref, ArrayRef<OpFoldResult> offsets,
              ArrayRef<OpFoldResult> sizes, bool dropFirst = false);
  Value getLengths(Value sequence);
  Value getLongest(Value lengths);
  void expandBlock(Value sequence, Value lengths, Value longest, Value block);
  void scoreBlock(Value sequence, Value lengths, Value block,
                  OpFoldResult firstSlot, OpFoldResult count, Value firstKey,
                  Value out);

  IRRewriter &b;
  PagedLogitsOp op;
  Location loc;
  int64_t nextN, blockKv;
  AffineExpr d0, d1;
};
} // namespace

Value PageExpander::slice(Value memref, ArrayRef<OpFoldResult> offsets,
                          ArrayRef<OpFoldResult> sizes, bool dropFirst) {
  SmallVector<OpFoldResult> strides(offsets.size(), b.getIndexAttr(1));
  if (!dropFirst)
    return memref::SubViewOp::create(b, loc, memref, offsets, sizes, strides);
  auto [shape, dynamic] =
      decomposeMixedValues(llvm::to_vector(sizes.drop_front()));
  (void)dynamic;
  auto reduced = memref::SubViewOp::inferRankReducedResultType(
      shape, cast<MemRefType>(memref.getType()), offsets, sizes, strides);
  return memref::SubViewOp::create(b, loc, reduced, memref, offsets, sizes,
                                   strides);
}

/// One length, or one for each query.
Value PageExpander::getLengths(Value sequence) {
  OpFoldResult one = b.getIndexAttr(1), zero = b.getIndexAttr(0);
  if (!op.hasLengthPerQuery())
    return slice(op.getContextLens(), {sequence}, {one});
  // Not inferred: of one length, that could be a column.
  auto type = cast<MemRefType>(op.getContextLens().getType());
  auto reduced = MemRefType::get(
      nextN, type.getElementType(),
      StridedLayoutAttr::get(b.getContext(), ShapedType::kDynamic, {1}),
      type.getMemorySpace());
  return memref::SubViewOp::create(
      b, loc, reduced, op.getContextLens(),
      ArrayRef<OpFoldResult>{sequence, zero},
      ArrayRef<OpFoldResult>{one, b.getIndexAttr(nextN)},
      ArrayRef<OpFoldResult>{one, one});
}

Value PageExpander::getLongest(Value lengths) {
  Value longest;
  for (int64_t i = 0; i < (op.hasLengthPerQuery() ? nextN : 1); ++i) {
    Value length = memref::LoadOp::create(b, loc, lengths, constant(i));
    length = arith::IndexCastOp::create(b, loc, b.getIndexType(), length);
    longest =
        longest ? arith::MaxSIOp::create(b, loc, longest, length) : length;
  }
  return longest;
}

/// The logits of `count` slots of a block that the sequence needs.
void PageExpander::scoreBlock(Value sequence, Value lengths, Value block,
                              OpFoldResult firstSlot, OpFoldResult count,
                              Value firstKey, Value out) {
  OpFoldResult one = b.getIndexAttr(1), zero = b.getIndexAttr(0);
  OpFoldResult heads = b.getIndexAttr(op.getNumHeads()),
               headDim = b.getIndexAttr(op.getHeadDim()),
               queries = b.getIndexAttr(nextN);
  Value id = memref::LoadOp::create(b, loc, op.getBlockTable(),
                                    ValueRange{sequence, block});
  id = arith::IndexCastOp::create(b, loc, b.getIndexType(), id);
  // An id of no block must not lead out of the cache.
  Value last =
      arith::SubIOp::create(b, loc, getSize(op.getK(), 0), constant(1));
  id = arith::MinSIOp::create(
      b, loc, arith::MaxSIOp::create(b, loc, id, constant(0)), last);
  Value keys = slice(op.getK(), {id, firstSlot, zero}, {one, count, headDim},
                     /*dropFirst=*/true);
  Value scales, weights;
  if (op.getKScale())
    scales = slice(op.getKScale(), {id, firstSlot}, {one, count},
                   /*dropFirst=*/true);
  OpFoldResult row = apply(d0 * nextN, {OpFoldResult(sequence)});
  if (op.getWeights())
    weights = slice(op.getWeights(), {row, zero}, {queries, heads});
  Value q = slice(op.getQ(), {sequence, zero, zero, zero},
                  {one, queries, heads, headDim}, /*dropFirst=*/true);
  LogitsOp::create(b, loc, /*result=*/Type(), q, keys, scales, weights,
                   /*ks=*/Value(), lengths, firstKey, /*num_keys=*/Value(), out,
                   op.getClean(), /*compressed=*/false,
                   /*causal=*/!op.hasLengthPerQuery(), op.getActivation(),
                   /*schedule=*/ScheduleAttr());
}

/// What the op's columns have of block `block` of a sequence.
void PageExpander::expandBlock(Value sequence, Value lengths, Value longest,
                               Value block) {
  OpFoldResult keyOffset = b.getIndexAttr(0);
  if (op.getKeyOffset())
    keyOffset = op.getKeyOffset();
  OpFoldResult numColumns = memref::getMixedSize(b, loc, op.getOut(), 1);
  OpFoldResult blockKey = apply(d0 * blockKv, {OpFoldResult(block)});
  // Of its slots, those whose keys are columns.
  OpFoldResult ahead = apply(d0 - d1, {keyOffset, blockKey});
  OpFoldResult behind = apply(d0 + d1, {ahead, numColumns});
  AffineExpr size = b.getAffineConstantExpr(blockKv);
  OpFoldResult firstSlot = affine::makeComposedFoldedAffineMax(
      b, loc,
      AffineMap::get(1, 0, {d0, b.getAffineConstantExpr(0)}, b.getContext()),
      {ahead});
  OpFoldResult endSlot = affine::makeComposedFoldedAffineMin(
      b, loc, AffineMap::get(1, 0, {d0, size}, b.getContext()), {behind});
  OpFoldResult count = apply(d0 - d1, {endSlot, firstSlot});
  Value firstKey = getValueOrCreateConstantIndexOp(
      b, loc, apply(d0 + d1, {blockKey, firstSlot}));
  OpFoldResult column = apply(d0 - d1, {OpFoldResult(firstKey), keyOffset});
  Value out =
      slice(op.getOut(), {apply(d0 * nextN, {OpFoldResult(sequence)}), column},
            {b.getIndexAttr(nextN), count});

  auto isLess = [&](Value lhs, Value rhs) -> Value {
    return arith::CmpIOp::create(b, loc, CmpIPredicate::slt, lhs, rhs);
  };
  Value isNeeded = isLess(firstKey, longest);
  for (Value exists : {isLess(block, getSize(op.getBlockTable(), 1)),
                       isLess(constant(0), getSize(op.getK(), 0))})
    isNeeded = arith::AndIOp::create(b, loc, isNeeded, exists);
  auto needed =
      scf::IfOp::create(b, loc, isNeeded, /*withElseRegion=*/op.getClean());
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(needed.thenBlock());
  scoreBlock(sequence, lengths, block, firstSlot, count, firstKey, out);
  if (!op.getClean())
    return;
  b.setInsertionPointToStart(needed.elseBlock());
  Value inf = arith::ConstantOp::create(
      b, loc,
      b.getFloatAttr(op.getOutType().getElementType(),
                     -std::numeric_limits<double>::infinity()));
  linalg::FillOp::create(b, loc, ValueRange{inf}, ValueRange{out});
}

void PageExpander::run() {
  b.setInsertionPoint(op);
  Value zero = constant(0), one = constant(1);
  auto sequences = scf::ForOp::create(b, loc, zero, getSize(op.getQ(), 0), one);
  b.setInsertionPointToStart(sequences.getBody());
  Value sequence = sequences.getInductionVar();
  Value lengths = getLengths(sequence);
  Value longest = getLongest(lengths);
  OpFoldResult keyOffset = b.getIndexAttr(0);
  if (op.getKeyOffset())
    keyOffset = op.getKeyOffset();
  Value firstBlock = getValueOrCreateConstantIndexOp(
      b, loc, apply(d0.floorDiv(blockKv), {keyOffset}));
  Value endBlock = getValueOrCreateConstantIndexOp(
      b, loc,
      apply((d0 + d1).ceilDiv(blockKv),
            {keyOffset, memref::getMixedSize(b, loc, op.getOut(), 1)}));
  auto blocks = scf::ForOp::create(b, loc, firstBlock, endBlock, one);
  b.setInsertionPointToStart(blocks.getBody());
  expandBlock(sequence, lengths, longest, blocks.getInductionVar());
  b.eraseOp(op);
}

void mqa::expandPages(IRRewriter &b, PagedLogitsOp op) {
  PageExpander(b, op).run();
}
