//===- FusedPairs.cpp - When logits and their selection are one kernel ----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A pair is fused where mqa.unstored_logits is the destination of its logits.
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/Transforms/KernelFunctions.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::mqa;

static Value getOut(LogitsOpInterface op) {
  return cast<DestinationStyleOpInterface>(*op).getDpsInits().front();
}

/// What `value` is a cast of.
static Value stripCasts(Value value) {
  while (auto cast = value.getDefiningOp<tensor::CastOp>())
    value = cast.getSource();
  return value;
}

//===----------------------------------------------------------------------===//
// Pairs
//===----------------------------------------------------------------------===//

LogitsOpInterface mqa::getLogitsOf(TopkOp topk) {
  Value logits = stripCasts(topk.getLogits());
  if (isa<RankedTensorType>(logits.getType()))
    return logits.getDefiningOp<LogitsOpInterface>();
  // The last one that writes that memref ahead of the op.
  LogitsOpInterface last;
  for (Operation *user : logits.getUsers()) {
    auto op = dyn_cast<LogitsOpInterface>(user);
    if (op && getOut(op) == logits && op->getBlock() == topk->getBlock() &&
        op->isBeforeInBlock(topk) && (!last || last->isBeforeInBlock(op)))
      last = op;
  }
  return last;
}

UnstoredLogitsOp mqa::getUnstoredLogits(LogitsOpInterface op) {
  return getOut(op).getDefiningOp<UnstoredLogitsOp>();
}

TopkOp mqa::getFusedTopk(LogitsOpInterface op) {
  if (!getUnstoredLogits(op))
    return {};
  Value logits = op->getNumResults() ? op->getResult(0) : getOut(op);
  for (Operation *user : logits.getUsers())
    if (auto topk = dyn_cast<TopkOp>(user))
      if (topk.getLogits() == logits && getLogitsOf(topk) == op)
        return topk;
  return {};
}

LogitsOpInterface mqa::getFusedLogits(TopkOp op) {
  LogitsOpInterface logits = getLogitsOf(op);
  return logits && getUnstoredLogits(logits) ? logits : LogitsOpInterface();
}

//===----------------------------------------------------------------------===//
// Why not
//===----------------------------------------------------------------------===//

/// Both ops have the same key blocks.
template <typename OpTy>
static std::string explainBlocks(OpTy logits, TopkOp topk) {
  if (topk.getKeyBlocks() == logits.getKeyBlocks() &&
      topk.getNumKeyBlocks() == logits.getNumKeyBlocks() &&
      topk.getKeyBlockSize() == logits.getKeyBlockSize())
    return "";
  return "'key_blocks', 'num_key_blocks' and their size must be those of " +
         logits->getName().getStringRef().str();
}

/// Whether `size` is that of dimension 0 of `operand`.
static bool isSize(Value size, Value operand) {
  int64_t known = cast<ShapedType>(operand.getType()).getDimSize(0);
  if (std::optional<int64_t> number = getConstantIntValue(size))
    return *number == known;
  auto dim = size.getDefiningOp<ShapedDimOpInterface>();
  return dim && stripCasts(dim.getShapedValue()) == stripCasts(operand) &&
         getConstantIntValue(dim.getDimension()) == 0;
}

/// Both ops have the same ranges.
static std::string explainRanges(LogitsOp logits, TopkOp topk) {
  std::string reason = explainBlocks(logits, topk);
  if (!reason.empty())
    return reason;
  if (topk.getKs() != logits.getKs() || topk.getKe() != logits.getKe())
    return "'ks' and 'ke' must be those of mqa.logits";
  if (!logits.hasKeyBlocks())
    return "";
  if (!topk.getNumKeys() || !isSize(topk.getNumKeys(), logits.getK()))
    return "'num_keys' must be the number of keys of mqa.logits, dimension 0 "
           "of its 'k'";
  return "";
}

