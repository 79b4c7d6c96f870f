// RUN: mqa-opt %s --split-input-file --verify-diagnostics

#q = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#k = #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!q = memref<4x64x128xf8E4M3FN, #q, #smem>
!k = memref<64x128xf8E4M3FN, #k, #smem>
func.func @half(%q: !q, %k: !k, %w: memref<4x64xf32, #smem>, %f: memref<2x4xf32, #smem>) {
  // expected-error@+1 {{with 'reduction' f16 needs relu as 'max', 'weights', 'factors' and heads that are summed}}
  %logits = mqa.tile_logits ins(%q, %k, none, %w : !q, !k, memref<4x64xf32, #smem>) factors(%f : memref<2x4xf32, #smem>)
      {reduction = #mqa.reduction<f16>, head_reduction = #mqa.head_reduction<max>} : vector<4x64xf32>
  return
}

// -----

#q = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#k = #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!q = memref<4x64x128xf8E4M3FN, #q, #smem>
!k = memref<64x128xf8E4M3FN, #k, #smem>
func.func @onto_nothing(%q: !q, %k: !k, %s: memref<64xf32, #smem>, %last: i1) {
  // expected-error@+1 {{with 'scales_onto' needs 'onto' and a 'k_scale' of f32, which multiplies both}}
  %logits = mqa.tile_logits ins(%q, %k, %s, none : !q, !k, memref<64xf32, #smem>) scales_onto(%last) : vector<4x64xf32>
  return
}

// -----

#q = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#k = #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!q = memref<4x64x128xf8E4M3FN, #q, #smem>
!k = memref<64x128xf8E4M3FN, #k, #smem>
func.func @no_scale(%q: !q, %k: !k, %before: vector<4x64xf32>, %last: i1) {
  // expected-error@+1 {{with 'scales_onto' needs 'onto' and a 'k_scale' of f32, which multiplies both}}
  %logits = mqa.tile_logits ins(%q, %k, none, none : !q, !k) onto(%before : vector<4x64xf32>) scales_onto(%last) : vector<4x64xf32>
  return
}

// -----

func.func @unknown(%q: tensor<?x4x128xbf16>, %k: tensor<?x128xbf16>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) {
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x128xbf16>, tensor<?x128xbf16>, tensor<?xi32>)
       // expected-error@+2 {{expected ::mlir::mqa::HeadReduction to be one of: sum, max}}
       // expected-error@+1 {{failed to parse MQA_HeadReductionEnumAttr parameter 'value'}}
       outs(%out : tensor<?x?xf32>) {head_reduction = #mqa.head_reduction<mean>} -> tensor<?x?xf32>
  return
}
