// A program with typed operands has the host program and the kernels of the same program with bytes and words.
// RUN: sed -e 's/x64xf4E2M1FN/x32xi8/g' -e 's/x4xf8E8M0FNU/xi32/g' -e 's/, 0\] \[%n, 4\] \[1, 1\]/] [%n] [1]/' -e 's/, 64\] \[1, 1\]/, 32] [1, 1]/' %s > %t.mlir
// RUN: mqa-compile %s --target=cpu -o %t.typed.mqa --mqa-host=%t.typed.host.mlir
// RUN: mqa-compile %t.mlir --target=cpu -o %t.bytes.mqa --mqa-host=%t.bytes.host.mlir
// RUN: cmp %t.typed.mqa %t.bytes.mqa
// RUN: cmp %t.typed.host.mlir %t.bytes.host.mlir
// RUN: FileCheck %s < %t.typed.host.mlir

// CHECK: func.func @chunks(%{{.*}}: memref<?x4x64xbf16>, %{{.*}}: memref<?x32xi8>, %{{.*}}: memref<?xi32>
// CHECK: scf.for
// CHECK: memref.subview %{{.*}}[%{{.*}}, 0] [%{{.*}}, 32] [1, 1] : memref<?x32xi8>
// CHECK: call @chunks_logits
func.func @chunks(%q: tensor<?x4x64xbf16>, %k: tensor<?x64xf4E2M1FN>, %k_scale: tensor<?x4xf8E8M0FNU>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>, %n: index) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %total = tensor.dim %k, %c0 : tensor<?x64xf4E2M1FN>
  %result = scf.for %i = %c0 to %total step %n iter_args(%acc = %out) -> tensor<?x?xf32> {
    %keys = tensor.extract_slice %k[%i, 0] [%n, 64] [1, 1] : tensor<?x64xf4E2M1FN> to tensor<?x64xf4E2M1FN>
    %scales = tensor.extract_slice %k_scale[%i, 0] [%n, 4] [1, 1] : tensor<?x4xf8E8M0FNU> to tensor<?x4xf8E8M0FNU>
    %0 = mqa.logits ins(%q, %keys, %scales, none, none, %ke : tensor<?x4x64xbf16>, tensor<?x64xf4E2M1FN>, tensor<?x4xf8E8M0FNU>, tensor<?xi32>)
         outs(%acc : tensor<?x?xf32>) -> tensor<?x?xf32>
    scf.yield %0 : tensor<?x?xf32>
  }
  return %result : tensor<?x?xf32>
}
