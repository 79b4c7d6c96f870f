// A tile of keys of a cache, executed: it begins inside of a block and ends in the
// next but one; a number that is no block of the cache reads the last one. Cache slot
// n is n + 1 in its first element, its scale 1 or 2.
// DEFINE: %{lower} = func.func(convert-linalg-to-loops,lower-affine,convert-scf-to-cf),expand-strided-metadata,lower-affine,finalize-memref-to-llvm,convert-arith-to-llvm,convert-cf-to-llvm,convert-func-to-llvm,reconcile-unrealized-casts
// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(convert-mqa-to-linalg))' | mlir-opt --pass-pipeline='builtin.module(%{lower})' | mlir-runner -e main --entry-point-result=void --shared-libs=%mlir_lib_dir/libmlir_runner_utils.so | FileCheck %s
// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(convert-mqa-to-linalg))' | FileCheck %s --check-prefix=GONE
// GONE-NOT: mqa.

// Keys 1 to 4 of a sequence lie in slots 7, 0, 1 and 4.
// CHECK: {{\[}}[16, 1, -inf, -inf],
// CHECK-NEXT: [16, 1, 4, 5]]
// CHECK: {{\[}}[2, 7]]

memref.global "private" constant @values : memref<8xbf16> = dense<[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]>
memref.global "private" constant @scales : memref<4x2xf32> = dense<[[1.0, 2.0], [1.0, 2.0], [1.0, 2.0], [1.0, 2.0]]>
memref.global "private" constant @ke : memref<2xi32> = dense<[3, 5]>
memref.global "private" constant @all : memref<2xi32> = dense<[10, 10]>
memref.global "private" constant @table : memref<1x5xi32> = dense<[[3, 0, 2, -7, 9]]>

func.func private @printMemrefF32(memref<*xf32>)

func.func @main() {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %c7 = arith.constant 7 : index
  %c8 = arith.constant 8 : index
  %c10 = arith.constant 10 : index
  %zero = arith.constant 0.0 : bf16
  %unit = arith.constant 1.0 : bf16
  %q = memref.alloc() : memref<2x1x16xbf16>
  %cache = memref.alloc() : memref<4x2x16xbf16>
  linalg.fill ins(%zero : bf16) outs(%q : memref<2x1x16xbf16>)
  linalg.fill ins(%zero : bf16) outs(%cache : memref<4x2x16xbf16>)
  scf.for %m = %c0 to %c2 step %c1 {
    memref.store %unit, %q[%m, %c0, %c0] : memref<2x1x16xbf16>
  }
  %values = memref.get_global @values : memref<8xbf16>
  scf.for %n = %c0 to %c8 step %c1 {
    %value = memref.load %values[%n] : memref<8xbf16>
    %block = arith.divui %n, %c2 : index
    %slot = arith.remui %n, %c2 : index
    memref.store %value, %cache[%block, %slot, %c0] : memref<4x2x16xbf16>
  }
  %scales = memref.get_global @scales : memref<4x2xf32>
  %ke = memref.get_global @ke : memref<2xi32>
  %all = memref.get_global @all : memref<2xi32>
  %table = memref.get_global @table : memref<1x5xi32>
  %out = memref.alloc() : memref<2x4xf32>
  %k = mqa.gather_pages %cache[%table] from %c1 keys %c4 : memref<4x2x16xbf16>, memref<1x5xi32> -> memref<?x16xbf16>
  %s = mqa.gather_pages %scales[%table] from %c1 keys %c4 : memref<4x2xf32>, memref<1x5xi32> -> memref<?xf32>
  %ranges = mqa.make_ranges none, %ke keys(%c10) : memref<2xi32>
  mqa.logits ins(%q, %k, %s, none : memref<2x1x16xbf16>, memref<?x16xbf16>, memref<?xf32>) ranges(%ranges) key_offset(%c1) outs(%out : memref<2x4xf32>) {clean}
  %cast = memref.cast %out : memref<2x4xf32> to memref<*xf32>
  call @printMemrefF32(%cast) : (memref<*xf32>) -> ()

  // Key 7 is of block -7, which reads slot 1 of block 0; key 8 of block 9, which reads
  // slot 0 of block 3. Without scales.
  %few = memref.alloc() : memref<1x2xf32>
  %q1 = memref.subview %q[0, 0, 0] [1, 1, 16] [1, 1, 1] : memref<2x1x16xbf16> to memref<1x1x16xbf16, strided<[16, 16, 1]>>
  %outside = mqa.gather_pages %cache[%table] from %c7 keys %c2 : memref<4x2x16xbf16>, memref<1x5xi32> -> memref<?x16xbf16>
  %every = mqa.make_ranges none, %all keys(%c10) : memref<2xi32>
  %row = mqa.narrow_ranges %every[%c1] rows %c1
  mqa.logits ins(%q1, %outside, none, none : memref<1x1x16xbf16, strided<[16, 16, 1]>>, memref<?x16xbf16>) ranges(%row) key_offset(%c7) outs(%few : memref<1x2xf32>)
  %cast_few = memref.cast %few : memref<1x2xf32> to memref<*xf32>
  call @printMemrefF32(%cast_few) : (memref<*xf32>) -> ()
  return
}
