// What ranges mean, executed: key n of 8 is n + 1 in its first element, and a query
// is 1 there, so that the logit of key n is n + 1. Tiles compute the same as a whole.
// DEFINE: %{lower} = func.func(scf-forall-to-for,convert-linalg-to-loops,lower-affine,convert-scf-to-cf),expand-strided-metadata,lower-affine,finalize-memref-to-llvm,convert-arith-to-llvm,convert-cf-to-llvm,convert-func-to-llvm,reconcile-unrealized-casts
// DEFINE: %{run} = mlir-opt --pass-pipeline='builtin.module(%{lower})' | mlir-runner -e main --entry-point-result=void --shared-libs=%mlir_lib_dir/libmlir_runner_utils.so
// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(convert-mqa-to-linalg))' | %{run} | FileCheck %s
// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(mqa-tile-tasks{tile-sizes=1,3},convert-mqa-to-linalg))' | %{run} | FileCheck %s

memref.global "private" constant @values : memref<8xbf16> = dense<[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]>
memref.global "private" constant @ks : memref<6xi32> = dense<[0, 2, -3, 5, 9, 1]>
memref.global "private" constant @ke : memref<6xi32> = dense<[3, 6, 4, 2, 12, 8]>
memref.global "private" constant @lengths : memref<3xi32> = dense<[4, 20, -1]>
memref.global "private" constant @ends : memref<3x2xi32> = dense<[[3, 4], [19, 20], [-2, -1]]>

func.func private @printMemrefF32(memref<*xf32>)

func.func @score(%q: memref<?x1x16xbf16, strided<[16, 16, 1]>>, %k: memref<8x16xbf16>, %ks: memref<6xi32>, %ke: memref<6xi32>, %lengths: memref<3xi32>, %ends: memref<3x2xi32>,
                 %two: memref<2x8xf32>, %one: memref<1x6xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %q2 = memref.subview %q[0, 0, 0] [2, 1, 16] [1, 1, 1] : memref<?x1x16xbf16, strided<[16, 16, 1]>> to memref<2x1x16xbf16, strided<[16, 16, 1]>>
  %q1 = memref.subview %q[0, 0, 0] [1, 1, 16] [1, 1, 1] : memref<?x1x16xbf16, strided<[16, 16, 1]>> to memref<1x1x16xbf16, strided<[16, 16, 1]>>
  %cast2 = memref.cast %two : memref<2x8xf32> to memref<*xf32>
  %cast1 = memref.cast %one : memref<1x6xf32> to memref<*xf32>

  // Rows 2 and 3, narrowed twice: a start below 0, and a reversed range.
  // CHECK: {{\[}}[1, 2, 3, 4, -inf, -inf, -inf, -inf],
  // CHECK-NEXT: [-inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf]]
  %all = mqa.make_ranges %ks, %ke keys(%c8) : memref<6xi32>, memref<6xi32>
  %some = mqa.narrow_ranges %all[%c1] rows %c4
  %pair = mqa.narrow_ranges %some[%c1] rows %c2
  mqa.logits ins(%q2, %k, none, none : memref<2x1x16xbf16, strided<[16, 16, 1]>>, memref<8x16xbf16>) ranges(%pair) outs(%two : memref<2x8xf32>) {clean}
  func.call @printMemrefF32(%cast2) : (memref<*xf32>) -> ()

  // Of causal sequences of two queries, the last of the first and the first of the
  // second, which has more keys than there are.
  // CHECK: {{\[}}[1, 2, 3, 4, -inf, -inf, -inf, -inf],
  // CHECK-NEXT: [1, 2, 3, 4, 5, 6, 7, 8]]
  %causal = mqa.make_ranges none, %lengths keys(%c8) {next_n = 2} : memref<3xi32>
  %middle = mqa.narrow_ranges %causal[%c1] rows %c4
  %across = mqa.narrow_ranges %middle[%c0] rows %c2
  mqa.logits ins(%q2, %k, none, none : memref<2x1x16xbf16, strided<[16, 16, 1]>>, memref<8x16xbf16>) ranges(%across) outs(%two : memref<2x8xf32>) {clean}
  func.call @printMemrefF32(%cast2) : (memref<*xf32>) -> ()

  // The same, with a length for each query.
  // CHECK: {{\[}}[1, 2, 3, 4, -inf, -inf, -inf, -inf],
  // CHECK-NEXT: [1, 2, 3, 4, 5, 6, 7, 8]]
  %matrix = mqa.make_ranges none, %ends keys(%c8) : memref<3x2xi32>
  %middle2 = mqa.narrow_ranges %matrix[%c1] rows %c4
  %across2 = mqa.narrow_ranges %middle2[%c0] rows %c2
  mqa.logits ins(%q2, %k, none, none : memref<2x1x16xbf16, strided<[16, 16, 1]>>, memref<8x16xbf16>) ranges(%across2) outs(%two : memref<2x8xf32>) {clean}
  func.call @printMemrefF32(%cast2) : (memref<*xf32>) -> ()

  // Each query of a whole sequence; the last one has a negative length.
  // CHECK: {{\[}}[1, 2, 3, -inf, -inf, -inf, -inf, -inf],
  // CHECK-NEXT: [1, 2, 3, 4, -inf, -inf, -inf, -inf]]
  // CHECK: {{\[}}[-inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf],
  // CHECK-NEXT: [-inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf]]
  %whole = mqa.narrow_ranges %causal[%c0] rows %c2
  mqa.logits ins(%q2, %k, none, none : memref<2x1x16xbf16, strided<[16, 16, 1]>>, memref<8x16xbf16>) ranges(%whole) outs(%two : memref<2x8xf32>) {clean}
  func.call @printMemrefF32(%cast2) : (memref<*xf32>) -> ()
  %empty = mqa.narrow_ranges %matrix[%c4] rows %c2
  mqa.logits ins(%q2, %k, none, none : memref<2x1x16xbf16, strided<[16, 16, 1]>>, memref<8x16xbf16>) ranges(%empty) outs(%two : memref<2x8xf32>) {clean}
  func.call @printMemrefF32(%cast2) : (memref<*xf32>) -> ()

  // Compressed, row 1 has keys 2 to 5. The tile of keys 4 to 7 cleans nothing.
  // CHECK: {{\[}}[0, 0, 5, 6, 0, 0]]
  // CHECK: {{\[}}[3, 4, 5, 6, -inf, -inf]]
  %compressed = mqa.make_ranges %ks, %ke keys(%c8) {compressed} : memref<6xi32>, memref<6xi32>
  %row = mqa.narrow_ranges %compressed[%c1] rows %c1
  %front = memref.subview %k[0, 0] [4, 16] [1, 1] : memref<8x16xbf16> to memref<4x16xbf16, strided<[16, 1]>>
  %back = memref.subview %k[4, 0] [4, 16] [1, 1] : memref<8x16xbf16> to memref<4x16xbf16, strided<[16, 1], offset: 64>>
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%one : memref<1x6xf32>)
  mqa.logits ins(%q1, %back, none, none : memref<1x1x16xbf16, strided<[16, 16, 1]>>, memref<4x16xbf16, strided<[16, 1], offset: 64>>) ranges(%row) key_offset(%c4) outs(%one : memref<1x6xf32>) {clean}
  func.call @printMemrefF32(%cast1) : (memref<*xf32>) -> ()
  mqa.logits ins(%q1, %front, none, none : memref<1x1x16xbf16, strided<[16, 16, 1]>>, memref<4x16xbf16, strided<[16, 1]>>) ranges(%row) outs(%one : memref<1x6xf32>) {clean}
  func.call @printMemrefF32(%cast1) : (memref<*xf32>) -> ()

  // An op of the last keys of a sequence, which ends with them.
  // CHECK: {{\[}}[0, 0, 5, 6, 0, 0]]
  linalg.fill ins(%zero : f32) outs(%one : memref<1x6xf32>)
  %ks1 = memref.subview %ks[1] [1] [1] : memref<6xi32> to memref<1xi32, strided<[1], offset: 1>>
  %ke1 = memref.subview %ke[1] [1] [1] : memref<6xi32> to memref<1xi32, strided<[1], offset: 1>>
  mqa.logits ins(%q1, %back, none, none, %ks1, %ke1 : memref<1x1x16xbf16, strided<[16, 16, 1]>>, memref<4x16xbf16, strided<[16, 1], offset: 64>>, memref<1xi32, strided<[1], offset: 1>>, memref<1xi32, strided<[1], offset: 1>>) key_offset(%c4) outs(%one : memref<1x6xf32>) {compressed}
  func.call @printMemrefF32(%cast1) : (memref<*xf32>) -> ()
  return
}

