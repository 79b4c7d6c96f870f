// RUN: mqa-opt %s --mqa-attach-target --mqa-tile-logits --split-input-file --verify-diagnostics

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{needs a schedule before it is tiled}}
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// -----

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index) {
  // expected-error@+1 {{with 'key_offset' or 'num_keys' cannot become a kernel}}
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) key_offset(%n) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2>}
  return
}

// -----

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{must consist of one mqa.logits or mqa.paged_logits on its arguments, found also 'memref.alloc'}}
  %0 = memref.alloc() : memref<4xf32>
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2>}
  return
}

// -----

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{operand 'ke' must be an argument of the function, and of its own}}
  mqa.logits ins(%q, %k, %s, %w, %ks, %ks : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2>}
  return
}

// -----

// expected-error@+1 {{every argument of a kernel must be an operand of its mqa.logits}}
func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %more: index) {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2>}
  return
}

// -----

// expected-error@+1 {{a kernel can only return its 'out' argument}}
func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) -> memref<?xf32> {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2>}
  return %s : memref<?xf32>
}

// -----

func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error@+1 {{must be bufferized before it is tiled}}
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2>} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}
