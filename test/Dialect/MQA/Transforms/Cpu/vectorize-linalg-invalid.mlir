// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(mqa-vectorize-linalg))' --verify-diagnostics

// A sum over nothing but what is there, and two results.
func.func @no_inputs(%a: memref<4x4xf32>, %b: memref<4xf32>) {
  // expected-error@+1 {{cannot be vectorized}}
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]} outs(%a, %b : memref<4x4xf32>, memref<4xf32>) {
  ^bb0(%x: f32, %y: f32):
    %0 = arith.addf %x, %y : f32
    linalg.yield %x, %0 : f32, f32
  }
  return
}
