// Keys with block scales, MXFP4 and MXFP8: the forms of both ops, and tiles.
// RUN: mqa-opt %s | mqa-opt | FileCheck %s
// RUN: mqa-opt %examples/mxfp4.mlir -o /dev/null
// RUN: mqa-opt %examples/mxfp8.mlir -o /dev/null

// CHECK-LABEL: @logits
func.func @logits(%q: tensor<?x4x96xbf16>, %k: tensor<?x48xi8>, %k_scale: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // CHECK: mqa.logits ins(%{{.*}}, %{{.*}}, %{{.*}}, none, none, %{{.*}} : tensor<?x4x96xbf16>, tensor<?x48xi8>, tensor<?xi32>, tensor<?xi32>)
  %0 = mqa.logits ins(%q, %k, %k_scale, none, none, %ke : tensor<?x4x96xbf16>, tensor<?x48xi8>, tensor<?xi32>, tensor<?xi32>)
       outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// CHECK-LABEL: @paged
func.func @paged(%q: memref<?x2x8x32xf16>, %k: memref<?x64x16xi8, strided<[1280, 16, 1]>>, %k_scale: memref<?x64xi32, strided<[320, 1]>>,
                 %lens: memref<?x2xi32>, %table: memref<?x?xi32>, %out: memref<?x?xf32>) {
  // CHECK: mqa.paged_logits {{.*}} memref<?x64x16xi8, strided<[1280, 16, 1]>>, memref<?x64xi32, strided<[320, 1]>>
  mqa.paged_logits ins(%q, %k, %k_scale, none, %lens, %table : memref<?x2x8x32xf16>, memref<?x64x16xi8, strided<[1280, 16, 1]>>,
                       memref<?x64xi32, strided<[320, 1]>>, memref<?x2xi32>, memref<?x?xi32>)
      outs(%out : memref<?x?xf32>)
  return
}

// CHECK-LABEL: @mxfp8
func.func @mxfp8(%q: tensor<?x4x96xbf16>, %k: tensor<?x96xf8E4M3FN>, %k_scale: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // CHECK: mqa.logits ins(%{{.*}}, %{{.*}}, %{{.*}}, none, none, %{{.*}} : tensor<?x4x96xbf16>, tensor<?x96xf8E4M3FN>, tensor<?xi32>, tensor<?xi32>)
  %0 = mqa.logits ins(%q, %k, %k_scale, none, none, %ke : tensor<?x4x96xbf16>, tensor<?x96xf8E4M3FN>, tensor<?xi32>, tensor<?xi32>)
       outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// CHECK-LABEL: @paged_mxfp8
func.func @paged_mxfp8(%q: memref<?x2x8x128xf8E4M3FN>, %k: memref<?x64x128xf8E4M3FN, strided<[8448, 128, 1]>>, %k_scale: memref<?x64xi32, strided<[2112, 1]>>,
                       %lens: memref<?x2xi32>, %table: memref<?x?xi32>, %out: memref<?x?xf32>) {
  // CHECK: mqa.paged_logits {{.*}} memref<?x64x128xf8E4M3FN, strided<[8448, 128, 1]>>, memref<?x64xi32, strided<[2112, 1]>>
  mqa.paged_logits ins(%q, %k, %k_scale, none, %lens, %table : memref<?x2x8x128xf8E4M3FN>, memref<?x64x128xf8E4M3FN, strided<[8448, 128, 1]>>,
                       memref<?x64xi32, strided<[2112, 1]>>, memref<?x2xi32>, memref<?x?xi32>)
      outs(%out : memref<?x?xf32>)
  return
}
