//===- ExpandPuts.cpp - Puts to acquire, fills, commit --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FillKinds.h"
#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/IR/Target.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Pass/Pass.h"
#include "llvm/Support/DebugLog.h"

#define DEBUG_TYPE "mqa-expand-puts"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQAEXPANDPUTSPASS
#include "mqa/Dialect/MQA/Transforms/Passes/MQAExpandPutsPass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

static void expand(RewriterBase &b, RingPutOp op, const CopyEngine &engine) {
  Location loc = op.getLoc();
  b.setInsertionPoint(op);
  auto acquire = RingAcquireOp::create(b, loc, op.getRing(), op.getPosition());
  ArrayRef<MemRefType> tiles =
      op.getRing().getType().getTiles().take_front(op.getSources().size());
  SmallVector<FillKind> kinds;
  for (auto [source, tile] : llvm::zip_equal(op.getSources(), tiles))
    kinds.push_back(chooseKind(source, tile, engine));
  // Lanes wait for each element that they load: what goes on by itself starts
  // first.
  for (bool isElements : {false, true})
    for (auto [i, kind] : llvm::enumerate(kinds)) {
      if ((kind == FillKind::Elements) != isElements)
        continue;
      auto fill = FillTileOp::create(b, loc, op.getSources()[i],
                                     acquire.getTiles()[i], kind);
      LDBG() << "source " << i << " of " << op << "\n  becomes " << fill;
    }
  RingCommitOp::create(b, loc, op.getRing(), op.getPosition());
  b.eraseOp(op);
}

namespace {
struct ExpandPutsPass : mqa::impl::MQAExpandPutsPassBase<ExpandPutsPass> {
  void runOnOperation() override {
    SmallVector<RingPutOp> puts;
    getOperation().walk([&](RingPutOp op) { puts.push_back(op); });
    if (puts.empty())
      return;
    FailureOr<const ChipInfo *> chip = requireGpu(getOperation());
    if (failed(chip))
      return signalPassFailure();
    IRRewriter rewriter(&getContext());
    for (RingPutOp op : puts)
      expand(rewriter, op, *(*chip)->copyEngine);
  }
};
} // namespace
