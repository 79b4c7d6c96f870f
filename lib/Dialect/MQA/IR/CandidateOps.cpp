//===- CandidateOps.cpp - Verifiers and effects of the candidate ops ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Effects.h"
#include "MemorySpaces.h"
#include "mqa/Dialect/MQA/IR/EnumCases.h"
#include "mqa/Dialect/MQA/IR/MQA.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mqa;

/// The list is read and written, behind and ahead of barriers.
template <typename Op> static void addListEffects(Op op, EffectList &effects) {
  for (OpOperand *buffer : {&op.getCodesMutable(), &op.getKeysMutable()}) {
    addRead(effects, *buffer);
    addWrite(effects, *buffer);
  }
  // A barrier: neither removed nor moved.
  effects.emplace_back(MemoryEffects::Write::get(),
                       SideEffects::DefaultResource::get());
}

/// Both buffers of the list have the same type.
template <typename Op> static LogicalResult verifyList(Op op) {
  MemRefType type = op.getCodes().getType();
  if (failed(verifyStaged(op, "codes", type)))
    return failure();
  if (!type.getLayout().isIdentity())
    return op.emitOpError()
           << "operand 'codes' must be contiguous, found " << type;
  return success();
}

void AppendCandidatesOp::getEffects(EffectList &effects) {
  addListEffects(*this, effects);
}

LogicalResult AppendCandidatesOp::verify() {
  Value forced = getForced();
  auto logits = getLogits().getType();
  if (forced &&
      cast<VectorType>(forced.getType()).getShape() != logits.getShape())
    return emitOpError() << "operand 'forced' must have an element for each of "
                         << logits << ", found " << forced.getType();
  if (!getFirstKey() == !getOwnKeys())
    return emitOpError() << "must have either a first key ('from') or keys of "
                            "its own ('of'), found "
                         << (getFirstKey() ? "both" : "neither");
  if (getOwnKeys() && getDescending())
    return emitOpError("has keys of its own ('of'), and must not be "
                       "'descending', which is for those behind a first one");
  if (getOwnKeys() &&
      cast<VectorType>(getOwnKeys().getType()).getShape() != logits.getShape())
    return emitOpError() << "operand 'own_keys' must have an element for each "
                            "of "
                         << logits << ", found " << getOwnKeys().getType();
  if (logits.isScalable())
    return emitOpError() << "operand 'logits' must have a fixed size, found "
                         << logits;
  return verifyList(*this);
}

void CutCandidatesOp::getEffects(EffectList &effects) {
  addListEffects(*this, effects);
}

/// `number` candidates, of an attribute `name`, have room in the list.
template <typename Op>
static LogicalResult verifyRoom(Op op, StringRef name, int64_t number) {
  MemRefType type = op.getCodes().getType();
  if (number <= type.getDimSize(0))
    return success();
  return op.emitOpError() << "'" << name
                          << "' must be at most the list's size, "
                          << type.getDimSize(0) << ", found " << number;
}

LogicalResult CutCandidatesOp::verify() {
  if (failed(verifyList(*this)))
    return failure();
  return verifyRoom(*this, "keep", getKeep());
}

void EstimateThresholdOp::getEffects(EffectList &effects) {
  // A barrier, and shared memory that is no operand.
  effects.emplace_back(MemoryEffects::Write::get(),
                       SideEffects::DefaultResource::get());
}

LogicalResult EstimateThresholdOp::verify() {
  if (getSamples().getType().isScalable())
    return emitOpError() << "operand 'samples' must have a fixed size, found "
                         << getSamples().getType();
  return success();
}

void SortCandidatesOp::getEffects(EffectList &effects) {
  addListEffects(*this, effects);
}

LogicalResult SortCandidatesOp::verify() {
  MemRefType type = getCodes().getType();
  if (!type.hasStaticShape() || !type.areTrailingDimsContiguous(1))
    return emitOpError() << "operand 'codes' must be contiguous, of a static "
                            "size, found "
                         << type;
  if (isByKey(getBy()) && prefersGreatest(getTieBreak()))
    return emitOpError() << "sorts by key, and must not have 'tie_break' = "
                         << stringifyTieBreak(getTieBreak());
  if (!llvm::isPowerOf2_64(getMost()))
    return emitOpError() << "'most' must be a power of two, found "
                         << getMost();
  return verifyRoom(*this, "most", getMost());
}
