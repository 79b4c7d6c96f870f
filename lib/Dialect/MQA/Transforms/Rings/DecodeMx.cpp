//===- DecodeMx.cpp - MXFP4 keys on their way to a matrix unit ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A key's greatest block scale is taken out of it: relu commutes with a power
// of two, so that it may multiply the logit. What is left of a block is its own
// scale by the greatest. Then the eight magnitudes of an f4E2M1FN are eight
// numbers, the same for all elements of the block: a table, in which one
// instruction looks up four elements.
//
//===----------------------------------------------------------------------===//

#include "DecodeMx.h"
#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/IR/MxFormat.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/APFloat.h"

using namespace mlir;
using namespace mlir::mqa;

namespace {
/// The magnitudes of an f4E2M1FN, in the order of their codes.
constexpr double kMagnitudes[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};

/// What a table depends on.
struct Target {
  /// The factor 2^shift of the magnitudes in the block with the greatest scale:
  /// as great as the type has room for, so that blocks with less have room
  /// below.
  int shift;
  /// What half of a magnitude is less by, in the bits of the type.
  uint32_t exponentUnit;
  /// As often as the least magnitude can be halved without becoming subnormal.
  int maxHalvings;
};

class MxDecoder {
public:
  /// Of the key with the block scales `word`, of which `numBlocks` count.
  MxDecoder(OpBuilder &builder, Location loc, FloatType type, Value word,
            int64_t numBlocks);

  /// The elements of block `i`, whose bytes are `bytes`.
  Value decode(Value bytes, int64_t i);
  /// The factor that makes up for what `decode` takes out.
  Value getScale();

private:
  static Target getTarget(FloatType type) {
    if (isa<Float8E4M3FNType>(type))
      return {6, 1 << 3, 11};
    if (type.isF16())
      return {12, 1 << 10, 25};
    return {0, 1 << 7, 125};
  }
  uint32_t getBits(double value, int halvings);
  /// Four bytes, or two halves, of the table from entry `first` on.
  uint32_t getEntries(int first, int halvings);

  Value constant(uint32_t value) {
    return arith::ConstantIntOp::create(b, static_cast<int32_t>(value), 32);
  }
  Value select(Value from, Value other, uint32_t bytes) {
    return permute(from, other, constant(bytes));
  }
  Value permute(Value from, Value other, Value bytes) {
    return NVVM::PermuteOp::create(b, b.getI32Type(), from, other, bytes,
                                   NVVM::PermuteMode::DEFAULT);
  }
  Value compare(arith::CmpIPredicate predicate, Value lhs, uint32_t rhs) {
    return arith::CmpIOp::create(b, predicate, lhs, constant(rhs));
  }
  int getTableWords() { return type.getWidth() / 4; }
  void makeTables();
  void appendNormal(Value halvings, SmallVectorImpl<Value> &words);
  void appendSubnormal(Value halvings, SmallVectorImpl<Value> &words);
  void lookUp(ArrayRef<Value> table, Value word, SmallVectorImpl<Value> &words);

  ImplicitLocOpBuilder b;
  FloatType type;
  Target target;
  SmallVector<Value> scales;
  Value greatest, least;
  /// The words of the table of each block.
  SmallVector<Value> tables;
};
} // namespace

MxDecoder::MxDecoder(OpBuilder &builder, Location loc, FloatType type,
                     Value word, int64_t numBlocks)
    : b(loc, builder), type(type), target(getTarget(type)) {
  for (int64_t i = 0; i < numBlocks; ++i) {
    Value byte = arith::ShRUIOp::create(b, word, constant(8 * i));
    byte = arith::AndIOp::create(b, byte, constant(0xff));
    scales.push_back(byte);
    greatest = i ? arith::MaxUIOp::create(b, greatest, byte) : byte;
    least = i ? arith::MinUIOp::create(b, least, byte) : byte;
  }
  makeTables();
}

