//===- PackMxTypes.cpp - Typed block-scaled operands as bytes and words ---===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PackMxMoves.h"

#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Func/Transforms/FuncConversions.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/SetVector.h"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQAPACKMXTYPESPASS
#include "mqa/Dialect/MQA/Transforms/Passes/MQAPackMxTypesPass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

//===----------------------------------------------------------------------===//
// Which functions
//===----------------------------------------------------------------------===//

static bool isPackable(Type type) {
  auto shaped = dyn_cast<ShapedType>(type);
  return shaped && mx::getPackedType(shaped);
}

static bool hasPackableTypes(func::FuncOp func) {
  return llvm::any_of(func.getArgumentTypes(), isPackable) ||
         llvm::any_of(func.getResultTypes(), isPackable);
}

namespace {
/// Functions with typed operands of our ops, and those that such values come
/// from or go to.
class TypedFunctions {
public:
  explicit TypedFunctions(ModuleOp module) : module(module) {}

  LogicalResult find();
  ArrayRef<func::FuncOp> get() const { return funcs.getArrayRef(); }
  /// Whether `call` is of one of them.
  bool contain(func::CallOp call) const { return calls.contains(call); }

private:
  LogicalResult findOps();
  void addCallees(func::FuncOp func);
  LogicalResult addCallers(func::FuncOp func);

  ModuleOp module;
  SymbolTableCollection symbols;
  llvm::SetVector<func::FuncOp> funcs;
  DenseSet<Operation *> calls;
};
} // namespace

