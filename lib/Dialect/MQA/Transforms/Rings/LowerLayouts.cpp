//===- LowerLayouts.cpp - Staged tiles to the memory that they lie in -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/IR/Target.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "llvm/Support/DebugLog.h"

#define DEBUG_TYPE "mqa-lower-layouts"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQALOWERLAYOUTSPASS
#include "mqa/Dialect/MQA/Transforms/Passes/MQALowerLayoutsPass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

static StagedLayoutAttr getLayout(Value memref) {
  auto type = dyn_cast<MemRefType>(memref.getType());
  return type ? dyn_cast<StagedLayoutAttr>(type.getLayout())
              : StagedLayoutAttr();
}

/// The memory that `tile` lies in.
static Value getMemory(OpBuilder &b, Location loc, Value tile) {
  auto type = cast<MemRefType>(tile.getType());
  auto cast = tile.getDefiningOp<LayoutCastOp>();
  if (cast)
    return cast.getSource();
  return LayoutCastOp::create(b, loc, getLayout(tile).getMemoryType(type),
                              tile);
}

/// Where the element of `tile` at `indices` is in its memory.
static SmallVector<Value> getPlace(OpBuilder &b, Location loc, Value tile,
                                   ArrayRef<OpFoldResult> indices) {
  StagedLayoutAttr layout = getLayout(tile);
  AffineMap map = layout.getMemoryMap();
  MLIRContext *context = b.getContext();
  auto apply = [&](AffineExpr expr) {
    return affine::makeComposedFoldedAffineApply(
        b, loc, AffineMap::get(map.getNumDims(), 0, expr, context), indices);
  };
  auto toValue = [&](OpFoldResult value) {
    return getValueOrCreateConstantIndexOp(b, loc, value);
  };
  SmallVector<Value> place;
  for (AffineExpr at : map.getResults().drop_back())
    place.push_back(toValue(apply(at)));
  AffineExpr inRow = map.getResults().back();
  if (!layout.getColumns()) {
    place.push_back(toValue(apply(inRow)));
    return place;
  }
  AffineExpr row = getAffineConstantExpr(0, context);
  for (auto [at, size] :
       llvm::zip(map.getResults().drop_back(), layout.getShape().drop_back()))
    row = row * size + at;
  int64_t unit = layout.getSwizzle(), columns = layout.getColumns();
  Value column = arith::XOrIOp::create(
      b, loc, toValue(apply(inRow.floorDiv(unit))),
      toValue(apply(row.floorDiv(layout.getRowsPerLine()) % columns)));
  column = arith::MulIOp::create(b, loc, column, toValue(b.getIndexAttr(unit)));
  place.push_back(
      arith::AddIOp::create(b, loc, column, toValue(apply(inRow % unit))));
  return place;
}

/// Whether `value` is a multiple of `factor`, as far as it is easy to see.
static bool isMultipleOf(OpFoldResult value, int64_t factor) {
  if (factor == 1)
    return true;
  if (std::optional<int64_t> constant = getConstantIntValue(value))
    return *constant % factor == 0;
  auto dynamic = cast<Value>(value);
  if (auto argument = dyn_cast<BlockArgument>(dynamic)) {
    auto loop = dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp());
    return loop && argument == loop.getInductionVar() &&
           isMultipleOf(loop.getLowerBound(), factor) &&
           isMultipleOf(loop.getStep(), factor);
  }
  Operation *op = dynamic.getDefiningOp();
  auto operandIs = [&](unsigned i) {
    return isMultipleOf(OpFoldResult(op->getOperand(i)), factor);
  };
  if (isa<arith::MulIOp>(op))
    return operandIs(0) || operandIs(1);
  if (isa<arith::AddIOp>(op))
    return operandIs(0) && operandIs(1);
  if (auto apply = dyn_cast<affine::AffineApplyOp>(op))
    return apply.getAffineMap().getResult(0).isMultipleOf(factor);
  return false;
}

