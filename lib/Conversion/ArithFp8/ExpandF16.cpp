//===- ExpandF16.cpp - f16 to f32 and back by bits ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Extensions.h"
#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQAEXPANDF16PASS
#include "mqa/Conversion/Passes/MQAExpandF16Pass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;
using arith::CmpIPredicate;

namespace {
/// Arithmetic on the bits of scalars or vectors, in i32.
struct Bits {
  Bits(PatternRewriter &b, Operation *op, Type like)
      : b(b), loc(op->getLoc()), like(like) {}

  Type withElement(Type element) { return withElementType(like, element); }
  Type getI32() { return withElement(b.getI32Type()); }
  Type getF32() { return withElement(b.getF32Type()); }
  Value constant(int64_t value) {
    return createScalarOrSplatConstant(b, loc, getI32(), value);
  }
  Value constantF32(float value) {
    return createScalarOrSplatConstant(b, loc, getF32(), APFloat(value));
  }
  Value asF32(Value bits) {
    return arith::BitcastOp::create(b, loc, getF32(), bits);
  }
  Value asI32(Value f32) {
    return arith::BitcastOp::create(b, loc, getI32(), f32);
  }
  Value both(Value bits, int64_t mask) {
    return arith::AndIOp::create(b, loc, bits, constant(mask));
  }
  Value isBelow(Value bits, int64_t limit) {
    return arith::CmpIOp::create(b, loc, CmpIPredicate::ult, bits,
                                 constant(limit));
  }
  Value select(Value condition, Value yes, Value no) {
    return arith::SelectOp::create(b, loc, condition, yes, no);
  }

  PatternRewriter &b;
  Location loc;
  Type like;
};

/// f16 has 5 bits of exponent (bias 15) and 10 of mantissa, f32 has 8 (bias
/// 127) and 23.
struct ExpandExtF16 : OpRewritePattern<arith::ExtFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::ExtFOp op,
                                PatternRewriter &b) const override {
    if (!getElementTypeOrSelf(op.getIn().getType()).isF16() ||
        !getElementTypeOrSelf(op.getType()).isF32() ||
        isa<TensorType>(op.getType()))
      return b.notifyMatchFailure(op, "not from f16 to f32");
    Bits bits(b, op, op.getType());
    Location loc = op.getLoc();
    Value half = arith::BitcastOp::create(
        b, loc, bits.withElement(b.getI16Type()), op.getIn());
    half = arith::ExtUIOp::create(b, loc, bits.getI32(), half);
    Value magnitude = bits.both(half, 0x7fff);
    Value sign = arith::ShLIOp::create(b, loc, bits.both(half, 0x8000),
                                       bits.constant(16));
    Value moved =
        arith::ShLIOp::create(b, loc, magnitude, bits.constant(23 - 10));
    // The product corrects the bias, of subnormals too, which f32 has as such.
    Value number = bits.asI32(arith::MulFOp::create(
        b, loc, bits.asF32(moved), bits.constantF32(0x1p112f)));
    Value special =
        arith::OrIOp::create(b, loc, moved, bits.constant(0x7f800000));
    Value value = bits.select(bits.isBelow(magnitude, 0x7c00), number, special);
    b.replaceOpWithNewOp<arith::BitcastOp>(
        op, op.getType(), arith::OrIOp::create(b, loc, value, sign));
    return success();
  }
};

/// Rounds to nearest, ties to even.
struct ExpandTruncF16 : OpRewritePattern<arith::TruncFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::TruncFOp op,
                                PatternRewriter &b) const override {
    if (!getElementTypeOrSelf(op.getIn().getType()).isF32() ||
        !getElementTypeOrSelf(op.getType()).isF16() ||
        isa<TensorType>(op.getType()))
      return b.notifyMatchFailure(op, "not from f32 to f16");
    if (op.getRoundingmode().value_or(arith::RoundingMode::to_nearest_even) !=
        arith::RoundingMode::to_nearest_even)
      return b.notifyMatchFailure(op, "not to the nearest");
    Bits bits(b, op, op.getIn().getType());
    Location loc = op.getLoc();
    auto shiftRight = [&](Value value, int64_t distance) -> Value {
      return arith::ShRUIOp::create(b, loc, value, bits.constant(distance));
    };
    auto add = [&](Value lhs, Value rhs) -> Value {
      return arith::AddIOp::create(b, loc, lhs, rhs);
    };
    auto sub = [&](Value lhs, int64_t rhs) -> Value {
      return arith::SubIOp::create(b, loc, lhs, bits.constant(rhs));
    };
    Value all = bits.asI32(op.getIn());
    Value magnitude = bits.both(all, 0x7fffffff);
    Value sign = bits.both(shiftRight(all, 16), 0x8000);
    // Half of a unit in the last place, less one where that is even.
    Value isOdd = bits.both(shiftRight(magnitude, 13), 1);
    Value rounded = add(add(magnitude, bits.constant(0xfff)), isOdd);
    Value normal = shiftRight(sub(rounded, 0x38000000), 13);
    // From 65520 on, the result is infinite.
    normal = arith::MinUIOp::create(b, loc, normal, bits.constant(0x7c00));
    // Beside 0.5, a unit in the last place of f32 is the least f16: the sum
    // rounds to it.
    Value sum = arith::AddFOp::create(b, loc, bits.asF32(magnitude),
                                      bits.constantF32(0.5f));
    Value subnormal = sub(bits.asI32(sum), 0x3f000000);
    Value value =
        bits.select(bits.isBelow(magnitude, 0x38800000), subnormal, normal);
    value = bits.select(bits.isBelow(magnitude, 0x7f800001), value,
                        bits.constant(0x7e00));
    value = arith::TruncIOp::create(b, loc, bits.withElement(b.getI16Type()),
                                    arith::OrIOp::create(b, loc, value, sign));
    b.replaceOpWithNewOp<arith::BitcastOp>(op, op.getType(), value);
    return success();
  }
};

struct ExpandF16Pass : mqa::impl::MQAExpandF16PassBase<ExpandF16Pass> {
  void runOnOperation() override {
    // All of x86-64 has SSE2: it stands for x86.
    TargetAttr target = getTarget(getOperation());
    if (!target || !target.hasFeature("sse2") || target.hasFeature("f16c"))
      return;
    RewritePatternSet patterns(&getContext());
    patterns.add<ExpandExtF16, ExpandTruncF16>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
