// RUN: mqa-opt %s | mqa-opt | FileCheck %s
// RUN: mqa-opt %s --mlir-print-op-generic | mqa-opt | FileCheck %s
// RUN: mqa-opt %s --emit-bytecode | mqa-opt | FileCheck %s

#at_128x128 = #mqa.staged<shape = [128, 128], dims = [0, 1], swizzle = 16>
#at_1x8x4x8x2x128 = #mqa.staged<shape = [1, 8, 4, 8, 2, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_256x128 = #mqa.staged<shape = [256, 128], dims = [0, 1], swizzle = 16>
#at_2x4x4x16x1x128 = #mqa.staged<shape = [2, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_4x8x2x32 = #mqa.staged<shape = [4, 8, 2, 32], dims = [0, 1, 0, 2], swizzle = 16>
#at_8x32 = #mqa.staged<shape = [8, 32], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!key_ring = !mqa.ring<4, memref<256x128xf8E4M3FN, #at_256x128, #smem>, memref<256xf32, #smem>>
!key_slot = memref<256x128xf8E4M3FN, #at_256x128, #smem>
!scale_slot = memref<256xf32, strided<[1], offset: ?>, #smem>


// CHECK-LABEL: func @logits_on_tensors
// CHECK: %[[R:.*]] = mqa.logits ins(%{{.*}} : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%{{.*}} : tensor<?x?xf32>) -> tensor<?x?xf32>
// CHECK: return %[[R]]
func.func @logits_on_tensors(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// CHECK-LABEL: func @logits_on_memrefs
// CHECK: mqa.logits ins({{.*}}) key_offset(%{{.*}}) outs(%{{.*}} : memref<3x5xf32>) {clean, schedule = #mqa.schedule<block_q = 16, block_kv = 96, tile_q = 8, tile_kv = 96, query_stages = 1, stages = 3, accumulators = 2, relu = integer_max, split = blocks, block_cost = 0>}
func.func @logits_on_memrefs(%q: memref<3x32x64xf8E4M3FN, strided<[4096, 64, 1], offset: ?>>, %k: memref<5x64xf8E4M3FN>, %s: memref<5xf32>, %w: memref<3x32xf32>, %ks: memref<3xi32>, %ke: memref<3xi32>, %out: memref<3x5xf32>, %n: index) {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<3x32x64xf8E4M3FN, strided<[4096, 64, 1], offset: ?>>, memref<5x64xf8E4M3FN>, memref<5xf32>, memref<3x32xf32>, memref<3xi32>, memref<3xi32>) key_offset(%n) outs(%out : memref<3x5xf32>) {clean, schedule = #mqa.schedule<block_q = 16, block_kv = 96, tile_q = 8, tile_kv = 96, query_stages = 1, stages = 3, accumulators = 2, relu = integer_max, split = blocks, block_cost = 0>}
  return
}

// Keys with groups, and rows that begin with their range.
// CHECK-LABEL: func @groups_compressed
// CHECK: mqa.logits ins({{.*}} : tensor<?x64x128xf8E4M3FN>, tensor<?x8x128xf8E4M3FN>, tensor<?x8xf32>, {{.*}}) outs(%{{.*}} : tensor<?x2048xf32>) {clean, compressed} -> tensor<?x2048xf32>
func.func @groups_compressed(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x8x128xf8E4M3FN>, %s: tensor<?x8xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x2048xf32>) -> tensor<?x2048xf32> {
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x8x128xf8E4M3FN>, tensor<?x8xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x2048xf32>) {clean, compressed} -> tensor<?x2048xf32>
  return %0 : tensor<?x2048xf32>
}

// A tile of compressed rows.
// CHECK-LABEL: func @compressed_tile
// CHECK: %[[RANGES:.*]] = mqa.make_ranges
// CHECK: mqa.logits ins({{.*}} : memref<?x64x128xf8E4M3FN>, memref<?x8x128xf8E4M3FN>, memref<?x8xf32>, memref<?x64xf32>) ranges(%[[RANGES]]) key_offset(%{{.*}}) outs(%{{.*}} : memref<?x2048xf32>){{$}}
func.func @compressed_tile(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x8x128xf8E4M3FN>, %s: memref<?x8xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x2048xf32>, %n: index) {
  %ranges = mqa.make_ranges %ks, %ke keys(%n) {compressed} : memref<?xi32>, memref<?xi32>
  mqa.logits ins(%q, %k, %s, %w : memref<?x64x128xf8E4M3FN>, memref<?x8x128xf8E4M3FN>, memref<?x8xf32>, memref<?x64xf32>) ranges(%ranges) key_offset(%n) outs(%out : memref<?x2048xf32>)
  return
}

