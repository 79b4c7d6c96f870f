//===- ScheduleSearch.cpp - Schedules worth measuring ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/EnumCases.h"
#include "mqa/Dialect/MQA/Transforms/ScheduleTable.h"
#include "mqa/Dialect/MQA/Transforms/TilePlan.h"

using namespace mlir;
using namespace mlir::mqa;

bool mqa::fitsSchedule(LogitsOpInterface op, const ChipInfo &chip,
                       ScheduleAttr schedule) {
  ScopedDiagnosticHandler silence(op->getContext(), [](Diagnostic &) {});
  return succeeded(
      TilePlan::get(op, chip, schedule, [&] { return op->emitError(); }));
}

/// The schedule of these sizes with the most stages that there is room for, and
/// rather two of queries; null if it does not fit.
static ScheduleAttr makeSchedule(LogitsOpInterface op, const ChipInfo &chip,
                                 int64_t queryGroups, int64_t keyGroups,
                                 int64_t tileQ, int64_t tileKv,
                                 Reduction reduction, int64_t blockHeads = 0,
                                 std::optional<int64_t> maxStages = {},
                                 Rows rows = Rows::Heads) {
  // What a block costs to begin: the queries of an f16 reduction are scaled.
  int64_t blockCost = isPacked(reduction) ? 3 : 1;
  // A unit that is not asynchronous computes two products at once, so that one
  // need not wait for the other, where there are registers for it.
  SmallVector<int64_t, 2> accumulators{1};
  if (!chip.matrixUnit->isAsync)
    accumulators = {2, 1};
  for (int64_t products : accumulators)
    for (int64_t queryStages : {2, 1}) {
      int64_t least = std::max<int64_t>(keyGroups, 2);
      int64_t most = maxStages.value_or(2 * keyGroups + 4);
      for (int64_t stages = most; stages >= least; --stages) {
        auto schedule = ScheduleAttr::get(
            op->getContext(), queryGroups * tileQ, keyGroups * tileKv, tileQ,
            tileKv, queryStages, stages, products, Relu::AddAbs, reduction,
            Split::Tiles, blockCost, blockHeads, rows);
        if (fitsSchedule(op, chip, schedule))
          return schedule;
      }
    }
  return {};
}

/// The queries of a sequence fill as much of a WGMMA as they can, alone; its
/// consumer groups take tiles of keys in turn.
static ScheduleAttr derivePagedSchedule(LogitsOpInterface op,
                                        const ChipInfo &chip,
                                        Reduction reduction) {
  const MatrixUnit &unit = *chip.matrixUnit;
  int64_t leastTileQ =
      llvm::PowerOf2Ceil(std::max(op.getNextN(), op.getRunRows()));
  if (isPacked(reduction))
    leastTileQ = std::max<int64_t>(leastTileQ, shapes::kGroupWarps);
  // More loads under way at a time make memory slower, not faster.
  constexpr int64_t kStages = 5;
  constexpr int64_t kMaxTileQ = 32;
  // As below, for a unit that is not asynchronous.
  SmallVector<int64_t> groupCounts{4, 3, 2, 1}, tileKvs{128, 64, 32};
  if (!unit.isAsync) {
    groupCounts = {2, 1};
    tileKvs = {32, 64, 128};
  }
  // More queries than there are, if nothing else has room: with them, tiles may
  // have fewer keys.
  for (int64_t tileQ = leastTileQ; tileQ <= kMaxTileQ; tileQ *= 2)
    for (int64_t parts : {1, 2, 4, 8})
      for (int64_t groups : groupCounts)
        for (int64_t tileKv : tileKvs) {
          // A key for each thread that has a query of the tile.
          if (tileKv * tileQ < unit.threads)
            continue;
          int64_t tileHeads = unit.rows / tileQ, blockHeads = 0;
          if (parts > 1)
            blockHeads = llvm::alignTo(
                llvm::divideCeil(op.getNumHeads(), parts), tileHeads);
          if (ScheduleAttr schedule =
                  makeSchedule(op, chip, 1, parts > 1 ? 1 : groups, tileQ,
                               tileKv, reduction, blockHeads, kStages))
            return schedule;
        }
  return {};
}