namespace {
struct LowerSubtile : OpRewritePattern<SubtileOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(SubtileOp op,
                                PatternRewriter &b) const override {
    Location loc = op.getLoc();
    auto part = cast<StagedLayoutAttr>(
        cast<MemRefType>(op.getPart().getType()).getLayout());
    StagedLayoutAttr layout = getLayout(op.getTile());
    ArrayRef<int64_t> shape = layout.getShape();
    size_t numDropped = shape.size() - part.getShape().size();
    // The first dims of memory count parts: each those behind it. So does the
    // first one that the part keeps some of.
    SmallVector<OpFoldResult> offsets(shape.size(), b.getIndexAttr(0)),
        sizes = getAsIndexOpFoldResult(b.getContext(), shape),
        strides(shape.size(), b.getIndexAttr(1));
    SmallVector<Value> rest(op.getParts());
    int64_t kept = part.getShape().front();
    bool isCut = kept != shape[numDropped];
    for (size_t i = numDropped + isCut; i-- > 0;) {
      int64_t dim = layout.getDims()[i];
      int64_t size = i < numDropped ? 1 : kept, count = shape[i] / size;
      sizes[i] = b.getIndexAttr(size);
      AffineExpr at = b.getAffineDimExpr(0);
      bool isFirst = !llvm::is_contained(layout.getDims().take_front(i), dim);
      OpFoldResult own = getAsOpFoldResult(rest[dim]);
      auto apply = [&](AffineExpr expr) {
        return affine::makeComposedFoldedAffineApply(b, loc, expr, own);
      };
      offsets[i] = isFirst && size == 1
                       ? own
                       : apply((isFirst ? at : at % count) * size);
      if (!isFirst)
        rest[dim] =
            getValueOrCreateConstantIndexOp(b, loc, apply(at.floorDiv(count)));
    }
    auto type = cast<MemRefType>(op.getPart().getType());
    Value memory = memref::SubViewOp::create(b, loc, part.getMemoryType(type),
                                             getMemory(b, loc, op.getTile()),
                                             offsets, sizes, strides);
    b.replaceOpWithNewOp<LayoutCastOp>(op, type, memory);
    return success();
  }
};

/// memref.load and memref.store. What else they say stays.
template <typename AccessOp> struct LowerAccess : OpRewritePattern<AccessOp> {
  using OpRewritePattern<AccessOp>::OpRewritePattern;

  LogicalResult matchAndRewrite(AccessOp op,
                                PatternRewriter &b) const override {
    if (!getLayout(op.getMemref()))
      return b.notifyMatchFailure(op, "is of no staged tile");
    SmallVector<Value> place =
        getPlace(b, op.getLoc(), op.getMemref(),
                 getAsOpFoldResult(ValueRange(op.getIndices())));
    Value memory = getMemory(b, op.getLoc(), op.getMemref());
    b.modifyOpInPlace(op, [&] {
      op.getMemrefMutable().set(memory);
      op.getIndicesMutable().assign(place);
    });
    return success();
  }
};
} // namespace

/// Elements of a row of `type` that lie behind each other in memory from
/// `index` on: as many as a transfer of `size` of them has, or divide it.
static int64_t getRunLength(Value tile, OpFoldResult index, int64_t size) {
  StagedLayoutAttr layout = getLayout(tile);
  if (layout.getDims().back() != layout.getNumDims() - 1)
    return 1;
  int64_t together =
      layout.getSwizzle() ? layout.getSwizzle() : layout.getShape().back();
  int64_t run = std::gcd(size, together);
  return isMultipleOf(index, run) ? run : 1;
}

