//===- FillKinds.cpp - How each tile of a slot is copied ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FillKinds.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mqa;

/// Whether scales come from blocks that no tensor map copies to a part of a
/// tile: TMA fills shared memory from multiples of 128 bytes on.
template <typename Op> static bool hasShortScales(Op op) {
  constexpr int64_t kMinScales = 32;
  auto cache = op ? dyn_cast<MemRefType>(op.getCache().getType()) : nullptr;
  return cache && cache.getElementTypeBitWidth() == 32 &&
         op.getBlockKeys() < kMinScales;
}

/// Whether `source` is some scales of a vector of them, or of pages, by blocks:
/// lanes copy four at a time, on their own, if the scales lie behind each
/// other.
template <typename Op> static bool isOfVector(Op op) {
  auto scales = op ? dyn_cast<MemRefType>(op.getCache().getType()) : nullptr;
  constexpr int64_t kChunkScales = 4;
  return scales && op.getBlockSize() && op.getKeys().getType().getRank() == 1 &&
         scales.getStridesAndOffset().first.back() == 1 &&
         op.getBlockKeys() % kChunkScales == 0;
}

/// Whether `source` is of blocks of a matrix, or of pages, with so few rows
/// that lanes copy them faster than TMA copies boxes.
template <typename Op> static bool isOfShortBlocks(Op op) {
  constexpr int64_t kMinBoxRows = 32;
  return op && op.getBlockSize() && op.getBlockKeys() < kMinBoxRows;
}

/// Gathers by the table are what blocks are before it is read, and then those
/// by its entries.
static bool hasShortScales(Value source) {
  return hasShortScales(source.getDefiningOp<GatherPagesOp>()) ||
         hasShortScales(source.getDefiningOp<GatherBlocksOp>());
}

static bool isOfVector(Value source) {
  return isOfVector(source.getDefiningOp<GatherPagesOp>()) ||
         isOfVector(source.getDefiningOp<GatherBlocksOp>());
}

static bool isOfShortBlocks(Value source) {
  return isOfShortBlocks(source.getDefiningOp<GatherPagesOp>()) ||
         isOfShortBlocks(source.getDefiningOp<GatherBlocksOp>());
}

/// Whether the rows of `source` may begin anywhere: an engine copies rows that
/// begin at multiples of 16 bytes.
static bool hasLooseRows(Value source) {
  if (hasShortScales(source))
    return true;
  while (auto view = source.getDefiningOp<ViewLikeOpInterface>()) {
    if (isa<RowBlockOp>(view))
      return true;
    source = view.getViewSource();
  }
  return false;
}

FillKind mqa::chooseKind(Value source, MemRefType tile,
                         const CopyEngine &engine) {
  if (hasShortScales(source) && isOfVector(source))
    return FillKind::AsyncChunks;
  if (hasLooseRows(source))
    return FillKind::Elements;
  if (cast<MemRefType>(source.getType()).getElementType() !=
      tile.getElementType())
    return FillKind::Chunks;
  return engine.usesTensorMaps && !isOfShortBlocks(source)
             ? FillKind::TensorMap
             : FillKind::AsyncChunks;
}

int64_t mqa::countFillWarps(RingPutOp put, const CopyEngine &engine) {
  // With more chunks for each lane, a kernel waits for its producers.
  constexpr int64_t kLaneChunks = 8, kChunkBytes = 16;
  ArrayRef<MemRefType> tiles =
      put.getRing().getType().getTiles().take_front(put.getSources().size());
  int64_t bytes = 0;
  for (auto [source, tile] : llvm::zip_equal(put.getSources(), tiles)) {
    if (chooseKind(source, tile, engine) != FillKind::AsyncChunks)
      return 1;
    bytes += tile.getNumElements() * tile.getElementTypeBitWidth() / 8;
  }
  int64_t warps =
      llvm::divideCeil(bytes, kLaneChunks * kChunkBytes * shapes::kWarpThreads);
  return std::min<int64_t>(llvm::PowerOf2Ceil(warps), shapes::kGroupWarps);
}

/// The boxes that fill `tile`: chunks of its rows, cache block by cache block.
static int64_t countBoxes(Value source, MemRefType tile) {
  auto layout = dyn_cast<StagedLayoutAttr>(tile.getLayout());
  int64_t chunks = layout ? computeProduct(layout.getBoxCounts()) : 1;
  auto pages = source.getDefiningOp<GatherPagesOp>();
  if (!pages)
    return chunks;
  return chunks * llvm::divideCeil(tile.getDimSize(0), pages.getBlockKeys());
}

int64_t mqa::countFillSteps(RingPutOp put, const CopyEngine &engine) {
  // A lane finds each of its elements, in which block it is and whether there
  // is one.
  constexpr int64_t kElementSteps = 4;
  ArrayRef<MemRefType> tiles =
      put.getRing().getType().getTiles().take_front(put.getSources().size());
  int64_t steps = 0;
  for (auto [source, tile] : llvm::zip_equal(put.getSources(), tiles)) {
    switch (chooseKind(source, tile, engine)) {
    case FillKind::TensorMap:
      steps += countBoxes(source, tile);
      break;
    case FillKind::Elements:
      steps += kElementSteps *
               llvm::divideCeil(tile.getNumElements(), shapes::kWarpThreads);
      break;
    case FillKind::AsyncChunks:
    case FillKind::Chunks:
      return 0;
    }
  }
  return steps;
}
