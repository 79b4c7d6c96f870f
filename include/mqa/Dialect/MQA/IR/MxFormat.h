//===- MxFormat.h - Keys and queries with block scales ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A block scale, an f8E8M0FNU, for each 32 elements of a key or of a head of a
// query, and those of four blocks in a word (OCP Microscaling Formats, 1.0).
// The formats differ in what an element is: a new one is a case of `Element`,
// and a row of the table in MxFormat.cpp.
//
//===----------------------------------------------------------------------===//

#ifndef MQA_DIALECT_MQA_IR_MXFORMAT_H
#define MQA_DIALECT_MQA_IR_MXFORMAT_H

#include "mlir/IR/BuiltinTypeInterfaces.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>

namespace mlir {
namespace mqa {
namespace mx {

/// Elements that share a scale, and scales of a word.
constexpr int64_t kBlock = 32, kBlocksOfWord = 4;
/// The byte of a block scale of 1, and that of NaN.
constexpr int64_t kScaleBias = 127, kScaleNaN = 255;
/// The greatest product of a weight and a block scale of a query is at most
/// 2^60 and at least 2^-60: if it is not, all weights of the query are divided
/// by a power of two. So neither they nor sums of scores overflow.
constexpr int64_t kMaxWeightExponent = 60;
/// Less than any exponent of such a product.
constexpr int64_t kNoExponent = -1000;

/// Two f4E2M1FN lie in a byte (i8), the even one in its low bits. Four block
/// scales, of type f8E8M0FNU, lie in a word (i32), the first in its low byte.
enum class Element { F4E2M1FN, F8E4M3FN };

struct Format {
  StringLiteral name;
  Element element;
  int64_t elementBits;

  /// Bytes of `count` elements.
  int64_t getBytes(int64_t count) const { return count * elementBits / 8; }
  int64_t getBlockBytes() const { return getBytes(kBlock); }
  /// Elements in one of `storage`, of which memory is: two in a byte of MXFP4.
  int64_t getPerStorage(Type storage) const {
    return storage.getIntOrFloatBitWidth() / elementBits;
  }
  /// The type in which queries of `query` and keys are multiplied: it has room
  /// for elements whose blocks have different scales.
  Type getProductType(Type query) const;
  /// The type that queries of this format become for keys of `key`; null: keys
  /// have block scales too.
  Type getInputType(MLIRContext *context, Type key) const;
};

/// The format of vectors whose memory is of `element`, with scales of `scale`
/// (null: none); null if they have no block scales.
const Format *getFormat(Type element, Type scale);

/// Whether tensors and memrefs of `element` are typed: of f4E2M1FN, or of block
/// scales. Kernels have bytes and words in their place.
bool isTyped(Type element);
/// How many of a typed `element` lie in a byte or word; 1 for other types.
int64_t getPackedCount(Type element);
/// The bytes or words that a typed tensor or memref is: the last dimension
/// counts bytes, or goes. Null where `type` is not typed, or does not consist
/// of whole bytes or words.
ShapedType getPackedType(ShapedType type);

/// Lanes that decode a key together into the registers of a product's rows:
/// each a quarter of it, which is one piece of one block.
constexpr int64_t kKeyLanes = 4;
/// How many neighbouring elements of a product's row come from one lane.
constexpr int64_t kLaneElements = 4;
/// With another head dim, a quarter of a key would lie in two blocks.
constexpr bool isDecodedInRegisters(int64_t headDim) {
  return headDim == 32 || headDim == 64 || headDim == 128;
}

} // namespace mx
} // namespace mqa
} // namespace mlir

#endif // MQA_DIALECT_MQA_IR_MXFORMAT_H
