//===- LogitCode.cpp - Numbers that are ordered as logits are -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LogitCode.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::mqa;

static constexpr int32_t kSignBit = std::numeric_limits<int32_t>::min();

static Value constant(ImplicitLocOpBuilder &b, int32_t value) {
  return arith::ConstantIntOp::create(b, value, 32);
}

Value mqa::emitCode(ImplicitLocOpBuilder &b, Value logit) {
  // -0 + 0 is +0; anything else stays what it is.
  Value zero = arith::ConstantOp::create(b, b.getF32FloatAttr(0));
  Value sum = arith::AddFOp::create(b, logit, zero);
  Value bits = arith::BitcastOp::create(b, b.getI32Type(), sum);
  // Positive numbers get the sign bit; of negative ones all bits are inverted.
  Value sign = arith::ShRSIOp::create(b, bits, constant(b, 31));
  Value mask = arith::OrIOp::create(b, sign, constant(b, kSignBit));
  Value code = arith::XOrIOp::create(b, bits, mask);
  Value isNaN =
      arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, logit, logit);
  return arith::SelectOp::create(b, isNaN, constant(b, 0), code);
}

Value mqa::emitLogit(ImplicitLocOpBuilder &b, Value code) {
  Value sign = arith::ShRSIOp::create(b, code, constant(b, 31));
  Value inverted = arith::XOrIOp::create(b, sign, constant(b, -1));
  Value mask = arith::OrIOp::create(b, inverted, constant(b, kSignBit));
  return arith::BitcastOp::create(b, b.getF32Type(),
                                  arith::XOrIOp::create(b, code, mask));
}
