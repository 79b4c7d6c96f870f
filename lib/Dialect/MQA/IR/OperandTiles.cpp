//===- OperandTiles.cpp - Fusing ops into the loops of producers ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// TilingInterface, from tiles of operands: which part of an op needs nothing
// else of the operands that a loop makes.
//
//===----------------------------------------------------------------------===//

#include "OperandRules.h"
#include "Slices.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/ValueBoundsOpInterface.h"

using namespace mlir;
using namespace mlir::mqa;

/// Whether `size` is that of dimension `dim` of `operand`.
static bool isWhole(OpFoldResult size, Value operand, int64_t dim) {
  int64_t known = cast<ShapedType>(operand.getType()).getDimSize(dim);
  if (std::optional<int64_t> constant = getConstantIntValue(size))
    return *constant == known;
  FailureOr<bool> equal = ValueBoundsConstraintSet::areEqual(
      ValueBoundsConstraintSet::Variable(size),
      ValueBoundsConstraintSet::Variable(operand, dim));
  return succeeded(equal) && *equal;
}

/// The data operand that operand `number` of `op` is, and its rule.
static std::optional<OperandRule> getRule(KernelOpInterface op,
                                          unsigned number) {
  Value operand = op->getOperand(number);
  if (!isa<ShapedType>(operand.getType()))
    return std::nullopt;
  // Data operands stand in this order.
  unsigned place =
      llvm::count_if(op->getOperands().take_front(number), [](Value before) {
        return isa<ShapedType>(before.getType());
      });
  for (auto [value, rule] :
       llvm::zip_equal(op.getDataOperands(), getOperandRules(op)))
    if (value && place-- == 0)
      return rule;
  return std::nullopt;
}

/// The tile of the domain that takes these tiles of operands. `dims` has a
/// letter for each dimension of the domain; other dimensions of operands are
/// not cut.
static LogicalResult
getDomainTile(OpBuilder &b, KernelOpInterface op, StringRef dims,
              ArrayRef<unsigned> operandNumbers,
              ArrayRef<SmallVector<OpFoldResult>> allOffsets,
              ArrayRef<SmallVector<OpFoldResult>> allSizes,
              SmallVectorImpl<OpFoldResult> &offsets,
              SmallVectorImpl<OpFoldResult> &sizes) {
  offsets.assign(dims.size(), {});
  sizes.assign(dims.size(), {});
  for (auto [number, tileOffsets, tileSizes] :
       llvm::zip_equal(operandNumbers, allOffsets, allSizes)) {
    std::optional<OperandRule> rule = getRule(op, number);
    if (!rule)
      return failure();
    for (auto [i, letter] : llvm::enumerate(rule->dims)) {
      size_t dim = dims.find(letter);
      if (dim == StringRef::npos) {
        if (!isConstantIntValue(tileOffsets[i], 0) ||
            !isWhole(tileSizes[i], op->getOperand(number), i))
          return failure();
        continue;
      }
      if (offsets[dim] &&
          (!isEqualConstantIntOrValue(offsets[dim], tileOffsets[i]) ||
           !isEqualConstantIntOrValue(sizes[dim], tileSizes[i])))
        return failure();
      offsets[dim] = tileOffsets[i];
      sizes[dim] = tileSizes[i];
    }
  }
  SmallVector<Range> domain =
      cast<TilingInterface>(op.getOperation()).getIterationDomain(b);
  for (auto [range, offset, size] : llvm::zip_equal(domain, offsets, sizes))
    if (!offset) {
      offset = range.offset;
      size = range.size;
    }
  return success();
}

/// The op on these tiles of operands.
template <typename OpTy>
static FailureOr<TilingResult>
tileFromOperands(OpTy op, OpBuilder &b, ArrayRef<unsigned> operandNumbers,
                 ArrayRef<SmallVector<OpFoldResult>> allOffsets,
                 ArrayRef<SmallVector<OpFoldResult>> allSizes) {
  SmallVector<OpFoldResult> offsets, sizes;
  if (failed(op.getIterationDomainTileFromOperandTiles(
          b, operandNumbers, allOffsets, allSizes, offsets, sizes)))
    return failure();
  return op.getTiledImplementation(b, offsets, sizes);
}

/// A tile of logits has a 'key_offset' ahead of its destination and what is
/// behind that, which the whole op has not: upstream would take the one for the
/// other.
template <typename OpTy>
static bool movesDestination(OpTy op, ArrayRef<unsigned> operandNumbers) {
  unsigned out = op.getOutMutable().getOperandNumber();
  return !op.getKeyOffset() &&
         llvm::any_of(operandNumbers,
                      [&](unsigned number) { return number >= out; });
}

//===----------------------------------------------------------------------===//
// The ops
//===----------------------------------------------------------------------===//

