// RUN: mqa-opt %s --mqa-select-schedule --split-input-file --verify-diagnostics

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{block_q * H is 320 accumulator columns, but WGMMA has at most 256}}
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 5, block_kv = 256, warpgroups = 4, stages = 4>}
  return
}

// -----

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{block_kv is 128, but 4 warpgroups take 64 keys each: 256}}
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 2, block_kv = 128, warpgroups = 4, stages = 4>}
  return
}

// -----

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{block_kv is 320, but a TMA box has at most 256 rows}}
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 1, block_kv = 320, warpgroups = 5, stages = 4>}
  return
}

// -----

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{stages is 1, but loads overlap with work only from 2 on}}
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 2, block_kv = 256, warpgroups = 4, stages = 1>}
  return
}

// -----

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{a consumer thread needs 208 registers (128 accumulators, 64 weights), but 4 warpgroups leave it 112}}
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 4, block_kv = 256, warpgroups = 4, stages = 2>}
  return
}

// -----

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{bytes of shared memory, but a block has 232448}}
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 2, block_kv = 256, warpgroups = 4, stages = 6>}
  return
}
