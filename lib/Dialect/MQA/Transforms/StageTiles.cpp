//===- StageTiles.cpp - Stages the tiles of mqa.logits in rings -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/Transforms/Passes.h"
#include "mqa/Dialect/MQA/Transforms/TilePlan.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQASTAGETILESPASS
#include "mqa/Dialect/MQA/Transforms/Passes.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

/// Makes `loop` carry one more i32 for each of `inits`, which it returns as the
/// values at the start of an iteration. `getNext` maps them to those at its
/// end.
static FailureOr<scf::ForOp>
addCounters(RewriterBase &rewriter, scf::ForOp loop, ValueRange inits,
            function_ref<SmallVector<Value>(OpBuilder &, Location,
                                            ArrayRef<BlockArgument>)>
                getNext) {
  auto yields = [&](OpBuilder &b, Location loc,
                    ArrayRef<BlockArgument> newArgs) {
    return getNext(b, loc, newArgs);
  };
  FailureOr<LoopLikeOpInterface> replaced = loop.replaceWithAdditionalYields(
      rewriter, inits,
      /*replaceInitOperandUsesInLoop=*/false, yields);
  if (failed(replaced))
    return failure();
  return cast<scf::ForOp>(replaced->getOperation());
}

/// How often the body of `loop` runs, as an i32.
static Value countSteps(OpBuilder &b, Location loc, scf::ForOp loop) {
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  Value size =
      arith::SubIOp::create(b, loc, loop.getUpperBound(), loop.getLowerBound());
  size = arith::MaxSIOp::create(b, loc, size, zero);
  Value roundUp = arith::SubIOp::create(b, loc, loop.getStep(), one);
  size = arith::AddIOp::create(b, loc, size, roundUp);
  Value count = arith::DivUIOp::create(b, loc, size, loop.getStep());
  return arith::IndexCastOp::create(b, loc, b.getI32Type(), count);
}

static SmallVector<Type> getSlotTypes(RingType ring) {
  SmallVector<Type> types;
  for (size_t i = 0; i < ring.getTiles().size(); ++i)
    types.push_back(ring.getSlotType(i));
  return types;
}

/// The rows of which the op writes the columns from `key_offset` on.
static FailureOr<Value> getWholeRows(LogitsOp logits) {
  auto view = logits.getOut().getDefiningOp<memref::SubViewOp>();
  if (view && view.hasUnitStride()) {
    SmallVector<OpFoldResult> offsets = view.getMixedOffsets();
    if (isConstantIntValue(offsets[0], 0) &&
        isEqualConstantIntOrValue(offsets[1], logits.getKeyOffset()))
      return view.getSource();
  }
  return logits.emitOpError("operand 'out' must be a memref.subview of whole "
                            "rows at [0, key_offset]");
}

