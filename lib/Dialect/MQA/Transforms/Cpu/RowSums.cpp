//===- RowSums.cpp - Sums along the rows of a block -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RowSums.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::mqa;

/// Lanes of a vector of f32, and rows that are added up together.
static constexpr int64_t kLanes = 16;

namespace {
/// sums[i] += sum over j of lhs[i, j] * rhs[i, j]. Vectors of a row are added
/// up lane by lane; then the lanes of all rows together. Of two vectors, each
/// step adds halves of lanes: the sums of both lie in one. Upstream would add
/// up each row's lanes by itself, or transpose the whole block first.
struct LowerRowSums : OpRewritePattern<vector::ContractionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(vector::ContractionOp op,
                                PatternRewriter &b) const override;
};
} // namespace

/// Adds up pairs of lanes of `first` and `second` that are `distance` apart. In
/// the result, lanes of both alternate in runs of `distance`.
static Value addLanes(OpBuilder &b, Location loc, Value first, Value second,
                      int64_t distance) {
  auto pick = [&](int64_t offset) -> Value {
    SmallVector<int64_t> lanes;
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      bool isSecond = lane & distance;
      lanes.push_back((lane & ~distance) + offset + isSecond * kLanes);
    }
    return vector::ShuffleOp::create(b, loc, first, second, lanes);
  };
  return arith::AddFOp::create(b, loc, pick(0), pick(distance));
}

LogicalResult LowerRowSums::matchAndRewrite(vector::ContractionOp op,
                                            PatternRewriter &b) const {
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  auto type = dyn_cast<VectorType>(op.getLhs().getType());
  auto accType = dyn_cast<VectorType>(op.getAccType());
  // A row that all are multiplied by comes as a block that repeats it.
  if (op.isMasked() || !type || type.isScalable())
    return b.notifyMatchFailure(op, "masked, or of a size that is not known");
  if (op.getKind() != vector::CombiningKind::ADD || !accType ||
      type != op.getRhs().getType() || !accType.getElementType().isF32() ||
      !type.getElementType().isF32() || type.getRank() != 2 ||
      accType.getRank() != 1)
    return b.notifyMatchFailure(op, "not blocks of f32");
  int64_t columns = type.getDimSize(1);
  if (maps[0] != maps[1] || maps[0].getResult(0) != maps[2].getResult(0) ||
      type.getDimSize(0) != kLanes || columns % kLanes)
    return b.notifyMatchFailure(op, "not 16 rows of whole vectors");
  Location loc = op.getLoc();
  auto getPart = [&](Value block, int64_t i, int64_t column) -> Value {
    Value row = vector::ExtractOp::create(b, loc, block, ArrayRef<int64_t>{i});
    return vector::ExtractStridedSliceOp::create(
        b, loc, row, ArrayRef<int64_t>{column}, ArrayRef<int64_t>{kLanes},
        ArrayRef<int64_t>{1});
  };
  SmallVector<Value> sums;
  for (int64_t i = 0; i < kLanes; ++i) {
    Value sum;
    for (int64_t j = 0; j < columns; j += kLanes) {
      Value left = getPart(op.getLhs(), i, j),
            right = getPart(op.getRhs(), i, j);
      sum = sum ? vector::FMAOp::create(b, loc, left, right, sum).getResult()
                : arith::MulFOp::create(b, loc, left, right).getResult();
    }
    sums.push_back(sum);
  }
  // Rows i and i + n are joined where lanes n apart are added: after all steps,
  // lane i has row i.
  for (int64_t distance = kLanes / 2; distance > 0; distance /= 2) {
    for (int64_t i = 0; i < distance; ++i)
      sums[i] = addLanes(b, loc, sums[i], sums[i + distance], distance);
    sums.resize(distance);
  }
  b.replaceOpWithNewOp<arith::AddFOp>(op, op.getAcc(), sums.front());
  return success();
}

void mqa::populateRowSumPatterns(RewritePatternSet &patterns) {
  patterns.add<LowerRowSums>(patterns.getContext(), /*benefit=*/10);
}
