//===- BuildDecode.cpp - Where packed keys are decoded --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BuildDecode.h"
#include "Kernels/WorkgroupMemory.h"

using namespace mlir;
using namespace mlir::mqa;

/// Makes the views `packed` and `words`, which `op` reads keys from, behind
/// `previous`. Returns whether they could be made and read there.
static bool moveKeysBehind(TileLogitsOp op, Value packed, Value words,
                           Operation *previous) {
  SmallVector<Operation *> views;
  for (Value memref : {packed, words}) {
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

DecodeMxOp mqa::buildDecode(OpBuilder &b, TileLogitsOp op, Value packed,
                            Value words, Operation *previous) {
  OpBuilder::InsertionGuard guard(b);
  if (previous && moveKeysBehind(op, packed, words, previous)) {
    b.setInsertionPointAfter(previous);
    for (Value memref : {packed, words})
      if (Operation *view = memref.getDefiningOp();
          view && view->getBlock() == previous->getBlock() &&
          !view->isBeforeInBlock(&*b.getInsertionPoint()))
        b.setInsertionPointAfter(view);
  }
  MemRefType q = op.getQ().getType();
  int64_t keys = cast<MemRefType>(packed.getType()).getDimSize(0);
  return DecodeMxOp::create(
      b, op.getLoc(),
      VectorType::get({keys, q.getDimSize(2)}, q.getElementType()),
      VectorType::get({keys}, b.getI32Type()), packed, words);
}