// CHECK-LABEL: func @ranges
// CHECK: %[[A:.*]] = mqa.make_ranges %{{.*}}, %{{.*}} keys(%{{.*}}) {compressed} : memref<?xi32>, memref<?xi32, strided<[2]>>
// CHECK: %[[B:.*]] = mqa.make_ranges none, %{{.*}} keys(%{{.*}}) : memref<?x2xi32, #gpu.address_space<global>>
// CHECK: mqa.make_ranges none, %{{.*}} keys(%{{.*}}) {next_n = 2 : i64} : memref<?xi32>
// CHECK: %[[C:.*]] = mqa.narrow_ranges %[[A]][%{{.*}}] rows %{{.*}}
// CHECK: %[[D:.*]] = mqa.narrow_ranges %[[C]][%{{.*}}] rows %{{.*}}
// CHECK: mqa.key_range %[[D]] {max_rows = 2 : i64}
// CHECK: mqa.key_range %[[B]] {align = 32 : i64, max_rows = 2 : i64}
// A type as any other.
// CHECK: func private @type(!mqa.ranges)
func.func @ranges(%ks: memref<?xi32>, %ke: memref<?xi32, strided<[2]>>, %matrix: memref<?x2xi32, #gpu.address_space<global>>, %n: index) {
  %a = mqa.make_ranges %ks, %ke keys(%n) {compressed} : memref<?xi32>, memref<?xi32, strided<[2]>>
  %b = mqa.make_ranges none, %matrix keys(%n) : memref<?x2xi32, #gpu.address_space<global>>
  %unused = mqa.make_ranges none, %ks keys(%n) {next_n = 2} : memref<?xi32>
  %c = mqa.narrow_ranges %a[%n] rows %n
  %d = mqa.narrow_ranges %c[%n] rows %n
  %lo, %hi = mqa.key_range %d {max_rows = 2}
  %lo2, %hi2 = mqa.key_range %b {max_rows = 2, align = 32}
  return
}
func.func private @type(!mqa.ranges)

// CHECK-LABEL: func @row_ops
// CHECK: %[[C:.*]] = mqa.make_ranges {{.*}} {compressed}
// CHECK: %[[R:.*]] = mqa.make_ranges
// CHECK: mqa.key_range %[[R]] {max_rows = 2 : i64}
// CHECK: mqa.tile_share %[[R]] share %{{.*}} of %{{.*}} {align = 32 : i64, block_cost = 1 : i64, block_q = 8 : i64, tile_kv = 128 : i64}{{$}}
// CHECK: %[[ROWS:.*]] = mqa.row_block %{{.*}}[%{{.*}}] rows %{{.*}} : memref<?x?xf32, strided<[?, 1], offset: ?>> -> memref<?x?xf32, strided<[?, 1]>>
// CHECK: mqa.clean_rows %[[ROWS]], %[[R]] : memref<?x?xf32, strided<[?, 1]>>
// CHECK: mqa.clean_rows %[[ROWS]], %[[R]] threads %{{.*}} of %{{.*}} : memref
// CHECK: mqa.clean_rows %[[ROWS]], %[[C]] : memref
// CHECK: mqa.row_block %{{.*}}[%{{.*}}] rows %{{.*}} : memref<?xf32, strided<[?]>> -> memref<?xf32, strided<[?]>>
func.func @row_ops(%ks: memref<?xi32>, %ke: memref<?xi32>, %n: index, %out: memref<?x?xf32, strided<[?, 1], offset: ?>>, %s: memref<?xf32, strided<[?]>>) {
  %ranges2 = mqa.make_ranges %ks, %ke keys(%n) {compressed} : memref<?xi32>, memref<?xi32>
  %ranges = mqa.make_ranges %ks, %ke keys(%n) : memref<?xi32>, memref<?xi32>
  %lo, %hi = mqa.key_range %ranges {max_rows = 2 : i64}
  %b, %t, %be, %te = mqa.tile_share %ranges share %lo of %hi {align = 32, block_cost = 1, block_q = 8, tile_kv = 128}
  %rows = mqa.row_block %out[%lo] rows %n : memref<?x?xf32, strided<[?, 1], offset: ?>> -> memref<?x?xf32, strided<[?, 1]>>
  mqa.clean_rows %rows, %ranges : memref<?x?xf32, strided<[?, 1]>>
  mqa.clean_rows %rows, %ranges threads %lo of %hi : memref<?x?xf32, strided<[?, 1]>>
  mqa.clean_rows %rows, %ranges2 : memref<?x?xf32, strided<[?, 1]>>
  %scales = mqa.row_block %s[%lo] rows %n : memref<?xf32, strided<[?]>> -> memref<?xf32, strided<[?]>>
  return
}

