//===- VerifyFitQueries.cpp - What mqa.fit_queries can be expanded --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExpandWithBarriers.h"
#include "FitQueries.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::shapes;

/// The factors lie in one place, which the next execution of `op` writes again.
/// Returns who may carry them past that; null if nobody does.
static Operation *findCarrier(FitQueriesOp op) {
  SmallVector<Value> worklist{op.getFactors()};
  while (!worklist.empty())
    for (Operation *user : worklist.pop_back_val().getUsers()) {
      auto branch = dyn_cast<scf::IfOp>(user->getParentOp());
      if (user->hasTrait<OpTrait::IsTerminator>()) {
        if (!branch)
          return user;
        llvm::append_range(worklist, branch.getResults());
      } else if (user->getNumRegions() != 0) {
        // A loop that begins with them.
        return user;
      } else if (isa<ViewLikeOpInterface>(user)) {
        llvm::append_range(worklist, user->getResults());
      }
    }
  return nullptr;
}

LogicalResult mqa::verifyFitQueries(FitQueriesOp op) {
  constexpr int64_t kWarpBytes = kWarpThreads * kFitLaneBytes;
  MemRefType q = op.getQ().getType();
  auto layout = cast<StagedLayoutAttr>(q.getLayout());
  int64_t headDim = q.getDimSize(2);
  if (!llvm::is_contained({32, 64, 128}, headDim) ||
      layout.getDims().back() != 2 ||
      llvm::is_contained(layout.getDims().drop_back(), 2))
    return op.emitOpError() << "must have memory whose rows are heads of 32, "
                               "64 or 128 bytes, found "
                            << q;
  if (q.getNumElements() % kWarpBytes)
    return op.emitOpError()
           << "'q' must be of a multiple of " << kWarpBytes
           << " bytes, which a warp takes at a time, found " << q;
  if (failed(verifyWholeWarps(op, op.getNumThreads())))
    return failure();
  if (Operation *carrier = findCarrier(op)) {
    InFlightDiagnostic error = op.emitOpError(
        "has factors that are used after it may be executed again, which "
        "writes them in the same place");
    error.attachNote(carrier->getLoc()) << "they are carried there by this";
    return error;
  }
  return success();
}
