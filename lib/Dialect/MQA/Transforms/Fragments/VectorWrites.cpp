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

/// The reductions that `join`, and the insertions ahead of it, put behind each
/// other, in this order. None if that is not all they do.
static SmallVector<vector::MultiDimReductionOp, 1>
getJoined(vector::InsertStridedSliceOp join) {
  SmallVector<vector::MultiDimReductionOp, 1> reductions;
  VectorType all = join.getDestVectorType();
  Builder builder(join.getContext());
  // Code that is never reached may go round in a circle.
  int64_t end = all.getDimSize(0);
  for (vector::InsertStridedSliceOp insert = join; insert && end > 0;
       insert =
           insert.getDest().getDefiningOp<vector::InsertStridedSliceOp>()) {
    auto reduction =
        insert.getValueToStore().getDefiningOp<vector::MultiDimReductionOp>();
    VectorType part = insert.getSourceVectorType();
    end -= part.getDimSize(0);
    SmallVector<Attribute> first(all.getRank(), builder.getI64IntegerAttr(0));
    first.front() = builder.getI64IntegerAttr(end);
    if (!reduction || isBlockMaximum(reduction) ||
        part.getShape().drop_front() != all.getShape().drop_front() ||
        insert.getOffsets().getValue() != ArrayRef(first))
      return {};
    reductions.push_back(reduction);
  }
  if (end != 0)
    return {};
  std::reverse(reductions.begin(), reductions.end());
  return reductions;
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
    SmallVector<vector::MultiDimReductionOp, 1> reductions;
    auto reduction = dyn_cast<vector::MultiDimReductionOp>(source);
    if (auto join = dyn_cast<vector::InsertStridedSliceOp>(source))
      reductions = getJoined(join);
    else if (reduction && (isInReduction || !isBlockMaximum(reduction)))
      reductions.push_back(reduction);
    if (reduction && reductions.empty()) {
      if (origin.maximum)
        return write->emitError("comes from more than one maximum");
      origin.maximum = reduction;
    } else if (!reductions.empty()) {
      if (!isInReduction && origin.sums && origin.sums != value)
        return write->emitError("comes from more than one reduction");
      if (!isInReduction) {
        origin.sums = value;
        origin.reductions = reductions;
      }
      for (vector::MultiDimReductionOp own : reductions)
        for (Value operand : own->getOperands())
          worklist.push_back({operand, true});
      continue;
    }
    for (Value operand : source->getOperands())
      worklist.push_back({operand, isInReduction});
  }
  if (!origin.sums || origin.contracts.empty())
    return write->emitError("must come from a reduction of a contraction");
  return origin;
}
