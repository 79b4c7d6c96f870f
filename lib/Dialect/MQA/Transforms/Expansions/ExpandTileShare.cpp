//===- ExpandTileShare.cpp - Expands mqa.tile_share and mqa.run_share -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GridShare.h"
#include "mqa/Dialect/MQA/IR/Ranges.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"
#include "mqa/Dialect/MQA/IR/Target.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Pass/Pass.h"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQAEXPANDTILESHAREPASS
#include "mqa/Dialect/MQA/Transforms/Passes/MQAExpandTileSharePass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;
using arith::CmpIPredicate;

namespace {
/// The expansion of one op, whose pieces of work are query blocks.
class TileShareExpansion : GridShare {
public:
  TileShareExpansion(gpu::GPUFuncOp kernel, TileShareOp op, int64_t numThreads)
      : GridShare(kernel, op, op.getBlockCost(), numThreads), op(op),
        ranges(Ranges::get(b, op.getRanges())), blockRows(op.getBlockQ()) {
    // Of a block that is a sequence, one query says it all.
    if (ranges.getWholeSequences() == blockRows) {
      ranges = ranges.getLastQueries();
      blockRows = 1;
    }
  }

  void run();

private:
  /// A thread's query blocks [begin, end): where the first of them starts, the
  /// tiles of that, and the length of all.
  struct Run {
    Value begin, end, start, firstCount, length;
  };

  Value countTiles(Value block);
  std::pair<Value, Value> countRun(Value begin, Value end);
  void publishBlock(Value block, Value start, Value count, Value from, Value to,
                    Value results);
  void publish(const Run &run, Value from, Value to, Value results);

  TileShareOp op;
  Ranges ranges;
  /// The rows of a block that are read.
  int64_t blockRows;
};
} // namespace

/// The key tiles of query block `block`.
Value TileShareExpansion::countTiles(Value block) {
  Value lastRow = sub(ranges.getNumRows(b, loc), constant(1));
  Value row = arith::MulIOp::create(b, loc, block, constant(blockRows));
  // A block with fewer rows reads its last one again.
  auto [lo, hi] = ranges.loadUnion(b, loc, row, blockRows, lastRow);
  lo = ranges.alignStart(b, loc, lo, hi, op.getAlign());
  Value tiles = countTilesOf(sub(hi, lo), op.getTileKv());
  return op.getVisitsAll() ? arith::MaxSIOp::create(b, loc, tiles, constant(1))
                           : tiles;
}

/// The tiles of the first of query blocks [begin, end), and the length of all.
std::pair<Value, Value> TileShareExpansion::countRun(Value begin, Value end) {
  Value zero = constant(0);
  Value some = compare(CmpIPredicate::slt, begin, end);
  auto first = scf::IfOp::create(b, loc, b.getIndexType(), some,
                                 /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(first.thenBlock());
    scf::YieldOp::create(b, loc, countTiles(begin));
    b.setInsertionPointToStart(first.elseBlock());
    scf::YieldOp::create(b, loc, zero);
  }
  Value count = first.getResult(0);
  Value next = add(begin, constant(1));
  auto loop = scf::ForOp::create(b, loc, next, end, constant(1),
                                 ValueRange{getLength(count)});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value sum = add(loop.getRegionIterArg(0),
                  getLength(countTiles(loop.getInductionVar())));
  scf::YieldOp::create(b, loc, sum);
  return {count, loop.getResult(0)};
}

/// Where one of the positions `from` and `to` is in the block of `count` tiles
/// that starts at `start`, writes block and tile to `results`: in the gap, the
/// tile after it for `from`, and that before it for `to`.
void TileShareExpansion::publishBlock(Value block, Value start, Value count,
                                      Value from, Value to, Value results) {
  Value length = getLength(count), one = constant(1);
  for (auto [slot, position] : {std::pair<int64_t, Value>{0, from}, {2, to}}) {
    auto here = scf::IfOp::create(b, loc, isIn(position, start, length),
                                  /*withElseRegion=*/false);
    OpBuilder::InsertionGuard inner(b);
    b.setInsertionPointToStart(here.thenBlock());
    Value tile = sub(position, start);
    Value isGap = compare(CmpIPredicate::sge, tile, count), at = block;
    if (slot == 0)
      at = arith::SelectOp::create(b, loc, isGap, add(block, one), block);
    Value beside = slot == 0 ? constant(0) : sub(count, one);
    tile = arith::SelectOp::create(b, loc, isGap, beside, tile);
    memref::StoreOp::create(b, loc, toI32(at), results, constant(slot));
    memref::StoreOp::create(b, loc, toI32(tile), results, constant(slot + 1));
  }
}

