//===- ExpandTileShare.cpp - Expands mqa.tile_share -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Kernels/WorkgroupMemory.h"
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
/// The expansion of one op. Each thread counts the tiles of a run of query
/// blocks; a scan over the threads tells it where its run begins; the threads
/// whose run holds the share's first or last tile say so in shared memory.
class Expansion {
public:
  Expansion(gpu::GPUFuncOp kernel, TileShareOp op, int64_t numThreads)
      : kernel(kernel), op(op), b(op), loc(op.getLoc()), numThreads(numThreads),
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

  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  Value add(Value lhs, Value rhs) {
    return arith::AddIOp::create(b, loc, lhs, rhs);
  }
  Value sub(Value lhs, Value rhs) {
    return arith::SubIOp::create(b, loc, lhs, rhs);
  }
  Value compare(CmpIPredicate predicate, Value lhs, Value rhs) {
    return arith::CmpIOp::create(b, loc, predicate, lhs, rhs);
  }
  Value isIn(Value tile, Value first, Value count) {
    return arith::AndIOp::create(
        b, loc, compare(CmpIPredicate::sge, tile, first),
        compare(CmpIPredicate::slt, tile, add(first, count)));
  }
  Value ceilDiv(Value lhs, Value rhs) {
    return arith::DivUIOp::create(b, loc, sub(add(lhs, rhs), constant(1)), rhs);
  }
  Value toI32(Value value) {
    return arith::IndexCastOp::create(b, loc, b.getI32Type(), value);
  }
  Value toIndex(Value value) {
    return arith::IndexCastOp::create(b, loc, b.getIndexType(), value);
  }
  Value addOverWarp(Value value) {
    return toIndex(gpu::SubgroupReduceOp::create(
        b, loc, toI32(value), gpu::AllReduceOperation::ADD, /*uniform=*/true,
        /*cluster_size=*/std::nullopt));
  }
  /// The value of lane 0, so that ptxas knows it to be the same in the whole
  /// warp: the loops that it bounds then count, and address, in uniform
  /// registers.
  Value emitUniform(Value value) {
    Value word = toI32(value);
    return toIndex(gpu::ShuffleOp::create(b, loc, word, 0, shapes::kWarpThreads,
                                          gpu::ShuffleMode::IDX)
                       .getShuffleResult());
  }
  Value allocate(int64_t size) {
    return addWorkgroupVariable(kernel, size, b.getI32Type(), loc);
  }
  Value countTiles(Value block);
  Value getLength(Value tiles);
  std::pair<Value, Value> countRun(Value begin, Value end);
  std::pair<Value, Value> scan(Value own, Value thread);
  void publishBlock(Value block, Value start, Value count, Value from, Value to,
                    Value results);
  void publish(const Run &run, Value from, Value to, Value results);

  gpu::GPUFuncOp kernel;
  TileShareOp op;
  IRRewriter b;
  Location loc;
  int64_t numThreads;
  Ranges ranges;
  /// The rows of a block that are read.
  int64_t blockRows;
};
} // namespace

/// The key tiles of query block `block`.
Value Expansion::countTiles(Value block) {
  Value zero = constant(0);
  Value lastRow = sub(ranges.getNumRows(b, loc), constant(1));
  Value row = arith::MulIOp::create(b, loc, block, constant(blockRows));
  // A block with fewer rows reads its last one again.
  auto [lo, hi] = ranges.loadUnion(b, loc, row, blockRows, lastRow);
  lo = ranges.alignStart(b, loc, lo, hi, op.getAlign());
  // hi - lo may be close to 2^31.
  Value keys = sub(hi, lo), size = constant(op.getTileKv());
  Value whole = arith::DivUIOp::create(b, loc, keys, size);
  Value rest = arith::RemUIOp::create(b, loc, keys, size);
  Value some = compare(CmpIPredicate::ne, rest, zero);
  Value one = constant(1);
  Value tiles = add(whole, arith::SelectOp::create(b, loc, some, one, zero));
  return op.getVisitsAll() ? arith::MaxSIOp::create(b, loc, tiles, one) : tiles;
}

/// The length of a block with that many tiles, with the gap behind it.
Value Expansion::getLength(Value tiles) {
  Value some = compare(CmpIPredicate::ne, tiles, constant(0));
  Value gap = arith::SelectOp::create(b, loc, some, constant(op.getBlockCost()),
                                      constant(0));
  return add(tiles, gap);
}

