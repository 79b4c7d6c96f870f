//===- PrefetchBlockIds.cpp - Reads a block table ahead of its loads ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"
#include "mqa/Dialect/MQA/IR/Target.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Pass/Pass.h"
#include "llvm/Support/DebugLog.h"
#include "llvm/Support/MathExtras.h"

#define DEBUG_TYPE "mqa-prefetch-block-ids"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQAPREFETCHBLOCKIDSPASS
#include "mqa/Dialect/MQA/Transforms/Passes/MQAPrefetchBlockIdsPass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

namespace {
/// Gathers of the same keys, of one table: of the keys and of their scales.
using Gathers = SmallVector<GatherPagesOp, 2>;

class Prefetcher {
public:
  Prefetcher(IRRewriter &b, Gathers gathers, unsigned distance)
      : b(b), gathers(std::move(gathers)), first(this->gathers.front()),
        loc(first.getLoc()), distance(distance), blockKv(first.getBlockKeys()) {
  }
  LogicalResult run();

private:
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  scf::ForOp getLoop();
  Value getLane();
  Value loadIds(Value key);
  Value loadPages(Value number);
  Value findInCache(Value page, Value number);
  Value maskIds(Value ids, Value numKeys);
  void setEarlyInsertionPoint(scf::ForOp loop);
  FailureOr<Value> prefetch(scf::ForOp loop);

  IRRewriter &b;
  Gathers gathers;
  GatherPagesOp first;
  Location loc;
  unsigned distance;
  int64_t blockKv;
};
} // namespace

Value Prefetcher::getLane() {
  Value thread = gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x);
  return arith::RemUIOp::create(b, loc, thread, constant(shapes::kWarpThreads));
}

/// Entry key / P + lane of the table. It is read whether a key needs it or not,
/// so that the load does not wait for how many there are; -1 behind the table's
/// end.
Value Prefetcher::loadIds(Value key) {
  Value block = arith::AddIOp::create(
      b, loc, arith::DivUIOp::create(b, loc, key, constant(blockKv)),
      getLane());
  Value size = memref::DimOp::create(b, loc, first.getTable(), 1);
  Value exists =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, block, size);
  auto load = scf::IfOp::create(
      b, loc, exists,
      [&](OpBuilder &nested, Location loc) {
        Value zero = arith::ConstantIndexOp::create(nested, loc, 0);
        Value id = memref::LoadOp::create(nested, loc, first.getTable(),
                                          ValueRange{zero, block});
        scf::YieldOp::create(nested, loc, id);
      },
      [&](OpBuilder &nested, Location loc) {
        Value none = arith::ConstantIntOp::create(nested, loc, -1, 32);
        scf::YieldOp::create(nested, loc, none);
      });
  return load.getResult(0);
}

static Value createI32(OpBuilder &b, Location loc, int64_t value) {
  return arith::ConstantIntOp::create(b, loc, value, 32);
}

/// The entry of the table that says in which page block `number` of a sequence
/// lies; -1 where there is none. (The sign goes along with the shift.)
Value Prefetcher::loadPages(Value number) {
  Value pages = first.getPages();
  int64_t shift = llvm::Log2_64(first.getPageBlocks());
  Value page = arith::IndexCastOp::create(
      b, loc, b.getIndexType(),
      arith::ShRSIOp::create(b, loc, number, createI32(b, loc, shift)));
  Value exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, page,
                                       memref::DimOp::create(b, loc, pages, 1));
  // Where rows name their sequences, the table may have no line.
  auto lines = pages.getDefiningOp<RowBlockOp>();
  if (!lines || getConstantIntValue(lines.getNumRows()) != 1)
    exists = arith::AndIOp::create(
        b, loc, exists,
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ugt,
                              memref::DimOp::create(b, loc, pages, 0),
                              constant(0)));
  auto load = scf::IfOp::create(
      b, loc, exists,
      [&](OpBuilder &nested, Location loc) {
        Value zero = arith::ConstantIndexOp::create(nested, loc, 0);
        Value entry =
            memref::LoadOp::create(nested, loc, pages, ValueRange{zero, page});
        scf::YieldOp::create(nested, loc, entry);
      },
      [&](OpBuilder &nested, Location loc) {
        scf::YieldOp::create(nested, loc, createI32(nested, loc, -1));
      });
  return load.getResult(0);
}

