//===- Kernel.cpp - What the dialect puts on modules and functions --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `mqa.target`, `mqa.kernel`, `mqa.operand`, `mqa.launch` and `mqa.kernels`:
// there are no other attributes of the dialect on ops of others.
//
//===----------------------------------------------------------------------===//

#include "Launch.h"
#include "mqa/Dialect/MQA/IR/EnumCases.h"
#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/SmallSet.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace mlir::mqa;

static constexpr StringLiteral kNumKeys = "num_keys";
/// The most keys that are selected of a row.
static constexpr int64_t kMaxSelected = 4096;

LogicalResult
SelectionAttr::verify(function_ref<InFlightDiagnostic()> emitError, int64_t k,
                      TieBreak, Order, IndexBase base, int64_t forceFirst,
                      int64_t forceLast, int64_t blockKv, int64_t nextN) {
  if (k < 1 || k > kMaxSelected)
    return emitError() << "k must be from 1 to " << kMaxSelected << ", found "
                       << k;
  if (forceFirst < 0 || forceLast < 0 || forceFirst > k ||
      forceLast > k - forceFirst)
    return emitError() << "'force_first' and 'force_last' must be 0 or more, "
                          "and at most k together, found "
                       << forceFirst << " and " << forceLast;
  if (blockKv < 0 || nextN < 0 || needsBlockTable(base) != (blockKv > 0))
    return emitError() << "'next_n' must be 0 or more, and 'block_kv' more "
                          "than 0 where the base is slot, else 0, found "
                       << nextN << " and " << blockKv;
  return success();
}

static bool isLogitsOp(StringRef op) {
  return op == LogitsOp::getOperationName() ||
         op == PagedLogitsOp::getOperationName();
}

/// What only kernels that select have, and only those that are fused.
static LogicalResult
verifySelection(function_ref<InFlightDiagnostic()> emitError, StringRef op,
                bool clean, bool compressed, ScheduleAttr schedule,
                SelectionAttr selection, RankedTensorType logitsType,
                int64_t listPlaces) {
  bool isFused = isLogitsOp(op) && selection;
  if (!isLogitsOp(op) && !selection)
    return emitError() << "a kernel of mqa.topk or mqa.merge_topk has a "
                          "selection";
  if (isFused != static_cast<bool>(logitsType))
    return emitError() << "a kernel of logits with a selection, and no other, "
                          "has 'logits_type'";
  if (isFused && (clean || compressed))
    return emitError() << "a kernel of logits with a selection stores no "
                          "logits, and has neither 'clean' nor 'compressed'";
  if (listPlaces < 0 || (listPlaces && (!isFused || !schedule)))
    return emitError() << "lists of candidates are of a kernel of logits with "
                          "a selection for a GPU, of 0 or more places, found "
                       << listPlaces;
  if (op == MergeTopkOp::getOperationName() &&
      (compressed || needsBlockTable(selection.getBase()) ||
       selection.getForceFirst() || selection.getForceLast() ||
       selection.getNextN()))
    return emitError() << "a kernel of mqa.merge_topk has k, 'tie_break', "
                          "'order' and a base that is no slot alone, found "
                       << selection << (compressed ? " and 'compressed'" : "");
  return success();
}

