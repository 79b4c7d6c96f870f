//===- HoistReleases.cpp - Releases a ring slot after its last read -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/Transforms/Passes.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQAHOISTRELEASESPASS
#include "mqa/Dialect/MQA/Transforms/Passes.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

/// The get whose slot `release` gives back, in its block or in one around it.
static RingGetOp findGet(RingReleaseOp release) {
  for (Operation *from = release; from && !isa<gpu::GPUFuncOp>(from);
       from = from->getParentOp())
    for (Operation *op = from->getPrevNode(); op; op = op->getPrevNode())
      if (auto get = dyn_cast<RingGetOp>(op))
        if (get.getRing() == release.getRing() &&
            get.getPosition() == release.getPosition())
          return get;
  return nullptr;
}

/// The last op in `block` that still needs the slot's contents; null if none.
static Operation *findLastUse(RingGetOp get, Block *block) {
  Operation *last = get->getBlock() == block ? get.getOperation() : nullptr;
  SmallVector<Value> worklist(get->result_begin(), get->result_end());
  while (!worklist.empty()) {
    for (Operation *user : worklist.pop_back_val().getUsers()) {
      // A view is the slot under another name; an accumulator that is not
      // waited for is a read under way.
      if (isa<ViewLikeOpInterface, WgmmaOp>(user))
        llvm::append_range(worklist, user->getResults());
      Operation *inBlock = block->findAncestorOpInBlock(*user);
      if (inBlock && (!last || last->isBeforeInBlock(inBlock)))
        last = inBlock;
    }
  }
  return last;
}

namespace {
struct HoistReleasesPass
    : mqa::impl::MQAHoistReleasesPassBase<HoistReleasesPass> {
  void runOnOperation() override {
    SmallVector<RingReleaseOp> releases;
    getOperation().walk([&](RingReleaseOp op) { releases.push_back(op); });
    for (RingReleaseOp release : releases) {
      RingGetOp get = findGet(release);
      if (!get)
        continue;
      Operation *last = findLastUse(get, release->getBlock());
      if (last && last->isBeforeInBlock(release))
        release->moveAfter(last);
    }
  }
};
} // namespace
