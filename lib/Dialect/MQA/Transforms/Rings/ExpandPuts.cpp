//===- ExpandPuts.cpp - Puts to acquire, fills, commit --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

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

/// Whether scales come from blocks that no tensor map copies to a part of a
/// tile: TMA fills shared memory from multiples of 128 bytes on.
template <typename Op> static bool hasShortScales(Op op) {
  constexpr int64_t kMinScales = 32;
  auto cache = op ? dyn_cast<MemRefType>(op.getCache().getType()) : nullptr;
  return cache && cache.getElementTypeBitWidth() == 32 &&
         op.getBlockKeys() < kMinScales;
}

static bool hasShortScales(Value source) {
  return hasShortScales(source.getDefiningOp<GatherPagesOp>()) ||
         hasShortScales(source.getDefiningOp<GatherBlocksOp>());
}

/// Whether `source` is some scales of a vector of them, by blocks: lanes copy
/// four at a time, on their own, if the scales lie behind each other.
template <typename Op> static bool isOfVector(Op op) {
  auto vector = op ? dyn_cast<MemRefType>(op.getCache().getType()) : nullptr;
  constexpr int64_t kChunkScales = 4;
  return vector && vector.getRank() == 1 &&
         vector.getStridesAndOffset().first[0] == 1 &&
         op.getBlockKeys() % kChunkScales == 0;
}

static bool isOfVector(Value source) {
  return isOfVector(source.getDefiningOp<GatherPagesOp>()) ||
         isOfVector(source.getDefiningOp<GatherBlocksOp>());
}

/// Whether the rows of `source` may begin anywhere: an engine copies rows that
/// begin at multiples of 16 bytes.
static bool hasLooseRows(Value source) {
  if (hasShortScales(source))
    return true;
  while (auto view = source.getDefiningOp<ViewLikeOpInterface>()) {
    if (isa<RowBlockOp>(view))
      return true;
    source = view.getViewSource();
  }
  return false;
}

/// The engine copies what it can, and the lanes the rest.
static FillKind chooseKind(Value source, MemRefType tile,
                           const CopyEngine &engine) {
  if (hasShortScales(source) && isOfVector(source))
    return FillKind::AsyncChunks;
  if (hasLooseRows(source))
    return FillKind::Elements;
  if (cast<MemRefType>(source.getType()).getElementType() !=
      tile.getElementType())
    return FillKind::Chunks;
  return engine.usesTensorMaps ? FillKind::TensorMap : FillKind::AsyncChunks;
}

static void expand(RewriterBase &b, RingPutOp op, const CopyEngine &engine) {
  Location loc = op.getLoc();
  b.setInsertionPoint(op);
  auto acquire = RingAcquireOp::create(b, loc, op.getRing(), op.getPosition());
  ArrayRef<MemRefType> tiles = op.getRing().getType().getTiles();
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