/// The tiles of the first of query blocks [begin, end), and the length of all.
std::pair<Value, Value> Expansion::countRun(Value begin, Value end) {
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

/// The sum of `own` over the threads before this one, and over all.
std::pair<Value, Value> Expansion::scan(Value own, Value thread) {
  Value warpThreads = constant(shapes::kWarpThreads);
  Value lane = arith::RemUIOp::create(b, loc, thread, warpThreads);
  Value warp = arith::DivUIOp::create(b, loc, thread, warpThreads);
  Value inclusive = own;
  for (int64_t step = 1; step < shapes::kWarpThreads; step *= 2) {
    auto below =
        gpu::ShuffleOp::create(b, loc, toI32(inclusive), step,
                               shapes::kWarpThreads, gpu::ShuffleMode::UP);
    Value exists = compare(CmpIPredicate::uge, lane, constant(step));
    Value term = arith::SelectOp::create(
        b, loc, exists, toIndex(below.getShuffleResult()), constant(0));
    inclusive = add(inclusive, term);
  }
  int64_t numWarps = numThreads / shapes::kWarpThreads;
  Value sums = allocate(numWarps);
  Value isLast =
      compare(CmpIPredicate::eq, lane, constant(shapes::kWarpThreads - 1));
  scf::IfOp::create(b, loc, isLast, [&](OpBuilder &nested, Location loc) {
    Value word =
        arith::IndexCastOp::create(nested, loc, nested.getI32Type(), inclusive);
    memref::StoreOp::create(nested, loc, word, sums, warp);
    scf::YieldOp::create(nested, loc);
  });
  gpu::BarrierOp::create(b, loc);
  // Every warp adds up the sums of all warps, a lane each: there are at
  // most 32.
  Value isWarp = compare(CmpIPredicate::ult, lane, constant(numWarps));
  Value slot = arith::SelectOp::create(b, loc, isWarp, lane, constant(0));
  Value sum = toIndex(memref::LoadOp::create(b, loc, sums, slot));
  sum = arith::SelectOp::create(b, loc, isWarp, sum, constant(0));
  Value isBefore = compare(CmpIPredicate::ult, lane, warp);
  Value before =
      addOverWarp(arith::SelectOp::create(b, loc, isBefore, sum, constant(0)));
  return {add(before, sub(inclusive, own)), addOverWarp(sum)};
}

/// Where one of the positions `from` and `to` is in the block of `count` tiles
/// that starts at `start`, writes block and tile to `results`: in the gap, the
/// tile after it for `from`, and that before it for `to`.
void Expansion::publishBlock(Value block, Value start, Value count, Value from,
                             Value to, Value results) {
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
void Expansion::publish(const Run &run, Value from, Value to, Value results) {
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

void Expansion::run() {
  Value thread = gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x);
  Value zero = constant(0), one = constant(1);
  Value numBlocks = ceilDiv(ranges.getNumRows(b, loc), constant(blockRows));
  Value runLength = ceilDiv(numBlocks, constant(numThreads));
  Value begin = arith::MinSIOp::create(
      b, loc, arith::MulIOp::create(b, loc, thread, runLength), numBlocks);
  Value end = arith::MinSIOp::create(b, loc, add(begin, runLength), numBlocks);
  auto [firstCount, length] = countRun(begin, end);
  auto [start, total] = scan(length, thread);

  Value share = op.getShare(), numShares = op.getNumShares();
  Value each = arith::DivUIOp::create(b, loc, total, numShares);
  Value extra = arith::RemUIOp::create(b, loc, total, numShares);
  Value from = add(arith::MulIOp::create(b, loc, share, each),
                   arith::MinSIOp::create(b, loc, share, extra));
  Value isLonger = compare(CmpIPredicate::slt, share, extra);
  Value count = add(each, arith::SelectOp::create(b, loc, isLonger, one, zero));
  Value last = sub(add(from, count), one);
  Value results = allocate(4);
  publish({begin, end, start, firstCount, length}, from, last, results);
  gpu::BarrierOp::create(b, loc);

  Value isEmpty = compare(CmpIPredicate::eq, count, zero);
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

static LogicalResult verify(gpu::GPUFuncOp kernel, TileShareOp op) {
  DenseI32ArrayAttr size = kernel.getKnownBlockSizeAttr();
  // One warp adds up what each warp has counted.
  constexpr int64_t kMaxThreads = shapes::kWarpThreads * shapes::kWarpThreads;
  if (!size || size[0] % shapes::kWarpThreads || size[0] <= 0 ||
      size[0] > kMaxThreads || size[1] != 1 || size[2] != 1)
    return op.emitOpError(
        "needs a kernel whose 'known_block_size' is whole warps");
  // All threads meet there, and once: what they share has one place. The first
  // block is no loop's.
  if (op->getBlock() != &kernel.getBody().front())
    return op.emitOpError("must be at the top of the kernel");
  return success();
}

namespace {
struct ExpandTileSharePass
    : mqa::impl::MQAExpandTileSharePassBase<ExpandTileSharePass> {
  void runOnOperation() override {
    SmallVector<TileShareOp> ops;
    getOperation().walk([&](TileShareOp op) { ops.push_back(op); });
    for (TileShareOp op : ops)
      if (failed(verify(getOperation(), op)))
        return signalPassFailure();
    for (TileShareOp op : ops)
      Expansion(getOperation(), op, getOperation().getKnownBlockSizeAttr()[0])
          .run();
    IRRewriter rewriter(&getContext());
    eraseUnusedRanges(rewriter, getOperation());
  }
};
} // namespace
