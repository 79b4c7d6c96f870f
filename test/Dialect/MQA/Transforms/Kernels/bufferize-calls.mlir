// A function that others call has contiguous arguments: what does not fit is copied to memory of a known layout.
// RUN: mqa-opt %s --mqa-bufferize | FileCheck %s

// CHECK: func.func private @callee(%{{.*}}: memref<2x4x32xbf16>
// CHECK-LABEL: func.func @caller(
// CHECK-SAME: memref<2x4x64xbf16, strided<[?, 64, 1], offset: ?>>
// CHECK: %[[COPY:.*]] = memref.alloc() {{.*}} : memref<2x4x32xbf16>
// CHECK: memref.copy %{{.*}}, %[[COPY]]
// CHECK: call @callee(%[[COPY]],
func.func private @callee(%q: tensor<2x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<2xi32>, %out: tensor<2x?xf32>) -> tensor<2x?xf32> {
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<2x4x32xbf16>, tensor<?x32xbf16>, tensor<2xi32>) outs(%out : tensor<2x?xf32>) -> tensor<2x?xf32>
  return %0 : tensor<2x?xf32>
}
func.func @caller(%qkv: tensor<2x4x64xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<2xi32>, %out: tensor<2x?xf32>) -> tensor<2x?xf32> {
  %q = tensor.extract_slice %qkv[0, 0, 32] [2, 4, 32] [1, 1, 1] : tensor<2x4x64xbf16> to tensor<2x4x32xbf16>
  %0 = call @callee(%q, %k, %ke, %out) : (tensor<2x4x32xbf16>, tensor<?x32xbf16>, tensor<2xi32>, tensor<2x?xf32>) -> tensor<2x?xf32>
  return %0 : tensor<2x?xf32>
}
