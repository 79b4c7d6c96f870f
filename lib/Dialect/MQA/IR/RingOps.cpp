//===- RingOps.cpp - Verifiers of the ring ops ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MemorySpaces.h"
#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/SmallBitVector.h"

using namespace mlir;
using namespace mlir::mqa;

AffineMap RingPutOp::getTileMap(unsigned i) {
  if (ArrayAttr maps = getTileMapsAttr())
    return cast<AffineMapAttr>(maps[i]).getValue();
  return AffineMap::getMultiDimIdentityMap(
      getRing().getType().getTiles()[i].getRank(), getContext());
}

SmallVector<int64_t> RingPutOp::getBoxDims(unsigned i) {
  AffineMap map = getTileMap(i);
  int64_t first = map.getNumDims() - map.getNumResults();
  SmallVector<int64_t> dims(map.getNumResults());
  for (auto [dim, result] : llvm::enumerate(map.getResults()))
    for (int64_t at = first, e = map.getNumDims(); at < e; ++at)
      if (result.isFunctionOfDim(at))
        dims[at - first] = dim;
  return dims;
}

/// Whether the last dims of `map` are a box: each a dim of the source.
static bool hasBox(AffineMap map) {
  int64_t first = map.getNumDims() - map.getNumResults();
  if (first < 0 || map.getNumSymbols() != 0)
    return false;
  llvm::SmallBitVector seen(map.getNumDims());
  SmallVector<int64_t> zero(map.getNumDims(), 0);
  SmallVector<int64_t> origin = llvm::to_vector(map.compose(zero));
  for (auto [i, result] : llvm::enumerate(map.getResults())) {
    int64_t inBox = -1, count = 0;
    if (!result.isPureAffine() || origin[i] != 0)
      return false;
    for (int64_t at = first, e = map.getNumDims(); at < e; ++at)
      if (result.isFunctionOfDim(at)) {
        inBox = at;
        ++count;
      }
    if (count != 1 || seen.test(inBox))
      return false;
    seen.set(inBox);
    SmallVector<int64_t> unit = zero;
    unit[inBox] = 1;
    if (map.compose(unit)[i] != 1)
      return false;
  }
  return true;
}

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
  if (getTileMaps() && getTileMaps()->size() != tiles.size())
    return emitOpError() << "needs one of 'tile_maps' per tile of the ring: "
                         << "expected " << tiles.size() << ", found "
                         << getTileMaps()->size();
  for (auto [i, source, tile] : llvm::enumerate(getSources(), tiles)) {
    auto type = cast<MemRefType>(source.getType());
    AffineMap map = getTileMap(i);
    if (failed(verifyGlobal(*this, ("source " + Twine(i)).str(), source)))
      return failure();
    if (map.getNumDims() != tile.getRank() ||
        map.getNumResults() != type.getRank() ||
        (type.getElementType() != tile.getElementType() &&
         !isWidened(type.getElementType(), tile.getElementType())))
      return emitOpError() << "source " << i << " is " << type
                           << ", which does not fit the ring's tile " << tile;
    if (!hasBox(map))
      return emitOpError() << "tile map " << i << " must end with a box of "
                           << "dims of the source, found "
                           << AffineMapAttr::get(map);
    SmallVector<int64_t> last;
    for (int64_t size : tile.getShape())
      last.push_back(size - 1);
    SmallVector<int64_t> greatest = llvm::to_vector(map.compose(last));
    for (auto [dim, size] : llvm::enumerate(type.getShape())) {
      int64_t room = greatest[dim] + 1;
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
    // A slot is a view into the ring: same shape, some offset.
    if (type.getShape() != tile.getShape() ||
        type.getElementType() != tile.getElementType() ||
        type.getMemorySpace() != tile.getMemorySpace())
      return emitOpError() << "result " << i << " must be a view of " << tile
                           << ", found " << type;
  }
  return success();
}
