//===- Ranges.cpp - Which keys each query sees ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/Ranges.h"
#include "RangeValues.h"
#include "Slices.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::range_values;

//===----------------------------------------------------------------------===//
// What a value is made of
//===----------------------------------------------------------------------===//

Ranges Ranges::get(OpBuilder &b, Value ranges) {
  // The verifier lets nothing else pass.
  if (auto blocks = ranges.getDefiningOp<BlockRangesOp>()) {
    Ranges columns(/*starts=*/Value(), blocks.getNumKeyBlocks(),
                   blocks.getNumColumns(), /*nextN=*/0, /*compressed=*/false);
    columns.keys = std::make_shared<Ranges>(get(b, blocks.getKeyRanges()));
    columns.keyBlocks = blocks.getKeyBlocks();
    columns.blockSize = blocks.getBlockSize();
    return columns;
  }
  if (auto make = ranges.getDefiningOp<MakeRangesOp>())
    return Ranges(make.getKs(), make.getKe(), make.getNumKeys(),
                  make.getNextN().value_or(0), make.getCompressed(),
                  make.getBlockMax().value_or(1));
  if (auto name = ranges.getDefiningOp<NameSequencesOp>()) {
    Ranges result = get(b, name.getRanges());
    result.sequences = name.getSequence();
    result.numSequences = name.getNumSequences();
    return result;
  }
  auto narrow = cast<NarrowRangesOp>(ranges.getDefiningOp());
  Ranges source = get(b, narrow.getRanges());
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointAfter(narrow);
  return source.narrow(b, narrow.getLoc(), getAsOpFoldResult(narrow.getRow()),
                       getAsOpFoldResult(narrow.getNumRows()));
}

Ranges Ranges::get(OpBuilder &b, LogitsOp op) {
  if (op.getRanges())
    return get(b, op.getRanges());
  return Ranges(op.getKs(), op.getKe(),
                toValue(b, op.getLoc(), op.getNumSequenceKeys(b)), /*nextN=*/0,
                op.getCompressed(), op.getColumnKeys());
}

Value mqa::countPlaces(OpBuilder &b, Location loc, Value table,
                       int64_t blockKv) {
  constexpr int64_t kMostKeys = std::numeric_limits<int32_t>::max();
  Value zero = constant(b, loc, 0);
  Value blocks = memref::DimOp::create(b, loc, table, constant(b, loc, 1));
  Value isMore =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ugt, blocks,
                            constant(b, loc, kMostKeys / blockKv));
  Value places = arith::SelectOp::create(
      b, loc, isMore, constant(b, loc, kMostKeys),
      arith::MulIOp::create(b, loc, blocks, constant(b, loc, blockKv)));
  Value isEmpty =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                            memref::DimOp::create(b, loc, table, zero), zero);
  return arith::SelectOp::create(b, loc, isEmpty, zero, places);
}

Ranges Ranges::get(OpBuilder &b, TopkOp op) {
  Value numKeys = op.getNumKeys();
  if (Value table = op.getBlockTable()) {
    Value places = countPlaces(b, op.getLoc(), table, *op.getBlockKv());
    numKeys = numKeys ? arith::MinSIOp::create(b, op.getLoc(), numKeys, places)
                      : places;
  }
  Value lens = op.getContextLens();
  // Where rows name their sequences, each has a length.
  bool isLength = lens && !op.getSequence() &&
                  cast<MemRefType>(lens.getType()).getRank() == 1;
  Ranges keys(op.getKs(), lens ? lens : op.getKe(), numKeys,
              isLength ? op.getRowsOfSequence() : 0, op.getCompressed());
  if (!op.hasKeyBlocks())
    return keys;
  Value numColumns =
      toValue(b, op.getLoc(),
              memref::getMixedSize(b, op.getLoc(), op.getLogits(), /*idx=*/1));
  Ranges columns(/*starts=*/Value(), op.getNumKeyBlocks(), numColumns,
                 /*nextN=*/0, /*compressed=*/false);
  columns.keys = std::make_shared<Ranges>(keys);
  columns.keyBlocks = op.getKeyBlocks();
  columns.blockSize = *op.getKeyBlockSize();
  return columns;
}

Ranges Ranges::get(OpBuilder &, MergeTopkOp op) {
  return Ranges(op.getKs(), op.getKe(), op.getNumKeys(), /*nextN=*/0,
                /*compressed=*/false);
}

bool Ranges::areOfSequences() const {
  return nextN || cast<MemRefType>(ends.getType()).getRank() == 2;
}

