//===- ExpandFp8.cpp - Expands arith.extf from fp8 ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Extensions.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQAEXPANDFP8PASS
#include "mqa/Conversion/Passes/MQAExpandFp8Pass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

static bool isFp8(Type type) {
  return isa<Float8E4M3FNType, Float8E5M2Type>(getElementTypeOrSelf(type));
}

LogicalResult mqa::matchFp8Extension(arith::ExtFOp op, Type element,
                                     PatternRewriter &b) {
  Type inType = op.getIn().getType();
  if (!isFp8(inType) || getElementTypeOrSelf(op.getType()) != element)
    return b.notifyMatchFailure(op, "not from f8E4M3FN or f8E5M2 to the type");
  // A constant needs to know how many elements it has.
  if (isa<TensorType>(inType) && !cast<TensorType>(inType).hasStaticShape())
    return b.notifyMatchFailure(op, "of a tensor whose shape is not static");
  auto named = dyn_cast<linalg::LinalgOp>(op->getParentOp());
  if (named && !isa<linalg::GenericOp>(named))
    return b.notifyMatchFailure(op, "in a linalg op whose name says its body");
  return success();
}

namespace {
struct ExpandExtF : OpRewritePattern<arith::ExtFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::ExtFOp op,
                                PatternRewriter &b) const override {
    Type inType = op.getIn().getType(), outType = op.getType();
    if (failed(matchFp8Extension(op, b.getF32Type(), b)))
      return failure();
    if (!isa<Float8E4M3FNType>(getElementTypeOrSelf(inType)))
      return b.notifyMatchFailure(op, "not from f8E4M3FN");
    Location loc = op.getLoc();
    Type i8 = withElementType(inType, b.getI8Type());
    Type i32 = withElementType(inType, b.getI32Type());
    auto constant = [&](int64_t value) -> Value {
      return createScalarOrSplatConstant(b, loc, i32, value);
    };
    auto constantF32 = [&](float value) -> Value {
      return createScalarOrSplatConstant(b, loc, outType, APFloat(value));
    };
    auto compare = [&](arith::CmpIPredicate predicate, Value lhs,
                       Value rhs) -> Value {
      return arith::CmpIOp::create(b, loc, predicate, lhs, rhs);
    };
    auto select = [&](Value condition, Value yes, Value no) -> Value {
      return arith::SelectOp::create(b, loc, condition, yes, no);
    };

    // Sign, 4 bits of exponent (bias 7), 3 bits of mantissa; f32 has bias 127
    // and 23 bits.
    Value bits = arith::ExtUIOp::create(
        b, loc, i32, arith::BitcastOp::create(b, loc, i8, op.getIn()));
    Value magnitude = arith::AndIOp::create(b, loc, bits, constant(0x7f));
    Value sign = arith::ShLIOp::create(
        b, loc, arith::AndIOp::create(b, loc, bits, constant(0x80)),
        constant(24));
    Value normal = arith::AddIOp::create(
        b, loc, arith::ShLIOp::create(b, loc, magnitude, constant(20)),
        constant(int64_t(127 - 7) << 23));
    // A subnormal is its mantissa times 2^-9.
    Value subnormal = arith::BitcastOp::create(
        b, loc, i32,
        arith::MulFOp::create(
            b, loc, arith::UIToFPOp::create(b, loc, outType, magnitude),
            constantF32(0x1p-9f)));
    using arith::CmpIPredicate;
    Value value = select(compare(CmpIPredicate::ult, magnitude, constant(8)),
                         subnormal, normal);
    value = select(compare(CmpIPredicate::eq, magnitude, constant(0x7f)),
                   constant(0x7fc00000), value);
    value = arith::OrIOp::create(b, loc, value, sign);
    b.replaceOpWithNewOp<arith::BitcastOp>(op, outType, value);
    return success();
  }
};

/// f8E5M2 is the upper half of an f16.
struct ExpandE5M2 : OpRewritePattern<arith::ExtFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::ExtFOp op,
                                PatternRewriter &b) const override {
    Type inType = op.getIn().getType(), outType = op.getType();
    if (failed(matchFp8Extension(op, b.getF32Type(), b)))
      return failure();
    if (!isa<Float8E5M2Type>(getElementTypeOrSelf(inType)))
      return b.notifyMatchFailure(op, "not from f8E5M2");
    Location loc = op.getLoc();
    Type i8 = withElementType(inType, b.getI8Type());
    Type i16 = withElementType(inType, b.getI16Type());
    Value bits = arith::ExtUIOp::create(
        b, loc, i16, arith::BitcastOp::create(b, loc, i8, op.getIn()));
    bits = arith::ShLIOp::create(
        b, loc, bits, createScalarOrSplatConstant(b, loc, i16, int64_t(8)));
    Type f16 = withElementType(inType, b.getF16Type());
    Value half = arith::BitcastOp::create(b, loc, f16, bits);
    b.replaceOpWithNewOp<arith::ExtFOp>(op, outType, half);
    return success();
  }
};

/// Makes a linalg.generic of each other linalg op that extends fp8: their name
/// says what their body is.
static void generalizeNamedOps(Operation *root) {
  SmallVector<linalg::LinalgOp> named;
  root->walk([&](linalg::LinalgOp op) {
    auto extends = [](Operation &nested) {
      auto extension = dyn_cast<arith::ExtFOp>(nested);
      return extension && isFp8(extension.getIn().getType());
    };
    if (!isa<linalg::GenericOp>(op) && llvm::any_of(*op.getBlock(), extends))
      named.push_back(op);
  });
  IRRewriter rewriter(root->getContext());
  for (linalg::LinalgOp op : named) {
    rewriter.setInsertionPoint(op);
    // Where there is no generic form, the extension remains.
    (void)linalg::generalizeNamedOp(rewriter, op);
  }
}

struct ExpandFp8Pass : mqa::impl::MQAExpandFp8PassBase<ExpandFp8Pass> {
  void runOnOperation() override {
    generalizeNamedOps(getOperation());
    RewritePatternSet patterns(&getContext());
    patterns.add<ExpandE5M2, ExpandExtF>(&getContext());
    populateExpandToBF16Patterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
