//===- Ranges.cpp - Which keys each query sees ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/Ranges.h"
#include "Slices.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::mqa;

static Value constant(OpBuilder &b, Location loc, int64_t value) {
  return arith::ConstantIndexOp::create(b, loc, value);
}

static Value toValue(OpBuilder &b, Location loc, OpFoldResult value) {
  return getValueOrCreateConstantIndexOp(b, loc, value);
}

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

//===----------------------------------------------------------------------===//
// One row
//===----------------------------------------------------------------------===//

static Value loadIndex(OpBuilder &b, Location loc, Value memref,
                       ValueRange indices) {
  Value bound = memref::LoadOp::create(b, loc, memref, indices);
  return arith::IndexCastOp::create(b, loc, b.getIndexType(), bound);
}

Value Ranges::countFromFirst(OpBuilder &b, Location loc, Value row) const {
  if (!firstRow)
    return row;
  return arith::AddIOp::create(b, loc, toValue(b, loc, firstRow), row);
}

Value Ranges::loadStart(OpBuilder &b, Location loc, Value row) const {
  Value zero = constant(b, loc, 0);
  if (!starts)
    return zero;
  return arith::MaxSIOp::create(b, loc, loadIndex(b, loc, starts, row), zero);
}

std::pair<Value, Value> Ranges::loadSequenceFor(OpBuilder &b, Location loc,
                                                Value row, Value end) const {
  Value zero = constant(b, loc, 0);
  Value none = constant(b, loc, -1);
  // What sees no key may name no memory.
  Value some =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sgt, end, zero);
  auto load = scf::IfOp::create(
      b, loc, some,
      [&](OpBuilder &nested, Location loc) {
        scf::YieldOp::create(nested, loc,
                             loadIndex(nested, loc, sequences, row));
      },
      [&](OpBuilder &nested, Location loc) {
        scf::YieldOp::create(nested, loc, none);
      });
  Value sequence = load.getResult(0);
  Value exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult,
                                       sequence, numSequences);
  return {arith::SelectOp::create(b, loc, exists, sequence, none),
          arith::SelectOp::create(b, loc, exists, end, zero)};
}

std::pair<Value, Value> Ranges::loadSequence(OpBuilder &b, Location loc,
                                             Value row) const {
  return loadSequences(b, loc, row).front();
}

SmallVector<std::pair<Value, Value>>
Ranges::loadSequences(OpBuilder &b, Location loc, ValueRange rows) const {
  SmallVector<Value> lengths;
  for (Value row : rows)
    lengths.push_back(loadIndex(b, loc, ends, row));
  SmallVector<std::pair<Value, Value>> result;
  for (auto [row, length] : llvm::zip_equal(rows, lengths)) {
    auto [sequence, end] = loadSequenceFor(b, loc, row, length);
    result.push_back({sequence, arith::MinSIOp::create(b, loc, end, numKeys)});
  }
  return result;
}

Value Ranges::loadOpenEnd(OpBuilder &b, Location loc, Value row) const {
  if (sequences)
    return loadSequenceFor(b, loc, row, loadIndex(b, loc, ends, row)).second;
  if (!areOfSequences())
    return countColumns(b, loc, loadIndex(b, loc, ends, row));
  row = countFromFirst(b, loc, row);
  Value sequence = constant(b, loc, 0);
  Value sequenceRows = constant(b, loc, getSequenceRows());
  if (!areOfOneSequence()) {
    sequence = arith::DivUIOp::create(b, loc, row, sequenceRows);
    row = arith::RemUIOp::create(b, loc, row, sequenceRows);
  }
  if (!nextN)
    return loadIndex(b, loc, ends, {sequence, row});
  // The last row sees them all. Far below 0, a length could not be counted
  // from.
  Value length = arith::MaxSIOp::create(
      b, loc, loadIndex(b, loc, ends, sequence), constant(b, loc, 0));
  Value behind = arith::SubIOp::create(b, loc, sequenceRows, row);
  return arith::AddIOp::create(b, loc,
                               arith::SubIOp::create(b, loc, length, behind),
                               constant(b, loc, 1));
}

/// The columns of so many key blocks, no more than there are; other ends
/// are what they are. The product cannot overflow. `ends` may be a vector.
Value Ranges::countColumns(OpBuilder &b, Location loc, Value ends) const {
  if (!keys)
    return ends;
  auto vector = dyn_cast<VectorType>(ends.getType());
  auto broadcast = [&](Value value) -> Value {
    if (!vector)
      return value;
    return vector::BroadcastOp::create(b, loc, vector, value);
  };
  Value size = constant(b, loc, blockSize);
  // The last block may have fewer columns.
  Value most = arith::DivUIOp::create(
      b, loc,
      arith::AddIOp::create(b, loc, numKeys, constant(b, loc, blockSize - 1)),
      size);
  ends = arith::MaxSIOp::create(b, loc, ends, broadcast(constant(b, loc, 0)));
  ends = arith::MinSIOp::create(b, loc, ends, broadcast(most));
  return arith::MulIOp::create(b, loc, ends, broadcast(size));
}

