//===- KernelBody.cpp - A function that becomes a kernel ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelBody.h"

using namespace mlir;
using namespace mlir::mqa;

MemRefType mqa::getGlobalType(MemRefType type) {
  SmallVector<int64_t> shape(type.getShape());
  llvm::replace(shape, int64_t(0), ShapedType::kDynamic);
  auto global =
      gpu::AddressSpaceAttr::get(type.getContext(), gpu::AddressSpace::Global);
  return MemRefType::get(shape, type.getElementType(), type.getLayout(),
                         global);
}

gpu::GPUFuncOp mqa::createKernel(RewriterBase &rewriter,
                                 gpu::GPUModuleOp module, func::FuncOp func,
                                 KernelFunction function, ScheduleAttr schedule,
                                 int64_t numThreads, ArrayRef<Type> moreTypes) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPointToEnd(module.getBody());
  SmallVector<Type> argTypes;
  for (Type type : func.getArgumentTypes()) {
    auto memref = dyn_cast<MemRefType>(type);
    argTypes.push_back(memref ? getGlobalType(memref) : type);
  }
  llvm::append_range(argTypes, moreTypes);
  auto kernel = gpu::GPUFuncOp::create(rewriter, func.getLoc(), func.getName(),
                                       rewriter.getFunctionType(argTypes, {}));
  kernel->setAttr(gpu::GPUDialect::getKernelFuncAttrName(),
                  rewriter.getUnitAttr());
  kernel.setKnownBlockSizeAttr(
      rewriter.getDenseI32ArrayAttr({static_cast<int32_t>(numThreads), 1, 1}));
  kernel->setAttr(
      KernelAttr::getAttrName(),
      KernelAttr::get(function.op, schedule, /*taskSizes=*/{}, function.topk));
  for (auto [value, name] : llvm::zip_equal(function.getDataOperands(),
                                            function.getDataOperandNames()))
    if (value)
      kernel.setArgAttr(cast<BlockArgument>(value).getArgNumber(),
                        OperandAttr::getAttrName(),
                        OperandAttr::get(name, value.getType()));
  if (Value numKeys = function.getNumKeysOperand())
    kernel.setArgAttr(cast<BlockArgument>(numKeys).getArgNumber(),
                      OperandAttr::getAttrName(),
                      OperandAttr::get("num_keys", numKeys.getType()));
  rewriter.setInsertionPointToEnd(&kernel.getBody().front());
  gpu::ReturnOp::create(rewriter, func.getLoc());
  return kernel;
}

/// The one that another pass has made for kernels, or a new one.
static gpu::GPUModuleOp getKernelModule(ModuleOp module) {
  StringRef name = gpu::GPUDialect::getContainerModuleAttrName();
  for (auto kernels : module.getOps<gpu::GPUModuleOp>())
    for (auto kernel : kernels.getOps<gpu::GPUFuncOp>())
      if (kernel->hasAttr(KernelAttr::getAttrName()))
        return kernels;
  OpBuilder detached(module.getContext());
  auto kernels = gpu::GPUModuleOp::create(detached, module.getLoc(), "kernels");
  // Gives it another name where something has that one.
  SymbolTable(module).insert(kernels, module.getBody()->begin());
  module->setAttr(name, detached.getUnitAttr());
  return kernels;
}

LogicalResult mqa::makeKernels(
    ModuleOp module, function_ref<bool(Operation *)> isOp,
    function_ref<LogicalResult(RewriterBase &, gpu::GPUModuleOp, func::FuncOp)>
        make) {
  SmallVector<func::FuncOp> funcs;
  for (auto func : module.getOps<func::FuncOp>())
    if (!func.isExternal() && func.walk([&](Operation *op) {
                                    return isOp(op) ? WalkResult::interrupt()
                                                    : WalkResult::advance();
                                  })
                                  .wasInterrupted())
      funcs.push_back(func);
  if (funcs.empty())
    return success();
  IRRewriter rewriter(module.getContext());
  gpu::GPUModuleOp kernels = getKernelModule(module);
  for (func::FuncOp func : funcs)
    if (failed(make(rewriter, kernels, func)))
      return failure();
  return success();
}
