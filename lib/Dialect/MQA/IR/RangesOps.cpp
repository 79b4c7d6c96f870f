//===- RangesOps.cpp - Verifiers and effects of the ops on ranges ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RangesOps.h"
#include "Effects.h"
#include "MemorySpaces.h"
#include "OperandRules.h"

using namespace mlir;
using namespace mlir::mqa;

/// What `ranges` is made from, one step back; null where nothing is.
static Value getNext(Value ranges) {
  if (auto narrow = ranges.getDefiningOp<NarrowRangesOp>())
    return narrow.getRanges();
  if (auto name = ranges.getDefiningOp<NameSequencesOp>())
    return name.getRanges();
  return {};
}

/// What `ranges` is made from in the end; what comes round to itself, as it may
/// where nothing is executed, is made from one of its own.
static Value getSource(Value ranges) {
  SmallPtrSet<Operation *, 4> seen;
  while (Value next = getNext(ranges)) {
    if (!seen.insert(ranges.getDefiningOp()).second)
      break;
    ranges = next;
  }
  return ranges;
}

BlockRangesOp mqa::getBlockOrigin(Value ranges) {
  return getSource(ranges).getDefiningOp<BlockRangesOp>();
}

MakeRangesOp mqa::getOrigin(Value ranges) {
  if (BlockRangesOp blocks = getBlockOrigin(ranges))
    ranges = blocks.getKeyRanges();
  return getSource(ranges).getDefiningOp<MakeRangesOp>();
}

/// Whether the rows of `ranges` name their sequences.
static bool nameSequences(Value ranges) {
  SmallPtrSet<Operation *, 4> seen;
  for (; ranges; ranges = getNext(ranges)) {
    if (ranges.getDefiningOp<NameSequencesOp>())
      return true;
    if (!seen.insert(ranges.getDefiningOp()).second)
      break;
  }
  return false;
}

LogicalResult mqa::verifyRanges(Operation *op, Value ranges) {
  if (getBlockOrigin(ranges) || getOrigin(ranges))
    return success();
  InFlightDiagnostic error = op->emitOpError(
      "operand 'ranges' must come from an mqa.make_ranges, found ");
  if (Operation *other = getSource(ranges).getDefiningOp())
    return error << "the result of '" << other->getName() << "'";
  return error << "an argument of a block";
}

LogicalResult MakeRangesOp::verify() {
  MemRefType ke = getKe().getType();
  if (getNextN() && (getKs() || ke.getRank() != 1))
    return emitOpError("with 'next_n' has a length for each sequence, and no "
                       "'ks', found 'ke' of ")
           << ke << (getKs() ? " and 'ks'" : "");
  if (ke.getRank() == 2 && (getKs() || ke.isDynamicDim(1)))
    return emitOpError("with a length for each query of a sequence has no 'ks' "
                       "and a static number of queries, found 'ke' of ")
           << ke << (getKs() ? " and 'ks'" : "");
  if (getBlockMax() && getCompressed())
    return emitOpError("has 'block_max', whose blocks are counted from key 0, "
                       "and 'compressed', where a row begins with its range");
  return failure(failed(verifyBlockMax(*this, getBlockMax(), Value())) ||
                 failed(verifyGlobal(*this, "ks", getKs())) ||
                 failed(verifyGlobal(*this, "ke", getKe())));
}

LogicalResult BlockRangesOp::verify() {
  if (getBlockOrigin(getKeyRanges()) || !getOrigin(getKeyRanges()))
    return emitOpError("operand 'key_ranges' must come from an "
                       "mqa.make_ranges");
  if (getOrigin(getKeyRanges()).getCompressed())
    return emitOpError("operand 'key_ranges' cannot be 'compressed'");
  return failure(
      failed(verifyGlobal(*this, "key_blocks", getKeyBlocks())) ||
      failed(verifyGlobal(*this, "num_key_blocks", getNumKeyBlocks())));
}

LogicalResult NameSequencesOp::verify() {
  if (failed(verifyRanges(*this, getRanges())))
    return failure();
  if (nameSequences(getRanges()))
    return emitOpError(
        "has 'ranges' of rows that name their sequences already");
  MakeRangesOp origin = getOrigin(getRanges());
  if (origin.getKs() || origin.getNextN() ||
      origin.getKe().getType().getRank() != 1)
    return emitOpError("needs 'ranges' of a length for each row, without 'ks' "
                       "and 'next_n', found those of 'ke' of ")
           << origin.getKe().getType() << (origin.getKs() ? " and 'ks'" : "")
           << (origin.getNextN() ? " and 'next_n'" : "");
  return verifyGlobal(*this, "sequence", getSequence());
}

LogicalResult NarrowRangesOp::verify() {
  return verifyRanges(*this, getRanges());
}

void KeyRangeOp::getEffects(EffectList &effects) {
  addRead(effects, getRangesMutable());
}

LogicalResult KeyRangeOp::verify() { return verifyRanges(*this, getRanges()); }

void TileShareOp::getEffects(EffectList &effects) {
  addRead(effects, getRangesMutable());
  // A barrier: neither removed nor moved.
  effects.emplace_back(MemoryEffects::Write::get(),
                       SideEffects::DefaultResource::get());
}

LogicalResult TileShareOp::verify() { return verifyRanges(*this, getRanges()); }

/// What finds runs needs rows that name their sequences.
static LogicalResult verifyRunsOf(Operation *op, Value ranges) {
  if (failed(verifyRanges(op, ranges)))
    return failure();
  if (!nameSequences(ranges))
    return op->emitOpError(
        "operand 'ranges' must come from an mqa.name_sequences");
  return success();
}

void RunShareOp::getEffects(EffectList &effects) {
  addRead(effects, getRangesMutable());
  // A barrier, as above.
  effects.emplace_back(MemoryEffects::Write::get(),
                       SideEffects::DefaultResource::get());
}

LogicalResult RunShareOp::verify() { return verifyRunsOf(*this, getRanges()); }

void RowRunOp::getEffects(EffectList &effects) {
  addRead(effects, getRangesMutable());
}

LogicalResult RowRunOp::verify() { return verifyRunsOf(*this, getRanges()); }
