// RUN: mqa-opt %s --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-expand-tile-share,canonicalize,cse)))' --allow-unregistered-dialect | FileCheck %s

gpu.module @kernels {
  // CHECK-LABEL: gpu.func @share
  // CHECK-SAME: %[[KS:[a-z0-9]+]]: memref<?xi32>, %[[KE:[a-z0-9]+]]: memref<?xi32>
  // A sum per warp, and what the threads that find the ends publish.
  // CHECK-SAME: workgroup(%[[SUMS:.*]] : memref<4xi32, #gpu.address_space<workgroup>>, %[[RESULTS:.*]] : memref<4xi32, #gpu.address_space<workgroup>>)
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
    %b, %t, %be, %te = mqa.tile_share %ks, %ke, %n share %i of %count {align = 32, block_cost = 1, block_q = 2, tile_kv = 128} : memref<?xi32>, memref<?xi32>
    "test.use"(%b, %t, %be, %te) : (index, index, index, index) -> ()
    gpu.return
  }
}
