//===- ExpandCandidates.cpp - Expands the candidate ops -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Candidates.h"
#include "Kernels/WorkgroupMemory.h"
#include "mqa/Dialect/MQA/IR/Ranges.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"
#include "mqa/Dialect/MQA/IR/Target.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQAEXPANDCANDIDATESPASS
#include "mqa/Dialect/MQA/Transforms/Passes/MQAExpandCandidatesPass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

/// Those that execute `op` together: the threads of the mqa.meet that it is in,
/// or all of the kernel.
static int64_t getNumThreads(gpu::GPUFuncOp kernel, Operation *op) {
  if (auto meet = op->getParentOfType<MeetOp>())
    return meet.getNumThreads();
  return kernel.getKnownBlockSizeAttr()[0];
}

/// All threads must come to `op`, and a list must not be counted in more than
/// the half of a word that there is for it.
static LogicalResult verify(gpu::GPUFuncOp kernel, Operation *op) {
  DenseI32ArrayAttr size = kernel.getKnownBlockSizeAttr();
  constexpr int64_t kMaxThreads = shapes::kWarpThreads * shapes::kWarpThreads;
  if (!size || size[0] % shapes::kWarpThreads || size[0] <= 0 ||
      size[0] > kMaxThreads || size[1] != 1 || size[2] != 1)
    return op->emitOpError(
        "needs a kernel whose 'known_block_size' is whole warps");
  int64_t numThreads = getNumThreads(kernel, op);
  if (numThreads % shapes::kWarpThreads || numThreads <= 0 ||
      numThreads > size[0])
    return op->emitOpError() << "needs whole warps of the kernel's " << size[0]
                             << " threads, but its mqa.meet has " << numThreads;
  constexpr int64_t kMaxCandidates = 1 << 15;
  for (Type operand : op->getOperandTypes()) {
    auto type = dyn_cast<MemRefType>(operand);
    if (!type || isa<CutListsOp>(op) || type.getDimSize(0) <= kMaxCandidates)
      continue;
    return op->emitOpError() << "needs a list of at most " << kMaxCandidates
                             << " candidates, found " << type;
  }
  return success();
}

/// Barriers inside are those of the threads that meet.
static void useBarrier(IRRewriter &rewriter, MeetOp meet, int64_t number) {
  SmallVector<gpu::BarrierOp> barriers;
  meet.walk([&](gpu::BarrierOp op) { barriers.push_back(op); });
  for (gpu::BarrierOp op : barriers) {
    rewriter.setInsertionPoint(op);
    auto constant = [&](int64_t value) -> Value {
      return arith::ConstantIntOp::create(rewriter, op.getLoc(), value, 32);
    };
    rewriter.replaceOpWithNewOp<NVVM::BarrierOp>(
        op, /*res=*/Type(), constant(number), constant(meet.getNumThreads()),
        NVVM::BarrierReductionAttr(), Value());
  }
}

/// Whether the groups of consumers meet in this iteration.
static Value isMeeting(ImplicitLocOpBuilder &b, MeetOp op) {
  using arith::CmpIPredicate;
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value at = arith::IndexCastOp::create(
      b, b.getIndexType(), memref::LoadOp::create(b, op.getMeeting(), zero));
  // Each group has a tile among so many.
  Value behind =
      arith::ConstantIndexOp::create(b, (op.getTurns() - 1) * op.getTileKv());
  Value isReached =
      arith::CmpIOp::create(b, CmpIPredicate::sge, op.getKey(), at);
  Value last = arith::AddIOp::create(b, at, behind);
  Value areThere =
      arith::CmpIOp::create(b, CmpIPredicate::slt, last, op.getEnd());
  return arith::AndIOp::create(b, isReached, areThere);
}

