//===- Pipelines.cpp - Programs, and the two ways down
//----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Pipelines/Pipelines.h"

#include "mqa/Conversion/Passes.h"
#include "mqa/Dialect/MQA/Transforms/Passes.h"

#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVMPass.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/NVVMToLLVM/NVVMToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Conversion/VectorToSCF/VectorToSCF.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/GPU/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::mqa;

void mqa::buildToFragmentsPipeline(OpPassManager &pm,
                                   const ToNVVMPipelineOptions &options) {
  pm.addPass(createMQAPackMxTypesPass());
  pm.addPass(createMQAFuseTopkPass());
  pm.addPass(createMQAVerifyKernelFunctionsPass());
  // The chip's limits are what schedules are chosen by.
  MQAAttachTargetPassOptions target;
  target.chip = options.chip;
  pm.addPass(createMQAAttachTargetPass(target));
  pm.addPass(createMQASplitTopkPass());
  // Level 1 to 2: decide all sizes, then leave tensors.
  MQASelectSchedulePassOptions scheduleOptions;
  scheduleOptions.schedule = options.schedule;
  pm.addPass(createMQASelectSchedulePass(scheduleOptions));
  pm.addPass(createMQABufferizePass());
  pm.addPass(createCanonicalizerPass());
  // Level 3.
  pm.addPass(createMQATileLogitsPass());
  pm.addPass(createMQATileTopkPass());
  OpPassManager &kernel = pm.nest<gpu::GPUModuleOp>().nest<gpu::GPUFuncOp>();
  kernel.addPass(createCSEPass());
  // Level 4.
  kernel.addPass(createMQAStageTilesPass());
  kernel.addPass(createMQASpecializeWarpsPass());
  kernel.addPass(createMQAPrefetchBlockIdsPass());
  kernel.addPass(createCanonicalizerPass());
  // Level 5.
  kernel.addPass(createMQAVectorizeTilesPass());
  // Level 6. Releases are hoisted when the reads are where they will stay.
  kernel.addPass(createMQADistributeVectorsPass());
  kernel.addPass(createMQATightenSlotsPass());
  kernel.addPass(createMQAExpandRowOpsPass());
  kernel.addPass(createMQAExpandDecodeQueriesPass());
  kernel.addPass(createMQAExpandFitQueriesPass());
  kernel.addPass(createMQAExpandPermuteQueriesPass());
  kernel.addPass(createMQAExpandTileSharePass());
  kernel.addPass(createMQAExpandCandidatesPass());
  kernel.addPass(createMQAExpandPutsPass());
  pm.addPass(createMQALowerRingsPass());
  OpPassManager &lowered = pm.nest<gpu::GPUModuleOp>().nest<gpu::GPUFuncOp>();
  lowered.addPass(createMQALowerLayoutsPass());
  lowered.addPass(createMQAOverlapLaunchesPass());
  lowered.addPass(createCanonicalizerPass());
  lowered.addPass(createCSEPass());
}

void mqa::buildFragmentsToNVVMPipeline(OpPassManager &pm) {
  OpPassManager &module = pm.nest<gpu::GPUModuleOp>();
  // What convert-mqa-to-nvvm expects: views as pointers and offsets, no affine
  // arithmetic, no structured control flow.
  module.addPass(memref::createExpandStridedMetadataPass());
  module.addPass(createLowerAffinePass());
  module.addPass(createSCFToControlFlowPass());
  module.addPass(createCanonicalizerPass());
  module.addPass(createConvertMQAToNVVMPass());
  module.addPass(createConvertNVVMToLLVMPass());
  module.addPass(createReconcileUnrealizedCastsPass());
  module.addPass(createCSEPass());
}

