//===- SplitTopk.cpp - Logits and top-k as two kernels --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/Steps.h"
#include "mqa/Dialect/MQA/IR/Target.h"
#include "mqa/Dialect/MQA/Transforms/KernelFunctions.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQASPLITTOPKPASS
#include "mqa/Dialect/MQA/Transforms/Passes/MQASplitTopkPass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

/// Logits of M x N as an argument: on memrefs, rows may be any distance apart.
static Type getArgumentType(Type type) {
  auto memref = dyn_cast<MemRefType>(type);
  if (!memref)
    return type;
  auto layout =
      StridedLayoutAttr::get(type.getContext(), /*offset=*/ShapedType::kDynamic,
                             /*strides=*/{ShapedType::kDynamic, 1});
  return MemRefType::get(memref.getShape(), memref.getElementType(), layout,
                         memref.getMemorySpace());
}

/// A function `name` of `op` alone, ahead of the one that `op` is in. Its
/// arguments are those that are operands of `op`, `numKeys` if that is not
/// null, and `logits` as a last one.
static func::FuncOp makeFunction(RewriterBase &b, Operation *op, StringRef name,
                                 Value numKeys, Value logits) {
  OpBuilder::InsertionGuard guard(b);
  auto func = op->getParentOfType<func::FuncOp>();
  SmallVector<Value> operands;
  SmallVector<Type> types;
  for (BlockArgument argument : func.getArguments())
    if (llvm::is_contained(op->getOperands(), argument)) {
      operands.push_back(argument);
      types.push_back(argument.getType());
    }
  if (numKeys && !llvm::is_contained(operands, numKeys)) {
    operands.push_back(numKeys);
    types.push_back(numKeys.getType());
  }
  operands.push_back(logits);
  types.push_back(getArgumentType(logits.getType()));
  b.setInsertionPoint(func);
  auto made = func::FuncOp::create(
      b, op->getLoc(), name, b.getFunctionType(types, op->getResultTypes()));
  Block *body = made.addEntryBlock();
  b.setInsertionPointToStart(body);
  IRMapping mapping;
  mapping.map(operands, body->getArguments());
  Operation *clone = b.clone(*op, mapping);
  func::ReturnOp::create(b, op->getLoc(), clone->getResults());
  return made;
}

/// Where products of matrices are started and waited for, consumers that filter
/// logits keep the matrix unit waiting, and consumers that select leave it
/// idle.
static bool isSlowerFused(KernelFunction kernel, const ChipInfo &chip) {
  return chip.matrixUnit && chip.matrixUnit->isAsync &&
         explainNotSplit(getFusedLogits(kernel.topk), kernel.topk).empty();
}

/// Makes two functions of `func`, and returns their names; null if the module
/// has others of these names.
static ArrayAttr split(RewriterBase &b, func::FuncOp func,
                       const KernelFunction &kernel) {
  auto module = func->getParentOfType<ModuleOp>();
  std::string logitsName = (func.getName() + "$logits").str();
  std::string topkName = (func.getName() + "$topk").str();
  if (module.lookupSymbol(logitsName) || module.lookupSymbol(topkName))
    return {};
  LogitsOpInterface logits = getFusedLogits(kernel.topk);
  TopkOp topk = kernel.topk;
  // On tensors, what is written is a result, and on memrefs the destination.
  Value unstored = getUnstoredLogits(logits);
  makeFunction(b, logits, logitsName, /*numKeys=*/Value(), unstored);
  makeFunction(b, topk, topkName, topk.getNumKeys(), topk.getLogits());
  b.eraseOp(func);
  return b.getStrArrayAttr({logitsName, topkName});
}

namespace {
struct SplitTopkPass : mqa::impl::MQASplitTopkPassBase<SplitTopkPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    IRRewriter rewriter(&getContext());
    // Others may have been split before.
    NamedAttrList steps(module->getAttrOfType<DictionaryAttr>(kStepsAttrName));
    for (auto func :
         llvm::make_early_inc_range(module.getOps<func::FuncOp>())) {
      if (!hasKernelBody(func))
        continue;
      FailureOr<KernelFunction> kernel = getKernelFunction(func);
      if (failed(kernel) || !kernel->topk)
        continue;
      FailureOr<const ChipInfo *> chip = requireGpu(kernel->op);
      if (failed(chip))
        return signalPassFailure();
      bool isNeeded = mustSplit(getFusedLogits(kernel->topk));
      if (!isNeeded && !isSlowerFused(*kernel, **chip))
        continue;
      std::string name = func.getName().str();
      if (ArrayAttr names = split(rewriter, func, *kernel)) {
        steps.append(name, names);
      } else if (isNeeded) {
        kernel->topk.emitOpError("and the logits of rows that name their "
                                 "sequences, or of key blocks, must become "
                                 "two kernels, but the module has a function "
                                 "of one of their names, '")
            << name << "$logits' and '" << name << "$topk'";
        return signalPassFailure();
      }
    }
    if (!steps.empty())
      module->setAttr(kStepsAttrName, steps.getDictionary(&getContext()));
  }
};
} // namespace
