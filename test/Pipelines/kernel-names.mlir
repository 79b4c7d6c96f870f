// Names that kernels may have, among them one that the compiler gives to its own
// module of kernels.
// RUN: mqa-opt %s --mqa-to-nvvm | FileCheck %s
// RUN: mqa-opt %s --mqa-to-cpu | FileCheck %s --check-prefix=CPU
// RUN: mqa-compile %s --emit=ptx | FileCheck %s --check-prefix=PTX
// RUN: mqa-compile %s --target=cpu -o %t.mqa
// RUN: mqa-run %t.mqa --seq-len=9 --seq-len-kv=40 --verify
// RUN: mqa-compile %s -o %t.mqa

// CHECK: gpu.module @kernels_0
// CHECK: llvm.func @kernels(
// CHECK: llvm.func @main(
// CPU: llvm.func @kernels(
// CPU: llvm.func @main(
// PTX: .entry kernels(
// PTX: .entry main(
// PTX: .entry other_param_0(
// PTX: .entry a$b_1(
func.func @kernels(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// Attributes that mean nothing here, and visibility, are no matter.
func.func private @main(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16> {jax.result_info = "k"}, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> (tensor<?x?xf32> {jax.result_info = ""}) {
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

func.func @other_param_0(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>) -> memref<?x?xf32> {
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return %out : memref<?x?xf32>
}

func.func @a$b_1(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}
