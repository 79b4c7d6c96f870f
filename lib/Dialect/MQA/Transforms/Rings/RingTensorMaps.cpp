//===- RingTensorMaps.cpp - Tensor maps of what rings are filled from -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RingLowering.h"
#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "llvm/ADT/SmallBitVector.h"
#include "llvm/Support/DebugLog.h"

#define DEBUG_TYPE "mqa-lower-rings"

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::shapes;

constexpr int64_t kMaxBoxRank = 5;
/// The bytes of a box's rows are a multiple of this.
constexpr int64_t kBoxRowBytes = 16;

static nvgpu::TensorMapSwizzleKind getSwizzle(int64_t bytes) {
  switch (bytes) {
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

BlockArgument mqa::getKernelArgument(Value value) {
  auto argument = dyn_cast_if_present<BlockArgument>(value);
  auto kernel =
      argument ? dyn_cast<gpu::GPUFuncOp>(argument.getOwner()->getParentOp())
               : gpu::GPUFuncOp();
  // Its other blocks have arguments too; and behind the kernel's, the first has
  // its shared and private variables.
  bool isOwn =
      kernel && kernel.isKernel() && argument.getOwner()->isEntryBlock() &&
      argument.getArgNumber() < kernel.getFunctionType().getNumInputs();
  return isOwn ? argument : BlockArgument();
}

bool mqa::hasContiguousRows(Value memref) {
  SmallVector<int64_t> strides;
  int64_t offset = 0;
  return succeeded(cast<MemRefType>(memref.getType())
                       .getStridesAndOffset(strides, offset)) &&
         !strides.empty() && strides.back() == 1;
}

/// The view of a kernel argument that the source of `op` is.
static FailureOr<memref::SubViewOp> getArgumentView(FillTileOp op) {
  auto view = op.getSource().getDefiningOp<memref::SubViewOp>();
  if (!view || !getKernelArgument(view.getSource()) || !view.hasUnitStride())
    return op.emitOpError("source must be a unit-stride memref.subview of a "
                          "kernel argument");
  if (!hasContiguousRows(view.getSource()))
    return op.emitOpError()
           << "source must be of an argument with contiguous rows, found "
           << view.getSourceType();
  return view;
}

/// The box of which `tile` holds one or several: the last dims of its memory,
/// as many as `view` has; before them, one for each dimension that `view`
/// drops.
static MemRefType getBox(MemRefType tile, memref::SubViewOp view) {
  SmallVector<int64_t> shape(view.getDroppedDims().count(), 1);
  llvm::append_range(
      shape, getLayout(tile).getShape().take_back(view.getType().getRank()));
  return MemRefType::get(shape, tile.getElementType(),
                         MemRefLayoutAttrInterface{}, tile.getMemorySpace());
}

/// The rows of `tile` that one block of a paged cache fills at most.
static int64_t getBlockRows(MemRefType tile, GatherBlocksOp pages) {
  return std::min(tile.getDimSize(0), pages.getBlockKeys());
}

/// The box of which `tile` holds one or several: rows of one cache block.
static MemRefType getBox(MemRefType tile, GatherBlocksOp pages) {
  // A matrix has no dimension of blocks.
  SmallVector<int64_t> shape;
  if (pages.isPaged())
    shape.push_back(1);
  shape.push_back(getBlockRows(tile, pages));
  llvm::append_range(shape, getLayout(tile).getShape().take_back(
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

bool mqa::isOfBlocks(MemRefType tile, GatherBlocksOp blocks) {
  StagedLayoutAttr layout = getLayout(tile);
  int64_t rows = tile.getDimSize(0);
  int64_t blockKv = blocks.getBlockKeys();
  return (rows % blockKv == 0 || blockKv % rows == 0) &&
         llvm::is_sorted(*layout.getBoxDims()) &&
         layout.getShape().take_back(tile.getRank())[0] == rows;
}

/// The argument that the source of `op` comes from, and how it is loaded.
static FailureOr<std::pair<BlockArgument, TensorMapRecipe>>
getRecipe(FillTileOp op) {
  MemRefType tile = op.getTileType();
  auto pages = op.getSource().getDefiningOp<GatherBlocksOp>();
  SmallVector<int64_t> boxDims = *getLayout(tile).getBoxDims();
  if (!pages) {
    FailureOr<memref::SubViewOp> view = getArgumentView(op);
    if (failed(view))
      return failure();
    return std::pair(cast<BlockArgument>(view->getSource()),
                     TensorMapRecipe{getBox(tile, *view),
                                     getLayout(tile).getSwizzleBytes(),
                                     getArgumentDims(*view, boxDims)});
  }
  BlockArgument argument = getKernelArgument(pages.getCache());
  int64_t rank = pages.getCache().getType().getRank();
  if (getBlockRows(tile, pages) == 0)
    return op.emitOpError("source is of blocks without keys");
  if (!argument || !hasContiguousRows(argument) || !isOfBlocks(tile, pages))
    return op.emitOpError("source must be blocks of a kernel argument, whole "
                          "ones or one part");
  return std::pair(
      argument,
      TensorMapRecipe{getBox(tile, pages), getLayout(tile).getSwizzleBytes(),
                      llvm::to_vector(llvm::seq(rank)), pages.getBlockKeys(),
                      getBlockRows(tile, pages),
                      pages.isPaged() ? pages.getPageBlocks() : 0});
}

/// Checks that `argument` is only used by views that rings are filled from by
/// TMA, since it will be no memref any more. Views that nothing uses may be
/// there; they go.
static LogicalResult verifyTensorMapUses(BlockArgument argument) {
  auto emitError = [&](Operation *user) {
    return user->emitOpError() << "uses argument " << argument.getArgNumber()
                               << ", which becomes a tensor map";
  };
  for (Operation *view : argument.getUsers()) {
    if (!isa<memref::SubViewOp, GatherBlocksOp>(view))
      return emitError(view);
    if (view->use_empty())
      continue;
    for (Operation *user : view->getUsers()) {
      auto fill = dyn_cast<FillTileOp>(user);
      if (!fill)
        return emitError(user);
      if (fill.getKind() != FillKind::TensorMap)
        return emitError(view);
    }
  }
  return success();
}

/// Turns each kernel argument that rings are filled from into the tensor map
/// that loads the ring's tile of it.
LogicalResult RingLowering::makeTensorMaps(ArrayRef<FillTileOp> fills) {
  int64_t maxBoxDim = chip->copyEngine->maxBoxDim;
  for (FillTileOp op : fills) {
    FailureOr<std::pair<BlockArgument, TensorMapRecipe>> found = getRecipe(op);
    if (failed(found))
      return failure();
    auto &[argument, own] = *found;
    MemRefType box = own.box;
    auto emitBoxError = [&] {
      return op.emitOpError()
             << "source is loaded in boxes of " << box << ", but ";
    };
    if (llvm::any_of(box.getShape(),
                     [&](int64_t size) { return size > maxBoxDim; }))
      return emitBoxError() << "a TMA box has at most " << maxBoxDim
                            << " elements in each dimension";
    if (box.getRank() > kMaxBoxRank)
      return emitBoxError()
             << "a TMA box has at most " << kMaxBoxRank << " dimensions";
    int64_t rowSize = box.getRank() ? box.getShape().back() : 1;
    int64_t rowBytes = rowSize * box.getElementTypeBitWidth() / 8;
    if (rowBytes % kBoxRowBytes)
      return emitBoxError() << "the rows of a TMA box have a multiple of "
                            << kBoxRowBytes << " bytes";
    TensorMapRecipe &recipe = recipes.try_emplace(argument, own).first->second;
    if (recipe.box != own.box || recipe.dims != own.dims ||
        recipe.swizzleBytes != own.swizzleBytes)
      return op.emitOpError() << "loads argument " << argument.getArgNumber()
                              << " with tiles of different shapes";
  }
  StringRef name = OperandAttr::getAttrName();
  for (auto &[value, recipe] : recipes) {
    auto argument = cast<BlockArgument>(value);
    if (failed(verifyTensorMapUses(argument)))
      return failure();
    unsigned position = argument.getArgNumber();
    if (!llvm::is_sorted(recipe.dims) &&
        !kernel.getArgAttrOfType<OperandAttr>(position, name))
      return kernel.emitOpError()
             << "argument " << position << " is loaded in boxes of other dims "
             << "than its own, and needs '" << name << "' to say which";
  }
  for (auto &[value, recipe] : recipes) {
    auto argument = cast<BlockArgument>(value);
    for (Operation *view : llvm::make_early_inc_range(argument.getUsers()))
      if (view->use_empty())
        b.eraseOp(view);
    argument.setType(nvgpu::TensorMapDescriptorType::get(
        b.getContext(), recipe.box, getSwizzle(recipe.swizzleBytes),
        nvgpu::TensorMapL2PromoKind::L2PROMO_128B,
        nvgpu::TensorMapOOBKind::OOB_ZERO,
        nvgpu::TensorMapInterleaveKind::INTERLEAVE_NONE));
    LDBG() << "argument " << argument.getArgNumber() << " becomes "
           << argument.getType();
    if (llvm::is_sorted(recipe.dims))
      continue;
    unsigned position = argument.getArgNumber();
    auto operand = kernel.getArgAttrOfType<OperandAttr>(position, name);
    kernel.setArgAttr(position, name, operand.withBoxDims(recipe.dims));
  }
  // Behind the arguments, the block has the workgroup's shared variables.
  auto arguments =
      kernel.getArguments().take_front(kernel.getFunctionType().getNumInputs());
  SmallVector<Type> types(ValueRange(arguments).getTypes());
  kernel.setFunctionType(b.getFunctionType(types, {}));
  return success();
}