Value Ranges::loadEnd(OpBuilder &b, Location loc, Value row) const {
  Value end = loadOpenEnd(b, loc, row);
  return numKeys ? arith::MinSIOp::create(b, loc, end, numKeys) : end;
}

std::pair<Value, Value> Ranges::loadForUnion(OpBuilder &b, Location loc,
                                             Value row) const {
  Value zero = constant(b, loc, 0);
  Value start = loadStart(b, loc, row), end = loadEnd(b, loc, row);
  Value some =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, start, end);
  return {arith::SelectOp::create(b, loc, some, start, numKeys),
          arith::SelectOp::create(b, loc, some, end, zero)};
}

std::pair<Value, Value> Ranges::loadUnion(OpBuilder &b, Location loc, Value row,
                                          int64_t count, Value lastRow) const {
  Value start = numKeys, end = constant(b, loc, 0);
  for (int64_t i = 0; i < count; ++i) {
    Value own = arith::AddIOp::create(b, loc, row, constant(b, loc, i));
    own = arith::MinSIOp::create(b, loc, own, lastRow);
    auto [ownStart, ownEnd] = loadForUnion(b, loc, own);
    start = arith::MinSIOp::create(b, loc, start, ownStart);
    end = arith::MaxSIOp::create(b, loc, end, ownEnd);
  }
  return {start, end};
}

Value Ranges::alignStart(OpBuilder &b, Location loc, Value start, Value end,
                         int64_t align) const {
  if (!starts)
    return constant(b, loc, 0);
  start = arith::MinSIOp::create(b, loc, start, end);
  if (align == 1)
    return start;
  Value past = arith::RemUIOp::create(b, loc, start, constant(b, loc, align));
  return arith::SubIOp::create(b, loc, start, past);
}

/// What `size` is the size of, where it is that of dimension 1 of a memref or
/// of rows of one; else null.
static Value getMatrix(Value size) {
  auto dim = size.getDefiningOp<memref::DimOp>();
  if (!dim || dim.getConstantIndex() != 1)
    return {};
  Value matrix = dim.getSource();
  while (auto rows = matrix.getDefiningOp<RowBlockOp>())
    matrix = rows.getSource();
  return matrix;
}

/// Whether both are the same number of columns.
static bool areSame(Value lhs, Value rhs) {
  std::optional<int64_t> left = getConstantIntValue(lhs);
  Value matrix = getMatrix(lhs);
  return lhs == rhs || (left && left == getConstantIntValue(rhs)) ||
         (matrix && matrix == getMatrix(rhs));
}

std::pair<Value, Value> Ranges::loadColumns(OpBuilder &b, Location loc,
                                            Value row, Value numColumns) const {
  Value first = loadStart(b, loc, row), end = loadOpenEnd(b, loc, row);
  // Where keys are columns, these are what a range is cut to.
  if (numKeys && (!haveKeyColumns() || !areSame(numKeys, numColumns)))
    end = arith::MinSIOp::create(b, loc, end, numKeys);
  if (columnKeys > 1) {
    // Those that have a key of the range; none of an empty one.
    Value size = constant(b, loc, columnKeys), one = constant(b, loc, 1);
    Value some =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, first, end);
    Value last = arith::SubIOp::create(
        b, loc, arith::MaxSIOp::create(b, loc, end, one), one);
    Value behind = arith::AddIOp::create(
        b, loc, arith::DivUIOp::create(b, loc, last, size), one);
    first = arith::DivUIOp::create(b, loc, first, size);
    end = arith::SelectOp::create(b, loc, some, behind, first);
  }
  if (compressed) {
    end = arith::MaxSIOp::create(b, loc, end, first);
    Value length = arith::SubIOp::create(b, loc, end, first);
    return {constant(b, loc, 0),
            arith::MinSIOp::create(b, loc, length, numColumns)};
  }
  first = arith::MinSIOp::create(b, loc, first, numColumns);
  end = arith::MaxSIOp::create(b, loc, end, first);
  return {first, arith::MinSIOp::create(b, loc, end, numColumns)};
}

