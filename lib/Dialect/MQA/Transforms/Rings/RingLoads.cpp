//===- RingLoads.cpp - How slots are filled: by TMA, or by lanes ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RingLowering.h"
#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::shapes;

/// Starts to load the boxes of one tile of a slot.
void RingLowering::load(const LoweredRing &ring, FillTileOp op,
                        memref::SubViewOp view, Slot slot) {
  unsigned tile = op.getTileIndex();
  StagedLayoutAttr layout = getLayout(op.getTileType());
  int64_t rank = view.getType().getRank();
  ArrayRef<int64_t> counts = layout.getBoxCounts();
  ArrayRef<int64_t> box = layout.getShape().take_back(rank);
  SmallVector<Value> origin;
  for (OpFoldResult offset : view.getMixedOffsets())
    origin.push_back(getValueOrCreateConstantIndexOp(b, loc, offset));

  AffineMap map = layout.getTileMap();
  SmallVector<int64_t> dims = *layout.getBoxDims();
  // No memref any more: not to be had by getSource().
  auto tensorMap =
      cast<TypedValue<nvgpu::TensorMapDescriptorType>>(view->getOperand(0));
  // A box has a dim, of one, for each that the view drops.
  const TensorMapRecipe &recipe = recipes[tensorMap];
  int64_t numDropped = recipe.dims.size() - rank;
  int64_t numBoxes = computeProduct(counts);
  SmallVector<int64_t> strides = computeStrides(counts);
  for (int64_t i = 0; i < numBoxes; ++i) {
    SmallVector<int64_t> at = delinearize(i, strides);
    at.append(rank, 0);
    SmallVector<int64_t> first = llvm::to_vector(map.compose(at));
    SmallVector<Value> coordinates;
    for (auto [position, dim] : llvm::enumerate(recipe.dims)) {
      int64_t inBox = static_cast<int64_t>(position) - numDropped;
      int64_t offset = inBox < 0 ? 0 : first[dims[inBox]];
      coordinates.push_back(
          offset ? arith::AddIOp::create(b, loc, origin[dim], constant(offset))
                 : origin[dim]);
    }
    SmallVector<int64_t> boxSizes(counts.size(), 1);
    llvm::append_range(boxSizes, box);
    loadBox(ring, tile, recipe.box, at, boxSizes, slot, tensorMap, coordinates);
  }
}

/// Starts to load one box, which fills `sizes` elements of a slot from `at` on.
void RingLowering::loadBox(const LoweredRing &ring, unsigned tile,
                           MemRefType box, ArrayRef<int64_t> at,
                           ArrayRef<int64_t> sizes, Slot slot, Value tensorMap,
                           ArrayRef<Value> coordinates) {
  SmallVector<OpFoldResult> offsets{slot.index};
  llvm::append_range(offsets, getAsIndexOpFoldResult(b.getContext(), at));
  SmallVector<OpFoldResult> all{b.getIndexAttr(1)};
  llvm::append_range(all, getAsIndexOpFoldResult(b.getContext(), sizes));
  SmallVector<OpFoldResult> unit(all.size(), b.getIndexAttr(1));
  auto source = cast<MemRefType>(ring.buffers[tile].getType());
  auto type = memref::SubViewOp::inferRankReducedResultType(
      box.getShape(), source, offsets, all, unit);
  Value buffer = memref::SubViewOp::create(b, loc, type, ring.buffers[tile],
                                           offsets, all, unit);
  // A tensor map takes the contiguous dimension first.
  SmallVector<Value> reversed(llvm::reverse(coordinates));
  auto map = cast<TypedValue<nvgpu::TensorMapDescriptorType>>(tensorMap);
  nvgpu::TmaAsyncLoadOp::create(b, loc, buffer, ring.full, map, reversed,
                                slot.index, Value(), Value());
}

/// The cache blocks that fill a tile, of which each lane has read one.
SmallVector<Value> RingLowering::spreadBlockIds(GatherBlocksOp pages,
                                                MemRefType tile) {
  // The cache is no memref any more: not to be had by getCache().
  int64_t blockRows = recipes[pages->getOperand(0)].blockRows;
  int64_t numBlocks = tile.getDimSize(0) / blockRows;
  SmallVector<Value> ids;
  for (int64_t i = 0; i < numBlocks; ++i) {
    Value id = gpu::ShuffleOp::create(b, loc, pages.getIds(), i, kWarpThreads,
                                      gpu::ShuffleMode::IDX)
                   .getShuffleResult();
    ids.push_back(arith::IndexCastOp::create(b, loc, b.getIndexType(), id));
  }
  return ids;
}

