//===- ConverterRole.cpp - What warps between two rings do ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SlotFills.h"
#include "WarpRoles.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "llvm/Support/DebugLog.h"

#define DEBUG_TYPE "mqa-specialize-warps"

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::shapes;

/// Gives each of the `count` threads of a role, of which `own` is one, its
/// iterations of the loops that they share.
void WarpRoles::shareLoops(scf::ForOp role, Value own, int64_t count) {
  SmallVector<scf::ForallOp> loops;
  role.walk([&](scf::ForallOp op) { loops.push_back(op); });
  for (scf::ForallOp op : loops) {
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPoint(op);
    SmallVector<Value> begin = op.getLowerBound(rewriter),
                       end = op.getUpperBound(rewriter),
                       step = op.getStep(rewriter);
    // Neighbours in the last dim are neighbours in memory.
    Value first = arith::MulIOp::create(rewriter, loc, own, step.back());
    begin.back() = arith::AddIOp::create(rewriter, loc, begin.back(), first);
    step.back() =
        arith::MulIOp::create(rewriter, loc, step.back(), constant(count));
    scf::LoopNest nest = scf::buildLoopNest(rewriter, loc, begin, end, step);
    LDBG() << count << " threads share the last of " << begin.size()
           << " dims of " << OpWithFlags(op, OpPrintingFlags().skipRegions());
    SmallVector<Value> indices = llvm::map_to_vector(
        nest.loops, [](scf::ForOp dim) { return dim.getInductionVar(); });
    rewriter.eraseOp(op.getTerminator());
    rewriter.inlineBlockBefore(
        op.getBody(), nest.loops.back().getBody()->getTerminator(), indices);
    rewriter.eraseOp(op);
  }
}

/// The loops in which converters may take tiles in turn: they get a slot in
/// each iteration, and a group always gets the same slots of the rings. Else
/// none.
SmallVector<scf::ForOp> WarpRoles::findConverterLoops() {
  int64_t turns = groups.converterGroups;
  SetVector<Operation *> loops;
  bool mayTakeTurns = turns > 1;
  loop->walk([&](Operation *op) {
    if (!isRingOp(op) || !hasRole(op, Role::Converter))
      return;
    auto create = op->getOperand(0).getDefiningOp<RingCreateOp>();
    auto keys = dyn_cast<scf::ForOp>(op->getParentOp());
    if (!create || !keys || keys == loop ||
        create.getRing().getType().getStages() % turns)
      mayTakeTurns = false;
    else
      loops.insert(keys);
  });
  if (!mayTakeTurns)
    return {};
  return llvm::map_to_vector(
      loops, [](Operation *keys) { return cast<scf::ForOp>(keys); });
}

/// The role of the groups of warps from thread `first` on. They take tiles in
/// turn, since each waits for a while for what it has asked for, or convert
/// each tile together.
void WarpRoles::buildConverter(Value threadId, int64_t first) {
  int64_t turns = findConverterLoops().empty() ? 1 : groups.converterGroups;
  int64_t numWarps = groups.converterGroups * kGroupWarps / turns;
  int64_t count = numWarps * kWarpThreads;
  loop->getParentOfType<gpu::GPUFuncOp>().walk([&](RingCreateOp op) {
    if (op.getReader() == Role::Converter) {
      op.setConsumers(numWarps);
      op.setTurns(turns);
    }
    if (op.getFiller() == Role::Converter)
      op.setProducers(numWarps);
  });
  buildRole(threadId, first, turns * count, [&](Value own) {
    setRegisters(kConverterRegisters);
    scf::ForOp converter = cloneWithout(
        [](RoleOpInterface op) { return op.getRole() != Role::Converter; });
    if (turns > 1) {
      OpBuilder::InsertionGuard guard(rewriter);
      rewriter.setInsertionPoint(converter);
      Value turn = arith::DivUIOp::create(rewriter, loc, own, constant(count));
      own = arith::RemUIOp::create(rewriter, loc, own, constant(count));
      SetVector<Operation *> keyLoops;
      converter.walk([&](RingGetOp op) { keyLoops.insert(op->getParentOp()); });
      takeTurnsAtGets(keyLoops, turn, turns);
    }
    shareLoops(converter, own, count);
  });
}
