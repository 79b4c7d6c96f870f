// RUN: mqa-opt %s --mqa-attach-target --mqa-select-schedule | FileCheck %s --check-prefixes=CHECK,DEFAULT
// RUN: mqa-opt %s --mqa-attach-target --mqa-select-schedule="schedule='block_q = 4, block_kv = 64, tile_kv = 32, stages = 6'" | FileCheck %s --check-prefixes=CHECK,GIVEN
// RUN: mqa-opt %s --mqa-attach-target --mqa-select-schedule="schedule=fast" | FileCheck %s --check-prefixes=CHECK,FAST
// RUN: not mqa-opt %s --mqa-attach-target --mqa-select-schedule="schedule='block_q = 4'" 2>&1 | FileCheck %s --check-prefix=UNPARSABLE
// UNPARSABLE: cannot parse '#mqa.schedule<block_q = 4>', expected 'exact', 'fast' or for instance

// CHECK-LABEL: func @h64
// DEFAULT: schedule = #mqa.schedule<block_q = 8, block_kv = 512, tile_q = 8, tile_kv = 128, stages = 5>
// FAST: schedule = #mqa.schedule<block_q = 8, block_kv = 384, tile_q = 8, tile_kv = 96, stages = 7, reduction = f16, block_cost = 2>
// GIVEN: schedule = #mqa.schedule<block_q = 4, block_kv = 64, tile_kv = 32, stages = 6>
func.func @h64(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// CHECK-LABEL: func @h32
// DEFAULT: schedule = #mqa.schedule<block_q = 16, block_kv = 512, tile_q = 16, tile_kv = 128, stages = 12>
// FAST: schedule = #mqa.schedule<block_q = 16, block_kv = 384, tile_q = 16, tile_kv = 96, stages = 12, reduction = f16, block_cost = 3>
func.func @h32(%q: memref<?x32x64xf8E4M3FN>, %k: memref<?x64xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x32xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x32x64xf8E4M3FN>, memref<?x64xf8E4M3FN>, memref<?xf32>, memref<?x32xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// A schedule that the op has is kept.
// CHECK-LABEL: func @kept
// CHECK: schedule = #mqa.schedule<block_q = 12, block_kv = 96, tile_kv = 96, stages = 2, accumulators = 2, relu = max, split = blocks>
func.func @kept(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 12, block_kv = 96, tile_kv = 96, stages = 2, accumulators = 2, relu = max, split = blocks>}
  return
}

// A problem known to be small has an entry of its own.
// CHECK-LABEL: func @few_queries
// DEFAULT: schedule = #mqa.schedule<block_q = 4, block_kv = 512,
func.func @few_queries(%q: memref<3x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<3x64xf32>, %ks: memref<3xi32>, %ke: memref<3xi32>, %out: memref<3x?xf32>) {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<3x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<3x64xf32>, memref<3xi32>, memref<3xi32>) outs(%out : memref<3x?xf32>)
  return
}

// What was not measured gets the schedule with the fewest rows of padding that
// fits: 2 heads x 32 queries in a WGMMA.
// CHECK-LABEL: func @derived
// DEFAULT: schedule = #mqa.schedule<block_q = 32, block_kv = 512, tile_q = 32, tile_kv = 128,
func.func @derived(%q: memref<?x6x64xf8E4M3FN>, %k: memref<?x64xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x6xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x6x64xf8E4M3FN>, memref<?x64xf8E4M3FN>, memref<?xf32>, memref<?x6xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// A 16-bit logit is rounded by more than an f16 reduction costs.
// CHECK-LABEL: func @bf16_logits
// DEFAULT: reduction = f16
func.func @bf16_logits(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xbf16>) {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xbf16>)
  return
}

// A selection takes some shared memory: what was measured without one gets fewer stages, where it does not fit.
// CHECK-LABEL: func @fused
// DEFAULT: schedule = #mqa.schedule<block_q = 8, block_kv = 512, tile_q = 8, tile_kv = 128, stages = 5>
// FAST: schedule = #mqa.schedule<block_q = 8, block_kv = 384, tile_q = 8, tile_kv = 96, stages = 6, reduction = f16, block_cost = 2>
// GIVEN: schedule = #mqa.schedule<block_q = 4, block_kv = 64, tile_kv = 32, stages = 6>
func.func @fused(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %m: index, %n: index, %indices: memref<?x2048xi32>) {
  %init = mqa.unstored_logits(%m, %n) : memref<?x?xf32>
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%init : memref<?x?xf32>)
  mqa.topk ins(%init, %ks, %ke : memref<?x?xf32>, memref<?xi32>, memref<?xi32>) outs(%indices : memref<?x2048xi32>)
  return
}
