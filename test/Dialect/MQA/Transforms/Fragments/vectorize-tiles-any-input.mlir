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
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges none, %ke keys(%num_keys) : memref<4xi32>
    %c0 = arith.constant 0 : index
    %c64 = arith.constant 64 : index
    %f = mqa.fit_queries %q, %w : !q, !w -> !f
    scf.for %i = %c0 to %n step %c64 {
      %logits = mqa.tile_logits ins(%q, %k, none, %w : !q, !k, !w) factors(%f : !f) {reduction = #mqa.reduction<f16>} : vector<4x64xf32>
      mqa.store_logits %logits, %ranges first_key(%i) outs(%out : memref<?x?xf32>) : vector<4x64xf32>
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
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges none, %ke keys(%num_keys) : memref<4xi32>
    %c0 = arith.constant 0 : index
    %c64 = arith.constant 64 : index
    scf.for %i = %c0 to %n step %c64 {
      %f = mqa.fit_queries %q, %w : !q, !w -> !f
      "test.other"() : () -> ()
      %logits = mqa.tile_logits ins(%q, %k, none, %w : !q, !k, !w) factors(%f : !f) {reduction = #mqa.reduction<f16>} : vector<4x64xf32>
      mqa.store_logits %logits, %ranges first_key(%i) outs(%out : memref<?x?xf32>) : vector<4x64xf32>
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
      %ranges = mqa.make_ranges none, %ke keys(%keys) : memref<4xi32>
      %logits = mqa.tile_logits ins(%q, %k, none, none : !q, !k) : vector<4x64xf32>
      mqa.store_logits %logits, %ranges first_key(%i) outs(%out : memref<?x?xf32>) : vector<4x64xf32>
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
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges none, %ke keys(%num_keys) {next_n = 4 : i64} : memref<1xi32, strided<[1], offset: ?>>
    %logits = mqa.tile_logits ins(%q, %k, none, none : !q, !k) : vector<4x64xf32>
    mqa.store_logits %logits, %ranges first_key(%n) outs(%rows : memref<4x?xf32, strided<[?, 1]>>) : vector<4x64xf32>
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
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges none, %ke keys(%num_keys) : memref<4xi32>
    %c0 = arith.constant 0 : index
    %c64 = arith.constant 64 : index
    memref.store %length, %ke[%i0] : memref<4xi32>
    gpu.barrier
    scf.for %i = %c0 to %n step %c64 {
      %logits = mqa.tile_logits ins(%q, %k, none, none : !q, !k) : vector<4x64xf32>
      mqa.store_logits %logits, %ranges first_key(%i) outs(%out : memref<?x?xf32>) : vector<4x64xf32>
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
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges none, %ke keys(%num_keys) : memref<4xi32>
    %c0 = arith.constant 0 : index
    %c64 = arith.constant 64 : index
    scf.for %i = %c0 to %n step %c64 {
      memref.store %length, %ke[%i] : memref<4xi32>
      %logits = mqa.tile_logits ins(%q, %k, none, none : !q, !k) : vector<4x64xf32>
      mqa.store_logits %logits, %ranges first_key(%i) outs(%out : memref<?x?xf32>) : vector<4x64xf32>
    }
    gpu.return
  }

  // Rows are narrowed twice, the second time in the loop: bounds are read there.
  // CHECK-LABEL: gpu.func @narrowed_twice
  // CHECK-SAME: %[[KS:[a-z0-9]+]]: memref<?xi32>, %[[KE:[a-z0-9]+]]: memref<?xi32>
  // CHECK: %[[KS_BLOCK:.*]] = memref.subview %[[KS]][%{{.*}}] [8]
  // CHECK: %[[KE_BLOCK:.*]] = memref.subview %[[KE]][%{{.*}}] [8]
  // CHECK: scf.for %[[I:.*]] =
  // CHECK: %[[KS_OWN:.*]] = memref.subview %[[KS_BLOCK]][%[[I]]] [4]
  // CHECK: vector.transfer_read %[[KS_OWN]]{{.*}}vector<4xi32>
  // CHECK: %[[KE_OWN:.*]] = memref.subview %[[KE_BLOCK]][%[[I]]] [4]
  // CHECK: vector.transfer_read %[[KE_OWN]]{{.*}}vector<4xi32>
  // CHECK-NOT: mqa.{{[a-z]+}}_{{ranges|logits}}
  // CHECK: gpu.return
  gpu.func @narrowed_twice(%ks: memref<?xi32>, %ke: memref<?xi32>, %q: !q, %k: !k, %n: index, %out: memref<?x?xf32>) kernel {
    %c0 = arith.constant 0 : index
    %c4 = arith.constant 4 : index
    %c8 = arith.constant 8 : index
    %ranges = mqa.make_ranges %ks, %ke keys(%n) : memref<?xi32>, memref<?xi32>
    %block = mqa.narrow_ranges %ranges[%n] rows %c8
    scf.for %i = %c0 to %c8 step %c4 {
      %own = mqa.narrow_ranges %block[%i] rows %c4
      %logits = mqa.tile_logits ins(%q, %k, none, none : !q, !k) : vector<4x64xf32>
      mqa.store_logits %logits, %own first_key(%n) outs(%out : memref<?x?xf32>) : vector<4x64xf32>
    }
    gpu.return
  }

  // Two ranges in a kernel, of which one is compressed and one is used twice.
  // CHECK-LABEL: gpu.func @two_ranges
  // CHECK: vector.transfer_write
  // CHECK: mqa.scatter_columns
  // CHECK: vector.transfer_write
  // CHECK-NOT: mqa.
  // CHECK: gpu.return
  gpu.func @two_ranges(%ks: memref<4xi32>, %ke: memref<4xi32>, %q: !q, %k: !k, %n: index, %out: memref<?x?xf32>) kernel {
    %a = mqa.make_ranges %ks, %ke keys(%n) : memref<4xi32>, memref<4xi32>
    %b = mqa.make_ranges %ks, %ke keys(%n) {compressed} : memref<4xi32>, memref<4xi32>
    %logits = mqa.tile_logits ins(%q, %k, none, none : !q, !k) : vector<4x64xf32>
    mqa.store_logits %logits, %a first_key(%n) outs(%out : memref<?x?xf32>) : vector<4x64xf32>
    mqa.store_logits %logits, %b first_key(%n) outs(%out : memref<?x?xf32>) : vector<4x64xf32>
    mqa.store_logits %logits, %a first_key(%n) outs(%out : memref<?x?xf32>) : vector<4x64xf32>
    gpu.return
  }

  // A part of a causal sequence: row i of it sees length - T + first + i + 1 keys.
  // CHECK-LABEL: gpu.func @part_of_sequence
  // CHECK-SAME: %[[LENS:[a-z0-9]+]]: memref<?xi32>, %[[S:[a-z0-9]+]]: index, %[[FIRST:[a-z0-9]+]]: index, %[[ROWS:[a-z0-9]+]]: index
  // CHECK: %[[OWN:.*]] = memref.subview %[[LENS]][%[[S]]] [1]
  // CHECK: %[[LENGTH:.*]] = memref.load %[[OWN]]
  // CHECK: %[[KEYS:.*]] = arith.index_cast %[[LENGTH]]
  // CHECK: %[[SEEN:.*]] = arith.maxsi %[[KEYS]], %c0
  // CHECK: %[[END:.*]] = arith.subi %[[SEEN]], %c7
  // CHECK: %[[OF_FIRST:.*]] = arith.addi %[[FIRST]], %[[END]]
  // CHECK: vector.broadcast %[[OF_FIRST]]
  // CHECK: vector.broadcast %[[ROWS]]
  gpu.func @part_of_sequence(%lens: memref<?xi32>, %s: index, %first: index, %rows: index, %q: !q, %k: !k, %n: index, %out: memref<?x?xf32>) kernel {
    %c8 = arith.constant 8 : index
    %row = affine.apply affine_map<(d0) -> (d0 * 8)>(%s)
    %ranges = mqa.make_ranges none, %lens keys(%n) {next_n = 8} : memref<?xi32>
    %sequence = mqa.narrow_ranges %ranges[%row] rows %c8
    %own = mqa.narrow_ranges %sequence[%first] rows %rows
    %logits = mqa.tile_logits ins(%q, %k, none, none : !q, !k) : vector<4x64xf32>
    mqa.store_logits %logits, %own first_key(%n) outs(%out : memref<?x?xf32>) : vector<4x64xf32>
    gpu.return
  }

  // Rows of several sequences are read one by one; each divides by T.
  // CHECK-LABEL: gpu.func @rows_of_sequences
  // CHECK: arith.divui %{{.*}}, %c2
  // CHECK: arith.remui %{{.*}}, %c2
  // CHECK-COUNT-4: memref.load %{{.*}} : memref<?x2xi32>
  // CHECK: arith.select %{{.*}}, %{{.*}}, %{{.*}} : vector<4xi1>, vector<4xindex>
  // CHECK: vector.transfer_write
  gpu.func @rows_of_sequences(%lens: memref<?x2xi32>, %first: index, %q: !q, %k: !k, %n: index, %out: memref<?x?xf32>) kernel {
    %c4 = arith.constant 4 : index
    %ranges = mqa.make_ranges none, %lens keys(%n) : memref<?x2xi32>
    %own = mqa.narrow_ranges %ranges[%first] rows %c4
    %logits = mqa.tile_logits ins(%q, %k, none, none : !q, !k) : vector<4x64xf32>
    mqa.store_logits %logits, %own first_key(%n) outs(%out : memref<?x?xf32>) : vector<4x64xf32>
    gpu.return
  }
}
