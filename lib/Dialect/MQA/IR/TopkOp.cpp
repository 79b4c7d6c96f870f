//===- TopkOp.cpp - mqa.topk: verifier, effects ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KeyBlockRules.h"
#include "Selections.h"
#include "Slices.h"
#include "mqa/Dialect/MQA/IR/EnumCases.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mqa;

SmallVector<Value> TopkOp::getDataOperands() {
  return {getLogits(),     getKs(),        getKe(),          getContextLens(),
          getBlockTable(), getSequence(),  getOffset(),      getIndices(),
          getValues(),     getKeyBlocks(), getNumKeyBlocks()};
}

ArrayRef<StringRef> TopkOp::getDataOperandNames() {
  static const StringRef names[] = {
      "logits",        "ks",     "ke",      "context_lens", "block_table",
      "sequence",      "offset", "indices", "values",       "key_blocks",
      "num_key_blocks"};
  return names;
}

/// Whether every row has a length of its own in `context_lens`.
static bool hasLengthPerRow(TopkOp op) {
  auto lens = op.getContextLens()
                  ? dyn_cast<ShapedType>(op.getContextLens().getType())
                  : ShapedType();
  return lens && lens.hasRank() && lens.getRank() == 2;
}

int64_t TopkOp::getRowsOfSequence() {
  if (std::optional<int64_t> nextN = getNextN())
    return *nextN;
  return hasLengthPerRow(*this)
             ? cast<ShapedType>(getContextLens().getType()).getDimSize(1)
             : 1;
}

SelectionAttr TopkOp::getSelection() {
  return SelectionAttr::get(getContext(), getNumSelected(), getTieBreak(),
                            getOrder(), getBase(), getForceFirst(),
                            getForceLast(), getBlockKv().value_or(0),
                            hasSequencesInOrder() ? getRowsOfSequence() : 0);
}

//===----------------------------------------------------------------------===//
// Verifier
//===----------------------------------------------------------------------===//

/// M is B * T where sequences are in order, which is checked apart.
SmallVector<OperandRule> mqa::getOperandRules(TopkOp op) {
  Builder b(op.getContext());
  bool perRow = hasLengthPerRow(op);
  return {
      {"logits",
       op.hasKeyBlocks()    ? "MC"
       : op.getCompressed() ? "MS"
                            : "MN",
       {b.getF32Type(), b.getBF16Type(), b.getF16Type()},
       /*numStrided=*/1},
      {"ks", "M", {b.getI32Type()}, 0},
      {"ke", "M", {b.getI32Type()}, 0},
      {"context_lens",
       perRow             ? "BT"
       : op.getSequence() ? "M"
                          : "B",
       {b.getI32Type()},
       perRow},
      {"block_table", "BW", {b.getI32Type()}, 1},
      {"sequence", "M", {b.getI32Type()}, 0},
      {"offset", "M", {b.getI32Type()}, 0},
      {"indices", "MK", {b.getI32Type()}, 1},
      {"values", "MK", {b.getF32Type()}, 1},
      {"key_blocks", "ML", {b.getI32Type()}, 1},
      {"num_key_blocks", "M", {b.getI32Type()}, 0},
  };
}

/// What says where the range of a row lies.
static LogicalResult verifyRanges(TopkOp op) {
  if (!op.getKe() == !op.getContextLens())
    return op.emitOpError() << "must have either 'ke' or 'context_lens', found "
                            << (op.getKe() ? "both" : "neither");
  if (op.getKs() && op.getContextLens())
    return op.emitOpError("has 'context_lens', whose ranges begin at 0, and "
                          "must not have 'ks'");
  if (op.getNumKeys() && !op.getCompressed() && !op.hasKeyBlocks())
    return op.emitOpError("has 'num_keys', which is for 'compressed' ops and "
                          "those with 'key_blocks': this one has as many keys "
                          "as 'logits' has columns");
  return success();
}

static LogicalResult verifyForced(TopkOp op) {
  int64_t first = op.getForceFirst(), last = op.getForceLast();
  if (first < 0)
    return emitSizeError(op, "attribute 'force_first'", "0 or more", first);
  if (last < 0)
    return emitSizeError(op, "attribute 'force_last'", "0 or more", last);
  int64_t numSelected = op.getNumSelected();
  // Their sum may not fit.
  if (first > numSelected || last > numSelected - first)
    return op.emitOpError()
           << "attributes 'force_first' and 'force_last' must "
              "be at most k = "
           << numSelected << " together, found " << first << " and " << last;
  return success();
}