void mqa::buildToTasksPipeline(OpPassManager &pm,
                               const ToCPUPipelineOptions &options) {
  pm.addPass(createMQAPackMxTypesPass());
  pm.addPass(createMQAFuseTopkPass());
  pm.addPass(createMQAVerifyKernelFunctionsPass());
  MQAAttachTargetPassOptions target;
  target.chip = kCpu.str();
  target.features = options.features;
  pm.addPass(createMQAAttachTargetPass(target));
  pm.addPass(createMQABufferizePass());
  pm.addPass(createCanonicalizerPass());
  MQATileTasksPassOptions tasks;
  tasks.tileSizes.assign(options.taskSizes.begin(), options.taskSizes.end());
  pm.addNestedPass<func::FuncOp>(createMQATileTasksPass(tasks));
  pm.addPass(createMQAOutlineTasksPass());
  OpPassManager &func = pm.nest<func::FuncOp>();
  func.addPass(createCanonicalizerPass());
  // Of a fused pair, this makes the tiles of logits that the next one takes.
  func.addPass(createConvertMQATopkToLoopsPass());
  func.addPass(createConvertMQAToLinalgPass());
  func.addPass(createCanonicalizerPass());
  func.addPass(createMQAUseMatrixUnitPass());
  MQAVectorizeLinalgPassOptions vectors;
  vectors.registerTile.assign(options.registerTile.begin(),
                              options.registerTile.end());
  func.addPass(createMQAVectorizeLinalgPass(vectors));
  func.addPass(createCanonicalizerPass());
  func.addPass(createCSEPass());
}

void mqa::buildTasksToLLVMPipeline(OpPassManager &pm) {
  OpPassManager &func = pm.nest<func::FuncOp>();
  // What has no static shape stays scalar here; LLVM vectorizes its loops.
  func.addPass(createConvertLinalgToLoopsPass());
  func.addPass(createMQAExpandFp8Pass());
  func.addPass(createMQAExpandF16Pass());
  // LLVM rounds to bf16 by a function that a task's object does not have.
  arith::ArithExpandOpsPassOptions expand;
  expand.includeBf16 = true;
  func.addPass(arith::createArithExpandOpsPass(expand));
  func.addPass(createConvertVectorToSCFPass(
      VectorTransferToSCFOptions().enableFullUnroll()));
  func.addPass(memref::createExpandStridedMetadataPass());
  func.addPass(createLowerAffinePass());
  func.addPass(createSCFToControlFlowPass());
  func.addPass(createCanonicalizerPass());
  func.addPass(createCSEPass());
  ConvertVectorToLLVMPassOptions vectors;
  vectors.amx = vectors.x86Vector = true;
  pm.addPass(createConvertVectorToLLVMPass(vectors));
  pm.addPass(createFinalizeMemRefToLLVMConversionPass());
  pm.addPass(createConvertMathToLLVMPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createConvertFuncToLLVMPass());
  pm.addPass(createUBToLLVMConversionPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
}

void mqa::buildSplitProgramPipeline(OpPassManager &pm) {
  pm.addPass(createMQAPackMxTypesPass());
  pm.addPass(createMQALocalizeBoundsPass());
  // Operands that are the same become the same value, and logits that one op
  // alone reads are not stored.
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createMQAFuseTopkPass());
  bufferization::OneShotBufferizePassOptions bufferize;
  bufferize.bufferizeFunctionBoundaries = true;
  bufferize.functionBoundaryTypeConversion =
      bufferization::LayoutMapOption::IdentityLayoutMap;
  pm.addPass(bufferization::createOneShotBufferizePass(bufferize));
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createMQAOutlineKernelsPass());
}

void mqa::registerPipelines() {
  PassPipelineRegistration<>(
      "mqa-split-program",
      "A program of ops of mqa among others to a host program on memrefs and "
      "the kernels that it launches",
      buildSplitProgramPipeline);
  PassPipelineRegistration<ToNVVMPipelineOptions>(
      "mqa-to-nvvm",
      "mqa.logits, mqa.paged_logits, mqa.topk and mqa.merge_topk to GPU "
      "kernels in the NVVM dialect, level by level",
      [](OpPassManager &pm, const ToNVVMPipelineOptions &options) {
        buildToFragmentsPipeline(pm, options);
        buildFragmentsToNVVMPipeline(pm);
      });
  PassPipelineRegistration<ToCPUPipelineOptions>(
      "mqa-to-cpu",
      "mqa.logits, mqa.paged_logits, mqa.topk and mqa.merge_topk to task "
      "functions in the LLVM dialect",
      [](OpPassManager &pm, const ToCPUPipelineOptions &options) {
        buildToTasksPipeline(pm, options);
        buildTasksToLLVMPipeline(pm);
      });
}