static LogicalResult stage(RewriterBase &rewriter, LogitsOp logits) {
  Location loc = logits.getLoc();
  auto kernel = logits->getParentOfType<gpu::GPUFuncOp>();
  auto inner = dyn_cast<scf::ForOp>(logits->getParentOp());
  auto outer = inner ? dyn_cast<scf::ForOp>(inner->getParentOp()) : nullptr;
  if (!outer)
    return logits.emitOpError("must be in the inner of two nested scf.for");
  ScheduleAttr schedule = logits.getScheduleAttr();
  if (!schedule)
    return logits.emitOpError("needs a schedule before it is staged");
  auto emitPlanError = [&] {
    return logits.emitOpError() << "schedule " << schedule << " does not fit: ";
  };
  FailureOr<TilePlan> plan = TilePlan::get(logits, schedule, emitPlanError);
  if (failed(plan))
    return failure();
  for (auto [value, name] : {std::pair<Value, StringRef>{logits.getQ(), "q"},
                             {logits.getWeights(), "weights"},
                             {logits.getKs(), "ks"},
                             {logits.getKe(), "ke"}})
    if (value && !inner.isDefinedOutsideOfLoop(value))
      return logits.emitOpError()
             << "operand '" << name << "' must be defined outside the key loop";
  if (!logits.getKeyOffset())
    return logits.emitOpError("a tile needs 'key_offset'");
  if (logits.getClean())
    return logits.emitOpError(
        "a tile cannot have 'clean': mqa.clean_rows cleans "
        "whole rows");
  FailureOr<Value> outRows = getWholeRows(logits);
  if (failed(outRows))
    return failure();

  rewriter.setInsertionPointToStart(&kernel.getBody().front());
  Value queryRing = RingCreateOp::create(rewriter, loc, plan->queryRing, 1, 1);
  Value keyRing = RingCreateOp::create(rewriter, loc, plan->keyRing, 1, 1);
  Value scaleRing;
  if (plan->scaleRing)
    scaleRing = RingCreateOp::create(rewriter, loc, plan->scaleRing, 1, 1);
  Value zero = arith::ConstantIntOp::create(rewriter, loc, 0, 32);
  Value one = arith::ConstantIntOp::create(rewriter, loc, 1, 32);
  auto increment = [&](OpBuilder &b, Location loc, Value counter) -> Value {
    return arith::AddIOp::create(b, loc, counter, one);
  };

  // How many query blocks, and how many key tiles, went by so far. Inside the
  // key loop the position follows from the key, so that a loop over some of the
  // keys has the same positions.
  auto outerPositions = addCounters(
      rewriter, outer, {zero, zero},
      [&](OpBuilder &b, Location loc, ArrayRef<BlockArgument> args) {
        Value numTiles = countSteps(b, loc, inner);
        return SmallVector<Value>{
            increment(b, loc, args[0]),
            arith::AddIOp::create(b, loc, args[1], numTiles)};
      });
  if (failed(outerPositions))
    return failure();
  outer = *outerPositions;
  Value queryPosition = outer.getRegionIterArgs().take_back(2)[0];
  Value keyPosition = outer.getRegionIterArgs().back();
  inner = cast<scf::ForOp>(logits->getParentOp());
  rewriter.setInsertionPoint(logits);
  Value done = arith::SubIOp::create(rewriter, loc, inner.getInductionVar(),
                                     inner.getLowerBound());
  done = arith::DivUIOp::create(rewriter, loc, done, inner.getStep());
  done = arith::IndexCastOp::create(rewriter, loc, rewriter.getI32Type(), done);
  Value stagePosition = arith::AddIOp::create(rewriter, loc, keyPosition, done);

  rewriter.setInsertionPoint(inner);
  SmallVector<Value> sources{logits.getQ()};
  SmallVector<AffineMap> maps{plan->queryMap};
  if (logits.getWeights()) {
    sources.push_back(logits.getWeights());
    maps.push_back(rewriter.getMultiDimIdentityMap(2));
  }
  RingPutOp::create(rewriter, loc, queryRing, queryPosition, sources,
                    rewriter.getAffineMapArrayAttr(maps));
  auto staged = RingGetOp::create(rewriter, loc, getSlotTypes(plan->queryRing),
                                  queryRing, queryPosition);
  Value factors;
  if (schedule.getReduction() == Reduction::F16) {
    int64_t queries = plan->queryRing.getTiles()[1].getDimSize(0);
    auto type = MemRefType::get({2, queries}, rewriter.getF32Type(),
                                MemRefLayoutAttrInterface{},
                                plan->queryRing.getTiles()[1].getMemorySpace());
    factors = FitQueriesOp::create(rewriter, loc, type, staged.getResult(0),
                                   staged.getResult(1), Value(), Value());
  }
  rewriter.setInsertionPointAfter(inner);
  RingReleaseOp::create(rewriter, loc, queryRing, queryPosition);

  rewriter.setInsertionPoint(logits);
  auto putAndGet = [&](Value ring, Value source, ArrayAttr maps) -> Value {
    RingPutOp::create(rewriter, loc, ring, stagePosition, source, maps);
    auto types = getSlotTypes(cast<RingType>(ring.getType()));
    return RingGetOp::create(rewriter, loc, types, ring, stagePosition)
        .getTiles()[0];
  };
  // The identity is left out.
  ArrayAttr keyMaps;
  if (!plan->keyMap.isIdentity())
    keyMaps = rewriter.getAffineMapArrayAttr(plan->keyMap);
  Value keys = putAndGet(keyRing, logits.getK(), keyMaps);
  Value scales, weights;
  if (scaleRing)
    scales = putAndGet(scaleRing, logits.getKScale(), ArrayAttr());
  if (logits.getWeights())
    weights = staged.getResult(1);
  auto tile = TileLogitsOp::create(
      rewriter, loc, staged.getResult(0), keys, scales, weights, logits.getKs(),
      logits.getKe(), logits.getKeyOffset(), *outRows, factors,
      logits.getActivation(), /*num_heads=*/IntegerAttr());
  ArrayRef<int64_t> q = tile.getQ().getType().getShape();
  if (!logits.hasOnlyFiniteScores() &&
      q[1] * tile.getTileHeads() != logits.getNumHeads())
    tile.setNumHeads(logits.getNumHeads());
  RingReleaseOp::create(rewriter, loc, keyRing, stagePosition);
  if (scaleRing)
    RingReleaseOp::create(rewriter, loc, scaleRing, stagePosition);
  rewriter.eraseOp(logits);
  return success();
}

namespace {
struct StageTilesPass : mqa::impl::MQAStageTilesPassBase<StageTilesPass> {
  void runOnOperation() override {
    SmallVector<LogitsOp> ops;
    getOperation().walk([&](LogitsOp op) { ops.push_back(op); });
    IRRewriter rewriter(&getContext());
    for (LogitsOp op : ops)
      if (failed(stage(rewriter, op)))
        return signalPassFailure();
  }
};
} // namespace