/// The number in the whole cache of block `number` of a sequence, which lies in
/// page `page`: below 0 where that is.
Value Prefetcher::findInCache(Value page, Value number) {
  int64_t count = first.getPageBlocks();
  Value block = arith::MulIOp::create(b, loc, page, createI32(b, loc, count));
  Value inPage =
      arith::AndIOp::create(b, loc, number, createI32(b, loc, count - 1));
  return arith::AddIOp::create(b, loc, block, inPage);
}

/// What `loadIds` read, where it is the block of one of `numKeys` keys; else
/// -1.
Value Prefetcher::maskIds(Value ids, Value numKeys) {
  Value ahead = arith::MulIOp::create(b, loc, getLane(), constant(blockKv));
  Value isNeeded =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, ahead, numKeys);
  Value none = arith::ConstantIntOp::create(b, loc, -1, 32);
  return arith::SelectOp::create(b, loc, isNeeded, ids, none);
}

/// The loop whose index the gathers follow; null if there is none, or if the
/// table changes in it.
scf::ForOp Prefetcher::getLoop() {
  auto key = dyn_cast<BlockArgument>(first.getFirst());
  auto loop =
      key ? dyn_cast<scf::ForOp>(key.getOwner()->getParentOp()) : nullptr;
  if (!loop || loop.getInductionVar() != key || first->getParentOp() != loop ||
      !loop.isDefinedOutsideOfLoop(first.getTable()) ||
      (first.getPages() && !loop.isDefinedOutsideOfLoop(first.getPages())))
    return nullptr;
  return loop;
}

/// As early in the loop's block as the table and its first key are there: what
/// is computed and loaded in between hides the latency.
void Prefetcher::setEarlyInsertionPoint(scf::ForOp loop) {
  Operation *last = nullptr;
  for (Value value : {Value(first.getTable()), Value(first.getPages()),
                      loop.getLowerBound(), loop.getStep()})
    if (Operation *op = value ? value.getDefiningOp() : nullptr;
        op && op->getBlock() == loop->getBlock())
      if (!last || last->isBeforeInBlock(op))
        last = op;
  // Not ahead of a wait for whoever wrote the table.
  for (Operation &op : *loop->getBlock())
    if (isa<NVVM::GriddepcontrolOp, NVVM::BarrierOp, gpu::BarrierOp>(op) &&
        op.isBeforeInBlock(loop) && (!last || last->isBeforeInBlock(&op)))
      last = &op;
  if (last)
    b.setInsertionPointAfter(last);
  else
    b.setInsertionPointToStart(loop->getBlock());
}

