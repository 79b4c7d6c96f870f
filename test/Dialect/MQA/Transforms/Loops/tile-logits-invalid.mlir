// RUN: mqa-opt %s --mqa-attach-target --mqa-tile-logits --split-input-file --verify-diagnostics --allow-unregistered-dialect
// What is no kernel function: see test/Pipelines/kernel-*-invalid.mlir.

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{needs a schedule before it is tiled}}
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// -----

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{operand 'ke' must be an argument of the function, and of its own}}
  mqa.logits ins(%q, %k, %s, %w, %ks, %ks : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2>}
  return
}

// -----

func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error@+1 {{must be bufferized before it is tiled}}
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2>} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

// Where the contract was not checked before: the kernel is no func.func.
func.func @f(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2>}
  return
}
func.func @caller(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{refers to kernel function 'f', which only the runtime can launch}}
  call @f(%q, %k, %ke, %out) : (memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>, memref<?x?xf32>) -> ()
  return
}

// -----

// expected-error@+1 {{kernel function 'f' stands beside an op of an unknown dialect with a region, which may refer to it}}
func.func @f(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2>}
  return
}
func.func @caller(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  "unknown.op"() ({
  }) : () -> ()
  call @f(%q, %k, %ke, %out) : (memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>, memref<?x?xf32>) -> ()
  return
}

// -----

// Logits and mqa.topk of key blocks, in one kernel.
func.func @f(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %blocks: memref<?x?xi32>, %counts: memref<?xi32>, %indices: memref<?x8xi32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %m = memref.dim %q, %c0 : memref<?x4x32xbf16>
  %n = memref.dim %k, %c0 : memref<?x32xbf16>
  %listed = memref.dim %blocks, %c1 : memref<?x?xi32>
  %columns = arith.muli %listed, %c8 : index
  %logits = mqa.unstored_logits(%m, %columns) : memref<?x?xf32>
  // expected-error@+1 {{of key blocks, or of rows that name their sequences, cannot be one kernel with mqa.topk: mqa-split-topk makes two}}
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>)
      blocks(%blocks, %counts : memref<?x?xi32>, memref<?xi32>) of 8 outs(%logits : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2>}
  mqa.topk ins(%logits, none, %ke : memref<?x?xf32>, memref<?xi32>) num_keys(%n)
      blocks(%blocks, %counts : memref<?x?xi32>, memref<?xi32>) of 8 outs(%indices : memref<?x8xi32>)
  return
}
