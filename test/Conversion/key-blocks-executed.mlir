// Logits of blocks of 8 keys, executed: key n of 20 is n + 1 in its first element, and a query is 1 there, so that the
// logit of key n is n + 1. Row 0 sees all keys, row 1 keys 4 to 17; row 2 has no block.
// DEFINE: %{lower} = func.func(scf-forall-to-for,convert-linalg-to-loops,lower-affine,convert-scf-to-cf),expand-strided-metadata,lower-affine,finalize-memref-to-llvm,convert-arith-to-llvm,convert-cf-to-llvm,convert-func-to-llvm,reconcile-unrealized-casts
// DEFINE: %{run} = mlir-opt --pass-pipeline='builtin.module(%{lower})' | mlir-runner -e main --entry-point-result=void --shared-libs=%mlir_lib_dir/libmlir_runner_utils.so
// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(convert-mqa-to-linalg))' | %{run} | FileCheck %s
// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(mqa-tile-tasks{tile-sizes=1,20},convert-mqa-to-linalg))' | %{run} | FileCheck %s

memref.global "private" constant @values : memref<20xbf16> = dense<[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 17.0, 18.0, 19.0, 20.0]>
memref.global "private" constant @ks : memref<3xi32> = dense<[-5, 4, 0]>
memref.global "private" constant @ke : memref<3xi32> = dense<[99, 18, 20]>
memref.global "private" constant @blocks : memref<3x4xi32> = dense<[[2, 0, -1, 1], [0, 0, 2, 77], [1, 1, 1, 1]]>
memref.global "private" constant @counts : memref<3xi32> = dense<[3, 9, -4]>

func.func private @printMemrefF32(memref<*xf32>)

func.func @score(%q: memref<3x1x16xbf16>, %k: memref<20x16xbf16>, %ks: memref<3xi32>, %ke: memref<3xi32>, %b: memref<3x4xi32>, %n: memref<3xi32>, %out: memref<3x32xf32>) {
  mqa.logits ins(%q, %k, none, none, %ks, %ke : memref<3x1x16xbf16>, memref<20x16xbf16>, memref<3xi32>, memref<3xi32>) blocks(%b, %n : memref<3x4xi32>, memref<3xi32>) of 8 outs(%out : memref<3x32xf32>) {clean}
  return
}

// CHECK: {{\[}}[17, 18, 19, 20, -inf, -inf, -inf, -inf, 1, 2, 3, 4, 5, 6, 7, 8, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf],
// CHECK-NEXT: [-inf, -inf, -inf, -inf, 5, 6, 7, 8, -inf, -inf, -inf, -inf, 5, 6, 7, 8, 17, 18, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf],
// CHECK-NEXT: [-inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf]]
func.func @main() {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c20 = arith.constant 20 : index
  %zero = arith.constant 0.0 : bf16
  %one = arith.constant 1.0 : bf16
  %q = memref.alloca() : memref<3x1x16xbf16>
  %k = memref.alloca() : memref<20x16xbf16>
  linalg.fill ins(%zero : bf16) outs(%q : memref<3x1x16xbf16>)
  linalg.fill ins(%zero : bf16) outs(%k : memref<20x16xbf16>)
  scf.for %m = %c0 to %c3 step %c1 {
    memref.store %one, %q[%m, %c0, %c0] : memref<3x1x16xbf16>
  }
  %values = memref.get_global @values : memref<20xbf16>
  scf.for %i = %c0 to %c20 step %c1 {
    %value = memref.load %values[%i] : memref<20xbf16>
    memref.store %value, %k[%i, %c0] : memref<20x16xbf16>
  }
  %ks = memref.get_global @ks : memref<3xi32>
  %ke = memref.get_global @ke : memref<3xi32>
  %b = memref.get_global @blocks : memref<3x4xi32>
  %n = memref.get_global @counts : memref<3xi32>
  %out = memref.alloca() : memref<3x32xf32>
  call @score(%q, %k, %ks, %ke, %b, %n, %out) : (memref<3x1x16xbf16>, memref<20x16xbf16>, memref<3xi32>, memref<3xi32>, memref<3x4xi32>, memref<3xi32>, memref<3x32xf32>) -> ()
  %cast = memref.cast %out : memref<3x32xf32> to memref<*xf32>
  call @printMemrefF32(%cast) : (memref<*xf32>) -> ()
  return
}
