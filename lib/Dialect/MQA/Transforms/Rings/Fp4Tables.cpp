//===- Fp4Tables.cpp - Looks f4E2M1FN up in tables ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fp4Tables.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/APFloat.h"

using namespace mlir;
using namespace mlir::mqa;

/// The magnitudes of an f4E2M1FN, in the order of their codes.
static constexpr double kMagnitudes[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};

static Value emitFp4Word(ImplicitLocOpBuilder &b, uint32_t value) {
  return arith::ConstantIntOp::create(b, static_cast<int32_t>(value), 32);
}

static Value compareFp4Word(ImplicitLocOpBuilder &b,
                            arith::CmpIPredicate predicate, Value lhs,
                            uint32_t rhs) {
  return arith::CmpIOp::create(b, predicate, lhs, emitFp4Word(b, rhs));
}

Fp4Tables::Target Fp4Tables::getTarget(FloatType type) {
  if (isa<Float8E4M3FNType>(type))
    return {6, 1 << 3, 11};
  if (type.isF16())
    return {12, 1 << 10, 25};
  return {0, 1 << 7, 125};
}

Value Fp4Tables::constant(uint32_t value) { return emitFp4Word(b, value); }

Value Fp4Tables::permute(Value from, Value other, Value bytes) {
  return NVVM::PermuteOp::create(b, b.getI32Type(), from, other, bytes,
                                 NVVM::PermuteMode::DEFAULT);
}

uint32_t Fp4Tables::getBits(double value, int halvings) {
  llvm::APFloat number(std::ldexp(value, target.shift - halvings));
  bool losesInfo;
  number.convert(type.getFloatSemantics(), llvm::APFloat::rmNearestTiesToEven,
                 &losesInfo);
  return number.bitcastToAPInt().getZExtValue();
}

uint32_t Fp4Tables::getEntries(int first, int halvings) {
  uint32_t entries = 0, bits = type.getWidth();
  for (uint32_t i = 0; i < 32 / bits; ++i)
    entries |= getBits(kMagnitudes[first + i], halvings) << (i * bits);
  return entries;
}

/// The table of a block whose scale is the greatest, halved so often, without
/// subnormal numbers.
void Fp4Tables::appendNormal(Value halvings, SmallVectorImpl<Value> &words) {
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
void Fp4Tables::appendSubnormal(Value halvings, SmallVectorImpl<Value> &words) {
  Value isNormal = compareFp4Word(b, arith::CmpIPredicate::ule, halvings,
                                  target.maxHalvings);
  SmallVector<Value> normal;
  appendNormal(halvings, normal);
  constexpr int kSubnormals = 8;
  int bits = type.getWidth(), perWord = 32 / bits;
  for (auto [i, own] : llvm::enumerate(normal)) {
    Value word = constant(0);
    for (int more = 1; bits == 8 && more < kSubnormals; ++more) {
      int number = target.maxHalvings + more;
      Value isIt =
          compareFp4Word(b, arith::CmpIPredicate::eq, halvings, number);
      word = arith::SelectOp::create(
          b, isIt, constant(getEntries(i * perWord, number)), word);
    }
    words.push_back(arith::SelectOp::create(b, isNormal, own, word));
  }
}

/// Keys with subnormal numbers are rare.
Fp4Tables::Fp4Tables(ImplicitLocOpBuilder &b, FloatType type,
                     const MxScales &scales)
    : b(b), type(type), target(getTarget(type)) {
  SmallVector<Value> halvings;
  for (Value scale : scales.all)
    halvings.push_back(arith::SubIOp::create(b, scales.greatest, scale));
  Value most = arith::SubIOp::create(b, scales.greatest, scales.least);
  Value isNormal =
      compareFp4Word(b, arith::CmpIPredicate::ule, most, target.maxHalvings);
  SmallVector<Type> types(halvings.size() * getTableWords(), b.getI32Type());
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

SmallVector<Value> Fp4Tables::buildTable(Value halvings) {
  SmallVector<Value> words;
  appendSubnormal(halvings, words);
  return words;
}

SmallVector<Value> Fp4Tables::getTable(int64_t i) {
  SmallVector<Value> table = llvm::to_vector(
      ArrayRef(tables).slice(i * getTableWords(), getTableWords()));
  // The lower bytes of all entries, and the upper ones.
  if (table.size() == 4)
    table = {
        select(table[0], table[1], 0x6420), select(table[2], table[3], 0x6420),
        select(table[0], table[1], 0x7531), select(table[2], table[3], 0x7531)};
  return table;
}

void Fp4Tables::lookUp(ArrayRef<Value> table, Value word,
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
      Value lower = permute(table[0], table[1], codes);
      Value upper = withSigns(permute(table[2], table[3], codes));
      words.push_back(select(lower, upper, 0x5140));
      words.push_back(select(lower, upper, 0x7362));
    }
    codes = arith::ShRUIOp::create(b, codes, constant(16));
  }
}