LogicalResult TypedFunctions::findOps() {
  WalkResult result = module.walk([&](LogitsOpInterface op) {
    if (llvm::none_of(op->getOperandTypes(), isPackable))
      return WalkResult::advance();
    auto func = op->getParentOfType<FunctionOpInterface>();
    if (func && isa<func::FuncOp>(func)) {
      funcs.insert(cast<func::FuncOp>(func));
      return WalkResult::advance();
    }
    Operation *where = func ? func : op->getParentOp();
    op->emitOpError("with typed operands must be in a func.func, found it in "
                    "a '")
        << where->getName() << "'";
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

/// The body of a declared function is somewhere else, and stays as it is.
void TypedFunctions::addCallees(func::FuncOp func) {
  func.walk([&](func::CallOp call) {
    auto callee = symbols.lookupNearestSymbolFrom<func::FuncOp>(
        call, call.getCalleeAttr());
    if (!callee || callee.isExternal() || !hasPackableTypes(callee))
      return;
    funcs.insert(callee);
    calls.insert(call);
  });
}

LogicalResult TypedFunctions::addCallers(func::FuncOp func) {
  auto uses = SymbolTable::getSymbolUses(func, func->getParentOp());
  if (!hasPackableTypes(func) || !uses)
    return success();
  for (SymbolTable::SymbolUse use : *uses) {
    Operation *user = use.getUser();
    auto caller = user->getParentOfType<func::FuncOp>();
    if (!isa<func::CallOp>(user) || !caller)
      return user->emitOpError("refers to '")
             << func.getName()
             << "', whose typed arguments or results become bytes and words: "
                "only func.call in a func.func may";
    funcs.insert(caller);
  }
  return success();
}

LogicalResult TypedFunctions::find() {
  if (failed(findOps()))
    return failure();
  // More are added on the way.
  for (size_t i = 0; i < funcs.size(); ++i) {
    func::FuncOp func = funcs[i];
    addCallees(func);
    if (failed(addCallers(func)))
      return failure();
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Conversion
//===----------------------------------------------------------------------===//

namespace {
struct MxTypeConverter : TypeConverter {
  MxTypeConverter() {
    addConversion([](Type type) { return type; });
    addConversion([](ShapedType type) -> Type {
      ShapedType packed = mx::getPackedType(type);
      return packed ? packed : type;
    });
  }
};

/// Upstream's pattern leaves blocks alone that are not the first.
struct PackFunction : OpConversionPattern<func::FuncOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(func::FuncOp func, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    SmallVector<Type> arguments, results;
    if (failed(
            typeConverter->convertTypes(func.getArgumentTypes(), arguments)) ||
        failed(typeConverter->convertTypes(func.getResultTypes(), results)) ||
        failed(rewriter.convertRegionTypes(&func.getBody(), *typeConverter)))
      return failure();
    rewriter.modifyOpInPlace(func, [&] {
      func.setFunctionType(rewriter.getFunctionType(arguments, results));
    });
    return success();
  }
};

struct PackLogits : OpInterfaceConversionPattern<LogitsOpInterface> {
  using OpInterfaceConversionPattern::OpInterfaceConversionPattern;

  LogicalResult
  matchAndRewrite(LogitsOpInterface op, ArrayRef<Value> operands,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.modifyOpInPlace(op, [&] { op->setOperands(operands); });
    return success();
  }
};
} // namespace

/// An op that nobody knows how to pack has a typed value that is packed
/// elsewhere.
static LogicalResult reportUnpacked(func::FuncOp func) {
  WalkResult result = func.walk([&](UnrealizedConversionCastOp cast) {
    if (cast.getNumOperands() != 1 || cast.getNumResults() != 1)
      return WalkResult::advance();
    Value from = cast.getOperand(0), to = cast.getResult(0);
    auto fromType = dyn_cast<ShapedType>(from.getType()),
         toType = dyn_cast<ShapedType>(to.getType());
    if (!fromType || !toType)
      return WalkResult::advance();
    Operation *op = nullptr;
    Type typed;
    if (mx::getPackedType(fromType) == toType) {
      op = from.getDefiningOp();
      if (!op)
        op = from.getParentBlock()->getParentOp();
      typed = fromType;
    } else if (mx::getPackedType(toType) == fromType) {
      op = to.use_empty() ? nullptr : *to.user_begin();
      typed = toType;
    }
    if (!op)
      return WalkResult::advance();
    op->emitOpError("has a value of type ")
        << typed
        << " of an operand with block scales: only functions with a body, "
           "their calls, control flow, and casts, copies, reshapes and slices "
           "of whole bytes and words may have it";
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

namespace {
struct PackMxTypesPass : mqa::impl::MQAPackMxTypesPassBase<PackMxTypesPass> {
  void runOnOperation() override {
    TypedFunctions funcs(getOperation());
    if (failed(funcs.find()))
      return signalPassFailure();
    if (funcs.get().empty())
      return markAllAnalysesPreserved();

    MLIRContext *context = &getContext();
    MxTypeConverter converter;
    RewritePatternSet patterns(context);
    ConversionTarget target(*context);
    scf::populateSCFStructuralTypeConversionsAndLegality(converter, patterns,
                                                         target);
    populateCallOpTypeConversionPattern(patterns, converter);
    populateReturnOpTypeConversionPattern(patterns, converter);
    populateBranchOpInterfaceTypeConversionPattern(patterns, converter);
    patterns.add<PackFunction, PackLogits>(converter, context);
    populatePackMxMoves(patterns, converter);

    target.markUnknownOpDynamicallyLegal([&](Operation *op) {
      if (auto func = dyn_cast<func::FuncOp>(op))
        return converter.isSignatureLegal(func.getFunctionType()) &&
               converter.isLegal(&func.getBody());
      if (auto call = dyn_cast<func::CallOp>(op))
        return converter.isLegal(op) || !funcs.contain(call);
      if (isa<BranchOpInterface>(op))
        return isLegalForBranchOpInterfaceTypeConversionPattern(op, converter);
      if (isa<LogitsOpInterface, func::ReturnOp>(op))
        return converter.isLegal(op);
      return converter.isLegal(op) || !isPackableMove(op);
    });

    // What is left of casts is reported by the ops around them.
    ConversionConfig config;
    config.buildMaterializations = false;
    SmallVector<Operation *> ops(funcs.get().begin(), funcs.get().end());
    if (failed(
            applyPartialConversion(ops, target, std::move(patterns), config)))
      return signalPassFailure();
    for (func::FuncOp func : funcs.get())
      if (failed(reportUnpacked(func)))
        return signalPassFailure();
  }
};
} // namespace
