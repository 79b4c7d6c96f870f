//===- Fp4Decoder.cpp - MXFP4 keys on their way to a matrix unit ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The eight magnitudes of an f4E2M1FN are eight numbers, the same for all
// elements of a block: a table, in which one instruction looks up four
// elements.
//
//===----------------------------------------------------------------------===//

#include "MxDecoder.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/APFloat.h"

using namespace mlir;
using namespace mlir::mqa;

namespace {
/// The magnitudes of an f4E2M1FN, in the order of their codes.
constexpr double kMagnitudes[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};

/// What a table depends on.
struct TableTarget {
  /// The factor 2^shift of the magnitudes in the block with the greatest scale:
  /// as great as the type has room for, so that blocks with less have room
  /// below.
  int shift;
  /// What half of a magnitude is less by, in the bits of the type.
  uint32_t exponentUnit;
  /// As often as the least magnitude can be halved without becoming subnormal.
  int maxHalvings;

  static TableTarget get(FloatType type) {
    if (isa<Float8E4M3FNType>(type))
      return {6, 1 << 3, 11};
    if (type.isF16())
      return {12, 1 << 10, 25};
    return {0, 1 << 7, 125};
  }
};

class Fp4Decoder : public MxDecoder {
public:
  Fp4Decoder(OpBuilder &builder, Location loc, FloatType type, Value word,
             int64_t numBlocks)
      : MxDecoder(builder, loc, type, TableTarget::get(type).shift, word,
                  numBlocks),
        target(TableTarget::get(type)) {
    makeTables();
  }

  Value decode(Value bytes, int64_t i) override;

private:
  uint32_t getBits(double value, int halvings);
  /// Four bytes, or two halves, of the table from entry `first` on.
  uint32_t getEntries(int first, int halvings);
  int getTableWords() { return type.getWidth() / 4; }
  void makeTables();
  void appendNormal(Value halvings, SmallVectorImpl<Value> &words);
  void appendSubnormal(Value halvings, SmallVectorImpl<Value> &words);
  void lookUp(ArrayRef<Value> table, Value word, SmallVectorImpl<Value> &words);

  TableTarget target;
  /// The words of the table of each block.
  SmallVector<Value> tables;
};
} // namespace

uint32_t Fp4Decoder::getBits(double value, int halvings) {
  llvm::APFloat number(std::ldexp(value, target.shift - halvings));
  bool losesInfo;
  number.convert(type.getFloatSemantics(), llvm::APFloat::rmNearestTiesToEven,
                 &losesInfo);
  return number.bitcastToAPInt().getZExtValue();
}

uint32_t Fp4Decoder::getEntries(int first, int halvings) {
  uint32_t entries = 0, bits = type.getWidth();
  for (uint32_t i = 0; i < 32 / bits; ++i)
    entries |= getBits(kMagnitudes[first + i], halvings) << (i * bits);
  return entries;
}

/// The table of a block whose scale is the greatest, halved so often, without
/// subnormal numbers.
void Fp4Decoder::appendNormal(Value halvings, SmallVectorImpl<Value> &words) {
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
void Fp4Decoder::appendSubnormal(Value halvings,
                                 SmallVectorImpl<Value> &words) {
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
void Fp4Decoder::makeTables() {
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
void Fp4Decoder::lookUp(ArrayRef<Value> table, Value word,
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

Value Fp4Decoder::decode(Value bytes, int64_t i) {
  SmallVector<Value> table = llvm::to_vector(
      ArrayRef(tables).slice(i * getTableWords(), getTableWords()));
  if (table.size() == 4)
    table = {
        select(table[0], table[1], 0x6420), select(table[2], table[3], 0x6420),
        select(table[0], table[1], 0x7531), select(table[2], table[3], 0x7531)};
  Value packed = getWords(bytes);
  SmallVector<Value> words;
  for (int64_t at = 0; at < mx::kBlock / 8; ++at)
    lookUp(table, vector::ExtractOp::create(b, packed, at), words);
  return makeElements(words);
}

std::unique_ptr<MxDecoder> mqa::makeFp4Decoder(OpBuilder &b, Location loc,
                                               FloatType type, Value word,
                                               int64_t numBlocks) {
  return std::make_unique<Fp4Decoder>(b, loc, type, word, numBlocks);
}
