//===- MxOps.cpp - Verifiers and effects of ops on packed keys ------------===//
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
      getScales().getType().getDimSize(0) != numKeys)
    return emitOpError() << "of " << packed << " needs " << numKeys
                         << " 'words', and gives " << numKeys << " x "
                         << headDim << " elements and as many scales, found "
                         << words << ", " << getKeys().getType() << " and "
                         << getScales().getType();
  return success();
}