int64_t Ranges::getSequenceRows() const {
  return nextN ? nextN : cast<MemRefType>(ends.getType()).getDimSize(1);
}

bool Ranges::areOfOneSequence() const {
  return nextN && cast<MemRefType>(ends.getType()).getDimSize(0) == 1;
}

Value Ranges::getNumRows(OpBuilder &b, Location loc) const {
  if (numRows)
    return toValue(b, loc, numRows);
  Value rows = memref::DimOp::create(b, loc, starts ? starts : ends,
                                     constant(b, loc, 0));
  if (areOfSequences())
    rows = arith::MulIOp::create(b, loc, rows,
                                 constant(b, loc, getSequenceRows()));
  return rows;
}

/// row / size, where the expression of `row` says that there is no rest.
static OpFoldResult divideExactly(OpBuilder &b, Location loc, OpFoldResult row,
                                  int64_t size) {
  if (size == 1)
    return row;
  if (std::optional<int64_t> number = getConstantIntValue(row))
    return *number % size ? OpFoldResult() : b.getIndexAttr(*number / size);
  auto apply = cast<Value>(row).getDefiningOp<affine::AffineApplyOp>();
  if (!apply || !apply.getAffineMap().getResult(0).isMultipleOf(size))
    return {};
  AffineMap map = apply.getAffineMap();
  return affine::makeComposedFoldedAffineApply(
      b, loc,
      AffineMap::get(map.getNumDims(), map.getNumSymbols(),
                     map.getResult(0).floorDiv(size)),
      getAsOpFoldResult(apply.getMapOperands()));
}

Ranges Ranges::narrow(OpBuilder &b, Location loc, OpFoldResult row,
                      OpFoldResult count) const {
  Ranges result = *this;
  if (keys) {
    result.keys = std::make_shared<Ranges>(keys->narrow(b, loc, row, count));
    OpFoldResult zero = b.getIndexAttr(0);
    result.keyBlocks =
        getSlice(b, loc, keyBlocks, {row, zero},
                 {count, memref::getMixedSize(b, loc, keyBlocks, 1)});
  }
  if (!areOfSequences()) {
    if (starts)
      result.starts = getSlice(b, loc, starts, row, count);
    result.ends = getSlice(b, loc, ends, row, count);
    if (sequences)
      result.sequences = getSlice(b, loc, sequences, row, count);
    return result;
  }
  int64_t sequenceRows = getSequenceRows();
  OpFoldResult one = b.getIndexAttr(1), zero = b.getIndexAttr(0), sequence;
  if (!firstRow && getConstantIntValue(count) == sequenceRows)
    sequence = divideExactly(b, loc, row, sequenceRows);
  if (!sequence) {
    result.firstRow =
        firstRow ? addOffset(b, loc, toValue(b, loc, firstRow), row) : row;
    result.numRows = count;
    return result;
  }
  if (nextN) {
    result.ends = getSlice(b, loc, ends, sequence, one);
    return result;
  }
  SmallVector<OpFoldResult> offsets{sequence, zero},
      sizes{one, b.getIndexAttr(sequenceRows)}, ones{one, one};
  auto matrix = memref::SubViewOp::inferResultType(
      cast<MemRefType>(ends.getType()), offsets, sizes, ones);
  // Not inferred without a dimension: of one length, that could be a column.
  auto [strides, offset] = matrix.getStridesAndOffset();
  auto reduced = MemRefType::get(
      sequenceRows, matrix.getElementType(),
      StridedLayoutAttr::get(b.getContext(), offset, {strides.back()}),
      matrix.getMemorySpace());
  result.ends =
      memref::SubViewOp::create(b, loc, reduced, ends, offsets, sizes, ones);
  return result;
}

int64_t Ranges::getWholeSequences() const { return firstRow ? 0 : nextN; }

Ranges Ranges::getLastQueries() const {
  return Ranges(starts, ends, numKeys, /*nextN=*/0, compressed, columnKeys);
}

void mqa::eraseUnusedRanges(RewriterBase &rewriter, Operation *root) {
  // What is narrowed comes behind what it is narrowed from.
  SmallVector<Operation *> ops;
  root->walk([&](Operation *op) {
    if (isa<MakeRangesOp, BlockRangesOp, NameSequencesOp, NarrowRangesOp>(op))
      ops.push_back(op);
  });
  for (Operation *op : llvm::reverse(ops))
    if (op->use_empty())
      rewriter.eraseOp(op);
}