LogicalResult
KernelAttr::verify(function_ref<InFlightDiagnostic()> emitError, StringRef op,
                   Activation, bool clean, bool compressed,
                   ScheduleAttr schedule, int64_t dynamicSharedMemory,
                   bool overlapsLaunches, DenseI64ArrayAttr taskSizes,
                   SelectionAttr selection, RankedTensorType logitsType,
                   int64_t listPlaces, int64_t blockMax, int64_t keyBlockSize,
                   int64_t rowsPerSequence) {
  bool isLogits = isLogitsOp(op);
  if (!isLogits && op != TopkOp::getOperationName() &&
      op != MergeTopkOp::getOperationName())
    return emitError() << "a kernel is of mqa.logits, mqa.paged_logits, "
                          "mqa.topk or mqa.merge_topk, found '"
                       << op << "'";
  if (keyBlockSize && (op != LogitsOp::getOperationName() || selection ||
                       compressed || keyBlockSize < 0))
    return emitError() << "'key_block_size' is of a kernel of mqa.logits that "
                          "is neither fused nor compressed, found "
                       << keyBlockSize;
  if (rowsPerSequence &&
      (op != PagedLogitsOp::getOperationName() || selection ||
       rowsPerSequence < 0 || rowsPerSequence > shapes::kMaxNextN))
    return emitError() << "'rows_per_sequence' is from 1 to "
                       << shapes::kMaxNextN
                       << ", of a kernel of mqa.paged_logits that is not "
                          "fused, found "
                       << rowsPerSequence;
  if (failed(verifySelection(emitError, op, clean, compressed, schedule,
                             selection, logitsType, listPlaces)))
    return failure();
  if (blockMax &&
      (!isLogits || selection || compressed || !shapes::isBlockMax(blockMax)))
    return emitError() << "'block_max' is 8, 64 or 128, of a kernel that "
                          "stores logits of rows that are not 'compressed', "
                          "found "
                       << blockMax;
  if (isLogits ? !schedule == !taskSizes : static_cast<bool>(schedule))
    return emitError() << (isLogits ? "a kernel has either a schedule or task "
                                      "sizes"
                                    : "a kernel of mqa.topk or mqa.merge_topk "
                                      "has no schedule");
  if (taskSizes && (taskSizes.size() != (isLogits ? 2 : 1) ||
                    llvm::any_of(taskSizes.asArrayRef(),
                                 [](int64_t size) { return size < 1; })))
    return emitError() << "a kernel has "
                       << (isLogits ? "two positive task sizes, queries and "
                                      "keys,"
                                    : "one positive task size, rows,")
                       << " found " << taskSizes;
  if (dynamicSharedMemory < 0 ||
      (taskSizes && (dynamicSharedMemory || overlapsLaunches)))
    return emitError() << "shared memory and launches that overlap are of a "
                          "kernel for a GPU, of 0 or more bytes, found "
                       << dynamicSharedMemory;
  return success();
}

KernelAttr KernelAttr::get(KernelOpInterface op, ScheduleAttr schedule,
                           DenseI64ArrayAttr taskSizes, TopkOp topk) {
  Activation activation = Activation::Relu;
  bool clean = false, compressed = false;
  int64_t blockMax = 0;
  SelectionAttr selection;
  RankedTensorType logitsType;
  int64_t keyBlockSize = 0, rowsPerSequence = 0;
  if (auto contiguous = dyn_cast<LogitsOp>(*op);
      contiguous && contiguous.hasKeyBlocks())
    keyBlockSize = contiguous.getBlockKv();
  if (auto logits = dyn_cast<LogitsOpInterface>(*op)) {
    activation = logits.getActivation();
    clean = logits.getClean();
    compressed = logits.hasCompressedRows();
    rowsPerSequence = logits.getRunRows();
    if (logits.getColumnKeys() > 1)
      blockMax = logits.getColumnKeys();
    // A task has all columns of some rows.
    if (topk)
      logitsType = RankedTensorType::get(
          {taskSizes ? ShapedType::kDynamic : logits.getOutType().getDimSize(0),
           logits.getOutType().getDimSize(1)},
          logits.getOutType().getElementType());
  }
  if (auto only = dyn_cast<TopkOp>(*op)) {
    compressed = only.getCompressed();
    topk = only;
  }
  if (topk)
    selection = topk.getSelection();
  if (auto merge = dyn_cast<MergeTopkOp>(*op))
    selection = merge.getSelection();
  return get(op->getContext(), op->getName().getStringRef(), activation, clean,
             compressed, schedule, /*dynamicSharedMemory=*/0,
             /*overlapsLaunches=*/false, taskSizes, selection, logitsType,
             /*listPlaces=*/0, blockMax, keyBlockSize, rowsPerSequence);
}

KernelAttr KernelAttr::get(KernelOpInterface op, ScheduleAttr schedule,
                           DenseI64ArrayAttr taskSizes) {
  return get(op, schedule, taskSizes, /*topk=*/{});
}

bool KernelAttr::isOfLogits() const { return isLogitsOp(getOp()); }

bool KernelAttr::isPaged() const {
  return getOp() == PagedLogitsOp::getOperationName();
}

namespace {
/// The ranks from `least` to `most`; 0 is that of an index.
ArrayRef<int64_t> getRanks(int64_t least, int64_t most) {
  static constexpr int64_t kRanks[] = {0, 1, 2, 3, 4};
  return ArrayRef(kRanks).slice(least, most - least + 1);
}
ArrayRef<int64_t> getRanks(int64_t rank) { return getRanks(rank, rank); }
} // namespace

using Ranks = ArrayRef<int64_t>;

static Ranks getRanksOfMerge(StringRef name) {
  return llvm::StringSwitch<Ranks>(name)
      .Cases({"list_indices", "list_values"}, getRanks(3))
      .Cases({"ks", "ke"}, getRanks(1))
      .Cases({"indices", "values"}, getRanks(2))
      .Default({});
}

