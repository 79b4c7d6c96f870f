// What the loops of mqa.merge_topk compute, on planted lists.
// REQUIRES: plugin
// DEFINE: %{lower} = func.func(convert-mqa-topk-to-loops,canonicalize,arith-expand,convert-scf-to-cf),expand-strided-metadata,lower-affine,finalize-memref-to-llvm,convert-math-to-llvm,convert-arith-to-llvm,convert-cf-to-llvm,convert-func-to-llvm,reconcile-unrealized-casts
// RUN: mlir-opt %s --load-dialect-plugin=%plugin --load-pass-plugin=%plugin --pass-pipeline='builtin.module(%{lower})' | mlir-runner -e main --entry-point-result=void --shared-libs=%mlir_lib_dir/libmlir_runner_utils.so | FileCheck %s

func.func private @printMemrefI32(memref<*xi32>)
func.func private @printMemrefF32(memref<*xf32>)

func.func @print(%indices: memref<4x3xi32>, %values: memref<4x3xf32>) {
  %i = memref.cast %indices : memref<4x3xi32> to memref<*xi32>
  call @printMemrefI32(%i) : (memref<*xi32>) -> ()
  %v = memref.cast %values : memref<4x3xf32> to memref<*xf32>
  call @printMemrefF32(%v) : (memref<*xf32>) -> ()
  return
}

// Four lists of four rows: ties between lists and padding ahead of keys; a range of 3
// keys with NaN; a longer one with NaN in a part of few keys; no key.
memref.global "private" constant @lists : memref<4x4x3xi32> = dense<[
  [[6, -1, 2], [59, -1, -1], [30, 31, -1], [-1, -1, -1]],
  [[-1, 11, 10], [-1, 58, -1], [50, 49, 48], [-1, -1, -1]],
  [[20, 21, 22], [-1, -1, 57], [-1, -1, -1], [-1, -1, -1]],
  [[-1, -1, -1], [-1, -1, -1], [-7, 3, -2147483648], [-1, -1, -1]]]>
memref.global "private" constant @scores : memref<4x4x3xf32> = dense<[
  [[1.0, 9.0, 3.0], [-0.0, 9.0, 9.0], [0x7FC00000, -4.0, 9.0], [9.0, 9.0, 9.0]],
  [[9.0, 2.0, 3.0], [9.0, 0xFFC00000, 9.0], [0xFF800000, -5.0, -0.0], [9.0, 9.0, 9.0]],
  [[3.0, 3.0, 0.5], [9.0, 9.0, 7.0], [9.0, 9.0, 9.0], [9.0, 9.0, 9.0]],
  [[9.0, 9.0, 9.0], [9.0, 9.0, 9.0], [9.0, 0.0, 9.0], [9.0, 9.0, 9.0]]]>
memref.global "private" constant @ks : memref<4xi32> = dense<[-5, 57, 3, 5]>
memref.global "private" constant @ke : memref<4xi32> = dense<[100, 100, 60, 5]>

func.func @main() {
  %lists = memref.get_global @lists : memref<4x4x3xi32>
  %scores = memref.get_global @scores : memref<4x4x3xf32>
  %ks = memref.get_global @ks : memref<4xi32>
  %ke = memref.get_global @ke : memref<4xi32>
  %n = arith.constant 60 : index
  %i = memref.alloc() : memref<4x3xi32>
  %v = memref.alloc() : memref<4x3xf32>
  // The smallest of equal keys, keys ascend, counted from the range's first.
  // CHECK: data =
  // CHECK-NEXT: {{\[\[}}2,   10,   20],
  // CHECK-NEXT: [0,   2,   -1],
  // CHECK-NEXT: [0,   28,   45],
  // CHECK-NEXT: [-1,   -1,   -1]]
  // CHECK: data =
  // CHECK-NEXT: {{\[\[}}3,    3,    3],
  // CHECK-NEXT: [7,    -0,    -inf],
  // CHECK-NEXT: [0,    -4,    -0],
  // CHECK-NEXT: [-inf,    -inf,    -inf]]
  mqa.merge_topk ins(%lists, %scores, %ks, %ke : memref<4x4x3xi32>, memref<4x4x3xf32>, memref<4xi32>, memref<4xi32>) outs(%i, %v : memref<4x3xi32>, memref<4x3xf32>)
  call @print(%i, %v) : (memref<4x3xi32>, memref<4x3xf32>) -> ()
  // With 60 keys in all, the range of the second row has three: NaN is one of them.
  // CHECK: data =
  // CHECK-NEXT: {{\[\[}}21,   20,   10],
  // CHECK-NEXT: [57,   59,   58],
  // CHECK-NEXT: [48,   3,   31],
  // CHECK-NEXT: [-1,   -1,   -1]]
  // CHECK: data =
  // CHECK-NEXT: {{\[\[}}3,    3,    3],
  // CHECK-NEXT: [7,    -0,    {{-?}}nan],
  // CHECK-NEXT: [-0,    0,    -4],
  // CHECK-NEXT: [-inf,    -inf,    -inf]]
  mqa.merge_topk ins(%lists, %scores, %ks, %ke : memref<4x4x3xi32>, memref<4x4x3xf32>, memref<4xi32>, memref<4xi32>) num_keys(%n) outs(%i, %v : memref<4x3xi32>, memref<4x3xf32>) {base = #mqa.base<absolute>, order = #mqa.order<score>, tie_break = #mqa.tie_break<greatest>}
  call @print(%i, %v) : (memref<4x3xi32>, memref<4x3xf32>) -> ()
  return
}
