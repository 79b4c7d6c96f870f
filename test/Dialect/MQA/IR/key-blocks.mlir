// Lists of key blocks: round trips, and tiles of the op.
// RUN: mqa-opt %s | mqa-opt | FileCheck %s
// RUN: mqa-opt %s --emit-bytecode | mqa-opt | FileCheck %s
// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(mqa-tile-tasks{tile-sizes=2,64},canonicalize,cse))' | FileCheck %s --check-prefix=TILE

// A task has some columns of one query, and all keys.
// CHECK-LABEL: func @on_tensors
// CHECK: mqa.logits ins(%{{.*}}, %{{.*}}, none, none, %{{.*}}, %{{.*}} : {{.*}}) blocks(%{{.*}}, %{{.*}} : tensor<?x16xi32>, tensor<?xi32>) of 8 outs(%{{.*}} : tensor<?x128xf32>) {clean} -> tensor<?x128xf32>
// TILE-LABEL: func @on_tensors
// TILE-SAME: %{{.*}}: tensor<?x64x128xbf16>, %[[K:.*]]: tensor<?x128xbf16>,
// TILE: scf.forall (%[[M:.*]]) in
// TILE: %[[B:.*]] = tensor.extract_slice %{{.*}}[%[[M]], 0] [1, 16] [1, 1] : tensor<?x16xi32> to tensor<1x16xi32>
// TILE: mqa.logits ins(%{{.*}}, %[[K]], none, none, %{{.*}}) blocks(%[[B]], %{{.*}} : tensor<1x16xi32>, tensor<1xi32>) of 8
func.func @on_tensors(%q: tensor<?x64x128xbf16>, %k: tensor<?x128xbf16>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %b: tensor<?x16xi32>, %n: tensor<?xi32>, %out: tensor<?x128xf32>) -> tensor<?x128xf32> {
  %0 = mqa.logits ins(%q, %k, none, none, %ks, %ke : tensor<?x64x128xbf16>, tensor<?x128xbf16>, tensor<?xi32>, tensor<?xi32>) blocks(%b, %n : tensor<?x16xi32>, tensor<?xi32>) of 8 outs(%out : tensor<?x128xf32>) {clean} -> tensor<?x128xf32>
  return %0 : tensor<?x128xf32>
}

// A task has some columns of all queries of one sequence, and its line of the table.
// CHECK-LABEL: func @of_a_cache
// CHECK: mqa.paged_logits ins(%{{.*}}, %{{.*}}, none, none, %{{.*}}, %{{.*}} : {{.*}}) blocks(%{{.*}}, %{{.*}} : tensor<?x16xi32>, tensor<?xi32>) of 8 outs(%{{.*}} : tensor<?x128xf32>) {clean} -> tensor<?x128xf32>
// TILE-LABEL: func @of_a_cache
// TILE-SAME: %{{.*}}: tensor<?x2x64x128xbf16>, %[[K:.*]]: tensor<?x64x128xbf16>,
// TILE: scf.forall (%[[S:.*]]) in
// TILE: %[[ROW:.*]] = affine.apply #{{.*}}(%[[S]])
// TILE: %[[TABLE:.*]] = tensor.extract_slice %{{.*}}[%[[S]], 0] [1, %{{.*}}] [1, 1] : tensor<?x?xi32> to tensor<1x?xi32>
// TILE: %[[B:.*]] = tensor.extract_slice %{{.*}}[%[[ROW]], 0] [2, 16] [1, 1] : tensor<?x16xi32> to tensor<2x16xi32>
// TILE: %[[COUNT:.*]] = tensor.extract_slice %{{.*}}[%[[ROW]]] [2] [1] : tensor<?xi32> to tensor<2xi32>
// TILE: mqa.paged_logits ins(%{{.*}}, %[[K]], none, none, %{{.*}}, %[[TABLE]] : {{.*}}) blocks(%[[B]], %[[COUNT]] : tensor<2x16xi32>, tensor<2xi32>) of 8
func.func @of_a_cache(%q: tensor<?x2x64x128xbf16>, %k: tensor<?x64x128xbf16>, %lens: tensor<?xi32>, %t: tensor<?x?xi32>, %b: tensor<?x16xi32>, %n: tensor<?xi32>, %out: tensor<?x128xf32>) -> tensor<?x128xf32> {
  %0 = mqa.paged_logits ins(%q, %k, none, none, %lens, %t : tensor<?x2x64x128xbf16>, tensor<?x64x128xbf16>, tensor<?xi32>, tensor<?x?xi32>) blocks(%b, %n : tensor<?x16xi32>, tensor<?xi32>) of 8 outs(%out : tensor<?x128xf32>) {clean} -> tensor<?x128xf32>
  return %0 : tensor<?x128xf32>
}

// CHECK-LABEL: func @rows_of_sequences
// CHECK: mqa.paged_logits {{.*}} sequence(%{{.*}} : memref<?xi32>) blocks(%{{.*}}, %{{.*}} : memref<?x?xi32>, memref<?xi32>) of 16
func.func @rows_of_sequences(%q: memref<?x64x128xbf16>, %k: memref<?x16x128xbf16>, %lens: memref<?xi32>, %t: memref<?x?xi32>, %s: memref<?xi32>, %b: memref<?x?xi32>, %n: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.paged_logits ins(%q, %k, none, none, %lens, %t : memref<?x64x128xbf16>, memref<?x16x128xbf16>, memref<?xi32>, memref<?x?xi32>) sequence(%s : memref<?xi32>) blocks(%b, %n : memref<?x?xi32>, memref<?xi32>) of 16 outs(%out : memref<?x?xf32>)
  return
}