static Ranks getRanksOfTopk(StringRef name) {
  return llvm::StringSwitch<Ranks>(name)
      .Cases({"logits", "block_table", "indices", "values"}, getRanks(2))
      .Cases({"ks", "ke", "sequence", "offset"}, getRanks(1))
      .Case("context_lens", getRanks(1, 2))
      .Default({});
}

static Ranks getRanksOfLogits(StringRef name, bool isPaged) {
  if (isPaged)
    return llvm::StringSwitch<Ranks>(name)
        .Case("q", getRanks(3, 4))
        .Case("k", getRanks(3))
        .Case("sequence", getRanks(1))
        .Cases({"k_scale", "weights", "block_table", "out"}, getRanks(2))
        .Case("context_lens", getRanks(1, 2))
        .Default({});
  return llvm::StringSwitch<Ranks>(name)
      .Case("q", getRanks(3))
      .Case("k", getRanks(2, 3))
      .Case("k_scale", getRanks(1, 2))
      .Cases({"weights", "out", "key_blocks"}, getRanks(2))
      .Cases({"ks", "ke", "num_key_blocks"}, getRanks(1))
      .Default({});
}

/// Of a kernel of two ops: what is stored is what the second one writes.
static Ranks getRanksOfFused(StringRef name, bool isPaged) {
  if (name == "logits" || name == "out" ||
      (name == "context_lens" && !isPaged) ||
      llvm::is_contained({"key_blocks", "num_key_blocks"}, name) ||
      (isPaged && llvm::is_contained({"ks", "ke", "sequence"}, name)))
    return {};
  // What a launch on a GPU works in is no operand of the ops.
  if (name == "scratch")
    return getRanks(1);
  if (name == kNumKeys)
    return getRanks(0);
  Ranks ranks = getRanksOfLogits(name, isPaged);
  return ranks.empty() ? getRanksOfTopk(name) : ranks;
}

ArrayRef<int64_t> KernelAttr::getOperandRanks(StringRef name) const {
  if (isFused())
    return getRanksOfFused(name, isPaged());
  // Where columns are no keys, the number of keys is no operand of the op.
  if (name == kNumKeys)
    return getCompressed() || getKeyBlockSize() || (getBlockMax() && !isPaged())
               ? getRanks(0)
               : Ranks();
  if (getOp() == MergeTopkOp::getOperationName())
    return getRanksOfMerge(name);
  if (getOp() == TopkOp::getOperationName())
    return getRanksOfTopk(name);
  if (!getKeyBlockSize() && (name == "key_blocks" || name == "num_key_blocks"))
    return {};
  return getRanksOfLogits(name, isPaged());
}

KernelAttr KernelAttr::withDynamicSharedMemory(int64_t bytes) const {
  return get(getContext(), getOp(), getActivation(), getClean(),
             getCompressed(), getSchedule(), bytes, getOverlapsLaunches(),
             getTaskSizes(), getSelection(), getLogitsType(), getListPlaces(),
             getBlockMax(), getKeyBlockSize(), getRowsPerSequence());
}

KernelAttr KernelAttr::withOverlappingLaunches() const {
  return get(getContext(), getOp(), getActivation(), getClean(),
             getCompressed(), getSchedule(), getDynamicSharedMemory(),
             /*overlapsLaunches=*/true, getTaskSizes(), getSelection(),
             getLogitsType(), getListPlaces(), getBlockMax(), getKeyBlockSize(),
             getRowsPerSequence());
}

KernelAttr KernelAttr::withListPlaces(int64_t places) const {
  return get(getContext(), getOp(), getActivation(), getClean(),
             getCompressed(), getSchedule(), getDynamicSharedMemory(),
             getOverlapsLaunches(), getTaskSizes(), getSelection(),
             getLogitsType(), places, getBlockMax(), getKeyBlockSize(),
             getRowsPerSequence());
}

OperandAttr OperandAttr::get(StringRef name, Type type) {
  auto shaped = dyn_cast<ShapedType>(type);
  if (shaped)
    type = RankedTensorType::get(shaped.getShape(), shaped.getElementType());
  return get(type.getContext(), name, type, {}, 1);
}

OperandAttr OperandAttr::withBoxDims(ArrayRef<int64_t> dims) const {
  return get(getContext(), getName(), getType(), dims, getAlignment());
}

OperandAttr OperandAttr::withAlignment(int64_t alignment) const {
  return get(getContext(), getName(), getType(), getBoxDims(), alignment);
}

