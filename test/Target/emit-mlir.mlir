// RUN: mqa-compile %examples/logits.mlir --emit=mlir -o - | FileCheck %s --check-prefix=GPU
// RUN: mqa-compile %examples/logits.mlir --target=cpu --emit=mlir -o - | FileCheck %s --check-prefix=CPU

// GPU: gpu.module @kernels [#nvvm.target<O = 3, chip = "sm_90a", features = "+ptx86">]
// GPU: llvm.func @logits(
// GPU: llvm.func @logits_clean(
// CPU: llvm.func @logits(
// CPU: llvm.func @mqa_task_logits(%{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64)
// CPU: llvm.func @mqa_task_logits_clean(