static std::string explainRanges(PagedLogitsOp logits, TopkOp topk) {
  std::string reason = explainBlocks(logits, topk);
  if (!reason.empty())
    return reason;
  if (topk.getContextLens() != logits.getContextLens())
    return "'context_lens' must be that of mqa.paged_logits";
  // Without a table, nothing asks which sequence a row is of.
  if ((topk.getBlockTable() || topk.getSequence()) &&
      topk.getSequence() != logits.getSequence())
    return "'sequence' must be that of mqa.paged_logits";
  if (topk.getNumKeys())
    return "'num_keys' must be left out, as 'block_table' says how many keys a "
           "sequence has";
  if (logits.hasKeyBlocks() && !topk.getBlockTable())
    return "'block_table' must be that of mqa.paged_logits";
  auto explain = [](const Twine &name, int64_t expected, int64_t found) {
    return (name + " must be that of mqa.paged_logits, which is " +
            Twine(expected) + ", found " + Twine(found))
        .str();
  };
  if (topk.getRowsOfSequence() != logits.getSequenceQueries())
    return explain("next_n", logits.getSequenceQueries(),
                   topk.getRowsOfSequence());
  if (!topk.getBlockTable())
    return "";
  if (topk.getBlockTable() != logits.getBlockTable())
    return "'block_table' must be that of mqa.paged_logits";
  if (*topk.getBlockKv() != static_cast<uint64_t>(logits.getPageKeys()))
    return explain("'block_kv'", logits.getPageKeys(), *topk.getBlockKv());
  return "";
}

static std::string describe(Operation *op) {
  return "'" + op->getName().getStringRef().str() + "'";
}

/// Nobody but `topk` sees the logits.
static std::string explainReaders(LogitsOpInterface logits, TopkOp topk) {
  bool isOnTensors = logits->getNumResults();
  Value value = isOnTensors ? logits->getResult(0) : getOut(logits);
  for (OpOperand &use : value.getUses()) {
    Operation *user = use.getOwner();
    if (user == topk ||
        (!isOnTensors && (user == logits || isa<memref::DeallocOp>(user))))
      continue;
    if (isOnTensors && isa<tensor::CastOp>(user) && user->hasOneUse() &&
        stripCasts(topk.getLogits()) == value)
      continue;
    return "the logits have another user, " + describe(user);
  }
  if (isOnTensors)
    return "";
  // Between the two, nothing that they read or write may change.
  for (Operation *op = logits->getNextNode(); op != topk;
       op = op->getNextNode())
    if (!isMemoryEffectFree(op))
      return describe(op) + ", which stands between the two ops, may have "
                            "effects on memory";
  return "";
}

/// Whether `op` makes memory or a tensor with nothing in it.
static bool isUninitialized(Operation *op) {
  if (auto alloc = dyn_cast<bufferization::AllocTensorOp>(op))
    return !alloc.getCopy();
  return isa<tensor::EmptyOp, memref::AllocOp, memref::AllocaOp>(op);
}

/// Logits go to nothing that is there for others too.
static std::string explainDestination(LogitsOpInterface logits) {
  if (getUnstoredLogits(logits))
    return "";
  Value out = stripCasts(getOut(logits));
  Operation *op = out.getDefiningOp();
  if (!op)
    return "the logits go to an argument";
  if (!isUninitialized(op))
    return "the logits go to what " + describe(op) +
           " makes, which is not known to be uninitialized";
  auto memref = dyn_cast<MemRefType>(out.getType());
  if (memref && (!memref.getLayout().isIdentity() || memref.getMemorySpace()))
    return "the logits go to a memref that is not contiguous, or not in the "
           "default memory space";
  return "";
}

std::string mqa::explainNotFused(LogitsOpInterface logits, TopkOp topk) {
  if (logits->getBlock() != topk->getBlock())
    return "the two ops are in different blocks";
  if (logits.isTile())
    return "the op that computes logits is a tile";
  if (logits.hasCompressedRows() || topk.getCompressed())
    return "'compressed' rows of logits have to be stored";
  if (logits.getColumnKeys() > 1)
    return "maxima over blocks of keys have to be stored";
  auto contiguous = dyn_cast<LogitsOp>(*logits);
  std::string reason = contiguous
                           ? explainRanges(contiguous, topk)
                           : explainRanges(cast<PagedLogitsOp>(*logits), topk);
  // On all targets alike.
  if (reason.empty() && mustSplit(logits))
    reason = explainNotSplit(logits, topk);
  if (reason.empty())
    reason = explainReaders(logits, topk);
  if (reason.empty())
    reason = explainDestination(logits);
  return reason;
}

