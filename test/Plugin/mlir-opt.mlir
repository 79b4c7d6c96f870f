// Debian's own mlir-opt, which knows nothing of this project.
// REQUIRES: plugin
// RUN: mlir-opt %s --load-dialect-plugin=%plugin | FileCheck %s --check-prefix=DIALECT
// RUN: mlir-opt %s --load-dialect-plugin=%plugin --load-pass-plugin=%plugin --pass-pipeline='builtin.module(mqa-attach-target,mqa-select-schedule,mqa-bufferize,canonicalize,mqa-tile-logits)' | FileCheck %s --check-prefix=TILED
// RUN: mlir-opt %s --load-dialect-plugin=%plugin --load-pass-plugin=%plugin --pass-pipeline='builtin.module(mqa-to-nvvm)' | FileCheck %s --check-prefix=NVVM
// RUN: mlir-opt %s --load-dialect-plugin=%plugin --load-pass-plugin=%plugin --pass-pipeline='builtin.module(mqa-to-cpu)' | FileCheck %s --check-prefix=CPU
// mqa-opt has all of it already, and two are no error.
// RUN: mqa-opt %s --load-dialect-plugin=%plugin --load-pass-plugin=%plugin --pass-pipeline='builtin.module(mqa-to-cpu)' | FileCheck %s --check-prefix=CPU

// DIALECT: mqa.logits ins(
// TILED: gpu.func @logits
// TILED: mqa.logits ins(
// NVVM: llvm.func @logits({{.*}}nvvm.kernel
// NVVM: wgmma.mma_async.sync.aligned
// CPU: llvm.func @logits(
func.func @logits(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}
