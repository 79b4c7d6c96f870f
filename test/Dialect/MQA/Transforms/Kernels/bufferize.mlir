// RUN: mqa-opt %s --mqa-bufferize --split-input-file | FileCheck %s

// Rows may be strided; inside a row everything is contiguous.
// CHECK-LABEL: func @in_place
// CHECK-SAME: memref<?x64x128xf8E4M3FN, strided<[?, 128, 1], offset: ?>>
// CHECK-SAME: memref<?x128xf8E4M3FN, strided<[?, 1], offset: ?>>
// CHECK-SAME: memref<?xf32, strided<[1], offset: ?>>
// CHECK-SAME: %[[OUT:[a-z0-9]+]]: memref<?x?xf32, strided<[?, 1], offset: ?>>
// CHECK-NOT: memref.copy
// CHECK: mqa.logits {{.*}} outs(%[[OUT]] :
// CHECK: return %[[OUT]]
func.func @in_place(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) {clean} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

// Without `clean` the old value of `out` shows through: it must be there.
// CHECK-LABEL: func @reads_out
// CHECK: %[[NEW:.*]] = memref.alloc
// CHECK: memref.copy %{{.*}}, %[[NEW]]
// CHECK: mqa.logits {{.*}} outs(%[[NEW]] :
func.func @reads_out(%q: tensor<2x64x128xf8E4M3FN>, %k: tensor<8x128xf8E4M3FN>, %s: tensor<8xf32>, %w: tensor<2x64xf32>, %ks: tensor<2xi32>, %ke: tensor<2xi32>, %out: tensor<2x8xf32> {bufferization.writable = false}) -> tensor<2x8xf32> {
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<2x64x128xf8E4M3FN>, tensor<8x128xf8E4M3FN>, tensor<8xf32>, tensor<2x64xf32>, tensor<2xi32>, tensor<2xi32>) outs(%out : tensor<2x8xf32>) -> tensor<2x8xf32>
  return %0 : tensor<2x8xf32>
}

// -----

// With `clean` every element is written: nothing is copied.
// CHECK-LABEL: func @writes_all
// CHECK: %[[NEW:.*]] = memref.alloc
// CHECK-NOT: memref.copy
// CHECK: mqa.logits {{.*}} outs(%[[NEW]] :
func.func @writes_all(%q: tensor<2x64x128xf8E4M3FN>, %k: tensor<8x128xf8E4M3FN>, %s: tensor<8xf32>, %w: tensor<2x64xf32>, %ks: tensor<2xi32>, %ke: tensor<2xi32>, %out: tensor<2x8xf32> {bufferization.writable = false}) -> tensor<2x8xf32> {
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<2x64x128xf8E4M3FN>, tensor<8x128xf8E4M3FN>, tensor<8xf32>, tensor<2x64xf32>, tensor<2xi32>, tensor<2xi32>) outs(%out : tensor<2x8xf32>) {clean} -> tensor<2x8xf32>
  return %0 : tensor<2x8xf32>
}

// -----

// What a launch says of rows, whatever the types say: a contiguous matrix may be
// strided, and no element may be any number. Scales that are one to a key stay
// contiguous.
// CHECK-LABEL: func @kernel_on_memrefs
// CHECK-SAME: memref<?x4x32xbf16, strided<[?, 32, 1], offset: ?>>
// CHECK-SAME: memref<?x32xbf16, strided<[?, 1], offset: ?>>
// CHECK-SAME: memref<?xf32, strided<[1], offset: ?>>
// CHECK-SAME: memref<?xi32, strided<[1], offset: ?>>
// CHECK-SAME: memref<?x?xf32, strided<[?, 1], offset: ?>>
// CHECK-SAME: -> memref<?x?xf32, strided<[?, 1], offset: ?>>
func.func @kernel_on_memrefs(%q: memref<0x4x32xbf16>, %k: memref<?x32xbf16>, %s: memref<?xf32>, %ke: memref<0xi32>, %out: memref<0x?xf32>) -> memref<0x?xf32> {
  mqa.logits ins(%q, %k, %s, none, none, %ke : memref<0x4x32xbf16>, memref<?x32xbf16>, memref<?xf32>, memref<0xi32>) outs(%out : memref<0x?xf32>)
  return %out : memref<0x?xf32>
}

// -----

// CHECK-LABEL: func @no_query
// CHECK-SAME: memref<?x4x32xbf16, strided<[?, 32, 1], offset: ?>>
func.func @no_query(%q: tensor<0x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<0xi32>, %out: tensor<0x?xf32>) -> tensor<0x?xf32> {
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<0x4x32xbf16>, tensor<?x32xbf16>, tensor<0xi32>) outs(%out : tensor<0x?xf32>) -> tensor<0x?xf32>
  return %0 : tensor<0x?xf32>
}

// -----

// An argument that others use too keeps its type; asking for a size is no use.
// CHECK-LABEL: func @used_elsewhere
// CHECK-SAME: memref<?x4x32xbf16>,
// CHECK-SAME: memref<?x32xbf16, strided<[?, 1], offset: ?>>
func.func @used_elsewhere(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>) -> index {
  %c0 = arith.constant 0 : index
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  %m = memref.extract_aligned_pointer_as_index %q : memref<?x4x32xbf16> -> index
  %n = memref.dim %k, %c0 : memref<?x32xbf16>
  return %m : index
}
