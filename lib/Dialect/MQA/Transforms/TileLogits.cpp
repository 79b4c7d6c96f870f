//===- TileLogits.cpp - Makes a persistent kernel of each mqa.logits ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/Transforms/Passes.h"
#include "mqa/Dialect/MQA/Transforms/TilePlan.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Transforms/LoopInvariantCodeMotionUtils.h"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQATILELOGITSPASS
#include "mqa/Dialect/MQA/Transforms/Passes.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

/// The one op of `func`, where `func` has the form that becomes a kernel.
static FailureOr<LogitsOp> getKernelBody(func::FuncOp func) {
  LogitsOp logits;
  for (Operation &op : func.getBody().front().without_terminator()) {
    auto candidate = dyn_cast<LogitsOp>(op);
    if (!candidate || logits)
      return op.emitError("a function that becomes a kernel must consist of "
                          "one mqa.logits on its arguments, found also '")
             << op.getName() << "'";
    logits = candidate;
  }
  if (logits.getResult())
    return logits.emitOpError("must be bufferized before it is tiled");
  if (logits.getKeyOffset())
    return logits.emitOpError("with 'key_offset' cannot become a kernel");
  SmallPtrSet<Value, 8> seen;
  for (auto [value, name] : llvm::zip_equal(logits.getDataOperands(),
                                            LogitsOp::getDataOperandNames())) {
    auto argument = dyn_cast<BlockArgument>(value);
    if (!argument || !seen.insert(value).second)
      return logits.emitOpError()
             << "operand '" << name
             << "' must be an argument of the function, and of its own";
  }
  if (seen.size() != func.getNumArguments())
    return func.emitError("every argument of a kernel must be an operand of "
                          "its mqa.logits");
  for (Value value : func.getBody().front().getTerminator()->getOperands())
    if (value != logits.getOut())
      return func.emitError("a kernel can only return its 'out' argument");
  return logits;
}

/// `type` in global memory of the device.
static MemRefType getGlobalType(MemRefType type) {
  auto global =
      gpu::AddressSpaceAttr::get(type.getContext(), gpu::AddressSpace::Global);
  return MemRefType::get(type.getShape(), type.getElementType(),
                         type.getLayout(), global);
}

/// Rows [m, m + rows) of `out`.
static Value getRowBlock(OpBuilder &b, Location loc, Value out, OpFoldResult m,
                         OpFoldResult rows) {
  auto type = cast<MemRefType>(out.getType());
  SmallVector<int64_t> strides;
  int64_t offset;
  (void)type.getStridesAndOffset(strides, offset);
  auto blockType = MemRefType::get(
      {ShapedType::kDynamic, type.getDimSize(1)}, type.getElementType(),
      StridedLayoutAttr::get(b.getContext(), /*offset=*/0, strides),
      type.getMemorySpace());
  return RowBlockOp::create(b, loc, blockType, out,
                            getValueOrCreateConstantIndexOp(b, loc, m),
                            getValueOrCreateConstantIndexOp(b, loc, rows));
}

/// The keys of [lo, hi) that this block of the grid takes: of the tiles that
/// cover them, share number `block_id y` of `grid_dim y`. With few queries the
/// caller launches several such shares, so that they use the whole device.
static std::pair<Value, Value> getOwnKeys(OpBuilder &b, Location loc, Value lo,
                                          Value hi, int64_t blockKv) {
  AffineExpr d0, d1;
  bindDims(b.getContext(), d0, d1);
  Value numTiles = getValueOrCreateConstantIndexOp(
      b, loc,
      affine::makeComposedFoldedAffineApply(
          b, loc, (d1 - d0).ceilDiv(blockKv),
          {OpFoldResult(lo), OpFoldResult(hi)}));
  Value share = gpu::BlockIdOp::create(b, loc, gpu::Dimension::y);
  Value numShares = gpu::GridDimOp::create(b, loc, gpu::Dimension::y);
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  Value sum = arith::AddIOp::create(b, loc, numTiles, numShares);
  Value dividend = arith::SubIOp::create(b, loc, sum, one);
  Value shareTiles = arith::DivUIOp::create(b, loc, dividend, numShares);
  // Clamped as tiles: past the end, 32-bit keys could overflow.
  auto clampTile = [&](Value tile) -> Value {
    return arith::MinSIOp::create(b, loc, tile, numTiles);
  };
  Value first = clampTile(arith::MulIOp::create(b, loc, share, shareTiles));
  Value last = clampTile(arith::AddIOp::create(b, loc, first, shareTiles));
  Value size = arith::ConstantIndexOp::create(b, loc, blockKv);
  auto getKey = [&](Value tile) -> Value {
    return arith::AddIOp::create(b, loc, lo,
                                 arith::MulIOp::create(b, loc, tile, size));
  };
  Value begin = getKey(first);
  return {begin, arith::MinSIOp::create(b, loc, getKey(last), hi)};
}

