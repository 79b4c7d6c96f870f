//===- VerifyKernelFunctions.cpp - What a kernel function must be ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one place that knows the contract of kernel functions. What it lets pass
// has a kernel for every target; nothing that it reads is lost on the way.
//
//===----------------------------------------------------------------------===//

#include "KernelFunctionChecks.h"

#include "mqa/Dialect/MQA/IR/Steps.h"
#include "mqa/Dialect/MQA/IR/Target.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Pass/Pass.h"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQAVERIFYKERNELFUNCTIONSPASS
#include "mqa/Dialect/MQA/Transforms/Passes/MQAVerifyKernelFunctionsPass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

//===----------------------------------------------------------------------===//
// The function
//===----------------------------------------------------------------------===//

/// Attributes of these dialects have a meaning for the passes and translations
/// behind, which set their own; those of others have none here.
static LogicalResult verifyAttributes(func::FuncOp func) {
  auto verify = [&](ArrayRef<NamedAttribute> attributes,
                    const Twine &place) -> LogicalResult {
    for (NamedAttribute attribute : attributes) {
      StringRef name = attribute.getName().strref();
      StringRef dialect = name.split('.').first;
      if (llvm::is_contained({"mqa", "bufferization", "gpu", "llvm", "nvvm"},
                             dialect))
        return func.emitError("a kernel function cannot have attribute '")
               << name << "' on " << place << ": the compiler sets its own";
    }
    return success();
  };
  if (failed(verify(llvm::to_vector(func->getDiscardableAttrs()), "itself")))
    return failure();
  for (unsigned i = 0, e = func.getNumArguments(); i < e; ++i)
    if (failed(verify(mlir::function_interface_impl::getArgAttrs(func, i),
                      "argument #" + Twine(i))))
      return failure();
  for (unsigned i = 0, e = func.getNumResults(); i < e; ++i)
    if (failed(verify(mlir::function_interface_impl::getResultAttrs(func, i),
                      "result #" + Twine(i))))
      return failure();
  return success();
}

/// The ops that kernels are made of, for messages.
static constexpr StringLiteral kKernelOps =
    "mqa.logits, mqa.paged_logits, mqa.topk or mqa.merge_topk";

/// Whether `op` computes indices from others, or from sizes.
static bool isSizeComputation(Operation &op) {
  if (isa<tensor::DimOp, memref::DimOp>(op))
    return true;
  return isa<arith::ArithDialect, affine::AffineDialect>(op.getDialect()) &&
         isMemoryEffectFree(&op) &&
         llvm::all_of(op.getResultTypes(), llvm::IsaPred<IndexType>);
}

/// The two ops of `body` that may be one kernel, if there are such.
static FailureOr<KernelFunction> getPair(Block &body) {
  for (auto topk : body.getOps<TopkOp>()) {
    LogitsOpInterface logits = getLogitsOf(topk);
    if (!logits || logits->getBlock() != &body)
      continue;
    std::string reason = explainNotFused(logits, topk);
    if (reason.empty() && !getUnstoredLogits(logits))
      reason = "mqa-fuse-topk has not come by";
    if (!reason.empty())
      return topk.emitOpError("in a kernel function must be fused with the ")
             << logits->getName() << " that it reads: " << reason;
    return KernelFunction{logits, topk};
  }
  return KernelFunction();
}

static FailureOr<KernelFunction> getOps(func::FuncOp func) {
  if (!func.getBody().hasOneBlock())
    return func.emitError("a kernel function must have one block, found ")
           << func.getBody().getBlocks().size();
  Block &body = func.getBody().front();
  FailureOr<KernelFunction> found = getPair(body);
  if (failed(found))
    return failure();
  bool isPair = static_cast<bool>(found->topk);
  for (Operation &op : body.without_terminator()) {
    bool belongs =
        isPair && (&op == found->op || &op == found->topk ||
                   isSizeComputation(op) || isa<UnstoredLogitsOp>(op));
    if (belongs)
      continue;
    auto candidate = dyn_cast<KernelOpInterface>(op);
    if (!candidate || found->op)
      return op.emitError("a kernel function must consist of one ")
             << kKernelOps << " on its arguments, found also '" << op.getName()
             << "'";
    found->op = candidate;
  }
  if (!found->op || !isa<func::ReturnOp>(body.getTerminator()))
    return func.emitError("a kernel function must consist of one ")
           << kKernelOps << ", and return";
  if (found->op.isTile())
    return found->op->emitOpError(
        "with 'key_offset', 'num_keys' or 'ranges' cannot become a kernel");
  return found;
}

