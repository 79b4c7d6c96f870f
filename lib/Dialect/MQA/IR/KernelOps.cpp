//===- KernelOps.cpp - Verifiers and effects of the kernel ops ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Effects.h"
#include "MemorySpaces.h"
#include "RangesOps.h"
#include "mqa/Dialect/MQA/IR/EnumCases.h"
#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/IR/MxFormat.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mqa;

/// Of the ops that have keys of a paged cache, or of blocks of a matrix.
template <typename Op> static LogicalResult verifyGather(Op op) {
  MemRefType cache = op.getCache().getType(), keys = op.getKeys().getType();
  bool isPaged = op.isPaged();
  if ((!isPaged && !op.getBlockSize()) ||
      keys.getRank() + isPaged != cache.getRank() ||
      keys.getElementType() != cache.getElementType() ||
      keys.getShape().drop_front() !=
          cache.getShape().drop_front(1 + isPaged) ||
      !keys.getLayout().isIdentity())
    return op.emitOpError() << "of " << cache << " cannot give " << keys;
  if (isPaged && cache.isDynamicDim(1))
    return op.emitOpError()
           << "needs cache blocks of a static size, found " << cache;
  // Their numbers are found by shifts.
  if (isPaged && op.getBlockSize() &&
      (cache.getDimSize(1) % op.getBlockKeys() ||
       !llvm::isPowerOf2_64(op.getPageBlocks())))
    return op.emitOpError() << "needs cache blocks of a power of two of "
                               "'block_size' = "
                            << op.getBlockKeys() << " keys, found " << cache;
  if (keys.getMemorySpace() != cache.getMemorySpace())
    return op.emitOpError()
           << "of " << cache << " gives keys of the same memory space, found "
           << keys;
  return verifyGlobal(op, "cache", op.getCache());
}

LogicalResult GatherPagesOp::verify() {
  if (failed(verifyGather(*this)))
    return failure();
  if (getPages() && (!isPaged() || !getBlockSize()))
    return emitOpError("has 'pages', which are of blocks ('block_size') of a "
                       "paged cache, found ")
           << getCache().getType();
  return failure(failed(verifyGlobal(*this, "table", getTable())) ||
                 failed(verifyGlobal(*this, "pages", getPages())));
}

LogicalResult GatherBlocksOp::verify() { return verifyGather(*this); }

Value RowBlockOp::getViewSource() { return getSource(); }

LogicalResult RowBlockOp::verify() {
  MemRefType source = getSource().getType(), result = getResult().getType();
  SmallVector<int64_t> sourceStrides, resultStrides;
  int64_t sourceOffset, resultOffset;
  if (failed(source.getStridesAndOffset(sourceStrides, sourceOffset)) ||
      failed(result.getStridesAndOffset(resultStrides, resultOffset)) ||
      source.getRank() != result.getRank() || sourceStrides != resultStrides ||
      resultOffset != 0 || source.getMemorySpace() != result.getMemorySpace() ||
      source.getShape().drop_front() != result.getShape().drop_front())
    return emitOpError() << "result must be a block of rows of " << source
                         << " at offset 0, found " << result;
  return verifyGlobal(*this, "source", getSource());
}

void CleanRowsOp::getEffects(EffectList &effects) {
  addRead(effects, getRangesMutable());
  addWrite(effects, getOutMutable());
}

LogicalResult CleanRowsOp::verify() {
  if (!getThread() != !getNumThreads())
    return emitOpError("'thread' and 'num_threads' come together");
  return failure(failed(verifyRanges(*this, getRanges())) ||
                 failed(verifyGlobal(*this, "out", getOut())));
}

//===----------------------------------------------------------------------===//
// Tiles and fragments
//===----------------------------------------------------------------------===//

void FitQueriesOp::getEffects(EffectList &effects) {
  for (OpOperand *operand : {&getQMutable(), &getWeightsMutable()}) {
    addRead(effects, *operand);
    addWrite(effects, *operand);
  }
}

LogicalResult FitQueriesOp::verify() {
  if (!getThread() != !getNumThreads())
    return emitOpError("'thread' and 'num_threads' come together");
  for (auto [name, type] :
       {std::pair<StringRef, MemRefType>{"q", getQ().getType()},
        {"weights", getWeights().getType()},
        {"factors", getFactors().getType()}})
    if (failed(verifyStaged(*this, name, type)))
      return failure();
  if (failed(verifyStagedLayout(*this, "q", getQ().getType())))
    return failure();
  int64_t queries = getQ().getType().getDimSize(0),
          heads = getQ().getType().getDimSize(1);
  ArrayRef<int64_t> factors = getFactors().getType().getShape();
  if (getWeights().getType().getDimSize(0) != queries ||
      getWeights().getType().getDimSize(1) < heads || factors[0] != 2 ||
      factors[1] != queries)
    return emitOpError() << "of " << queries << " queries and " << heads
                         << " heads needs as many "
                         << "'weights' and 2 x " << queries
                         << " factors, found " << getWeights().getType()
                         << " and " << getFactors().getType();
  return success();
}

