//===- ListSelection.cpp - Selection from lists ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ListSelection.h"

using namespace mlir;
using namespace mlir::mqa;
using arith::CmpIPredicate;

/// Candidates of a list, where k needs no more: 128 MiB are enough for 132
/// multiprocessors and query blocks of 8 rows.
static constexpr int64_t kPlaces = 7680;
/// `limit` - k is at least this: a list takes at least half as many keys from
/// one meeting until it asks for the next.
static constexpr int64_t kLeastProgress = 255;

ListSelection::ListSelection(TopkOp op, Value scratch, const TilePlan &plan,
                             int64_t blockRows)
    : FusedSelection(op, scratch, plan, blockRows) {
  int64_t stages = plan.schedule.getStages();
  int64_t groups = plan.schedule.getKeyGroups();
  // Producers fill slots in order. So when a group gets a tile, all tiles that
  // are earlier by `stages` were released. A group that released a tile has
  // appended the tile that it had before. So a group that checks whether to
  // meet sees what was asked for in all tiles that are earlier by `margin`.
  margin = (stages + 2 * groups) * tileKv;
  // From when a list is over its limit until consumers meet, or the tiles end,
  // so many keys more may be appended: of tiles that others have under way, of
  // those up to the meeting, and of a last turn.
  int64_t outstanding = (2 * stages + 4 * groups) * tileKv;
  int64_t least = numSelected + outstanding + kLeastProgress + kReservedPlaces;
  places = std::max<int64_t>(kPlaces, llvm::alignTo(least, 256));
  limit = places - kReservedPlaces - outstanding;
}

void ListSelection::allocate(OpBuilder &builder, Value numBlocks) {
  DeviceBuilder b(op.getLoc(), builder);
  Type i32 = b.getI32Type();
  counts = addVariable(b, tableRows, i32);
  thresholds = addVariable(b, tableRows, b.getF32Type());
  taken = addVariable(b, tableRows, i32);
  meeting = addVariable(b, 1, i32);
  FusedSelection::allocate(b, numBlocks);
  counters = b.index(0);
  lists = b.mul(numBlocks, kCounterWords);
}

/// The first word of a list. A block of the grid has two areas of lists. Area 0
/// is for the query block that an earlier block began: at most one, its first.
/// Area 1 is for the query blocks that it begins itself, one after another;
/// only the last of these can be unfinished. What is unfinished stays until the
/// last block has copied it.
Value ListSelection::getListOf(DeviceBuilder &b, Value block, Value area,
                               Value row) {
  Value number = b.add(b.mul(block, 2), area);
  number = b.add(b.mul(number, blockRows), row);
  return b.add(lists, b.mul(number, 2 * places));
}

/// Logits and keys of the list that begins at `first`.
std::pair<Value, Value> ListSelection::getViews(DeviceBuilder &b, Value first) {
  auto view = [&](Value from) -> Value {
    SmallVector<OpFoldResult> sizes{b.getIndexAttr(places)},
        strides{b.getIndexAttr(1)}, offsets{from};
    return memref::SubViewOp::create(b, scratch, offsets, sizes, strides);
  };
  return {view(first), view(b.add(first, b.index(places)))};
}

Value ListSelection::open(OpBuilder &builder, const QueryBlock &block,
                          MemRefType type) {
  DeviceBuilder b(op.getLoc(), builder);
  Value isBegun = b.compare(CmpIPredicate::eq, block.begin, block.lo);
  Value area = arith::SelectOp::create(b, isBegun, b.index(1), b.index(0));
  first = getListOf(b, gridBlock, area, b.index(0));
  meet(b, Value(), Value(), Value(), [&] {
    b.forEach(b.getThread(), b.index(tableRows), b.index(numThreads),
              [&](Value row) {
                memref::StoreOp::create(b, b.word(0), counts, row);
                memref::StoreOp::create(b, b.real(-kInfinity), thresholds, row);
              });
    b.byFirstThread([&] {
      memref::StoreOp::create(b, b.word(std::numeric_limits<int32_t>::max()),
                              meeting, b.index(0));
    });
  });
  return FilteredRowsOp::create(b, type, scratch, first, counts, thresholds,
                                meeting, block.numRows, block.numKeys, places,
                                limit, margin, op.getForceFirst(),
                                op.getForceLast());
}

/// Keeps the best keys of lists of more than `above`, and maybe `slack` more;
/// keys behind these `ascend` or are any.
void ListSelection::cut(DeviceBuilder &b, const QueryBlock &block,
                        int64_t above, int64_t slack, bool ascend) {
  CutListsOp::create(b, scratch, first, counts, thresholds, block.ranges,
                     block.numRows, places, numSelected, above, ties,
                     op.getForceFirst(), op.getForceLast(), slack, ascend);
  b.barrier();
}

void ListSelection::beginTile(OpBuilder &builder, const QueryBlock &block,
                              Value key) {
  DeviceBuilder b(op.getLoc(), builder);
  meet(b, meeting, key, block.end, [&] {
    // Those that are about to get full too.
    int64_t above = (numSelected + limit) / 2;
    cut(b, block, above, /*slack=*/std::min(kSlack, above - numSelected),
        /*ascend=*/true);
    b.byFirstThread([&] {
      memref::StoreOp::create(b, b.word(std::numeric_limits<int32_t>::max()),
                              meeting, b.index(0));
    });
  });
}

void ListSelection::close(OpBuilder &builder, const QueryBlock &block) {
  DeviceBuilder b(op.getLoc(), builder);
  auto shareOut = [&] {
    publishCounts(b, block);
    Value isLast = arrive(b, block, [&] {
      update(b, block, arith::AtomicRMWKind::maxs, b.add(gridBlock, b.index(1)),
             /*counter=*/1);
      update(b, block, arith::AtomicRMWKind::maxs, b.sub(gridSize, gridBlock),
             /*counter=*/2);
      b.fence();
    });
    b.ifTrue(isLast, [&] { takeOthers(b, block); });
    return isLast;
  };
  selectByLast(b, block, shareOut, [&] {
    cut(b, block, /*above=*/numSelected, /*slack=*/0, /*ascend=*/false);
    b.forEach(b.index(0), block.numRows, b.index(1),
              [&](Value number) { finish(b, block, number); });
  });
}
