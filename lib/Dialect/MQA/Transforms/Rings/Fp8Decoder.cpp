//===- Fp8Decoder.cpp - MXFP8 keys on their way to a matrix unit ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The exponent of an f8E4M3FN has less bits than that of f16 or bf16. Moved to
// the places of those, sign, exponent and mantissa are the element times a
// power of two, subnormal numbers included. One product with a power of two
// makes up for that, and gives the block its scale.
//
//===----------------------------------------------------------------------===//

#include "MxDecoder.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::mqa;

namespace {
class Fp8Decoder : public MxDecoder {
public:
  Fp8Decoder(OpBuilder &builder, Location loc, FloatType type,
             MxScales mxScales);

  Value decode(Value bytes, int64_t i) override;
  Value hasNaN() override;

private:
  static constexpr int kMantissaBits = 3, kBias = 7;
  /// The greatest f8E4M3FN is less than 2^9.
  static int getShift(FloatType type) { return type.isF16() ? 7 : 0; }
  int getMantissaBits() { return type.getFPMantissaWidth() - 1; }
  int getBias() { return type.isF16() ? 15 : 127; }
  /// `bits` in each byte of a word.
  Value constantOfBytes(uint32_t bits) {
    return constant((bits & 0xff) * 0x01010101);
  }
  /// The factor of the elements of a block, in both halves of a word.
  Value makeFactor(Value scale);

  SmallVector<Value> factors;
  /// Bit 7 of each byte: whether one of the elements there was NaN.
  Value nans;
};
} // namespace

Fp8Decoder::Fp8Decoder(OpBuilder &builder, Location loc, FloatType type,
                       MxScales mxScales)
    : MxDecoder(builder, loc, type, getShift(type), std::move(mxScales)) {
  for (Value scale : scales.all)
    factors.push_back(makeFactor(scale));
}

Value Fp8Decoder::makeFactor(Value scale) {
  // The moved fields have the bias of the other type. The factor corrects that,
  // and is smaller by the ratio of the block's scale to the greatest one.
  int exponent = getBias() + getBias() - kBias + shift;
  Value less = arith::SubIOp::create(b, scales.greatest, scale);
  Value own = arith::SubIOp::create(b, constant(exponent), less);
  Value normal = arith::ShLIOp::create(b, own, constant(getMantissaBits()));
  // A subnormal power of two is one bit, the further right the smaller it is.
  Value below = arith::SubIOp::create(b, constant(0), own);
  below = arith::MaxSIOp::create(b, below, constant(0));
  below = arith::MinSIOp::create(b, below, constant(31));
  Value subnormal = arith::ShRUIOp::create(
      b, constant(uint32_t(1) << (getMantissaBits() - 1)), below);
  Value isNormal = compare(arith::CmpIPredicate::sgt, own, 0);
  Value bits = arith::SelectOp::create(b, isNormal, normal, subnormal);
  return arith::MulIOp::create(b, bits, constant(0x00010001));
}

/// Of four elements at a time: the upper bytes of the results, the lower ones,
/// and then both by pairs.
Value Fp8Decoder::decode(Value bytes, int64_t i) {
  // The last bit of a mantissa moves up to that of the other type, in the lower
  // byte: by 7 (f16) or 4 (bf16). So the upper byte gets what is 1 or 4 lower.
  int up = getMantissaBits() - kMantissaBits, down = 8 - up;
  Value packed = getWords(bytes);
  SmallVector<Value> words;
  for (int64_t at = 0; at < mx::kBlock / 4; ++at) {
    Value word = vector::ExtractOp::create(b, packed, at);
    Value magnitudes = arith::AndIOp::create(b, word, constantOfBytes(0x7f));
    // A magnitude of all ones is NaN.
    Value carries = arith::AddIOp::create(b, magnitudes, constantOfBytes(0x01));
    nans = nans ? arith::OrIOp::create(b, nans, carries).getResult() : carries;
    Value signs = arith::AndIOp::create(b, word, constantOfBytes(0x80));
    Value upper = arith::AndIOp::create(
        b, arith::ShRUIOp::create(b, word, constant(down)),
        constantOfBytes(0x7f >> down));
    upper = arith::OrIOp::create(b, signs, upper);
    Value lower =
        arith::AndIOp::create(b, arith::ShLIOp::create(b, word, constant(up)),
                              constantOfBytes(0xff << up));
    for (uint32_t places : {0x5140, 0x7362})
      words.push_back(select(lower, upper, places));
  }
  Value elements = makeElements(words);
  // An fma with -0 keeps the sign of a zero. All GPUs have fma for pairs of f16
  // and bf16; not all multiply pairs of bf16 without it.
  SmallVector<Value> factor(words.size(), factors[i]);
  auto vectorType = cast<VectorType>(elements.getType());
  Value zero = arith::ConstantOp::create(
      b, DenseElementsAttr::get(vectorType,
                                b.getFloatAttr(type, -0.0).getValue()));
  return math::FmaOp::create(b, elements, makeElements(factor), zero);
}

Value Fp8Decoder::hasNaN() {
  Value signs = arith::AndIOp::create(b, nans, constantOfBytes(0x80));
  return compare(arith::CmpIPredicate::ne, signs, 0);
}

std::unique_ptr<MxDecoder> mqa::makeFp8Decoder(OpBuilder &b, Location loc,
                                               FloatType type,
                                               MxScales scales) {
  return std::make_unique<Fp8Decoder>(b, loc, type, std::move(scales));
}
