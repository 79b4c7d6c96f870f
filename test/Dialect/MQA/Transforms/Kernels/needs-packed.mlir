// Each pass below mqa-pack-mx-types refuses typed operands, if it runs by itself.
// RUN: mqa-opt %s --mqa-verify-kernel-functions --verify-diagnostics
// RUN: mqa-opt %s --mqa-attach-target --mqa-select-schedule --verify-diagnostics
// RUN: mqa-opt %s --mqa-attach-target --mqa-tile-logits --verify-diagnostics
// RUN: mqa-opt %s --convert-mqa-to-linalg --verify-diagnostics
// RUN: mqa-opt %s --mqa-outline-kernels --verify-diagnostics

func.func @logits(%q: memref<?x4x64xbf16>, %k: memref<?x64xf4E2M1FN>, %k_scale: memref<?x4xf8E8M0FNU>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error @+1 {{operand 'k' of 'f4E2M1FN' must be packed into bytes first (mqa-pack-mx-types)}}
  mqa.logits ins(%q, %k, %k_scale, none, none, %ke : memref<?x4x64xbf16>, memref<?x64xf4E2M1FN>, memref<?x4xf8E8M0FNU>, memref<?xi32>)
      outs(%out : memref<?x?xf32>)
  return
}