/// Builds the kernel's loops around tiles of `logits`, an op on the arguments
/// of the kernel at whose start the builder is.
static LogicalResult buildPersistentLoops(RewriterBase &b, LogitsOp logits,
                                          const TilePlan &plan) {
  Location loc = logits.getLoc();
  int64_t blockQ = plan.schedule.getBlockQ();
  int64_t blockKv = plan.schedule.getBlockKv();
  AffineExpr d0, s0;
  bindDims(b.getContext(), d0);
  bindSymbols(b.getContext(), s0);

  SmallVector<Range> domain = logits.getIterationDomain(b);
  OpFoldResult numQueries = domain[0].size;
  Value numKeys = getValueOrCreateConstantIndexOp(b, loc, domain[1].size);
  Value numBlocks = getValueOrCreateConstantIndexOp(
      b, loc,
      affine::makeComposedFoldedAffineApply(b, loc, s0.ceilDiv(blockQ),
                                            {numQueries}));
  Value blockId = gpu::BlockIdOp::create(b, loc, gpu::Dimension::x);
  Value gridDim = gpu::GridDimOp::create(b, loc, gpu::Dimension::x);

  auto blocks = scf::ForOp::create(b, loc, blockId, numBlocks, gridDim);
  b.setInsertionPointToStart(blocks.getBody());
  OpFoldResult m = affine::makeComposedFoldedAffineApply(
      b, loc, d0 * blockQ, {OpFoldResult(blocks.getInductionVar())});
  OpFoldResult rows = affine::makeComposedFoldedAffineMin(
      b, loc,
      AffineMap::get(1, 1, {b.getAffineConstantExpr(blockQ), s0 - d0},
                     b.getContext()),
      {m, numQueries});
  SmallVector<OpFoldResult> one = {b.getIndexAttr(1)};
  auto getRows = [&](Value value) -> Value {
    return memref::SubViewOp::create(b, loc, value, m, rows, one);
  };
  Value ks = getRows(logits.getKs()), ke = getRows(logits.getKe());
  Value outRows = getRowBlock(b, loc, logits.getOut(), m, rows);
  auto range = KeyRangeOp::create(b, loc, b.getIndexType(), b.getIndexType(),
                                  ks, ke, numKeys, blockQ);
  // A warp stores 16 keys of a row at a time: start where that is aligned.
  constexpr int64_t kStoreKeys = 16;
  Value lo = getValueOrCreateConstantIndexOp(
      b, loc,
      affine::makeComposedFoldedAffineApply(
          b, loc, d0.floorDiv(kStoreKeys) * kStoreKeys,
          {OpFoldResult(range.getLo())}));
  auto [begin, end] = getOwnKeys(b, loc, lo, range.getHi(), blockKv);
  Value step = arith::ConstantIndexOp::create(b, loc, blockKv);
  auto keys = scf::ForOp::create(b, loc, begin, end, step);
  if (logits.getClean()) {
    // The first share cleans the rows.
    Value share = gpu::BlockIdOp::create(b, loc, gpu::Dimension::y);
    Value zero = arith::ConstantIndexOp::create(b, loc, 0);
    Value isFirst =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, share, zero);
    scf::IfOp::create(b, loc, isFirst, [&](OpBuilder &nested, Location loc) {
      CleanRowsOp::create(nested, loc, outRows, ks, ke, Value(), Value());
      scf::YieldOp::create(nested, loc);
    });
  }

  b.setInsertionPointToStart(keys.getBody());
  OpFoldResult n = keys.getInductionVar();
  OpFoldResult columns = affine::makeComposedFoldedAffineMin(
      b, loc,
      AffineMap::get(1, 1, {b.getAffineConstantExpr(blockKv), s0 - d0},
                     b.getContext()),
      {n, OpFoldResult(numKeys)});
  FailureOr<TilingResult> tiling =
      logits.getTiledImplementation(b, {m, n}, {rows, columns});
  if (failed(tiling))
    return failure();
  auto tile = cast<LogitsOp>(tiling->tiledOps.front());
  // mqa.clean_rows does that for the whole rows.
  tile.setClean(false);
  Operation *outTile = tile.getOut().getDefiningOp();
  b.setInsertionPoint(outTile);
  SmallVector<OpFoldResult> ones(2, b.getIndexAttr(1));
  b.replaceOpWithNewOp<memref::SubViewOp>(
      outTile, outRows, ArrayRef<OpFoldResult>{b.getIndexAttr(0), n},
      ArrayRef<OpFoldResult>{rows, columns}, ones);
  // The tiling interface slices q, weights and ranges beside the tile; they are
  // those of the whole query block.
  moveLoopInvariantCode(keys);
  return success();
}