/// Arguments and operands are the same, each once; what the op writes alone is
/// returned.
static LogicalResult verifySignature(func::FuncOp func, KernelFunction kernel) {
  SmallPtrSet<Value, 8> seen;
  for (auto [value, name] : llvm::zip_equal(kernel.getDataOperands(),
                                            kernel.getDataOperandNames())) {
    if (!value)
      continue;
    if (!isa<BlockArgument>(value) || !seen.insert(value).second)
      return kernel.getOwner(name)->emitOpError()
             << "operand '" << name
             << "' must be an argument of the function, and of its own";
  }
  if (Value numKeys = kernel.getNumKeysOperand()) {
    if (!isa<BlockArgument>(numKeys))
      return kernel.op->emitOpError()
             << "operand 'num_keys' must be an argument of the function";
    seen.insert(numKeys);
  }
  for (BlockArgument argument : func.getArguments())
    if (!seen.contains(argument)) {
      InFlightDiagnostic error = func.emitError(
          "every argument of a kernel function must be an operand of its ");
      return error << kernel.op->getName()
                   << (kernel.topk ? " and mqa.topk" : "") << ", but argument #"
                   << argument.getArgNumber() << " of type "
                   << argument.getType() << " is none";
    }
  DestinationStyleOpInterface last = kernel.getLast();
  ValueRange returned = func.getBody().front().getTerminator()->getOperands();
  if (last->getNumResults()) {
    if (returned != ValueRange(last->getResults()))
      return func.emitError("a kernel function on tensors must return the "
                            "result of its ")
             << last->getName() << ", and nothing else";
    return success();
  }
  SmallVector<Value> outs = llvm::to_vector(last.getDpsInits());
  if (!returned.empty() && returned != ValueRange(outs)) {
    InFlightDiagnostic error =
        func.emitError("a kernel function on memrefs can only return its ");
    llvm::interleave(
        outs,
        [&](Value out) {
          auto operands = kernel.getDataOperands();
          error << "'"
                << kernel.getDataOperandNames()[llvm::find(operands, out) -
                                                operands.begin()]
                << "'";
        },
        [&] { error << " and "; });
    return error << ", once";
  }
  return success();
}

//===----------------------------------------------------------------------===//
// The contract
//===----------------------------------------------------------------------===//

FailureOr<KernelFunction> mqa::verifyKernelFunction(func::FuncOp func) {
  if (failed(verifyKernelName(func)) || failed(verifyAttributes(func)))
    return failure();
  FailureOr<KernelFunction> kernel = getOps(func);
  if (failed(kernel) || failed(verifySignature(func, *kernel)) ||
      failed(verifyKernelOperands(*kernel)) ||
      failed(verifyKernelSymbols(func)))
    return failure();
  return kernel;
}

FailureOr<KernelFunction> mqa::getKernelFunction(func::FuncOp func) {
  ScopedDiagnosticHandler quiet(func.getContext(),
                                [](Diagnostic &) { return success(); });
  if (failed(verifyKernelName(func)) || failed(verifyAttributes(func)))
    return failure();
  FailureOr<KernelFunction> kernel = getOps(func);
  if (failed(kernel) || failed(verifySignature(func, *kernel)) ||
      failed(verifyKernelOperands(*kernel)))
    return failure();
  return kernel;
}

bool mqa::hasKernelBody(func::FuncOp func) {
  ScopedDiagnosticHandler quiet(func.getContext(),
                                [](Diagnostic &) { return success(); });
  return !func.isExternal() && succeeded(getOps(func));
}

/// Whether each name of `mqa.steps` is a function with the op that it stands
/// for.
static LogicalResult verifySteps(ModuleOp module) {
  auto steps = module->getAttrOfType<DictionaryAttr>(kStepsAttrName);
  if (!steps)
    return success();
  auto verify = [&](NamedAttribute entry, Attribute name, const char *ops,
                    auto isStep) -> LogicalResult {
    auto func = module.lookupSymbol<func::FuncOp>(cast<StringAttr>(name));
    if (func && !func.isExternal() && llvm::any_of(func.getOps(), isStep))
      return success();
    return module.emitError("attribute '")
           << kStepsAttrName << "' must name functions of the module: '"
           << entry.getName().getValue() << "' needs one with " << ops
           << ", and " << name << " is none";
  };
  for (NamedAttribute entry : steps) {
    auto names = cast<ArrayAttr>(entry.getValue());
    if (module.lookupSymbol(entry.getName()))
      return module.emitError("attribute '")
             << kStepsAttrName << "' has an entry '"
             << entry.getName().getValue()
             << "', which is the name of a function";
    if (failed(verify(entry, names[0], "mqa.logits or mqa.paged_logits",
                      llvm::IsaPred<LogitsOp, PagedLogitsOp>)) ||
        failed(verify(entry, names[1], "mqa.topk", llvm::IsaPred<TopkOp>)))
      return failure();
  }
  return success();
}

LogicalResult mqa::verifyKernelFunctions(ModuleOp module) {
  if (failed(verifySteps(module)))
    return failure();
  llvm::SetVector<func::FuncOp> funcs;
  WalkResult found = module.walk([&](KernelOpInterface op) {
    auto func = op->getParentOfType<FunctionOpInterface>();
    if (func && isa<func::FuncOp>(func) && func->getParentOp() == module) {
      funcs.insert(cast<func::FuncOp>(func));
      return WalkResult::advance();
    }
    Operation *where = func ? func : op->getParentOp();
    if (func && isa<func::FuncOp>(func))
      where = func->getParentOp();
    op->emitOpError("becomes a kernel in a func.func of the outermost "
                    "module, found it in a '")
        << where->getName() << "'";
    return WalkResult::interrupt();
  });
  if (found.wasInterrupted())
    return failure();
  LogicalResult result = success();
  for (func::FuncOp func : funcs)
    if (failed(verifyKernelFunction(func)))
      result = failure();
  return result;
}

namespace {
struct VerifyKernelFunctionsPass
    : mqa::impl::MQAVerifyKernelFunctionsPassBase<VerifyKernelFunctionsPass> {
  void runOnOperation() override {
    if (failed(verifyKernelFunctions(getOperation())))
      return signalPassFailure();
    markAllAnalysesPreserved();
  }
};
} // namespace
