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
  if (logits.getKeyOffset() || logits.getNumKeys())
    return logits.emitOpError(
        "with 'key_offset' or 'num_keys' cannot become a kernel");
  SmallPtrSet<Value, 8> seen;
  for (auto [value, name] : llvm::zip_equal(logits.getDataOperands(),
                                            LogitsOp::getDataOperandNames())) {
    if (!value)
      continue;
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

/// Rows [m, m + rows) of a matrix or vector.
static Value getRowBlock(OpBuilder &b, Location loc, Value source,
                         OpFoldResult m, OpFoldResult rows) {
  auto type = cast<MemRefType>(source.getType());
  SmallVector<int64_t> strides, shape(type.getShape());
  int64_t offset;
  (void)type.getStridesAndOffset(strides, offset);
  shape[0] = ShapedType::kDynamic;
  auto blockType = MemRefType::get(
      shape, type.getElementType(),
      StridedLayoutAttr::get(b.getContext(), /*offset=*/0, strides),
      type.getMemorySpace());
  return RowBlockOp::create(b, loc, blockType, source,
                            getValueOrCreateConstantIndexOp(b, loc, m),
                            getValueOrCreateConstantIndexOp(b, loc, rows));
}

/// Which query blocks, and which of their key tiles, a block of the grid takes.
struct Work {
  Value firstBlock, endBlock, step;
  /// Of the first and of the last query block; absent: all tiles.
  Value firstTile, lastTile;
};

static Work getWork(OpBuilder &b, LogitsOp logits, Value numKeys,
                    ScheduleAttr schedule) {
  Location loc = logits.getLoc();
  Value block = gpu::BlockIdOp::create(b, loc, gpu::Dimension::x);
  Value gridDim = gpu::GridDimOp::create(b, loc, gpu::Dimension::x);
  if (schedule.getSplit() == Split::Tiles) {
    Type index = b.getIndexType();
    auto share = TileShareOp::create(
        b, loc, index, index, index, index, logits.getKs(), logits.getKe(),
        numKeys, block, gridDim, schedule.getBlockQ(), schedule.getTileKv(),
        schedule.getBlockCost(), hopper::kStoreKeys);
    Value one = arith::ConstantIndexOp::create(b, loc, 1);
    return {share.getFirstBlock(), share.getEndBlock(), one,
            share.getFirstTile(), share.getLastTile()};
  }
  AffineExpr s0;
  bindSymbols(b.getContext(), s0);
  Value numBlocks = getValueOrCreateConstantIndexOp(
      b, loc,
      affine::makeComposedFoldedAffineApply(
          b, loc, s0.ceilDiv(schedule.getBlockQ()),
          {memref::getMixedSize(b, loc, logits.getOut(), 0)}));
  return {block, numBlocks, gridDim, Value(), Value()};
}

/// The keys of [lo, hi) that the work has of query block `block`.
static std::pair<Value, Value> getOwnKeys(OpBuilder &b, Location loc,
                                          const Work &work, Value block,
                                          Value lo, Value hi, int64_t tileKv) {
  if (!work.firstTile)
    return {lo, hi};
  auto isEqual = [&](Value lhs, Value rhs) -> Value {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, lhs, rhs);
  };
  auto getKey = [&](Value tile) -> Value {
    Value size = arith::ConstantIndexOp::create(b, loc, tileKv);
    return arith::AddIOp::create(b, loc, lo,
                                 arith::MulIOp::create(b, loc, tile, size));
  };
  Value begin = arith::SelectOp::create(b, loc, isEqual(block, work.firstBlock),
                                        getKey(work.firstTile), lo);
  Value next = arith::AddIOp::create(b, loc, block, work.step);
  // The end of a tile inside of the range cannot overflow, that of the last one
  // could.
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  Value lastKey = getKey(arith::SubIOp::create(b, loc, work.lastTile, one));
  Value room = arith::SubIOp::create(b, loc, hi, lastKey);
  Value size = arith::ConstantIndexOp::create(b, loc, tileKv);
  Value last = arith::AddIOp::create(
      b, loc, lastKey, arith::MinSIOp::create(b, loc, room, size));
  return {begin, arith::SelectOp::create(b, loc, isEqual(next, work.endBlock),
                                         last, hi)};
}