// CHECK-LABEL: func @rings
// CHECK: %[[RING:.*]] = mqa.ring_create {consumers = 16 : i64} : <4, memref<256x128xf8E4M3FN, #staged{{[0-9]*}}, #gpu.address_space<workgroup>>, memref<256xf32, #gpu.address_space<workgroup>>>
// CHECK: mqa.ring_put %[[RING]][%{{.*}}], %{{.*}}, %{{.*}} :
// CHECK: mqa.ring_get %[[RING]][%{{.*}}] :
// CHECK: mqa.ring_release %[[RING]][%{{.*}}] :
func.func @rings(%k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %i: i32) {
  %ring = mqa.ring_create {consumers = 16 : i64} : !key_ring
  mqa.ring_put %ring[%i], %k, %s : !key_ring, memref<?x128xf8E4M3FN>, memref<?xf32>
  %0:2 = mqa.ring_get %ring[%i] : !key_ring -> !key_slot, !scale_slot
  mqa.ring_release %ring[%i] : !key_ring
  return
}

// Boxes of 8 heads x 2 queries: four of them, one per warp, in each of 8 head tiles.
// CHECK-LABEL: func @boxes
// CHECK: mqa.ring_put %{{.*}}[%{{.*}}], %{{.*}} : <2, memref<8x64x128xf8E4M3FN, #staged{{[0-9]*}}, #gpu.address_space<workgroup>>>, memref<?x64x128xf8E4M3FN>
func.func @boxes(%q: memref<?x64x128xf8E4M3FN>, %i: i32) {
  %ring = mqa.ring_create : !mqa.ring<2, memref<8x64x128xf8E4M3FN, #at_1x8x4x8x2x128, #smem>>
  mqa.ring_put %ring[%i], %q : !mqa.ring<2, memref<8x64x128xf8E4M3FN, #at_1x8x4x8x2x128, #smem>>, memref<?x64x128xf8E4M3FN>
  return
}