ScheduleAttr mqa::deriveSchedule(LogitsOpInterface op, const ChipInfo &chip,
                                 Reduction reduction) {
  if (op.getNextN() && !op.hasManyRows())
    return derivePagedSchedule(op, chip, reduction);
  const MatrixUnit &unit = *chip.matrixUnit;
  // The fewest rows of padding; then many consumer groups, head tiles of 8
  // heads x 8 queries, and long key tiles.
  int64_t heads = op.getGroupHeads();
  auto countRows = [&](int64_t tileQ) {
    int64_t tileHeads = unit.rows / tileQ;
    return llvm::alignTo(heads, tileHeads);
  };
  SmallVector<int64_t> tileQs{8, 16, 4, 32};
  llvm::stable_sort(tileQs, [&](int64_t a, int64_t b) {
    return countRows(a) < countRows(b);
  });
  // Keys with groups are loaded once for each of them, and so are the queries:
  // there the consumer groups have queries of their own, and share the keys. So
  // it is where only half of the heads have room: that is enough for any.
  SmallVector<int64_t> groupCounts{4, 3, 2, 1}, tileKvs{128, 96, 64, 32};
  // Where a unit is not asynchronous, products and operands share the
  // registers, which are not moved to the threads that need them: few
  // consumer groups, and key tiles that a thread can keep.
  if (!unit.isAsync) {
    groupCounts = {2, 1};
    // A tile has whole blocks of which a maximum is taken.
    int64_t least = std::max<int64_t>(32, op.getColumnKeys());
    llvm::erase_if(tileKvs, [&](int64_t tileKv) {
      return tileKv > least && getKeptKeyRegisters(op, unit, tileKv) == 0;
    });
  }
  for (int64_t parts : {1, 2, 4})
    for (int64_t groups : groupCounts)
      for (int64_t tileQ : tileQs)
        for (int64_t tileKv : tileKvs) {
          bool byParts = parts > 1 || op.hasKeyGroups();
          int64_t blockHeads = 0;
          if (parts > 1)
            blockHeads = llvm::alignTo(llvm::divideCeil(heads, parts),
                                       unit.rows / tileQ);
          if (ScheduleAttr schedule = makeSchedule(
                  op, chip, byParts ? groups : 1, byParts ? 1 : groups, tileQ,
                  tileKv, reduction, blockHeads))
            return schedule;
        }
  return {};
}

/// Those with keys as the rows of products. The heads of a tile of queries are
/// the columns of a product. With few columns, most of the unit is idle: that
/// is only worth a try where the op waits for memory, as decoding does.
static void enumerateKeyRows(LogitsOpInterface op, const ChipInfo &chip,
                             SmallVectorImpl<ScheduleAttr> &schedules) {
  constexpr int64_t kFewColumns = 64;
  for (int64_t keyGroups : {4, 3})
    for (int64_t tileQ : {1, 2, 4, 8}) {
      int64_t columns =
          tileQ * shapes::getColumnHeads(tileQ, op.getGroupHeads());
      if (op.getNextN() == 0 && columns < kFewColumns)
        continue;
      for (int64_t tileKv : {64, 128, 256})
        if (ScheduleAttr schedule = makeSchedule(
                op, chip, /*queryGroups=*/1, keyGroups, tileQ, tileKv,
                Reduction::F32, /*blockHeads=*/0, /*maxStages=*/{}, Rows::Keys))
          schedules.push_back(schedule);
    }
}

SmallVector<ScheduleAttr> mqa::enumerateSchedules(LogitsOpInterface op,
                                                  const ChipInfo &chip) {
  SmallVector<ScheduleAttr> schedules;
  // Of an asynchronous unit, three or four consumer groups: fewer leave the
  // tensor cores waiting, more have too few registers. Of another one, operands
  // take registers too: fewer consumer groups and narrower tiles are worth a
  // try.
  SmallVector<std::pair<int64_t, int64_t>> allGroups{{1, 4}, {1, 3}, {2, 2}};
  SmallVector<int64_t> tileKvs{96, 128}, tileQs{4, 8, 16, 32};
  // A tile of a paged cache has the queries of one sequence, and whole blocks.
  if (op.getNextN()) {
    tileKvs = {64, 128};
    tileQs = {1, 2, 4, 8, 16, 32};
  }
  if (!chip.matrixUnit->isAsync) {
    allGroups.append({{1, 2}, {2, 1}, {1, 1}});
    tileKvs = {32, 64, 96, 128};
  }
  for (auto [queryGroups, keyGroups] : allGroups)
    for (int64_t tileQ : tileQs)
      for (int64_t tileKv : tileKvs) {
        // A key for each thread that has a query of the tile.
        if (tileKv * tileQ < chip.matrixUnit->threads)
          continue;
        for (Reduction reduction : {Reduction::F32, Reduction::F16})
          if (ScheduleAttr schedule = makeSchedule(
                  op, chip, queryGroups, keyGroups, tileQ, tileKv, reduction))
            schedules.push_back(schedule);
      }
  if (chip.matrixUnit->isAsync)
    enumerateKeyRows(op, chip, schedules);
  return schedules;
}
