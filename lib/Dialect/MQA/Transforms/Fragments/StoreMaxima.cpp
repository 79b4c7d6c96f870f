//===- StoreMaxima.cpp - Writes maxima of blocks of keys ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StoreVectorizer.h"

using namespace mlir;
using namespace mlir::mqa;

/// The maximum of each block over the keys where `mask` is set, [query, block];
/// -inf where it is set for none.
Value StoreVectorizer::takeMaxima(Value logits, Value mask) {
  int64_t size = ranges.getColumnKeys(), blocks = keys / size;
  double inf = -std::numeric_limits<double>::infinity();
  auto splat = [&](VectorType type) -> Value {
    Attribute value = b.getFloatAttr(type.getElementType(), inf);
    return arith::ConstantOp::create(b, loc,
                                     DenseElementsAttr::get(type, value));
  };
  Value candidates = arith::SelectOp::create(
      b, loc, mask, logits, splat(cast<VectorType>(logits.getType())));
  Value inBlocks = vector::ShapeCastOp::create(
      b, loc, VectorType::get({queries, blocks, size}, b.getF32Type()),
      candidates);
  // NaN is greater than all numbers.
  return vector::MultiDimReductionOp::create(
      b, loc, inBlocks,
      splat(VectorType::get({queries, blocks}, b.getF32Type())),
      ArrayRef<bool>{false, false, true}, vector::CombiningKind::MAXIMUMF);
}

/// Whether `block`, a key for each block of the tile, compares so with its
/// query's.
Value StoreVectorizer::compareBlocks(arith::CmpIPredicate predicate,
                                     Value block, Value perQuery) {
  auto type = cast<VectorType>(block.getType());
  Value column = vector::ShapeCastOp::create(
      b, loc, VectorType::get({queries, 1}, b.getIndexType()),
      countFromTile(perQuery));
  return arith::CmpIOp::create(
      b, loc, predicate, block,
      vector::BroadcastOp::create(b, loc, type, column));
}

/// Writes the maxima of blocks that have a key of the range.
void StoreVectorizer::writeMaxima(Value logits, Value mask) {
  int64_t size = ranges.getColumnKeys(), blocks = keys / size;
  Value maxima = takeMaxima(logits, mask);
  Type outType = op.getOut().getType().getElementType();
  if (!outType.isF32())
    maxima = arith::TruncFOp::create(
        b, loc, VectorType::get({queries, blocks}, outType), maxima);
  auto type = VectorType::get({queries, blocks}, b.getIndexType());
  auto splat = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(
        b, loc, DenseElementsAttr::get(type, b.getIndexAttr(value)));
  };
  Value number = vector::BroadcastOp::create(
      b, loc, type,
      vector::StepOp::create(b, loc,
                             VectorType::get({blocks}, b.getIndexType())));
  Value first = arith::MulIOp::create(b, loc, number, splat(size));
  Value last = arith::AddIOp::create(b, loc, first, splat(size - 1));
  using arith::CmpIPredicate;
  Value some = compareBlocks(CmpIPredicate::slt, first, ends);
  if (ranges.haveStarts()) {
    some = arith::AndIOp::create(
        b, loc, some, compareBlocks(CmpIPredicate::sge, last, starts));
    // A range that ends ahead of its start may do both.
    Value isRange =
        arith::CmpIOp::create(b, loc, CmpIPredicate::slt, starts, ends);
    Value column = vector::ShapeCastOp::create(
        b, loc, VectorType::get({queries, 1}, b.getI1Type()), isRange);
    some = arith::AndIOp::create(
        b, loc, some,
        vector::BroadcastOp::create(b, loc, type.clone(b.getI1Type()), column));
  }
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value firstColumn = arith::DivUIOp::create(
      b, loc, op.getFirstKey(), arith::ConstantIndexOp::create(b, loc, size));
  write(maxima, op.getOut(), zero, firstColumn, some);
}
