// RUN: mqa-opt %s --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-vectorize-tiles,cse)))' --allow-unregistered-dialect | FileCheck %s

// What mqa-specialize-warps does not make.

#at_1x1x4x16x1x128 = #mqa.staged<shape = [1, 1, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_64x128 = #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!q = memref<4x16x128xf8E4M3FN, #at_1x1x4x16x1x128, #smem>
!k = memref<64x128xf8E4M3FN, #at_64x128, #smem>
!w = memref<4x16xf32, #smem>
!f = memref<2x4xf32, #smem>

gpu.module @kernels {
  // Weights are read behind what scales them in their slot.
  // CHECK-LABEL: gpu.func @behind_fit
  // CHECK-NOT: memref<4x16xf32, {{.*}}vector<4x16xf32>
  // CHECK: mqa.fit_queries
  // CHECK: vector.transfer_read %{{.*}} : memref<4x16xf32, {{.*}}vector<4x16xf32>
  // CHECK: scf.for
  gpu.func @behind_fit(%q: !q, %k: !k, %w: !w, %ke: memref<4xi32>, %n: index, %out: memref<?x?xf32>) kernel {
    %c0 = arith.constant 0 : index
    %c64 = arith.constant 64 : index
    %f = mqa.fit_queries %q, %w : !q, !w -> !f
    scf.for %i = %c0 to %n step %c64 {
      %logits = mqa.tile_logits ins(%q, %k, none, %w : !q, !k, !w) factors(%f : !f) {reduction = #mqa.reduction<f16>} : vector<4x64xf32>
      mqa.store_logits %logits, none, %ke first_key(%i) outs(%out : memref<?x?xf32>) : vector<4x64xf32>, memref<4xi32>
    }
    gpu.return
  }

  // In the loop, where each iteration scales other queries, and an op that may
  // write is in between.
  // CHECK-LABEL: gpu.func @fit_in_loop
  // CHECK: scf.for
  // CHECK: mqa.fit_queries
  // CHECK: "test.other"
  // CHECK: vector.transfer_read %{{.*}} : memref<4x16xf32, {{.*}}vector<4x16xf32>
  gpu.func @fit_in_loop(%q: !q, %k: !k, %w: !w, %ke: memref<4xi32>, %n: index, %out: memref<?x?xf32>) kernel {
    %c0 = arith.constant 0 : index
    %c64 = arith.constant 64 : index
    scf.for %i = %c0 to %n step %c64 {
      %f = mqa.fit_queries %q, %w : !q, !w -> !f
      "test.other"() : () -> ()
      %logits = mqa.tile_logits ins(%q, %k, none, %w : !q, !k, !w) factors(%f : !f) {reduction = #mqa.reduction<f16>} : vector<4x64xf32>
      mqa.store_logits %logits, none, %ke first_key(%i) outs(%out : memref<?x?xf32>) : vector<4x64xf32>, memref<4xi32>
    }
    gpu.return
  }

  // How many keys there are is known only in the loop.
  // CHECK-LABEL: gpu.func @limit_in_loop
  // CHECK: vector.transfer_read %{{.*}} : memref<4xi32>, vector<4xi32>
  // CHECK: scf.for %[[I:.*]] =
  // CHECK: %[[KEYS:.*]] = arith.addi %[[I]],
  // CHECK: vector.broadcast %[[KEYS]] : index to vector<4xindex>
  gpu.func @limit_in_loop(%q: !q, %k: !k, %ke: memref<4xi32>, %n: index, %out: memref<?x?xf32>) kernel {
    %c0 = arith.constant 0 : index
    %c64 = arith.constant 64 : index
    scf.for %i = %c0 to %n step %c64 {
      %keys = arith.addi %i, %n : index
      %logits = mqa.tile_logits ins(%q, %k, none, none : !q, !k) : vector<4x64xf32>
      mqa.store_logits %logits, none, %ke first_key(%i) num_keys(%keys) outs(%out : memref<?x?xf32>) : vector<4x64xf32>, memref<4xi32>
    }
    gpu.return
  }

  // The length comes behind the rows.
  // CHECK-LABEL: gpu.func @causal_length
  // CHECK: %[[LENGTH:.*]] = memref.subview
  // CHECK: memref.load %[[LENGTH]]
  gpu.func @causal_length(%q: !q, %k: !k, %all: memref<?xi32>, %n: index, %out: memref<?x?xf32>) kernel {
    %rows = memref.subview %out[0, 0] [4, %n] [1, 1] : memref<?x?xf32> to memref<4x?xf32, strided<[?, 1]>>
    %ke = memref.subview %all[%n] [1] [1] : memref<?xi32> to memref<1xi32, strided<[1], offset: ?>>
    %logits = mqa.tile_logits ins(%q, %k, none, none : !q, !k) : vector<4x64xf32>
    mqa.store_logits %logits, none, %ke first_key(%n) outs(%rows : memref<4x?xf32, strided<[?, 1]>>) {causal} : vector<4x64xf32>, memref<1xi32, strided<[1], offset: ?>>
    gpu.return
  }

  // Bounds are read behind what writes them, and what lets others see that.
  // CHECK-LABEL: gpu.func @bounds_written
  // CHECK: memref.store
  // CHECK-NEXT: gpu.barrier
  // CHECK: vector.transfer_read %{{.*}} : memref<4xi32>, vector<4xi32>
  // CHECK: scf.for
  // CHECK-NOT: vector.transfer_read %{{.*}} : memref<4xi32>, vector<4xi32>
  gpu.func @bounds_written(%q: !q, %k: !k, %ke: memref<4xi32>, %i0: index, %length: i32, %n: index, %out: memref<?x?xf32>) kernel {
    %c0 = arith.constant 0 : index
    %c64 = arith.constant 64 : index
    memref.store %length, %ke[%i0] : memref<4xi32>
    gpu.barrier
    scf.for %i = %c0 to %n step %c64 {
      %logits = mqa.tile_logits ins(%q, %k, none, none : !q, !k) : vector<4x64xf32>
      mqa.store_logits %logits, none, %ke first_key(%i) outs(%out : memref<?x?xf32>) : vector<4x64xf32>, memref<4xi32>
    }
    gpu.return
  }

  // Each iteration has bounds of its own.
  // CHECK-LABEL: gpu.func @bounds_in_loop
  // CHECK: scf.for
  // CHECK: memref.store
  // CHECK: vector.transfer_read %{{.*}} : memref<4xi32>, vector<4xi32>
  // CHECK: vector.transfer_write
  gpu.func @bounds_in_loop(%q: !q, %k: !k, %ke: memref<4xi32>, %length: i32, %n: index, %out: memref<?x?xf32>) kernel {
    %c0 = arith.constant 0 : index
    %c64 = arith.constant 64 : index
    scf.for %i = %c0 to %n step %c64 {
      memref.store %length, %ke[%i] : memref<4xi32>
      %logits = mqa.tile_logits ins(%q, %k, none, none : !q, !k) : vector<4x64xf32>
      mqa.store_logits %logits, none, %ke first_key(%i) outs(%out : memref<?x?xf32>) : vector<4x64xf32>, memref<4xi32>
    }
    gpu.return
  }
}
