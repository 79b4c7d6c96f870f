//===- RingBlockCopies.cpp - Key blocks that lanes copy -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Lanes could copy key blocks as they do any chunks. But then each chunk of
// a lane is of another block, whose address takes more instructions than the
// copy. Here a lane has the same blocks in each step, and goes from row to row.
//
//===----------------------------------------------------------------------===//

#include "RingLowering.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"

using namespace mlir;
using namespace mlir::mqa;

namespace {
class BlockCopier {
public:
  BlockCopier(OpBuilder &b, Location loc, FillTileOp op, GatherBlocksOp blocks,
              Value lane, int64_t numLanes)
      : b(b), loc(loc), op(op), blocks(blocks), lane(lane), numLanes(numLanes),
        tile(op.getTileType()), layout(mqa::getLayout(tile)),
        perChunk(kChunkBytes * 8 / tile.getElementTypeBitWidth()) {}

  bool fits();
  void copy(Value flat, Value first);

private:
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  Value add(Value lhs, Value rhs) {
    return arith::AddIOp::create(b, loc, lhs, rhs);
  }
  Value multiply(Value value, int64_t by) {
    return arith::MulIOp::create(b, loc, value, constant(by));
  }
  Value divide(Value value, int64_t by) {
    return arith::DivUIOp::create(b, loc, value, constant(by));
  }
  Value remainder(Value value, int64_t by) {
    return arith::RemUIOp::create(b, loc, value, constant(by));
  }
  /// A block of the tile, as a lane sees it: its row of the matrix, how many
  /// rows there are from the block's first on, and where the block begins in
  /// the slot. Of pages, the source is the page, in which the lane's row is
  /// `inPage`.
  struct Block {
    Value source, inPage, behind, into;
  };

  Value getRow(Value source, Value row) { return takeRow(b, loc, source, row); }
  Block findBlock(Value number, Value row, Value first);
  Block findInMatrix(Value id, Value row);
  Block findInPages(Value id, Value row);
  Value countElements(Value column);
  void copyRow(const Block &block, Value row, int64_t step, Value flat);

  OpBuilder &b;
  Location loc;
  FillTileOp op;
  GatherBlocksOp blocks;
  /// This one of so many, of all warps that fill the tile.
  Value lane;
  int64_t numLanes;
  MemRefType tile;
  StagedLayoutAttr layout;
  int64_t perChunk;
  /// Chunks of a row of a box, and rows of all blocks that lanes copy in a
  /// step.
  int64_t columns = 0, stepRows = 0;
};
} // namespace

/// Whether lanes that go from block to block come back to the same ones, and
/// the swizzle is the same for all blocks.
bool BlockCopier::fits() {
  int64_t blockKeys = blocks.getBlockKeys();
  ArrayRef<int64_t> shape = layout.getShape();
  if (op.getKind() != FillKind::AsyncChunks || !blocks.getBlockSize() ||
      tile.getRank() != 2 || shape.size() < 2 ||
      shape.take_back(2)[0] != tile.getDimSize(0) ||
      tile.getDimSize(0) % blockKeys)
    return false;
  columns = shape.back() / perChunk;
  int64_t swizzled = layout.getColumns();
  if (swizzled &&
      (swizzled != columns || blockKeys % (swizzled * layout.getRowsPerLine())))
    return false;
  // A lane keeps its column, and finds its blocks by a shuffle in the warp.
  int64_t numBlocks = tile.getDimSize(0) / blockKeys,
          ofRow = numBlocks * columns;
  if (numLanes % columns || numBlocks > shapes::kWarpThreads ||
      (ofRow % numLanes && numLanes % ofRow))
    return false;
  stepRows = std::max<int64_t>(numLanes / ofRow, 1);
  return blockKeys % stepRows == 0;
}

/// How many elements of a chunk that begins at `column` a key has.
Value BlockCopier::countElements(Value column) {
  int64_t size = blocks.getCache().getType().getShape().back();
  Value rest = arith::SubIOp::create(b, loc, constant(size), column);
  rest = arith::MaxSIOp::create(b, loc, rest, constant(0));
  return arith::MinSIOp::create(b, loc, rest, constant(perChunk));
}

BlockCopier::Block BlockCopier::findBlock(Value number, Value row,
                                          Value first) {
  Value id = gpu::ShuffleOp::create(
                 b, loc, blocks.getIds(),
                 arith::IndexCastOp::create(b, loc, b.getI32Type(), number),
                 arith::ConstantIntOp::create(b, loc, shapes::kWarpThreads, 32),
                 gpu::ShuffleMode::IDX)
                 .getShuffleResult();
  id = arith::IndexCastOp::create(b, loc, b.getIndexType(), id);
  Block block = blocks.isPaged() ? findInPages(id, row) : findInMatrix(id, row);
  block.into =
      add(first, multiply(number, blocks.getBlockKeys() * columns * perChunk));
  return block;
}

