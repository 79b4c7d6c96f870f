// RUN: mqa-opt %s --mqa-attach-target --mqa-select-schedule --split-input-file --verify-diagnostics

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{tile_kv is 288 accumulator columns, but WGMMA has at most 256}}
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 4, block_kv = 288, tile_kv = 288, stages = 2>}
  return
}

// -----

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{stages is 1, but loads overlap with work only from 2 on}}
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 1>}
  return
}

// -----

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{8 consumer groups and a producer are 1152 threads, but a block has at most 1024}}
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 32, block_kv = 32, tile_kv = 32, stages = 2>}
  return
}

// -----

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{a consumer thread needs 208 registers (128 accumulators, 64 sums, 8 weights), but 4 consumer groups leave it 112}}
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 8, block_kv = 512, tile_kv = 256, stages = 2>}
  return
}

// -----

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{a consumer thread needs 176 registers (128 accumulators, 32 sums, 8 weights), but 4 consumer groups leave it 112}}
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2, accumulators = 2>}
  return
}

// -----

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{bytes of shared memory, but a block has 232448}}
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 16, block_kv = 128, tile_kv = 128, stages = 2>}
  return
}

// -----

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{stages is 3, but 4 consumer groups work on a stage each}}
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 8, block_kv = 512, tile_q = 8, tile_kv = 128, stages = 3>}
  return
}

// -----

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{block_q is 64, but a warp reads the ranges of a block at once: at most 32}}
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 64, block_kv = 96, tile_q = 32, tile_kv = 96, stages = 2>}
  return
}

// -----

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{reduction f16 adds up at most 8 head tiles, but tile_q = 16 makes 16 of 64 heads}}
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 16, block_kv = 384, tile_q = 16, tile_kv = 96, query_stages = 1, stages = 4, reduction = f16>}
  return
}

// -----

func.func @f(%q: memref<?x64x128xf16>, %k: memref<?x128xf16>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{reduction f16 is for f8E4M3FN, relu, weights, a sum over the heads, a head dim of 32, 64 or 128 and all heads at once, found f16}}
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf16>, memref<?x128xf16>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_q = 8, tile_kv = 64, stages = 4, reduction = f16>}
  return
}

// -----

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{all heads at once, found head_reduction max}}
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {head_reduction = #mqa.head_reduction<max>, schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_q = 8, tile_kv = 64, stages = 4, reduction = f16>}
  return
}

// -----

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x2x128xf8E4M3FN>, %s: memref<?x2xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{head_reduction max with a 'k_scale' for each key group needs all of 32 heads of a group at once, found block_heads = 16}}
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x2x128xf8E4M3FN>, memref<?x2xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {head_reduction = #mqa.head_reduction<max>, schedule = #mqa.schedule<block_q = 8, block_kv = 64, tile_q = 8, tile_kv = 64, stages = 4, block_heads = 16>}
  return
}

// -----

// What is wrong, and nothing that is right.
func.func @f(%q: memref<?x64x256xf8E4M3FN>, %k: memref<?x256xf8E4M3FN>, %s: memref<?xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{all heads at once, found no relu, no weights, head dim 256}}
  mqa.logits ins(%q, %k, %s, none, %ks, %ke : memref<?x64x256xf8E4M3FN>, memref<?x256xf8E4M3FN>, memref<?xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {activation = #mqa.activation<none>, schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_q = 8, tile_kv = 64, stages = 4, reduction = f16>}
  return
}

// -----

// All heads of four queries do not fit, and a block has at least four.
func.func @f(%q: memref<?x128x256xbf16>, %k: memref<?x256xbf16>, %s: memref<?xf32>, %w: memref<?x128xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{the rings take 298320 bytes of shared memory, but a block has 232448}}
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x128x256xbf16>, memref<?x256xbf16>, memref<?xf32>, memref<?x128xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 4, block_kv = 32, tile_kv = 32, query_stages = 1, stages = 2>}
  return
}

// -----

func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x2x128xf8E4M3FN>, %s: tensor<?x2xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error@+1 {{consumer groups cannot take turns (block_kv = 256 is not tile_kv = 128) at keys that are staged for a part of the heads at a time}}
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x2x128xf8E4M3FN>, tensor<?x2xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2>} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

// So many stages that their bytes are no number of 64 bits.
func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error@+1 {{bytes of shared memory, but a block has 232448}}
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 70368744177666>} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

// No launch takes rows that far apart.
func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %ke: tensor<?xi32>, %out: tensor<?x268435456xf32>) -> tensor<?x268435456xf32> {
  // expected-error@+1 {{does not fit: block_q = 8 rows of 'out' may have at most 268435455 columns, found 268435456}}
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xi32>) outs(%out : tensor<?x268435456xf32>) {compressed, schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2>} -> tensor<?x268435456xf32>
  return %0 : tensor<?x268435456xf32>
}

// -----

// Without a selection, seven stages fit.
func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %m: index, %n: index, %indices: memref<?x2048xi32>) {
  %init = mqa.unstored_logits(%m, %n) : memref<?x?xf32>
  // expected-error@+1 {{bytes of shared memory, but a block has 232448}}
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%init : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 8, block_kv = 384, tile_q = 8, tile_kv = 96, stages = 7, reduction = f16>}
  mqa.topk ins(%init, %ks, %ke : memref<?x?xf32>, memref<?xi32>, memref<?xi32>) outs(%indices : memref<?x2048xi32>)
  return
}

// -----

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 8, block_kv = 384, tile_q = 8, tile_kv = 96, stages = 7, reduction = f16>}
  return
}

// -----

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{tile_kv must be a multiple of block_max = 64, found 96}}
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xi32>) outs(%out : memref<?x?xf32>) {block_max = 64, schedule = #mqa.schedule<block_q = 8, block_kv = 96, tile_kv = 96, stages = 2>}
  return
}

// -----

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{rows of keys are for WGMMA, and for logits that are summed in f32 and stored one by one, found block_max}}
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xi32>) outs(%out : memref<?x?xf32>) {block_max = 64, schedule = #mqa.schedule<block_q = 2, block_kv = 64, tile_q = 2, tile_kv = 64, stages = 2, rows = keys>}
  return
}

// -----

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %w: memref<?x64xf32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{rows of keys are for WGMMA, and for logits that are summed in f32 and stored one by one, found reduction f16}}
  mqa.logits ins(%q, %k, none, %w, none, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?x64xf32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 4, block_kv = 64, tile_q = 4, tile_kv = 64, stages = 2, reduction = f16, rows = keys>}
  return
}

// -----

// 4 queries of 128 heads are four products of 32 heads, which is a fit.
func.func @f(%q: memref<?x128x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x128x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 4, block_kv = 256, tile_q = 4, tile_kv = 64, query_stages = 1, stages = 8, rows = keys>}
  return
}

// -----

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{tile_kv is 512 keys, but TMA copies at most 256 rows at a time}}
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 2, block_kv = 512, tile_q = 2, tile_kv = 512, stages = 2, rows = keys>}
  return
}

// -----

func.func @f(%q: memref<?x64x128xbf16>, %k: memref<?x128xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{rows of keys need tile_kv = 64 for heads by parts and for keys of more than 128 bytes, found 128}}
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x64x128xbf16>, memref<?x128xbf16>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 2, block_kv = 128, tile_q = 2, tile_kv = 128, stages = 2, rows = keys>}
  return
}
