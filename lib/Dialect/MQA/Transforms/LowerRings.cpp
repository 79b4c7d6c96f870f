//===- LowerRings.cpp - Rings to shared memory, mbarriers and TMA ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/Transforms/Passes.h"
#include "mqa/Dialect/MQA/Transforms/TilePlan.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "llvm/ADT/SmallBitVector.h"
#include "llvm/Support/MathExtras.h"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQALOWERRINGSPASS
#include "mqa/Dialect/MQA/Transforms/Passes.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::hopper;

namespace {
/// What a ring became.
struct LoweredRing {
  RingType type;
  /// One memref of `stages` tiles per tile type.
  SmallVector<Value> buffers;
  Value full, empty;
  /// Whether who gets a slot need not have got it in the round before: it then
  /// does not know that this round is over, and could take its phase of the
  /// full barrier, which has the same parity, for the one after the next.
  bool changesHands;
  /// Whether lanes copy some of the tiles: each then arrives for itself.
  bool copiedByLanes;
};

/// Slot and phase of a position.
struct Slot {
  Value index;
  /// 0 in the first round through the ring, 1 in the second, and so on.
  Value parity;
};

/// How the tensor map of an argument loads it: in which boxes, and which dims
/// of the argument those of a box are.
struct TensorMapRecipe {
  MemRefType box;
  SmallVector<int64_t> dims;
  /// Of a paged cache: keys of one of its blocks, of which a box has some or
  /// all.
  int64_t blockKv = 0;

  int64_t getBlockRows() const { return box.getDimSize(1); }
};

class RingLowering {
public:
  explicit RingLowering(gpu::GPUFuncOp kernel)
      : kernel(kernel), b(kernel.getContext()), loc(kernel.getLoc()) {}
  LogicalResult run();

private:
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  void create(RingCreateOp op);
  void initBarriers();
  Slot getSlot(const LoweredRing &ring, Value position);
  Value getTile(const LoweredRing &ring, unsigned tile, Value slot,
                MemRefType type);
  void wait(Value barriers, Slot slot, Value parity);
  void waitForEmpty(const LoweredRing &ring, Slot slot);
  LogicalResult makeTensorMaps(ArrayRef<RingPutOp> puts);
  Value isFirstLane();
  void syncWarp() {
    Value all = arith::ConstantIntOp::create(b, loc, -1, 32);
    NVVM::SyncWarpOp::create(b, loc, all);
  }
  void load(const LoweredRing &ring, unsigned tile, RingPutOp op,
            memref::SubViewOp view, Slot slot);
  SmallVector<Value> spreadBlockIds(GatherBlocksOp pages, MemRefType tile);
  void loadPages(const LoweredRing &ring, unsigned tile, RingPutOp op,
                 GatherBlocksOp pages, ValueRange blockIds, Slot slot);
  void loadBox(const LoweredRing &ring, unsigned tile, MemRefType box,
               ArrayRef<int64_t> at, ArrayRef<int64_t> sizes, Slot slot,
               Value tensorMap, ArrayRef<Value> coordinates);
  void copyByLanes(Value tile, Value source);
  Value loadInLane(Value source, ArrayRef<Value> indices);
  Value loadScaleInLane(GatherBlocksOp pages, Value position);
  void put(RingPutOp op);
  void get(RingGetOp op);
  void release(RingReleaseOp op);

  gpu::GPUFuncOp kernel;
  IRRewriter b;
  Location loc;
  DenseMap<Value, LoweredRing> rings;
  DenseMap<Value, TensorMapRecipe> recipes;
  SmallVector<std::pair<RingCreateOp, LoweredRing>> created;
  Value sharedMemory;
  int64_t sharedMemoryBytes = 0;
};
} // namespace