LogicalResult LogitsOp::getIterationDomainTileFromOperandTiles(
    OpBuilder &b, ArrayRef<unsigned> operandNumbers,
    ArrayRef<SmallVector<OpFoldResult>> allOffsets,
    ArrayRef<SmallVector<OpFoldResult>> allSizes,
    SmallVectorImpl<OpFoldResult> &offsets,
    SmallVectorImpl<OpFoldResult> &sizes) {
  if (movesDestination(*this, operandNumbers))
    return failure();
  // Compressed rows have all keys. Tiles of other operands may not be of whole
  // blocks.
  StringRef dims = hasKeyBlocks()        ? "MC"
                   : hasCompressedRows() ? "M-"
                   : getColumnKeys() > 1 ? "MJ"
                                         : "MN";
  return getDomainTile(b, *this, dims, operandNumbers, allOffsets, allSizes,
                       offsets, sizes);
}

FailureOr<TilingResult> LogitsOp::getTiledImplementationFromOperandTiles(
    OpBuilder &b, ArrayRef<unsigned> operandNumbers,
    ArrayRef<SmallVector<OpFoldResult>> allOffsets,
    ArrayRef<SmallVector<OpFoldResult>> allSizes) {
  return tileFromOperands(*this, b, operandNumbers, allOffsets, allSizes);
}

LogicalResult PagedLogitsOp::getIterationDomainTileFromOperandTiles(
    OpBuilder &b, ArrayRef<unsigned> operandNumbers,
    ArrayRef<SmallVector<OpFoldResult>> allOffsets,
    ArrayRef<SmallVector<OpFoldResult>> allSizes,
    SmallVectorImpl<OpFoldResult> &offsets,
    SmallVectorImpl<OpFoldResult> &sizes) {
  if (movesDestination(*this, operandNumbers))
    return failure();
  // Rows of weights are cut where each is a sequence; the cache never is.
  // Of key blocks, columns are counted by a letter of their own.
  StringRef ofSequences = hasKeyBlocks() ? "BK" : "BN",
            ofRows = hasKeyBlocks() ? "RK" : "RN";
  StringRef dims = namesSequences() ? ofRows : ofSequences;
  auto isOnly = [&](MutableOperandRange operand) {
    return !operand.empty() &&
           operandNumbers == ArrayRef(operand.begin()->getOperandNumber());
  };
  if (getSequenceQueries() == 1 &&
      (isOnly(getWeightsMutable()) || isOnly(getQScaleMutable())))
    dims = ofRows;
  return getDomainTile(b, *this, dims, operandNumbers, allOffsets, allSizes,
                       offsets, sizes);
}

FailureOr<TilingResult> PagedLogitsOp::getTiledImplementationFromOperandTiles(
    OpBuilder &b, ArrayRef<unsigned> operandNumbers,
    ArrayRef<SmallVector<OpFoldResult>> allOffsets,
    ArrayRef<SmallVector<OpFoldResult>> allSizes) {
  return tileFromOperands(*this, b, operandNumbers, allOffsets, allSizes);
}

LogicalResult TopkOp::getIterationDomainTileFromOperandTiles(
    OpBuilder &b, ArrayRef<unsigned> operandNumbers,
    ArrayRef<SmallVector<OpFoldResult>> allOffsets,
    ArrayRef<SmallVector<OpFoldResult>> allSizes,
    SmallVectorImpl<OpFoldResult> &offsets,
    SmallVectorImpl<OpFoldResult> &sizes) {
  // Rows that are in the order of sequences of several are not cut by rows.
  StringRef dims = "M";
  if (hasSequencesInOrder() && getRowsOfSequence() != 1)
    dims = "B";
  return getDomainTile(b, *this, dims, operandNumbers, allOffsets, allSizes,
                       offsets, sizes);
}

FailureOr<TilingResult> TopkOp::getTiledImplementationFromOperandTiles(
    OpBuilder &b, ArrayRef<unsigned> operandNumbers,
    ArrayRef<SmallVector<OpFoldResult>> allOffsets,
    ArrayRef<SmallVector<OpFoldResult>> allSizes) {
  return tileFromOperands(*this, b, operandNumbers, allOffsets, allSizes);
}

LogicalResult MergeTopkOp::getIterationDomainTileFromOperandTiles(
    OpBuilder &b, ArrayRef<unsigned> operandNumbers,
    ArrayRef<SmallVector<OpFoldResult>> allOffsets,
    ArrayRef<SmallVector<OpFoldResult>> allSizes,
    SmallVectorImpl<OpFoldResult> &offsets,
    SmallVectorImpl<OpFoldResult> &sizes) {
  return getDomainTile(b, *this, "M", operandNumbers, allOffsets, allSizes,
                       offsets, sizes);
}

FailureOr<TilingResult> MergeTopkOp::getTiledImplementationFromOperandTiles(
    OpBuilder &b, ArrayRef<unsigned> operandNumbers,
    ArrayRef<SmallVector<OpFoldResult>> allOffsets,
    ArrayRef<SmallVector<OpFoldResult>> allSizes) {
  return tileFromOperands(*this, b, operandNumbers, allOffsets, allSizes);
}
