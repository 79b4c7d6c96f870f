// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-distribute-vectors)))' --allow-unregistered-dialect --split-input-file --verify-diagnostics | FileCheck %s

// What mqa-vectorize-tiles does not make.

#at_32x32 = #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>
#at_4x16x1x32 = #mqa.staged<shape = [4, 16, 1, 32], dims = [0, 1, 0, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
!qt = memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>
!kt = memref<32x32xf8E4M3FN, #at_32x32, #smem>
gpu.module @kernels {
  // Both are used in a loop only: the first is waited for in front of it, with the
  // second in flight, not where it was started.
  // CHECK-LABEL: gpu.func @used_in_loop
  // CHECK: %[[D0:.*]] = mqa.wgmma
  // CHECK-NEXT: nvvm.wgmma.commit.group.sync.aligned
  // CHECK-NEXT: nvvm.wgmma.fence.aligned
  // CHECK-NEXT: %[[D1:.*]] = mqa.wgmma
  // CHECK-NEXT: nvvm.wgmma.commit.group.sync.aligned
  // CHECK-DAG: mqa.wgmma_wait %[[D0]] {pending = 1 : i64}
  // CHECK-DAG: mqa.wgmma_wait %[[D1]] {pending = 0 : i64}
  // CHECK: scf.for
  gpu.func @used_in_loop(%qt: !qt, %kt: !kt, %kt2: !kt, %out: memref<4x32xf32>, %out2: memref<4x32xf32>, %n: index) kernel {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<4x16x32xf32>
    %zeros = arith.constant dense<0.0> : vector<4x32xf32>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : !qt, vector<4x16x32xf8E4M3FN>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : !kt, vector<32x32xf8E4M3FN>
    %k2 = vector.transfer_read %kt2[%c0, %c0], %f8 {in_bounds = [true, true]} : !kt, vector<32x32xf8E4M3FN>
    %s0 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    %s1 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k2, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    scf.for %i = %c0 to %n step %c1 {
      %r0 = vector.multi_reduction <add>, %s0, %zeros [1] : vector<4x16x32xf32> to vector<4x32xf32>
      %r1 = vector.multi_reduction <add>, %s1, %r0 [1] : vector<4x16x32xf32> to vector<4x32xf32>
      vector.transfer_write %r1, %out[%c0, %c0] {in_bounds = [true, true]} : vector<4x32xf32>, memref<4x32xf32>
    }
    gpu.return
  }
}

// -----

#at_32x32 = #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>
#at_4x16x1x32 = #mqa.staged<shape = [4, 16, 1, 32], dims = [0, 1, 0, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
!qt = memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>
!kt = memref<32x32xf8E4M3FN, #at_32x32, #smem>
gpu.module @kernels {
  // A contraction that no write needs becomes no WGMMA: the one before it cannot
  // count on it to be in flight.
  // CHECK-LABEL: gpu.func @dead_contraction
  // CHECK: mqa.wgmma
  // CHECK-NOT: mqa.wgmma %
  // CHECK: mqa.wgmma_wait %{{.*}} {pending = 0 : i64}
  // CHECK-NOT: mqa.wgmma_wait
  gpu.func @dead_contraction(%qt: !qt, %kt: !kt, %kt2: !kt, %out: memref<4x32xf32>, %out2: memref<4x32xf32>) kernel {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<4x16x32xf32>
    %zeros = arith.constant dense<0.0> : vector<4x32xf32>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : !qt, vector<4x16x32xf8E4M3FN>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : !kt, vector<32x32xf8E4M3FN>
    %k2 = vector.transfer_read %kt2[%c0, %c0], %f8 {in_bounds = [true, true]} : !kt, vector<32x32xf8E4M3FN>
    %s0 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    %s1 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k2, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    %r0 = vector.multi_reduction <add>, %s0, %zeros [1] : vector<4x16x32xf32> to vector<4x32xf32>
    vector.transfer_write %r0, %out[%c0, %c0] {in_bounds = [true, true]} : vector<4x32xf32>, memref<4x32xf32>
    gpu.return
  }
}

// -----

