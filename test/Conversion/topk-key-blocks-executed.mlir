// mqa.topk of columns of blocks of 8 keys, executed: ranges that begin and end inside of a block, numbers of no block,
// blocks on either side of the range, lists without a block, and a range of at most k = 6 keys. 60 keys.
// DEFINE: %{lower} = func.func(convert-linalg-to-loops,lower-affine,convert-scf-to-cf),expand-strided-metadata,lower-affine,finalize-memref-to-llvm,convert-math-to-llvm,convert-arith-to-llvm,convert-cf-to-llvm,convert-func-to-llvm,convert-ub-to-llvm,reconcile-unrealized-casts
// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(convert-mqa-topk-to-loops,canonicalize))' | mlir-opt --pass-pipeline='builtin.module(%{lower})' | mlir-runner -e main --entry-point-result=void --shared-libs=%mlir_lib_dir/libmlir_runner_utils.so | FileCheck %s

memref.global "private" constant @logits : memref<9x32xf32> = dense<[[0.0, 1.0, 4.0, -4.0, 3.0, -1.0, -4.0, -2.0, -3.0, 1.0, 3.0, -1.0, 2.0, 4.0, -3.0, -1.0, -4.0, -1.0, 2.0, 0.0, -2.0, 2.0, -2.0, -3.0, -2.0, 3.0, -2.0, -2.0, -4.0, -4.0, -1.0, -1.0], [-2.0, -2.0, 0.0, 1.0, -1.0, 4.0, -1.0, -2.0, -1.0, 2.0, 0.0, -4.0, 1.0, 2.0, -2.0, -2.0, 0.0, -3.0, 1.0, 0.0, -4.0, 1.0, -3.0, 0.0, 1.0, 0.0, 3.0, 1.0, -2.0, 3.0, 3.0, -2.0], [-4.0, 0.0, -4.0, 1.0, 2.0, -4.0, 4.0, 2.0, 1.0, 2.0, -4.0, 3.0, -4.0, -2.0, -1.0, -3.0, -1.0, 3.0, 1.0, 4.0, 1.0, 4.0, 0.0, 3.0, -3.0, 1.0, 0.0, -4.0, 2.0, -3.0, -1.0, 1.0], [4.0, 1.0, -2.0, 1.0, 0.0, 4.0, -3.0, 0.0, 1.0, 0.0, -2.0, -3.0, -2.0, 0.0, 3.0, -2.0, -4.0, -3.0, 4.0, 2.0, -4.0, -1.0, 1.0, 0.0, 3.0, 2.0, -2.0, -4.0, -4.0, 3.0, 1.0, -1.0], [-2.0, -2.0, 2.0, -3.0, -2.0, 2.0, 1.0, -2.0, -4.0, 2.0, 0.0, -2.0, 3.0, -2.0, 4.0, 3.0, 3.0, 1.0, 3.0, 0.0, 0.0, 3.0, 2.0, -2.0, -3.0, 2.0, 4.0, -2.0, 3.0, 1.0, -2.0, -3.0], [3.0, 0.0, 4.0, 4.0, 4.0, 1.0, -3.0, 1.0, -4.0, 0.0, 1.0, 4.0, 0.0, 3.0, 0.0, 0.0, 1.0, -2.0, -4.0, 3.0, 4.0, 0.0, 1.0, 0.0, 3.0, 0.0, 4.0, 1.0, 1.0, 0.0, 1.0, 2.0], [1.0, -2.0, 3.0, 1.0, 1.0, 4.0, -2.0, 4.0, -2.0, -1.0, 1.0, 3.0, 0.0, -3.0, 2.0, -2.0, 4.0, 2.0, 0.0, 4.0, 0.0, -4.0, -1.0, -2.0, 3.0, -2.0, -1.0, -2.0, -4.0, 3.0, -1.0, -2.0], [-4.0, -2.0, -3.0, 1.0, -2.0, 3.0, -1.0, 4.0, -4.0, 2.0, 3.0, 1.0, 2.0, -3.0, -1.0, -1.0, 1.0, -4.0, 1.0, 2.0, 0.0, 2.0, -3.0, 4.0, 1.0, -4.0, 4.0, 0.0, -3.0, 0.0, 4.0, 4.0], [1.0, 0.0, 1.0, -2.0, 2.0, 2.0, 4.0, 1.0, 3.0, -2.0, -2.0, 2.0, 3.0, -1.0, -2.0, -3.0, 1.0, -4.0, 2.0, -3.0, 1.0, 4.0, -2.0, 1.0, 2.0, 2.0, 2.0, -1.0, 3.0, 0.0, 3.0, 2.0]]>
memref.global "private" constant @ks : memref<9xi32> = dense<[-5, 12, 0, 40, 0, 43, 0, 35, 0]>
memref.global "private" constant @ke : memref<9xi32> = dense<[99, 58, 52, 90, 20, 30, 60, 39, 61]>
memref.global "private" constant @blocks : memref<9x4xi32> = dense<[[0, 2, 5, 9], [1, 3, 4, 7], [-9, -1, 6, 2147483647], [0, 1, 2, 3], [5, 6, 7, 8], [3, 5, 9, 9], [2, 4, 6, 7], [4, 5, 6, 7], [0, 3, 6, 7]]>
memref.global "private" constant @counts : memref<9xi32> = dense<[3, 4, 4, 4, 9, 2, -3, 4, 4]>
memref.global "private" constant @table : memref<9x4xi32> = dense<[[24, 10, 38, 16], [47, 19, 31, 16], [26, 1, 20, 19], [31, 18, 9, 30], [1, 7, 42, 39], [28, 15, 18, 2], [8, 25, 0, 30], [34, 35, 17, 15], [30, 2, 15, 31]]>