/// Rows of staged tiles are swizzled by their size, as WGMMA reads them. Other
/// tiles (scales, weights) are read by plain loads.
static nvgpu::TensorMapSwizzleKind getSwizzle(MemRefType tile) {
  if (tile.getElementType().isF32())
    return nvgpu::TensorMapSwizzleKind::SWIZZLE_NONE;
  switch (tile.getShape().back() * tile.getElementTypeBitWidth() / 8) {
  case 128:
    return nvgpu::TensorMapSwizzleKind::SWIZZLE_128B;
  case 64:
    return nvgpu::TensorMapSwizzleKind::SWIZZLE_64B;
  case 32:
    return nvgpu::TensorMapSwizzleKind::SWIZZLE_32B;
  default:
    return nvgpu::TensorMapSwizzleKind::SWIZZLE_NONE;
  }
}

void RingLowering::create(RingCreateOp op) {
  RingType ringType = op.getRing().getType();
  LoweredRing ring{
      ringType, {}, {}, {}, ringType.getStages() % op.getTurns() != 0, false};
  for (Operation *user : op.getRing().getUsers())
    if (auto put = dyn_cast<RingPutOp>(user))
      ring.copiedByLanes |=
          llvm::any_of(put.getSources(), RingPutOp::isCopiedByLanes);
  auto workgroup =
      gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  b.setInsertionPoint(op);
  if (!sharedMemory)
    sharedMemory = gpu::DynamicSharedMemoryOp::create(
        b, loc,
        MemRefType::get({ShapedType::kDynamic}, b.getI8Type(),
                        MemRefLayoutAttrInterface{}, workgroup));
  for (MemRefType tile : ring.type.getTiles()) {
    SmallVector<int64_t> shape{ring.type.getStages()};
    llvm::append_range(shape, tile.getShape());
    auto type = MemRefType::get(shape, tile.getElementType(),
                                MemRefLayoutAttrInterface{}, workgroup);
    ring.buffers.push_back(memref::ViewOp::create(
        b, loc, type, sharedMemory, constant(sharedMemoryBytes), ValueRange()));
    sharedMemoryBytes += getAlignedTileBytes(type);
  }
  auto group = nvgpu::MBarrierGroupType::get(b.getContext(), workgroup,
                                             ring.type.getStages());
  ring.full = nvgpu::MBarrierCreateOp::create(b, loc, group);
  ring.empty = nvgpu::MBarrierCreateOp::create(b, loc, group);
  rings[op.getRing()] = ring;
  created.push_back({op, ring});
}

/// One thread initialises all barriers; the fence shows them to the TMA unit.
void RingLowering::initBarriers() {
  b.setInsertionPointAfter(created.back().first);
  Value thread = gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x);
  Value isFirst = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                        thread, constant(0));
  auto init = scf::IfOp::create(b, loc, isFirst, /*withElseRegion=*/false);
  b.setInsertionPointToStart(init.thenBlock());
  // The first load need not wait for its tensor map.
  for (BlockArgument argument : kernel.getArguments())
    if (isa<nvgpu::TensorMapDescriptorType>(argument.getType()))
      nvgpu::TmaPrefetchOp::create(b, loc, argument, Value());
  for (auto &[op, ring] : created) {
    for (int64_t i = 0; i < ring.type.getStages(); ++i) {
      Value index = constant(i);
      int64_t arrivals = ring.copiedByLanes ? 1 + kWarpThreads : 1;
      nvgpu::MBarrierInitOp::create(b, loc, ring.full, constant(arrivals),
                                    index, Value());
      int64_t releases =
          op.getConsumers() * (ring.copiedByLanes ? kWarpThreads : 1);
      nvgpu::MBarrierInitOp::create(b, loc, ring.empty, constant(releases),
                                    index, Value());
    }
  }
  NVVM::FenceMbarrierInitOp::create(b, loc);
  b.setInsertionPointAfter(init);
  gpu::BarrierOp::create(b, loc);
}

Slot RingLowering::getSlot(const LoweredRing &ring, Value position) {
  Value stages =
      arith::ConstantIntOp::create(b, loc, ring.type.getStages(), 32);
  Value slot = arith::RemUIOp::create(b, loc, position, stages);
  Value round = arith::DivUIOp::create(b, loc, position, stages);
  return {arith::IndexCastUIOp::create(b, loc, b.getIndexType(), slot),
          arith::TruncIOp::create(b, loc, b.getI1Type(), round)};
}

