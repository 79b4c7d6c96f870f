//===- TaskEntryPoints.cpp - One signature for the tasks of all kernels ---===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Target/CPUObject.h"

#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mqa;

/// Of each part of a task's scratch: a cache line, and the widest vector.
static constexpr int64_t kScratchAlignment = 64;

/// Whether `func` is the kernel of a CPU, which runs one task.
static bool isTask(Operation *func) {
  auto kernel = func->getAttrOfType<KernelAttr>(KernelAttr::getAttrName());
  return kernel && kernel.getTaskSizes();
}

void mqa::moveScratchToStack(ModuleOp module) {
  IRRewriter rewriter(module.getContext());
  for (auto func : module.getOps<func::FuncOp>()) {
    if (!isTask(func))
      continue;
    SmallVector<memref::AllocOp> allocations;
    func.walk([&](memref::AllocOp op) {
      if (op.getType().hasStaticShape())
        allocations.push_back(op);
    });
    for (memref::AllocOp op : allocations) {
      for (Operation *user : llvm::make_early_inc_range(op->getUsers()))
        if (isa<memref::DeallocOp>(user))
          rewriter.eraseOp(user);
      rewriter.setInsertionPointToStart(&func.getBody().front());
      Value alloca = memref::AllocaOp::create(
          rewriter, op.getLoc(), op.getType(), op.getAlignmentAttr());
      rewriter.replaceOp(op, alloca);
    }
  }
}

namespace {
/// Where the allocas of a task went: an argument of the task each, so that LLVM
/// still knows that they do not overlap, at an offset of the scratch each.
struct Scratch {
  SmallVector<int64_t> offsets;
  int64_t bytes = 0;
};
} // namespace

/// Adds an argument behind all others. (The interface's own insertArgument
/// cannot: it takes a function that returns nothing for one without a type.)
static void addPointerArgument(LLVM::LLVMFuncOp func, Location loc) {
  Builder b(func.getContext());
  auto attributes = b.getDictionaryAttr(
      {b.getNamedAttr(LLVM::LLVMDialect::getNoAliasAttrName(), b.getUnitAttr()),
       b.getNamedAttr(LLVM::LLVMDialect::getAlignAttrName(),
                      b.getI64IntegerAttr(kScratchAlignment))});
  auto pointer = LLVM::LLVMPointerType::get(b.getContext());
  LLVM::LLVMFunctionType type = func.getFunctionType();
  SmallVector<Type> parameters(type.getParams());
  parameters.push_back(pointer);
  unsigned position = func.getNumArguments();
  function_interface_impl::insertFunctionArguments(
      func, {position}, TypeRange(pointer), {attributes}, {loc}, position,
      LLVM::LLVMFunctionType::get(type.getReturnType(), parameters));
}

/// Makes each alloca of `task` an argument, which `callee`, its C interface,
/// takes too and passes on.
static FailureOr<Scratch> hoistScratch(LLVM::LLVMFuncOp task,
                                       LLVM::LLVMFuncOp callee) {
  DataLayout layout = DataLayout::closest(task);
  Scratch scratch;
  SmallVector<LLVM::AllocaOp> allocas;
  task.walk([&](LLVM::AllocaOp op) { allocas.push_back(op); });
  for (LLVM::AllocaOp op : allocas) {
    std::optional<int64_t> count = getConstantIntValue(op.getArraySize());
    if (!count)
      return op.emitOpError("is scratch of a size that is not known before the "
                            "launch: a task gets its scratch from the runtime");
    int64_t size = layout.getTypeSize(op.getElemType());
    scratch.offsets.push_back(scratch.bytes);
    scratch.bytes += llvm::alignTo(*count * size, kScratchAlignment);
    addPointerArgument(task, op.getLoc());
    addPointerArgument(callee, op.getLoc());
    op.getResult().replaceAllUsesWith(
        task.getArgument(task.getNumArguments() - 1));
    op.erase();
  }
  callee.walk([&](LLVM::CallOp call) {
    call.getCalleeOperandsMutable().append(
        callee.getArguments().take_back(scratch.offsets.size()));
  });
  return scratch;
}

/// The entry point of a task, whose C interface is `callee`.
static void addEntryPoint(OpBuilder &b, LLVM::LLVMFuncOp task,
                          LLVM::LLVMFuncOp callee, const Scratch &scratch) {
  Location loc = task.getLoc();
  auto pointer = LLVM::LLVMPointerType::get(b.getContext());
  // Operands, then the positions of the task, in queries and, where tasks
  // divide them, in keys; then scratch.
  ArrayRef<Type> parameters = callee.getFunctionType().getParams();
  auto kernel = task->getAttrOfType<KernelAttr>(KernelAttr::getAttrName());
  size_t numPositions = kernel.selects() ? 1 : 2;
  size_t numOperands =
      parameters.size() - numPositions - scratch.offsets.size();
  auto type = LLVM::LLVMFunctionType::get(
      LLVM::LLVMVoidType::get(b.getContext()),
      {pointer, b.getI64Type(), b.getI64Type(), pointer});
  auto entry = LLVM::LLVMFuncOp::create(
      b, loc, ("mqa_task_" + task.getName()).str(), type);
  OpBuilder::InsertionGuard guard(b);
  Block *block = entry.addEntryBlock(b);
  b.setInsertionPointToStart(block);
  SmallVector<Value> arguments;
  for (size_t i = 0; i < numOperands; ++i) {
    Value slot =
        LLVM::GEPOp::create(b, loc, pointer, pointer, block->getArgument(0),
                            ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(i)});
    Value operand = LLVM::LoadOp::create(b, loc, pointer, slot);
    // A number of keys is passed itself.
    if (parameters[i] != pointer)
      operand = LLVM::LoadOp::create(b, loc, parameters[i], operand);
    arguments.push_back(operand);
  }
  llvm::append_range(arguments, block->getArguments().slice(1, numPositions));
  for (int64_t offset : scratch.offsets)
    arguments.push_back(LLVM::GEPOp::create(
        b, loc, pointer, b.getI8Type(), block->getArgument(3),
        ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(offset)}));
  LLVM::CallOp::create(b, loc, callee, arguments);
  LLVM::ReturnOp::create(b, loc, ValueRange());
}

FailureOr<llvm::StringMap<int64_t>> mqa::addTaskEntryPoints(ModuleOp module) {
  OpBuilder b(module.getContext());
  SmallVector<LLVM::LLVMFuncOp> tasks;
  for (auto func : module.getOps<LLVM::LLVMFuncOp>()) {
    // The translation to LLVM IR does not know our attributes.
    for (unsigned i = 0, e = func.getNumArguments(); i < e; ++i)
      func.removeArgAttr(i, OperandAttr::getAttrName());
    // Nobody else's business: a name of the host's must not take its place.
    if (!func.isExternal())
      func.setLinkage(LLVM::Linkage::Internal);
    if (isTask(func) && !func.getName().starts_with("_mlir_ciface_"))
      tasks.push_back(func);
  }
  llvm::StringMap<int64_t> scratchBytes;
  b.setInsertionPointToEnd(module.getBody());
  for (LLVM::LLVMFuncOp task : tasks) {
    auto callee = module.lookupSymbol<LLVM::LLVMFuncOp>(
        ("_mlir_ciface_" + task.getName()).str());
    if (!callee)
      return task.emitError("has no C interface");
    FailureOr<Scratch> scratch = hoistScratch(task, callee);
    if (failed(scratch))
      return failure();
    addEntryPoint(b, task, callee, *scratch);
    scratchBytes[task.getName()] = scratch->bytes;
  }
  return scratchBytes;
}
