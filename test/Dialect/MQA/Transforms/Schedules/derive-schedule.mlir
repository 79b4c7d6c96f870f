// RUN: mqa-opt %s --mqa-attach-target --mqa-select-schedule | FileCheck %s

// Four queries of 128 heads have no room: half of the heads at a time.
// CHECK-LABEL: func @wide
// CHECK: schedule = #mqa.schedule<block_q = 4,
// CHECK-SAME: block_heads = 64>
func.func @wide(%q: memref<?x128x256xbf16>, %k: memref<?x256xbf16>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, none, none, %ks, %ke : memref<?x128x256xbf16>, memref<?x256xbf16>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// Consumer groups share keys that have groups.
// CHECK-LABEL: func @groups
// CHECK: schedule = #mqa.schedule<block_q = 32, block_kv = 96, tile_q = 8, tile_kv = 96,
func.func @groups(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x8x128xf8E4M3FN>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, none, none, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x8x128xf8E4M3FN>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// Compressed logits of 32 heads have an entry of their own.
// CHECK-LABEL: func @compressed
// CHECK: relu = integer_max
func.func @compressed(%q: memref<?x32x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x32xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x32x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x32xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {compressed}
  return
}

// CHECK-LABEL: func @whole_rows
// CHECK-NOT: relu = integer_max
func.func @whole_rows(%q: memref<?x32x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x32xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x32x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x32xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}
