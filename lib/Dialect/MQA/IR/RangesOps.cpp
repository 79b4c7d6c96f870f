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

/// What `ranges` is narrowed from in the end; what comes round to itself, as it
/// may where nothing is executed, is narrowed from one of its own.
static Value getSource(Value ranges) {
  SmallPtrSet<Operation *, 4> seen;
  while (auto narrow = ranges.getDefiningOp<NarrowRangesOp>()) {
    if (!seen.insert(narrow).second)
      break;
    ranges = narrow.getRanges();
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
