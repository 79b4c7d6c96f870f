//===- FilterOps.cpp - Verifiers and effects of the filter ops ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Effects.h"
#include "MemorySpaces.h"
#include "mqa/Dialect/MQA/IR/EnumCases.h"
#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::mqa;

/// What there is of each row lies in shared memory.
template <typename Op> static LogicalResult verifyRows(Op op) {
  MemRefType counts = op.getCounts().getType();
  MemRefType thresholds = op.getThresholds().getType();
  if (failed(verifyStaged(op, "counts", counts)) ||
      failed(verifyStaged(op, "thresholds", thresholds)))
    return failure();
  if (counts.getDimSize(0) == thresholds.getDimSize(0))
    return success();
  return op.emitOpError() << "operands 'counts' and 'thresholds' must have an "
                             "element for each row, found "
                          << counts << " and " << thresholds;
}

LogicalResult FilteredRowsOp::verify() {
  if (failed(verifyRows(*this)) ||
      failed(verifyStaged(*this, "meeting", getMeeting().getType())))
    return failure();
  if (getLimit() >= getPlaces())
    return emitOpError() << "'limit' must be below 'places', " << getPlaces()
                         << ", found " << getLimit();
  return success();
}

namespace {
/// The sizes are operands.
template <typename RowsOp> struct FoldSizes : OpRewritePattern<memref::DimOp> {
  using OpRewritePattern<memref::DimOp>::OpRewritePattern;

  LogicalResult matchAndRewrite(memref::DimOp op,
                                PatternRewriter &rewriter) const override {
    auto rows = op.getSource().template getDefiningOp<RowsOp>();
    std::optional<int64_t> dim = op.getConstantIndex();
    if (!rows || !dim || *dim < 0 || *dim > 1)
      return rewriter.notifyMatchFailure(op, "is no size of such rows");
    rewriter.replaceOp(op, *dim ? rows.getNumColumns() : rows.getNumRows());
    return success();
  }
};
} // namespace

void FilteredRowsOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                                 MLIRContext *context) {
  patterns.add<FoldSizes<FilteredRowsOp>>(context);
}

void WordRowsOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                             MLIRContext *context) {
  patterns.add<FoldSizes<WordRowsOp>>(context);
}

Role MeetOp::getRole() { return Role::Consumer; }

/// It is neither removed nor moved.
void MeetOp::getEffects(EffectList &effects) {
  effects.emplace_back(MemoryEffects::Write::get(),
                       SideEffects::DefaultResource::get());
}

LogicalResult MeetOp::verify() {
  bool isConditional = static_cast<bool>(getMeeting());
  if (isConditional != static_cast<bool>(getKey()) ||
      isConditional != static_cast<bool>(getEnd()))
    return emitOpError(
        "must have all of 'meeting', 'key' and 'until', or none");
  if (isConditional)
    return verifyStaged(*this, "meeting", getMeeting().getType());
  return success();
}

void CutListsOp::getEffects(EffectList &effects) {
  for (OpOperand *operand :
       {&getMemoryMutable(), &getCountsMutable(), &getThresholdsMutable()}) {
    addRead(effects, *operand);
    addWrite(effects, *operand);
  }
  addRead(effects, getRangesMutable());
}

LogicalResult CutListsOp::verify() {
  if (!(*this)->getParentOfType<MeetOp>())
    return emitOpError("must be in an mqa.meet");
  if (failed(verifyRows(*this)))
    return failure();
  if (!areByKey(getTies()))
    return emitOpError("is of lists without an order: 'ties' must be smallest "
                       "or greatest");
  if (getKeep() + getSlack() > getAbove() || getAbove() >= getPlaces())
    return emitOpError() << "needs 'keep' + 'slack' <= 'above' < 'places', "
                            "found "
                         << getKeep() << ", " << getSlack() << ", "
                         << getAbove() << " and " << getPlaces();
  return success();
}

void AppendLogitsOp::getEffects(EffectList &effects) {
  addWrite(effects, getMemoryMutable());
  addRead(effects, getCountsMutable());
  addWrite(effects, getCountsMutable());
  addWrite(effects, getMeetingMutable());
}

LogicalResult AppendLogitsOp::verify() {
  if (getLimit() >= getPlaces())
    return emitOpError() << "'limit' must be below 'places', " << getPlaces()
                         << ", found " << getLimit();
  return failure(
      failed(verifyStaged(*this, "counts", getCounts().getType())) ||
      failed(verifyStaged(*this, "meeting", getMeeting().getType())));
}
