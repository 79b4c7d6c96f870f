// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-specialize-warps)))' | FileCheck %s
// RUN: sed 's@// CLEANS@@' %s | mqa-opt --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-specialize-warps)))' | FileCheck %s --check-prefix=CLEAN
// RUN: sed 's@128x128@64x128@; s@\[128, 128\]@[64, 128]@; s@128xf32@64xf32@' %s | mqa-opt --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-specialize-warps)))' | FileCheck %s --check-prefix=SMALL

// Lanes copy keys of blocks of 8. All four warps fill a large tile of keys, and take turns with
// its scales; the first of them has the queries as well. Where the kernel cleans, two warps fill it: ahead of the
// others, because a lane counts from a multiple of 64. One warp has the other rings, and
// one cleans.

#smem = #gpu.address_space<workgroup>
#queries = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#rows = #mqa.staged<shape = [128, 128], dims = [0, 1], swizzle = 16>
!k = memref<128x128xf8E4M3FN, #rows, #smem>
!q = memref<4x64x128xf8E4M3FN, #queries, #smem>
!qring = !mqa.ring<2, !q>
!kring = !mqa.ring<4, !k>
!sring = !mqa.ring<4, memref<128xf32, #smem>>
!s = memref<128xf32, strided<[1], offset: ?>, #smem>
gpu.module @kernels {
  // CHECK-LABEL: gpu.func @large
  // CHECK: %[[Q:.*]] = mqa.ring_create {consumers = 4 : i64} : <2
  // CHECK: %[[K:.*]] = mqa.ring_create {consumers = 4 : i64, producers = 4 : i64} : <4
  // CHECK: %[[S:.*]] = mqa.ring_create {consumers = 4 : i64} : <4, memref<128xf32
  // CHECK: } else {
  // CHECK: gpu.shuffle idx
  // CHECK: %[[WARP:.*]] = arith.index_cast
  // CHECK: %[[IS_FIRST:.*]] = arith.cmpi ult, %[[WARP]], %c1
  // CHECK: scf.if %[[IS_FIRST]]
  // CHECK: mqa.ring_put %[[Q]]
  // CHECK-NOT: mqa.ring_get
  // CHECK: mqa.ring_put %[[K]][%[[P:[a-z0-9_]+]]]
  // CHECK: %[[OF:.*]] = arith.remui %[[P]], %c4_i32
  // CHECK: %[[OWN:.*]] = arith.cmpi eq, %[[OF]], %c0_i32
  // CHECK: scf.if %[[OWN]] {
  // CHECK-NEXT: mqa.ring_put %[[S]][%[[P]]]
  // CHECK: arith.constant 160 : index
  // CHECK: gpu.shuffle idx
  // CHECK-NOT: mqa.ring_put %[[Q]]
  // CHECK: mqa.ring_put %[[K]]
  // CHECK: arith.cmpi eq, %{{.*}}, %c1_i32
  // CHECK: mqa.ring_put %[[S]]
  // CHECK: arith.constant 192 : index
  // CHECK: gpu.shuffle idx
  // CHECK-NOT: mqa.ring_put %[[Q]]
  // CHECK: mqa.ring_put %[[K]]
  // CHECK: arith.cmpi eq, %{{.*}}, %c2_i32
  // CHECK: mqa.ring_put %[[S]]
  // CHECK: arith.constant 224 : index
  // CHECK: gpu.shuffle idx
  // CHECK-NOT: mqa.ring_put %[[Q]]
  // CHECK: mqa.ring_put %[[K]]
  // CHECK: arith.cmpi eq, %{{.*}}, %c3_i32
  // CHECK: mqa.ring_put %[[S]]
  // CHECK-NOT: mqa.ring_put
  // CLEAN-LABEL: gpu.func @large
  // CLEAN: %[[Q:.*]] = mqa.ring_create {consumers = 4 : i64} : <2
  // CLEAN: %[[K:.*]] = mqa.ring_create {consumers = 4 : i64, producers = 2 : i64} : <4
  // CLEAN: %[[S:.*]] = mqa.ring_create
  // CLEAN: } else {
  // CLEAN: mqa.ring_put %[[K]]
  // CLEAN: arith.constant 192 : index
  // CLEAN: mqa.ring_put %[[Q]]
  // CLEAN: mqa.ring_put %[[S]]
  // CLEAN: arith.constant 224 : index
  // CLEAN: arith.constant 224 : index
  // CLEAN: %[[THREADS:.*]] = arith.constant 32 : index
  // CLEAN: mqa.clean_rows {{.*}} of %[[THREADS]]

  // Two warps are enough for half of it, and the other rings have a warp each.
  // SMALL-LABEL: gpu.func @large
  // SMALL: %[[Q:.*]] = mqa.ring_create {consumers = 4 : i64} : <2
  // SMALL: %[[K:.*]] = mqa.ring_create {consumers = 4 : i64, producers = 2 : i64} : <4
  // SMALL: %[[S:.*]] = mqa.ring_create
  // SMALL: } else {
  // SMALL: mqa.ring_put %[[K]]
  // SMALL-NOT: mqa.ring_put
  // SMALL: arith.constant 192 : index
  // SMALL: mqa.ring_put %[[Q]]
  // SMALL-NOT: mqa.ring_put
  // SMALL: arith.constant 224 : index
  // SMALL: mqa.ring_put %[[S]]
  gpu.func @large(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %scale: memref<?xf32>, %blocks: memref<1x?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index) kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c128 = arith.constant 128 : index
    %qring = mqa.ring_create : !qring
    %kring = mqa.ring_create : !kring
    %sring = mqa.ring_create : !sring
    %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    // CLEANS scf.for %m = %block to %n step %grid {
    // CLEANS   mqa.clean_rows %out, %ranges : memref<?x?xf32>
    // CLEANS }
    scf.for %i = %block to %n step %grid {
      %p = arith.index_cast %i : index to i32
      %queries = memref.subview %q[%i, 0, 0] [4, 64, 128] [1, 1, 1] : memref<?x64x128xf8E4M3FN> to memref<4x64x128xf8E4M3FN, strided<[8192, 128, 1], offset: ?>>
      mqa.ring_put %qring[%p], %queries : !qring, memref<4x64x128xf8E4M3FN, strided<[8192, 128, 1], offset: ?>>
      %qt = mqa.ring_get %qring[%p] : !qring -> !q
      scf.for %j = %c0 to %n step %c1 {
        %at = arith.index_cast %j : index to i32
        %keys = mqa.gather_pages %k[%blocks] from %j keys %c128 {block_size = 8} : memref<?x128xf8E4M3FN>, memref<1x?xi32> -> memref<?x128xf8E4M3FN>
        mqa.ring_put %kring[%at], %keys : !kring, memref<?x128xf8E4M3FN>
        %kt = mqa.ring_get %kring[%at] : !kring -> !k
        %scales = mqa.gather_pages %scale[%blocks] from %j keys %c128 {block_size = 8} : memref<?xf32>, memref<1x?xi32> -> memref<?xf32>
        mqa.ring_put %sring[%at], %scales : !sring, memref<?xf32>
        %st = mqa.ring_get %sring[%at] : !sring -> !s
        %tile = mqa.tile_logits ins(%qt, %kt, %st, none : !q, !k, !s) : vector<4x128xf32>
        mqa.store_logits %tile, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<4x128xf32>
        mqa.ring_release %kring[%at] : !kring
        mqa.ring_release %sring[%at] : !sring
      }
      mqa.ring_release %qring[%p] : !qring
    }
    gpu.return
  }
}
