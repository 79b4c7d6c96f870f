// RUN: mqa-opt %s --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-expand-tile-share,canonicalize,cse)))' --allow-unregistered-dialect | FileCheck %s

gpu.module @kernels {
  // CHECK-LABEL: gpu.func @share
  // CHECK-SAME: %[[KS:[a-z0-9]+]]: memref<?xi32>, %[[KE:[a-z0-9]+]]: memref<?xi32>
  // A sum per warp, and what the threads that find the ends publish.
  // CHECK-SAME: workgroup(%[[SUMS:.*]] : memref<4xi32, #gpu.address_space<workgroup>> {llvm.align = 16 : i64}, %[[RESULTS:.*]] : memref<4xi32, #gpu.address_space<workgroup>> {llvm.align = 16 : i64})
  // The tiles of the first of a run of blocks, and the length of all: with the
  // cost of a block.
  // CHECK: %[[COUNT:.*]] = scf.if
  // CHECK-COUNT-2: memref.load %[[KS]]
  // CHECK: arith.divui
  // CHECK: arith.remui
  // CHECK: scf.yield
  // CHECK: scf.for
  // CHECK-COUNT-2: memref.load %[[KS]]
  // CHECK: scf.yield
  // The scan: in the warp, then over the warps.
  // CHECK-COUNT-5: gpu.shuffle up
  // CHECK: memref.store %{{.*}}, %[[SUMS]]
  // CHECK: gpu.barrier
  // CHECK: memref.load %[[SUMS]]
  // CHECK-COUNT-2: gpu.subgroup_reduce add
  // The first block of the run is not read again.
  // CHECK: scf.if
  // CHECK-NOT: memref.load %[[KS]]
  // CHECK: arith.cmpi sge, %{{.*}}, %[[COUNT]]
  // CHECK-COUNT-4: memref.store %{{.*}}, %[[RESULTS]]
  // CHECK: scf.for
  // CHECK-COUNT-2: memref.load %[[KS]]
  // CHECK-COUNT-4: memref.store %{{.*}}, %[[RESULTS]]
  // CHECK: gpu.barrier
  // CHECK-COUNT-4: memref.load %[[RESULTS]]
  // CHECK: "test.use"
  gpu.func @share(%ks: memref<?xi32>, %ke: memref<?xi32>, %n: index, %i: index, %count: index) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    %ranges = mqa.make_ranges %ks, %ke keys(%n) : memref<?xi32>, memref<?xi32>
    %b, %t, %be, %te = mqa.tile_share %ranges share %i of %count {align = 32, block_cost = 1, block_q = 2, tile_kv = 128}
    "test.use"(%b, %t, %be, %te) : (index, index, index, index) -> ()
    gpu.return
  }

  // A block that is a causal sequence has the tiles of its last query: one length is
  // read. Of a block of other rows, all are.
  // CHECK-LABEL: gpu.func @sequences
  // CHECK: scf.if
  // CHECK-COUNT-1: memref.load %{{.*}} : memref<?xi32>
  // CHECK: scf.yield
  // CHECK-LABEL: gpu.func @other_blocks
  // CHECK: scf.if
  // CHECK-COUNT-3: memref.load %{{.*}} : memref<?xi32>
  // CHECK: scf.yield
  // CHECK-LABEL: gpu.func @matrix
  // CHECK: scf.if
  // CHECK-COUNT-2: memref.load %{{.*}} : memref<?x2xi32>
  // CHECK: scf.yield
  gpu.func @sequences(%lens: memref<?xi32>, %n: index, %i: index, %count: index) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    %ranges = mqa.make_ranges none, %lens keys(%n) {next_n = 2} : memref<?xi32>
    %b, %t, %be, %te = mqa.tile_share %ranges share %i of %count {block_q = 2, tile_kv = 128}
    "test.use"(%b, %t, %be, %te) : (index, index, index, index) -> ()
    gpu.return
  }
  gpu.func @other_blocks(%lens: memref<?xi32>, %n: index, %i: index, %count: index) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    %ranges = mqa.make_ranges none, %lens keys(%n) {next_n = 2} : memref<?xi32>
    %b, %t, %be, %te = mqa.tile_share %ranges share %i of %count {block_q = 3, tile_kv = 128}
    "test.use"(%b, %t, %be, %te) : (index, index, index, index) -> ()
    gpu.return
  }
  gpu.func @matrix(%lens: memref<?x2xi32>, %n: index, %i: index, %count: index) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    %ranges = mqa.make_ranges none, %lens keys(%n) : memref<?x2xi32>
    %b, %t, %be, %te = mqa.tile_share %ranges share %i of %count {block_q = 2, tile_kv = 128}
    "test.use"(%b, %t, %be, %te) : (index, index, index, index) -> ()
    gpu.return
  }

  // With visits_all, a block without a key counts as one of one tile: in the sum of a thread's blocks, the
  // first and the others, and where the ends are looked for.
  // CHECK-LABEL: gpu.func @all
  // CHECK: scf.if
  // CHECK: arith.divui
  // CHECK: arith.select
  // CHECK-NEXT: %[[TILES:.*]] = arith.addi %{{.*}}, %{{.*}} : index
  // CHECK-NEXT: %[[ONE:.*]] = arith.maxsi %[[TILES]], %c1 : index
  // CHECK-NEXT: scf.yield %[[ONE]]
  // CHECK: scf.for
  // CHECK: arith.divui
  // CHECK: arith.select
  // CHECK-NEXT: %[[MORE:.*]] = arith.addi %{{.*}}, %{{.*}} : index
  // CHECK-NEXT: %[[ONE_MORE:.*]] = arith.maxsi %[[MORE]], %c1 : index
  // CHECK-NEXT: arith.cmpi ne, %[[ONE_MORE]], %c0
  // CHECK: gpu.barrier
  // CHECK: scf.for
  // CHECK: arith.divui
  // CHECK: arith.select
  // CHECK-NEXT: %[[THERE:.*]] = arith.addi %{{.*}}, %{{.*}} : index
  // CHECK-NEXT: %[[ONE_THERE:.*]] = arith.maxsi %[[THERE]], %c1 : index
  // CHECK-NEXT: arith.cmpi ne, %[[ONE_THERE]], %c0
  // CHECK: "test.use"
  gpu.func @all(%ks: memref<?xi32>, %ke: memref<?xi32>, %n: index, %i: index, %count: index) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    %ranges = mqa.make_ranges %ks, %ke keys(%n) : memref<?xi32>, memref<?xi32>
    %b, %t, %be, %te = mqa.tile_share %ranges share %i of %count {align = 32, block_cost = 1, block_q = 2, tile_kv = 128, visits_all}
    "test.use"(%b, %t, %be, %te) : (index, index, index, index) -> ()
    gpu.return
  }
}