// CHECK-LABEL: func @pages
// CHECK: mqa.gather_pages %{{.*}}[%{{.*}}] pages(%{{.*}} : memref<1x?xi32>) from %{{.*}} keys %{{.*}} {block_size = 8 : i64} : memref<?x64x128xbf16>, memref<1x?xi32> -> memref<?x128xbf16>
// CHECK: mqa.gather_pages %{{.*}}[%{{.*}}] from %{{.*}} keys %{{.*}} {block_size = 8 : i64} : memref<?x64xf32>, memref<1x?xi32> -> memref<?xf32>
// CHECK: mqa.gather_blocks %{{.*}}[%{{.*}}] from %{{.*}} {block_size = 16 : i64} : memref<?x64x128xbf16> -> memref<?x128xbf16>
func.func @pages(%cache: memref<?x64x128xbf16>, %scales: memref<?x64xf32>, %list: memref<1x?xi32>, %line: memref<1x?xi32>, %n: index, %ids: i32) -> (memref<?x128xbf16>, memref<?xf32>, memref<?x128xbf16>) {
  %k = mqa.gather_pages %cache[%list] pages(%line : memref<1x?xi32>) from %n keys %n {block_size = 8} : memref<?x64x128xbf16>, memref<1x?xi32> -> memref<?x128xbf16>
  %s = mqa.gather_pages %scales[%list] from %n keys %n {block_size = 8} : memref<?x64xf32>, memref<1x?xi32> -> memref<?xf32>
  %b = mqa.gather_blocks %cache[%ids] from %n {block_size = 16} : memref<?x64x128xbf16> -> memref<?x128xbf16>
  return %k, %s, %b : memref<?x128xbf16>, memref<?xf32>, memref<?x128xbf16>
}

// CHECK-LABEL: func @inside_of_a_kernel
// CHECK: %[[KEYS:.*]] = mqa.make_ranges none, %{{.*}} keys(%{{.*}}) : memref<?xi32>
// CHECK: %[[COLUMNS:.*]] = mqa.block_ranges %[[KEYS]] blocks(%{{.*}}, %{{.*}}) columns(%{{.*}}) {block_size = 8 : i64} : memref<?x?xi32>, memref<?xi32>
// CHECK: %[[K:.*]] = mqa.gather_pages %{{.*}}[%{{.*}}] from %{{.*}} keys %{{.*}} {block_size = 8 : i64} : memref<?x128xbf16>, memref<1x?xi32> -> memref<?x128xbf16>
// CHECK: mqa.gather_blocks %{{.*}}[%{{.*}}] from %{{.*}} {block_size = 8 : i64} : memref<?xf32> -> memref<?xf32>
// CHECK: mqa.logits ins(%{{.*}}, %[[K]], none, none : {{.*}}) ranges(%[[COLUMNS]]) key_offset(%{{.*}}) outs(%{{.*}} : memref<1x?xf32>) {clean}
// CHECK: mqa.store_logits %{{.*}}, %[[COLUMNS]] first_key(%{{.*}}) outs(%{{.*}} : memref<1x?xf32>) {clean} : vector<1x128xf32>
// CHECK: mqa.gather_columns %{{.*}}[%{{.*}}] mask %{{.*}}, %{{.*}} : memref<?x?xi32>, vector<1x128xindex>, vector<1x128xi1> -> vector<1x128xi32>
func.func @inside_of_a_kernel(%q: memref<1x64x128xbf16>, %matrix: memref<?x128xbf16>, %scales: memref<?xf32>, %row: memref<1x?xi32>, %ke: memref<?xi32>, %b: memref<?x?xi32>, %counts: memref<?xi32>, %n: index, %ids: i32, %v: vector<1x128xf32>, %c: vector<1x128xindex>, %mask: vector<1x128xi1>, %out: memref<1x?xf32>) -> vector<1x128xi32> {
  %keys = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
  %columns = mqa.block_ranges %keys blocks(%b, %counts) columns(%n) {block_size = 8} : memref<?x?xi32>, memref<?xi32>
  %k = mqa.gather_pages %matrix[%row] from %n keys %n {block_size = 8} : memref<?x128xbf16>, memref<1x?xi32> -> memref<?x128xbf16>
  %s = mqa.gather_blocks %scales[%ids] from %n {block_size = 8} : memref<?xf32> -> memref<?xf32>
  mqa.logits ins(%q, %k, none, none : memref<1x64x128xbf16>, memref<?x128xbf16>) ranges(%columns) key_offset(%n) outs(%out : memref<1x?xf32>) {clean}
  mqa.store_logits %v, %columns first_key(%n) outs(%out : memref<1x?xf32>) {clean} : vector<1x128xf32>
  %read = mqa.gather_columns %b[%c] mask %mask, %ids : memref<?x?xi32>, vector<1x128xindex>, vector<1x128xi1> -> vector<1x128xi32>
  return %read : vector<1x128xi32>
}
