//===- SwizzledAccess.cpp - Elements of tiles whose rows are swizzled -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A tile that a matrix unit reads has its rows swizzled. Ops that write one
// element by element, or a part of a chunk, write it where the swizzle has it.
//
//===----------------------------------------------------------------------===//

#include "RingLowering.h"

#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace mlir::mqa;

/// Whether `op` loads or stores a vector that lies in one chunk: its bytes are
/// a power of two, and it begins at a multiple of them.
template <typename Op> static bool isInChunk(Op op) {
  auto type = cast<VectorType>(op.getVectorType());
  int64_t bytes = type.getNumElements() * type.getElementTypeBitWidth() / 8;
  return type.getRank() == 1 && bytes > 0 && kChunkBytes % bytes == 0 &&
         op.getAlignment().value_or(1) % bytes == 0;
}

/// The indices by which `op` accesses its memref, the last of which a swizzle
/// changes; null if it is no such op.
static MutableOperandRange *
getIndices(Operation *op, std::optional<MutableOperandRange> &out) {
  if (auto load = dyn_cast<memref::LoadOp>(op))
    out.emplace(load.getIndicesMutable());
  else if (auto store = dyn_cast<memref::StoreOp>(op))
    out.emplace(store.getIndicesMutable());
  else if (auto load = dyn_cast<vector::LoadOp>(op); load && isInChunk(load))
    out.emplace(load.getIndicesMutable());
  else if (auto store = dyn_cast<vector::StoreOp>(op);
           store && isInChunk(store))
    out.emplace(store.getIndicesMutable());
  return out ? &*out : nullptr;
}

LogicalResult mqa::verifyAccesses(const SlotFills &slot) {
  RingAcquireOp acquire = slot.acquire;
  for (auto [i, tile] : llvm::enumerate(acquire.getTiles())) {
    if (!isSwizzled(acquire.getRing(),
                    acquire.getRing().getType().getTiles()[i]))
      continue;
    for (Operation *user : tile.getUsers()) {
      std::optional<MutableOperandRange> indices;
      if (isa<FillTileOp, memref::DimOp>(user) || getIndices(user, indices))
        continue;
      return user->emitOpError()
             << "accesses tile " << i << " of a slot, whose rows are swizzled: "
             << "memref.load and memref.store can, and vector.load and "
                "vector.store of vectors whose 'alignment' is their size, up "
                "to "
             << kChunkBytes << " bytes";
    }
  }
  return success();
}

void mqa::swizzleAccesses(RewriterBase &b, Value tile, MemRefType type) {
  int64_t elementBytes = type.getElementTypeBitWidth() / 8;
  int64_t rowBytes = type.getShape().back() * elementBytes;
  int64_t perChunk = kChunkBytes / elementBytes;
  // As the engine swizzles: bits 4 to 6 of an address with its bits 7 to 9.
  int64_t chunks = rowBytes / kChunkBytes, rowsPerLine = 128 / rowBytes;
  SmallVector<int64_t> strides = computeStrides(type.getShape().drop_back());
  for (Operation *user : tile.getUsers()) {
    std::optional<MutableOperandRange> indices;
    if (!getIndices(user, indices))
      continue;
    Location loc = user->getLoc();
    b.setInsertionPoint(user);
    auto constant = [&](int64_t value) -> Value {
      return arith::ConstantIndexOp::create(b, loc, value);
    };
    Value row = constant(0);
    OpOperand &column = (*indices)[indices->size() - 1];
    for (auto [i, stride] : llvm::enumerate(strides))
      row = arith::AddIOp::create(
          b, loc, row,
          arith::MulIOp::create(b, loc, (*indices)[i].get(), constant(stride)));
    Value line = arith::DivUIOp::create(b, loc, row, constant(rowsPerLine));
    Value phase = arith::RemUIOp::create(b, loc, line, constant(chunks));
    Value offset = arith::MulIOp::create(b, loc, phase, constant(perChunk));
    Value swizzled = arith::XOrIOp::create(b, loc, column.get(), offset);
    b.modifyOpInPlace(user, [&] { column.set(swizzled); });
  }
}
