//===- VerifyChunks.cpp - What lanes can copy in chunks -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A chunk is what one lane copies at a time. Its elements lie behind each other
// in the source and in the tile, and it begins at a multiple of its bytes in
// both.
//
//===----------------------------------------------------------------------===//

#include "RingLowering.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::mqa;

/// Rows of `tile` are whole chunks, and what makes them of `source` is known.
static LogicalResult verifyTile(FillTileOp op) {
  auto source = cast<MemRefType>(op.getSource().getType());
  MemRefType tile = op.getTileType();
  Type element = tile.getElementType();
  if (!isa<Float8E4M3FNType, Float8E5M2Type, BFloat16Type, Float16Type,
           Float32Type>(element) &&
      !element.isInteger(8) && !element.isInteger(32))
    return op.emitOpError()
           << "tile must be of fp8, bf16, f16, f32, i8 or i32, found " << tile;
  int64_t rowSize = getLayout(tile).getShape().back();
  if (rowSize * tile.getElementTypeBitWidth() / 8 % kChunkBytes)
    return op.emitOpError() << "tile must have rows of a multiple of "
                            << kChunkBytes << " bytes, found " << tile;
  int64_t columns = source.getShape().back();
  int64_t perChunk = kChunkBytes * 8 / tile.getElementTypeBitWidth();
  if (source.getElementType() == element) {
    // A load has no count of elements, as a cp.async has.
    if (op.getKind() == FillKind::Chunks &&
        (ShapedType::isDynamic(columns) || columns % perChunk))
      return op.emitOpError()
             << "source must have rows of a multiple of " << perChunk
             << " elements to be loaded by chunks, found " << source;
    return success();
  }
  if (!isa<Float8E4M3FNType, Float8E5M2Type>(source.getElementType()) ||
      !element.isF16() || ShapedType::isDynamic(columns) ||
      columns % kChunkBytes)
    return op.emitOpError()
           << "only fp8 becomes f16, in rows of a multiple of " << kChunkBytes
           << ", on its way into a ring, found " << source << " for " << tile;
  return success();
}

/// Rows of the tile's memory are pieces of rows of the source, at multiples of
/// a chunk.
static LogicalResult verifyRows(FillTileOp op) {
  MemRefType tile = op.getTileType();
  StagedLayoutAttr layout = getLayout(tile);
  if (layout.getDims().back() == tile.getRank() - 1)
    return success();
  return op.emitOpError() << "rows of the tile must be rows of its source, "
                          << "found " << layout;
}

static LogicalResult verifyView(FillTileOp op, memref::SubViewOp view,
                                int64_t perChunk) {
  int64_t last = view.getSourceType().getRank() - 1;
  std::optional<int64_t> offset =
      getConstantIntValue(view.getMixedOffsets()[last]);
  // That of a vector is what the loop over tiles says: whole tiles.
  bool isAligned = offset ? *offset % perChunk == 0 : last == 0;
  if (view.getDroppedDims().test(last) || !isAligned)
    return op.emitOpError()
           << "source must begin in a row of its argument at a multiple of "
           << perChunk << " elements, found " << view.getType();
  return success();
}

static LogicalResult verifyBlocks(FillTileOp op, GatherBlocksOp blocks) {
  MemRefType cache = blocks.getCache().getType();
  int64_t rank = blocks.getKeys().getType().getRank();
  if (blocks.getBlockKeys() == 0)
    return op.emitOpError("source is of blocks without keys");
  if (!isOfBlocks(op.getTileType(), blocks))
    return op.emitOpError("source must be blocks of a kernel argument, whole "
                          "ones or one part");
  int64_t rowBytes = blocks.getBlockKeys() * cache.getElementTypeBitWidth() / 8;
  if (rank == 1 && rowBytes % kChunkBytes)
    return op.emitOpError() << "source must be of blocks of a multiple of "
                            << kChunkBytes << " bytes, found " << cache;
  return success();
}

/// What the argument's type says of its rows; the rest is said to the runtime.
static LogicalResult verifyArgument(FillTileOp op, BlockArgument argument) {
  auto type = cast<MemRefType>(argument.getType());
  auto isAligned = [&](int64_t elements) {
    return ShapedType::isDynamic(elements) ||
           elements * type.getElementTypeBitWidth() / 8 % kChunkBytes == 0;
  };
  SmallVector<int64_t> strides;
  int64_t offset;
  if (hasContiguousRows(argument) &&
      succeeded(type.getStridesAndOffset(strides, offset)) &&
      isAligned(offset) &&
      llvm::all_of(ArrayRef(strides).drop_back(), isAligned))
    return success();
  return op.emitOpError() << "source must be of an argument with contiguous "
                             "rows at multiples of "
                          << kChunkBytes << " bytes, found " << type;
}

/// Arguments that chunks come from begin, as all their rows do, at multiples of
/// 16 bytes: the runtime is told to check that.
LogicalResult RingLowering::checkSources(ArrayRef<FillTileOp> fills) {
  for (FillTileOp op : fills) {
    auto blocks = op.getSource().getDefiningOp<GatherBlocksOp>();
    auto view = op.getSource().getDefiningOp<memref::SubViewOp>();
    BlockArgument argument;
    if (blocks)
      argument = getKernelArgument(blocks.getCache());
    else if (view && view.hasUnitStride())
      argument = getKernelArgument(view.getSource());
    if (!argument)
      return op.emitOpError("source must be a unit-stride memref.subview or "
                            "blocks of a kernel argument");
    if (failed(verifyTile(op)))
      return failure();
    int64_t perChunk =
        kChunkBytes * 8 / op.getTileType().getElementTypeBitWidth();
    if (failed(verifyRows(op)) || failed(verifyArgument(op, argument)) ||
        failed(blocks ? verifyBlocks(op, blocks)
                      : verifyView(op, view, perChunk)))
      return failure();
    StringRef name = OperandAttr::getAttrName();
    unsigned position = argument.getArgNumber();
    if (auto operand = kernel.getArgAttrOfType<OperandAttr>(position, name))
      kernel.setArgAttr(position, name, operand.withAlignment(kChunkBytes));
  }
  return success();
}
