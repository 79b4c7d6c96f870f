//===- DecodeFp8.cpp - fp8 to f16, in words -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DecodeFp8.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;

/// Two halves of one word. Of f8E4M3FN, sign, exponent and mantissa move to
/// their places in an f16, which gives 2^-8 of the value, subnormals included;
/// NaN, the only one whose magnitude is all ones, gets the carry that makes it
/// a NaN of f16.
static Value moveFields(ImplicitLocOpBuilder &b, Value halves) {
  auto constant = [&](uint32_t value) {
    return arith::ConstantIntOp::create(b, static_cast<int32_t>(value), 32);
  };
  constexpr uint32_t kSigns = 0x80008000;
  Value magnitude = arith::AndIOp::create(b, halves, constant(~kSigns));
  Value carry = arith::AndIOp::create(
      b, arith::AddIOp::create(b, magnitude, constant(0x01000100)),
      constant(kSigns));
  Value moved = arith::ShRUIOp::create(
      b, arith::OrIOp::create(b, magnitude, carry), constant(1));
  Value signs = arith::AndIOp::create(b, halves, constant(kSigns));
  return arith::OrIOp::create(b, signs, moved);
}

Value mqa::decodeFp8(OpBuilder &builder, Location loc, Value bytes) {
  ImplicitLocOpBuilder b(loc, builder);
  auto type = cast<VectorType>(bytes.getType());
  int64_t numElements = type.getNumElements();
  bool isE5M2 = isa<Float8E5M2Type>(type.getElementType());
  Type i32 = b.getI32Type();
  Value words = vector::BitCastOp::create(
      b, VectorType::get(numElements / 4, i32), bytes);
  Value zero = arith::ConstantIntOp::create(b, 0, 32);
  SmallVector<Value> halves;
  for (int64_t i = 0; i < numElements / 4; ++i) {
    Value word = vector::ExtractOp::create(b, words, i);
    // Bytes 0 and 1, then 2 and 3, as the upper ones of a half each; byte 4 is
    // zero's. An f8E5M2 is the upper byte of an f16 already.
    for (int32_t selector : {0x1404, 0x3424}) {
      Value upper = NVVM::PermuteOp::create(
          b, i32, word, zero, arith::ConstantIntOp::create(b, selector, 32),
          NVVM::PermuteMode::DEFAULT);
      halves.push_back(isE5M2 ? upper : moveFields(b, upper));
    }
  }
  auto f16s = VectorType::get(numElements, b.getF16Type());
  Value result = vector::BitCastOp::create(
      b, f16s,
      vector::FromElementsOp::create(b, VectorType::get(halves.size(), i32),
                                     halves));
  if (isE5M2)
    return result;
  Value scale = arith::ConstantOp::create(
      b, DenseElementsAttr::get(
             f16s, FloatAttr::get(b.getF16Type(), 0x1p8).getValue()));
  return arith::MulFOp::create(b, result, scale);
}