/// Publishes the positions that are in `run`.
void TileShareExpansion::publish(const Run &run, Value from, Value to,
                                 Value results) {
  Value holds = arith::OrIOp::create(b, loc, isIn(from, run.start, run.length),
                                     isIn(to, run.start, run.length));
  auto found = scf::IfOp::create(b, loc, holds, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(found.thenBlock());
  // Mostly a run is one block, whose bounds are not read again.
  publishBlock(run.begin, run.start, run.firstCount, from, to, results);
  Value next = add(run.begin, constant(1));
  Value behind = add(run.start, getLength(run.firstCount));
  auto loop = scf::ForOp::create(b, loc, next, run.end, constant(1),
                                 ValueRange{behind});
  b.setInsertionPointToStart(loop.getBody());
  Value start = loop.getRegionIterArg(0);
  Value count = countTiles(loop.getInductionVar());
  publishBlock(loop.getInductionVar(), start, count, from, to, results);
  scf::YieldOp::create(b, loc, add(start, getLength(count)));
}

void TileShareExpansion::run() {
  Value thread = gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x);
  Value zero = constant(0), one = constant(1);
  Value numBlocks = ceilDiv(ranges.getNumRows(b, loc), constant(blockRows));
  Value runLength = ceilDiv(numBlocks, constant(numThreads));
  Value begin = arith::MinSIOp::create(
      b, loc, arith::MulIOp::create(b, loc, thread, runLength), numBlocks);
  Value end = arith::MinSIOp::create(b, loc, add(begin, runLength), numBlocks);
  auto [firstCount, length] = countRun(begin, end);
  auto [start, total] = scan(length, thread, allocate(getNumWarps()));

  Share share = getShare(total, op.getShare(), op.getNumShares());
  Value results = allocate(4);
  publish({begin, end, start, firstCount, length}, share.first, share.last,
          results);
  gpu::BarrierOp::create(b, loc);

  Value isEmpty = compare(CmpIPredicate::eq, share.count, zero);
  SmallVector<Value> values;
  for (int64_t i = 0; i < 4; ++i) {
    Value value = toIndex(memref::LoadOp::create(b, loc, results, constant(i)));
    // A block and a tile are published; their ends are one further.
    if (i >= 2)
      value = add(value, one);
    value = arith::SelectOp::create(b, loc, isEmpty, zero, value);
    values.push_back(emitUniform(value));
  }
  b.replaceOp(op, values);
}

static LogicalResult verify(gpu::GPUFuncOp kernel, Operation *op) {
  DenseI32ArrayAttr size = kernel.getKnownBlockSizeAttr();
  // One warp adds up what each warp has counted.
  constexpr int64_t kMaxThreads = shapes::kWarpThreads * shapes::kWarpThreads;
  if (!size || size[0] % shapes::kWarpThreads || size[0] <= 0 ||
      size[0] > kMaxThreads || size[1] != 1 || size[2] != 1)
    return op->emitOpError(
        "needs a kernel whose 'known_block_size' is whole warps");
  // All threads meet there, and once: what they share has one place. The first
  // block is no loop's.
  if (op->getBlock() != &kernel.getBody().front())
    return op->emitOpError("must be at the top of the kernel");
  return success();
}

namespace {
struct ExpandTileSharePass
    : mqa::impl::MQAExpandTileSharePassBase<ExpandTileSharePass> {
  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation().walk([&](Operation *op) {
      if (isa<TileShareOp, RunShareOp>(op))
        ops.push_back(op);
    });
    for (Operation *op : ops)
      if (failed(verify(getOperation(), op)))
        return signalPassFailure();
    for (Operation *op : ops) {
      int64_t numThreads = getOperation().getKnownBlockSizeAttr()[0];
      if (auto share = dyn_cast<TileShareOp>(op))
        TileShareExpansion(getOperation(), share, numThreads).run();
      else
        expandRunShare(getOperation(), cast<RunShareOp>(op), numThreads);
    }
    IRRewriter rewriter(&getContext());
    eraseUnusedRanges(rewriter, getOperation());
  }
};
} // namespace
