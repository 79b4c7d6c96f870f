//===- RowRunLoops.cpp - The loops of a kernel of rows of sequences -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An mqa.paged_logits whose rows name their sequences. A query block is a run:
// as many neighbouring rows of one sequence as a tile has queries, so that they
// share the loads of its keys. Runs are counted; where one begins, only the
// loop over them knows, which goes from run to run.
//
//===----------------------------------------------------------------------===//

#include "PersistentLoops.h"
#include "mqa/Dialect/MQA/IR/Ranges.h"
#include "mqa/Dialect/MQA/IR/SequenceTiles.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Transforms/LoopInvariantCodeMotionUtils.h"

using namespace mlir;
using namespace mlir::mqa;

/// Every block of the grid cleans each grid-size'th row.
static void buildCleaningLoop(OpBuilder &b, PagedLogitsOp op, Value runs) {
  Location loc = op.getLoc();
  buildGridLoop(b, loc, memref::getMixedSize(b, loc, op.getOut(), 0),
                [&](OpBuilder &nested, Value row) {
                  OpFoldResult one = nested.getIndexAttr(1);
                  Value out = getRowBlock(nested, loc, op.getOut(), row, one);
                  Value own = NarrowRangesOp::create(
                      nested, loc, runs, row,
                      getValueOrCreateConstantIndexOp(nested, loc, one));
                  CleanRowsOp::create(nested, loc, out, own, Value(), Value());
                });
}

LogicalResult mqa::buildRowRunLoops(RewriterBase &b, PagedLogitsOp op,
                                    const TilePlan &plan) {
  Location loc = op.getLoc();
  // Rows are counted with 64 bits, and inside a block of them with 32.
  auto getRows = [&](OpBuilder &b, Value source, OpFoldResult row,
                     OpFoldResult count) {
    return getRowBlock(b, loc, source, row, count);
  };
  SequenceTiles tiles(op);
  Value ranges = tiles.makeRanges(b);
  Value runs = tiles.nameSequences(b, ranges);
  if (op.getClean())
    buildCleaningLoop(b, op, runs);
  int64_t blockQ = plan.schedule.getBlockQ();
  int64_t tileKv = plan.schedule.getTileKv();
  Type index = b.getIndexType();
  Value share = gpu::BlockIdOp::create(b, loc, gpu::Dimension::x);
  Value numShares = gpu::GridDimOp::create(b, loc, gpu::Dimension::x);
  auto own = RunShareOp::create(b, loc, index, index, index, index, runs, share,
                                numShares, blockQ, tileKv,
                                plan.schedule.getBlockCost());
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  Work work{zero, own.getNumRuns(), one, own.getFirstTile(), own.getLastTile()};

  auto blocks = scf::ForOp::create(b, loc, work.firstBlock, work.endBlock,
                                   work.step, own.getFirstRow());
  b.setInsertionPointToStart(blocks.getBody());
  Value number = blocks.getInductionVar(), row = blocks.getRegionIterArg(0);
  auto found = RowRunOp::create(b, loc, index, index, index, runs, row, blockQ);
  Sequence sequence =
      tiles.getRun(b, ranges, {row, found.getNumRows(), found.getSequence()},
                   getRows, !plan.loadsWeightsByTma, !plan.loadsQScaleByTma);
  Value begin = getFirstOwnKey(b, loc, work, number, zero, tileKv);
  Value end = getOwnKeysEnd(b, loc, work, number, zero, found.getEnd(), tileKv);
  Value step = arith::ConstantIndexOp::create(b, loc, tileKv);
  auto keys = scf::ForOp::create(b, loc, begin, end, step);
  scf::YieldOp::create(
      b, loc,
      ValueRange{arith::AddIOp::create(b, loc, row, found.getNumRows())});

  b.setInsertionPointToStart(keys.getBody());
  Value first = keys.getInductionVar();
  // The run may end in the tile.
  Value count = getValueOrCreateConstantIndexOp(
      b, loc, getRest(b, loc, tileKv, first, OpFoldResult(found.getEnd())));
  LogitsOp tile = tiles.createTile(b, sequence, first, count);
  tile.setScheduleAttr(plan.schedule);
  moveLoopInvariantCode(keys);
  return success();
}