uint32_t MxDecoder::getBits(double value, int halvings) {
  llvm::APFloat number(std::ldexp(value, target.shift - halvings));
  bool losesInfo;
  number.convert(type.getFloatSemantics(), llvm::APFloat::rmNearestTiesToEven,
                 &losesInfo);
  return number.bitcastToAPInt().getZExtValue();
}

uint32_t MxDecoder::getEntries(int first, int halvings) {
  uint32_t entries = 0, bits = type.getWidth();
  for (uint32_t i = 0; i < 32 / bits; ++i)
    entries |= getBits(kMagnitudes[first + i], halvings) << (i * bits);
  return entries;
}

Value MxDecoder::getScale() {
  constexpr uint32_t kNaN = 0x7fc00000, kHalfOfLeast = 0x00400000;
  // The exponent of an f32 has the same bias; below its first, f32 is
  // subnormal.
  Value exponent = arith::SubIOp::create(b, greatest, constant(target.shift));
  Value normal = arith::ShLIOp::create(b, exponent, constant(23));
  Value below = arith::SubIOp::create(b, constant(0), exponent);
  below = arith::MaxSIOp::create(b, below, constant(0));
  Value subnormal = arith::ShRUIOp::create(b, constant(kHalfOfLeast), below);
  Value isNormal = compare(arith::CmpIPredicate::sgt, exponent, 0);
  Value bits = arith::SelectOp::create(b, isNormal, normal, subnormal);
  Value isNaN = compare(arith::CmpIPredicate::eq, greatest, mx::kScaleNaN);
  bits = arith::SelectOp::create(b, isNaN, constant(kNaN), bits);
  return arith::BitcastOp::create(b, b.getF32Type(), bits);
}

/// The table of a block whose scale is the greatest, halved so often, without
/// subnormal numbers.
void MxDecoder::appendNormal(Value halvings, SmallVectorImpl<Value> &words) {
  int bits = type.getWidth(), perWord = 32 / bits;
  for (int first = 0; first < 8; first += perWord) {
    // Zero stays zero.
    uint32_t unit = 0;
    for (int i = 0; i < perWord; ++i)
      if (kMagnitudes[first + i] != 0)
        unit |= target.exponentUnit << (i * bits);
    Value less = arith::MulIOp::create(b, halvings, constant(unit));
    words.push_back(
        arith::SubIOp::create(b, constant(getEntries(first, 0)), less));
  }
}

/// Likewise, of any number of halvings. Of fp8, magnitudes are rounded to
/// subnormal numbers; those of wider types have no bits left beside the
/// greatest.
void MxDecoder::appendSubnormal(Value halvings, SmallVectorImpl<Value> &words) {
  Value isNormal =
      compare(arith::CmpIPredicate::ule, halvings, target.maxHalvings);
  SmallVector<Value> normal;
  appendNormal(halvings, normal);
  constexpr int kSubnormals = 8;
  int bits = type.getWidth(), perWord = 32 / bits;
  for (auto [i, own] : llvm::enumerate(normal)) {
    Value word = constant(0);
    for (int more = 1; bits == 8 && more < kSubnormals; ++more) {
      int number = target.maxHalvings + more;
      Value isIt = compare(arith::CmpIPredicate::eq, halvings, number);
      word = arith::SelectOp::create(
          b, isIt, constant(getEntries(i * perWord, number)), word);
    }
    words.push_back(arith::SelectOp::create(b, isNormal, own, word));
  }
}

