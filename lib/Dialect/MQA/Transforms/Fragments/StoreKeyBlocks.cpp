//===- StoreKeyBlocks.cpp - Which keys columns of key blocks have ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StoreVectorizer.h"

using namespace mlir;
using namespace mlir::mqa;

/// The tile's columns, at the insertion point.
Value StoreVectorizer::getColumns() {
  Value step = vector::BroadcastOp::create(
      b, loc, getIndexType(),
      vector::StepOp::create(b, loc,
                             VectorType::get({keys}, b.getIndexType())));
  return arith::AddIOp::create(b, loc, step, broadcastAll(op.getFirstKey()));
}

/// The block of each column, or -1: read ahead of the tile, whose loads and
/// products take longer than these loads.
Value StoreVectorizer::readBlocks() {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op->getBlock());
  for (Value value : {Value(op.getFirstKey()), ends, ranges.getKeyBlocks()})
    moveBehind(value);
  Value column = getColumns();
  Value hasBlock = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt,
                                         column, broadcast(ends));
  Value size = arith::ConstantIndexOp::create(b, loc, ranges.getBlockSize());
  Value block = arith::DivUIOp::create(b, loc, column, broadcastAll(size));
  Value none = arith::ConstantIntOp::create(b, loc, -1, 32);
  return GatherColumnsOp::create(
      b, loc, VectorType::get({queries, keys}, b.getI32Type()),
      ranges.getKeyBlocks(), block, hasBlock, none);
}

/// Of ranges of columns, the key of each: behind all keys, if there is none.
Value StoreVectorizer::getKeysOfColumns() {
  Value blocks =
      arith::IndexCastOp::create(b, loc, getIndexType(), readBlocks());
  Value size = arith::ConstantIndexOp::create(b, loc, ranges.getBlockSize());
  // What is no block must not become one where the product overflows.
  Value last =
      arith::ConstantIndexOp::create(b, loc, ranges.getBlockSize() - 1);
  Value numBlocks = arith::DivUIOp::create(
      b, loc,
      arith::AddIOp::create(b, loc, ranges.getKeyRanges()->getNumKeys(), last),
      size);
  Value exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult,
                                       blocks, broadcastAll(numBlocks));
  Value own = arith::AddIOp::create(
      b, loc, arith::MulIOp::create(b, loc, blocks, broadcastAll(size)),
      arith::RemUIOp::create(b, loc, getColumns(), broadcastAll(size)));
  Value behind = arith::ConstantIndexOp::create(
      b, loc, std::numeric_limits<int32_t>::max());
  return arith::SelectOp::create(b, loc, exists, own, broadcastAll(behind));
}

/// Whether each query sees the keys of its columns.
Value StoreVectorizer::seesKeys(Value columnKeys) {
  const Ranges &seen = *ranges.getKeyRanges();
  Value end = broadcast(readOutside(seen.getEndMemory(), [&] {
    return seen.readEnds(b, loc, queries,
                         [&](Value value) { moveBehind(value); });
  }));
  using arith::CmpIPredicate;
  Value sees =
      arith::CmpIOp::create(b, loc, CmpIPredicate::slt, columnKeys, end);
  if (!seen.haveStarts())
    return sees;
  Value start = broadcast(readOutside(
      seen.getStartMemory(), [&] { return seen.readStarts(b, loc, queries); }));
  return arith::AndIOp::create(
      b, loc, sees,
      arith::CmpIOp::create(b, loc, CmpIPredicate::sge, columnKeys, start));
}