/// Calls `act` with the place of each run of a transfer, and where it is in the
/// vector.
static void forEachRun(OpBuilder &b, VectorTransferOpInterface op,
                       function_ref<void(ArrayRef<Value> place,
                                         ArrayRef<int64_t> at, VectorType run)>
                           act) {
  Location loc = op.getLoc();
  VectorType type = op.getVectorType();
  int64_t outer =
      cast<MemRefType>(op.getBase().getType()).getRank() - type.getRank();
  SmallVector<OpFoldResult> first = getAsOpFoldResult(op.getIndices());
  int64_t length =
      getRunLength(op.getBase(), first.back(), type.getShape().back());
  LDBG() << "runs of " << length << " elements of " << op;
  SmallVector<int64_t> runs(type.getShape());
  runs.back() /= length;
  SmallVector<int64_t> strides = computeStrides(runs);
  auto run = VectorType::get({length}, type.getElementType());
  for (int64_t i = 0, e = computeProduct(runs); i < e; ++i) {
    SmallVector<int64_t> at = delinearize(i, strides);
    at.back() *= length;
    SmallVector<OpFoldResult> indices = first;
    for (auto [dim, offset] : llvm::enumerate(at)) {
      AffineExpr index = b.getAffineDimExpr(0) + offset;
      indices[outer + dim] = affine::makeComposedFoldedAffineApply(
          b, loc, index, indices[outer + dim]);
    }
    act(getPlace(b, loc, op.getBase(), indices), at, run);
  }
}

/// Why a transfer cannot be cut into runs; null if it can.
static const char *describeUnsupported(VectorTransferOpInterface op) {
  if (op.getMask())
    return "must have no mask";
  if (op.hasOutOfBoundsDim())
    return "must be in bounds";
  if (!op.getPermutationMap().isMinorIdentity() ||
      op.getVectorType().getRank() == 0 || op.getVectorType().isScalable())
    return "must have the tile's last dims in their order";
  return nullptr;
}

namespace {
struct LowerRead : OpRewritePattern<vector::TransferReadOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(vector::TransferReadOp op,
                                PatternRewriter &b) const override {
    if (!getLayout(op.getBase()) || describeUnsupported(op))
      return b.notifyMatchFailure(op, "cannot be cut into runs");
    Location loc = op.getLoc();
    Value memory = getMemory(b, loc, op.getBase());
    Value result =
        arith::ConstantOp::create(b, loc, b.getZeroAttr(op.getVectorType()));
    SmallVector<int64_t> strides(1, 1);
    forEachRun(
        b, op,
        [&](ArrayRef<Value> place, ArrayRef<int64_t> at, VectorType run) {
          Value loaded = vector::LoadOp::create(b, loc, run, memory, place);
          result = vector::InsertStridedSliceOp::create(b, loc, loaded, result,
                                                        at, strides);
        });
    b.replaceOp(op, result);
    return success();
  }
};

struct LowerWrite : OpRewritePattern<vector::TransferWriteOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(vector::TransferWriteOp op,
                                PatternRewriter &b) const override {
    if (!getLayout(op.getBase()) || describeUnsupported(op))
      return b.notifyMatchFailure(op, "cannot be cut into runs");
    Location loc = op.getLoc();
    Value memory = getMemory(b, loc, op.getBase());
    forEachRun(
        b, op,
        [&](ArrayRef<Value> place, ArrayRef<int64_t> at, VectorType run) {
          SmallVector<int64_t> sizes(at.size(), 1), strides(at.size(), 1);
          sizes.back() = run.getDimSize(0);
          Value part = vector::ExtractStridedSliceOp::create(
              b, loc, op.getVector(), at, sizes, strides);
          part = vector::ShapeCastOp::create(b, loc, run, part);
          vector::StoreOp::create(b, loc, part, memory, place);
        });
    b.eraseOp(op);
    return success();
  }
};

struct LowerLayoutsPass : mqa::impl::MQALowerLayoutsPassBase<LowerLayoutsPass> {
  void runOnOperation() override {
    WalkResult result = getOperation().walk([](VectorTransferOpInterface op) {
      const char *why =
          getLayout(op.getBase()) ? describeUnsupported(op) : nullptr;
      if (!why)
        return WalkResult::advance();
      op->emitOpError("of a staged tile ") << why;
      return WalkResult::interrupt();
    });
    if (result.wasInterrupted())
      return signalPassFailure();
    RewritePatternSet patterns(&getContext());
    patterns.add<LowerSubtile, LowerAccess<memref::LoadOp>,
                 LowerAccess<memref::StoreOp>, LowerRead, LowerWrite>(
        &getContext());
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace
