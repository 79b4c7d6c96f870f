//===- LogitsOp.cpp - mqa.logits: verifier, effects, canonicalisation -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Effects.h"
#include "KeyBlockRules.h"
#include "RangesOps.h"
#include "SharedFolds.h"
#include "Slices.h"
#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mqa;

SmallVector<Value> LogitsOp::getDataOperands() {
  Value ks = getKs(), ke = getKe();
  if (MakeRangesOp made = getRanges() ? getOrigin(getRanges()) : nullptr) {
    ks = made.getKs();
    ke = made.getKe();
  }
  return {getQ(), getK(),   getKScale(),    getWeights(),      ks,
          ke,     getOut(), getKeyBlocks(), getNumKeyBlocks(), getQScale()};
}

bool LogitsOp::hasCompressedRows() {
  MakeRangesOp made = getRanges() ? getOrigin(getRanges()) : nullptr;
  return getCompressed() || (made && made.getCompressed());
}

int64_t LogitsOp::getColumnKeys() {
  std::optional<int64_t> keys = getBlockMax();
  if (MakeRangesOp made = getRanges() ? getOrigin(getRanges()) : nullptr)
    keys = made.getBlockMax();
  return keys.value_or(1);
}

bool LogitsOp::hasBlockRanges() {
  return getRanges() && getBlockOrigin(getRanges());
}

OpFoldResult LogitsOp::getNumSequenceKeys(OpBuilder &b) {
  // Then `key_offset` counts columns.
  if (hasKeyBlocks())
    return getDim(b, getLoc(), getK(), 0);
  // Columns that are no keys do not say how many keys there are.
  OpFoldResult own = hasKeyColumns() ? getDim(b, getLoc(), getOut(), 1)
                                     : getDim(b, getLoc(), getK(), 0);
  return addOffset(b, getLoc(), getKeyOffset(), own);
}

Value LogitsOp::getOrMakeRanges(OpBuilder &b) {
  if (getRanges())
    return getRanges();
  Value numKeys =
      getValueOrCreateConstantIndexOp(b, getLoc(), getNumSequenceKeys(b));
  return MakeRangesOp::create(b, getLoc(), getKs(), getKe(), numKeys,
                              /*next_n=*/IntegerAttr(), getCompressedAttr(),
                              getBlockMaxAttr());
}

void LogitsOp::replaceBounds(Value ranges) {
  getKsMutable().clear();
  getKeMutable().clear();
  setCompressed(false);
  removeBlockMaxAttr();
  getRangesMutable().assign(ranges);
}

ArrayRef<StringRef> LogitsOp::getDataOperandNames() {
  static const StringRef names[] = {
      "q",  "k",   "k_scale",    "weights",        "ks",
      "ke", "out", "key_blocks", "num_key_blocks", "q_scale"};
  return names;
}

//===----------------------------------------------------------------------===//
// Verifier
//===----------------------------------------------------------------------===//

/// What each data operand of `op` must look like. With groups, k has three
/// dims.
SmallVector<OperandRule> mqa::getOperandRules(LogitsOp op) {
  Builder b(op.getContext());
  auto key = dyn_cast<ShapedType>(op.getK().getType());
  bool grouped = key && key.hasRank() && key.getRank() == 3;
  // Rows may be strided; of scales that are one to a row, nothing is inside.
  return {
      {"q", op.hasMxQueries() ? "MHY" : "MHD", getQueryTypes(op),
       /*numStrided=*/1},
      {"k",
       op.hasMxKeys() ? "NX"
       : grouped      ? "NGD"
                      : "ND",
       getKeyTypes(op), 1},
      {"k_scale",
       grouped                          ? "NG"
       : areTypedScales(op.getKScale()) ? "N4"
                                        : "N",
       getKeyScaleTypes(op), 1},
      {"weights", "MH", {b.getF32Type(), b.getBF16Type()}, 1},
      {"ks", "M", {b.getI32Type()}, 0},
      {"ke", "M", {b.getI32Type()}, 0},
      {"out",
       op.hasKeyBlocks()        ? "MC"
       : op.hasCompressedRows() ? "MS"
       : op.getColumnKeys() > 1 ? "MJ"
                                : "MN",
       {b.getF32Type(), b.getBF16Type(), b.getF16Type()},
       1},
      {"key_blocks", "MB", {b.getI32Type()}, 1},
      {"num_key_blocks", "M", {b.getI32Type()}, 0},
      {"q_scale", areTypedScales(op.getQScale()) ? "MH4" : "MH",
       getBlockScaleTypes(b), 1},
  };
}

/// An op has bounds, or is a tile of one that has.
static LogicalResult verifyForm(LogitsOp op) {
  if (!op.getRanges() && !op.getKe())
    return op.emitOpError("needs 'ke', or 'ranges' where it is a tile");
  if (!op.getRanges())
    return success();
  if (op.getKs() || op.getKe() || op.getCompressed() || op.getBlockMax())
    return op.emitOpError("with 'ranges' has no 'ks', 'ke', 'compressed' or "
                          "'block_max', which the ranges say");
  if (!isa<MemRefType>(op.getOut().getType()))
    return op.emitOpError("with 'ranges' must be on memrefs, found 'out' of ")
           << op.getOut().getType();
  return verifyRanges(op, op.getRanges());
}

