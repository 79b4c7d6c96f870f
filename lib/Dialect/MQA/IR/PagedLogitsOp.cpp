//===- PagedLogitsOp.cpp - mqa.paged_logits: verifier, effects, tiling ----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KeyBlockRules.h"
#include "SharedFolds.h"
#include "Slices.h"
#include "mqa/Dialect/MQA/IR/EmptyOperands.h"
#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mqa;

SmallVector<Value> PagedLogitsOp::getDataOperands() {
  return {getQ(),           getK(),
          getKScale(),      getWeights(),
          getContextLens(), getBlockTable(),
          getOut(),         getSequence(),
          getKeyBlocks(),   getNumKeyBlocks(),
          getQScale()};
}

ArrayRef<StringRef> PagedLogitsOp::getDataOperandNames() {
  static const StringRef names[] = {
      "q",           "k",   "k_scale",  "weights",    "context_lens",
      "block_table", "out", "sequence", "key_blocks", "num_key_blocks",
      "q_scale"};
  return names;
}

//===----------------------------------------------------------------------===//
// Verifier
//===----------------------------------------------------------------------===//

/// R is B * T, which is checked apart, unless rows name their sequences.
SmallVector<OperandRule> mqa::getOperandRules(PagedLogitsOp op) {
  Builder b(op.getContext());
  auto lens = dyn_cast<ShapedType>(op.getContextLens().getType());
  bool ofRows = op.namesSequences();
  bool perQuery = !ofRows && lens && lens.hasRank() && lens.getRank() == 2;
  return {
      {"q",
       op.hasMxQueries() ? (ofRows ? "RHY" : "BTHY")
                         : (ofRows ? "RHD" : "BTHD"),
       getQueryTypes(op), /*numStrided=*/1},
      {"k", op.hasMxKeys() ? "CPX" : "CPD", getKeyTypes(op), 1},
      {"k_scale", areTypedScales(op.getKScale()) ? "CP4" : "CP",
       getKeyScaleTypes(op), 1},
      {"weights", "RH", {b.getF32Type(), b.getBF16Type()}, 1},
      {"context_lens",
       ofRows     ? "R"
       : perQuery ? "BT"
                  : "B",
       {b.getI32Type()},
       perQuery},
      {"block_table", "BS", {b.getI32Type()}, 1},
      {"out",
       op.hasKeyBlocks()  ? "RK"
       : op.getBlockMax() ? "RJ"
                          : "RN",
       {b.getF32Type(), b.getBF16Type(), b.getF16Type()},
       1},
      {"sequence", "R", {b.getI32Type()}, 0},
      {"key_blocks", "RL", {b.getI32Type()}, 1},
      {"num_key_blocks", "R", {b.getI32Type()}, 0},
      {"q_scale", areTypedScales(op.getQScale()) ? "RH4" : "RH",
       getBlockScaleTypes(b), 1},
  };
}

