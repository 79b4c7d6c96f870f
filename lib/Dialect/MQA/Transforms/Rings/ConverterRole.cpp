//===- ConverterRole.cpp - What warps between two rings do ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

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

/// The role of the groups of warps from thread `first` on.
void WarpRoles::buildConverter(Value threadId, int64_t first) {
  int64_t numWarps = groups.converterGroups * kGroupWarps;
  int64_t count = numWarps * kWarpThreads;
  loop->getParentOfType<gpu::GPUFuncOp>().walk([&](RingCreateOp op) {
    if (op.getReader() == Role::Converter)
      op.setConsumers(numWarps);
    if (op.getFiller() == Role::Converter)
      op.setProducers(numWarps);
  });
  buildRole(threadId, first, count, [&](Value own) {
    setRegisters(kConverterRegisters);
    scf::ForOp converter = cloneWithout(
        [](RoleOpInterface op) { return op.getRole() != Role::Converter; });
    shareLoops(converter, own, count);
  });
}