Value RingLowering::getTile(const LoweredRing &ring, unsigned tile, Value slot,
                            MemRefType type) {
  ArrayRef<int64_t> shape = ring.type.getTiles()[tile].getShape();
  SmallVector<OpFoldResult> offsets{slot}, sizes{b.getIndexAttr(1)};
  for (int64_t size : shape) {
    offsets.push_back(b.getIndexAttr(0));
    sizes.push_back(b.getIndexAttr(size));
  }
  SmallVector<OpFoldResult> strides(sizes.size(), b.getIndexAttr(1));
  return memref::SubViewOp::create(b, loc, type, ring.buffers[tile], offsets,
                                   sizes, strides);
}

void RingLowering::wait(Value barriers, Slot slot, Value parity) {
  // The time limit of one try; the op tries again until the phase is over.
  constexpr int64_t kTicks = 10000000;
  nvgpu::MBarrierTryWaitParityOp::create(b, loc, barriers, parity,
                                         constant(kTicks), slot.index);
}

/// The kernel argument that `source` is a view of, and the view's coordinates
/// as a tensor map takes them: the contiguous dimension first.
static FailureOr<memref::SubViewOp> getArgumentView(RingPutOp op, unsigned i) {
  auto view = op.getSources()[i].getDefiningOp<memref::SubViewOp>();
  auto argument =
      view ? dyn_cast<BlockArgument>(view.getSource()) : BlockArgument();
  if (!argument || !isa<gpu::GPUFuncOp>(argument.getOwner()->getParentOp()) ||
      !view.hasUnitStride())
    return op.emitOpError() << "source " << i
                            << " must be a unit-stride memref.subview of a "
                               "kernel argument";
  return view;
}

/// The box of which `tile` holds one or several: its last dims, as many as
/// `view` has; before them, one for each dimension that `view` drops.
static MemRefType getBox(MemRefType tile, memref::SubViewOp view) {
  SmallVector<int64_t> shape(view.getDroppedDims().count(), 1);
  llvm::append_range(shape,
                     tile.getShape().take_back(view.getType().getRank()));
  return MemRefType::get(shape, tile.getElementType(),
                         MemRefLayoutAttrInterface{}, tile.getMemorySpace());
}

/// The rows of `tile` that one block of a paged cache fills at most.
static int64_t getBlockRows(MemRefType tile, GatherBlocksOp pages) {
  int64_t rows =
      tile.getShape().take_back(pages.getKeys().getType().getRank())[0];
  return std::min(rows, pages.getCache().getType().getDimSize(1));
}

/// The box of which `tile` holds one or several: rows of one cache block.
static MemRefType getBox(MemRefType tile, GatherBlocksOp pages) {
  SmallVector<int64_t> shape{1, getBlockRows(tile, pages)};
  llvm::append_range(shape, tile.getShape().take_back(
                                pages.getKeys().getType().getRank() - 1));
  return MemRefType::get(shape, tile.getElementType(),
                         MemRefLayoutAttrInterface{}, tile.getMemorySpace());
}

/// Which dims of the argument the box's are, given those of `view`.
static SmallVector<int64_t> getArgumentDims(memref::SubViewOp view,
                                            ArrayRef<int64_t> viewDims) {
  llvm::SmallBitVector dropped = view.getDroppedDims();
  SmallVector<int64_t> dims, kept;
  for (unsigned i = 0; i < dropped.size(); ++i)
    (dropped[i] ? dims : kept).push_back(i);
  for (int64_t dim : viewDims)
    dims.push_back(kept[dim]);
  return dims;
}