//===----------------------------------------------------------------------===//
// Lowerings
//===----------------------------------------------------------------------===//

void mqa::resolveSizes(RewriterBase &rewriter, UnstoredLogitsOp op) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPointAfter(op);
  SmallVector<OpFoldResult> sizes = op.getMixedSizes();
  for (Operation *user : llvm::make_early_inc_range(op->getUsers())) {
    auto dim = dyn_cast<memref::DimOp>(user);
    std::optional<int64_t> index =
        dim ? dim.getConstantIndex() : std::optional<int64_t>();
    if (index && *index < 2)
      rewriter.replaceOp(dim, getValueOrCreateConstantIndexOp(
                                  rewriter, op.getLoc(), sizes[*index]));
    else if (isa<memref::SubViewOp>(user) && user->use_empty())
      rewriter.eraseOp(user);
  }
  if (op->use_empty())
    rewriter.eraseOp(op);
}

int64_t mqa::getFusedTileKeys(LogitsOpInterface op) {
  // A query is brought into a matrix unit's layout anew for each tile.
  int64_t keys = getCpuMatrixUnit(op) ? 512 : 128;
  // Short tiles, so that little is computed behind the last block of a row.
  if (op.hasKeyBlocks())
    return getCpuMatrixUnit(op) ? keys : 64;
  if (!op.getNextN())
    return keys;
  int64_t blockKv = op.getBlockKv();
  return getCpuMatrixUnit(op) ? std::max<int64_t>(keys / blockKv, 1) * blockKv
                              : blockKv;
}

//===----------------------------------------------------------------------===//
// The kernel function
//===----------------------------------------------------------------------===//

SmallVector<Value> KernelFunction::getDataOperands() const {
  KernelOpInterface first = op;
  TopkOp second = topk;
  if (!second)
    return first.getDataOperands();
  // Logits themselves are no operand of the kernel.
  SmallVector<Value> operands;
  for (auto [value, name] :
       llvm::zip_equal(first.getDataOperands(), first.getDataOperandNames()))
    if (name != "out")
      operands.push_back(value);
  for (auto [value, name] :
       llvm::zip_equal(second.getDataOperands(), TopkOp::getDataOperandNames()))
    if (getOwner(name) == second)
      operands.push_back(value);
  return operands;
}

SmallVector<StringRef> KernelFunction::getDataOperandNames() const {
  KernelOpInterface first = op;
  TopkOp second = topk;
  SmallVector<StringRef> names = llvm::to_vector(first.getDataOperandNames());
  if (!second)
    return names;
  llvm::erase(names, "out");
  for (StringRef name : TopkOp::getDataOperandNames())
    if (getOwner(name) == second)
      names.push_back(name);
  return names;
}

Operation *KernelFunction::getOwner(StringRef name) const {
  KernelOpInterface first = op;
  TopkOp second = topk;
  if (!second ||
      (name != "out" && llvm::is_contained(first.getDataOperandNames(), name)))
    return first;
  return name == "logits" ? nullptr : second.getOperation();
}

Value KernelFunction::getNumKeysOperand() const {
  KernelOpInterface first = op;
  if (!topk)
    return first.getNumKeysOperand();
  auto logits = cast<LogitsOpInterface>(first.getOperation());
  UnstoredLogitsOp unstored = getUnstoredLogits(logits);
  // With key blocks, there are as many columns as these have keys.
  if (!isa<PagedLogitsOp>(*logits) || logits.hasKeyBlocks() ||
      !unstored.getShapedType().isDynamicDim(1))
    return {};
  Value numKeys = unstored.getSizes().back();
  return isa<BlockArgument>(numKeys) ? numKeys : Value();
}

DestinationStyleOpInterface KernelFunction::getLast() const {
  KernelOpInterface first = op;
  TopkOp second = topk;
  Operation *last = second ? second.getOperation() : first.getOperation();
  return cast<DestinationStyleOpInterface>(last);
}