#at_32x32 = #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>
#at_4x16x1x32 = #mqa.staged<shape = [4, 16, 1, 32], dims = [0, 1, 0, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
!qt = memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>
!kt = memref<32x32xf8E4M3FN, #at_32x32, #smem>
gpu.module @kernels {
  // Two tiles in a loop, of the same queries, with an op between them that is not
  // of a tile.
  // CHECK-LABEL: gpu.func @two_tiles
  // CHECK-SAME: %[[OUT:[a-z0-9]+]]: memref<4x32xf32>, %[[OUT2:[a-z0-9]+]]: memref<4x32xf32>
  // CHECK: scf.for
  // CHECK: mqa.wgmma
  // CHECK: mqa.wgmma_wait %{{.*}} {pending = 0 : i64}
  // CHECK: memref.store %{{.*}}, %[[OUT]]
  // CHECK: "test.other"
  // CHECK: mqa.wgmma
  // CHECK: mqa.wgmma_wait %{{.*}} {pending = 0 : i64}
  // CHECK: memref.store %{{.*}}, %[[OUT2]]
  gpu.func @two_tiles(%qt: !qt, %kt: !kt, %kt2: !kt, %out: memref<4x32xf32>, %out2: memref<4x32xf32>, %n: index) kernel {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<4x16x32xf32>
    %zeros = arith.constant dense<0.0> : vector<4x32xf32>
    scf.for %i = %c0 to %n step %c1 {
      %q0 = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : !qt, vector<4x16x32xf8E4M3FN>
      %k0 = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : !kt, vector<32x32xf8E4M3FN>
      %s0 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q0, %k0, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
      %r0 = vector.multi_reduction <add>, %s0, %zeros [1] : vector<4x16x32xf32> to vector<4x32xf32>
      vector.transfer_write %r0, %out[%c0, %c0] {in_bounds = [true, true]} : vector<4x32xf32>, memref<4x32xf32>
      "test.other"() : () -> ()
      %q1 = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : !qt, vector<4x16x32xf8E4M3FN>
      %k1 = vector.transfer_read %kt2[%c0, %c0], %f8 {in_bounds = [true, true]} : !kt, vector<32x32xf8E4M3FN>
      %s1 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q1, %k1, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
      %r1 = vector.multi_reduction <add>, %s1, %zeros [1] : vector<4x16x32xf32> to vector<4x32xf32>
      vector.transfer_write %r1, %out2[%c0, %c0] {in_bounds = [true, true]} : vector<4x32xf32>, memref<4x32xf32>
    }
    gpu.return
  }
}

// -----

#at_32x32 = #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>
#at_4x16x1x32 = #mqa.staged<shape = [4, 16, 1, 32], dims = [0, 1, 0, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
!qt = memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>
!kt = memref<32x32xf8E4M3FN, #at_32x32, #smem>
gpu.module @kernels {
  // The WGMMA would read what comes after the release.
  gpu.func @released(%qt: !qt, %kt: !kt, %kt2: !kt, %out: memref<4x32xf32>, %out2: memref<4x32xf32>, %p: i32) kernel {
    %ring = mqa.ring_create : !mqa.ring<2, memref<32xf32, #smem>>
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<4x16x32xf32>
    %zeros = arith.constant dense<0.0> : vector<4x32xf32>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : !qt, vector<4x16x32xf8E4M3FN>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : !kt, vector<32x32xf8E4M3FN>
    // expected-note@+1 {{by this}}
    mqa.ring_release %ring[%p] : !mqa.ring<2, memref<32xf32, #smem>>
    // expected-error@+1 {{a tile may change between its read and the contraction}}
    %s0 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    %r0 = vector.multi_reduction <add>, %s0, %zeros [1] : vector<4x16x32xf32> to vector<4x32xf32>
    vector.transfer_write %r0, %out[%c0, %c0] {in_bounds = [true, true]} : vector<4x32xf32>, memref<4x32xf32>
    gpu.return
  }
}

// -----