/// Those that only `base = slot` has. With key blocks, the table also says
/// how many keys there are.
static LogicalResult verifyTable(TopkOp op) {
  bool isSlot = needsBlockTable(op.getBase());
  if (isSlot && !op.getBlockTable())
    return op.emitOpError("with base = slot must have 'block_table'");
  if (isSlot && !op.getBlockKv())
    return op.emitOpError("with base = slot must have 'block_kv'");
  bool mayHaveTable = isSlot || op.hasKeyBlocks();
  if (!mayHaveTable && (op.getBlockTable() || op.getBlockKv()))
    return op.emitOpError()
           << "has '" << (op.getBlockTable() ? "block_table" : "block_kv")
           << "', which is for base = slot, found base = "
           << stringifyIndexBase(op.getBase());
  if (!op.getBlockTable() != !op.getBlockKv())
    return op.emitOpError("has 'block_table' and 'block_kv' together");
  if (op.getSequence() && !op.getBlockTable())
    return op.emitOpError("has 'sequence', which must have a 'block_table'");
  if (op.getSequence() && hasLengthPerRow(op))
    return op.emitOpError("has 'sequence', and must have 'context_lens' of one "
                          "dimension, a length for each row");
  constexpr int64_t kMaxBlockKv = 65536;
  if (std::optional<int64_t> blockKv = op.getBlockKv())
    if (*blockKv < 1 || *blockKv > kMaxBlockKv ||
        !llvm::isPowerOf2_64(*blockKv))
      return emitSizeError(op, "block_kv P (attribute 'block_kv')",
                           "a power of two from 1 to 65536", *blockKv);
  return success();
}

/// M = B * T.
static LogicalResult verifySequences(TopkOp op) {
  if (!op.hasSequencesInOrder()) {
    if (op.getNextN())
      return op.emitOpError("has 'next_n', which is for rows that are in the "
                            "order of their sequences: of 'context_lens', or "
                            "of a 'block_table' without 'sequence'");
    return success();
  }
  // A dynamic size is negative.
  int64_t nextN = op.getRowsOfSequence();
  if (nextN < 1)
    return emitSizeError(op,
                         op.getNextN()
                             ? "next_n T (attribute 'next_n')"
                             : "next_n T (dimension 1 of 'context_lens')",
                         "1 or more", nextN);
  bool isPerRow = hasLengthPerRow(op);
  if (isPerRow) {
    int64_t size =
        cast<ShapedType>(op.getContextLens().getType()).getDimSize(1);
    if (!ShapedType::isDynamic(size) && size != nextN)
      return op.emitOpError() << "dimension 1 of 'context_lens' is " << size
                              << ", but 'next_n' is " << nextN;
  }
  Value sequences =
      op.getContextLens() ? op.getContextLens() : op.getBlockTable();
  StringRef name = op.getContextLens() ? "context_lens" : "block_table";
  int64_t batch = cast<ShapedType>(sequences.getType()).getDimSize(0);
  for (auto [value, operand] :
       llvm::zip_equal(op.getDataOperands(), op.getDataOperandNames())) {
    // Of those that have a row for each query.
    if (!value || value == op.getContextLens() || value == op.getBlockTable())
      continue;
    int64_t rows = cast<ShapedType>(value.getType()).getDimSize(0);
    if (ShapedType::isDynamic(rows))
      continue;
    if (rows % nextN ||
        (!ShapedType::isDynamic(batch) && rows / nextN != batch))
      return op.emitOpError() << "dimension 0 of '" << operand << "' is "
                              << rows << ", but must be next_n = " << nextN
                              << " for each sequence of '" << name << "'";
  }
  return success();
}

LogicalResult TopkOp::verify() {
  if (failed(verifyKeyBlocks(*this, {{getCompressed(), "'compressed' rows"}})))
    return failure();
  SmallVector<OperandRule> rules = getOperandRules(*this);
  if (failed(verifyOperands(*this, getDataOperands(), rules)) ||
      failed(verifyBlockColumns(*this, "logits",
                                cast<ShapedType>(getLogits().getType()))) ||
      failed(verifyNumSelected(*this)) || failed(verifyRanges(*this)) ||
      failed(verifyForced(*this)) || failed(verifyTable(*this)) ||
      failed(verifySequences(*this)))
    return failure();
  return verifyLayouts(*this, getDataOperands(), rules);
}

//===----------------------------------------------------------------------===//
// Effects, shapes, folding
//===----------------------------------------------------------------------===//

void TopkOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  addLogitsEffects(*this, effects);
}

LogicalResult
TopkOp::reifyResultShapes(OpBuilder &b,
                          ReifiedRankedShapedTypeDims &reifiedReturnShapes) {
  return reifyShapesOfSelection(*this, b, reifiedReturnShapes);
}

LogicalResult TopkOp::fold(FoldAdaptor, SmallVectorImpl<OpFoldResult> &) {
  return memref::foldMemRefCast(*this);
}