LogicalResult OperandAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                  StringRef name, Type type,
                                  ArrayRef<int64_t> boxDims,
                                  int64_t alignment) {
  if (alignment < 1 || alignment > 128 || !llvm::isPowerOf2_64(alignment))
    return emitError() << "'alignment' must be a power of two from 1 to 128, "
                          "found "
                       << alignment;
  if (name == kNumKeys ? !type.isIndex() : !isa<RankedTensorType>(type))
    return emitError() << "operand '" << name << "' must have the type "
                       << (name == kNumKeys ? "index" : "of a ranked tensor")
                       << ", found " << type;
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (boxDims.empty() ||
      (tensor && static_cast<int64_t>(boxDims.size()) == tensor.getRank() &&
       isPermutationVector(boxDims)))
    return success();
  InFlightDiagnostic error = emitError()
                             << "operand '" << name << "' of " << type
                             << " must have its dims as "
                                "'box_dims', found [";
  llvm::interleaveComma(boxDims, error);
  return error << "]";
}

static LogicalResult verifyTarget(Operation *op, Attribute value) {
  StringRef name = TargetAttr::getAttrName();
  if (!op->hasTrait<OpTrait::SymbolTable>())
    return op->emitOpError()
           << "has '" << name << "', which is an attribute of modules";
  if (!isa<TargetAttr>(value))
    return op->emitOpError() << "attribute '" << name
                             << "' must be a #mqa.target, found " << value;
  return success();
}

static LogicalResult verifyKernel(Operation *op, Attribute value) {
  StringRef name = KernelAttr::getAttrName();
  auto func = dyn_cast<FunctionOpInterface>(op);
  if (!func)
    return op->emitOpError()
           << "has '" << name << "', which is an attribute of functions";
  auto kernel = dyn_cast<KernelAttr>(value);
  if (!kernel)
    return op->emitOpError() << "attribute '" << name
                             << "' must be a #mqa.kernel, found " << value;
  if (isa<gpu::GPUFuncOp>(op) && kernel.isOfLogits() && !kernel.getSchedule())
    return op->emitOpError()
           << "is for a GPU: its '" << name << "' needs a schedule";
  if (isa<gpu::GPUFuncOp>(op) && kernel.getTaskSizes())
    return op->emitOpError()
           << "is for a GPU: its '" << name << "' cannot have task sizes";
  llvm::SmallSet<StringRef, 8> seen;
  for (unsigned i = 0, e = func.getNumArguments(); i < e; ++i) {
    auto operand =
        func.getArgAttrOfType<OperandAttr>(i, OperandAttr::getAttrName());
    if (operand && !seen.insert(operand.getName()).second)
      return op->emitOpError() << "has a second argument that is operand '"
                               << operand.getName() << "'";
  }
  return success();
}

LogicalResult MQADialect::verifyOperationAttribute(Operation *op,
                                                   NamedAttribute attribute) {
  if (attribute.getName() == TargetAttr::getAttrName())
    return verifyTarget(op, attribute.getValue());
  if (attribute.getName() == KernelAttr::getAttrName())
    return verifyKernel(op, attribute.getValue());
  if (attribute.getName() == LaunchAttr::getAttrName())
    return verifyLaunch(op, attribute.getValue());
  if (attribute.getName() == LaunchAttr::getKernelsAttrName())
    return verifyKernels(op);
  return op->emitOpError() << "has '" << attribute.getName().getValue()
                           << "', which is no attribute of the dialect";
}

LogicalResult MQADialect::verifyRegionArgAttribute(Operation *op, unsigned,
                                                   unsigned index,
                                                   NamedAttribute attribute) {
  StringRef name = OperandAttr::getAttrName();
  if (attribute.getName() != name)
    return op->emitOpError()
           << "argument " << index << " has '" << attribute.getName().getValue()
           << "', which is no attribute of the dialect";
  auto operand = dyn_cast<OperandAttr>(attribute.getValue());
  if (!operand)
    return op->emitOpError()
           << "argument " << index << " must have a #mqa.operand as '" << name
           << "', found " << attribute.getValue();
  auto kernel = op->getAttrOfType<KernelAttr>(KernelAttr::getAttrName());
  if (!kernel)
    return op->emitOpError() << "argument " << index << " has '" << name
                             << "', but the function has no '"
                             << KernelAttr::getAttrName() << "'";
  RankedTensorType tensor = operand.getTensorType();
  ArrayRef<int64_t> ranks = kernel.getOperandRanks(operand.getName());
  if (!llvm::is_contained(ranks, tensor ? tensor.getRank() : 0))
    return op->emitOpError()
           << "argument " << index << " is operand '" << operand.getName()
           << "' of type " << operand.getType() << ", which " << kernel
           << " does not have";
  return success();
}

LogicalResult
MQADialect::verifyRegionResultAttribute(Operation *op, unsigned, unsigned index,
                                        NamedAttribute attribute) {
  return op->emitOpError() << "result " << index << " has '"
                           << attribute.getName().getValue()
                           << "', which is no attribute of the dialect";
}
