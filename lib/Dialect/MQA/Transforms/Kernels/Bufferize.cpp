//===- Bufferize.cpp - One-Shot Bufferize with strided rows ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/IR/Target.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotModuleBufferize.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/CallInterfaces.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/Support/DebugLog.h"

#define DEBUG_TYPE "mqa-bufferize"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQABUFFERIZEPASS
#include "mqa/Dialect/MQA/Transforms/Passes/MQABufferizePass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::bufferization;

/// A memref like `tensor` whose rows (everything behind dimension 0) are
/// contiguous, at any stride from each other and at any offset.
static BufferLikeType getStridedRowsType(TensorLikeType tensor,
                                         Attribute memorySpace) {
  auto type = dyn_cast<RankedTensorType>(tensor);
  if (!type)
    return cast<BufferLikeType>(Type(UnrankedMemRefType::get(
        cast<TensorType>(tensor).getElementType(), memorySpace)));
  SmallVector<int64_t> strides(type.getRank(), 1);
  for (int64_t i = type.getRank() - 2; i >= 0; --i) {
    int64_t inner = type.getDimSize(i + 1);
    bool known = i > 0 && !ShapedType::isDynamic(inner) &&
                 !ShapedType::isDynamic(strides[i + 1]);
    strides[i] = known ? strides[i + 1] * inner : ShapedType::kDynamic;
  }
  auto layout =
      StridedLayoutAttr::get(type.getContext(), ShapedType::kDynamic, strides);
  return cast<BufferLikeType>(Type(MemRefType::get(
      type.getShape(), type.getElementType(), layout, memorySpace)));
}

/// `type` with any strides of its first `numStrided` dimensions, but never of
/// its elements, at any offset, and with any number of elements where it has
/// none. One element to a row stays as it is: whether
/// scales are contiguous is the caller's to say.
static MemRefType relaxType(MemRefType type, int64_t numStrided) {
  auto [strides, offset] = type.getStridesAndOffset();
  for (int64_t i = 0; i < std::min(numStrided, type.getRank() - 1); ++i)
    strides[i] = ShapedType::kDynamic;
  SmallVector<int64_t> shape(type.getShape());
  llvm::replace(shape, int64_t(0), ShapedType::kDynamic);
  return MemRefType::get(
      shape, type.getElementType(),
      StridedLayoutAttr::get(type.getContext(), ShapedType::kDynamic, strides),
      type.getMemorySpace());
}

/// Relaxes the types of those arguments of `func` that only ops of ours use, or
/// ask for sizes of. A launch says how far rows are apart, whatever the type of
/// the argument says; and the levels below have no code for no element.
static void relaxArguments(func::FuncOp func) {
  auto isOurs = llvm::IsaPred<mqa::KernelOpInterface>;
  for (BlockArgument argument : func.getArguments()) {
    auto type = dyn_cast<MemRefType>(argument.getType());
    if (!type || !type.isStrided() ||
        llvm::none_of(argument.getUsers(), isOurs))
      continue;
    if (llvm::all_of(argument.getUsers(), [&](Operation *user) {
          return isOurs(user) || isa<func::ReturnOp, memref::DimOp>(user);
        })) {
      // Lists to merge are strided by rows too, from list to list or back.
      argument.setType(
          relaxType(type, llvm::any_of(argument.getUsers(),
                                       llvm::IsaPred<mqa::MergeTopkOp>)
                              ? 2
                              : 1));
      LDBG() << "argument #" << argument.getArgNumber() << " of "
             << func.getName() << ": " << type << " becomes "
             << argument.getType();
    }
  }
  Block &body = func.getBody().front();
  func.setFunctionType(
      FunctionType::get(func.getContext(), body.getArgumentTypes(),
                        body.getTerminator()->getOperandTypes()));
}

/// A static size of zero of logits that are not stored becomes a dynamic one,
/// as that of arguments does.
static void relaxUnstoredLogits(func::FuncOp func) {
  SmallVector<mqa::UnstoredLogitsOp> ops;
  func.walk([&](mqa::UnstoredLogitsOp op) { ops.push_back(op); });
  IRRewriter rewriter(func.getContext());
  for (mqa::UnstoredLogitsOp op : ops) {
    auto type = dyn_cast<MemRefType>(op.getType());
    if (!type || !llvm::is_contained(type.getShape(), 0))
      continue;
    rewriter.setInsertionPoint(op);
    SmallVector<int64_t> shape(type.getShape());
    llvm::replace(shape, int64_t(0), ShapedType::kDynamic);
    SmallVector<Value> sizes;
    for (auto [size, relaxed] : llvm::zip_equal(op.getMixedSizes(), shape))
      if (ShapedType::isDynamic(relaxed))
        sizes.push_back(
            getValueOrCreateConstantIndexOp(rewriter, op.getLoc(), size));
    rewriter.replaceOpWithNewOp<mqa::UnstoredLogitsOp>(
        op, MemRefType::get(shape, type.getElementType()), sizes);
  }
}

namespace {
struct BufferizePass : mqa::impl::MQABufferizePassBase<BufferizePass> {
  void runOnOperation() override {
    OneShotBufferizationOptions options;
    options.bufferizeFunctionBoundaries = true;
    // Where a caller has something else, upstream allocates a memref of the
    // type of the argument, of which the strides must be known.
    llvm::SmallDenseSet<StringRef> called;
    getOperation().walk([&](CallOpInterface call) {
      if (auto callee = dyn_cast<SymbolRefAttr>(call.getCallableForCallee()))
        called.insert(callee.getLeafReference());
    });
    options.functionArgTypeConverterFn =
        [&](TensorLikeType tensor, Attribute memorySpace, func::FuncOp func,
            const BufferizationOptions &) {
          auto ranked = dyn_cast<RankedTensorType>(tensor);
          if (!ranked || !called.contains(func.getName()))
            return getStridedRowsType(tensor, memorySpace);
          return cast<BufferLikeType>(
              Type(getMemRefTypeWithStaticIdentityLayout(ranked, memorySpace)));
        };
    options.inferFunctionResultLayout = true;
    BufferizationState state;
    if (failed(runOneShotModuleBufferize(getOperation(), options, state)))
      return signalPassFailure();
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (!func.isExternal() && func.getBody().hasOneBlock() &&
          isa<func::ReturnOp>(func.getBody().front().getTerminator()) &&
          SymbolTable::symbolKnownUseEmpty(func, getOperation())) {
        relaxArguments(func);
        relaxUnstoredLogits(func);
      }
  }
};
} // namespace
