//===- MxDecoder.h - One vector with block scales ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_MXDECODER_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_MXDECODER_H

#include "mqa/Dialect/MQA/IR/MxFormat.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <memory>

namespace mlir {
namespace mqa {

/// The block scales of a key, or of a head of a query, as i32: those of the
/// blocks that are decoded, the greatest of all, and the least that is decoded.
struct MxScales {
  SmallVector<Value> all;
  Value greatest, least;
};

/// Of the first `numBlocks` bytes of `word`.
MxScales getMxScales(ImplicitLocOpBuilder &b, Value word, int64_t numBlocks);

/// The factor that makes up for what is taken out of a key whose greatest block
/// scale is `greatest`, an i32, and whose elements are 2^shift times too great:
/// an f32, NaN if the scale is. Or, of a vector of i32, those of several keys.
/// `shift` is at most 22.
Value getMxFactor(ImplicitLocOpBuilder &b, int shift, Value greatest);

/// Writes what decodes a key, or a head of a query: its elements by their
/// blocks, without its greatest block scale, which becomes the scale of the
/// key.
class MxDecoder {
public:
  virtual ~MxDecoder() = default;

  /// The elements of block `i`, whose bytes are `bytes`.
  virtual Value decode(Value bytes, int64_t i) = 0;
  /// Whether an element of those decoded so far is NaN, which `decode` makes
  /// some number; null if no element can be.
  virtual Value hasNaN() { return {}; }
  /// The factor that makes up for what `decode` takes out.
  Value getScale();
  /// Of which 2^shift is a part.
  int getShift() const { return shift; }

protected:
  /// Elements become 2^shift times what they are in the block with the greatest
  /// scale.
  MxDecoder(OpBuilder &builder, Location loc, FloatType type, int shift,
            MxScales scales)
      : b(loc, builder), type(type), shift(shift), scales(std::move(scales)) {}

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
  /// `bytes` as words of 32 bits.
  Value getWords(Value bytes);
  /// `words` as a vector of the type.
  Value makeElements(ArrayRef<Value> words);

  ImplicitLocOpBuilder b;
  FloatType type;
  int shift;
  MxScales scales;
};

/// Elements are of f8E4M3FN, f16 or bf16.
std::unique_ptr<MxDecoder> makeFp4Decoder(OpBuilder &b, Location loc,
                                          FloatType type, MxScales scales);
/// Elements are of f16 or bf16.
std::unique_ptr<MxDecoder> makeFp8Decoder(OpBuilder &b, Location loc,
                                          FloatType type, MxScales scales);
/// The decoder of `format`.
std::unique_ptr<MxDecoder> makeMxDecoder(OpBuilder &b, Location loc,
                                         const mx::Format &format,
                                         FloatType type, MxScales scales);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_MXDECODER_H