/// A maximum over blocks has as many columns as there are blocks.
static LogicalResult verifyColumns(LogitsOp op) {
  if (failed(verifyBlockMax(op, op.getBlockMax(), op.getKeyOffset())))
    return failure();
  if (op.getBlockMax() && op.getCompressed())
    return op.emitOpError("has 'block_max', whose blocks are counted from key "
                          "0, and 'compressed', where a row begins with its "
                          "range");
  int64_t keys = op.getKeyType().getDimSize(0), size = op.getColumnKeys();
  int64_t columns = op.getOutType().getDimSize(1);
  int64_t blocks = llvm::divideCeil(std::max<int64_t>(keys, 0), size);
  if (size == 1 || ShapedType::isDynamic(keys) ||
      ShapedType::isDynamic(columns) || columns == blocks)
    return success();
  return emitSizeError(op, "number of blocks J (dimension 1 of 'out')",
                       "ceil(N / " + Twine(size) + ") = " + Twine(blocks),
                       columns);
}

LogicalResult LogitsOp::verify() {
  if (failed(verifyForm(*this)) || failed(verifyQueryScales(*this)) ||
      failed(verifyKeyBlocks(*this, {{static_cast<bool>(getRanges()), "ranges"},
                                     {getCompressed(), "compressed"},
                                     {getBlockMax().has_value(), "block_max"},
                                     {hasKeyGroups(), "key groups"}})))
    return failure();
  // Without what ranges were made from: that has the rows of other tiles too.
  SmallVector<Value> operands{
      getQ(),  getK(),   getKScale(),    getWeights(),      getKs(),
      getKe(), getOut(), getKeyBlocks(), getNumKeyBlocks(), getQScale()};
  if (failed(verifyOperands(*this, operands, getOperandRules(*this))))
    return failure();
  if (failed(verifyHeads(*this, "dimension 1 of 'q'", getNumHeads(),
                         "dimension 2 of 'q'", getHeadDim())) ||
      failed(verifyMxQueries(*this, "dimension 1 of 'k'")) ||
      failed(verifyMxKeys(*this, "dimension 1 of 'k'")) ||
      failed(verifyBlockColumns(*this, "out", getOutType())))
    return failure();
  // A dynamic size is negative.
  if (getNumGroups() < 1 || getNumHeads() % getNumGroups())
    return emitSizeError(*this, "number of key groups G (dimension 1 of 'k')",
                         "a divisor of H = " + Twine(getNumHeads()),
                         getNumGroups());
  if (failed(verifyColumns(*this)))
    return failure();
  return verifyMemory(*this, operands, getOperandRules(*this), getResult());
}

//===----------------------------------------------------------------------===//
// Effects, shapes
//===----------------------------------------------------------------------===//

void LogitsOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  addLogitsEffects(*this, effects);
  for (OpOperand &ranges : getRangesMutable())
    addRead(effects, ranges);
}

LogicalResult
LogitsOp::reifyResultShapes(OpBuilder &b,
                            ReifiedRankedShapedTypeDims &reifiedReturnShapes) {
  return reifyShapeOfOut(*this, b, reifiedReturnShapes);
}

//===----------------------------------------------------------------------===//
// Canonicalisation
//===----------------------------------------------------------------------===//

LogicalResult LogitsOp::fold(FoldAdaptor adaptor,
                             SmallVectorImpl<OpFoldResult> &results) {
  return foldLogits(*this, adaptor.getKeyOffset(), results);
}

namespace {
/// mqa.logits(tensor.cast(x)) -> mqa.logits(x), where the cast only forgot
/// static sizes: a kernel for known sizes is never worse.
struct FoldTensorCast : OpRewritePattern<LogitsOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(LogitsOp op,
                                PatternRewriter &rewriter) const override {
    bool changed = false;
    Value newOut;
    rewriter.startOpModification(op);
    for (OpOperand &operand : op->getOpOperands()) {
      auto cast = operand.get().getDefiningOp<tensor::CastOp>();
      if (!cast || !tensor::canFoldIntoConsumerOp(cast))
        continue;
      changed = true;
      if (op.isDpsInit(&operand))
        newOut = cast.getSource();
      operand.set(cast.getSource());
    }
    if (!changed) {
      rewriter.cancelOpModification(op);
      return rewriter.notifyMatchFailure(op, "no operand is a foldable cast");
    }
    if (newOut) {
      Type oldType = op.getResult().getType();
      op.getResult().setType(cast<RankedTensorType>(newOut.getType()));
      rewriter.setInsertionPointAfter(op);
      auto castBack = tensor::CastOp::create(rewriter, op.getLoc(), oldType,
                                             op.getResult());
      rewriter.replaceAllUsesExcept(op.getResult(), castBack, castBack);
    }
    rewriter.finalizeOpModification(op);
    return success();
  }
};
} // namespace

void LogitsOp::getCanonicalizationPatterns(RewritePatternSet &results,
                                           MLIRContext *context) {
  results.add<FoldTensorCast>(context);
}
