//===- Fp4Tables.h - Looks f4E2M1FN up in tables ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The eight magnitudes of an f4E2M1FN are eight numbers, the same for all
// elements of a block: a table, in which one instruction looks up four
// elements.
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_FP4TABLES_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_FP4TABLES_H

#include "MxDecoder.h"

namespace mlir {
namespace mqa {

/// Elements of blocks as `type`, which is f8E4M3FN, f16 or bf16.
class Fp4Tables {
public:
  /// Halvings from which on all magnitudes of f8E4M3FN are rounded to zero.
  static constexpr int64_t kMaxFp8Halvings = 19;

  /// Magnitudes are 2^shift times what they are in the block with the greatest
  /// scale.
  static int getShift(FloatType type) { return getTarget(type).shift; }

  /// Of the blocks of a key with these scales.
  Fp4Tables(ImplicitLocOpBuilder &b, FloatType type, const MxScales &scales);

  /// Without tables of its own, for `buildTable` and `lookUp`.
  Fp4Tables(ImplicitLocOpBuilder &b, FloatType type)
      : b(b), type(type), target(getTarget(type)) {}

  /// The words (i32) of the table of block `i`, as `lookUp` takes them.
  SmallVector<Value> getTable(int64_t i);
  /// The words of the table of a block whose scale is 2^-halvings of the
  /// greatest one of its key, for f8E4M3FN alone.
  SmallVector<Value> buildTable(Value halvings);
  /// The eight elements of `word` become two words of bytes or four of halves.
  void lookUp(ArrayRef<Value> table, Value word, SmallVectorImpl<Value> &words);

private:
  /// What a table depends on.
  struct Target {
    /// The factor 2^shift of the magnitudes in the block with the greatest
    /// scale: as great as the type has room for, so that blocks with less have
    /// room below.
    int shift;
    /// What halving a number subtracts from its bits: 1 in the exponent.
    uint32_t exponentUnit;
    /// As often as the least magnitude can be halved without becoming
    /// subnormal.
    int maxHalvings;
  };
  static Target getTarget(FloatType type);

  uint32_t getBits(double value, int halvings);
  /// Four bytes, or two halves, of the table from entry `first` on.
  uint32_t getEntries(int first, int halvings);

  Value constant(uint32_t value);
  Value select(Value from, Value other, uint32_t bytes) {
    return permute(from, other, constant(bytes));
  }
  Value permute(Value from, Value other, Value bytes);
  int getTableWords() { return type.getWidth() / 4; }
  void appendNormal(Value halvings, SmallVectorImpl<Value> &words);
  void appendSubnormal(Value halvings, SmallVectorImpl<Value> &words);

  ImplicitLocOpBuilder &b;
  FloatType type;
  Target target;
  /// The words of the table of each block.
  SmallVector<Value> tables;
};

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_FP4TABLES_H
