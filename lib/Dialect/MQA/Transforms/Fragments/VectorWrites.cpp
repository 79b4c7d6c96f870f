//===- VectorWrites.cpp - What is written, and from what -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "VectorWrites.h"
#include "DistributeOps.h"
#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::mqa;

FailureOr<VectorWrite> mqa::getWrite(Operation *op) {
  if (auto append = dyn_cast<AppendLogitsOp>(op))
    return VectorWrite{
        op, append.getVector(), Value(), append.getMask(), {}, {}, Value()};
  if (auto scatter = dyn_cast<ScatterColumnsOp>(op))
    return VectorWrite{
        op, scatter.getVector(), scatter.getBase(), scatter.getMask(), {},
        {}, scatter.getColumns()};
  auto transfer = cast<vector::TransferWriteOp>(op);
  auto type = dyn_cast<MemRefType>(transfer.getBase().getType());
  if (!transfer.getPermutationMap().isIdentity() ||
      transfer.getVectorType().getRank() != 2)
    return transfer.emitError("must be of a 2-D vector, not permuted");
  if (!type ||
      type.getElementType() != transfer.getVectorType().getElementType())
    return transfer.emitError("must be to a memref of the vector's elements");
  return VectorWrite{op,
                     transfer.getVector(),
                     transfer.getBase(),
                     transfer.getMask(),
                     llvm::to_vector(transfer.getIndices()),
                     transfer.getInBoundsValues(),
                     Value()};
}

FailureOr<VectorOrigin> mqa::findOrigin(Operation *write, Value vector) {
  VectorOrigin origin;
  // A reduction that another one adds to, or reduces, is part of that.
  SmallVector<std::pair<Value, bool>> worklist{{vector, false}};
  DenseSet<Value> seen[2];
  while (!worklist.empty()) {
    auto [value, isInReduction] = worklist.pop_back_val();
    Operation *source = value.getDefiningOp();
    if (!source || !isa<VectorType>(value.getType()) ||
        !seen[isInReduction].insert(value).second)
      continue;
    if (auto loop = dyn_cast<scf::ForOp>(source)) {
      if (origin.carried && origin.carried != value)
        return write->emitError("comes from more than one loop");
      origin.carried = cast<OpResult>(value);
      worklist.push_back(
          {loop.getYieldedValues()[origin.carried.getResultNumber()],
           isInReduction});
      continue;
    }
    if (auto contract = dyn_cast<vector::ContractionOp>(source)) {
      if (!llvm::is_contained(origin.contracts, contract))
        origin.contracts.push_back(contract);
      continue;
    }
    auto reduction = dyn_cast<vector::MultiDimReductionOp>(source);
    if (reduction && !isInReduction && isBlockMaximum(reduction)) {
      if (origin.maximum)
        return write->emitError("comes from more than one maximum");
      origin.maximum = reduction;
    } else if (reduction) {
      if (!isInReduction && origin.reduction && origin.reduction != reduction)
        return write->emitError("comes from more than one reduction");
      if (!isInReduction)
        origin.reduction = reduction;
      isInReduction = true;
    }
    for (Value operand : source->getOperands())
      worklist.push_back({operand, isInReduction});
  }
  if (!origin.reduction || origin.contracts.empty())
    return write->emitError("must come from a reduction of a contraction");
  return origin;
}
