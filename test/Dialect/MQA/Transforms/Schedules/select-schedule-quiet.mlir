// RUN: mqa-opt %s --mqa-attach-target --mqa-select-schedule --verify-diagnostics | FileCheck %s

// A schedule that is only tried, here the fast one for logits of 16 bits, is no
// error where it does not fit.
// CHECK: mqa.logits
// CHECK-NOT: reduction = f16
// CHECK-SAME: schedule = #mqa.schedule<
func.func @no_weights(%q: memref<?x64x128xbf16>, %k: memref<?x128xbf16>, %ke: memref<?xi32>, %out: memref<?x?xbf16>) {
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x64x128xbf16>, memref<?x128xbf16>, memref<?xi32>) outs(%out : memref<?x?xbf16>)
  return
}
