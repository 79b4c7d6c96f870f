// RUN: mqa-opt %s --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-expand-tile-share,canonicalize,cse)))' --allow-unregistered-dialect | FileCheck %s

gpu.module @kernels {
  // CHECK-LABEL: gpu.func @share
  // CHECK-SAME: %[[LENS:[a-z0-9]+]]: memref<?xi32>, %[[SEQUENCE:[a-z0-9]+]]: memref<?xi32>
  // A word per warp, and what the threads that find the ends publish.
  // CHECK-SAME: workgroup(%[[WORDS:.*]] : memref<4xi32, #gpu.address_space<workgroup>> {llvm.align = 16 : i64}, %[[RESULTS:.*]] : memref<5xi32, #gpu.address_space<workgroup>> {llvm.align = 16 : i64})
  // Where the sequence of a thread's first row begins: the last row of another
  // one, of the threads before it.
  // CHECK: scf.for
  // CHECK-COUNT-4: memref.load %[[LENS]]
  // A row without a key does not read its sequence.
  // CHECK: scf.if
  // CHECK-NEXT: memref.load %[[SEQUENCE]]
  // CHECK-COUNT-5: gpu.shuffle up
  // CHECK: memref.store %{{.*}}, %[[WORDS]]
  // CHECK: gpu.barrier
  // CHECK: memref.load %[[WORDS]]
  // CHECK: gpu.subgroup_reduce maxsi
  // CHECK: gpu.barrier
  // The tiles of a run of up to two rows.
  // CHECK: scf.for
  // CHECK: memref.load %[[SEQUENCE]]
  // CHECK: arith.remui %{{.*}}, %c2
  // CHECK: scf.if
  // CHECK-COUNT-2: memref.load %[[LENS]]
  // CHECK: scf.yield
  // Lengths and runs are added up.
  // CHECK: gpu.subgroup_reduce add
  // CHECK: gpu.barrier
  // CHECK: gpu.subgroup_reduce add
  // CHECK: scf.for
  // CHECK-COUNT-5: memref.store %{{.*}}, %[[RESULTS]]
  // CHECK: gpu.barrier
  // CHECK-COUNT-5: memref.load %[[RESULTS]]
  // CHECK: "test.use"
  gpu.func @share(%lens: memref<?xi32>, %sequence: memref<?xi32>, %n: index, %s: index, %i: index, %count: index) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    %ranges = mqa.make_ranges none, %lens keys(%n) : memref<?xi32>
    %rows = mqa.name_sequences %ranges, %sequence of %s : memref<?xi32>
    %row, %runs, %t, %te = mqa.run_share %rows share %i of %count {block_cost = 1, max_rows = 2, tile_kv = 128}
    "test.use"(%row, %runs, %t, %te) : (index, index, index, index) -> ()
    gpu.return
  }
}