/// Replaces each mqa.meet by what it does.
static LogicalResult expandMeets(gpu::GPUFuncOp kernel,
                                 NamedBarriers &barriers) {
  SmallVector<MeetOp> meets;
  kernel.walk([&](MeetOp op) { meets.push_back(op); });
  IRRewriter rewriter(kernel.getContext());
  for (MeetOp op : meets) {
    DenseI32ArrayAttr size = kernel.getKnownBlockSizeAttr();
    int64_t numThreads = op.getNumThreads();
    if (numThreads <= 0 || numThreads % shapes::kWarpThreads ||
        (size && numThreads > size[0]))
      return op.emitOpError() << "needs 'num_threads' of whole warps of the "
                                 "kernel, found "
                              << numThreads;
    FailureOr<int64_t> number =
        barriers.take(/*count=*/1, op, kernel.getOperation());
    if (failed(number))
      return failure();
    ImplicitLocOpBuilder b(op.getLoc(), op);
    Block *body = &op.getBody().front();
    OpBuilder inside = OpBuilder::atBlockBegin(body);
    gpu::BarrierOp::create(inside, op.getLoc());
    inside.setInsertionPointToEnd(body);
    gpu::BarrierOp::create(inside, op.getLoc());
    useBarrier(rewriter, op, *number);
    if (!op.getMeeting()) {
      rewriter.inlineBlockBefore(body, op);
    } else {
      auto choose = scf::IfOp::create(b, isMeeting(b, op),
                                      /*withElseRegion=*/false);
      rewriter.inlineBlockBefore(body, choose.thenBlock()->getTerminator());
    }
    rewriter.eraseOp(op);
  }
  return success();
}

/// As many teams as there are rows, each of as many warps as there are then.
static WarpTeams getTeams(CutListsOp op, int64_t numThreads) {
  int64_t numWarps = numThreads / shapes::kWarpThreads;
  int64_t rows = op.getCounts().getType().getDimSize(0);
  int64_t count = std::min<int64_t>(llvm::bit_floor<uint64_t>(numWarps),
                                    llvm::PowerOf2Ceil(rows));
  return {count, numWarps / count};
}

static LogicalResult expandCutLists(BlockBuilder &b, CandidateScratch &scratch,
                                    CutListsOp op, NamedBarriers &barriers) {
  WarpTeams teams = getTeams(op, b.numThreads);
  FailureOr<int64_t> first = 0;
  // One warp needs no barrier. All ops have the same teams.
  static char sharers;
  if (teams.warps > 1)
    first = barriers.take(teams.count, op, &sharers);
  if (failed(first))
    return failure();
  mqa::expandCutLists(b, scratch, op, teams, *first);
  return success();
}

namespace {
struct ExpandCandidatesPass
    : mqa::impl::MQAExpandCandidatesPassBase<ExpandCandidatesPass> {
  void runOnOperation() override {
    gpu::GPUFuncOp kernel = getOperation();
    SmallVector<Operation *> ops;
    kernel.walk([&](Operation *op) {
      if (isa<AppendCandidatesOp, CutCandidatesOp, SortCandidatesOp,
              EstimateThresholdOp, CutListsOp>(op))
        ops.push_back(op);
    });
    for (Operation *op : ops)
      if (failed(verify(kernel, op)))
        return signalPassFailure();
    CandidateScratch scratch(kernel);
    NamedBarriers barriers(kernel);
    for (Operation *op : ops) {
      BlockBuilder b(kernel, getNumThreads(kernel, op), op);
      if (auto cut = dyn_cast<CutListsOp>(op)) {
        if (failed(expandCutLists(b, scratch, cut, barriers)))
          return signalPassFailure();
        continue;
      }
      llvm::TypeSwitch<Operation *>(op)
          .Case([&](AppendCandidatesOp op) { expandAppend(b, scratch, op); })
          .Case([&](CutCandidatesOp op) { expandCut(b, scratch, op); })
          .Case([&](EstimateThresholdOp op) { expandEstimate(b, scratch, op); })
          .Case([&](SortCandidatesOp op) { expandSort(b, scratch, op); });
    }
    if (failed(expandMeets(kernel, barriers)))
      return signalPassFailure();
    IRRewriter rewriter(&getContext());
    eraseUnusedRanges(rewriter, kernel);
  }
};
} // namespace
