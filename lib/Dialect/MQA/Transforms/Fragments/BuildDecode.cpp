//===- BuildDecode.cpp - Where packed keys are decoded --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BuildDecode.h"
#include "Kernels/WorkgroupMemory.h"

using namespace mlir;
using namespace mlir::mqa;

/// Makes the views that `op` reads packed keys from behind `previous`. Returns
/// whether they could be made and read there.
static bool moveKeysBehind(TileLogitsOp op, Operation *previous) {
  SmallVector<Operation *> views;
  for (Value memref : {Value(op.getK()), Value(op.getKScale())}) {
    Operation *view = memref.getDefiningOp();
    if (!view || view->getBlock() != previous->getBlock() ||
        view->isBeforeInBlock(previous))
      continue;
    auto isThere = [&](Value value) {
      Operation *from = value.getDefiningOp();
      return !from || from->getBlock() != previous->getBlock() ||
             from->isBeforeInBlock(previous);
    };
    if (!isMemoryEffectFree(view) ||
        !llvm::all_of(view->getOperands(), isThere))
      return false;
    views.push_back(view);
  }
  for (Operation *next = previous->getNextNode(); next != op;
       next = next->getNextNode())
    if (!next || mayWriteWorkgroupMemory(next))
      return false;
  for (Operation *view : views)
    view->moveAfter(previous);
  return true;
}

DecodeMxOp mqa::buildDecode(OpBuilder &b, TileLogitsOp op,
                            Operation *previous) {
  OpBuilder::InsertionGuard guard(b);
  if (previous && moveKeysBehind(op, previous)) {
    b.setInsertionPointAfter(previous);
    for (Value memref : {Value(op.getK()), Value(op.getKScale())})
      if (Operation *view = memref.getDefiningOp();
          view && view->getBlock() == previous->getBlock() &&
          !view->isBeforeInBlock(&*b.getInsertionPoint()))
        b.setInsertionPointAfter(view);
  }
  MemRefType q = op.getQ().getType();
  int64_t keys = op.getNumKeys();
  return DecodeMxOp::create(
      b, op.getLoc(),
      VectorType::get({keys, q.getDimSize(2)}, q.getElementType()),
      VectorType::get({keys}, b.getF32Type()), op.getK(), op.getKScale());
}