/// Rows [m, m + rows) of a vector or matrix.
static Value getRows(OpBuilder &b, Location loc, Value value, OpFoldResult m,
                     OpFoldResult rows) {
  SmallVector<OpFoldResult> one = {b.getIndexAttr(1)};
  return memref::SubViewOp::create(b, loc, value, m, rows, one);
}

/// Every block of the grid cleans each grid-size'th row.
static void buildCleaningLoop(OpBuilder &b, LogitsOp logits,
                              OpFoldResult numQueries) {
  Location loc = logits.getLoc();
  Value block = gpu::BlockIdOp::create(b, loc, gpu::Dimension::x);
  Value gridDim = gpu::GridDimOp::create(b, loc, gpu::Dimension::x);
  Value end = getValueOrCreateConstantIndexOp(b, loc, numQueries);
  scf::ForOp::create(
      b, loc, block, end, gridDim, ValueRange(),
      [&](OpBuilder &nested, Location loc, Value m, ValueRange) {
        OpFoldResult one = nested.getIndexAttr(1);
        Value row = getRowBlock(nested, loc, logits.getOut(), m, one);
        CleanRowsOp::create(nested, loc, row,
                            getRows(nested, loc, logits.getKs(), m, one),
                            getRows(nested, loc, logits.getKe(), m, one),
                            logits.getNumKeys(), Value(), Value());
        scf::YieldOp::create(nested, loc);
      });
}

