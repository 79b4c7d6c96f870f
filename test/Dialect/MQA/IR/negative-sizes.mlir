// MLIR's reader of bytecode makes types that its parser refuses: here 2000 (the
// bytes 82 3e) becomes -2001.
// RUN: mqa-opt %s --emit-bytecode -o %t.mlirbc
// RUN: env LC_ALL=C sed 's/\x82\x3e/\x86\x3e/' %t.mlirbc > %t.negative.mlirbc
// RUN: not mqa-opt %t.negative.mlirbc 2>&1 | FileCheck %s

// CHECK: 'mqa.logits' op operand #2 has the size -2001, which is negative
func.func @f(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<2000xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<2000xi32>) outs(%out : memref<?x?xf32>)
  return
}
