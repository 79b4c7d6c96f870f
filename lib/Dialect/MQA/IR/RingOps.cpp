//===- RingOps.cpp - Verifiers of the ring ops ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MemorySpaces.h"
#include "mqa/Dialect/MQA/IR/EnumCases.h"
#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::mqa;

// Who executes an op on a ring, the ring says.
static Role getFiller(Value ring) {
  auto create = ring.getDefiningOp<RingCreateOp>();
  return create ? create.getFiller() : Role::Producer;
}
static Role getReader(Value ring) {
  auto create = ring.getDefiningOp<RingCreateOp>();
  return create ? create.getReader() : Role::Consumer;
}

Role RingPutOp::getRole() { return getFiller(getRing()); }
Role RingAcquireOp::getRole() { return getFiller(getRing()); }
Role FillTileOp::getRole() { return getAcquire().getRole(); }
Role RingCommitOp::getRole() { return getFiller(getRing()); }
Role RingGetOp::getRole() { return getReader(getRing()); }
Role RingReleaseOp::getRole() { return getReader(getRing()); }

void RingCreateOp::build(OpBuilder &, OperationState &state, RingType ring) {
  state.addTypes(ring);
}

static bool mayFill(Role role) {
  switch (role) {
  case Role::Producer:
  case Role::Converter:
    return true;
  case Role::Consumer:
  case Role::Cleaner:
    return false;
  }
  llvm_unreachable("unknown role");
}

static bool mayRead(Role role) {
  switch (role) {
  case Role::Consumer:
  case Role::Converter:
    return true;
  case Role::Producer:
  case Role::Cleaner:
    return false;
  }
  llvm_unreachable("unknown role");
}

LogicalResult RingCreateOp::verify() {
  Role filler = getFiller(), reader = getReader();
  if (!mayFill(filler))
    return emitOpError() << "'filler' must be producer or converter, found "
                         << stringifyRole(filler);
  if (!mayRead(reader))
    return emitOpError() << "'reader' must be consumer or converter, found "
                         << stringifyRole(reader);
  if (filler == reader)
    return emitOpError("'filler' and 'reader' must not both be converter: a "
                       "converter stands between two rings");
  return success();
}

RingAcquireOp FillTileOp::getAcquire() {
  return getTile().getDefiningOp<RingAcquireOp>();
}

unsigned FillTileOp::getTileIndex() {
  return cast<OpResult>(getTile()).getResultNumber();
}

MemRefType FillTileOp::getTileType() {
  return getAcquire().getRing().getType().getTiles()[getTileIndex()];
}

/// Whether elements of `type` become `target` on their way into a slot.
static bool isWidened(Type type, Type target) {
  auto narrow = dyn_cast<FloatType>(type), wide = dyn_cast<FloatType>(target);
  return narrow && wide && narrow.getWidth() < wide.getWidth();
}

/// `source` fills a tile of type `tile`, or a part of it. `suffix` tells it
/// from other sources of the op.
static LogicalResult verifySource(Operation *op, StringRef suffix, Value source,
                                  MemRefType tile) {
  auto type = cast<MemRefType>(source.getType());
  if (failed(verifyGlobal(op, ("source" + suffix).str(), source)))
    return failure();
  if (type.getRank() != tile.getRank() ||
      (type.getElementType() != tile.getElementType() &&
       !isWidened(type.getElementType(), tile.getElementType())))
    return op->emitOpError() << "source" << suffix << " is " << type
                             << ", which does not fit the ring's tile " << tile;
  auto layout = dyn_cast<StagedLayoutAttr>(tile.getLayout());
  if (layout && failed(layout.getBoxDims()))
    return op->emitOpError() << "tile" << suffix << " must have memory that "
                             << "ends with a box of its dims, found " << layout;
  for (auto [dim, size, room] :
       llvm::enumerate(type.getShape(), tile.getShape()))
    if (!ShapedType::isDynamic(size) && size > room)
      return op->emitOpError()
             << "source" << suffix << " is larger than the ring's "
             << "tile in dimension " << dim << ": " << size << " > " << room;
  return success();
}

LogicalResult RingPutOp::verify() {
  ArrayRef<MemRefType> tiles = getRing().getType().getTiles();
  // Tiles behind those of the sources are the readers'.
  if (getSources().empty() || tiles.size() < getSources().size())
    return emitOpError() << "needs a source for the first tiles of the ring: "
                            "from 1 to "
                         << tiles.size() << ", found " << getSources().size();
  for (auto [i, source, tile] :
       llvm::enumerate(getSources(), tiles.take_front(getSources().size())))
    if (failed(verifySource(*this, (" " + Twine(i)).str(), source, tile)))
      return failure();
  return success();
}

LogicalResult FillTileOp::verify() {
  RingAcquireOp acquire = getAcquire();
  if (!acquire)
    return emitOpError("'tile' must be what an mqa.ring_acquire returns");
  // That is verified too, but may come later.
  if (acquire.getRing().getType().getTiles().size() <= getTileIndex())
    return emitOpError("'tile' is none of the ring's");
  MemRefType tile = getTileType();
  if (failed(verifySource(*this, "", getSource(), tile)))
    return failure();
  FillKind kind = getKind();
  if (isConverted() && !passesRegisters(kind))
    return emitOpError() << "by " << stringifyFillKind(kind)
                         << " converts no elements, found "
                         << getSource().getType() << " and " << tile;
  return success();
}

/// The tiles that an op returns of a slot.
static void buildTiles(OperationState &state, Value ring, Value position) {
  auto type = cast<RingType>(ring.getType());
  for (size_t i = 0; i < type.getTiles().size(); ++i)
    state.addTypes(type.getSlotType(i));
  state.addOperands({ring, position});
}

template <typename Op> static LogicalResult verifyTiles(Op op) {
  ArrayRef<MemRefType> tiles = op.getRing().getType().getTiles();
  if (tiles.size() != op->getNumResults())
    return op.emitOpError()
           << "returns one tile per tile of the ring: expected " << tiles.size()
           << ", found " << op->getNumResults();
  for (auto [i, result, tile] : llvm::enumerate(op.getTiles(), tiles)) {
    auto type = cast<MemRefType>(result.getType());
    // A slot is a view into the ring: same shape, some offset, which a staged
    // layout does not say.
    bool isStaged = isa<StagedLayoutAttr>(tile.getLayout()) ||
                    isa<StagedLayoutAttr>(type.getLayout());
    if ((isStaged && type != tile) || type.getShape() != tile.getShape() ||
        type.getElementType() != tile.getElementType() ||
        type.getMemorySpace() != tile.getMemorySpace())
      return op.emitOpError() << "result " << i << " must be a view of " << tile
                              << ", found " << type;
  }
  return success();
}

void RingGetOp::build(OpBuilder &, OperationState &state, Value ring,
                      Value position) {
  buildTiles(state, ring, position);
}

void RingAcquireOp::build(OpBuilder &, OperationState &state, Value ring,
                          Value position) {
  buildTiles(state, ring, position);
}

LogicalResult RingGetOp::verify() { return verifyTiles(*this); }

LogicalResult RingAcquireOp::verify() { return verifyTiles(*this); }
