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
static LogicalResult verifyTile(RingPutOp op, unsigned i, MemRefType source,
                                MemRefType tile) {
  Type element = tile.getElementType();
  if (!isa<Float8E4M3FNType, Float8E5M2Type, BFloat16Type, Float16Type,
           Float32Type>(element) &&
      !element.isInteger(32))
    return op.emitOpError()
           << "tile " << i << " must be of fp8, bf16, f16, f32 or i32, found "
           << tile;
  StagedLayoutAttr layout = getLayout(tile);
  int64_t rowSize = layout ? layout.getShape().back() : 1;
  if (rowSize * tile.getElementTypeBitWidth() / 8 % kChunkBytes)
    return op.emitOpError()
           << "tile " << i << " must have rows of a multiple of " << kChunkBytes
           << " bytes, found " << tile;
  if (source.getElementType() == element)
    return success();
  int64_t columns = source.getShape().back();
  if (!isa<Float8E4M3FNType, Float8E5M2Type>(source.getElementType()) ||
      !element.isF16() || ShapedType::isDynamic(columns) ||
      columns % kChunkBytes)
    return op.emitOpError()
           << "only fp8 becomes f16, in rows of a multiple of " << kChunkBytes
           << ", on its way into a ring, found source " << i << " of " << source
           << " for " << tile;
  return success();
}

/// Rows of the tile's memory are pieces of rows of the source, at multiples of
/// a chunk.
static LogicalResult verifyRows(RingPutOp op, unsigned i, MemRefType tile) {
  StagedLayoutAttr layout = getLayout(tile);
  if (layout.getDims().back() == tile.getRank() - 1)
    return success();
  return op.emitOpError() << "rows of tile " << i
                          << " must be rows of its source, found " << layout;
}

static LogicalResult verifyView(RingPutOp op, unsigned i,
                                memref::SubViewOp view, int64_t perChunk) {
  int64_t last = view.getSourceType().getRank() - 1;
  std::optional<int64_t> offset =
      getConstantIntValue(view.getMixedOffsets()[last]);
  // That of a vector is what the loop over tiles says: whole tiles.
  bool isAligned = offset ? *offset % perChunk == 0 : last == 0;
  if (view.getDroppedDims().test(last) || !isAligned)
    return op.emitOpError()
           << "source " << i
           << " must begin in a row of its argument at a "
              "multiple of "
           << perChunk << " elements, found " << view.getType();
  return success();
}

static LogicalResult verifyBlocks(RingPutOp op, unsigned i,
                                  GatherBlocksOp blocks, MemRefType tile) {
  MemRefType cache = blocks.getCache().getType();
  int64_t rank = blocks.getKeys().getType().getRank();
  if (cache.getDimSize(1) == 0)
    return op.emitOpError() << "source " << i << " is of blocks without keys";
  if (!isOfBlocks(tile, blocks))
    return op.emitOpError()
           << "source " << i
           << " must be blocks of a kernel argument, whole ones or one part";
  int64_t rowBytes =
      cache.getShape().back() * cache.getElementTypeBitWidth() / 8;
  if (rank == 1 && rowBytes % kChunkBytes)
    return op.emitOpError()
           << "source " << i << " must be of blocks of a multiple of "
           << kChunkBytes << " bytes, found " << cache;
  return success();
}

/// What the argument's type says of its rows; the rest is said to the runtime.
static LogicalResult verifyArgument(RingPutOp op, unsigned i,
                                    BlockArgument argument) {
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
  return op.emitOpError() << "source " << i
                          << " must be of an argument with contiguous rows at "
                             "multiples of "
                          << kChunkBytes << " bytes, found " << type;
}

/// Arguments that chunks come from begin, as all their rows do, at multiples of
/// 16 bytes: the runtime is told to check that.
LogicalResult RingLowering::checkSources(ArrayRef<RingPutOp> puts) {
  for (RingPutOp op : puts)
    for (auto [i, source] : llvm::enumerate(op.getSources())) {
      MemRefType tile = op.getRing().getType().getTiles()[i];
      if (RingPutOp::isCopiedByLanes(source)) {
        if (failed(verifyPlainTile(op, i)))
          return failure();
        continue;
      }
      auto blocks = source.getDefiningOp<GatherBlocksOp>();
      auto view = source.getDefiningOp<memref::SubViewOp>();
      BlockArgument argument;
      if (blocks)
        argument = getKernelArgument(blocks.getCache());
      else if (view && view.hasUnitStride())
        argument = getKernelArgument(view.getSource());
      if (!argument)
        return op.emitOpError()
               << "source " << i
               << " must be a unit-stride memref.subview or blocks of a kernel "
                  "argument";
      if (failed(verifyTile(op, i, cast<MemRefType>(source.getType()), tile)))
        return failure();
      int64_t perChunk = kChunkBytes * 8 / tile.getElementTypeBitWidth();
      if (failed(verifyRows(op, i, tile)) ||
          failed(verifyArgument(op, i, argument)) ||
          failed(blocks ? verifyBlocks(op, i, blocks, tile)
                        : verifyView(op, i, view, perChunk)))
        return failure();
      StringRef name = OperandAttr::getAttrName();
      unsigned position = argument.getArgNumber();
      if (auto operand = kernel.getArgAttrOfType<OperandAttr>(position, name))
        kernel.setArgAttr(position, name, operand.withAlignment(kChunkBytes));
    }
  return success();
}
