// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-vectorize-tiles,mqa-distribute-vectors,canonicalize,cse)))' | FileCheck %s

#at_128x128 = #mqa.staged<shape = [128, 128], dims = [0, 1], swizzle = 16>
#at_1x1x1x4x16x1x128 = #mqa.staged<shape = [1, 1, 1, 4, 16, 1, 128], dims = [0, 1, 0, 1, 1, 0, 2], swizzle = 16>
// All four warps have heads of the one query: each writes its partial sums, and
// adds up those of a quarter of the keys.
// CHECK-LABEL: gpu.func @one_query
// CHECK-SAME: workgroup(%[[PARTIAL:.*]] : memref<4x128xf32, #gpu.address_space<workgroup>> {llvm.align = 16 : i64})
// CHECK: mqa.wgmma
// CHECK: mqa.wgmma_wait
// CHECK: gpu.shuffle xor
// CHECK: %[[BARRIER:.*]] = arith.addi %{{.*}}, %c1_i32 : i32
// CHECK: nvvm.barrier id = %[[BARRIER]] number_of_threads = %c128_i32
// CHECK: memref.store %{{.*}}, %[[PARTIAL]][%[[WARP:.*]], %{{.*}}]
// CHECK-COUNT-3: memref.store %{{.*}}, %[[PARTIAL]][%[[WARP]], %{{.*}}]
// CHECK: nvvm.barrier id = %[[BARRIER]]
// CHECK-COUNT-4: memref.load %[[PARTIAL]]
// CHECK-NOT: memref.load %[[PARTIAL]]
// CHECK: scf.if
// CHECK-NEXT: memref.store %{{.*}}, %{{.*}}[
#smem = #gpu.address_space<workgroup>
gpu.module @kernels {
  gpu.func @one_query(%q: memref<1x64x128xf8E4M3FN, #at_1x1x1x4x16x1x128, #smem>, %k: memref<128x128xf8E4M3FN, #at_128x128, #smem>, %w: memref<1x64xf32, #smem>, %ke: memref<1xi32>, %n: index, %out: memref<1x?xf32>) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges none, %ke keys(%num_keys) : memref<1xi32>
    %logits = mqa.tile_logits ins(%q, %k, none, %w : memref<1x64x128xf8E4M3FN, #at_1x1x1x4x16x1x128, #smem>, memref<128x128xf8E4M3FN, #at_128x128, #smem>, memref<1x64xf32, #smem>) : vector<1x128xf32>
    mqa.store_logits %logits, %ranges first_key(%n) outs(%out : memref<1x?xf32>) : vector<1x128xf32>
    gpu.return
  }

  // Two consumer groups take turns at the keys: each has rows of its own for partial
  // sums. The producers, which the block has too, have none.
  // CHECK-LABEL: gpu.func @in_turn
  // CHECK-SAME: workgroup(%{{.*}} : memref<8x128xf32, #gpu.address_space<workgroup>> {llvm.align = 16 : i64})
  gpu.func @in_turn(%q: memref<1x64x128xf8E4M3FN, #at_1x1x1x4x16x1x128, #smem>, %w: memref<1x64xf32, #smem>, %ke: memref<1xi32>, %n: index, %p: i32, %out: memref<1x?xf32>) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges none, %ke keys(%num_keys) : memref<1xi32>
    %ring = mqa.ring_create {consumers = 4 : i64, turns = 2 : i64} : !mqa.ring<4, memref<128x128xf8E4M3FN, #at_128x128, #smem>>
    %k = mqa.ring_get %ring[%p] : !mqa.ring<4, memref<128x128xf8E4M3FN, #at_128x128, #smem>> -> memref<128x128xf8E4M3FN, #at_128x128, #smem>
    %logits = mqa.tile_logits ins(%q, %k, none, %w : memref<1x64x128xf8E4M3FN, #at_1x1x1x4x16x1x128, #smem>, memref<128x128xf8E4M3FN, #at_128x128, #smem>, memref<1x64xf32, #smem>) : vector<1x128xf32>
    mqa.store_logits %logits, %ranges first_key(%n) outs(%out : memref<1x?xf32>) : vector<1x128xf32>
    gpu.return
  }

  // Barrier 1 is of somebody else: the consumer group's is the next.
  // CHECK-LABEL: gpu.func @other_barrier
  // CHECK: nvvm.barrier id = %c1_i32
  // CHECK: %[[BARRIER:.*]] = arith.addi %{{.*}}, %c2_i32 : i32
  // CHECK: nvvm.barrier id = %[[BARRIER]] number_of_threads = %c128_i32
  gpu.func @other_barrier(%q: memref<1x64x128xf8E4M3FN, #at_1x1x1x4x16x1x128, #smem>, %k: memref<128x128xf8E4M3FN, #at_128x128, #smem>, %w: memref<1x64xf32, #smem>, %ke: memref<1xi32>, %n: index, %out: memref<1x?xf32>) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges none, %ke keys(%num_keys) : memref<1xi32>
    %c1 = arith.constant 1 : i32
    %c128 = arith.constant 128 : i32
    nvvm.barrier id = %c1 number_of_threads = %c128
    %logits = mqa.tile_logits ins(%q, %k, none, %w : memref<1x64x128xf8E4M3FN, #at_1x1x1x4x16x1x128, #smem>, memref<128x128xf8E4M3FN, #at_128x128, #smem>, memref<1x64xf32, #smem>) : vector<1x128xf32>
    mqa.store_logits %logits, %ranges first_key(%n) outs(%out : memref<1x?xf32>) : vector<1x128xf32>
    gpu.return
  }

  // Each warp appends those of its quarter of the keys to the one list.
  // CHECK-LABEL: gpu.func @appended
  // CHECK-SAME: %[[MEMORY:[a-z0-9]+]]: memref<?xi32>, %{{[a-z0-9]+}}: index, %[[COUNTS:[a-z0-9]+]]: memref<1xi32, #gpu.address_space<workgroup>>, %[[LEAST:[a-z0-9]+]]: memref<1xf32, #gpu.address_space<workgroup>>, %[[WORD:[a-z0-9]+]]: memref<1xi32, #gpu.address_space<workgroup>>)
  // CHECK-SAME: workgroup(%[[PARTIAL:.*]] : memref<4x128xf32, #gpu.address_space<workgroup>>
  // CHECK-COUNT-4: memref.load %[[PARTIAL]]
  // CHECK: %[[T:.*]] = memref.load %[[LEAST]][%c0]
  // CHECK: arith.cmpf uge, %{{.*}}, %[[T]]
  // CHECK: %[[WANTED:.*]] = arith.andi
  // CHECK: nvvm.vote.sync ballot %c-1_i32, %[[WANTED]] -> i32
  // CHECK: memref.atomic_rmw addi %{{.*}}, %[[COUNTS]]
  // CHECK: memref.atomic_rmw mins %{{.*}}, %[[WORD]]
  // CHECK: scf.if %[[WANTED]] {
  // CHECK-COUNT-2: memref.store %{{.*}}, %[[MEMORY]]
  // CHECK-NOT: memref.store
  // CHECK: gpu.return
  gpu.func @appended(%q: memref<1x64x128xf8E4M3FN, #at_1x1x1x4x16x1x128, #smem>, %k: memref<128x128xf8E4M3FN, #at_128x128, #smem>, %w: memref<1x64xf32, #smem>, %ke: memref<1xi32>, %n: index, %memory: memref<?xi32>, %first: index, %counts: memref<1xi32, #smem>, %least: memref<1xf32, #smem>, %word: memref<1xi32, #smem>) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    %c1 = arith.constant 1 : index
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges none, %ke keys(%num_keys) : memref<1xi32>
    %rows = mqa.filtered_rows %memory[%first] counts(%counts) thresholds(%least) meeting(%word) sizes(%c1, %num_keys) {places = 1024, limit = 512, margin = 256} : memref<?xi32>, memref<1xi32, #smem>, memref<1xf32, #smem>, memref<1xi32, #smem> -> memref<?x?xf32, strided<[?, 1]>>
    %logits = mqa.tile_logits ins(%q, %k, none, %w : memref<1x64x128xf8E4M3FN, #at_1x1x1x4x16x1x128, #smem>, memref<128x128xf8E4M3FN, #at_128x128, #smem>, memref<1x64xf32, #smem>) : vector<1x128xf32>
    mqa.store_logits %logits, %ranges first_key(%n) outs(%rows : memref<?x?xf32, strided<[?, 1]>>) : vector<1x128xf32>
    gpu.return
  }
}
