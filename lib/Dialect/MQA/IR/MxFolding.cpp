//===- MxFolding.cpp - Weights that take scales of queries ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/MxFolding.h"
#include "mqa/Dialect/MQA/IR/MxFormat.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace mlir::mqa;
using arith::CmpIPredicate;

/// The lowest bit of an f32's exponent, and all bits but its sign.
static constexpr int64_t kExponentBit = 23, kMagnitude = 0x7fffffff;

static Value emitInt(ImplicitLocOpBuilder &b, int64_t value) {
  return arith::ConstantIntOp::create(b, value, 32);
}

Value mx::emitWeightExponent(OpBuilder &builder, Location loc, Value weight,
                             Value greatest) {
  ImplicitLocOpBuilder b(loc, builder);
  Value bits = arith::AndIOp::create(
      b, arith::BitcastOp::create(b, b.getI32Type(), weight),
      emitInt(b, kMagnitude));
  Value exponent = arith::AddIOp::create(
      b, arith::ShRUIOp::create(b, bits, emitInt(b, kExponentBit)), greatest);
  exponent = arith::SubIOp::create(b, exponent, emitInt(b, 2 * kScaleBias));
  Value isZero =
      arith::CmpIOp::create(b, CmpIPredicate::eq, bits, emitInt(b, 0));
  Value isNaN = arith::CmpIOp::create(b, CmpIPredicate::eq, greatest,
                                      emitInt(b, kScaleNaN));
  return arith::SelectOp::create(b, arith::OrIOp::create(b, isZero, isNaN),
                                 emitInt(b, kNoExponent), exponent);
}

Value mx::emitQueryExponent(OpBuilder &builder, Location loc, Value most) {
  ImplicitLocOpBuilder b(loc, builder);
  Value room = arith::MinSIOp::create(b, most, emitInt(b, kMaxWeightExponent));
  room = arith::MaxSIOp::create(b, room, emitInt(b, -kMaxWeightExponent));
  Value some = arith::CmpIOp::create(b, CmpIPredicate::ne, most,
                                     emitInt(b, kNoExponent));
  return arith::SelectOp::create(b, some, arith::SubIOp::create(b, most, room),
                                 emitInt(b, 0));
}

std::pair<Value, Value> mx::emitFactors(OpBuilder &builder, Location loc,
                                        Value exponent) {
  ImplicitLocOpBuilder b(loc, builder);
  // Without subnormal ones, and at most 2^127. More is only for weights of
  // zero, whose products must not be NaN.
  auto emitPower = [&](Value half) -> Value {
    Value biased = arith::AddIOp::create(b, half, emitInt(b, kScaleBias));
    biased = arith::MaxSIOp::create(b, biased, emitInt(b, 0));
    biased = arith::MinSIOp::create(b, biased, emitInt(b, 2 * kScaleBias));
    return arith::BitcastOp::create(
        b, b.getF32Type(),
        arith::ShLIOp::create(b, biased, emitInt(b, kExponentBit)));
  };
  Value half = arith::ShRSIOp::create(b, exponent, emitInt(b, 1));
  Value low = emitPower(half);
  return {low, emitPower(arith::SubIOp::create(b, exponent, half))};
}

Value mx::emitFoldedWeight(OpBuilder &builder, Location loc, Value weight,
                           Value greatest, Value exponent, double ofNaN) {
  ImplicitLocOpBuilder b(loc, builder);
  Value own = arith::SubIOp::create(
      b, arith::SubIOp::create(b, greatest, emitInt(b, kScaleBias)), exponent);
  auto [low, high] = emitFactors(b, loc, own);
  // In this order: low and high together could be too great.
  Value folded = arith::MulFOp::create(b, weight, low);
  folded = arith::MulFOp::create(b, folded, high);
  Value isNaN = arith::CmpIOp::create(b, CmpIPredicate::eq, greatest,
                                      emitInt(b, kScaleNaN));
  Value nan = arith::ConstantOp::create(b, b.getF32FloatAttr(ofNaN));
  return arith::SelectOp::create(b, isNaN, nan, folded);
}
