// RUN: mqa-opt %s --mqa-attach-target --mqa-select-schedule --split-input-file --verify-diagnostics | FileCheck %s

// Of the table: keys are the rows.
// CHECK-LABEL: func @two
// CHECK: schedule = #mqa.schedule<block_q = 2, block_kv = 512, tile_q = 2, tile_kv = 128, stages = 6, rows = keys>
func.func @two(%q: memref<?x2x64x128xf8E4M3FN>, %k: memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, %s: memref<?x64xf32, strided<[?, 1]>>, %w: memref<?x64xf32>, %lens: memref<?x2xi32>, %table: memref<?x?xi32>, %out: memref<?x?xf32>) {
  mqa.paged_logits ins(%q, %k, %s, %w, %lens, %table : memref<?x2x64x128xf8E4M3FN>, memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, memref<?x64xf32, strided<[?, 1]>>, memref<?x64xf32>, memref<?x2xi32>, memref<?x?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// -----

// CHECK-LABEL: func @three
// CHECK: schedule = #mqa.schedule<block_q = 4, block_kv = 512, tile_kv = 128, stages = 5>
func.func @three(%q: memref<?x3x64x128xf8E4M3FN>, %k: memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, %s: memref<?x64xf32, strided<[?, 1]>>, %w: memref<?x64xf32>, %lens: memref<?xi32>, %table: memref<?x?xi32>, %out: memref<?x?xf32>) {
  mqa.paged_logits ins(%q, %k, %s, %w, %lens, %table : memref<?x3x64x128xf8E4M3FN>, memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, memref<?x64xf32, strided<[?, 1]>>, memref<?x64xf32>, memref<?xi32>, memref<?x?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// -----

func.func @rows(%q: memref<?x2x64x128xf8E4M3FN>, %k: memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, %s: memref<?x64xf32, strided<[?, 1]>>, %w: memref<?x64xf32>, %lens: memref<?x2xi32>, %table: memref<?x?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{does not fit: the next_n = 2 queries of a sequence need block_q = tile_q of at least as many, found 1 and 1}}
  mqa.paged_logits ins(%q, %k, %s, %w, %lens, %table : memref<?x2x64x128xf8E4M3FN>, memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, memref<?x64xf32, strided<[?, 1]>>, memref<?x64xf32>, memref<?x2xi32>, memref<?x?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 1, block_kv = 256, tile_q = 1, tile_kv = 128, stages = 4>}
  return
}

// -----

func.func @tiles(%q: memref<?x2x64x128xf8E4M3FN>, %k: memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, %s: memref<?x64xf32, strided<[?, 1]>>, %w: memref<?x64xf32>, %lens: memref<?x2xi32>, %table: memref<?x?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{does not fit: tile_kv must be a multiple or a divisor of the cache's block_kv = 64, found 96}}
  mqa.paged_logits ins(%q, %k, %s, %w, %lens, %table : memref<?x2x64x128xf8E4M3FN>, memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, memref<?x64xf32, strided<[?, 1]>>, memref<?x64xf32>, memref<?x2xi32>, memref<?x?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 4, block_kv = 192, tile_q = 4, tile_kv = 96, stages = 4>}
  return
}

// -----

func.func @half(%q: memref<?x2x64x128xf8E4M3FN>, %k: memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, %s: memref<?x64xf32, strided<[?, 1]>>, %w: memref<?x64xf32>, %lens: memref<?x2xi32>, %table: memref<?x?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{does not fit: reduction f16 needs warps with queries of their own (tile_q of at least 4), found tile_q = 2}}
  mqa.paged_logits ins(%q, %k, %s, %w, %lens, %table : memref<?x2x64x128xf8E4M3FN>, memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, memref<?x64xf32, strided<[?, 1]>>, memref<?x64xf32>, memref<?x2xi32>, memref<?x?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 2, block_kv = 256, tile_q = 2, tile_kv = 128, stages = 4, reduction = f16>}
  return
}

// -----

// Many rows that name their sequences have the schedule of contiguous keys.
// CHECK-LABEL: func @many_rows
// CHECK: schedule = #mqa.schedule<block_q = 8, block_kv = 512, tile_q = 8, tile_kv = 128, stages = 5>
func.func @many_rows(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, %s: memref<?x64xf32, strided<[?, 1]>>, %w: memref<?x64xf32>, %lens: memref<?xi32>, %table: memref<?x?xi32>, %sequence: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.paged_logits ins(%q, %k, %s, %w, %lens, %table : memref<?x64x128xf8E4M3FN>, memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, memref<?x64xf32, strided<[?, 1]>>, memref<?x64xf32>, memref<?xi32>, memref<?x?xi32>) sequence(%sequence : memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// -----

// Many logits of 16 bits are summed in half precision.
// CHECK-LABEL: func @many_rounded_rows
// CHECK: schedule = #mqa.schedule<{{.*}}reduction = f16
func.func @many_rounded_rows(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, %s: memref<?x64xf32, strided<[?, 1]>>, %w: memref<?x64xf32>, %lens: memref<?xi32>, %table: memref<?x?xi32>, %sequence: memref<?xi32>, %out: memref<?x?xbf16>) {
  mqa.paged_logits ins(%q, %k, %s, %w, %lens, %table : memref<?x64x128xf8E4M3FN>, memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, memref<?x64xf32, strided<[?, 1]>>, memref<?x64xf32>, memref<?xi32>, memref<?x?xi32>) sequence(%sequence : memref<?xi32>) outs(%out : memref<?x?xbf16>)
  return
}

// -----

// A few rows of each sequence have the schedule of so many queries.
// CHECK-LABEL: func @few_rows
// CHECK: rows_per_sequence = 3
// CHECK-SAME: schedule = #mqa.schedule<block_q = 4, block_kv = 512, tile_kv = 128, stages = 5>
func.func @few_rows(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, %s: memref<?x64xf32, strided<[?, 1]>>, %w: memref<?x64xf32>, %lens: memref<?xi32>, %table: memref<?x?xi32>, %sequence: memref<?xi32>, %out: memref<?x?xbf16>) {
  mqa.paged_logits ins(%q, %k, %s, %w, %lens, %table : memref<?x64x128xf8E4M3FN>, memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, memref<?x64xf32, strided<[?, 1]>>, memref<?x64xf32>, memref<?xi32>, memref<?x?xi32>) sequence(%sequence : memref<?xi32>) outs(%out : memref<?x?xbf16>) {rows_per_sequence = 3 : i64}
  return
}

// -----

func.func @blocks(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, %s: memref<?x64xf32, strided<[?, 1]>>, %w: memref<?x64xf32>, %lens: memref<?xi32>, %table: memref<?x?xi32>, %sequence: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{does not fit: rows that name their sequences need split = tiles: where a query block begins, only what shares the tiles finds}}
  mqa.paged_logits ins(%q, %k, %s, %w, %lens, %table : memref<?x64x128xf8E4M3FN>, memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, memref<?x64xf32, strided<[?, 1]>>, memref<?x64xf32>, memref<?xi32>, memref<?x?xi32>) sequence(%sequence : memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 4, block_kv = 512, tile_kv = 128, stages = 5, split = blocks>}
  return
}

// -----

// Of the table, for key blocks: tiles of 256 keys, of four groups of consumers. A row has a list of its own.
// CHECK-LABEL: func @blocks
// CHECK: schedule = #mqa.schedule<block_q = 1, block_kv = 1024, tile_q = 1, tile_kv = 256, stages = 5, rows = keys>
func.func @blocks(%q: memref<?x1x64x128xf8E4M3FN>, %k: memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, %s: memref<?x64xf32, strided<[?, 1]>>, %w: memref<?x64xf32>, %lens: memref<?x1xi32>, %table: memref<?x?xi32>, %blocks: memref<?x?xi32>, %counts: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.paged_logits ins(%q, %k, %s, %w, %lens, %table : memref<?x1x64x128xf8E4M3FN>, memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, memref<?x64xf32, strided<[?, 1]>>, memref<?x64xf32>, memref<?x1xi32>, memref<?x?xi32>) blocks(%blocks, %counts : memref<?x?xi32>, memref<?xi32>) of 8 outs(%out : memref<?x?xf32>)
  return
}

// -----

// The same with two queries of a sequence: each has a list of its own, too.
// CHECK-LABEL: func @blocks_of_two
// CHECK: schedule = #mqa.schedule<block_q = 1, block_kv = 1024, tile_q = 1, tile_kv = 256, stages = 5, rows = keys>
func.func @blocks_of_two(%q: memref<?x2x64x128xf8E4M3FN>, %k: memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, %s: memref<?x64xf32, strided<[?, 1]>>, %w: memref<?x64xf32>, %lens: memref<?x2xi32>, %table: memref<?x?xi32>, %blocks: memref<?x?xi32>, %counts: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.paged_logits ins(%q, %k, %s, %w, %lens, %table : memref<?x2x64x128xf8E4M3FN>, memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, memref<?x64xf32, strided<[?, 1]>>, memref<?x64xf32>, memref<?x2xi32>, memref<?x?xi32>) blocks(%blocks, %counts : memref<?x?xi32>, memref<?xi32>) of 8 outs(%out : memref<?x?xf32>)
  return
}
