//===- LayoutOps.cpp - Views of staged tiles ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/MQA.h"

using namespace mlir;
using namespace mlir::mqa;

Value SubtileOp::getViewSource() { return getTile(); }

MemRefType SubtileOp::getPartType(MemRefType type, ArrayRef<int64_t> shape) {
  auto layout = dyn_cast<StagedLayoutAttr>(type.getLayout());
  if (!layout)
    return {};
  FailureOr<StagedLayoutAttr> part = layout.getPart(shape);
  if (failed(part))
    return {};
  return MemRefType::get(shape, type.getElementType(), *part,
                         type.getMemorySpace());
}

LogicalResult SubtileOp::verify() {
  auto type = cast<MemRefType>(getTile().getType()),
       part = cast<MemRefType>(getPart().getType());
  if (!isa<StagedLayoutAttr>(type.getLayout()))
    return emitOpError() << "needs a tile with the layout #mqa.staged, found "
                         << type;
  if (static_cast<int64_t>(getParts().size()) != type.getRank())
    return emitOpError() << "needs an index for each of the " << type.getRank()
                         << " dimensions of its tile, found "
                         << getParts().size();
  MemRefType expected = getPartType(type, part.getShape());
  if (!expected)
    return emitOpError() << "of " << type
                         << " has no equal parts of this shape that lie behind "
                            "each other: "
                         << part;
  if (part != expected)
    return emitOpError() << "result must be " << expected << ", found " << part;
  return success();
}

Value LayoutCastOp::getViewSource() { return getSource(); }

LogicalResult LayoutCastOp::verify() {
  auto tile = cast<MemRefType>(getSource().getType()),
       memory = cast<MemRefType>(getResult().getType());
  if (!isa<StagedLayoutAttr>(tile.getLayout()))
    std::swap(tile, memory);
  auto layout = dyn_cast<StagedLayoutAttr>(tile.getLayout());
  if (!layout || isa<StagedLayoutAttr>(memory.getLayout()))
    return emitOpError() << "needs one type with the layout #mqa.staged, found "
                         << getSource().getType() << " and "
                         << getResult().getType();
  MemRefType expected = layout.getMemoryType(tile);
  SmallVector<int64_t> strides, expectedStrides;
  int64_t offset, expectedOffset;
  (void)expected.getStridesAndOffset(expectedStrides, expectedOffset);
  // The offset may be known.
  if (memory.getShape() != expected.getShape() ||
      memory.getElementType() != expected.getElementType() ||
      memory.getMemorySpace() != expected.getMemorySpace() ||
      failed(memory.getStridesAndOffset(strides, offset)) ||
      strides != expectedStrides)
    return emitOpError() << "of " << tile << " is " << expected << ", found "
                         << memory;
  return success();
}

OpFoldResult LayoutCastOp::fold(FoldAdaptor) {
  auto other = getSource().getDefiningOp<LayoutCastOp>();
  if (other && other.getSource().getType() == getType())
    return other.getSource();
  return {};
}
