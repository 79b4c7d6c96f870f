// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-stage-tiles)))' --allow-unregistered-dialect | FileCheck %s

// What mqa-tile-logits does not make.

#smem = #gpu.address_space<workgroup>
gpu.module @kernels {
  // Two tiles in a loop have rings of their own, whose positions go on alike.
  // Reads, writes to shared memory, and writes ahead of the loop stay where they
  // are.
  // CHECK-LABEL: gpu.func @two_tiles
  // CHECK-COUNT-6: mqa.ring_create
  // CHECK: memref.store %{{.*}}, %{{.*}} : memref<?x64xf32>
  // CHECK: mqa.ring_put
  // CHECK: mqa.ring_put
  // CHECK: scf.for
  // CHECK: memref.store %{{.*}}, %{{.*}} : memref<8xi32, {{.*}}>
  // CHECK: mqa.store_logits
  // CHECK: mqa.store_logits
  gpu.func @two_tiles(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %value: f32, %own: memref<8xi32, #smem>) kernel {
    scf.for %i = %n to %n step %n {
      memref.store %value, %w[%i, %i] : memref<?x64xf32>
      scf.for %j = %n to %n step %n {
        %length = memref.load %ke[%j] : memref<?xi32>
        memref.store %length, %own[%j] : memref<8xi32, #smem>
        %tile = memref.subview %out[0, %j] [%n, %n] [1, 1] : memref<?x?xf32> to memref<?x?xf32, strided<[?, 1], offset: ?>>
        mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) key_offset(%j) outs(%tile : memref<?x?xf32, strided<[?, 1], offset: ?>>) {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2>}
        mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) key_offset(%j) outs(%tile : memref<?x?xf32, strided<[?, 1], offset: ?>>) {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2>}
      }
    }
    gpu.return
  }
}
