// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-specialize-warps)))' | FileCheck %s

// Warps that are left over take turns with the ring whose slots need four copies or more.

#smem = #gpu.address_space<workgroup>
#queries = #mqa.staged<shape = [1, 1, 1, 64, 128], dims = [0, 1, 0, 1, 2], swizzle = 16>
#rows = #mqa.staged<shape = [128, 128], dims = [0, 1], swizzle = 16>
!q = memref<1x64x128xf8E4M3FN, #queries, #smem>
!packed = !mqa.ring<8, memref<128x64xi8, #smem>, memref<128xi32, #smem>>
!nine = !mqa.ring<9, memref<128x64xi8, #smem>, memref<128xi32, #smem>>
!seven = !mqa.ring<7, memref<128x64xi8, #smem>, memref<128xi32, #smem>>
!scales = !mqa.ring<8, memref<128xf32, #smem>>
!few = !mqa.ring<8, memref<128x128xf8E4M3FN, #rows, #smem>>
!bytes = memref<128x64xi8, strided<[64, 1], offset: ?>, #smem>
!words = memref<128xi32, strided<[1], offset: ?>, #smem>
!words_f32 = memref<128xf32, strided<[1], offset: ?>, #smem>
!keys = memref<128x128xf8E4M3FN, #rows, #smem>
gpu.module @kernels {
  // Two cache blocks of bytes and two of words: four warps, a slot always of the same one.
  // CHECK-LABEL: gpu.func @four_warps
  // CHECK: mqa.ring_create {consumers = 4 : i64} : <8
  // CHECK: } else {
  // CHECK: %[[OWN:.*]] = arith.subi %{{.*}}, %{{.*}} : index
  // CHECK: %[[IS_OWN:.*]] = arith.cmpi ult, %[[OWN]], %c128
  // CHECK: scf.if %[[IS_OWN]] {
  // CHECK: %[[WARP:.*]] = arith.divui %[[OWN]], %c32
  // CHECK: %[[I32:.*]] = arith.index_cast %[[WARP]]
  // CHECK: %[[LANE0:.*]], %{{.*}} = gpu.shuffle idx %[[I32]], %c0_i32
  // CHECK: %[[TURN:.*]] = arith.index_cast %[[LANE0]]
  // CHECK: scf.for
  // CHECK: %[[T:.*]] = arith.index_cast %[[TURN]] : index to i32
  // CHECK: %[[NEXT:.*]] = arith.remui %{{.*}}, %c4_i32
  // CHECK: %[[SUM:.*]] = arith.addi %[[T]], %c4_i32
  // CHECK: %[[AHEAD:.*]] = arith.subi %[[SUM]], %[[NEXT]]
  // CHECK: arith.remui %[[AHEAD]], %c4_i32
  // CHECK: %[[STEP:.*]] = arith.muli %c128{{.*}}, %c4
  // CHECK: scf.for %{{.*}} step %[[STEP]] {
  // CHECK: mqa.ring_put
  // CHECK-NOT: mqa.ring_put
  // CHECK: gpu.return
  gpu.func @four_warps(%q: !q, %k: memref<?x64x64xi8>, %s: memref<?x64xi32>, %table: memref<1x?xi32>, %lens: memref<?xi32>, %out: memref<?x?xf32>, %n: index) kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
    %c0 = arith.constant 0 : index
    %c128 = arith.constant 128 : index
    %ring = mqa.ring_create : !packed
    %ranges = mqa.make_ranges none, %lens keys(%n) : memref<?xi32>
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.for %i = %block to %n step %grid {
      scf.for %j = %c0 to %n step %c128 {
        %past = arith.subi %j, %c0 : index
        %tile = arith.divui %past, %c128 : index
        %at = arith.index_cast %tile : index to i32
        %left = arith.subi %n, %j : index
        %keys = mqa.gather_pages %k[%table] from %j keys %left : memref<?x64x64xi8>, memref<1x?xi32> -> memref<?x64xi8>
        %scales = mqa.gather_pages %s[%table] from %j keys %left : memref<?x64xi32>, memref<1x?xi32> -> memref<?xi32>
        mqa.ring_put %ring[%at], %keys, %scales : !packed, memref<?x64xi8>, memref<?xi32>
        %0:2 = mqa.ring_get %ring[%at] : !packed -> !bytes, !words
        %l = mqa.tile_logits ins(%q, %0#0, %0#1, none : !q, !bytes, !words) {rows = #mqa.rows<keys>} : vector<1x128xf32>
        mqa.store_logits %l, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<1x128xf32>
        mqa.ring_release %ring[%at] : !packed
      }
    }
    gpu.return
  }

  // Nine slots: three warps.
  // CHECK-LABEL: gpu.func @nine_slots
  // CHECK: } else {
  // CHECK: arith.cmpi ult, %{{.*}}, %c96
  // CHECK: arith.remui %{{.*}}, %c3_i32
  // CHECK: mqa.ring_put
  // CHECK-NOT: mqa.ring_put
  // CHECK: gpu.return
  gpu.func @nine_slots(%q: !q, %k: memref<?x64x64xi8>, %s: memref<?x64xi32>, %table: memref<1x?xi32>, %lens: memref<?xi32>, %out: memref<?x?xf32>, %n: index) kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
    %c0 = arith.constant 0 : index
    %c128 = arith.constant 128 : index
    %ring = mqa.ring_create : !nine
    %ranges = mqa.make_ranges none, %lens keys(%n) : memref<?xi32>
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.for %i = %block to %n step %grid {
      scf.for %j = %c0 to %n step %c128 {
        %past = arith.subi %j, %c0 : index
        %tile = arith.divui %past, %c128 : index
        %at = arith.index_cast %tile : index to i32
        %left = arith.subi %n, %j : index
        %keys = mqa.gather_pages %k[%table] from %j keys %left : memref<?x64x64xi8>, memref<1x?xi32> -> memref<?x64xi8>
        %scales = mqa.gather_pages %s[%table] from %j keys %left : memref<?x64xi32>, memref<1x?xi32> -> memref<?xi32>
        mqa.ring_put %ring[%at], %keys, %scales : !nine, memref<?x64xi8>, memref<?xi32>
        %0:2 = mqa.ring_get %ring[%at] : !nine -> !bytes, !words
        %l = mqa.tile_logits ins(%q, %0#0, %0#1, none : !q, !bytes, !words) {rows = #mqa.rows<keys>} : vector<1x128xf32>
        mqa.store_logits %l, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<1x128xf32>
        mqa.ring_release %ring[%at] : !nine
      }
    }
    gpu.return
  }

  // With seven, each warp would get slots that another had before: one warp fills them all.
  // CHECK-LABEL: gpu.func @seven_slots
  // CHECK: } else {
  // CHECK: arith.cmpi ult, %{{.*}}, %c32
  // CHECK-NOT: gpu.shuffle
  // CHECK-NOT: arith.remui
  // CHECK: mqa.ring_put
  // CHECK-NOT: mqa.ring_put
  // CHECK: gpu.return
  gpu.func @seven_slots(%q: !q, %k: memref<?x64x64xi8>, %s: memref<?x64xi32>, %table: memref<1x?xi32>, %lens: memref<?xi32>, %out: memref<?x?xf32>, %n: index) kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
    %c0 = arith.constant 0 : index
    %c128 = arith.constant 128 : index
    %ring = mqa.ring_create : !seven
    %ranges = mqa.make_ranges none, %lens keys(%n) : memref<?xi32>
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.for %i = %block to %n step %grid {
      scf.for %j = %c0 to %n step %c128 {
        %past = arith.subi %j, %c0 : index
        %tile = arith.divui %past, %c128 : index
        %at = arith.index_cast %tile : index to i32
        %left = arith.subi %n, %j : index
        %keys = mqa.gather_pages %k[%table] from %j keys %left : memref<?x64x64xi8>, memref<1x?xi32> -> memref<?x64xi8>
        %scales = mqa.gather_pages %s[%table] from %j keys %left : memref<?x64xi32>, memref<1x?xi32> -> memref<?xi32>
        mqa.ring_put %ring[%at], %keys, %scales : !seven, memref<?x64xi8>, memref<?xi32>
        %0:2 = mqa.ring_get %ring[%at] : !seven -> !bytes, !words
        %l = mqa.tile_logits ins(%q, %0#0, %0#1, none : !q, !bytes, !words) {rows = #mqa.rows<keys>} : vector<1x128xf32>
        mqa.store_logits %l, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<1x128xf32>
        mqa.ring_release %ring[%at] : !seven
      }
    }
    gpu.return
  }

  // One warp is fast enough for two copies.
  // CHECK-LABEL: gpu.func @few_copies
  // CHECK: } else {
  // CHECK: arith.cmpi ult, %{{.*}}, %c32
  // CHECK-NOT: gpu.shuffle
  // CHECK-NOT: arith.remui
  // CHECK: mqa.ring_put
  // CHECK-NOT: mqa.ring_put
  // CHECK: gpu.return
  gpu.func @few_copies(%q: !q, %k: memref<?x64x128xf8E4M3FN>, %table: memref<1x?xi32>, %lens: memref<?xi32>, %out: memref<?x?xf32>, %n: index) kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
    %c0 = arith.constant 0 : index
    %c128 = arith.constant 128 : index
    %ring = mqa.ring_create : !few
    %ranges = mqa.make_ranges none, %lens keys(%n) : memref<?xi32>
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.for %i = %block to %n step %grid {
      scf.for %j = %c0 to %n step %c128 {
        %past = arith.subi %j, %c0 : index
        %tile = arith.divui %past, %c128 : index
        %at = arith.index_cast %tile : index to i32
        %left = arith.subi %n, %j : index
        %keys = mqa.gather_pages %k[%table] from %j keys %left : memref<?x64x128xf8E4M3FN>, memref<1x?xi32> -> memref<?x128xf8E4M3FN>
        mqa.ring_put %ring[%at], %keys : !few, memref<?x128xf8E4M3FN>
        %0 = mqa.ring_get %ring[%at] : !few -> !keys
        %l = mqa.tile_logits ins(%q, %0, none, none : !q, !keys) : vector<1x128xf32>
        mqa.store_logits %l, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<1x128xf32>
        mqa.ring_release %ring[%at] : !few
      }
    }
    gpu.return
  }

  // Scales of cache blocks of 16 keys, which lanes move, take longer than two copies: of the
  // three warps that are left for them, two divide eight slots.
  // CHECK-LABEL: gpu.func @elements
  // CHECK: %[[KEYS:.*]] = mqa.ring_create {consumers = 4 : i64} : <8, memref<128x128
  // CHECK: %[[SCALES:.*]] = mqa.ring_create {consumers = 4 : i64} : <8, memref<128xf32
  // CHECK: } else {
  // CHECK: arith.cmpi ult, %{{.*}}, %c64
  // CHECK: arith.remui %{{.*}}, %c2_i32
  // CHECK: mqa.ring_put %[[SCALES]]
  // CHECK: arith.cmpi ult, %{{.*}}, %c32
  // CHECK-NOT: arith.remui
  // CHECK: mqa.ring_put %[[KEYS]]
  // CHECK: gpu.return
  gpu.func @elements(%q: !q, %k: memref<?x64x128xf8E4M3FN>, %s: memref<?x16xf32>, %table: memref<1x?xi32>, %lens: memref<?xi32>, %out: memref<?x?xf32>, %n: index) kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
    %c0 = arith.constant 0 : index
    %c128 = arith.constant 128 : index
    %ring = mqa.ring_create : !few
    %own = mqa.ring_create : !scales
    %ranges = mqa.make_ranges none, %lens keys(%n) : memref<?xi32>
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.for %i = %block to %n step %grid {
      scf.for %j = %c0 to %n step %c128 {
        %past = arith.subi %j, %c0 : index
        %tile = arith.divui %past, %c128 : index
        %at = arith.index_cast %tile : index to i32
        %left = arith.subi %n, %j : index
        %keys = mqa.gather_pages %k[%table] from %j keys %left : memref<?x64x128xf8E4M3FN>, memref<1x?xi32> -> memref<?x128xf8E4M3FN>
        %scales = mqa.gather_pages %s[%table] from %j keys %left : memref<?x16xf32>, memref<1x?xi32> -> memref<?xf32>
        mqa.ring_put %own[%at], %scales : !scales, memref<?xf32>
        mqa.ring_put %ring[%at], %keys : !few, memref<?x128xf8E4M3FN>
        %0 = mqa.ring_get %ring[%at] : !few -> !keys
        %1 = mqa.ring_get %own[%at] : !scales -> !words_f32
        %l = mqa.tile_logits ins(%q, %0, %1, none : !q, !keys, !words_f32) : vector<1x128xf32>
        mqa.store_logits %l, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<1x128xf32>
        mqa.ring_release %ring[%at] : !few
        mqa.ring_release %own[%at] : !scales
      }
    }
    gpu.return
  }

  // A slot that is filled outside of the loop over keys would be filled in each turn.
  // CHECK-LABEL: gpu.func @acquires
  // CHECK: } else {
  // CHECK: arith.cmpi ult, %{{.*}}, %c32
  // CHECK-NOT: gpu.shuffle
  // CHECK: mqa.ring_commit
  // CHECK-NOT: arith.remui
  // CHECK: mqa.ring_put
  // CHECK: gpu.return
  gpu.func @acquires(%q: !q, %k: memref<?x64x64xi8>, %s: memref<?x64xi32>, %table: memref<1x?xi32>, %lens: memref<?xi32>, %out: memref<?x?xf32>, %n: index) kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
    %c0 = arith.constant 0 : index
    %c128 = arith.constant 128 : index
    %ring = mqa.ring_create : !packed
    %ranges = mqa.make_ranges none, %lens keys(%n) : memref<?xi32>
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.for %i = %block to %n step %grid {
      %first = arith.constant 0 : i32
      %t:2 = mqa.ring_acquire %ring[%first] : !packed -> !bytes, !words
      mqa.ring_commit %ring[%first] : !packed
      scf.for %j = %c0 to %n step %c128 {
        %past = arith.subi %j, %c0 : index
        %tile = arith.divui %past, %c128 : index
        %at = arith.index_cast %tile : index to i32
        %left = arith.subi %n, %j : index
        %keys = mqa.gather_pages %k[%table] from %j keys %left : memref<?x64x64xi8>, memref<1x?xi32> -> memref<?x64xi8>
        %scales = mqa.gather_pages %s[%table] from %j keys %left : memref<?x64xi32>, memref<1x?xi32> -> memref<?xi32>
        mqa.ring_put %ring[%at], %keys, %scales : !packed, memref<?x64xi8>, memref<?xi32>
        %0:2 = mqa.ring_get %ring[%at] : !packed -> !bytes, !words
        %l = mqa.tile_logits ins(%q, %0#0, %0#1, none : !q, !bytes, !words) {rows = #mqa.rows<keys>} : vector<1x128xf32>
        mqa.store_logits %l, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<1x128xf32>
        mqa.ring_release %ring[%at] : !packed
      }
    }
    gpu.return
  }

  // Where rows are cleaned, the three warps beside the producer do that.
  // CHECK-LABEL: gpu.func @cleans
  // CHECK: } else {
  // CHECK: arith.cmpi ult, %{{.*}}, %c32
  // CHECK-NOT: gpu.shuffle
  // CHECK-NOT: arith.remui
  // CHECK: mqa.ring_put
  // CHECK-NOT: mqa.ring_put
  // CHECK: mqa.clean_rows {{.*}} of %c96
  // CHECK: gpu.return
  gpu.func @cleans(%q: !q, %k: memref<?x64x64xi8>, %s: memref<?x64xi32>, %table: memref<1x?xi32>, %lens: memref<?xi32>, %out: memref<?x?xf32>, %n: index) kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
    %c0 = arith.constant 0 : index
    %c128 = arith.constant 128 : index
    %ring = mqa.ring_create : !packed
    %ranges = mqa.make_ranges none, %lens keys(%n) : memref<?xi32>
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.for %i = %block to %n step %grid {
      mqa.clean_rows %out, %ranges : memref<?x?xf32>
    }
    scf.for %i = %block to %n step %grid {
      scf.for %j = %c0 to %n step %c128 {
        %past = arith.subi %j, %c0 : index
        %tile = arith.divui %past, %c128 : index
        %at = arith.index_cast %tile : index to i32
        %left = arith.subi %n, %j : index
        %keys = mqa.gather_pages %k[%table] from %j keys %left : memref<?x64x64xi8>, memref<1x?xi32> -> memref<?x64xi8>
        %scales = mqa.gather_pages %s[%table] from %j keys %left : memref<?x64xi32>, memref<1x?xi32> -> memref<?xi32>
        mqa.ring_put %ring[%at], %keys, %scales : !packed, memref<?x64xi8>, memref<?xi32>
        %0:2 = mqa.ring_get %ring[%at] : !packed -> !bytes, !words
        %l = mqa.tile_logits ins(%q, %0#0, %0#1, none : !q, !bytes, !words) {rows = #mqa.rows<keys>} : vector<1x128xf32>
        mqa.store_logits %l, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<1x128xf32>
        mqa.ring_release %ring[%at] : !packed
      }
    }
    gpu.return
  }

  // A loop that carries something from key to key is not cut into turns.
  // CHECK-LABEL: gpu.func @carries
  // CHECK: } else {
  // CHECK: arith.cmpi ult, %{{.*}}, %c32
  // CHECK-NOT: gpu.shuffle
  // CHECK-NOT: arith.remui
  // CHECK: scf.for {{.*}} iter_args
  // CHECK: mqa.ring_put
  // CHECK-NOT: mqa.ring_put
  // CHECK: gpu.return
  gpu.func @carries(%q: !q, %k: memref<?x64x64xi8>, %s: memref<?x64xi32>, %table: memref<1x?xi32>, %lens: memref<?xi32>, %out: memref<?x?xf32>, %n: index) kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
    %c0 = arith.constant 0 : index
    %c128 = arith.constant 128 : index
    %ring = mqa.ring_create : !packed
    %ranges = mqa.make_ranges none, %lens keys(%n) : memref<?xi32>
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    %c0_i32 = arith.constant 0 : i32
    %c1_i32 = arith.constant 1 : i32
    scf.for %i = %block to %n step %grid {
      %all = scf.for %j = %c0 to %n step %c128 iter_args(%count = %c0_i32) -> (i32) {
        %past = arith.subi %j, %c0 : index
        %tile = arith.divui %past, %c128 : index
        %at = arith.index_cast %tile : index to i32
        %left = arith.subi %n, %j : index
        %keys = mqa.gather_pages %k[%table] from %j keys %left : memref<?x64x64xi8>, memref<1x?xi32> -> memref<?x64xi8>
        %scales = mqa.gather_pages %s[%table] from %j keys %left : memref<?x64xi32>, memref<1x?xi32> -> memref<?xi32>
        mqa.ring_put %ring[%at], %keys, %scales : !packed, memref<?x64xi8>, memref<?xi32>
        %0:2 = mqa.ring_get %ring[%at] : !packed -> !bytes, !words
        %l = mqa.tile_logits ins(%q, %0#0, %0#1, none : !q, !bytes, !words) {rows = #mqa.rows<keys>} : vector<1x128xf32>
        mqa.store_logits %l, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<1x128xf32>
        mqa.ring_release %ring[%at] : !packed
        %next = arith.addi %count, %c1_i32 : i32
        scf.yield %next : i32
      }
    }
    gpu.return
  }
}
