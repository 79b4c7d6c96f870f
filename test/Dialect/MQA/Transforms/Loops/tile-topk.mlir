// RUN: mqa-opt %s --split-input-file --pass-pipeline='builtin.module(mqa-tile-topk,gpu.module(gpu.func(canonicalize,cse)))' | FileCheck %s

module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {
  // CHECK: gpu.module @kernels
  // CHECK-LABEL: gpu.func @best
  // CHECK-SAME: %[[LOGITS:.*]]: memref<?x?xf32, strided<[?, 1], offset: ?>, #gpu.address_space<global>> {mqa.operand = #mqa.operand<"logits", tensor<?x?xf32>>}
  // CHECK-SAME: known_block_size = array<i32: 1024, 1, 1>
  // CHECK-SAME: mqa.kernel = #mqa.kernel<op = "mqa.topk", dynamic_shared_memory = 65536, selection = <k = 512>>
  // CHECK-SAME: nvvm.minctasm = 2
  func.func @best(%logits: memref<?x?xf32, strided<[?, 1], offset: ?>>, %ks: memref<?xi32>, %ke: memref<?xi32>, %indices: memref<?x512xi32, strided<[?, 1], offset: ?>>) {
    // CHECK-DAG: %[[NONE:.*]] = arith.constant 0xFF800000 : f32
    // CHECK-DAG: %[[K:.*]] = arith.constant 512 : index
    // CHECK-DAG: %[[PADDING:.*]] = arith.constant -1 : i32
    // CHECK-DAG: %[[CODES:.*]] = memref.view %{{.*}}[%c0]
    // CHECK-DAG: %[[KEYS:.*]] = memref.view %{{.*}}[%c32768]
    // A row for each block of the grid.
    // CHECK: scf.for %[[ROW:.*]] = %{{.*}} to %{{.*}} step %{{.*}} {
    // CHECK: mqa.row_block %[[LOGITS]][%[[ROW]]]
    // All keys, where there are no more than k.
    // CHECK: %[[SHORT:.*]] = arith.cmpi ule, %[[LENGTH:.*]], %[[K]]
    // CHECK: %[[COUNT:.*]]:2 = scf.if %[[SHORT]] -> (index, i1) {
    // CHECK-NOT: mqa.append_candidates
    // CHECK: memref.store %{{.*}}, %[[KEYS]]
    // CHECK: scf.yield %[[LENGTH]], %false
    // CHECK: } else {
    // A row that registers have room for stays in them (tile-topk-registers.mlir).
    // CHECK: %[[HELD:.*]] = arith.cmpi ule, %{{.*}}, %c8192
    // CHECK: %[[OF_REGISTERS:.*]] = scf.if %[[HELD]] -> (index) {
    // CHECK-NOT: mqa.append_candidates
    // CHECK: %[[NONE_YET:.*]] = arith.cmpi eq, %[[OF_REGISTERS]], %c0
    // CHECK: scf.if %[[NONE_YET]] -> (index, i1) {
    // A row that does not fit the list, and is not too long for this, is selected from as it streams by (tile-topk-stream.mlir).
    // CHECK: %[[MOST:.*]] = arith.cmpi ule, %[[LENGTH]], %c2097152
    // CHECK: %[[LONG:.*]] = arith.cmpi ugt, %[[LENGTH]], %c8192
    // CHECK: %[[STREAMS:.*]] = arith.andi %[[MOST]], %[[LONG]]
    // CHECK: %[[STREAMED:.*]] = scf.if %[[STREAMS]] -> (index) {
    // CHECK-NOT: mqa.append_candidates
    // Otherwise, or if that came to nothing, tile by tile.
    // CHECK: %[[NOTHING:.*]] = arith.cmpi eq, %[[STREAMED]], %c0
    // CHECK: scf.if %[[NOTHING]] -> (index) {
    // Of a row that does not fit the list, a sample tells where the best ones begin, about: groups of eight neighbours.
    // CHECK: %[[GUESS:.*]] = scf.if %[[LONG]] -> (f32) {
    // CHECK: math.ctlz
    // CHECK: %[[SHIFT:.*]] = arith.maxui %{{.*}}, %c5
    // CHECK: %[[BITS:.*]] = arith.addi %[[SHIFT]], %c3
    // CHECK: %[[GROUPS:.*]] = arith.shrui %[[LENGTH]], %[[BITS]]
    // CHECK: %[[SAMPLES:.*]] = arith.shli %[[GROUPS]], %c3
    // CHECK-COUNT-4: memref.load
    // CHECK: %[[SHARE:.*]] = arith.divui %{{.*}}, %[[LENGTH]]
    // CHECK: %[[RANK:.*]] = arith.addi %[[SHARE]], %{{.*}}
    // CHECK: %[[EDGE:.*]] = mqa.estimate_threshold %{{.*}} count %[[SAMPLES]] rank %[[RANK]] : vector<4xf32>
    // CHECK: scf.yield %[[EDGE]]
    // CHECK: scf.yield %[[NONE]]
    // Then two tiles at a time, of which the list gets the keys that may be among the best. The two take turns.
    // CHECK: %[[FOUND:.*]] = scf.while (%[[BEGIN:.*]] = %[[GUESS]]) : (f32) -> index {
    // CHECK: %[[TILES:.*]]:2 = scf.for {{.*}} step %c8192 iter_args(%[[N:.*]] = %c0, %[[T:.*]] = %[[BEGIN]])
    // CHECK-COUNT-2: vector.load {{.*}} {alignment = 16 : i64} : {{.*}}, vector<4xf32>
    // CHECK: %[[N1:.*]], %[[FITS:.*]] = mqa.append_candidates %[[V:.*]] from %[[KEY:.*]] threshold(%[[T]]) turn(%c0) outs(%[[CODES]], %[[KEYS]] count %[[N]]
    // CHECK: %[[STATE:.*]]:2 = scf.if %[[FITS]]
    // CHECK: scf.yield %[[N1]], %[[T]]
    // CHECK: %[[T2:.*]] = mqa.cut_candidates %[[CODES]], %[[KEYS]] count %[[N]] keep 512
    // CHECK: mqa.append_candidates %[[V]] from %[[KEY]] threshold(%[[T2]]) turn(%c0) outs(%[[CODES]], %[[KEYS]] count %[[K]]
    // CHECK: mqa.append_candidates %{{.*}} from %{{.*}} threshold(%[[STATE]]#1) turn(%c1) outs(%[[CODES]], %[[KEYS]] count %[[STATE]]#0
    // If fewer than k reach the guess, all are looked at again.
    // CHECK: %[[GUESSED:.*]] = arith.cmpf ogt, %[[BEGIN]], %[[NONE]]
    // CHECK: %[[FEW:.*]] = arith.cmpi ult, %[[TILES]]#0, %[[K]]
    // CHECK: %[[AGAIN:.*]] = arith.andi %[[GUESSED]], %[[FEW]]
    // CHECK: scf.condition(%[[AGAIN]]) %[[TILES]]#0
    // CHECK-NOT: gpu.barrier
    // CHECK: scf.yield %[[NONE]] : f32
    // CHECK: scf.if
    // CHECK: mqa.cut_candidates %[[CODES]], %[[KEYS]] count %[[FOUND]] keep 512
    // CHECK: gpu.barrier
    // CHECK-NOT: mqa.sort_candidates
    // CHECK: scf.for
    // CHECK: arith.cmpi ult, %{{.*}}, %[[COUNT]]#0
    // CHECK: scf.yield %[[PADDING]]
    // CHECK: memref.store
    // CHECK: gpu.barrier
    mqa.topk ins(%logits, %ks, %ke : memref<?x?xf32, strided<[?, 1], offset: ?>>, memref<?xi32>, memref<?xi32>) outs(%indices : memref<?x512xi32, strided<[?, 1], offset: ?>>)
    return
  }
}

