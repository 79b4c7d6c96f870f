// Maxima over blocks of keys: the forms of both ops, their shapes, and tiles.
// RUN: mqa-opt %s | mqa-opt | FileCheck %s
// RUN: mqa-opt %s --mlir-print-op-generic | mqa-opt | FileCheck %s
// RUN: mqa-opt %s --emit-bytecode | mqa-opt | FileCheck %s
// RUN: mqa-opt %examples/block_max.mlir -o /dev/null

// CHECK-LABEL: @logits
func.func @logits(%q: tensor<?x4x128xbf16>, %k: tensor<300x128xbf16>, %ke: tensor<?xi32>, %out: tensor<?x5xf32>) -> tensor<?x5xf32> {
  // CHECK: mqa.logits {{.*}} outs(%{{.*}} : tensor<?x5xf32>) {block_max = 64 : i64, clean} -> tensor<?x5xf32>
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x128xbf16>, tensor<300x128xbf16>, tensor<?xi32>)
       outs(%out : tensor<?x5xf32>) {block_max = 64, clean} -> tensor<?x5xf32>
  return %0 : tensor<?x5xf32>
}

// CHECK-LABEL: @paged
func.func @paged(%q: memref<?x2x8x32xf16>, %k: memref<?x64x32xf16>, %lens: memref<?x2xi32>, %table: memref<?x?xi32>, %out: memref<?x?xf16>) {
  // CHECK: mqa.paged_logits {{.*}} outs(%{{.*}} : memref<?x?xf16>) {block_max = 8 : i64}
  mqa.paged_logits ins(%q, %k, none, none, %lens, %table : memref<?x2x8x32xf16>, memref<?x64x32xf16>, memref<?x2xi32>, memref<?x?xi32>)
      outs(%out : memref<?x?xf16>) {block_max = 8}
  return
}

// A tile has the blocks of its ranges; the last one may have fewer keys.
// CHECK-LABEL: @tile
func.func @tile(%q: memref<8x64x128xbf16>, %k: memref<200x128xbf16>, %ks: memref<8xi32>, %ke: memref<8xi32>, %n: index, %out: memref<8x2xf32>) {
  // CHECK: mqa.make_ranges %{{.*}}, %{{.*}} keys(%{{.*}}) {block_max = 128 : i64}
  %ranges = mqa.make_ranges %ks, %ke keys(%n) {block_max = 128} : memref<8xi32>, memref<8xi32>
  %c256 = arith.constant 256 : index
  // CHECK: mqa.logits {{.*}} ranges(%{{.*}}) key_offset(%{{.*}}) outs(%{{.*}} : memref<8x2xf32>)
  mqa.logits ins(%q, %k, none, none : memref<8x64x128xbf16>, memref<200x128xbf16>) ranges(%ranges) key_offset(%c256)
      outs(%out : memref<8x2xf32>)
  return
}