// Each is executed by the warps that it is for.
Role FitQueriesOp::getRole() { return Role::Consumer; }
Role TileLogitsOp::getRole() { return Role::Consumer; }
Role StoreLogitsOp::getRole() { return Role::Consumer; }
Role CleanRowsOp::getRole() { return Role::Cleaner; }

int64_t TileLogitsOp::getQueryGroups() {
  auto layout = cast<StagedLayoutAttr>(getQ().getType().getLayout());
  return layout.getDims().front() == 0 ? layout.getShape().front() : 1;
}

int64_t TileLogitsOp::getTileHeads() {
  int64_t queries = getTileQueries();
  return hasKeyRows(getRows())
             ? shapes::getColumnHeads(queries, getQ().getType().getDimSize(1))
             : shapes::kGroupRows / queries;
}

/// The logits of other heads, with which those of this tile are combined.
Value TileLogitsOp::getCarried() { return getOnto(); }

void TileLogitsOp::getEffects(EffectList &effects) {
  for (OpOperand *operand : {&getQMutable(), &getKMutable()})
    addRead(effects, *operand);
  for (MutableOperandRange range :
       {getKScaleMutable(), getWeightsMutable(), getFactorsMutable()})
    for (OpOperand &operand : range)
      addRead(effects, operand);
}

/// Whether it is a maximum of floating-point numbers, which is computed on two
/// numbers of half precision at once, and of which one kind drops NaN.
static bool isMaximum(Relu relu) {
  switch (relu) {
  case Relu::Max:
    return true;
  case Relu::IntegerMax:
  case Relu::AddAbs:
  case Relu::Mixed:
    return false;
  }
  llvm_unreachable("unknown relu");
}

/// Of a tile whose keys are MXFP4 that consumers decode.
static LogicalResult verifyPackedTile(TileLogitsOp op) {
  MemRefType q = op.getQ().getType(), k = op.getK().getType();
  if (failed(verifyPackedKeys(op, "k", k)))
    return failure();
  if (!hasKeyRows(op.getRows()) || !isa<Float8E4M3FNType>(q.getElementType()) ||
      !mx::isDecodedInRegisters(q.getDimSize(2)) ||
      k.getDimSize(1) != q.getDimSize(2) / 2)
    return op.emitOpError()
           << "with packed keys needs 'rows' keys, and 'q' of "
              "f8E4M3FN with a head dim of 32, 64 or 128, "
              "twice the bytes of a key, found "
           << stringifyRows(op.getRows()) << ", " << q << " and " << k;
  Value words = op.getKScale();
  if (!words ||
      !cast<MemRefType>(words.getType()).getElementType().isInteger(32))
    return op.emitOpError("with packed keys needs words of block scales (i32) "
                          "as 'k_scale'");
  return success();
}

