//===- VectorizeLinalg.cpp - Register tiles and vectors for linalg --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RowSums.h"
#include "TileSize.h"
#include "mqa/Dialect/MQA/IR/Target.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Hoisting.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/Transforms/LoweringPatterns.h"
#include "mlir/Dialect/Vector/Transforms/VectorRewritePatterns.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/LoopInvariantCodeMotionUtils.h"
#include "llvm/Support/DebugLog.h"
#include "llvm/Support/InterleavedRange.h"

#define DEBUG_TYPE "mqa-vectorize-linalg"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQAVECTORIZELINALGPASS
#include "mqa/Dialect/MQA/Transforms/Passes/MQAVectorizeLinalgPass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

/// Whether `op` transposes a matrix.
static bool isTransposition(linalg::LinalgOp op) {
  if (op.getNumLoops() != 2 || op.getNumDpsInputs() != 1 ||
      op.getNumDpsInits() != 1)
    return false;
  AffineMap in = op.getMatchingIndexingMap(op.getDpsInputOperand(0)),
            out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  return in.isPermutation() && out.isPermutation() && in != out;
}

/// Whether `op` sums along the rows of its first operand, which lie in lanes.
static bool sumsRows(linalg::LinalgOp op) {
  if (op.getNumLoops() != 2 || op.getNumReductionLoops() != 1 ||
      op.getNumDpsInputs() == 0 || op.getNumDpsInits() != 1)
    return false;
  AffineMap in = op.getMatchingIndexingMap(op.getDpsInputOperand(0)),
            out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  return in.isPermutation() && out.getNumResults() == 1 &&
         in.getResult(0) == out.getResult(0);
}

/// Columns at once: at least a whole vector of bytes where these become bf16.
static int64_t getVectorSize(linalg::LinalgOp op, int64_t columns) {
  constexpr int64_t kVectorBytes = 64;
  Type out = getElementTypeOrSelf(op.getDpsInitOperand(0)->get().getType());
  bool fromBytes = llvm::any_of(op.getDpsInputs(), [](Value input) {
    Type type = getElementTypeOrSelf(input.getType());
    return type.isIntOrFloat() && type.getIntOrFloatBitWidth() == 8;
  });
  return fromBytes && out.isBF16() ? std::max(columns, kVectorBytes) : columns;
}

/// One step of a reduction at a time, `registerTile` columns (and, where two
/// loops are parallel, rows) of the result at once.
static SmallVector<int64_t> getTileSizes(linalg::LinalgOp op,
                                         ArrayRef<int64_t> registerTile) {
  SmallVector<int64_t> sizes;
  SmallVector<unsigned> parallel;
  op.getParallelDims(parallel);
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  // A block of this size is transposed in registers, and rows of several
  // vectors are added up before their lanes are.
  constexpr int64_t kBlock = 16, kRow = 256;
  if (isTransposition(op) || sumsRows(op)) {
    bool isSum = op.getNumReductionLoops();
    for (auto [i, range] : llvm::enumerate(ranges))
      sizes.push_back(getTileSize(
          range, isSum && !llvm::is_contained(parallel, i) ? kRow : kBlock));
    return sizes;
  }
  bool isContraction = op.getNumReductionLoops() > 0 && parallel.size() == 2;
  for (auto [i, range] : llvm::enumerate(ranges)) {
    if (!llvm::is_contained(parallel, i))
      sizes.push_back(1);
    else if (i == parallel.back())
      sizes.push_back(getTileSize(range, getVectorSize(op, registerTile[1])));
    else
      sizes.push_back(isContraction ? getTileSize(range, registerTile[0]) : 1);
  }
  return sizes;
}