/// The argument that source `i` of `op` comes from, and how it is loaded.
static FailureOr<std::pair<BlockArgument, TensorMapRecipe>>
getRecipe(RingPutOp op, unsigned i) {
  MemRefType tile = op.getRing().getType().getTiles()[i];
  auto pages = op.getSources()[i].getDefiningOp<GatherBlocksOp>();
  if (!pages) {
    FailureOr<memref::SubViewOp> view = getArgumentView(op, i);
    if (failed(view))
      return failure();
    return std::pair(cast<BlockArgument>(view->getSource()),
                     TensorMapRecipe{getBox(tile, *view),
                                     getArgumentDims(*view, op.getBoxDims(i))});
  }
  auto argument = dyn_cast<BlockArgument>(pages.getCache());
  int64_t rank = pages.getKeys().getType().getRank();
  int64_t rows = tile.getShape().take_back(rank)[0];
  if (!argument || !isa<gpu::GPUFuncOp>(argument.getOwner()->getParentOp()) ||
      rows % getBlockRows(tile, pages) || !llvm::is_sorted(op.getBoxDims(i)))
    return op.emitOpError()
           << "source " << i
           << " must be blocks of a kernel argument, whole ones or one part";
  return std::pair(argument,
                   TensorMapRecipe{getBox(tile, pages),
                                   llvm::to_vector(llvm::seq(rank + 1)),
                                   pages.getCache().getType().getDimSize(1)});
}

/// Turns each kernel argument that rings are filled from into the tensor map
/// that loads the ring's tile of it.
LogicalResult RingLowering::makeTensorMaps(ArrayRef<RingPutOp> puts) {
  for (RingPutOp op : puts) {
    for (auto [i, tile] : llvm::enumerate(op.getRing().getType().getTiles())) {
      if (RingPutOp::isCopiedByLanes(op.getSources()[i]))
        continue;
      FailureOr<std::pair<BlockArgument, TensorMapRecipe>> found =
          getRecipe(op, i);
      if (failed(found))
        return failure();
      auto &[argument, own] = *found;
      MemRefType box = own.box;
      if (llvm::any_of(box.getShape(),
                       [](int64_t size) { return size > kMaxBoxDim; }))
        return op.emitOpError() << "source " << i << " is loaded in boxes of "
                                << box << ", but a TMA box has at most "
                                << kMaxBoxDim << " elements in each dimension";
      TensorMapRecipe &recipe =
          recipes.try_emplace(argument, own).first->second;
      if (recipe.box != own.box || recipe.dims != own.dims)
        return op.emitOpError() << "loads argument " << argument.getArgNumber()
                                << " with tiles of different shapes";
    }
  }
  for (auto &[value, recipe] : recipes) {
    auto argument = cast<BlockArgument>(value);
    MemRefType tile = recipe.box;
    for (Operation *user : argument.getUsers())
      if (!isa<memref::SubViewOp, GatherBlocksOp>(user) ||
          !llvm::all_of(user->getUsers(), llvm::IsaPred<RingPutOp>))
        return user->emitOpError()
               << "uses argument " << argument.getArgNumber()
               << ", which becomes a tensor map";
    argument.setType(nvgpu::TensorMapDescriptorType::get(
        b.getContext(), tile, getSwizzle(tile),
        nvgpu::TensorMapL2PromoKind::L2PROMO_128B,
        nvgpu::TensorMapOOBKind::OOB_ZERO,
        nvgpu::TensorMapInterleaveKind::INTERLEAVE_NONE));
    if (!llvm::is_sorted(recipe.dims))
      kernel.setArgAttr(argument.getArgNumber(), "mqa.box_dims",
                        b.getDenseI64ArrayAttr(recipe.dims));
  }
  // Behind the arguments, the block has the workgroup's shared variables.
  auto arguments =
      kernel.getArguments().take_front(kernel.getFunctionType().getNumInputs());
  SmallVector<Type> types(ValueRange(arguments).getTypes());
  kernel.setFunctionType(b.getFunctionType(types, {}));
  return success();
}

Value RingLowering::isFirstLane() {
  Value thread = gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x);
  Value lane = arith::RemUIOp::create(b, loc, thread, constant(kWarpThreads));
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, lane,
                               constant(0));
}