Value Ranges::getColumn(OpBuilder &b, Location loc, Value key,
                        Value start) const {
  return compressed ? arith::SubIOp::create(b, loc, key, start) : key;
}

//===----------------------------------------------------------------------===//
// Several rows at once
//===----------------------------------------------------------------------===//

/// `count` elements of `memref`, and 0 for each that is not there.
static Value readIndices(OpBuilder &b, Location loc, Value memref,
                         int64_t count) {
  auto source = cast<MemRefType>(memref.getType());
  auto type = VectorType::get({count}, source.getElementType());
  Value zero = constant(b, loc, 0);
  Value padding =
      arith::ConstantOp::create(b, loc, b.getZeroAttr(type.getElementType()));
  bool inBounds = !source.isDynamicDim(0) && count <= source.getDimSize(0);
  Value bounds =
      vector::TransferReadOp::create(b, loc, type, memref, ValueRange{zero},
                                     padding, ArrayRef<bool>{inBounds});
  return arith::IndexCastOp::create(b, loc, type.clone(b.getIndexType()),
                                    bounds);
}

static Value zeroIndices(OpBuilder &b, Location loc, int64_t count) {
  auto type = VectorType::get({count}, b.getIndexType());
  return arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
}

Value Ranges::readStarts(OpBuilder &b, Location loc, int64_t count) const {
  if (!starts)
    return zeroIndices(b, loc, count);
  Value bounds = readIndices(b, loc, starts, count);
  return arith::MaxSIOp::create(b, loc, bounds, zeroIndices(b, loc, count));
}

/// Ends of rows that are counted over sequences, which may be behind the last
/// key.
Value Ranges::readEndsOfSequences(OpBuilder &b, Location loc, int64_t count,
                                  function_ref<void(Value)> moveBehind) const {
  for (OpFoldResult input : {firstRow, numRows})
    if (auto value = dyn_cast_if_present<Value>(input))
      moveBehind(value);
  for (Value value : {sequences, numSequences})
    if (value)
      moveBehind(value);
  auto type = VectorType::get({count}, b.getIndexType());
  auto broadcast = [&](Value value) -> Value {
    return vector::BroadcastOp::create(b, loc, type, value);
  };
  Value rows = getNumRows(b, loc), ends;
  if (areOfOneSequence()) {
    // Row m sees length - T + m + 1 keys.
    Value zero = constant(b, loc, 0);
    Value length = arith::MaxSIOp::create(
        b, loc, loadIndex(b, loc, this->ends, zero), zero);
    Value behind = constant(b, loc, nextN - 1);
    Value first =
        countFromFirst(b, loc, arith::SubIOp::create(b, loc, length, behind));
    ends = arith::AddIOp::create(b, loc, vector::StepOp::create(b, loc, type),
                                 broadcast(first));
  } else {
    // Of rows that are not there, the last one is read, and where there is none
    // the one before them.
    Value last = arith::SubIOp::create(b, loc, rows, constant(b, loc, 1));
    Value lowest = constant(b, loc, 0);
    if (firstRow)
      lowest = arith::SubIOp::create(b, loc, lowest, toValue(b, loc, firstRow));
    last = arith::MaxSIOp::create(b, loc, last, lowest);
    Value step = vector::StepOp::create(b, loc, type);
    for (int64_t i = 0; i < count; ++i) {
      Value number = constant(b, loc, i);
      Value own = broadcast(
          loadOpenEnd(b, loc, arith::MinSIOp::create(b, loc, number, last)));
      // A vector of elements could not be distributed over threads.
      ends = ends ? arith::SelectOp::create(
                        b, loc,
                        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                              step, broadcast(number)),
                        own, ends)
                  : own;
    }
  }
  Value exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt,
                                       vector::StepOp::create(b, loc, type),
                                       broadcast(rows));
  return arith::SelectOp::create(b, loc, exists, ends,
                                 zeroIndices(b, loc, count));
}

Value Ranges::readEnds(OpBuilder &b, Location loc, int64_t count,
                       function_ref<void(Value)> moveBehind) const {
  auto type = VectorType::get({count}, b.getIndexType());
  Value bounds = areOfSequences() || sequences
                     ? readEndsOfSequences(b, loc, count, moveBehind)
                     : readIndices(b, loc, ends, count);
  moveBehind(numKeys);
  bounds = countColumns(b, loc, bounds);
  bounds = arith::MinSIOp::create(
      b, loc, bounds, vector::BroadcastOp::create(b, loc, type, numKeys));
  // Far below 0, they could not be counted from a tile.
  return arith::MaxSIOp::create(b, loc, bounds, zeroIndices(b, loc, count));
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