/// Makes `loop` carry the ids of the iterations to come; returns its own. Where
/// they are looked up twice, the first number is read an iteration ahead of the
/// second, so that the second load does not wait for the first; and nothing is
/// computed of the second before it is used, so that nobody waits for it.
FailureOr<Value> Prefetcher::prefetch(scf::ForOp loop) {
  setEarlyInsertionPoint(loop);
  LDBG() << "reads the first entries of " << first << "\n  ahead of "
         << OpWithFlags(&*b.getInsertionPoint(),
                        OpPrintingFlags().skipRegions());
  SmallVector<Value> inits;
  Value key = loop.getLowerBound();
  bool readsTwice = static_cast<bool>(first.getPages());
  unsigned numNumbers = distance + readsTwice;
  for (unsigned i = 0; i < numNumbers; ++i) {
    inits.push_back(loadIds(key));
    key = arith::AddIOp::create(b, loc, key, loop.getStep());
  }
  // Behind the numbers, their pages.
  for (unsigned i = 0; readsTwice && i < distance; ++i)
    inits.push_back(loadPages(inits[i]));
  FailureOr<LoopLikeOpInterface> replaced = loop.replaceWithAdditionalYields(
      b, inits, /*replaceInitOperandUsesInLoop=*/false,
      [&](OpBuilder &, Location, ArrayRef<BlockArgument> carried) {
        // At its start, so that it is on its way through the whole iteration.
        b.setInsertionPointToStart(first->getBlock());
        Value later = loop.getInductionVar();
        for (unsigned i = 0; i < numNumbers; ++i)
          later = arith::AddIOp::create(b, loc, later, loop.getStep());
        ArrayRef<BlockArgument> numbers = carried.take_front(numNumbers),
                                pages = carried.drop_front(numNumbers);
        SmallVector<Value> yields(numbers.drop_front());
        yields.push_back(loadIds(later));
        if (readsTwice) {
          llvm::append_range(yields, pages.drop_front());
          yields.push_back(loadPages(numbers.back()));
        }
        return yields;
      });
  if (failed(replaced))
    return loop.emitError("cannot carry the numbers of cache blocks");
  auto carrying = cast<scf::ForOp>(replaced->getOperation());
  auto carried = carrying.getRegionIterArgs().take_back(inits.size());
  b.setInsertionPoint(first);
  if (!readsTwice)
    return Value(carried.front());
  return findInCache(carried[numNumbers], carried.front());
}

LogicalResult Prefetcher::run() {
  Value ids;
  scf::ForOp loop = getLoop();
  if (loop && distance > 0) {
    FailureOr<Value> own = prefetch(loop);
    if (failed(own))
      return failure();
    ids = *own;
  } else {
    remark::missed(
        loc,
        remark::RemarkOpts::name("prefetch").category("mqa-prefetch-block-ids"))
        << "the keys are not those of a loop that leaves the table alone: its "
           "entries are read where they are needed";
    b.setInsertionPoint(first);
    ids = loadIds(first.getFirst());
    if (first.getPages())
      ids = findInCache(loadPages(ids), ids);
  }
  // Only now, as this waits for the load.
  ids = maskIds(ids, first.getNumKeys());
  for (GatherPagesOp op : gathers) {
    b.setInsertionPoint(op);
    b.replaceOpWithNewOp<GatherBlocksOp>(op, op.getKeys().getType(),
                                         op.getCache(), ids, op.getFirst(),
                                         op.getBlockSizeAttr());
  }
  return success();
}

namespace {
struct PrefetchBlockIdsPass
    : mqa::impl::MQAPrefetchBlockIdsPassBase<PrefetchBlockIdsPass> {
  using MQAPrefetchBlockIdsPassBase::MQAPrefetchBlockIdsPassBase;

  void runOnOperation() override {
    SmallVector<Gathers> groups;
    auto isSame = [](GatherPagesOp lhs, GatherPagesOp rhs) {
      return lhs->getBlock() == rhs->getBlock() &&
             lhs.getTable() == rhs.getTable() &&
             lhs.getPages() == rhs.getPages() &&
             lhs.getPageBlocks() == rhs.getPageBlocks() &&
             lhs.getFirst() == rhs.getFirst() &&
             lhs.getNumKeys() == rhs.getNumKeys() &&
             lhs.getBlockKeys() == rhs.getBlockKeys();
    };
    getOperation().walk([&](GatherPagesOp op) {
      for (Gathers &group : groups)
        if (isSame(group.front(), op))
          return group.push_back(op);
      groups.push_back({op});
    });
    IRRewriter rewriter(&getContext());
    for (Gathers &group : groups)
      if (failed(Prefetcher(rewriter, group, distance).run()))
        return signalPassFailure();
  }
};
} // namespace
