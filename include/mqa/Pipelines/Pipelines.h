//===- Pipelines.h - Programs, and the two ways down
//--------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_PIPELINES_PIPELINES_H
#define MQA_PIPELINES_PIPELINES_H

#include "mqa/Dialect/MQA/IR/Target.h"

#include "mlir/Pass/PassOptions.h"
#include "llvm/ADT/ArrayRef.h"

namespace mlir {
class OpPassManager;

namespace mqa {

struct ToNVVMPipelineOptions
    : public PassPipelineOptions<ToNVVMPipelineOptions> {
  PassOptions::Option<std::string> schedule{
      *this, "schedule",
      llvm::cl::desc(
          "The schedule of every op that has none: 'exact' (default) or "
          "'fast' of the table, or for instance 'block_q = 8, block_kv = 256, "
          "tile_kv = 128, stages = 2'")};
  PassOptions::Option<std::string> chip{
      *this, "chip", llvm::cl::desc("The chip that kernels are made for"),
      llvm::cl::init(kDefaultChip.str())};
};

/// From `mqa.logits` on tensors or memrefs to kernels of registers, mbarriers
/// and TMA loads (levels 1 to 6): the last level whose kernel signature still
/// says how to launch it.
void buildToFragmentsPipeline(OpPassManager &pm,
                              const ToNVVMPipelineOptions &options);

/// From there to kernels in the NVVM and LLVM dialects (level 7).
void buildFragmentsToNVVMPipeline(OpPassManager &pm);

struct ToCPUPipelineOptions : public PassPipelineOptions<ToCPUPipelineOptions> {
  PassOptions::Option<std::string> features{
      *this, "features",
      llvm::cl::desc("The processor's instruction sets by LLVM's names, "
                     "separated by ',' (default: what every CPU has)")};
  PassOptions::ListOption<int64_t> taskSizes{
      *this, "task-sizes",
      llvm::cl::desc("Queries and keys of a task (default 16,128; 16,1024 with "
                     "AMX, 16,256 with another matrix unit)")};
  PassOptions::ListOption<int64_t> registerTile{
      *this, "register-tile",
      llvm::cl::desc("Rows and columns of the accumulator that stays in vector "
                     "registers (default 4,32)")};
};

/// From `mqa.logits` to functions of one task each in the linalg, vector and
/// scf dialects on memrefs.
void buildToTasksPipeline(OpPassManager &pm,
                          const ToCPUPipelineOptions &options);

/// From there to the LLVM dialect.
void buildTasksToLLVMPipeline(OpPassManager &pm);

/// From a program of ops of ours among ops of upstream, on tensors or memrefs,
/// to a host program on memrefs and the kernels that it launches
/// (`mqa-outline-kernels`). Tensors at the boundaries of functions become
/// contiguous memrefs. Nothing frees the memory that tensors become.
void buildSplitProgramPipeline(OpPassManager &pm);

/// Registers `--mqa-to-nvvm`, `--mqa-to-cpu` and `--mqa-split-program`.
void registerPipelines();

} // namespace mqa
} // namespace mlir

#endif // MQA_PIPELINES_PIPELINES_H