LogicalResult TileLogitsOp::verify() {
  MemRefType q = getQ().getType(), k = getK().getType();
  SmallVector<std::pair<StringRef, MemRefType>> staged{{"q", q}, {"k", k}};
  if (getKScale())
    staged.push_back({"k_scale", getKScale().getType()});
  if (getWeights())
    staged.push_back({"weights", getWeights().getType()});
  if (getFactors())
    staged.push_back({"factors", getFactors().getType()});
  for (auto [name, type] : staged) {
    if (failed(verifyStaged(*this, name, type)))
      return failure();
  }
  if (failed(verifyStagedLayout(*this, "q", q)))
    return failure();
  if (hasPackedKeys()) {
    if (failed(verifyPackedTile(*this)))
      return failure();
  } else {
    if (failed(verifyStagedLayout(*this, "k", k)))
      return failure();
    if (k.getShape().back() != q.getShape().back() ||
        k.getElementType() != q.getElementType())
      return emitOpError()
             << "'q' and 'k' must have the same head dim and type, found " << q
             << " and " << k;
    if (getKScale() && !getKScale().getType().getElementType().isF32())
      return emitOpError() << "'k_scale' must be of f32, but for packed keys, "
                              "found "
                           << getKScale().getType();
  }
  if (getKScale() && getKScale().getType().getDimSize(0) != getNumKeys())
    return emitOpError() << "'k_scale' must have the keys of 'k', found "
                         << getKScale().getType() << " and " << k;
  VectorType logits = getLogits().getType();
  int64_t queries = q.getDimSize(0), heads = q.getDimSize(1);
  if (queries != logits.getDimSize(0) || logits.getDimSize(1) != getNumKeys() ||
      (getOnto() && getOnto().getType() != logits))
    return emitOpError() << "of " << queries << " queries and " << getNumKeys()
                         << " keys cannot give " << logits
                         << (getOnto() ? " onto another type" : "");
  constexpr int64_t kRows = shapes::kGroupRows;
  int64_t groups = getQueryGroups();
  if (hasKeyRows(getRows())) {
    if (getNumKeys() % kRows || isPacked(getReduction()))
      return emitOpError() << "with 'rows' keys needs a multiple of " << kRows
                           << " keys and 'reduction' f32, found "
                           << getNumKeys() << " and "
                           << stringifyReduction(getReduction());
    if (queries % groups || !llvm::isPowerOf2_64(queries / groups) ||
        queries / groups > shapes::kMaxColumnQueries)
      return emitOpError() << "with 'rows' keys needs groups of 1, 2, 4, 8 or "
                           << shapes::kMaxColumnQueries << " queries, found "
                           << groups << " of " << queries << " in all";
    if (heads % getTileHeads())
      return emitOpError() << "'q' must have head tiles of " << getTileHeads()
                           << " heads, found " << heads << " heads";
  } else if (kRows % (queries / groups) || heads % getTileHeads())
    return emitOpError() << "'q' must have groups of queries that divide "
                         << kRows << ", and head tiles of " << kRows
                         << " rows, found " << groups << " of "
                         << queries / groups << " queries x " << heads
                         << " heads";
  if (isPacked(getReduction()) &&
      (!isRelu(getActivation()) || !isMaximum(getRelu()) || !getWeights() ||
       !getFactors() || getNumHeads() || !isSum(getHeadReduction())))
    return emitOpError("with 'reduction' f16 needs relu as 'max', 'weights', "
                       "'factors' and heads that are summed, and takes no "
                       "'num_heads'");
  if (getScalesOnto() && (!getOnto() || !getKScale() || hasPackedKeys()))
    return emitOpError("with 'scales_onto' needs 'onto' and a 'k_scale' of "
                       "f32, which multiplies both");
  if (dropsNan(getActivation()) && !isMaximum(getRelu()))
    return emitOpError() << "with 'activation' "
                         << stringifyActivation(getActivation())
                         << " needs 'relu' max, found "
                         << stringifyRelu(getRelu());
  if (needsFiniteScores(getRelu()) &&
      !isa<Float8E4M3FNType>(q.getElementType()))
    return emitOpError() << "with 'relu' " << stringifyRelu(getRelu())
                         << " needs scores that are never infinite, those of "
                            "f8E4M3FN, found "
                         << q.getElementType();
  if (!getWeights())
    return success();
  MemRefType weights = getWeights().getType();
  if (weights.getDimSize(0) != queries || weights.getDimSize(1) < heads)
    return emitOpError() << "'weights' must have the queries and heads of 'q', "
                            "found "
                         << weights << " and " << q;
  return success();
}

void StoreLogitsOp::getEffects(EffectList &effects) {
  addRead(effects, getRangesMutable());
  addWrite(effects, getOutMutable());
}

LogicalResult StoreLogitsOp::verify() {
  if (failed(verifyRanges(*this, getRanges())) ||
      failed(verifyGlobal(*this, "out", getOut())))
    return failure();
  if (getClean() && !getBlockOrigin(getRanges()))
    return emitOpError("with 'clean' needs ranges of mqa.block_ranges: "
                       "mqa.clean_rows cleans what is outside of others");
  int64_t keys = getLogits().getType().getDimSize(1);
  int64_t size = getOrigin(getRanges()).getBlockMax().value_or(1);
  if (keys % size)
    return emitOpError() << "takes the maximum of each block of " << size
                         << " keys, but has " << keys << " keys";
  return success();
}

void GatherColumnsOp::getEffects(EffectList &effects) {
  addRead(effects, getBaseMutable());
}

void ScatterColumnsOp::getEffects(EffectList &effects) {
  addWrite(effects, getBaseMutable());
}

LogicalResult ScatterColumnsOp::verify() {
  Type element = getVector().getType().getElementType();
  if (element != getBase().getType().getElementType())
    return emitOpError() << "writes " << element << " to "
                         << getBase().getType();
  return verifyGlobal(*this, "base", getBase());
}