LogicalResult PagedLogitsOp::verify() {
  if (failed(verifyQueryScales(*this)))
    return failure();
  if (failed(verifyKeyBlocks(
          *this, {{getBlockMax().has_value(), "block_max"},
                  {getRowsPerSequence().has_value(), "rows_per_sequence"}})))
    return failure();
  SmallVector<OperandRule> rules = getOperandRules(*this);
  if (failed(verifyOperands(*this, getDataOperands(), rules)))
    return failure();
  bool ofRows = namesSequences();
  if (failed(verifyHeads(
          *this, ofRows ? "dimension 1 of 'q'" : "dimension 2 of 'q'",
          getNumHeads(), ofRows ? "dimension 2 of 'q'" : "dimension 3 of 'q'",
          getHeadDim())) ||
      failed(verifyMxQueries(*this, "dimension 2 of 'k'")) ||
      failed(verifyMxKeys(*this, "dimension 2 of 'k'")) ||
      failed(verifyBlockMax(*this, getBlockMax(), getKeyOffset())) ||
      failed(verifyBlockColumns(*this, "out", getOutType())))
    return failure();
  // A dynamic size is negative.
  constexpr int64_t kMinBlockKv = 16, kMaxBlockKv = 256;
  int64_t nextN = getSequenceQueries(), blockKv = getPageKeys();
  if (nextN < 1 || nextN > shapes::kMaxNextN)
    return emitSizeError(*this, "next_n T (dimension 1 of 'q')", "from 1 to 8",
                         nextN);
  if (blockKv < kMinBlockKv || blockKv > kMaxBlockKv ||
      !llvm::isPowerOf2_64(blockKv))
    return emitSizeError(*this, "block_kv P (dimension 1 of 'k')",
                         "a power of two from 16 to 256", blockKv);
  if (std::optional<int64_t> count = getRowsPerSequence()) {
    if (!ofRows)
      return emitOpError("has 'rows_per_sequence', which is for rows that name "
                         "their sequences (operand 'sequence')");
    if (*count < 1 || *count > shapes::kMaxNextN)
      return emitSizeError(*this, "'rows_per_sequence'", "from 1 to 8", *count);
  }
  if (ofRows)
    return verifyMemory(*this, getDataOperands(), rules, getResult());
  int64_t batch = getQueryType().getDimSize(0);
  for (auto [value, name] :
       {std::pair<Value, StringRef>{getWeights(), "weights"},
        {getOut(), "out"},
        {getKeyBlocks(), "key_blocks"},
        {getNumKeyBlocks(), "num_key_blocks"},
        {getQScale(), "q_scale"}}) {
    int64_t rows = value ? cast<ShapedType>(value.getType()).getDimSize(0)
                         : ShapedType::kDynamic;
    if (ShapedType::isDynamic(rows))
      continue;
    bool isWhole = rows % nextN == 0;
    if (!isWhole || (!ShapedType::isDynamic(batch) && rows != batch * nextN))
      return emitOpError() << "dimension 0 of '" << name << "' is " << rows
                           << ", but must be next_n = " << nextN
                           << " for each sequence of 'q'";
  }
  return verifyMemory(*this, getDataOperands(), rules, getResult());
}

//===----------------------------------------------------------------------===//
// Effects, shapes, folding
//===----------------------------------------------------------------------===//

void PagedLogitsOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  addLogitsEffects(*this, effects);
}

LogicalResult PagedLogitsOp::reifyResultShapes(
    OpBuilder &b, ReifiedRankedShapedTypeDims &reifiedReturnShapes) {
  return reifyShapeOfOut(*this, b, reifiedReturnShapes);
}

LogicalResult PagedLogitsOp::fold(FoldAdaptor adaptor,
                                  SmallVectorImpl<OpFoldResult> &results) {
  return foldLogits(*this, adaptor.getKeyOffset(), results);
}

//===----------------------------------------------------------------------===//
// Tiling
//===----------------------------------------------------------------------===//

SmallVector<utils::IteratorType> PagedLogitsOp::getLoopIteratorTypes() {
  return {utils::IteratorType::parallel, utils::IteratorType::parallel};
}

/// Sequences x columns, or rows x columns where rows name their sequences.
SmallVector<Range> PagedLogitsOp::getIterationDomain(OpBuilder &b) {
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  return {Range{zero, getDim(b, getLoc(), getQ(), 0), one},
          Range{zero, getDim(b, getLoc(), getOut(), 1), one}};
}

