//===- VerifyKernelFunctions.cpp - What a kernel function must be ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one place that knows the contract of kernel functions. What it lets pass
// has a kernel for every target; nothing that it reads is lost on the way.
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/Target.h"
#include "mqa/Dialect/MQA/Transforms/KernelFunctions.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/TargetParser/Triple.h"

#include <limits>

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQAVERIFYKERNELFUNCTIONSPASS
#include "mqa/Dialect/MQA/Transforms/Passes/MQAVerifyKernelFunctionsPass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

/// What the compiler puts before a kernel's name to make symbols of its own.
static constexpr StringLiteral kOwnPrefixes[] = {"mqa_task_", "_mlir_ciface_"};

/// Whether the C library has a function of that name. Code for a CPU may call
/// it, and would reach the kernel.
static bool isLibraryFunction(StringRef name) {
  static const llvm::TargetLibraryInfoImpl library(
      llvm::Triple("x86_64-unknown-linux-gnu"));
  llvm::LibFunc function;
  return library.getLibFunc(name, function);
}

/// The name of a kernel is a symbol of PTX and of an ELF object. Names that
/// begin with '_' are those of compilers, linkers and C libraries, and labels
/// of PTX begin with '$'.
static LogicalResult verifyName(func::FuncOp func) {
  StringRef name = func.getName();
  auto emitNameError = [&]() -> InFlightDiagnostic {
    std::string escaped;
    llvm::raw_string_ostream os(escaped);
    llvm::printEscapedString(name, os);
    return func.emitError("kernel name '") << escaped << "' ";
  };
  auto isInner = [](char c) {
    return llvm::isAlnum(c) || c == '_' || c == '$';
  };
  if (name.empty() || !llvm::isAlpha(name.front()) ||
      !llvm::all_of(name, isInner))
    return emitNameError()
           << "must be a letter followed by letters, digits, '_' and '$'";
  for (StringRef prefix : kOwnPrefixes)
    if (name.starts_with(prefix))
      return emitNameError() << "must not begin with '" << prefix
                             << "', which the compiler uses";
  // A buffer of every kernel for a GPU, and a constant of PTX.
  if (name == "mqa_dynamic_shared_memory" || name == "WARP_SZ")
    return emitNameError() << "is a symbol of the compiler or of PTX";
  if (isLibraryFunction(name))
    return emitNameError() << "is a function of the C library";
  return success();
}

LogicalResult mqa::verifyNobodyRefersTo(func::FuncOp func) {
  auto module = func->getParentOfType<ModuleOp>();
  std::optional<SymbolTable::UseRange> uses =
      SymbolTable::getSymbolUses(func, module);
  // Nobody knows the uses that an op of an unknown dialect makes of symbols.
  if (!uses)
    return func.emitError("kernel function '")
           << func.getName()
           << "' stands beside an op of an unknown dialect with a region, "
              "which may refer to it";
  if (uses->empty())
    return success();
  return uses->begin()->getUser()->emitError("refers to kernel function '")
         << func.getName() << "', which only the runtime can launch";
}

/// Nobody calls `func`, and nothing has a name that is made of its.
static LogicalResult verifySymbols(func::FuncOp func) {
  auto module = func->getParentOfType<ModuleOp>();
  for (StringRef prefix : kOwnPrefixes)
    if (Operation *other = module.lookupSymbol((prefix + func.getName()).str()))
      return other->emitError("symbol '")
             << prefix << func.getName()
             << "' has the name that the compiler makes for kernel function '"
             << func.getName() << "'";
  // PTX has such a name for each parameter.
  StringRef owner = func.getName().rtrim("0123456789");
  if (owner != func.getName() && owner.consume_back("_param_") &&
      module.lookupSymbol<func::FuncOp>(owner))
    return func.emitError("kernel name '")
           << func.getName() << "' is that of a parameter of kernel '" << owner
           << "'";
  return verifyNobodyRefersTo(func);
}

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
// The operands
//===----------------------------------------------------------------------===//