static LogicalResult makeKernel(RewriterBase &rewriter, gpu::GPUModuleOp module,
                                func::FuncOp func) {
  FailureOr<LogitsOp> found = getKernelBody(func);
  if (failed(found))
    return failure();
  LogitsOp logits = *found;
  ScheduleAttr schedule = logits.getScheduleAttr();
  if (!schedule)
    return logits.emitOpError("needs a schedule before it is tiled");
  FailureOr<TilePlan> plan = TilePlan::get(logits, schedule, [&] {
    return logits.emitOpError() << "schedule " << schedule << " does not fit: ";
  });
  if (failed(plan))
    return failure();

  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPointToEnd(module.getBody());
  SmallVector<Type> argTypes;
  for (Type type : func.getArgumentTypes())
    argTypes.push_back(getGlobalType(cast<MemRefType>(type)));
  auto kernel = gpu::GPUFuncOp::create(rewriter, func.getLoc(), func.getName(),
                                       rewriter.getFunctionType(argTypes, {}));
  kernel->setAttr(gpu::GPUDialect::getKernelFuncAttrName(),
                  rewriter.getUnitAttr());
  kernel.setKnownBlockSizeAttr(rewriter.getDenseI32ArrayAttr(
      {static_cast<int32_t>(plan->numThreads), 1, 1}));
  kernel->setAttr("mqa.schedule", schedule);
  if (logits.getClean())
    kernel->setAttr("mqa.clean", rewriter.getUnitAttr());
  for (auto [value, name] : llvm::zip_equal(logits.getDataOperands(),
                                            LogitsOp::getDataOperandNames()))
    kernel.setArgAttr(cast<BlockArgument>(value).getArgNumber(), "mqa.operand",
                      rewriter.getStringAttr(name));

  rewriter.setInsertionPointToStart(&kernel.getBody().front());
  IRMapping mapping;
  mapping.map(func.getArguments(), kernel.getArguments());
  auto onDevice = cast<LogitsOp>(rewriter.clone(*logits, mapping));
  if (failed(buildPersistentLoops(rewriter, onDevice, *plan)))
    return failure();
  rewriter.eraseOp(onDevice);
  rewriter.setInsertionPointToEnd(&kernel.getBody().front());
  gpu::ReturnOp::create(rewriter, func.getLoc());
  rewriter.eraseOp(func);
  return success();
}

namespace {
struct TileLogitsPass : mqa::impl::MQATileLogitsPassBase<TileLogitsPass> {
  void runOnOperation() override {
    SmallVector<func::FuncOp> funcs;
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (!func.isExternal() &&
          func.walk([](LogitsOp) { return WalkResult::interrupt(); })
              .wasInterrupted())
        funcs.push_back(func);
    if (funcs.empty())
      return;
    IRRewriter rewriter(&getContext());
    rewriter.setInsertionPointToStart(getOperation().getBody());
    auto module =
        gpu::GPUModuleOp::create(rewriter, getOperation().getLoc(), "kernels");
    getOperation()->setAttr(gpu::GPUDialect::getContainerModuleAttrName(),
                            rewriter.getUnitAttr());
    for (func::FuncOp func : funcs)
      if (failed(makeKernel(rewriter, module, func)))
        return signalPassFailure();
  }
};
} // namespace