func.func @main() {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant 0.0 : bf16
  %unit = arith.constant 1.0 : bf16
  %q = memref.alloc() : memref<2x1x16xbf16>
  %k = memref.alloc() : memref<8x16xbf16>
  linalg.fill ins(%zero : bf16) outs(%q : memref<2x1x16xbf16>)
  linalg.fill ins(%zero : bf16) outs(%k : memref<8x16xbf16>)
  scf.for %m = %c0 to %c2 step %c1 {
    memref.store %unit, %q[%m, %c0, %c0] : memref<2x1x16xbf16>
  }
  %values = memref.get_global @values : memref<8xbf16>
  scf.for %n = %c0 to %c8 step %c1 {
    %value = memref.load %values[%n] : memref<8xbf16>
    memref.store %value, %k[%n, %c0] : memref<8x16xbf16>
  }
  %ks = memref.get_global @ks : memref<6xi32>
  %ke = memref.get_global @ke : memref<6xi32>
  %lengths = memref.get_global @lengths : memref<3xi32>
  %ends = memref.get_global @ends : memref<3x2xi32>
  %two = memref.alloc() : memref<2x8xf32>
  %one = memref.alloc() : memref<1x6xf32>
  %rows = memref.cast %q : memref<2x1x16xbf16> to memref<?x1x16xbf16, strided<[16, 16, 1]>>
  call @score(%rows, %k, %ks, %ke, %lengths, %ends, %two, %one) : (memref<?x1x16xbf16, strided<[16, 16, 1]>>, memref<8x16xbf16>, memref<6xi32>, memref<6xi32>, memref<3xi32>, memref<3x2xi32>, memref<2x8xf32>, memref<1x6xf32>) -> ()
  return
}
