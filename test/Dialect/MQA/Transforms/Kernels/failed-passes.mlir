// RUN: not mqa-opt %s --split-input-file --allow-unregistered-dialect --mlir-print-ir-after-failure --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-stage-tiles,mqa-distribute-vectors,mqa-expand-fit-queries,mqa-expand-puts)),mqa-lower-rings)' 2>&1 | FileCheck %s

// A pass that fails leaves what it works on as it was, also where it finds out late:
// here at the second op.

gpu.module @kernels {
  // CHECK: 'mqa.logits' op needs a schedule before it is staged
  // CHECK: IR Dump After {{.*}}mqa-stage-tiles
  // CHECK-NOT: mqa.ring_create
  // CHECK-COUNT-2: mqa.logits ins
  // CHECK-NOT: mqa.tile_logits
  gpu.func @stage(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index) kernel {
    scf.for %i = %n to %n step %n {
      scf.for %j = %n to %n step %n {
        %tile = memref.subview %out[0, %j] [%n, %n] [1, 1] : memref<?x?xf32> to memref<?x?xf32, strided<[?, 1], offset: ?>>
        mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xi32>) key_offset(%j) outs(%tile : memref<?x?xf32, strided<[?, 1], offset: ?>>) {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2>}
        mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xi32>) key_offset(%j) outs(%tile : memref<?x?xf32, strided<[?, 1], offset: ?>>)
      }
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
  // CHECK: 'vector.shuffle' cannot be distributed over a consumer group
  // CHECK: IR Dump After {{.*}}mqa-distribute-vectors
  // CHECK: gpu.func @distribute
  // CHECK-NOT: mqa.wgmma
  // CHECK-NOT: gpu.thread_id
  // CHECK-COUNT-2: vector.transfer_write
  // CHECK: gpu.return
  gpu.func @distribute(%qt: !qt, %kt: !kt, %out: memref<4x32xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<4x16x32xf32>
    %zeros = arith.constant dense<0.0> : vector<4x32xf32>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : !qt, vector<4x16x32xf8E4M3FN>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : !kt, vector<32x32xf8E4M3FN>
    %s0 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    %r0 = vector.multi_reduction <add>, %s0, %zeros [1] : vector<4x16x32xf32> to vector<4x32xf32>
    vector.transfer_write %r0, %out[%c0, %c0] {in_bounds = [true, true]} : vector<4x32xf32>, memref<4x32xf32>
    %shuffled = vector.shuffle %r0, %r0 [3, 2, 1, 0] : vector<4x32xf32>, vector<4x32xf32>
    vector.transfer_write %shuffled, %out[%c0, %c0] {in_bounds = [true, true]} : vector<4x32xf32>, memref<4x32xf32>
    gpu.return
  }
}

// -----

#at_1x1x4x16x1x32 = #mqa.staged<shape = [1, 1, 4, 16, 1, 32], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!q = memref<4x16x32xf8E4M3FN, #at_1x1x4x16x1x32, #smem>
!w = memref<4x16xf32, #smem>
gpu.module @kernels {
  // CHECK: 'mqa.fit_queries' op must have whole warps, found 16 threads
  // CHECK: IR Dump After {{.*}}mqa-expand-fit-queries
  // CHECK-COUNT-2: mqa.fit_queries
  gpu.func @fit(%q: !q, %w: !w, %t: index) kernel {
    %c16 = arith.constant 16 : index
    %f = mqa.fit_queries %q, %w : !q, !w -> memref<2x4xf32, #smem>
    %g = mqa.fit_queries %q, %w threads %t of %c16 : !q, !w -> memref<2x4xf32, #smem>
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<4, memref<64xf32, #smem>>
!t = memref<?xf32, strided<[1], offset: ?>>
gpu.module @kernels {
  // CHECK: 'mqa.fill_tile' op source must be a unit-stride memref.subview of a kernel argument
  // CHECK: IR Dump After {{.*}}mqa-lower-rings
  // CHECK: gpu.func @first(%{{.*}}: memref<?xf32>
  // CHECK-NOT: nvgpu.
  // CHECK: mqa.fill_tile
  // CHECK: gpu.func @second
  // CHECK: mqa.fill_tile
  gpu.func @first(%s: memref<?xf32>, %p: i32, %n: index) kernel {
    %ring = mqa.ring_create : !ring
    %t = memref.subview %s[%n] [%n] [1] : memref<?xf32> to !t
    mqa.ring_put %ring[%p], %t : !ring, !t
    gpu.return
  }
  gpu.func @second(%s: memref<?xf32>, %p: i32, %n: index) kernel {
    %ring = mqa.ring_create : !ring
    mqa.ring_put %ring[%p], %s : !ring, memref<?xf32>
    gpu.return
  }
}
