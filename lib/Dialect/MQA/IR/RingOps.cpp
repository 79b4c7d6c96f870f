//===- RingOps.cpp - Verifiers of the ring ops ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MemorySpaces.h"
#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::mqa;

/// Whether scales come from cache blocks of which TMA cannot fill a part of a
/// tile: that would have to begin at a multiple of 128 bytes. A cache that has
/// become a tensor map, and is no memref any more, is loaded by it.
template <typename Op> static bool hasShortScales(Op op) {
  constexpr int64_t kMinScales = 32;
  auto cache = op ? dyn_cast<MemRefType>(op->getOperand(0).getType()) : nullptr;
  return cache && cache.getElementType().isF32() &&
         cache.getDimSize(1) < kMinScales;
}

bool RingPutOp::isCopiedByLanes(Value source) {
  if (hasShortScales(source.getDefiningOp<GatherPagesOp>()) ||
      hasShortScales(source.getDefiningOp<GatherBlocksOp>()))
    return true;
  while (auto view = source.getDefiningOp<ViewLikeOpInterface>()) {
    if (isa<RowBlockOp>(view))
      return true;
    source = view.getViewSource();
  }
  return false;
}

/// Whether elements of `type` become `target` on their way into a slot.
static bool isWidened(Type type, Type target) {
  auto narrow = dyn_cast<FloatType>(type), wide = dyn_cast<FloatType>(target);
  return narrow && wide && narrow.getWidth() < wide.getWidth();
}

LogicalResult RingPutOp::verify() {
  ArrayRef<MemRefType> tiles = getRing().getType().getTiles();
  if (tiles.size() != getSources().size())
    return emitOpError() << "needs one source per tile of the ring: expected "
                         << tiles.size() << ", found " << getSources().size();
  for (auto [i, source, tile] : llvm::enumerate(getSources(), tiles)) {
    auto type = cast<MemRefType>(source.getType());
    if (failed(verifyGlobal(*this, ("source " + Twine(i)).str(), source)))
      return failure();
    if (type.getRank() != tile.getRank() ||
        (type.getElementType() != tile.getElementType() &&
         !isWidened(type.getElementType(), tile.getElementType())))
      return emitOpError() << "source " << i << " is " << type
                           << ", which does not fit the ring's tile " << tile;
    auto layout = dyn_cast<StagedLayoutAttr>(tile.getLayout());
    if (layout && failed(layout.getBoxDims()))
      return emitOpError() << "tile " << i << " must have memory that ends "
                           << "with a box of its dims, found " << layout;
    for (auto [dim, sizes] :
         llvm::enumerate(llvm::zip(type.getShape(), tile.getShape()))) {
      auto [size, room] = sizes;
      if (!ShapedType::isDynamic(size) && size > room)
        return emitOpError()
               << "source " << i << " is larger than the ring's "
               << "tile in dimension " << dim << ": " << size << " > " << room;
    }
  }
  return success();
}

void RingGetOp::build(OpBuilder &, OperationState &state, Value ring,
                      Value position) {
  auto type = cast<RingType>(ring.getType());
  for (size_t i = 0; i < type.getTiles().size(); ++i)
    state.addTypes(type.getSlotType(i));
  state.addOperands({ring, position});
}

LogicalResult RingGetOp::verify() {
  ArrayRef<MemRefType> tiles = getRing().getType().getTiles();
  if (tiles.size() != getNumResults())
    return emitOpError() << "returns one tile per tile of the ring: expected "
                         << tiles.size() << ", found " << getNumResults();
  for (auto [i, result, tile] : llvm::enumerate(getTiles(), tiles)) {
    auto type = cast<MemRefType>(result.getType());
    // A slot is a view into the ring: same shape, some offset, which a staged
    // layout does not say.
    bool isStaged = isa<StagedLayoutAttr>(tile.getLayout()) ||
                    isa<StagedLayoutAttr>(type.getLayout());
    if ((isStaged && type != tile) || type.getShape() != tile.getShape() ||
        type.getElementType() != tile.getElementType() ||
        type.getMemorySpace() != tile.getMemorySpace())
      return emitOpError() << "result " << i << " must be a view of " << tile
                           << ", found " << type;
  }
  return success();
}
