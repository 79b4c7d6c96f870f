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
#include "mqa/Dialect/MQA/IR/Steps.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/SmallSet.h"

using namespace mlir;
using namespace mlir::mqa;

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
  if (blockKv < 0 || nextN < 0 || (needsBlockTable(base) && blockKv == 0))
    return emitError() << "'next_n' must be 0 or more, and 'block_kv' too, "
                          "and more than 0 where the base is slot, found "
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
                   Activation, HeadReduction, bool clean, bool compressed,
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
  if (keyBlockSize && (op == MergeTopkOp::getOperationName() || compressed ||
                       blockMax || rowsPerSequence || keyBlockSize < 0))
    return emitError() << "'key_block_size' is of a kernel of logits or "
                          "mqa.topk that is not compressed, and has neither "
                          "'block_max' nor 'rows_per_sequence', found "
                       << keyBlockSize;
  if (selection && selection.getBlockKv() && !keyBlockSize &&
      !needsBlockTable(selection.getBase()))
    return emitError() << "'block_kv' is of a selection of slots, or by "
                          "'key_block_size', found "
                       << selection;
  if (rowsPerSequence &&
      (op != PagedLogitsOp::getOperationName() || rowsPerSequence < 0 ||
       rowsPerSequence > shapes::kMaxNextN))
    return emitError() << "'rows_per_sequence' is from 1 to "
                       << shapes::kMaxNextN
                       << ", of a kernel of mqa.paged_logits, found "
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
  HeadReduction headReduction = HeadReduction::Sum;
  bool clean = false, compressed = false;
  int64_t blockMax = 0;
  SelectionAttr selection;
  RankedTensorType logitsType;
  int64_t keyBlockSize = 0, rowsPerSequence = 0;
  if (auto logits = dyn_cast<LogitsOpInterface>(*op)) {
    if (logits.hasKeyBlocks())
      keyBlockSize = logits.getBlockKv();
    activation = logits.getActivation();
    headReduction = logits.getHeadReduction();
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
    keyBlockSize = only.getKeyBlockSize().value_or(0);
    topk = only;
  }
  if (topk)
    selection = topk.getSelection();
  if (auto merge = dyn_cast<MergeTopkOp>(*op))
    selection = merge.getSelection();
  return get(op->getContext(), op->getName().getStringRef(), activation,
             headReduction, clean, compressed, schedule,
             /*dynamicSharedMemory=*/0,
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

KernelAttr KernelAttr::withDynamicSharedMemory(int64_t bytes) const {
  return get(getContext(), getOp(), getActivation(), getHeadReduction(),
             getClean(), getCompressed(), getSchedule(), bytes,
             getOverlapsLaunches(), getTaskSizes(), getSelection(),
             getLogitsType(), getListPlaces(), getBlockMax(), getKeyBlockSize(),
             getRowsPerSequence());
}

KernelAttr KernelAttr::withOverlappingLaunches() const {
  return get(getContext(), getOp(), getActivation(), getHeadReduction(),
             getClean(), getCompressed(), getSchedule(),
             getDynamicSharedMemory(),
             /*overlapsLaunches=*/true, getTaskSizes(), getSelection(),
             getLogitsType(), getListPlaces(), getBlockMax(), getKeyBlockSize(),
             getRowsPerSequence());
}

KernelAttr KernelAttr::withListPlaces(int64_t places) const {
  return get(getContext(), getOp(), getActivation(), getHeadReduction(),
             getClean(), getCompressed(), getSchedule(),
             getDynamicSharedMemory(), getOverlapsLaunches(), getTaskSizes(),
             getSelection(), getLogitsType(), places, getBlockMax(),
             getKeyBlockSize(), getRowsPerSequence());
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

static LogicalResult verifySteps(Operation *op, Attribute value) {
  if (!isa<ModuleOp>(op))
    return op->emitOpError() << "has '" << kStepsAttrName
                             << "', which is an attribute of modules";
  if (!isStepsAttr(value))
    return op->emitOpError()
           << "attribute '" << kStepsAttrName
           << "' must have two names of kernels for each entry, found "
           << value;
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
  if (attribute.getName() == kStepsAttrName)
    return verifySteps(op, attribute.getValue());
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
