//===- BlockColumns.cpp - Which columns of key blocks a row sees ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Of ranges of columns: a row has a column for each key of its blocks, and sees
// those whose keys are in its range of keys. As its blocks ascend, these lie
// between two places of the list, which are searched for.
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/Ranges.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace mlir::mqa;
using arith::CmpIPredicate;

namespace {
/// The list of blocks of one row, a matrix of 1 x L.
class BlockList {
public:
  BlockList(ImplicitLocOpBuilder &b, Value line, Value count)
      : b(b), line(line), count(count) {}

  /// Block `place` of the list, or `otherwise` where it has no such place.
  Value load(Value place, Value otherwise);
  /// How many blocks are ahead of `block`.
  Value countAhead(Value block);

private:
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  Value load(Value place) {
    Value block =
        memref::LoadOp::create(b, line, ValueRange{constant(0), place});
    return arith::IndexCastOp::create(b, b.getIndexType(), block);
  }
  Value isAhead(Value block, Value other) {
    return arith::CmpIOp::create(b, CmpIPredicate::slt, block, other);
  }

  ImplicitLocOpBuilder &b;
  Value line, count;
};
} // namespace

Value BlockList::load(Value place, Value otherwise) {
  Value exists = arith::CmpIOp::create(b, CmpIPredicate::ult, place, count);
  auto guarded = scf::IfOp::create(b, TypeRange(b.getIndexType()), exists,
                                   /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(guarded.thenBlock());
  scf::YieldOp::create(b, load(place));
  b.setInsertionPointToStart(guarded.elseBlock());
  scf::YieldOp::create(b, otherwise);
  return guarded.getResult(0);
}

/// Mostly all are, or none is: the first and the last block say so.
Value BlockList::countAhead(Value block) {
  Value zero = constant(0), one = constant(1);
  Value areAll =
      isAhead(load(arith::SubIOp::create(b, count, one), block), block);
  Value some = isAhead(load(zero, block), block);
  // At least `from`, and at most `to`.
  Value from = arith::SelectOp::create(b, areAll, count, zero);
  Value to = arith::SelectOp::create(b, some, count, from);
  Type index = b.getIndexType();
  auto search =
      scf::WhileOp::create(b, TypeRange{index, index}, ValueRange{from, to});
  OpBuilder::InsertionGuard guard(b);
  SmallVector<Type> types(2, index);
  SmallVector<Location> locs(2, b.getLoc());
  Block *before = b.createBlock(&search.getBefore(), {}, types, locs);
  Value isOpen = arith::CmpIOp::create(
      b, CmpIPredicate::slt, before->getArgument(0), before->getArgument(1));
  scf::ConditionOp::create(b, isOpen, before->getArguments());
  Block *after = b.createBlock(&search.getAfter(), {}, types, locs);
  from = after->getArgument(0);
  to = after->getArgument(1);
  Value middle = arith::AddIOp::create(
      b, from,
      arith::ShRUIOp::create(b, arith::SubIOp::create(b, to, from), one));
  Value isMore = isAhead(load(middle), block);
  from = arith::SelectOp::create(b, isMore,
                                 arith::AddIOp::create(b, middle, one), from);
  to = arith::SelectOp::create(b, isMore, to, middle);
  scf::YieldOp::create(b, ValueRange{from, to});
  return search.getResult(0);
}

std::pair<Value, Value> Ranges::loadBlockColumns(OpBuilder &builder,
                                                 Location loc, Value row,
                                                 Value line,
                                                 Value numColumns) const {
  ImplicitLocOpBuilder b(loc, builder);
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, value);
  };
  Value zero = constant(0), one = constant(1), size = constant(blockSize);
  // The last block may have fewer columns.
  Value count = arith::DivUIOp::create(
      b,
      arith::AddIOp::create(b, loadEnd(b, loc, row), constant(blockSize - 1)),
      size);
  count = arith::MinSIOp::create(b, count, memref::DimOp::create(b, line, 1));
  BlockList list(b, line, count);
  Value start = keys->loadStart(b, loc, row), end = keys->loadEnd(b, loc, row);
  Value some = arith::CmpIOp::create(b, CmpIPredicate::slt, start, end);
  // Of `block`, if it is at `place` of the list, some columns are not seen.
  auto cut = [&](Value place, Value block, Value columns) -> Value {
    Value other = arith::SubIOp::create(b, block, one);
    Value isThere = arith::CmpIOp::create(b, CmpIPredicate::eq,
                                          list.load(place, other), block);
    return arith::SelectOp::create(b, isThere, columns, zero);
  };
  // Numbers below 0 name no block.
  Value block = zero;
  if (keys->haveStarts())
    block = arith::DivUIOp::create(b, start, size);
  Value place = list.countAhead(block);
  Value first = arith::MulIOp::create(b, place, size);
  if (keys->haveStarts())
    first = arith::AddIOp::create(
        b, first, cut(place, block, arith::RemUIOp::create(b, start, size)));
  // The last key that the row sees, and the block that it is in.
  Value key =
      arith::SubIOp::create(b, arith::MaxSIOp::create(b, end, one), one);
  block = arith::DivUIOp::create(b, key, size);
  Value behind = list.countAhead(arith::AddIOp::create(b, block, one));
  Value unseen = arith::SubIOp::create(b, constant(blockSize - 1),
                                       arith::RemUIOp::create(b, key, size));
  Value last = arith::SubIOp::create(
      b, arith::MulIOp::create(b, behind, size),
      cut(arith::SubIOp::create(b, behind, one), block, unseen));
  first = arith::MinSIOp::create(b, first, numColumns);
  last = arith::SelectOp::create(
      b, some, arith::MinSIOp::create(b, last, numColumns), zero);
  return {first, arith::MaxSIOp::create(b, first, last)};
}

Value Ranges::loadKeyOfColumn(OpBuilder &b, Location loc, Value line,
                              Value column) const {
  Value size = arith::ConstantIndexOp::create(b, loc, blockSize);
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value place = arith::DivUIOp::create(b, loc, column, size);
  Value block = memref::LoadOp::create(b, loc, line, ValueRange{zero, place});
  block = arith::IndexCastOp::create(b, loc, b.getIndexType(), block);
  return arith::AddIOp::create(b, loc,
                               arith::MulIOp::create(b, loc, block, size),
                               arith::RemUIOp::create(b, loc, column, size));
}
