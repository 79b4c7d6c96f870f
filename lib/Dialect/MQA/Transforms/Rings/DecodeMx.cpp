//===- DecodeMx.cpp - Keys with block scales to a matrix unit -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A key's greatest block scale is taken out of it: relu commutes with a power
// of two, so that it may multiply the logit. What is left of a block is its own
// scale by the greatest.
//
//===----------------------------------------------------------------------===//

#include "DecodeMx.h"
#include "MxDecoder.h"
#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/bit.h"

using namespace mlir;
using namespace mlir::mqa;

static Value makeWord(ImplicitLocOpBuilder &b, uint32_t value) {
  return arith::ConstantIntOp::create(b, static_cast<int32_t>(value), 32);
}

MxScales mqa::getMxScales(ImplicitLocOpBuilder &b, Value word,
                          int64_t numBlocks) {
  MxScales scales;
  for (int64_t i = 0; i < numBlocks; ++i) {
    Value byte = arith::ShRUIOp::create(b, word, makeWord(b, 8 * i));
    byte = arith::AndIOp::create(b, byte, makeWord(b, 0xff));
    scales.all.push_back(byte);
    scales.greatest =
        i ? arith::MaxUIOp::create(b, scales.greatest, byte) : byte;
    scales.least = i ? arith::MinUIOp::create(b, scales.least, byte) : byte;
  }
  return scales;
}

Value mqa::getMxFactor(ImplicitLocOpBuilder &b, int shift, Value greatest) {
  Type bitsType = greatest.getType();
  auto constantBits = [&](uint32_t value) -> Value {
    TypedAttr attr = b.getI32IntegerAttr(static_cast<int32_t>(value));
    if (auto type = dyn_cast<VectorType>(bitsType))
      attr = DenseElementsAttr::get(type, attr);
    return arith::ConstantOp::create(b, attr);
  };
  Type type = b.getF32Type();
  if (auto vector = dyn_cast<VectorType>(bitsType))
    type = vector.clone(type);
  auto constant = [&](float value) -> Value {
    return arith::BitcastOp::create(
        b, type, constantBits(llvm::bit_cast<uint32_t>(value)));
  };
  // The exponent of an f32 has the same bias. Its least is for subnormal
  // numbers, one of which is 2^-127; its greatest, for infinity.
  constexpr uint32_t kLeast = 0x00400000;
  Value bits = arith::ShLIOp::create(b, greatest, constantBits(23));
  bits = arith::MaxUIOp::create(b, bits, constantBits(kLeast));
  Value scale = arith::BitcastOp::create(b, type, bits);
  // Infinity by zero is NaN, which stands for it.
  Value factor =
      arith::MulFOp::create(b, scale, constant(std::ldexp(1.0f, -shift)));
  return math::FmaOp::create(b, scale, constant(0.0f), factor);
}

Value MxDecoder::getScale() { return getMxFactor(b, shift, scales.greatest); }

Value MxDecoder::getWords(Value bytes) {
  int64_t size = cast<VectorType>(bytes.getType()).getNumElements();
  return vector::BitCastOp::create(b, VectorType::get(size / 4, b.getI32Type()),
                                   bytes);
}

Value MxDecoder::makeElements(ArrayRef<Value> words) {
  auto all = VectorType::get(words.size(), b.getI32Type());
  Value elements = vector::FromElementsOp::create(b, all, words);
  return vector::BitCastOp::create(b, VectorType::get(mx::kBlock, type),
                                   elements);
}

std::unique_ptr<MxDecoder> mqa::makeMxDecoder(OpBuilder &b, Location loc,
                                              const mx::Format &format,
                                              FloatType type, MxScales scales) {
  switch (format.element) {
  case mx::Element::F4E2M1FN:
    return makeFp4Decoder(b, loc, type, std::move(scales));
  case mx::Element::F8E4M3FN:
    return makeFp8Decoder(b, loc, type, std::move(scales));
  }
  llvm_unreachable("unknown element");
}

/// The bytes of a block.
static Value loadBytes(OpBuilder &b, Location loc, int64_t count, Value packed,
                       ArrayRef<Value> at) {
  auto memref = cast<MemRefType>(packed.getType());
  Type byte = memref.getElementType();
  auto type = VectorType::get(count, byte);
  constexpr int64_t kAlignment = 16;
  if (!isa<StagedLayoutAttr>(memref.getLayout()))
    return vector::LoadOp::create(b, loc, type, packed, at,
                                  /*nontemporal=*/false,
                                  llvm::Align(kAlignment));
  Value padding = arith::ConstantOp::create(b, loc, b.getZeroAttr(byte));
  return vector::TransferReadOp::create(b, loc, type, packed, at, padding,
                                        ArrayRef<bool>{true});
}

void mqa::decodeMxKeys(OpBuilder &b, Location loc, const mx::Format &format,
                       Value packed, Value words, Value keys, Value scales) {
  auto type = cast<MemRefType>(keys.getType());
  auto element = cast<FloatType>(type.getElementType());
  int64_t numBlocks = type.getDimSize(1) / mx::kBlock;
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, loc, value);
  };
  auto loop = scf::ForallOp::create(
      b, loc, ArrayRef<OpFoldResult>{b.getIndexAttr(type.getDimSize(0))},
      /*outputs=*/ValueRange(), /*mapping=*/std::nullopt);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value key = loop.getInductionVar(0);
  Value word = memref::LoadOp::create(b, loc, words, key);
  // Loads of so many bytes are under way before the first is waited for. A
  // thread has no registers for more.
  constexpr int64_t kBytesUnderWay = 64;
  int64_t numLoaded = kBytesUnderWay / format.getBlockBytes();
  SmallVector<Value> bytes;
  auto loadFrom = [&](int64_t first) {
    int64_t end = std::min(numBlocks, first + numLoaded);
    for (int64_t i = first; i < end; ++i)
      bytes.push_back(loadBytes(b, loc, format.getBlockBytes(), packed,
                                {key, constant(i * format.getBlockBytes())}));
  };
  loadFrom(0);
  ImplicitLocOpBuilder nested(loc, b);
  std::unique_ptr<MxDecoder> decoder = makeMxDecoder(
      b, loc, format, element, getMxScales(nested, word, numBlocks));
  memref::StoreOp::create(b, loc, decoder->getScale(), scales, key);
  for (int64_t i = 0; i < numBlocks; ++i) {
    if (i && i % numLoaded == 0)
      loadFrom(i);
    vector::TransferWriteOp::create(b, loc, decoder->decode(bytes[i], i), keys,
                                    ValueRange{key, constant(i * mx::kBlock)},
                                    ArrayRef<bool>{true});
  }
  Value hasNaN = decoder->hasNaN();
  if (!hasNaN)
    return;
  // Products with one NaN are what products with all of them are. Few keys have
  // any.
  auto ifNaN = scf::IfOp::create(b, loc, hasNaN, /*withElseRegion=*/false);
  b.setInsertionPointToStart(ifNaN.thenBlock());
  Value nan = arith::ConstantOp::create(
      b, loc,
      b.getFloatAttr(element, APFloat::getQNaN(element.getFloatSemantics())));
  memref::StoreOp::create(b, loc, nan, keys, ValueRange{key, constant(0)});
}