std::pair<Value, Value> mqa::findInPage(OpBuilder &b, Location loc, Value block,
                                        Value key, int64_t pageBlocks,
                                        int64_t blockKeys) {
  if (pageBlocks == 1)
    return {block, key};
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, loc, value);
  };
  Value page = arith::ShRSIOp::create(b, loc, block,
                                      constant(llvm::Log2_64(pageBlocks)));
  Value inPage = arith::AndIOp::create(b, loc, block, constant(pageBlocks - 1));
  Value first = arith::MulIOp::create(b, loc, inPage, constant(blockKeys));
  return {page, arith::AddIOp::create(b, loc, first, key)};
}

/// As `load`, of keys that lie in the blocks `blockIds` of a paged cache, or of
/// a matrix.
void RingLowering::loadPages(const LoweredRing &ring, FillTileOp op,
                             GatherBlocksOp pages, ValueRange blockIds,
                             Slot slot) {
  unsigned tile = op.getTileIndex();
  StagedLayoutAttr layout = getLayout(op.getTileType());
  int64_t rank = pages.getKeys().getType().getRank();
  ArrayRef<int64_t> counts = layout.getBoxCounts();
  int64_t leading = counts.size();
  Value tensorMap = pages->getOperand(0);
  const TensorMapRecipe &recipe = recipes[tensorMap];
  int64_t blockRows = recipe.blockRows;
  // Where a tile is less than a block, it begins somewhere inside of one.
  Value inBlock = constant(0);
  if (blockRows < recipe.blockKv)
    inBlock = arith::RemUIOp::create(b, loc, pages.getFirst(),
                                     constant(recipe.blockKv));
  SmallVector<int64_t> strides = computeStrides(counts);
  SmallVector<int64_t> sizes(leading, 1);
  llvm::append_range(sizes, layout.getShape().take_back(rank));
  sizes[leading] = blockRows;
  AffineMap map = layout.getTileMap();
  for (int64_t i = 0, e = computeProduct(counts); i < e; ++i) {
    SmallVector<int64_t> at = delinearize(i, strides);
    at.append(rank, 0);
    // Where a chunk begins in its key.
    SmallVector<int64_t> first = llvm::to_vector(map.compose(at));
    for (auto [block, id] : llvm::enumerate(blockIds)) {
      SmallVector<Value> coordinates;
      if (recipe.pageBlocks) {
        auto [page, key] =
            findInPage(b, loc, id, inBlock, recipe.pageBlocks, recipe.blockKv);
        coordinates = {page, key};
      } else {
        Value row = arith::MulIOp::create(b, loc, id, constant(recipe.blockKv));
        coordinates = {arith::AddIOp::create(b, loc, row, inBlock)};
      }
      for (int64_t offset : ArrayRef(first).drop_front())
        coordinates.push_back(constant(offset));
      at[leading] = block * blockRows;
      loadBox(ring, tile, recipe.box, at, sizes, slot, tensorMap, coordinates);
    }
  }
}

/// source[indices], or zero where it has no such element.
Value RingLowering::loadInLane(Value source, ArrayRef<Value> indices) {
  Value isInside;
  for (auto [dim, index] : llvm::enumerate(indices)) {
    Value size = memref::DimOp::create(b, loc, source, dim);
    Value fits =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, index, size);
    isInside = isInside ? arith::AndIOp::create(b, loc, isInside, fits) : fits;
  }
  auto load = scf::IfOp::create(
      b, loc, isInside,
      [&](OpBuilder &nested, Location loc) {
        Value loaded = memref::LoadOp::create(nested, loc, source, indices);
        scf::YieldOp::create(nested, loc, loaded);
      },
      [&](OpBuilder &nested, Location loc) {
        Type element = cast<MemRefType>(source.getType()).getElementType();
        Value zero =
            arith::ConstantOp::create(nested, loc, nested.getZeroAttr(element));
        scf::YieldOp::create(nested, loc, zero);
      });
  return load.getResult(0);
}

