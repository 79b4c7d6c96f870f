// RUN: mqa-compile %examples/logits.mlir --emit=mlir -o - | FileCheck %s --check-prefix=GPU
// RUN: mqa-compile %examples/logits.mlir --target=cpu --emit=mlir -o - | FileCheck %s --check-prefix=CPU

// GPU: gpu.module @kernels [#nvvm.target<O = 3, chip = "sm_90a", features = "+ptx86">]
// GPU: llvm.func @logits(
// GPU: llvm.func @logits_clean(
// The tiles of a task are arguments, which do not overlap: the entry point cuts them from the scratch.
// CPU: llvm.func internal @logits(
// CPU-SAME: %[[KEYS:[a-z0-9]+]]: !llvm.ptr {llvm.align = 64 : i64, llvm.noalias}
// CPU-NOT: llvm.alloca
// CPU-NOT: @malloc
// CPU: llvm.func @mqa_task_logits(%{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64, %{{.*}}: !llvm.ptr)
// CPU: llvm.getelementptr %{{.*}}[{{[1-9][0-9]+}}] : (!llvm.ptr) -> !llvm.ptr, i8
// CPU: llvm.func @mqa_task_logits_clean(
