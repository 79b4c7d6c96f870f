// A kernel that does not count its shared variables, as text that is not gpu.func's
// own may leave that out.
// RUN: mqa-opt %s --mlir-print-op-generic | sed -e 's/, workgroup_attributions = 0 : i64//' > %t.mlir
// RUN: FileCheck %s --check-prefix=UNCOUNTED --input-file=%t.mlir
// RUN: mqa-opt %t.mlir --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-expand-fit-queries)))' | FileCheck %s
// UNCOUNTED-NOT: workgroup_attributions

#at_1x1x4x16x1x32 = #mqa.staged<shape = [1, 1, 4, 16, 1, 32], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
gpu.module @kernels {
  // CHECK: gpu.func @fit({{.*}}) workgroup(
  gpu.func @fit(%q: memref<4x16x32xf8E4M3FN, #at_1x1x4x16x1x32, #smem>, %w: memref<4x16xf32, #smem>, %thread: index, %threads: index, %out: memref<f32>) kernel {
    %f = mqa.fit_queries %q, %w threads %thread of %threads : memref<4x16x32xf8E4M3FN, #at_1x1x4x16x1x32, #smem>, memref<4x16xf32, #smem> -> memref<2x4xf32, #smem>
    %i = arith.constant 0 : index
    %v = memref.load %f[%i, %i] : memref<2x4xf32, #smem>
    memref.store %v, %out[] : memref<f32>
    gpu.return
  }
}