/// Starts to load the boxes of one tile of a slot.
void RingLowering::load(const LoweredRing &ring, unsigned tile, RingPutOp op,
                        memref::SubViewOp view, Slot slot) {
  ArrayRef<int64_t> shape = ring.type.getTiles()[tile].getShape();
  int64_t rank = view.getType().getRank(), boxDims = shape.size() - rank;
  ArrayRef<int64_t> counts = shape.take_front(boxDims);
  ArrayRef<int64_t> box = shape.take_back(rank);
  SmallVector<Value> origin;
  for (OpFoldResult offset : view.getMixedOffsets())
    origin.push_back(getValueOrCreateConstantIndexOp(b, loc, offset));

  AffineMap map = op.getTileMap(tile);
  SmallVector<int64_t> dims = op.getBoxDims(tile);
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
  int64_t blockRows = recipes[pages->getOperand(0)].getBlockRows();
  int64_t rank = pages.getKeys().getType().getRank();
  int64_t numBlocks = tile.getShape().take_back(rank)[0] / blockRows;
  SmallVector<Value> ids;
  for (int64_t i = 0; i < numBlocks; ++i) {
    Value id = gpu::ShuffleOp::create(b, loc, pages.getIds(), i, kWarpThreads,
                                      gpu::ShuffleMode::IDX)
                   .getShuffleResult();
    ids.push_back(arith::IndexCastOp::create(b, loc, b.getIndexType(), id));
  }
  return ids;
}