// -----

// Everything else that the op may have.
module attributes {mqa.target = #mqa.target<chip = "sm_89">} {
  // CHECK-LABEL: gpu.func @all
  // Shared memory for one block of sm_89.
  // CHECK-NOT: nvvm.minctasm
  func.func @all(%logits: memref<?x?xbf16>, %lens: memref<?xi32>, %table: memref<?x?xi32>, %offset: memref<?xi32>, %indices: memref<?x100xi32>, %values: memref<?x100xf32>) {
    // The last rows of a sequence see all of its keys, and others fewer.
    // CHECK: memref.load %{{.*}}[%{{.*}}] : memref<?xi32, #gpu.address_space<global>>
    // CHECK: arith.maxsi
    // No more than the table has room for.
    // CHECK: arith.divui
    // Vectors of the greatest keys first.
    // CHECK: vector.load {{.*}} {alignment = 8 : i64} : {{.*}}, vector<4xbf16>
    // CHECK: arith.extf
    // CHECK: mqa.append_candidates {{.*}} forced(%{{.*}} : vector<4xi1>) {{.*}} {descending}
    // The codes of all that are selected, also of those that are forced and of NaN.
    // CHECK: gpu.barrier
    // CHECK: scf.for
    // CHECK: arith.cmpf uno
    // CHECK: mqa.sort_candidates {{.*}} most 128 {tie_break = #mqa.tie_break<greatest>}
    // CHECK: mqa.row_block %{{.*}} rows {{.*}} : memref<?x?xi32, #gpu.address_space<global>>
    // CHECK: scf.yield %{{.*}}, %{{.*}} : i32, f32
    mqa.topk ins(%logits, none, none : memref<?x?xbf16>) context_lens(%lens : memref<?xi32>) block_table(%table : memref<?x?xi32>) offset(%offset : memref<?xi32>)
      outs(%indices, %values : memref<?x100xi32>, memref<?x100xf32>)
      {base = #mqa.base<slot>, block_kv = 64, next_n = 2, force_first = 4, force_last = 64, order = #mqa.order<score>, tie_break = #mqa.tie_break<greatest>}
    return
  }
}

// -----

// A column of a compressed row counts from the range's first key.
module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {
  // CHECK-LABEL: gpu.func @compressed
  func.func @compressed(%logits: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %indices: memref<?x16xi32>) {
    // CHECK: %[[FIRST:.*]] = arith.maxsi
    // CHECK: %[[LENGTH:.*]] = arith.minsi %{{.*}}, %c64
    // CHECK: mqa.append_candidates
    // CHECK: arith.subi %{{.*}}, %[[FIRST]]
    mqa.topk ins(%logits, %ks, %ke : memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%indices : memref<?x16xi32>) {compressed}
    return
  }
}

// -----

// A number of keys becomes an argument of the kernel where it is one of the function.
module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {
  // CHECK-LABEL: gpu.func @compressed
  // CHECK-SAME: %[[NUM_KEYS:[a-z0-9]+]]: index {mqa.operand = #mqa.operand<"num_keys", index>}
  // CHECK: arith.minsi %{{.*}}, %[[NUM_KEYS]]
  func.func @compressed(%logits: memref<?x?xf32>, %ke: memref<?xi32>, %num_keys: index, %indices: memref<?x512xi32>) {
    mqa.topk ins(%logits, none, %ke : memref<?x?xf32>, memref<?xi32>) num_keys(%num_keys) outs(%indices : memref<?x512xi32>) {compressed}
    return
  }
}