FailureOr<TilingResult>
PagedLogitsOp::getTiledImplementation(OpBuilder &b,
                                      ArrayRef<OpFoldResult> offsets,
                                      ArrayRef<OpFoldResult> sizes) {
  if (hasEmptyOperand(*this))
    return failure();
  Location loc = getLoc();
  // Sequences (or rows) [s, s + numS), columns [n, n + numN).
  OpFoldResult s = offsets[0], n = offsets[1];
  OpFoldResult numS = sizes[0], numN = sizes[1];
  auto timesNextN = [&](OpFoldResult sequences) {
    return affine::makeComposedFoldedAffineApply(
        b, loc, b.getAffineDimExpr(0) * getSequenceQueries(), {sequences});
  };
  SmallVector<Operation *> slices;
  // The first dimension is cut, and of `out` its columns; the others are whole.
  auto slice = [&](Value operand, OpFoldResult offset, OpFoldResult size,
                   bool cutsColumns = false) {
    int64_t rank = cast<ShapedType>(operand.getType()).getRank();
    SmallVector<OpFoldResult> sliceOffsets{offset}, sliceSizes{size};
    for (int64_t dim = 1; dim < rank; ++dim) {
      sliceOffsets.push_back(cutsColumns ? n : b.getIndexAttr(0));
      sliceSizes.push_back(cutsColumns ? numN : getDim(b, loc, operand, dim));
    }
    Value result = getSlice(b, loc, operand, sliceOffsets, sliceSizes);
    slices.push_back(result.getDefiningOp());
    return result;
  };
  OpFoldResult row = timesNextN(s), numRows = timesNextN(numS);
  Value q = slice(getQ(), s, numS);
  Value weights = getWeights() ? slice(getWeights(), row, numRows) : Value();
  Value qScale = getQScale() ? slice(getQScale(), row, numRows) : Value();
  Value lens = slice(getContextLens(), s, numS);
  // A row may be of any sequence.
  Value table = getBlockTable(), sequence = getSequence();
  if (sequence)
    sequence = slice(sequence, s, numS);
  else
    table = slice(table, s, numS);
  Value blocks = getKeyBlocks(), numBlocks = getNumKeyBlocks();
  if (hasKeyBlocks()) {
    blocks = slice(blocks, row, numRows);
    numBlocks = slice(numBlocks, row, numRows);
  }
  Value out = slice(getOut(), row, numRows, /*cutsColumns=*/true);
  OpFoldResult firstKey = affine::makeComposedFoldedAffineApply(
      b, loc, b.getAffineDimExpr(0) * getColumnKeys(), {n});
  Value keyOffset = getValueOrCreateConstantIndexOp(
      b, loc, addOffset(b, loc, getKeyOffset(), firstKey));
  auto tiled = PagedLogitsOp::create(
      b, loc, getResult() ? out.getType() : Type(), q, getK(), getKScale(),
      weights, lens, table, keyOffset, out, sequence, blocks, numBlocks, qScale,
      getCleanAttr(), getActivationAttr(), getScheduleAttr(), getBlockMaxAttr(),
      getRowsPerSequenceAttr(), getKeyBlockSizeAttr(), getHeadReductionAttr());
  return TilingResult{{tiled}, SmallVector<Value>(tiled->getResults()), slices};
}

LogicalResult PagedLogitsOp::getResultTilePosition(
    OpBuilder &b, unsigned, ArrayRef<OpFoldResult> offsets,
    ArrayRef<OpFoldResult> sizes, SmallVector<OpFoldResult> &resultOffsets,
    SmallVector<OpFoldResult> &resultSizes) {
  resultOffsets.assign(offsets.begin(), offsets.end());
  resultSizes.assign(sizes.begin(), sizes.end());
  // A sequence has next_n rows.
  for (OpFoldResult *rows : {&resultOffsets[0], &resultSizes[0]})
    *rows = affine::makeComposedFoldedAffineApply(
        b, getLoc(), b.getAffineDimExpr(0) * getSequenceQueries(), {*rows});
  return success();
}

FailureOr<TilingResult>
PagedLogitsOp::generateResultTileValue(OpBuilder &b, unsigned,
                                       ArrayRef<OpFoldResult> offsets,
                                       ArrayRef<OpFoldResult> sizes) {
  // A tile of rows is one of sequences where there is a row for each.
  if (getSequenceQueries() != 1)
    return failure();
  return getTiledImplementation(b, offsets, sizes);
}
