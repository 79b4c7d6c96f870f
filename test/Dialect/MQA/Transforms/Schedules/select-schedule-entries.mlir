// RUN: split-file %s %t
// RUN: mqa-opt %t/stored.mlir --mqa-attach-target --mqa-select-schedule | FileCheck %t/stored.mlir
// RUN: mqa-opt %t/selected.mlir --mqa-attach-target --mqa-select-schedule | FileCheck %t/selected.mlir
// RUN: mqa-opt %t/selected-paged.mlir --mqa-attach-target --mqa-select-schedule | FileCheck %t/selected-paged.mlir

// Entries of the table say which types they are for, and whether they are for logits that are selected from.

//--- stored.mlir
// CHECK-LABEL: func @mx_keys
// CHECK: schedule = #mqa.schedule<block_q = 16, block_kv = 384, tile_q = 16, tile_kv = 128, stages = 4>
func.func @mx_keys(%q: memref<?x32x128xf8E4M3FN>, %k: memref<?x64xi8>, %s: memref<?xi32>, %w: memref<?x32xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x32x128xf8E4M3FN>, memref<?x64xi8>, memref<?xi32>, memref<?x32xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// Decode with MXFP4 keys has them as the rows of products; rows of sequences have not.
// CHECK-LABEL: func @mx_paged
// CHECK: schedule = #mqa.schedule<block_q = 1, block_kv = 512, tile_q = 1, tile_kv = 128, stages = 8, rows = keys>
func.func @mx_paged(%q: memref<?x1x32x128xf8E4M3FN>, %k: memref<?x64x64xi8>, %s: memref<?x64xi32>, %w: memref<?x32xf32>, %lens: memref<?xi32>, %table: memref<?x?xi32>, %out: memref<?x?xf32>) {
  mqa.paged_logits ins(%q, %k, %s, %w, %lens, %table : memref<?x1x32x128xf8E4M3FN>, memref<?x64x64xi8>, memref<?x64xi32>, memref<?x32xf32>, memref<?xi32>, memref<?x?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// CHECK-LABEL: func @mx_rows
// CHECK: schedule = #mqa.schedule<block_q = 8,
// CHECK-NOT: rows = keys
func.func @mx_rows(%q: memref<?x32x128xf8E4M3FN>, %k: memref<?x64x64xi8>, %s: memref<?x64xi32>, %w: memref<?x32xf32>, %lens: memref<?xi32>, %table: memref<?x?xi32>, %sequence: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.paged_logits ins(%q, %k, %s, %w, %lens, %table : memref<?x32x128xf8E4M3FN>, memref<?x64x64xi8>, memref<?x64xi32>, memref<?x32xf32>, memref<?xi32>, memref<?x?xi32>) sequence(%sequence : memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// CHECK-LABEL: func @h16
// CHECK: schedule = #mqa.schedule<block_q = 16, block_kv = 384, tile_q = 16, tile_kv = 96, stages = 8>
func.func @h16(%q: memref<?x16x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x16xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x16x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x16xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// Not measured.
// CHECK-LABEL: func @bf16
// CHECK-NOT: stages = 8>
// CHECK: schedule = #mqa.schedule<block_q = 8,
func.func @bf16(%q: memref<?x16x128xbf16>, %k: memref<?x128xbf16>, %s: memref<?xf32>, %w: memref<?x16xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x16x128xbf16>, memref<?x128xbf16>, memref<?xf32>, memref<?x16xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// CHECK-LABEL: func @no_weights
// CHECK: schedule = #mqa.schedule<block_q = 16, block_kv = 384, tile_q = 16, tile_kv = 96, stages = 12>
func.func @no_weights(%q: memref<?x4x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, none, none, %ks, %ke : memref<?x4x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// CHECK-LABEL: func @weights
// CHECK-NOT: tile_kv = 96
// CHECK: return
func.func @weights(%q: memref<?x4x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %w: memref<?x4xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, none, %w, %ks, %ke : memref<?x4x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?x4xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}

//--- selected.mlir
// What a kernel selects from has the tiles of a derived schedule; so has the kernel of the same module that stores it, and no other.
// CHECK-LABEL: func @stored
// CHECK: schedule = #mqa.schedule<block_q = 8, block_kv = 512, tile_q = 8, tile_kv = 128,
func.func @stored(%q: memref<?x16x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %w: memref<?x16xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, none, %w, %ks, %ke : memref<?x16x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?x16xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {clean}
  return
}

// CHECK-LABEL: func @selected
// CHECK: schedule = #mqa.schedule<block_q = 8, block_kv = 512, tile_q = 8, tile_kv = 128,
func.func @selected(%q: memref<?x16x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %w: memref<?x16xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %m: index, %n: index, %indices: memref<?x64xi32>) {
  %init = mqa.unstored_logits(%m, %n) : memref<?x?xf32>
  mqa.logits ins(%q, %k, none, %w, %ks, %ke : memref<?x16x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?x16xf32>, memref<?xi32>, memref<?xi32>) outs(%init : memref<?x?xf32>)
  mqa.topk ins(%init, %ks, %ke : memref<?x?xf32>, memref<?xi32>, memref<?xi32>) outs(%indices : memref<?x64xi32>)
  return
}

// CHECK-LABEL: func @other
// CHECK: schedule = #mqa.schedule<block_q = 16, block_kv = 384, tile_q = 16, tile_kv = 96, stages = 8>
func.func @other(%q: memref<?x16x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %w: memref<?x16xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, none, %w, %ks, %ke : memref<?x16x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?x16xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {activation = #mqa.activation<none>}
  return
}

//--- selected-paged.mlir
// Likewise of a paged cache: keys are the rows of products only where nothing is selected from the same logits.
// CHECK-LABEL: func @stored
// CHECK: schedule = #mqa.schedule<block_q = 1, block_kv = 512, tile_q = 1, tile_kv = 128, stages = 5>
func.func @stored(%q: memref<?x1x64x128xf8E4M3FN>, %k: memref<?x64x128xf8E4M3FN>, %s: memref<?x64xf32>, %w: memref<?x64xf32>, %lens: memref<?xi32>, %table: memref<?x?xi32>, %out: memref<?x?xf32>) {
  mqa.paged_logits ins(%q, %k, %s, %w, %lens, %table : memref<?x1x64x128xf8E4M3FN>, memref<?x64x128xf8E4M3FN>, memref<?x64xf32>, memref<?x64xf32>, memref<?xi32>, memref<?x?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// CHECK-LABEL: func @selected
// CHECK: schedule = #mqa.schedule<block_q = 1, block_kv = 512, tile_q = 1, tile_kv = 128, stages = 5>
func.func @selected(%q: memref<?x1x64x128xf8E4M3FN>, %k: memref<?x64x128xf8E4M3FN>, %s: memref<?x64xf32>, %w: memref<?x64xf32>, %lens: memref<?xi32>, %table: memref<?x?xi32>, %m: index, %n: index, %indices: memref<?x64xi32>) {
  %init = mqa.unstored_logits(%m, %n) : memref<?x?xf32>
  mqa.paged_logits ins(%q, %k, %s, %w, %lens, %table : memref<?x1x64x128xf8E4M3FN>, memref<?x64x128xf8E4M3FN>, memref<?x64xf32>, memref<?x64xf32>, memref<?xi32>, memref<?x?xi32>) outs(%init : memref<?x?xf32>)
  mqa.topk ins(%init, none, none : memref<?x?xf32>) context_lens(%lens : memref<?xi32>) outs(%indices : memref<?x64xi32>)
  return
}
