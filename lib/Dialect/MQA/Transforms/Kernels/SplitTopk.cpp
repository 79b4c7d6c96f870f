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

/// How many queries there are, if any operand says so.
static std::optional<int64_t> getNumQueries(KernelFunction kernel) {
  TopkOp topk = kernel.topk;
  KernelOpInterface op = kernel.op;
  auto paged = dyn_cast<PagedLogitsOp>(*op);
  bool namesSequences = topk.getSequence() || (paged && paged.getSequence());
  for (auto [name, operand] : llvm::zip_equal(kernel.getDataOperandNames(),
                                              kernel.getDataOperands())) {
    bool isOfKeys = name == "k" || name == "k_scale";
    bool isOfAll = name == "block_table" && namesSequences;
    auto type = operand ? cast<ShapedType>(operand.getType()) : ShapedType();
    if (!type || isOfKeys || isOfAll || type.isDynamicDim(0))
      continue;
    bool isOfSequences = name == "context_lens" || name == "block_table" ||
                         (name == "q" && type.getRank() == 4);
    return type.getDimSize(0) * (isOfSequences ? topk.getRowsOfSequence() : 1);
  }
  auto logits = cast<ShapedType>(topk.getLogits().getType());
  if (logits.isDynamicDim(0))
    return std::nullopt;
  return logits.getDimSize(0);
}

/// Whether the logits fit what a launch keeps of them (as the runtime has it,
/// in LogitsTopkSteps.cpp). A kernel for any number of queries takes a part of
/// them at a time.
static bool haveRoom(KernelFunction kernel) {
  constexpr int64_t kMostBytes = int64_t(512) << 20;
  std::optional<int64_t> numQueries = getNumQueries(kernel);
  if (!numQueries)
    return true;
  auto type = cast<ShapedType>(kernel.topk.getLogits().getType());
  int64_t row = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  return !type.isDynamicDim(1) && *numQueries <= kMostBytes / row &&
         *numQueries * row <=
             kMostBytes / std::max<int64_t>(type.getDimSize(1), 1);
}

/// Whether mqa.topk knows where rows of logits end without the ranges of the op
/// that computes them. Of a paged cache, a line of the block table may end
/// ahead of a number of columns that the type says.
static bool knowsEnds(TopkOp topk) {
  auto type = cast<ShapedType>(topk.getLogits().getType());
  return !topk.getContextLens() || type.isDynamicDim(1) || topk.getBlockTable();
}

/// Whether only two kernels can do it: those of such logits store them.
static bool needsTwo(KernelFunction kernel) {
  auto logits = dyn_cast<LogitsOpInterface>(*kernel.op);
  return logits && (logits.hasRowsOfSequences() || logits.hasKeyBlocks());
}

/// Where products of matrices are started and waited for, consumers that filter
/// logits keep the matrix unit waiting, and consumers that select leave it
/// idle.
static bool isSlowerFused(KernelFunction kernel, const ChipInfo &chip) {
  return kernel.topk && chip.matrixUnit && chip.matrixUnit->isAsync &&
         haveRoom(kernel) && knowsEnds(kernel.topk);
}

/// Why there cannot be two kernels, where there must be; empty if there can.
static std::string explainOne(KernelFunction kernel) {
  if (!haveRoom(kernel))
    return "the logits of a static number of queries must have a static number "
           "of columns, and at most 512 MiB";
  if (!knowsEnds(kernel.topk))
    return "the number of columns must be dynamic, or mqa.topk have "
           "'block_table'";
  return "";
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
      bool mustSplit = needsTwo(*kernel);
      if (!mustSplit && !isSlowerFused(*kernel, **chip))
        continue;
      std::string reason = mustSplit ? explainOne(*kernel) : "";
      std::string name = func.getName().str();
      ArrayAttr names;
      if (reason.empty())
        names = split(rewriter, func, *kernel);
      if (names) {
        steps.append(name, names);
      } else if (mustSplit) {
        if (reason.empty())
          reason = "the module has a function of one of their names, '" + name +
                   "$logits' and '" + name + "$topk'";
        kernel->topk.emitOpError("and the logits of rows that name their "
                                 "sequences, or of blocks of keys, must become "
                                 "two kernels: ")
            << reason;
        return signalPassFailure();
      }
    }
    if (!steps.empty())
      module->setAttr(kStepsAttrName, steps.getDictionary(&getContext()));
  }
};
} // namespace