/// Builds the kernel's loops around tiles of `logits`, an op on the arguments
/// of the kernel at whose start the builder is.
static LogicalResult buildPersistentLoops(RewriterBase &b, LogitsOp logits,
                                          const TilePlan &plan) {
  Location loc = logits.getLoc();
  int64_t blockQ = plan.schedule.getBlockQ();
  int64_t tileKv = plan.schedule.getTileKv();
  AffineExpr d0, s0;
  bindDims(b.getContext(), d0);
  bindSymbols(b.getContext(), s0);

  OpFoldResult numQueries = memref::getMixedSize(b, loc, logits.getOut(), 0);
  Value numKeys = logits.getNumKeys();
  if (!numKeys)
    numKeys = getValueOrCreateConstantIndexOp(
        b, loc, memref::getMixedSize(b, loc, logits.getOut(), 1));
  if (logits.getClean())
    buildCleaningLoop(b, logits, numQueries);
  // Whole rows are cleaned there, not tiles.
  logits.setClean(false);
  Work work = getWork(b, logits, numKeys, plan.schedule);

  auto blocks =
      scf::ForOp::create(b, loc, work.firstBlock, work.endBlock, work.step);
  b.setInsertionPointToStart(blocks.getBody());
  Value block = blocks.getInductionVar();
  OpFoldResult m = affine::makeComposedFoldedAffineApply(b, loc, d0 * blockQ,
                                                         {OpFoldResult(block)});
  OpFoldResult rows = affine::makeComposedFoldedAffineMin(
      b, loc,
      AffineMap::get(1, 1, {b.getAffineConstantExpr(blockQ), s0 - d0},
                     b.getContext()),
      {m, numQueries});
  Value ks = getRows(b, loc, logits.getKs(), m, rows);
  Value ke = getRows(b, loc, logits.getKe(), m, rows);
  Value outRows = getRowBlock(b, loc, logits.getOut(), m, rows);
  auto range = KeyRangeOp::create(b, loc, b.getIndexType(), b.getIndexType(),
                                  ks, ke, numKeys, blockQ, hopper::kStoreKeys);
  auto [begin, end] =
      getOwnKeys(b, loc, work, block, range.getLo(), range.getHi(), tileKv);
  Value step = arith::ConstantIndexOp::create(b, loc, tileKv);
  auto keys = scf::ForOp::create(b, loc, begin, end, step);

  b.setInsertionPointToStart(keys.getBody());
  OpFoldResult n = keys.getInductionVar();
  OpFoldResult columns = affine::makeComposedFoldedAffineMin(
      b, loc,
      AffineMap::get(1, 1, {b.getAffineConstantExpr(tileKv), s0 - d0},
                     b.getContext()),
      {n, OpFoldResult(numKeys)});
  FailureOr<TilingResult> tiling =
      logits.getTiledImplementation(b, {m, n}, {rows, columns});
  if (failed(tiling))
    return failure();
  auto tile = cast<LogitsOp>(tiling->tiledOps.front());
  auto replaceSlice = [&](OpOperand &operand, Value value) {
    Operation *slice = operand.get().getDefiningOp();
    operand.set(value);
    b.eraseOp(slice);
  };
  // Rows are counted with 64 bits, and inside a block of them with 32.
  Value outTile = outRows;
  if (!logits.getCompressed()) {
    b.setInsertionPoint(tile);
    SmallVector<OpFoldResult> ones(2, b.getIndexAttr(1));
    outTile = memref::SubViewOp::create(
        b, loc, outRows, ArrayRef<OpFoldResult>{b.getIndexAttr(0), n},
        ArrayRef<OpFoldResult>{rows, columns}, ones);
  }
  replaceSlice(tile.getOutMutable(), outTile);
  if (logits.getWeights() && !plan.loadsWeightsByTma) {
    b.setInsertionPoint(keys);
    replaceSlice(*tile.getWeightsMutable().begin(),
                 getRowBlock(b, loc, logits.getWeights(), m, rows));
  }
  if (logits.getKScale() && !plan.loadsScalesByTma) {
    b.setInsertionPoint(tile);
    replaceSlice(*tile.getKScaleMutable().begin(),
                 getRowBlock(b, loc, logits.getKScale(), n, columns));
  }
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
  // Rows of compressed logits do not say how many keys there are, and neither
  // will k, as a tensor map.
  bool needsNumKeys =
      logits.getCompressed() && logits.getKeyType().isDynamicDim(0);
  if (needsNumKeys)
    argTypes.push_back(rewriter.getIndexType());
  auto kernel = gpu::GPUFuncOp::create(rewriter, func.getLoc(), func.getName(),
                                       rewriter.getFunctionType(argTypes, {}));
  kernel->setAttr(gpu::GPUDialect::getKernelFuncAttrName(),
                  rewriter.getUnitAttr());
  kernel.setKnownBlockSizeAttr(rewriter.getDenseI32ArrayAttr(
      {static_cast<int32_t>(plan->numThreads), 1, 1}));
  kernel->setAttr("mqa.schedule", schedule);
  kernel->setAttr("mqa.num_heads",
                  rewriter.getI64IntegerAttr(logits.getNumHeads()));
  kernel->setAttr("mqa.head_dim",
                  rewriter.getI64IntegerAttr(logits.getHeadDim()));
  if (logits.hasKeyGroups())
    kernel->setAttr("mqa.num_groups",
                    rewriter.getI64IntegerAttr(logits.getNumGroups()));
  if (int64_t n = logits.getKeyType().getDimSize(0); n >= 0)
    kernel->setAttr("mqa.num_keys", rewriter.getI64IntegerAttr(n));
  if (logits.getCompressed())
    kernel->setAttr("mqa.compressed", rewriter.getUnitAttr());
  if (logits.getActivation() == Activation::None)
    kernel->setAttr("mqa.no_activation", rewriter.getUnitAttr());
  if (logits.getClean())
    kernel->setAttr("mqa.clean", rewriter.getUnitAttr());
  for (auto [value, name] : llvm::zip_equal(logits.getDataOperands(),
                                            LogitsOp::getDataOperandNames()))
    if (value)
      kernel.setArgAttr(cast<BlockArgument>(value).getArgNumber(),
                        "mqa.operand", rewriter.getStringAttr(name));

  rewriter.setInsertionPointToStart(&kernel.getBody().front());
  IRMapping mapping;
  mapping.map(func.getArguments(),
              kernel.getArguments().take_front(func.getNumArguments()));
  auto onDevice = cast<LogitsOp>(rewriter.clone(*logits, mapping));
  if (logits.getCompressed()) {
    unsigned position = func.getNumArguments();
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPoint(onDevice);
    Value numKeys;
    if (needsNumKeys) {
      numKeys = kernel.getArgument(position);
      kernel.setArgAttr(position, "mqa.operand",
                        rewriter.getStringAttr("num_keys"));
    } else {
      numKeys = arith::ConstantIndexOp::create(
          rewriter, func.getLoc(), logits.getKeyType().getDimSize(0));
    }
    onDevice.getNumKeysMutable().assign(numKeys);
  }
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