/// The last block may end behind the last row.
BlockCopier::Block BlockCopier::findInMatrix(Value id, Value row) {
  Value firstRow = multiply(id, blocks.getBlockKeys());
  Value numRows = memref::DimOp::create(b, loc, blocks.getCache(), 0);
  // Below zero is above all.
  Value exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult,
                                       firstRow, numRows);
  Value behind = arith::SelectOp::create(
      b, loc, exists, arith::SubIOp::create(b, loc, numRows, firstRow),
      constant(0));
  return {getRow(getRow(blocks.getCache(), firstRow), row), /*inPage=*/Value(),
          behind, /*into=*/Value()};
}

/// A page has the whole block. Rows of a page lie behind each other: an address
/// in it needs no more than 32 bits, and a step is a constant.
BlockCopier::Block BlockCopier::findInPages(Value id, Value row) {
  auto [page, inPage] = findInPage(b, loc, id, row, blocks.getPageBlocks(),
                                   blocks.getBlockKeys());
  Value numPages = memref::DimOp::create(b, loc, blocks.getCache(), 0);
  // Below zero is above all.
  Value exists =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, page, numPages);
  Value behind = arith::SelectOp::create(
      b, loc, exists, constant(blocks.getBlockKeys()), constant(0));
  return {getRow(blocks.getCache(), page), inPage, behind, /*into=*/Value()};
}

/// The lane's chunk of row `row` of a block, in each box; that is `step` behind
/// its first one.
void BlockCopier::copyRow(const Block &block, Value row, int64_t step,
                          Value flat) {
  Value isInside = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, row,
                                         block.behind);
  Value column = remainder(lane, columns), place = column;
  if (layout.getColumns())
    place = arith::XOrIOp::create(
        b, loc, column,
        remainder(divide(row, layout.getRowsPerLine()), columns));
  Value into =
      add(block.into, multiply(add(multiply(row, columns), place), perChunk));
  int64_t boxElements = tile.getDimSize(0) * columns * perChunk;
  ArrayRef<int64_t> counts = layout.getBoxCounts();
  SmallVector<int64_t> strides = computeStrides(counts);
  for (int64_t box = 0, e = computeProduct(counts); box < e; ++box) {
    SmallVector<int64_t> at = delinearize(box, strides);
    at.append(2, 0);
    Value element = add(multiply(column, perChunk),
                        constant(layout.getTileMap().compose(at)[1]));
    Value count = arith::SelectOp::create(b, loc, isInside,
                                          countElements(element), constant(0));
    SmallVector<Value> indices{constant(0)};
    if (block.inPage)
      indices.push_back(add(block.inPage, constant(step)));
    indices.push_back(element);
    AsyncCopyOp::create(b, loc, block.source, indices, flat,
                        add(into, constant(box * boxElements)), count);
  }
}

/// The lane has one column of some blocks. It goes from row to row of all of
/// them: copies of several blocks do not wait for each other's address.
void BlockCopier::copy(Value flat, Value first) {
  int64_t numBlocks = tile.getDimSize(0) / blocks.getBlockKeys();
  int64_t ofLane = std::max<int64_t>(numBlocks * columns / numLanes, 1);
  Value chunk = divide(lane, columns);
  Value row = stepRows > 1 ? divide(chunk, numBlocks) : constant(0);
  Value number = stepRows > 1 ? remainder(chunk, numBlocks) : chunk;
  SmallVector<Block> own;
  for (int64_t i = 0; i < ofLane; ++i)
    own.push_back(
        findBlock(add(number, constant(i * (numLanes / columns))), row, first));
  for (int64_t step = 0; step < blocks.getBlockKeys(); step += stepRows)
    for (Block &block : own) {
      if (step && !block.inPage)
        block.source = getRow(block.source, constant(stepRows));
      copyRow(block, add(row, constant(step)), step, flat);
    }
}

bool mqa::copyByBlocks(OpBuilder &b, Location loc, FillTileOp op, Value lane,
                       int64_t numLanes, Value flat, Value first) {
  auto blocks = op.getSource().getDefiningOp<GatherBlocksOp>();
  if (!blocks)
    return false;
  BlockCopier copier(b, loc, op, blocks, lane, numLanes);
  if (!copier.fits())
    return false;
  copier.copy(flat, first);
  return true;
}