/// Keys with subnormal numbers are rare.
void MxDecoder::makeTables() {
  SmallVector<Value> halvings;
  for (Value scale : scales)
    halvings.push_back(arith::SubIOp::create(b, greatest, scale));
  Value isNormal =
      compare(arith::CmpIPredicate::ule,
              arith::SubIOp::create(b, greatest, least), target.maxHalvings);
  SmallVector<Type> types(scales.size() * getTableWords(), b.getI32Type());
  auto ifNormal = scf::IfOp::create(b, types, isNormal, /*withElse=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(ifNormal.thenBlock());
  SmallVector<Value> normal, any;
  for (Value own : halvings)
    appendNormal(own, normal);
  scf::YieldOp::create(b, normal);
  b.setInsertionPointToStart(ifNormal.elseBlock());
  for (Value own : halvings)
    appendSubnormal(own, any);
  scf::YieldOp::create(b, any);
  tables.assign(ifNormal.getResults().begin(), ifNormal.getResults().end());
}

/// The eight elements of `word` become two words of bytes or four of halves.
void MxDecoder::lookUp(ArrayRef<Value> table, Value word,
                       SmallVectorImpl<Value> &words) {
  // A lookup reads the lower half of a word. One mask is enough for both.
  Value codes = arith::AndIOp::create(b, word, constant(0x77777777));
  // An even element has its sign in bit 3 of a byte, an odd one in bit 7.
  Value even = arith::ShLIOp::create(b, word, constant(4));
  for (uint32_t places : {0x5140, 0x7362}) {
    Value signs = arith::AndIOp::create(b, select(even, word, places),
                                        constant(0x80808080));
    auto withSigns = [&](Value magnitudes) -> Value {
      return arith::OrIOp::create(b, magnitudes, signs);
    };
    if (table.size() == 2) {
      words.push_back(withSigns(permute(table[0], table[1], codes)));
    } else {
      // The lower bytes of all entries, and the upper ones.
      Value lower = permute(table[0], table[1], codes);
      Value upper = withSigns(permute(table[2], table[3], codes));
      words.push_back(select(lower, upper, 0x5140));
      words.push_back(select(lower, upper, 0x7362));
    }
    codes = arith::ShRUIOp::create(b, codes, constant(16));
  }
}

Value MxDecoder::decode(Value bytes, int64_t i) {
  SmallVector<Value> table = llvm::to_vector(
      ArrayRef(tables).slice(i * getTableWords(), getTableWords()));
  if (table.size() == 4)
    table = {
        select(table[0], table[1], 0x6420), select(table[2], table[3], 0x6420),
        select(table[0], table[1], 0x7531), select(table[2], table[3], 0x7531)};
  int64_t numWords = mx::kBlockBytes / 4;
  Value packed = vector::BitCastOp::create(
      b, VectorType::get(numWords, b.getI32Type()), bytes);
  SmallVector<Value> words;
  for (int64_t at = 0; at < numWords; ++at) {
    lookUp(table, vector::ExtractOp::create(b, packed, at), words);
  }
  auto all = VectorType::get(words.size(), b.getI32Type());
  Value decoded = vector::FromElementsOp::create(b, all, words);
  return vector::BitCastOp::create(b, VectorType::get(mx::kBlock, type),
                                   decoded);
}

/// The bytes of a block.
static Value loadBytes(OpBuilder &b, Location loc, Value packed,
                       ArrayRef<Value> at) {
  auto type = VectorType::get(mx::kBlockBytes, b.getI8Type());
  auto memref = cast<MemRefType>(packed.getType());
  if (!isa<StagedLayoutAttr>(memref.getLayout()))
    return vector::LoadOp::create(b, loc, type, packed, at,
                                  /*nontemporal=*/false,
                                  llvm::Align(mx::kBlockBytes));
  Value padding = arith::ConstantIntOp::create(b, loc, 0, 8);
  return vector::TransferReadOp::create(b, loc, type, packed, at, padding,
                                        ArrayRef<bool>{true});
}

void mqa::decodeMxKeys(OpBuilder &b, Location loc, Value packed, Value words,
                       Value keys, Value scales) {
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
  // All loads are under way before the first is waited for.
  SmallVector<Value> bytes;
  for (int64_t i = 0; i < numBlocks; ++i)
    bytes.push_back(
        loadBytes(b, loc, packed, {key, constant(i * mx::kBlockBytes)}));
  MxDecoder decoder(b, loc, element, word, numBlocks);
  memref::StoreOp::create(b, loc, decoder.getScale(), scales, key);
  for (int64_t i = 0; i < numBlocks; ++i)
    vector::TransferWriteOp::create(b, loc, decoder.decode(bytes[i], i), keys,
                                    ValueRange{key, constant(i * mx::kBlock)},
                                    ArrayRef<bool>{true});
}
