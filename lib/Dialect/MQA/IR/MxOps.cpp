//===- MxOps.cpp - Verifiers and effects of ops that decode ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Effects.h"
#include "MemorySpaces.h"
#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/IR/MxFormat.h"

using namespace mlir;
using namespace mlir::mqa;

void DecodeQueriesOp::getEffects(EffectList &effects) {
  addRead(effects, getPackedMutable());
  addRead(effects, getWordsMutable());
  addReads(effects, getWeightsMutable());
  for (OpOperand *operand :
       {&getQMutable(), &getFoldedMutable(), &getFactorsMutable()})
    addWrite(effects, *operand);
}

LogicalResult DecodeQueriesOp::verify() {
  if (!getThread() != !getNumThreads())
    return emitOpError("'thread' and 'num_threads' come together");
  MemRefType packed = getPacked().getType(), q = getQ().getType();
  SmallVector<std::pair<StringRef, MemRefType>> tiles{
      {"packed", packed},
      {"words", getWords().getType()},
      {"q", q},
      {"folded", getFolded().getType()},
      {"factors", getFactors().getType()}};
  if (getWeights())
    tiles.push_back({"weights", getWeights().getType()});
  for (auto [name, type] : tiles)
    if (failed(verifyStaged(*this, name, type)))
      return failure();
  if (failed(verifyStagedLayout(*this, "q", q)))
    return failure();
  const mx::Format *format = mx::getFormat(packed.getElementType(),
                                           IntegerType::get(getContext(), 32));
  int64_t headDim = q.getDimSize(2);
  if (headDim % mx::kBlock || headDim > mx::kBlock * mx::kBlocksOfWord)
    return emitOpError() << "'q' must have rows of 32, 64, 96 or 128 elements, "
                            "found "
                         << q;
  int64_t row = headDim * format->elementBits / packed.getElementTypeBitWidth();
  if (packed.getShape() != ArrayRef({q.getDimSize(0), q.getDimSize(1), row}))
    return emitOpError() << "'packed' must have the queries and heads of 'q', "
                            "and rows of "
                         << row << ", found " << packed << " and " << q;
  if (format->element == mx::Element::F8E4M3FN &&
      q.getElementTypeBitWidth() == 8)
    return emitOpError() << "makes no f8E4M3FN of " << format->name
                         << ", whose elements have no room for powers of two";
  for (auto [name, type] : tiles) {
    bool isOfHeads = name == "words" || name == "folded" || name == "weights";
    if (isOfHeads && (type.getDimSize(0) != q.getDimSize(0) ||
                      type.getDimSize(1) < q.getDimSize(1)))
      return emitOpError() << "'" << name
                           << "' must have the queries and heads of 'q', found "
                           << type << " and " << q;
  }
  if (getFactors().getType().getShape() !=
      ArrayRef({int64_t(2), q.getDimSize(0)}))
    return emitOpError() << "'factors' must be 2 for each query of 'q', found "
                         << getFactors().getType() << " and " << q;
  return success();
}

// All consumers execute it.
Role DecodeQueriesOp::getRole() { return Role::Consumer; }

void PermuteQueriesOp::getEffects(EffectList &effects) {
  addRead(effects, getQMutable());
  addWrite(effects, getQMutable());
}

LogicalResult PermuteQueriesOp::verify() {
  if (!getThread() != !getNumThreads())
    return emitOpError("'thread' and 'num_threads' come together");
  MemRefType q = getQ().getType();
  if (failed(verifyStaged(*this, "q", q)) ||
      failed(verifyStagedLayout(*this, "q", q)))
    return failure();
  if (!mx::isDecodedInRegisters(q.getDimSize(2)))
    return emitOpError() << "'q' must have rows of 32, 64 or 128 elements, "
                            "found "
                         << q;
  return success();
}

// All consumers execute it.
Role PermuteQueriesOp::getRole() { return Role::Consumer; }

void DecodeMxOp::getEffects(EffectList &effects) {
  addRead(effects, getPackedMutable());
  addRead(effects, getWordsMutable());
}

LogicalResult DecodeMxOp::verify() {
  MemRefType packed = getPacked().getType(), words = getWords().getType();
  if (failed(verifyStaged(*this, "packed", packed)) ||
      failed(verifyPackedKeys(*this, "packed", packed)) ||
      failed(verifyStaged(*this, "words", words)))
    return failure();
  int64_t numKeys = packed.getDimSize(0), headDim = 2 * packed.getDimSize(1);
  if (!mx::isDecodedInRegisters(headDim))
    return emitOpError() << "'packed' must have rows of 16, 32 or 64 bytes, "
                            "found "
                         << packed;
  if (words.getDimSize(0) != numKeys ||
      getKeys().getType().getShape() != ArrayRef({numKeys, headDim}) ||
      getExponents().getType().getDimSize(0) != numKeys)
    return emitOpError() << "of " << packed << " needs " << numKeys
                         << " 'words', and gives " << numKeys << " x "
                         << headDim << " elements and as many exponents, found "
                         << words << ", " << getKeys().getType() << " and "
                         << getExponents().getType();
  return success();
}