/// A launch has the address of the first element, and strides of its own, from
/// row to row and from scale to scale. A type that knows better could not be
/// held against it.
static LogicalResult verifyLayout(Operation *op, StringRef name,
                                  MemRefType type) {
  if (type.getMemorySpace())
    return op->emitOpError()
           << "operand '" << name
           << "' of a kernel must lie in the default memory space, found "
           << type.getMemorySpace();
  auto [strides, offset] = type.getStridesAndOffset();
  if (offset != 0 && !ShapedType::isDynamic(offset))
    return op->emitOpError()
           << "operand '" << name
           << "' of a kernel must have the offset 0 or a dynamic one ('?'), "
              "found "
           << offset;
  int64_t row = 1;
  for (int64_t size : type.getShape().drop_front())
    row = ShapedType::isDynamic(size) ? size : row * size;
  if (strides[0] == row || ShapedType::isDynamic(strides[0]))
    return success();
  InFlightDiagnostic error = op->emitOpError();
  error << "operand '" << name
        << "' of a kernel must be contiguous or have a dynamic stride ('?') in "
           "dimension 0, found "
        << strides[0];
  if (!ShapedType::isDynamic(row))
    error << " where " << row << " is contiguous";
  return error;
}

/// The runtime counts with 32 bits, and kernels step past the last key by at
/// most one stage.
static constexpr int64_t kMaxSize =
    std::numeric_limits<int32_t>::max() - int64_t(1024);

static LogicalResult verifySizes(Operation *op, StringRef name,
                                 ShapedType type) {
  for (auto [dim, size] : llvm::enumerate(type.getShape()))
    if (size > kMaxSize)
      return op->emitOpError()
             << "dimension " << dim << " of '" << name << "' must be at most "
             << kMaxSize << " in a kernel, found " << size;
  return success();
}

/// Of blocks of keys, a launch says how many there are; columns follow.
static LogicalResult verifyColumns(LogitsOp op) {
  if (!op || !op.hasKeyBlocks())
    return success();
  int64_t columns = op.getOutType().getDimSize(1);
  int64_t blocks = cast<ShapedType>(op.getKeyBlocks().getType()).getDimSize(1);
  int64_t size = op.getBlockKv();
  bool isWhole = ShapedType::isDynamic(columns) ||
                 (ShapedType::isDynamic(blocks) ? columns % size == 0
                                                : columns == blocks * size);
  if (!isWhole)
    return op.emitOpError()
           << "dimension 1 of 'out' of a kernel must be " << size
           << " columns for each of a row's blocks, found " << columns;
  if (blocks > kMaxSize / size)
    return op.emitOpError()
           << "dimension 1 of 'key_blocks' must be at most " << kMaxSize / size
           << " in a kernel, found " << blocks;
  return success();
}

static LogicalResult verifyTypes(KernelFunction kernel) {
  if (failed(verifyColumns(dyn_cast<LogitsOp>(*kernel.op))))
    return failure();
  for (auto [value, name] : llvm::zip_equal(kernel.getDataOperands(),
                                            kernel.getDataOperandNames())) {
    if (!value)
      continue;
    Operation *op = kernel.getOwner(name);
    if (failed(verifySizes(op, name, cast<ShapedType>(value.getType()))))
      return failure();
    if (auto memref = dyn_cast<MemRefType>(value.getType()))
      if (failed(verifyLayout(op, name, memref)))
        return failure();
  }
  if (TopkOp topk = kernel.topk)
    return verifySizes(topk, "logits",
                       cast<ShapedType>(topk.getLogits().getType()));
  return success();
}

//===----------------------------------------------------------------------===//
// The contract
//===----------------------------------------------------------------------===//

FailureOr<KernelFunction> mqa::verifyKernelFunction(func::FuncOp func) {
  if (failed(verifyName(func)) || failed(verifyAttributes(func)))
    return failure();
  FailureOr<KernelFunction> kernel = getOps(func);
  if (failed(kernel) || failed(verifySignature(func, *kernel)) ||
      failed(verifyTypes(*kernel)) || failed(verifySymbols(func)))
    return failure();
  return kernel;
}

FailureOr<KernelFunction> mqa::getKernelFunction(func::FuncOp func) {
  ScopedDiagnosticHandler quiet(func.getContext(),
                                [](Diagnostic &) { return success(); });
  if (failed(verifyName(func)) || failed(verifyAttributes(func)))
    return failure();
  FailureOr<KernelFunction> kernel = getOps(func);
  if (failed(kernel) || failed(verifySignature(func, *kernel)) ||
      failed(verifyTypes(*kernel)))
    return failure();
  return kernel;
}

bool mqa::hasKernelBody(func::FuncOp func) {
  ScopedDiagnosticHandler quiet(func.getContext(),
                                [](Diagnostic &) { return success(); });
  return !func.isExternal() && succeeded(getOps(func));
}

LogicalResult mqa::verifyKernelFunctions(ModuleOp module) {
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
