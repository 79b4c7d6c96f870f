//===- ExpandPermuteQueries.cpp - Expands mqa.permute_queries -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExpandWithBarriers.h"
#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/IR/MxFormat.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Pass/Pass.h"
#include "llvm/Support/DebugLog.h"

#define DEBUG_TYPE "mqa-expand-permute-queries"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQAEXPANDPERMUTEQUERIESPASS
#include "mqa/Dialect/MQA/Transforms/Passes/MQAExpandPermuteQueriesPass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::shapes;

namespace {
/// Elements that a lane writes: four of each quarter of a row.
constexpr int64_t kUnit = mx::kKeyLanes * mx::kLaneElements;

class PermuteQueriesExpansion {
public:
  PermuteQueriesExpansion(PermuteQueriesOp op, int64_t barrier)
      : op(op), b(op.getLoc(), op), barrier(barrier) {}
  void run();

private:
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  template <typename Op> Value make(Value lhs, int64_t rhs) {
    return Op::create(b, lhs, constant(rhs));
  }
  Value readUnit(Value query, Value head, Value unit);
  void permuteRow(Value row, Value unit);
  void synchronize(Value numThreads);

  PermuteQueriesOp op;
  ImplicitLocOpBuilder b;
  int64_t barrier;
};
} // namespace

/// The elements that belong into unit `unit` of a row.
Value PermuteQueriesExpansion::readUnit(Value query, Value head, Value unit) {
  MemRefType type = op.getQ().getType();
  Type element = type.getElementType();
  auto partType = VectorType::get({mx::kLaneElements}, element);
  auto unitType = VectorType::get({kUnit}, element);
  Value padding = arith::ConstantOp::create(b, b.getZeroAttr(element));
  Value all = arith::ConstantOp::create(b, b.getZeroAttr(unitType));
  Value first = make<arith::MulIOp>(unit, mx::kLaneElements);
  for (int64_t lane = 0; lane < mx::kKeyLanes; ++lane) {
    Value at =
        make<arith::AddIOp>(first, lane * type.getDimSize(2) / mx::kKeyLanes);
    Value part = vector::TransferReadOp::create(b, partType, op.getQ(),
                                                ValueRange{query, head, at},
                                                padding, ArrayRef<bool>{true});
    all = vector::InsertStridedSliceOp::create(
        b, part, all, ArrayRef<int64_t>{lane * mx::kLaneElements},
        ArrayRef<int64_t>{1});
  }
  return all;
}

/// All lanes of a warp have read their units of its rows before one writes.
void PermuteQueriesExpansion::permuteRow(Value row, Value unit) {
  int64_t numHeads = op.getQ().getType().getDimSize(1);
  Value query = make<arith::DivUIOp>(row, numHeads);
  Value head = make<arith::RemUIOp>(row, numHeads);
  Value elements = readUnit(query, head, unit);
  NVVM::SyncWarpOp::create(b, arith::ConstantIntOp::create(b, -1, 32));
  vector::TransferWriteOp::create(
      b, elements, op.getQ(),
      ValueRange{query, head, make<arith::MulIOp>(unit, kUnit)},
      ArrayRef<bool>{true});
}

void PermuteQueriesExpansion::synchronize(Value numThreads) {
  // WGMMA reads what ordinary stores wrote.
  NVVM::FenceProxyOp::create(
      b,
      NVVM::ProxyKindAttr::get(b.getContext(), NVVM::ProxyKind::async_shared),
      NVVM::SharedSpaceAttr::get(b.getContext(),
                                 NVVM::SharedSpace::shared_cta));
  // Only the threads of the op come here.
  Value count = arith::IndexCastOp::create(b, b.getI32Type(), numThreads);
  NVVM::BarrierOp::create(b, /*res=*/Type(),
                          arith::ConstantIntOp::create(b, barrier, 32), count,
                          NVVM::BarrierReductionAttr(), Value());
}

void PermuteQueriesExpansion::run() {
  MemRefType type = op.getQ().getType();
  int64_t numRows = type.getDimSize(0) * type.getDimSize(1);
  int64_t units = type.getDimSize(2) / kUnit;
  int64_t warpRows = kWarpThreads / units;
  Value thread = op.getThread(), numThreads = op.getNumThreads();
  if (!thread) {
    numThreads = constant(kWarpThreads);
    thread = make<arith::RemUIOp>(gpu::ThreadIdOp::create(b, gpu::Dimension::x),
                                  kWarpThreads);
  }
  Value lane = make<arith::RemUIOp>(thread, kWarpThreads);
  Value warp = make<arith::DivUIOp>(thread, kWarpThreads);
  Value unit = make<arith::RemUIOp>(lane, units);
  Value rowOfWarp = make<arith::DivUIOp>(lane, units);
  Value step = make<arith::MulIOp>(
      make<arith::DivUIOp>(numThreads, kWarpThreads), warpRows);
  auto loop = scf::ForOp::create(b, make<arith::MulIOp>(warp, warpRows),
                                 constant(numRows), step);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value row = arith::AddIOp::create(b, loop.getInductionVar(), rowOfWarp);
    // Lanes without a row do the warp's last one again, to the same effect.
    if (numRows % warpRows)
      row = make<arith::MinUIOp>(row, numRows - 1);
    permuteRow(row, unit);
  }
  synchronize(numThreads);
  op.erase();
}

namespace {
struct ExpandPermuteQueriesPass
    : mqa::impl::MQAExpandPermuteQueriesPassBase<ExpandPermuteQueriesPass> {
  void runOnOperation() override {
    gpu::GPUFuncOp kernel = getOperation();
    auto expand = [&](PermuteQueriesOp op, int64_t barrier) {
      LDBG() << "barrier " << barrier << " for " << op;
      PermuteQueriesExpansion(op, barrier).run();
    };
    auto verify = [](PermuteQueriesOp op) {
      return verifyWholeWarps(op, op.getNumThreads());
    };
    if (failed(expandWithBarriers<PermuteQueriesOp>(kernel, verify, expand)))
      signalPassFailure();
  }
};
} // namespace
