// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,mqa-tile-logits,gpu.module(gpu.func(cse,mqa-stage-tiles)))' --split-input-file | FileCheck %s

// Where MXFP4 keys are the rows of products, consumers decode them: a slot of the key
// ring has bytes and words as they are, and queries are permuted ahead of the keys.
// CHECK-LABEL: gpu.func @decoded
// CHECK-SAME: known_block_size = array<i32: 640, 1, 1>
// CHECK-DAG: mqa.ring_create : <2, memref<1x64x128xf8E4M3FN, {{.*}}>, memref<1x64xf32, {{.*}}>>
// CHECK-DAG: %[[KEYS:.*]] = mqa.ring_create : <8, memref<128x64xi8, #gpu.address_space<workgroup>>, memref<128xi32, #gpu.address_space<workgroup>>>
// CHECK-NOT: mqa.ring_create
// CHECK: %[[Q:.*]]:2 = mqa.ring_get
// CHECK: mqa.permute_queries %[[Q]]#0 : memref<1x64x128xf8E4M3FN
// CHECK: scf.for
// CHECK: mqa.ring_put %[[KEYS]][%{{.*}}], %{{.*}}, %{{.*}} :
// CHECK: %[[K:.*]]:2 = mqa.ring_get %[[KEYS]]
// CHECK: mqa.tile_logits ins(%[[Q]]#0, %[[K]]#0, %[[K]]#1, %[[Q]]#1 : {{.*}}) {{.*}}rows = #mqa.rows<keys>
func.func @decoded(%q: memref<?x1x64x128xf8E4M3FN>, %k: memref<?x64x64xi8>, %s: memref<?x64xi32>, %w: memref<?x64xf32>, %lens: memref<?x1xi32>, %table: memref<?x?xi32>, %out: memref<?x?xf32>) {
  mqa.paged_logits ins(%q, %k, %s, %w, %lens, %table : memref<?x1x64x128xf8E4M3FN>, memref<?x64x64xi8>, memref<?x64xi32>, memref<?x64xf32>, memref<?x1xi32>, memref<?x?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 1, block_kv = 512, tile_q = 1, tile_kv = 128, stages = 8, rows = keys>}
  return
}

// -----

// Three blocks of a key are not cut into four lanes' parts: a role converts them.
// CHECK-LABEL: gpu.func @converted
// CHECK: mqa.ring_create {filler = #mqa.role<converter>{{.*}}} : <{{.*}}memref<64x96xf8E4M3FN
// CHECK-NOT: mqa.permute_queries
// CHECK: gpu.return
func.func @converted(%q: memref<?x1x64x96xf8E4M3FN>, %k: memref<?x64x48xi8>, %s: memref<?x64xi32>, %lens: memref<?x1xi32>, %table: memref<?x?xi32>, %out: memref<?x?xf32>) {
  mqa.paged_logits ins(%q, %k, %s, none, %lens, %table : memref<?x1x64x96xf8E4M3FN>, memref<?x64x48xi8>, memref<?x64xi32>, memref<?x1xi32>, memref<?x?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 1, block_kv = 128, tile_q = 1, tile_kv = 64, stages = 4, rows = keys>}
  return
}