func.func private @printMemrefI32(memref<*xi32>)

func.func @columns(%l: memref<9x32xf32>, %ks: memref<9xi32>, %ke: memref<9xi32>, %b: memref<9x4xi32>, %n: memref<9xi32>, %t: memref<9x4xi32>, %num: index, %i: memref<9x6xi32>) {
  mqa.topk ins(%l, %ks, %ke : memref<9x32xf32>, memref<9xi32>, memref<9xi32>) num_keys(%num)
      blocks(%b, %n : memref<9x4xi32>, memref<9xi32>) of 8 outs(%i : memref<9x6xi32>) {base = #mqa.base<relative>, tie_break = #mqa.tie_break<smallest>}
  return
}

func.func @last_columns(%l: memref<9x32xf32>, %ks: memref<9xi32>, %ke: memref<9xi32>, %b: memref<9x4xi32>, %n: memref<9xi32>, %t: memref<9x4xi32>, %num: index, %i: memref<9x6xi32>) {
  mqa.topk ins(%l, %ks, %ke : memref<9x32xf32>, memref<9xi32>, memref<9xi32>) num_keys(%num)
      blocks(%b, %n : memref<9x4xi32>, memref<9xi32>) of 8 outs(%i : memref<9x6xi32>) {base = #mqa.base<relative>, tie_break = #mqa.tie_break<greatest>}
  return
}

func.func @keys(%l: memref<9x32xf32>, %ks: memref<9xi32>, %ke: memref<9xi32>, %b: memref<9x4xi32>, %n: memref<9xi32>, %t: memref<9x4xi32>, %num: index, %i: memref<9x6xi32>) {
  mqa.topk ins(%l, %ks, %ke : memref<9x32xf32>, memref<9xi32>, memref<9xi32>) num_keys(%num)
      blocks(%b, %n : memref<9x4xi32>, memref<9xi32>) of 8 outs(%i : memref<9x6xi32>) {base = #mqa.base<absolute>, tie_break = #mqa.tie_break<smallest>}
  return
}

func.func @slots(%l: memref<9x32xf32>, %ks: memref<9xi32>, %ke: memref<9xi32>, %b: memref<9x4xi32>, %n: memref<9xi32>, %t: memref<9x4xi32>, %num: index, %i: memref<9x6xi32>) {
  mqa.topk ins(%l, %ks, %ke : memref<9x32xf32>, memref<9xi32>, memref<9xi32>) block_table(%t : memref<9x4xi32>) num_keys(%num)
      blocks(%b, %n : memref<9x4xi32>, memref<9xi32>) of 8 outs(%i : memref<9x6xi32>) {base = #mqa.base<slot>, tie_break = #mqa.tie_break<smallest>, block_kv = 16}
  return
}

// columns
// CHECK: {{\[}}[2, 4, 10, 12, 13, 18],
// CHECK-NEXT: [5, 9, 12, 13, 18, 21],
// CHECK-NEXT: [16, 17, 18, 19, -1, -1],
// CHECK-NEXT: [-1, -1, -1, -1, -1, -1],
// CHECK-NEXT: [-1, -1, -1, -1, -1, -1],
// CHECK-NEXT: [-1, -1, -1, -1, -1, -1],
// CHECK-NEXT: [-1, -1, -1, -1, -1, -1],
// CHECK-NEXT: [3, 4, 5, 6, -1, -1],
// CHECK-NEXT: [4, 5, 6, 8, 12, 21]]
// last_columns
// CHECK: {{\[}}[2, 4, 10, 13, 18, 21],
// CHECK-NEXT: [5, 9, 13, 18, 21, 24],
// CHECK-NEXT: [16, 17, 18, 19, -1, -1],
// CHECK-NEXT: [-1, -1, -1, -1, -1, -1],
// CHECK-NEXT: [-1, -1, -1, -1, -1, -1],
// CHECK-NEXT: [-1, -1, -1, -1, -1, -1],
// CHECK-NEXT: [-1, -1, -1, -1, -1, -1],
// CHECK-NEXT: [3, 4, 5, 6, -1, -1],
// CHECK-NEXT: [6, 8, 12, 21, 25, 26]]
// keys
// CHECK: {{\[}}[2, 4, 18, 20, 21, 42],
// CHECK-NEXT: [13, 25, 28, 29, 34, 37],
// CHECK-NEXT: [48, 49, 50, 51, -1, -1],
// CHECK-NEXT: [-1, -1, -1, -1, -1, -1],
// CHECK-NEXT: [-1, -1, -1, -1, -1, -1],
// CHECK-NEXT: [-1, -1, -1, -1, -1, -1],
// CHECK-NEXT: [-1, -1, -1, -1, -1, -1],
// CHECK-NEXT: [35, 36, 37, 38, -1, -1],
// CHECK-NEXT: [4, 5, 6, 24, 28, 53]]
// slots
// CHECK: {{\[}}[386, 388, 162, 164, 165, 618],
// CHECK-NEXT: [765, 313, 316, 317, 498, 501],
// CHECK-NEXT: [304, 305, 306, 307, -1, -1],
// CHECK-NEXT: [-1, -1, -1, -1, -1, -1],
// CHECK-NEXT: [-1, -1, -1, -1, -1, -1],
// CHECK-NEXT: [-1, -1, -1, -1, -1, -1],
// CHECK-NEXT: [-1, -1, -1, -1, -1, -1],
// CHECK-NEXT: [275, 276, 277, 278, -1, -1],
// CHECK-NEXT: [484, 485, 486, 40, 44, 501]]
func.func @main() {
  %num = arith.constant 60 : index
  %l = memref.get_global @logits : memref<9x32xf32>
  %ks = memref.get_global @ks : memref<9xi32>
  %ke = memref.get_global @ke : memref<9xi32>
  %b = memref.get_global @blocks : memref<9x4xi32>
  %n = memref.get_global @counts : memref<9xi32>
  %t = memref.get_global @table : memref<9x4xi32>
  %i = memref.alloc() : memref<9x6xi32>
  %any = memref.cast %i : memref<9x6xi32> to memref<*xi32>
  call @columns(%l, %ks, %ke, %b, %n, %t, %num, %i) : (memref<9x32xf32>, memref<9xi32>, memref<9xi32>, memref<9x4xi32>, memref<9xi32>, memref<9x4xi32>, index, memref<9x6xi32>) -> ()
  call @printMemrefI32(%any) : (memref<*xi32>) -> ()
  call @last_columns(%l, %ks, %ke, %b, %n, %t, %num, %i) : (memref<9x32xf32>, memref<9xi32>, memref<9xi32>, memref<9x4xi32>, memref<9xi32>, memref<9x4xi32>, index, memref<9x6xi32>) -> ()
  call @printMemrefI32(%any) : (memref<*xi32>) -> ()
  call @keys(%l, %ks, %ke, %b, %n, %t, %num, %i) : (memref<9x32xf32>, memref<9xi32>, memref<9xi32>, memref<9x4xi32>, memref<9xi32>, memref<9x4xi32>, index, memref<9x6xi32>) -> ()
  call @printMemrefI32(%any) : (memref<*xi32>) -> ()
  call @slots(%l, %ks, %ke, %b, %n, %t, %num, %i) : (memref<9x32xf32>, memref<9xi32>, memref<9xi32>, memref<9x4xi32>, memref<9xi32>, memref<9x4xi32>, index, memref<9x6xi32>) -> ()
  call @printMemrefI32(%any) : (memref<*xi32>) -> ()
  memref.dealloc %i : memref<9x6xi32>
  return
}