#at_32x32 = #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>
#at_4x16x1x32 = #mqa.staged<shape = [4, 16, 1, 32], dims = [0, 1, 0, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
!qt = memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>
!kt = memref<32x32xf8E4M3FN, #at_32x32, #smem>
gpu.module @kernels {
  // WGMMAs are done when a slot is given back, which may be theirs: not only where
  // they are used.
  // CHECK-LABEL: gpu.func @released_behind
  // CHECK: %[[D0:.*]] = mqa.wgmma %
  // CHECK: %[[D1:.*]] = mqa.wgmma %
  // CHECK-DAG: mqa.wgmma_wait %[[D0]] {pending = 1 : i64}
  // CHECK-DAG: mqa.wgmma_wait %[[D1]] {pending = 0 : i64}
  // CHECK: mqa.ring_release
  // CHECK-NEXT: "test.other"
  gpu.func @released_behind(%qt: !qt, %kt: !kt, %kt2: !kt, %out: memref<4x32xf32>, %out2: memref<4x32xf32>, %p: i32) kernel {
    %ring = mqa.ring_create : !mqa.ring<2, memref<32xf32, #smem>>
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<4x16x32xf32>
    %zeros = arith.constant dense<0.0> : vector<4x32xf32>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : !qt, vector<4x16x32xf8E4M3FN>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : !kt, vector<32x32xf8E4M3FN>
    %k2 = vector.transfer_read %kt2[%c0, %c0], %f8 {in_bounds = [true, true]} : !kt, vector<32x32xf8E4M3FN>
    %s0 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    %s1 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k2, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    %next = mqa.ring_get %ring[%p] : !mqa.ring<2, memref<32xf32, #smem>> -> memref<32xf32, strided<[1], offset: ?>, #smem>
    mqa.ring_release %ring[%p] : !mqa.ring<2, memref<32xf32, #smem>>
    "test.other"() : () -> ()
    %r0 = vector.multi_reduction <add>, %s0, %zeros [1] : vector<4x16x32xf32> to vector<4x32xf32>
    %r1 = vector.multi_reduction <add>, %s1, %r0 [1] : vector<4x16x32xf32> to vector<4x32xf32>
    vector.transfer_write %r1, %out[%c0, %c0] {in_bounds = [true, true]} : vector<4x32xf32>, memref<4x32xf32>
    gpu.return
  }
}

// -----

#at_32x32 = #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>
#at_4x16x1x32 = #mqa.staged<shape = [4, 16, 1, 32], dims = [0, 1, 0, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
!qt = memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>
!kt = memref<32x32xf8E4M3FN, #at_32x32, #smem>
gpu.module @kernels {
  gpu.func @other_heads(%qt: !qt, %kt: !kt, %kt2: !kt, %out: memref<4x32xf32>, %out2: memref<4x32xf32>, %o16: memref<16x32xf32>) kernel {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<4x16x32xf32>
    %zeros = arith.constant dense<0.0> : vector<4x32xf32>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : !qt, vector<4x16x32xf8E4M3FN>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : !kt, vector<32x32xf8E4M3FN>
    %s0 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    %z16 = arith.constant dense<0.0> : vector<16x32xf32>
    %b = vector.shape_cast %s0 : vector<4x16x32xf32> to vector<16x4x32xf32>
    // expected-error@+1 {{must be of f32 or f16 and of a WGMMA's 4 queries and 16 heads, found 'vector<16x4x32xf32>'}}
    %r0 = vector.multi_reduction <add>, %b, %z16 [1] : vector<16x4x32xf32> to vector<16x32xf32>
    vector.transfer_write %r0, %o16[%c0, %c0] {in_bounds = [true, true]} : vector<16x32xf32>, memref<16x32xf32>
    gpu.return
  }
}

// -----