// A put in its parts, with fills of each kind, one in a loop, and an op that is not ours
// in between.
// CHECK-LABEL: func @fills
// CHECK: %[[RAW:.*]] = mqa.ring_create {reader = #mqa.role<converter>} : <2,
// CHECK: mqa.ring_create {filler = #mqa.role<converter>} : <2,
// CHECK: %[[SLOT:.*]]:2 = mqa.ring_acquire %[[RAW]][%{{.*}}] : <2, {{.*}}> -> memref<
// CHECK: mqa.fill_tile %{{.*}} into %[[SLOT]]#0 by tensor_map : memref<?x128xf8E4M3FN> into memref<256x128xf8E4M3FN,
// CHECK: memref.store
// CHECK: mqa.fill_tile %{{.*}} into %[[SLOT]]#1 by elements : memref<?xbf16> into memref<256xf32,
// CHECK: mqa.ring_commit %[[RAW]][%{{.*}}] : <2,
// CHECK: mqa.fill_tile %{{.*}} into %{{.*}} by async_chunks : memref<?x64x128xf8E4M3FN> into memref<8x64x128xf8E4M3FN, #staged
// CHECK: scf.for
// CHECK: mqa.fill_tile %{{.*}} into %{{.*}} by chunks : memref<?x64xf8E4M3FN> into memref<8x64xf16,
func.func @fills(%k: memref<?x128xf8E4M3FN>, %s: memref<?xbf16>, %q: memref<?x64x128xf8E4M3FN>, %n: memref<?x64xf8E4M3FN>, %i: i32, %c: index, %one: f32) {
  %raw = mqa.ring_create {reader = #mqa.role<converter>} : !mqa.ring<2, memref<256x128xf8E4M3FN, #at_256x128, #smem>, memref<256xf32, #smem>>
  %wide = mqa.ring_create {filler = #mqa.role<converter>} : !mqa.ring<2, memref<8x64xf16, #smem>>
  %boxes = mqa.ring_create : !mqa.ring<2, memref<8x64x128xf8E4M3FN, #at_1x8x4x8x2x128, #smem>>
  %t:2 = mqa.ring_acquire %raw[%i] : !mqa.ring<2, memref<256x128xf8E4M3FN, #at_256x128, #smem>, memref<256xf32, #smem>> -> !key_slot, !scale_slot
  mqa.fill_tile %k into %t#0 by tensor_map : memref<?x128xf8E4M3FN> into !key_slot
  memref.store %one, %t#1[%c] : !scale_slot
  mqa.fill_tile %s into %t#1 by elements : memref<?xbf16> into !scale_slot
  mqa.ring_commit %raw[%i] : !mqa.ring<2, memref<256x128xf8E4M3FN, #at_256x128, #smem>, memref<256xf32, #smem>>
  %b = mqa.ring_acquire %boxes[%i] : !mqa.ring<2, memref<8x64x128xf8E4M3FN, #at_1x8x4x8x2x128, #smem>> -> memref<8x64x128xf8E4M3FN, #at_1x8x4x8x2x128, #smem>
  mqa.fill_tile %q into %b by async_chunks : memref<?x64x128xf8E4M3FN> into memref<8x64x128xf8E4M3FN, #at_1x8x4x8x2x128, #smem>
  mqa.ring_commit %boxes[%i] : !mqa.ring<2, memref<8x64x128xf8E4M3FN, #at_1x8x4x8x2x128, #smem>>
  %w = mqa.ring_acquire %wide[%i] : !mqa.ring<2, memref<8x64xf16, #smem>> -> memref<8x64xf16, strided<[64, 1], offset: ?>, #smem>
  scf.for %j = %c to %c step %c {
    mqa.fill_tile %n into %w by chunks : memref<?x64xf8E4M3FN> into memref<8x64xf16, strided<[64, 1], offset: ?>, #smem>
  }
  mqa.ring_commit %wide[%i] : !mqa.ring<2, memref<8x64xf16, #smem>>
  return
}

// CHECK-LABEL: func @tile
// CHECK: %[[F:.*]] = mqa.fit_queries %{{.*}}, %{{.*}} : memref<8x64x128xf8E4M3FN, {{.*}}>, memref<8x64xf32, {{.*}}> -> memref<2x8xf32, {{.*}}>
// CHECK: mqa.fit_queries %{{.*}}, %{{.*}} threads %{{.*}} of %{{.*}} :
// CHECK: %[[L:.*]] = mqa.tile_logits ins(%{{.*}}) : vector<8x128xf32>
// CHECK: mqa.store_logits %[[L]], %{{.*}} first_key(%{{.*}}) outs(%{{.*}} : memref<?x?xf32>) : vector<8x128xf32>{{$}}
// CHECK: mqa.tile_logits ins(%{{.*}}) onto(%[[L]] : vector<8x128xf32>) factors(%[[F]] : memref<2x8xf32, {{.*}}>) {accumulators = 2 : i64, reduction = #mqa.reduction<f16>} : vector<8x128xf32>
// CHECK: mqa.store_logits {{.*}} first_key(%{{.*}}) outs(
func.func @tile(%q: memref<8x64x128xf8E4M3FN, #at_2x4x4x16x1x128, #smem>, %k: memref<128x128xf8E4M3FN, #at_128x128, #smem>, %s: memref<128xf32, #smem>, %w: memref<8x64xf32, #smem>, %ks: memref<?xi32>, %ke: memref<?xi32>, %n: index, %out: memref<?x?xf32>) {
  %ranges2 = mqa.make_ranges %ks, %ke keys(%n) {compressed} : memref<?xi32>, memref<?xi32>
  %num_keys = arith.constant 4096 : index
  %ranges = mqa.make_ranges %ks, %ke keys(%num_keys) : memref<?xi32>, memref<?xi32>
  %f = mqa.fit_queries %q, %w : memref<8x64x128xf8E4M3FN, #at_2x4x4x16x1x128, #smem>, memref<8x64xf32, #smem> -> memref<2x8xf32, #smem>
  %g = mqa.fit_queries %q, %w threads %n of %n : memref<8x64x128xf8E4M3FN, #at_2x4x4x16x1x128, #smem>, memref<8x64xf32, #smem> -> memref<2x8xf32, #smem>
  %logits = mqa.tile_logits ins(%q, %k, %s, %w : memref<8x64x128xf8E4M3FN, #at_2x4x4x16x1x128, #smem>, memref<128x128xf8E4M3FN, #at_128x128, #smem>, memref<128xf32, #smem>, memref<8x64xf32, #smem>) : vector<8x128xf32>
  mqa.store_logits %logits, %ranges first_key(%n) outs(%out : memref<?x?xf32>) : vector<8x128xf32>
  %logits1 = mqa.tile_logits ins(%q, %k, %s, %w : memref<8x64x128xf8E4M3FN, #at_2x4x4x16x1x128, #smem>, memref<128x128xf8E4M3FN, #at_128x128, #smem>, memref<128xf32, #smem>, memref<8x64xf32, #smem>) onto(%logits : vector<8x128xf32>) factors(%f : memref<2x8xf32, #smem>) {accumulators = 2 : i64, reduction = #mqa.reduction<f16>, relu = #mqa.relu<max>} : vector<8x128xf32>
  mqa.store_logits %logits1, %ranges2 first_key(%n) outs(%out : memref<?x?xf32>) : vector<8x128xf32>
  return
}

// CHECK-LABEL: func @fragments
// CHECK: %[[D:.*]] = mqa.wgmma %{{.*}}, %{{.*}} : memref<8x8x32xf8E4M3FN, #staged{{[0-9]*}}, #gpu.address_space<workgroup>>, memref<8x32xf8E4M3FN, #staged{{[0-9]*}}, #gpu.address_space<workgroup>> -> <vector<64x8xf32>>
// CHECK: %[[E:.*]] = mqa.wgmma_wait %[[D]] {pending = 1 : i64} : <vector<64x8xf32>>
// CHECK: %{{.*}}:4 = mqa.unpack_fragment %[[E]] : !mqa.fragment<vector<64x8xf32>>
func.func @fragments(%a: memref<8x8x32xf8E4M3FN, #at_4x8x2x32, #smem>, %b: memref<8x32xf8E4M3FN, #at_8x32, #smem>) {
  %d = mqa.wgmma %a, %b : memref<8x8x32xf8E4M3FN, #at_4x8x2x32, #smem>, memref<8x32xf8E4M3FN, #at_8x32, #smem> -> !mqa.fragment<vector<64x8xf32>>
  %e = mqa.wgmma_wait %d {pending = 1 : i64} : !mqa.fragment<vector<64x8xf32>>
  %r:4 = mqa.unpack_fragment %e : !mqa.fragment<vector<64x8xf32>>
  return
}

// Scales and weights may be left out.
// CHECK-LABEL: func @without_scales
// CHECK: mqa.logits ins(%{{.*}}, %{{.*}}, none, %{{.*}}, %{{.*}}, %{{.*}} : tensor<?x5x80xf16>, tensor<?x80xf16>, tensor<?x5xbf16>, tensor<?xi32>, tensor<?xi32>) outs(%{{.*}} : tensor<?x?xbf16>) {activation = #mqa.activation<none>} -> tensor<?x?xbf16>
// CHECK: mqa.logits ins(%{{.*}}, %{{.*}}, none, none, %{{.*}}, %{{.*}} : tensor<?x5x80xf16>, tensor<?x80xf16>, tensor<?xi32>, tensor<?xi32>) outs
func.func @without_scales(%q: tensor<?x5x80xf16>, %k: tensor<?x80xf16>, %w: tensor<?x5xbf16>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xbf16>) -> tensor<?x?xbf16> {
  %0 = mqa.logits ins(%q, %k, none, %w, %ks, %ke : tensor<?x5x80xf16>, tensor<?x80xf16>, tensor<?x5xbf16>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xbf16>) {activation = #mqa.activation<none>} -> tensor<?x?xbf16>
  %1 = mqa.logits ins(%q, %k, none, none, %ks, %ke : tensor<?x5x80xf16>, tensor<?x80xf16>, tensor<?xi32>, tensor<?xi32>) outs(%0 : tensor<?x?xbf16>) -> tensor<?x?xbf16>
  return %1 : tensor<?x?xbf16>
}

// CHECK-LABEL: func @nan_as_zero
// CHECK: {activation = #mqa.activation<relu_nan_as_zero>, clean} -> tensor<?x?xf32>
func.func @nan_as_zero(%q: tensor<?x5x80xf16>, %k: tensor<?x80xf16>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, none, none, %ks, %ke : tensor<?x5x80xf16>, tensor<?x80xf16>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) {activation = #mqa.activation<relu_nan_as_zero>, clean} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// CHECK-LABEL: func @scatter
// CHECK: mqa.scatter_columns %{{.*}}, %{{.*}}[%{{.*}}] mask %{{.*}} : vector<8x128xbf16>, memref<?x?xbf16>, vector<8x128xindex>, vector<8x128xi1>
func.func @scatter(%v: vector<8x128xbf16>, %rows: memref<?x?xbf16>, %columns: vector<8x128xindex>, %mask: vector<8x128xi1>) {
  mqa.scatter_columns %v, %rows[%columns] mask %mask : vector<8x128xbf16>, memref<?x?xbf16>, vector<8x128xindex>, vector<8x128xi1>
  return
}

// CHECK-LABEL: func @paged_on_tensors
// CHECK: %[[R:.*]] = mqa.paged_logits ins(%{{.*}} : tensor<?x2x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x2xi32>, tensor<?x?xi32>) outs(%{{.*}} : tensor<?x?xf32>) {clean} -> tensor<?x?xf32>
// CHECK: return %[[R]]
func.func @paged_on_tensors(%q: tensor<?x2x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %s: tensor<?x64xf32>, %w: tensor<?x64xf32>, %lens: tensor<?x2xi32>, %table: tensor<?x?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.paged_logits ins(%q, %k, %s, %w, %lens, %table : tensor<?x2x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x2xi32>, tensor<?x?xi32>) outs(%out : tensor<?x?xf32>) {clean} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// One length per sequence, no scales, no weights, a tile of keys; strided.
// CHECK-LABEL: func @paged_on_memrefs
// CHECK: mqa.paged_logits ins(%{{.*}}, %{{.*}}, none, none, %{{.*}}, %{{.*}} : memref<3x1x5x48xbf16, strided<[512, 240, 48, 1]>>, memref<?x16x48xbf16, strided<[1024, 48, 1], offset: ?>>, memref<3xi32>, memref<3x?xi32, strided<[?, 1]>>) key_offset(%{{.*}}) outs(%{{.*}} : memref<3x?xf16>) {activation = #mqa.activation<none>}
func.func @paged_on_memrefs(%q: memref<3x1x5x48xbf16, strided<[512, 240, 48, 1]>>, %k: memref<?x16x48xbf16, strided<[1024, 48, 1], offset: ?>>, %lens: memref<3xi32>, %table: memref<3x?xi32, strided<[?, 1]>>, %out: memref<3x?xf16>, %n: index) {
  mqa.paged_logits ins(%q, %k, none, none, %lens, %table : memref<3x1x5x48xbf16, strided<[512, 240, 48, 1]>>, memref<?x16x48xbf16, strided<[1024, 48, 1], offset: ?>>, memref<3xi32>, memref<3x?xi32, strided<[?, 1]>>) key_offset(%n) outs(%out : memref<3x?xf16>) {activation = #mqa.activation<none>}
  return
}

// A tile of a paged op: ranges from 0, and one length for its queries.
// CHECK-LABEL: func @paged_tile
// CHECK: %[[K:.*]] = mqa.gather_pages %{{.*}}[%{{.*}}] from %{{.*}} keys %{{.*}} : memref<?x64x128xf8E4M3FN, strided<[8448, 128, 1]>>, memref<1x?xi32> -> memref<?x128xf8E4M3FN>
// CHECK: mqa.gather_blocks %{{.*}}[%{{.*}}] from %{{.*}} : memref<?x64xf32> -> memref<?xf32>
// CHECK: mqa.logits ins(%{{.*}}, %[[K]], none, none : {{.*}}) ranges(%[[R:.*]]) key_offset(%{{.*}}) outs(%{{.*}} : memref<2x?xf32>)
// CHECK: mqa.tile_share %{{.*}} share %{{.*}} of %{{.*}} {block_q = 2 : i64, tile_kv = 128 : i64, visits_all}
// CHECK: mqa.clean_rows %{{.*}}, %[[R]] : memref<2x?xf32>
// CHECK: mqa.store_logits %{{.*}}, %[[R]] first_key(%{{.*}}) outs(%{{.*}} : memref<2x?xf32>) : vector<2x64xf32>
func.func @paged_tile(%q: memref<2x64x128xf8E4M3FN>, %cache: memref<?x64x128xf8E4M3FN, strided<[8448, 128, 1]>>, %scales: memref<?x64xf32>, %table: memref<1x?xi32>, %ids: i32, %ke: memref<1xi32>, %lens: memref<?x2xi32>, %v: vector<2x64xf32>, %out: memref<2x?xf32>, %n: index) {
  %ranges3 = mqa.make_ranges none, %lens keys(%n) : memref<?x2xi32>
  %ranges2 = mqa.make_ranges none, %ke keys(%n) : memref<1xi32>
  %ranges = mqa.make_ranges none, %ke keys(%n) {next_n = 2 : i64} : memref<1xi32>
  %k = mqa.gather_pages %cache[%table] from %n keys %n : memref<?x64x128xf8E4M3FN, strided<[8448, 128, 1]>>, memref<1x?xi32> -> memref<?x128xf8E4M3FN>
  %s = mqa.gather_blocks %scales[%ids] from %n : memref<?x64xf32> -> memref<?xf32>
  mqa.logits ins(%q, %k, none, none : memref<2x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>) ranges(%ranges) key_offset(%n) outs(%out : memref<2x?xf32>)
  %lo, %hi = mqa.key_range %ranges2 {max_rows = 2}
  %b, %t, %be, %te = mqa.tile_share %ranges3 share %n of %n {block_q = 2, tile_kv = 128, visits_all}
  mqa.clean_rows %out, %ranges : memref<2x?xf32>
  mqa.store_logits %v, %ranges first_key(%n) outs(%out : memref<2x?xf32>) : vector<2x64xf32>
  return
}

// CHECK: func.func private @attributes(memref<?x64x128xbf16> {mqa.operand = #mqa.operand<"q", tensor<?x64x128xbf16>, box_dims = [1, 0, 2]>}, index {mqa.operand = #mqa.operand<"num_keys", index>})
// CHECK-SAME: mqa.kernel = #mqa.kernel<op = "mqa.logits", activation = none, compressed = true, schedule = <block_q = 4, block_kv = 64, tile_kv = 64, stages = 2>, dynamic_shared_memory = 1024, overlaps_launches = true>
func.func private @attributes(memref<?x64x128xbf16> {mqa.operand = #mqa.operand<"q", tensor<?x64x128xbf16>, box_dims = [1, 0, 2]>}, index {mqa.operand = #mqa.operand<"num_keys", index>})
    attributes {mqa.kernel = #mqa.kernel<op = "mqa.logits", activation = none, clean = false, compressed = true, schedule = #mqa.schedule<block_q = 4, block_kv = 64, tile_kv = 64, stages = 2>, dynamic_shared_memory = 1024, overlaps_launches = true>}

// Rows that name their sequences.
// CHECK-LABEL: func @paged_rows
// CHECK: mqa.paged_logits ins({{.*}} : tensor<?x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?x?xi32>) sequence(%{{.*}} : tensor<?xi32>) outs(%{{.*}} : tensor<?x?xf32>) {clean, rows_per_sequence = 4 : i64} -> tensor<?x?xf32>
func.func @paged_rows(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %s: tensor<?x64xf32>, %w: tensor<?x64xf32>, %lens: tensor<?xi32>, %table: tensor<?x?xi32>, %sequence: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.paged_logits ins(%q, %k, %s, %w, %lens, %table : tensor<?x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?x?xi32>) sequence(%sequence : tensor<?xi32>) outs(%out : tensor<?x?xf32>) {clean, rows_per_sequence = 4 : i64} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// CHECK-LABEL: func @runs
// CHECK: %[[R:.*]] = mqa.make_ranges none, %{{.*}} keys(%{{.*}}) : memref<?xi32>
// CHECK: %[[S:.*]] = mqa.name_sequences %[[R]], %{{.*}} of %{{.*}} : memref<?xi32>
// CHECK: mqa.run_share %[[S]] share %{{.*}} of %{{.*}} {block_cost = 1 : i64, max_rows = 8 : i64, tile_kv = 128 : i64}
// CHECK: %[[N:.*]] = mqa.narrow_ranges %[[S]]
// CHECK: mqa.row_run %[[N]][%{{.*}}] {max_rows = 8 : i64}
func.func @runs(%lens: memref<?xi32>, %sequence: memref<?xi32>, %n: index) {
  %ranges = mqa.make_ranges none, %lens keys(%n) : memref<?xi32>
  %rows = mqa.name_sequences %ranges, %sequence of %n : memref<?xi32>
  %row, %count, %t, %te = mqa.run_share %rows share %n of %n {block_cost = 1, max_rows = 8, tile_kv = 128}
  %some = mqa.narrow_ranges %rows[%n] rows %n
  %own, %line, %end = mqa.row_run %some[%n] {max_rows = 8}
  return
}

// Where keys are the rows of a product, heads lie query by query.
// CHECK-LABEL: func.func @key_rows
// CHECK-SAME: #mqa.schedule<block_q = 2, block_kv = 256, tile_q = 2, tile_kv = 64, stages = 12, rows = keys>
// CHECK: mqa.tile_logits ins({{.*}}) {rows = #mqa.rows<keys>} : vector<2x64xf32>
// CHECK: mqa.wgmma %{{.*}}, %{{.*}} : {{.*}} -> <vector<64x128xf32>>
#at_2x64x128 = #mqa.staged<shape = [1, 2, 64, 128], dims = [1, 0, 1, 2], swizzle = 16>
#at_1x1x2x64x128 = #mqa.staged<shape = [1, 1, 2, 64, 128], dims = [0, 1, 0, 1, 2], swizzle = 16>
#keys_64x128 = #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>
func.func @key_rows(%q: memref<2x64x128xf8E4M3FN, #at_1x1x2x64x128, #gpu.address_space<workgroup>>, %k: memref<64x128xf8E4M3FN, #keys_64x128, #gpu.address_space<workgroup>>)
    attributes {s = #mqa.schedule<block_q = 2, block_kv = 256, tile_q = 2, tile_kv = 64, stages = 12, rows = keys>} {
  %logits = mqa.tile_logits ins(%q, %k, none, none : memref<2x64x128xf8E4M3FN, #at_1x1x2x64x128, #gpu.address_space<workgroup>>, memref<64x128xf8E4M3FN, #keys_64x128, #gpu.address_space<workgroup>>) {rows = #mqa.rows<keys>} : vector<2x64xf32>
  %c0 = arith.constant 0 : index
  %tile = mqa.subtile %q[%c0, %c0, %c0] : memref<2x64x128xf8E4M3FN, #at_1x1x2x64x128, #gpu.address_space<workgroup>> to memref<2x64x128xf8E4M3FN, #at_2x64x128, #gpu.address_space<workgroup>>
  %acc = mqa.wgmma %k, %tile : memref<64x128xf8E4M3FN, #keys_64x128, #gpu.address_space<workgroup>>, memref<2x64x128xf8E4M3FN, #at_2x64x128, #gpu.address_space<workgroup>> -> !mqa.fragment<vector<64x128xf32>>
  return
}
