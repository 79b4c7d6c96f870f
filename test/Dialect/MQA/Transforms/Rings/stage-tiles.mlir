// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-stage-tiles)))' | FileCheck %s

// A head tile has 4 warps, each with 16 heads of one query.
// CHECK: #[[MAP:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0 * 4 + d2 + d4, d1 * 16 + d3, d5)>

gpu.module @kernels {
  // CHECK-LABEL: gpu.func @stage
  // CHECK-DAG: %[[QR:.*]] = mqa.ring_create : <2, memref<2x4x4x16x1x128xf8E4M3FN, #gpu.address_space<workgroup>>, memref<8x64xf32, #gpu.address_space<workgroup>>>
  // CHECK-DAG: %[[KR:.*]] = mqa.ring_create : <2, memref<128x128xf8E4M3FN, #gpu.address_space<workgroup>>>
  // CHECK-DAG: %[[SR:.*]] = mqa.ring_create : <2, memref<128xf32, #gpu.address_space<workgroup>>>
  // CHECK: scf.for {{.*}} iter_args(%[[I:.*]] = %c0_i32, %[[J:.*]] = %c0_i32) -> (i32, i32)
  // CHECK: mqa.ring_put %[[QR]][%[[I]]], %[[Q:.*]], %[[W:.*]] {tile_maps = [#[[MAP]], #{{.*}}]} :
  // CHECK: %[[QS:.*]]:2 = mqa.ring_get %[[QR]][%[[I]]]
  // CHECK: scf.for %[[N:.*]] = %[[LO:.*]] to %[[HI:.*]] step %[[STEP:.*]] {
  // A key's tile follows from the key.
  // CHECK: %[[PAST:.*]] = arith.subi %[[N]], %[[LO]]
  // CHECK: %[[TILE:.*]] = arith.divui %[[PAST]], %[[STEP]]
  // CHECK: %[[TILE32:.*]] = arith.index_cast %[[TILE]]
  // CHECK: %[[S:.*]] = arith.addi %[[J]], %[[TILE32]]
  // CHECK: mqa.ring_put %[[KR]][%[[S]]]
  // CHECK: %[[KEYS:.*]] = mqa.ring_get %[[KR]][%[[S]]]
  // CHECK: mqa.ring_put %[[SR]][%[[S]]]
  // CHECK: %[[SCALES:.*]] = mqa.ring_get %[[SR]][%[[S]]]
  // CHECK: %[[TILE_LOGITS:.*]] = mqa.tile_logits ins(%[[QS]]#0, %[[KEYS]], %[[SCALES]], %[[QS]]#1 : {{.*}}) {relu = #mqa.relu<add_abs>} : vector<8x128xf32>
  // CHECK: mqa.store_logits %[[TILE_LOGITS]], %{{.*}} first_key(%[[N]]) outs(%[[ROWS:.*]] :
  // CHECK: mqa.ring_release %[[KR]][%[[S]]]
  // CHECK: mqa.ring_release %[[SR]][%[[S]]]
  // CHECK: mqa.ring_release %[[QR]][%[[I]]]
  // CHECK: %[[LENGTH:.*]] = arith.subi %[[HI]], %[[LO]]
  // CHECK: %[[COUNT:.*]] = arith.divui %{{.*}}, %[[STEP]]
  // CHECK: %[[COUNT32:.*]] = arith.index_cast %[[COUNT]]
  // CHECK: %[[NEXT_I:.*]] = arith.addi %[[I]], %c1_i32
  // CHECK: %[[NEXT_J:.*]] = arith.addi %[[J]], %[[COUNT32]]
  // CHECK: scf.yield %[[NEXT_I]], %[[NEXT_J]] : i32, i32
  gpu.func @stage(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %m: index, %n: index) kernel {
    %c0 = arith.constant 0 : index
    %c2 = arith.constant 2 : index
    %c128 = arith.constant 128 : index
    scf.for %b = %c0 to %m step %c2 {
      %qt = memref.subview %q[%b, 0, 0] [2, 64, 128] [1, 1, 1] : memref<?x64x128xf8E4M3FN> to memref<2x64x128xf8E4M3FN, strided<[8192, 128, 1], offset: ?>>
      %wt = memref.subview %w[%b, 0] [2, 64] [1, 1] : memref<?x64xf32> to memref<2x64xf32, strided<[64, 1], offset: ?>>
      %kst = memref.subview %ks[%b] [2] [1] : memref<?xi32> to memref<2xi32, strided<[1], offset: ?>>
      %ket = memref.subview %ke[%b] [2] [1] : memref<?xi32> to memref<2xi32, strided<[1], offset: ?>>
      %rows = mqa.row_block %out[%b] rows %c2 : memref<?x?xf32> -> memref<?x?xf32, strided<[?, 1]>>
      scf.for %i = %c0 to %n step %c128 {
        %kt = memref.subview %k[%i, 0] [128, 128] [1, 1] : memref<?x128xf8E4M3FN> to memref<128x128xf8E4M3FN, strided<[128, 1], offset: ?>>
        %st = memref.subview %s[%i] [128] [1] : memref<?xf32> to memref<128xf32, strided<[1], offset: ?>>
        %ot = memref.subview %rows[0, %i] [2, 128] [1, 1] : memref<?x?xf32, strided<[?, 1]>> to memref<2x128xf32, strided<[?, 1], offset: ?>>
        mqa.logits ins(%qt, %kt, %st, %wt, %kst, %ket : memref<2x64x128xf8E4M3FN, strided<[8192, 128, 1], offset: ?>>, memref<128x128xf8E4M3FN, strided<[128, 1], offset: ?>>, memref<128xf32, strided<[1], offset: ?>>, memref<2x64xf32, strided<[64, 1], offset: ?>>, memref<2xi32, strided<[1], offset: ?>>, memref<2xi32, strided<[1], offset: ?>>) key_offset(%i) outs(%ot : memref<2x128xf32, strided<[?, 1], offset: ?>>) {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2>}
      }
    }
    gpu.return
  }

  // A reduction in half precision first scales the queries.
  // CHECK-LABEL: gpu.func @fast
  // CHECK: %[[QS:.*]]:2 = mqa.ring_get
  // CHECK: %[[FACTORS:.*]] = mqa.fit_queries %[[QS]]#0, %[[QS]]#1 : {{.*}} -> memref<2x8xf32, #gpu.address_space<workgroup>>
  // CHECK: scf.for
  // CHECK: mqa.tile_logits {{.*}} factors(%[[FACTORS]] : {{.*}}) {reduction = #mqa.reduction<f16>}
  gpu.func @fast(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %m: index, %n: index) kernel {
    %c0 = arith.constant 0 : index
    %c2 = arith.constant 2 : index
    %c128 = arith.constant 128 : index
    scf.for %b = %c0 to %m step %c2 {
      %qt = memref.subview %q[%b, 0, 0] [2, 64, 128] [1, 1, 1] : memref<?x64x128xf8E4M3FN> to memref<2x64x128xf8E4M3FN, strided<[8192, 128, 1], offset: ?>>
      %wt = memref.subview %w[%b, 0] [2, 64] [1, 1] : memref<?x64xf32> to memref<2x64xf32, strided<[64, 1], offset: ?>>
      %kst = memref.subview %ks[%b] [2] [1] : memref<?xi32> to memref<2xi32, strided<[1], offset: ?>>
      %ket = memref.subview %ke[%b] [2] [1] : memref<?xi32> to memref<2xi32, strided<[1], offset: ?>>
      %rows = mqa.row_block %out[%b] rows %c2 : memref<?x?xf32> -> memref<?x?xf32, strided<[?, 1]>>
      scf.for %i = %c0 to %n step %c128 {
        %kt = memref.subview %k[%i, 0] [128, 128] [1, 1] : memref<?x128xf8E4M3FN> to memref<128x128xf8E4M3FN, strided<[128, 1], offset: ?>>
        %st = memref.subview %s[%i] [128] [1] : memref<?xf32> to memref<128xf32, strided<[1], offset: ?>>
        %ot = memref.subview %rows[0, %i] [2, 128] [1, 1] : memref<?x?xf32, strided<[?, 1]>> to memref<2x128xf32, strided<[?, 1], offset: ?>>
        mqa.logits ins(%qt, %kt, %st, %wt, %kst, %ket : memref<2x64x128xf8E4M3FN, strided<[8192, 128, 1], offset: ?>>, memref<128x128xf8E4M3FN, strided<[128, 1], offset: ?>>, memref<128xf32, strided<[1], offset: ?>>, memref<2x64xf32, strided<[64, 1], offset: ?>>, memref<2xi32, strided<[1], offset: ?>>, memref<2xi32, strided<[1], offset: ?>>) key_offset(%i) outs(%ot : memref<2x128xf32, strided<[?, 1], offset: ?>>) {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2, reduction = f16>}
      }
    }
    gpu.return
  }

  // A slot holds one key group: its heads of q and weights, its keys and its
  // scales. The groups of a tile follow each other in the rings, and their
  // logits add up. Behind a group's heads of q come the next one's: they are masked.
  // CHECK-LABEL: gpu.func @groups
  // CHECK-SAME: %[[Q:[a-z0-9]+]]: memref<?x12x128xf8E4M3FN>
  // CHECK-SAME: %[[K:[a-z0-9]+]]: memref<?x2x128xf8E4M3FN>
  // CHECK-DAG: mqa.ring_create : <2, memref<1x1x4x8x2x128xf8E4M3FN, {{.*}}>, memref<8x12xf32, {{.*}}>>
  // CHECK: scf.for %[[B:.*]] = {{.*}} iter_args(%{{.*}} = %c0_i32, %[[J:.*]] = %c0_i32)
  // CHECK: %[[W:.*]] = mqa.row_block
  // CHECK: scf.for %[[N:.*]] =
  // CHECK: %[[S:.*]] = mqa.row_block %{{.*}}[%[[N]]]
  // CHECK: %[[TILES:.*]] = arith.muli %{{.*}}, %c2_i32
  // CHECK: %[[FIRST:.*]] = arith.addi %[[J]], %[[TILES]]
  // CHECK: %[[SUM:.*]] = scf.for %[[G:.*]] = %{{.*}} to %c2{{.*}} iter_args(%[[BEFORE:.*]] = %{{.*}}) -> (vector<8x128xf32>)
  // CHECK: %[[G32:.*]] = arith.index_cast %[[G]]
  // CHECK: %[[P:.*]] = arith.addi %[[FIRST]], %[[G32]]
  // CHECK: %[[HEAD:.*]] = affine.apply #{{.*}}(%[[G]])
  // CHECK: %[[GROUP:.*]] = affine.apply #{{.*}}(%[[G]])
  // CHECK: %[[QG:.*]] = memref.subview %[[Q]][%[[B]], %[[HEAD]], 0] [8, 6, 128]
  // CHECK: %[[WG:.*]] = memref.subview %[[W]][0, %{{.*}}] [%{{.*}}, 6]
  // CHECK: mqa.ring_put %{{.*}}[%[[P]]], %[[QG]], %[[WG]]
  // CHECK: %[[KG:.*]] = memref.subview %[[K]][%[[N]], %[[GROUP]], 0] [128, 1, 128] {{.*}} to memref<128x128xf8E4M3FN
  // CHECK: mqa.ring_put %{{.*}}[%[[P]]], %[[KG]]
  // CHECK: %[[SG:.*]] = memref.subview %[[S]][0, %[[GROUP]]] [%{{.*}}, 1] {{.*}} to memref<?xf32
  // CHECK: mqa.ring_put %{{.*}}[%[[P]]], %[[SG]]
  // CHECK: %[[AFTER:.*]] = mqa.tile_logits {{.*}} onto(%[[BEFORE]] : vector<8x128xf32>) num_heads(%c6{{.*}})
  // CHECK-COUNT-3: mqa.ring_release %{{.*}}[%[[P]]]
  // CHECK: scf.yield %[[AFTER]]
  // CHECK: mqa.store_logits %[[SUM]]
  gpu.func @groups(%q: memref<?x12x128xf8E4M3FN>, %k: memref<?x2x128xf8E4M3FN>, %s: memref<?x2xf32>, %w: memref<?x12xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %m: index, %n: index) kernel {
    %c0 = arith.constant 0 : index
    %c8 = arith.constant 8 : index
    %c128 = arith.constant 128 : index
    scf.for %b = %c0 to %m step %c8 {
      %qt = memref.subview %q[%b, 0, 0] [8, 12, 128] [1, 1, 1] : memref<?x12x128xf8E4M3FN> to memref<8x12x128xf8E4M3FN, strided<[1536, 128, 1], offset: ?>>
      %wt = mqa.row_block %w[%b] rows %c8 : memref<?x12xf32> -> memref<?x12xf32, strided<[12, 1]>>
      %kst = memref.subview %ks[%b] [8] [1] : memref<?xi32> to memref<8xi32, strided<[1], offset: ?>>
      %ket = memref.subview %ke[%b] [8] [1] : memref<?xi32> to memref<8xi32, strided<[1], offset: ?>>
      %rows = mqa.row_block %out[%b] rows %c8 : memref<?x?xf32> -> memref<?x?xf32, strided<[?, 1]>>
      scf.for %i = %c0 to %n step %c128 {
        %kt = memref.subview %k[%i, 0, 0] [128, 2, 128] [1, 1, 1] : memref<?x2x128xf8E4M3FN> to memref<128x2x128xf8E4M3FN, strided<[256, 128, 1], offset: ?>>
        %st = mqa.row_block %s[%i] rows %c128 : memref<?x2xf32> -> memref<?x2xf32, strided<[2, 1]>>
        %ot = memref.subview %rows[0, %i] [8, 128] [1, 1] : memref<?x?xf32, strided<[?, 1]>> to memref<8x128xf32, strided<[?, 1], offset: ?>>
        mqa.logits ins(%qt, %kt, %st, %wt, %kst, %ket : memref<8x12x128xf8E4M3FN, strided<[1536, 128, 1], offset: ?>>, memref<128x2x128xf8E4M3FN, strided<[256, 128, 1], offset: ?>>, memref<?x2xf32, strided<[2, 1]>>, memref<?x12xf32, strided<[12, 1]>>, memref<8xi32, strided<[1], offset: ?>>, memref<8xi32, strided<[1], offset: ?>>) key_offset(%i) outs(%ot : memref<8x128xf32, strided<[?, 1], offset: ?>>) {schedule = #mqa.schedule<block_q = 8, block_kv = 128, tile_q = 8, tile_kv = 128, stages = 2>}
      }
    }
    gpu.return
  }

  // Heads by parts, of which the last is smaller: 16 of 20, then 4.
  // CHECK-LABEL: gpu.func @head_blocks
  // CHECK-DAG: mqa.ring_create : <2, memref<1x2x4x8x2x128xf8E4M3FN, {{.*}}>>
  // CHECK: scf.for %[[B:.*]] = %{{.*}} to %c2{{.*}} iter_args
  // CHECK: %[[FIRST:.*]] = affine.apply #{{.*}}(%[[B]])
  // CHECK: %[[COUNT:.*]] = affine.min #{{.*}}(%[[B]])
  // CHECK: memref.subview %{{.*}}[%{{.*}}, %[[FIRST]], 0] [8, %[[COUNT]], 128]
  // CHECK: mqa.tile_logits {{.*}} num_heads(%[[COUNT]])
  gpu.func @head_blocks(%q: memref<?x20x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index) kernel {
    %c0 = arith.constant 0 : index
    %c8 = arith.constant 8 : index
    %c128 = arith.constant 128 : index
    scf.for %b = %c0 to %n step %c8 {
      %qt = memref.subview %q[%b, 0, 0] [8, 20, 128] [1, 1, 1] : memref<?x20x128xf8E4M3FN> to memref<8x20x128xf8E4M3FN, strided<[2560, 128, 1], offset: ?>>
      %kst = memref.subview %ks[%b] [8] [1] : memref<?xi32> to memref<8xi32, strided<[1], offset: ?>>
      %ket = memref.subview %ke[%b] [8] [1] : memref<?xi32> to memref<8xi32, strided<[1], offset: ?>>
      %rows = mqa.row_block %out[%b] rows %c8 : memref<?x?xf32> -> memref<?x?xf32, strided<[?, 1]>>
      scf.for %i = %c0 to %n step %c128 {
        %kt = memref.subview %k[%i, 0] [128, 128] [1, 1] : memref<?x128xf8E4M3FN> to memref<128x128xf8E4M3FN, strided<[128, 1], offset: ?>>
        %ot = memref.subview %rows[0, %i] [8, 128] [1, 1] : memref<?x?xf32, strided<[?, 1]>> to memref<8x128xf32, strided<[?, 1], offset: ?>>
        mqa.logits ins(%qt, %kt, none, none, %kst, %ket : memref<8x20x128xf8E4M3FN, strided<[2560, 128, 1], offset: ?>>, memref<128x128xf8E4M3FN, strided<[128, 1], offset: ?>>, memref<8xi32, strided<[1], offset: ?>>, memref<8xi32, strided<[1], offset: ?>>) key_offset(%i) outs(%ot : memref<8x128xf32, strided<[?, 1], offset: ?>>) {schedule = #mqa.schedule<block_q = 8, block_kv = 128, tile_q = 8, tile_kv = 128, stages = 2, block_heads = 16>}
      }
    }
    gpu.return
  }

  // A compressed tile stores into whole rows, and says how many keys there are.
  // CHECK-LABEL: gpu.func @compressed
  // CHECK-SAME: %[[NUM_KEYS:[a-z0-9]+]]: index, %{{.*}}: index) kernel
  // CHECK: %[[ROWS:.*]] = mqa.row_block
  // CHECK: mqa.store_logits %{{.*}} first_key(%{{.*}}) outs(%[[ROWS]] :
  gpu.func @compressed(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %num_keys: index, %n: index) kernel {
    %c0 = arith.constant 0 : index
    %c8 = arith.constant 8 : index
    %c128 = arith.constant 128 : index
    scf.for %b = %c0 to %n step %c8 {
      %qt = memref.subview %q[%b, 0, 0] [8, 64, 128] [1, 1, 1] : memref<?x64x128xf8E4M3FN> to memref<8x64x128xf8E4M3FN, strided<[8192, 128, 1], offset: ?>>
      %kst = memref.subview %ks[%b] [8] [1] : memref<?xi32> to memref<8xi32, strided<[1], offset: ?>>
      %ket = memref.subview %ke[%b] [8] [1] : memref<?xi32> to memref<8xi32, strided<[1], offset: ?>>
      %ranges = mqa.make_ranges %kst, %ket keys(%num_keys) {compressed} : memref<8xi32, strided<[1], offset: ?>>, memref<8xi32, strided<[1], offset: ?>>
      %rows = mqa.row_block %out[%b] rows %c8 : memref<?x?xf32> -> memref<?x?xf32, strided<[?, 1]>>
      scf.for %i = %c0 to %n step %c128 {
        %kt = memref.subview %k[%i, 0] [128, 128] [1, 1] : memref<?x128xf8E4M3FN> to memref<128x128xf8E4M3FN, strided<[128, 1], offset: ?>>
        mqa.logits ins(%qt, %kt, none, none : memref<8x64x128xf8E4M3FN, strided<[8192, 128, 1], offset: ?>>, memref<128x128xf8E4M3FN, strided<[128, 1], offset: ?>>) ranges(%ranges) key_offset(%i) outs(%rows : memref<?x?xf32, strided<[?, 1]>>) {schedule = #mqa.schedule<block_q = 8, block_kv = 128, tile_q = 8, tile_kv = 128, stages = 2>}
      }
    }
    gpu.return
  }

  // Two tiles in a loop, with an op between them that is not ours: each has rings
  // of its own.
  // CHECK-LABEL: gpu.func @two_tiles
  // CHECK-COUNT-4: mqa.ring_create
  // CHECK: scf.for {{.*}} -> (i32, i32, i32, i32)
  // CHECK: scf.for
  // CHECK: %[[FIRST:.*]] = mqa.tile_logits
  // CHECK-NEXT: mqa.store_logits %[[FIRST]]
  // CHECK-NEXT: mqa.ring_release
  // CHECK: memref.store
  // CHECK: %[[SECOND:.*]] = mqa.tile_logits
  // CHECK-NEXT: mqa.store_logits %[[SECOND]]
  // CHECK-NEXT: mqa.ring_release
  gpu.func @two_tiles(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index) kernel {
    %c0 = arith.constant 0 : index
    %c8 = arith.constant 8 : index
    %c128 = arith.constant 128 : index
    %one = arith.constant 1 : i32
    scf.for %b = %c0 to %n step %c8 {
      %qt = memref.subview %q[%b, 0, 0] [8, 64, 128] [1, 1, 1] : memref<?x64x128xf8E4M3FN> to memref<8x64x128xf8E4M3FN, strided<[8192, 128, 1], offset: ?>>
      %ket = memref.subview %ke[%b] [8] [1] : memref<?xi32> to memref<8xi32, strided<[1], offset: ?>>
      %rows = mqa.row_block %out[%b] rows %c8 : memref<?x?xf32> -> memref<?x?xf32, strided<[?, 1]>>
      scf.for %i = %c0 to %n step %c128 {
        %kt = memref.subview %k[%i, 0] [128, 128] [1, 1] : memref<?x128xf8E4M3FN> to memref<128x128xf8E4M3FN, strided<[128, 1], offset: ?>>
        %ot = memref.subview %rows[0, %i] [8, 128] [1, 1] : memref<?x?xf32, strided<[?, 1]>> to memref<8x128xf32, strided<[?, 1], offset: ?>>
        mqa.logits ins(%qt, %kt, none, none, none, %ket : memref<8x64x128xf8E4M3FN, strided<[8192, 128, 1], offset: ?>>, memref<128x128xf8E4M3FN, strided<[128, 1], offset: ?>>, memref<8xi32, strided<[1], offset: ?>>) key_offset(%i) outs(%ot : memref<8x128xf32, strided<[?, 1], offset: ?>>) {schedule = #mqa.schedule<block_q = 8, block_kv = 128, tile_q = 8, tile_kv = 128, stages = 2>}
        memref.store %one, %ke[%i] : memref<?xi32>
        mqa.logits ins(%qt, %kt, none, none, none, %ket : memref<8x64x128xf8E4M3FN, strided<[8192, 128, 1], offset: ?>>, memref<128x128xf8E4M3FN, strided<[128, 1], offset: ?>>, memref<8xi32, strided<[1], offset: ?>>) key_offset(%i) outs(%ot : memref<8x128xf32, strided<[?, 1], offset: ?>>) {schedule = #mqa.schedule<block_q = 8, block_kv = 128, tile_q = 8, tile_kv = 128, stages = 2>}
      }
    }
    gpu.return
  }
}