#at_32x32 = #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>
#at_4x16x1x32 = #mqa.staged<shape = [4, 16, 1, 32], dims = [0, 1, 0, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
!qt = memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>
!kt = memref<32x32xf8E4M3FN, #at_32x32, #smem>
gpu.module @kernels {
  // More are in flight than the instruction can be told: it waits for more.
  // CHECK-LABEL: gpu.func @many_in_flight
  // CHECK-COUNT-10: mqa.wgmma %
  // CHECK: mqa.wgmma_wait %{{.*}} {pending = 7 : i64}
  gpu.func @many_in_flight(%qt: !qt, %kt: !kt, %out: memref<4x32xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<4x16x32xf32>
    %zeros = arith.constant dense<0.0> : vector<4x32xf32>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : !qt, vector<4x16x32xf8E4M3FN>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : !kt, vector<32x32xf8E4M3FN>
    %s0 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    %s1 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    %s2 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    %s3 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    %s4 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    %s5 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    %s6 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    %s7 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    %s8 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    %s9 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    %r0 = vector.multi_reduction <add>, %s0, %zeros [1] : vector<4x16x32xf32> to vector<4x32xf32>
    %r1 = vector.multi_reduction <add>, %s1, %r0 [1] : vector<4x16x32xf32> to vector<4x32xf32>
    %r2 = vector.multi_reduction <add>, %s2, %r1 [1] : vector<4x16x32xf32> to vector<4x32xf32>
    %r3 = vector.multi_reduction <add>, %s3, %r2 [1] : vector<4x16x32xf32> to vector<4x32xf32>
    %r4 = vector.multi_reduction <add>, %s4, %r3 [1] : vector<4x16x32xf32> to vector<4x32xf32>
    %r5 = vector.multi_reduction <add>, %s5, %r4 [1] : vector<4x16x32xf32> to vector<4x32xf32>
    %r6 = vector.multi_reduction <add>, %s6, %r5 [1] : vector<4x16x32xf32> to vector<4x32xf32>
    %r7 = vector.multi_reduction <add>, %s7, %r6 [1] : vector<4x16x32xf32> to vector<4x32xf32>
    %r8 = vector.multi_reduction <add>, %s8, %r7 [1] : vector<4x16x32xf32> to vector<4x32xf32>
    %r9 = vector.multi_reduction <add>, %s9, %r8 [1] : vector<4x16x32xf32> to vector<4x32xf32>
    vector.transfer_write %r9, %out[%c0, %c0] {in_bounds = [true, true]} : vector<4x32xf32>, memref<4x32xf32>
    gpu.return
  }
}

// -----

#at_32x32 = #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>
#at_4x16x1x32 = #mqa.staged<shape = [4, 16, 1, 32], dims = [0, 1, 0, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
!qt = memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>
!kt = memref<32x32xf8E4M3FN, #at_32x32, #smem>
gpu.module @kernels {
  // A sum that is written, and that another one adds to.
  // CHECK-LABEL: gpu.func @partial_sums
  // CHECK-SAME: %[[OUT:[a-z0-9]+]]: memref<4x32xf32>, %[[OUT2:[a-z0-9]+]]: memref<4x32xf32>
  // CHECK: memref.store %{{.*}}, %[[OUT]]
  // CHECK: memref.store %{{.*}}, %[[OUT2]]
  // CHECK-NOT: vector.
  // CHECK: gpu.return
  gpu.func @partial_sums(%qt: !qt, %kt: !kt, %kt2: !kt, %out: memref<4x32xf32>, %out2: memref<4x32xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<4x16x32xf32>
    %zeros = arith.constant dense<0.0> : vector<4x32xf32>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : !qt, vector<4x16x32xf8E4M3FN>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : !kt, vector<32x32xf8E4M3FN>
    %s0 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    %s1 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    %r0 = vector.multi_reduction <add>, %s0, %zeros [1] : vector<4x16x32xf32> to vector<4x32xf32>
    vector.transfer_write %r0, %out[%c0, %c0] {in_bounds = [true, true]} : vector<4x32xf32>, memref<4x32xf32>
    %r1 = vector.multi_reduction <add>, %s1, %r0 [1] : vector<4x16x32xf32> to vector<4x32xf32>
    vector.transfer_write %r1, %out2[%c0, %c0] {in_bounds = [true, true]} : vector<4x32xf32>, memref<4x32xf32>
    gpu.return
  }
}

// -----