/// Row `row` of `source`, which may have more elements than an index counts.
static Value getRow(OpBuilder &b, Location loc, Value source, Value row) {
  auto type = cast<MemRefType>(source.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape[0] = ShapedType::kDynamic;
  auto rowType =
      MemRefType::get(shape, type.getElementType(),
                      StridedLayoutAttr::get(b.getContext(), 0,
                                             type.getStridesAndOffset().first),
                      type.getMemorySpace());
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  return RowBlockOp::create(b, loc, rowType, source, row, one);
}

/// The scale of key `position` of a tile, of whose blocks each lane has the
/// number of one; zero where there is no such key.
Value RingLowering::loadScaleInLane(GatherBlocksOp pages, Value position) {
  auto cache = cast<MemRefType>(pages.getCache().getType());
  Value blockKv = constant(pages.getBlockKeys());
  Value block = arith::DivUIOp::create(b, loc, position, blockKv);
  Value slot = arith::RemUIOp::create(b, loc, position, blockKv);
  Type i32 = b.getI32Type();
  Value id = gpu::ShuffleOp::create(
                 b, loc, pages.getIds(),
                 arith::IndexCastOp::create(b, loc, i32, block),
                 arith::ConstantIntOp::create(b, loc, kWarpThreads, 32),
                 gpu::ShuffleMode::IDX)
                 .getShuffleResult();
  Value row = arith::IndexCastOp::create(b, loc, b.getIndexType(), id);
  if (pages.isPaged())
    std::tie(row, slot) = findInPage(b, loc, row, slot, pages.getPageBlocks(),
                                     pages.getBlockKeys());
  else
    row = arith::AddIOp::create(
        b, loc, arith::MulIOp::create(b, loc, row, blockKv), slot);
  Value numRows = memref::DimOp::create(b, loc, pages.getCache(), 0);
  // Below zero is above all.
  Value exists =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, row, numRows);
  auto load = scf::IfOp::create(
      b, loc, exists,
      [&](OpBuilder &nested, Location loc) {
        Value scales = getRow(nested, loc, pages.getCache(), row);
        SmallVector<Value> indices{
            arith::ConstantIndexOp::create(nested, loc, 0)};
        if (pages.isPaged())
          indices.push_back(slot);
        Value loaded = memref::LoadOp::create(nested, loc, scales, indices);
        scf::YieldOp::create(nested, loc, loaded);
      },
      [&](OpBuilder &nested, Location loc) {
        Value none = arith::ConstantOp::create(
            nested, loc, nested.getZeroAttr(cache.getElementType()));
        scf::YieldOp::create(nested, loc, none);
      });
  return load.getResult(0);
}

/// Fills a matrix or vector in shared memory, lane by lane of the warps with so
/// many `threads`; zero where `source` ends.
void RingLowering::copyByLanes(Value tile, Value source, int64_t threads) {
  auto type = cast<MemRefType>(tile.getType());
  // So many loads of a lane are under way at once.
  constexpr int64_t kBatch = 8;
  Value thread = gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x);
  Value lane = arith::RemUIOp::create(b, loc, thread, constant(threads));
  bool isMatrix = type.getRank() == 2;
  Value columns = constant(isMatrix ? type.getDimSize(1) : 1);
  Value end = constant(type.getNumElements());
  auto loop = scf::ForOp::create(b, loc, lane, end, constant(kBatch * threads));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  auto isBelow = [&](Value index, Value limit) -> Value {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, index,
                                 limit);
  };
  struct Element {
    Value position;
    SmallVector<Value> indices;
    Value loaded;
  };
  SmallVector<Element> elements;
  for (int64_t i = 0; i < kBatch; ++i) {
    Element e;
    e.position = arith::AddIOp::create(b, loc, loop.getInductionVar(),
                                       constant(i * threads));
    e.indices = {e.position};
    if (isMatrix)
      e.indices = {arith::DivUIOp::create(b, loc, e.position, columns),
                   arith::RemUIOp::create(b, loc, e.position, columns)};
    if (auto pages = source.getDefiningOp<GatherBlocksOp>())
      e.loaded = loadScaleInLane(pages, e.position);
    else
      e.loaded = loadInLane(source, e.indices);
    elements.push_back(e);
  }
  for (Element &e : elements) {
    if (e.loaded.getType() != type.getElementType())
      e.loaded = arith::ExtFOp::create(b, loc, type.getElementType(), e.loaded);
    scf::IfOp::create(
        b, loc, isBelow(e.position, end), [&](OpBuilder &nested, Location loc) {
          memref::StoreOp::create(nested, loc, e.loaded, tile, e.indices);
          scf::YieldOp::create(nested, loc);
        });
  }
}