/// As `load`, of keys that lie in the blocks `blockIds` of a paged cache.
void RingLowering::loadPages(const LoweredRing &ring, unsigned tile,
                             RingPutOp op, GatherBlocksOp pages,
                             ValueRange blockIds, Slot slot) {
  MemRefType type = ring.type.getTiles()[tile];
  int64_t rank = pages.getKeys().getType().getRank();
  int64_t leading = type.getRank() - rank;
  Value tensorMap = pages->getOperand(0);
  const TensorMapRecipe &recipe = recipes[tensorMap];
  int64_t blockRows = recipe.getBlockRows();
  // Where a tile is less than a block, it begins somewhere inside of one.
  Value inBlock = constant(0);
  if (blockRows < recipe.blockKv)
    inBlock = arith::RemUIOp::create(b, loc, pages.getFirst(),
                                     constant(recipe.blockKv));
  SmallVector<int64_t> counts(type.getShape().take_front(leading));
  SmallVector<int64_t> strides = computeStrides(counts);
  SmallVector<int64_t> sizes(leading, 1);
  llvm::append_range(sizes, type.getShape().take_back(rank));
  sizes[leading] = blockRows;
  AffineMap map = op.getTileMap(tile);
  for (int64_t i = 0, e = computeProduct(counts); i < e; ++i) {
    SmallVector<int64_t> at = delinearize(i, strides);
    at.append(rank, 0);
    // Where a chunk begins in its key.
    SmallVector<int64_t> first = llvm::to_vector(map.compose(at));
    for (auto [block, id] : llvm::enumerate(blockIds)) {
      SmallVector<Value> coordinates{id, inBlock};
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

/// The scale of key `position` of a tile, of whose cache blocks each lane has
/// the number of one; zero where it is none of the cache.
Value RingLowering::loadScaleInLane(GatherBlocksOp pages, Value position) {
  auto cache = cast<MemRefType>(pages.getCache().getType());
  Value blockKv = constant(cache.getDimSize(1));
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
  Value numBlocks = memref::DimOp::create(b, loc, pages.getCache(), 0);
  // Below zero is above all.
  Value exists =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, row, numBlocks);
  auto load = scf::IfOp::create(
      b, loc, exists,
      [&](OpBuilder &nested, Location loc) {
        // A cache may have more elements than an index counts.
        SmallVector<int64_t> strides = cache.getStridesAndOffset().first;
        auto rowType = MemRefType::get(
            {ShapedType::kDynamic, cache.getDimSize(1)}, cache.getElementType(),
            StridedLayoutAttr::get(b.getContext(), 0, strides),
            cache.getMemorySpace());
        Value one = arith::ConstantIndexOp::create(nested, loc, 1);
        Value zero = arith::ConstantIndexOp::create(nested, loc, 0);
        Value scales = RowBlockOp::create(nested, loc, rowType,
                                          pages.getCache(), row, one);
        Value loaded =
            memref::LoadOp::create(nested, loc, scales, ValueRange{zero, slot});
        scf::YieldOp::create(nested, loc, loaded);
      },
      [&](OpBuilder &nested, Location loc) {
        Value none = arith::ConstantOp::create(
            nested, loc, nested.getZeroAttr(cache.getElementType()));
        scf::YieldOp::create(nested, loc, none);
      });
  return load.getResult(0);
}

/// Fills a matrix or vector in shared memory, lane by lane; zero where `source`
/// ends.
void RingLowering::copyByLanes(Value tile, Value source) {
  auto type = cast<MemRefType>(tile.getType());
  // So many loads of a lane are under way at once.
  constexpr int64_t kBatch = 8;
  Value thread = gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x);
  Value lane = arith::RemUIOp::create(b, loc, thread, constant(kWarpThreads));
  bool isMatrix = type.getRank() == 2;
  Value columns = constant(isMatrix ? type.getDimSize(1) : 1);
  Value end = constant(type.getNumElements());
  auto loop =
      scf::ForOp::create(b, loc, lane, end, constant(kBatch * kWarpThreads));
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
                                       constant(i * kWarpThreads));
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

/// Until the slot was released in the round before.
void RingLowering::waitForEmpty(const LoweredRing &ring, Slot slot) {
  // A fresh barrier counts as past its phase of parity 1: the first round does
  // not wait.
  Value one = arith::ConstantIntOp::create(b, loc, 1, 1);
  wait(ring.empty, slot, arith::XOrIOp::create(b, loc, slot.parity, one));
}

void RingLowering::put(RingPutOp op) {
  const LoweredRing &ring = rings[op.getRing()];
  b.setInsertionPoint(op);
  Slot slot = getSlot(ring, op.getPosition());
  SmallVector<SmallVector<Value>> blockIds(op.getSources().size());
  for (auto [i, source] : llvm::enumerate(op.getSources()))
    if (auto pages = source.getDefiningOp<GatherBlocksOp>();
        pages && !RingPutOp::isCopiedByLanes(source))
      blockIds[i] = spreadBlockIds(pages, ring.type.getTiles()[i]);
  waitForEmpty(ring, slot);
  auto start =
      scf::IfOp::create(b, loc, isFirstLane(), /*withElseRegion=*/false);
  b.setInsertionPointToStart(start.thenBlock());
  int64_t bytes = ring.type.getSlotBytes();
  for (auto [source, tile] :
       llvm::zip_equal(op.getSources(), ring.type.getTiles()))
    if (RingPutOp::isCopiedByLanes(source))
      bytes -= tile.getNumElements() * tile.getElementTypeBitWidth() / 8;
  nvgpu::MBarrierArriveExpectTxOp::create(b, loc, ring.full, constant(bytes),
                                          slot.index, Value());
  SmallVector<Operation *> views;
  for (auto [i, source] : llvm::enumerate(op.getSources())) {
    if (RingPutOp::isCopiedByLanes(source))
      continue;
    views.push_back(source.getDefiningOp());
    if (auto pages = dyn_cast<GatherBlocksOp>(views.back()))
      loadPages(ring, i, op, pages, blockIds[i], slot);
    else
      load(ring, i, op, cast<memref::SubViewOp>(views.back()), slot);
  }
  // Otherwise LLVM lets the first lane go on by itself, through the waits
  // behind this put: the other lanes then wait in a copy of them, and while
  // they do, the first lane may not get to start its loads.
  b.setInsertionPointAfter(start);
  syncWarp();
  for (auto [i, source] : llvm::enumerate(op.getSources()))
    if (RingPutOp::isCopiedByLanes(source))
      copyByLanes(getTile(ring, i, slot.index, ring.type.getSlotType(i)),
                  source);
  if (ring.copiedByLanes)
    nvgpu::MBarrierArriveOp::create(
        b, loc, nvgpu::MBarrierTokenType::get(b.getContext()), ring.full,
        slot.index);
  b.eraseOp(op);
  for (Operation *view : views)
    if (view->use_empty())
      b.eraseOp(view);
}

void RingLowering::get(RingGetOp op) {
  const LoweredRing &ring = rings[op.getRing()];
  b.setInsertionPoint(op);
  Slot slot = getSlot(ring, op.getPosition());
  if (ring.changesHands)
    waitForEmpty(ring, slot);
  wait(ring.full, slot, slot.parity);
  SmallVector<Value> tiles;
  for (auto [i, result] : llvm::enumerate(op.getTiles()))
    tiles.push_back(
        getTile(ring, i, slot.index, cast<MemRefType>(result.getType())));
  b.replaceOp(op, tiles);
}

/// One lane arrives for its warp, once all lanes are there. Where lanes write
/// the slot, all arrive: each says itself that it has read.
void RingLowering::release(RingReleaseOp op) {
  const LoweredRing &ring = rings[op.getRing()];
  b.setInsertionPoint(op);
  Slot slot = getSlot(ring, op.getPosition());
  auto arrive = [&](OpBuilder &nested) {
    nvgpu::MBarrierArriveOp::create(
        nested, loc, nvgpu::MBarrierTokenType::get(nested.getContext()),
        ring.empty, slot.index);
  };
  if (ring.copiedByLanes) {
    arrive(b);
  } else {
    syncWarp();
    scf::IfOp::create(b, loc, isFirstLane(),
                      [&](OpBuilder &nested, Location loc) {
                        arrive(nested);
                        scf::YieldOp::create(nested, loc);
                      });
  }
  b.eraseOp(op);
}

/// Buffers and barriers of all rings must fit a block. What is far too large is
/// not multiplied out: sizes of IR may be any.
static LogicalResult verifyBytes(ArrayRef<RingCreateOp> creates) {
  uint64_t total = 0;
  for (RingCreateOp op : creates) {
    uint64_t slot = 2 * sizeof(uint64_t);
    for (MemRefType tile : op.getRing().getType().getTiles()) {
      uint64_t bytes = tile.getElementTypeBitWidth() / 8;
      for (int64_t size : tile.getShape())
        bytes = llvm::SaturatingMultiply<uint64_t>(bytes, size);
      slot = llvm::SaturatingAdd(slot, bytes);
    }
    uint64_t stages = op.getRing().getType().getStages();
    total = llvm::SaturatingMultiplyAdd(slot, stages, total);
    if (total > static_cast<uint64_t>(kSharedMemoryBytes))
      return op.emitOpError() << "needs more shared memory than the "
                              << kSharedMemoryBytes << " bytes of a block";
  }
  return success();
}

LogicalResult RingLowering::run() {
  SmallVector<RingCreateOp> creates;
  SmallVector<RingPutOp> puts;
  SmallVector<RingGetOp> gets;
  SmallVector<RingReleaseOp> releases;
  kernel.walk([&](Operation *op) {
    if (auto create = dyn_cast<RingCreateOp>(op))
      creates.push_back(create);
    else if (auto put = dyn_cast<RingPutOp>(op))
      puts.push_back(put);
    else if (auto get = dyn_cast<RingGetOp>(op))
      gets.push_back(get);
    else if (auto release = dyn_cast<RingReleaseOp>(op))
      releases.push_back(release);
  });
  if (creates.empty())
    return success();
  for (RingCreateOp op : creates)
    if (op->getBlock() != &kernel.getBody().front())
      return op.emitOpError("must be at the top of the kernel");
  if (failed(verifyBytes(creates)) || failed(makeTensorMaps(puts)))
    return failure();
  for (RingCreateOp op : creates)
    create(op);
  initBarriers();
  for (RingPutOp op : puts)
    put(op);
  for (RingGetOp op : gets)
    get(op);
  for (RingReleaseOp op : releases)
    release(op);
  for (RingCreateOp op : creates)
    b.eraseOp(op);
  kernel->setAttr("mqa.dynamic_shared_memory",
                  b.getI64IntegerAttr(sharedMemoryBytes));
  return success();
}

namespace {
struct LowerRingsPass : mqa::impl::MQALowerRingsPassBase<LowerRingsPass> {
  void runOnOperation() override {
    if (failed(RingLowering(getOperation()).run()))
      signalPassFailure();
  }
};
} // namespace