#at_128x32 = #mqa.staged<shape = [128, 32], dims = [0, 1], swizzle = 16>
#shared = #mqa.staged<shape = [1, 4, 16, 1, 32], dims = [0, 1, 1, 0, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
!qt = memref<1x64x32xf8E4M3FN, #shared, #smem>
!kt = memref<128x32xf8E4M3FN, #at_128x32, #smem>
gpu.module @kernels {
  // Sums over warps: the barriers of the first are no change of what the second one
  // reads. One consumer group comes to both, at the same barrier.
  // CHECK-LABEL: gpu.func @two_sums_over_warps
  // CHECK: %[[FIRST:.*]] = arith.constant 1 : i32
  // CHECK-NEXT: %[[ID:.*]] = arith.addi %{{.*}}, %[[FIRST]] : i32
  // CHECK: nvvm.barrier id = %[[ID]]
  // CHECK: nvvm.barrier
  // CHECK: memref.store {{.*}} : memref<1x128xf32>
  // CHECK: mqa.wgmma %
  // CHECK: %[[FIRST2:.*]] = arith.constant 1 : i32
  // CHECK-NEXT: %[[ID2:.*]] = arith.addi %{{.*}}, %[[FIRST2]] : i32
  // CHECK: nvvm.barrier id = %[[ID2]]
  // CHECK: nvvm.barrier
  // CHECK: memref.store {{.*}} : memref<1x128xf32>
  gpu.func @two_sums_over_warps(%qt: !qt, %kt: !kt, %kt2: !kt, %out: memref<1x128xf32>, %out2: memref<1x128xf32>) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<1x64x128xf32>
    %zeros = arith.constant dense<0.0> : vector<1x128xf32>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : !qt, vector<1x64x32xf8E4M3FN>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : !kt, vector<128x32xf8E4M3FN>
    %k2 = vector.transfer_read %kt2[%c0, %c0], %f8 {in_bounds = [true, true]} : !kt, vector<128x32xf8E4M3FN>
    %s0 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<1x64x32xf8E4M3FN>, vector<128x32xf8E4M3FN> into vector<1x64x128xf32>
    %r0 = vector.multi_reduction <add>, %s0, %zeros [1] : vector<1x64x128xf32> to vector<1x128xf32>
    vector.transfer_write %r0, %out[%c0, %c0] {in_bounds = [true, true]} : vector<1x128xf32>, memref<1x128xf32>
    %s1 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k2, %zero : vector<1x64x32xf8E4M3FN>, vector<128x32xf8E4M3FN> into vector<1x64x128xf32>
    %r1 = vector.multi_reduction <add>, %s1, %zeros [1] : vector<1x64x128xf32> to vector<1x128xf32>
    vector.transfer_write %r1, %out2[%c0, %c0] {in_bounds = [true, true]} : vector<1x128xf32>, memref<1x128xf32>
    gpu.return
  }
}

// -----

// Dims of one element, and rows counted by two dims, are the same order.
#queries = #mqa.staged<shape = [1, 4, 1, 4, 2, 2, 32], dims = [1, 0, 2, 1, 1, 0, 2], swizzle = 16>
#keys = #mqa.staged<shape = [1, 4, 8, 32], dims = [1, 0, 0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
!qt = memref<8x8x32xf8E4M3FN, #queries, #smem>
!kt = memref<32x32xf8E4M3FN, #keys, #smem>
gpu.module @kernels {
  // CHECK-LABEL: gpu.func @same_order
  // CHECK: mqa.wgmma {{.*}} : memref<8x8x32xf8E4M3FN, {{.*}}>, memref<32x32xf8E4M3FN, {{.*}}>
  gpu.func @same_order(%qt: !qt, %kt: !kt, %out: memref<8x32xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<8x8x32xf32>
    %zeros = arith.constant dense<0.0> : vector<8x32xf32>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : !qt, vector<8x8x32xf8E4M3FN>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : !kt, vector<32x32xf8E4M3FN>
    %s0 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<8x8x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<8x8x32xf32>
    %r0 = vector.multi_reduction <add>, %s0, %zeros [1] : vector<8x8x32xf32> to vector<8x32xf32>
    vector.transfer_write %r0, %out[%c0, %c0] {in_bounds = [true, true]} : vector<8x32xf32>, memref<8x32xf32>
    gpu.return
  }
}