static LogicalResult vectorize(IRRewriter &rewriter, linalg::LinalgOp op,
                               ArrayRef<int64_t> registerTile) {
  SmallVector<int64_t> sizes = getTileSizes(op, registerTile);
  // A loop of one trip would be between a reduction and its accumulators.
  for (auto [size, range] : llvm::zip_equal(sizes, op.getStaticLoopRanges()))
    if (size == range)
      size = 0;
  scf::SCFTilingOptions options;
  options.setTileSizes(getAsIndexOpFoldResult(op.getContext(), sizes));
  rewriter.setInsertionPoint(op);
  LDBG() << "tiles by " << llvm::interleaved(sizes) << ": " << *op;
  FailureOr<scf::SCFTilingResult> tiled = scf::tileUsingSCF(
      rewriter, cast<TilingInterface>(op.getOperation()), options);
  if (failed(tiled))
    return op.emitError("cannot be tiled to registers");
  rewriter.eraseOp(op);
  for (Operation *tile : tiled->tiledOps) {
    rewriter.setInsertionPoint(tile);
    if (failed(linalg::vectorize(rewriter, tile, {}, {}, false, false, false,
                                 /*createNamedContraction=*/true)))
      return tile->emitError("cannot be vectorized");
    rewriter.eraseOp(tile);
  }
  return success();
}

/// Keeps accumulators in registers over their reductions: loads and stores of a
/// tile move out of the loop in which its address does not change.
static LogicalResult hoistAccumulators(func::FuncOp func) {
  RewritePatternSet patterns(func.getContext());
  memref::populateFoldMemRefAliasOpPatterns(patterns);
  if (failed(applyPatternsGreedily(func, std::move(patterns))))
    return failure();
  func.walk([](LoopLikeOpInterface loop) { moveLoopInvariantCode(loop); });
  linalg::hoistRedundantVectorTransfers(func);
  return success();
}

static LogicalResult lowerVectors(func::FuncOp func) {
  RewritePatternSet patterns(func.getContext());
  vector::populateVectorReductionToContractPatterns(patterns);
  populateRowSumPatterns(patterns);
  // A transposition must be an op of its own to be lowered by shuffles.
  vector::populateVectorTransferPermutationMapLoweringPatterns(patterns);
  vector::populateVectorContractLoweringPatterns(
      patterns, vector::VectorContractLowering::OuterProduct);
  vector::populateVectorOuterProductLoweringPatterns(patterns);
  vector::populateVectorMultiReductionLoweringPatterns(
      patterns, vector::VectorMultiReductionLowering::InnerParallel);
  vector::populateVectorBroadcastLoweringPatterns(patterns);
  vector::populateVectorTransposeLoweringPatterns(
      patterns, vector::VectorTransposeLowering::Shuffle16x16);
  if (failed(applyPatternsGreedily(func, std::move(patterns))))
    return failure();
  // By themselves: of a contraction of one row, the two sets of patterns would
  // make each other's input for ever.
  RewritePatternSet unitDims(func.getContext());
  vector::populateCastAwayVectorLeadingOneDimPatterns(unitDims);
  return applyPatternsGreedily(func, std::move(unitDims));
}

namespace {
struct VectorizeLinalgPass
    : mqa::impl::MQAVectorizeLinalgPassBase<VectorizeLinalgPass> {
  using MQAVectorizeLinalgPassBase::MQAVectorizeLinalgPassBase;

  void runOnOperation() override {
    func::FuncOp func = getOperation();
    SmallVector<int64_t> tile(registerTile.begin(), registerTile.end());
    if (tile.empty())
      tile = {4, 32};
    if (tile.size() != 2 || tile[0] < 1 || tile[1] < 1) {
      func.emitError(
          "'register-tile' needs two positive sizes: rows and columns");
      return signalPassFailure();
    }
    SmallVector<linalg::LinalgOp> ops;
    IRRewriter rewriter(&getContext());
    func.walk([&](linalg::LinalgOp op) {
      if (op.hasDynamicShape() || !op.hasPureBufferSemantics()) {
        LDBG() << "leaves, of dynamic shape or tensors: " << *op;
        return;
      }
      // An op over nothing writes nothing.
      if (llvm::is_contained(op.getStaticLoopRanges(), 0))
        rewriter.eraseOp(op);
      else
        ops.push_back(op);
    });
    if (ops.empty())
      return;
    for (linalg::LinalgOp op : ops)
      if (failed(vectorize(rewriter, op, tile)))
        return signalPassFailure();
    if (failed(hoistAccumulators(func)) || failed(lowerVectors(func))) {
      func.emitError("the vectors of its ops cannot be lowered: upstream's "
                     "patterns make each other's input for ever");
      signalPassFailure();
    }
  }
};
} // namespace
