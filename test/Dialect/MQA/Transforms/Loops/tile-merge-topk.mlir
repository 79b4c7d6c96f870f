// RUN: mqa-opt %s --split-input-file --pass-pipeline='builtin.module(mqa-tile-topk,gpu.module(gpu.func(canonicalize,cse)))' | FileCheck %s

!lists = memref<?x?x512xi32, strided<[?, ?, 1], offset: ?>>
!scores = memref<?x?x512xf32, strided<[?, ?, 1], offset: ?>>

module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {
  // CHECK-LABEL: gpu.func @merge
  // CHECK-SAME: %[[LISTS:.*]]: memref<?x?x512xi32, strided<[?, ?, 1], offset: ?>, #gpu.address_space<global>> {mqa.operand = #mqa.operand<"list_indices", tensor<?x?x512xi32>>}
  // CHECK-SAME: known_block_size = array<i32: 1024, 1, 1>
  // CHECK-SAME: mqa.kernel = #mqa.kernel<op = "mqa.merge_topk", dynamic_shared_memory = 65536, selection = <k = 512>>
  // One block has all registers.
  // CHECK-NOT: nvvm.minctasm
  func.func @merge(%lists: !lists, %scores: !scores, %ks: memref<?xi32>, %ke: memref<?xi32>, %indices: memref<?x512xi32>, %values: memref<?x512xf32>) {
    // CHECK-DAG: %[[LEAST:.*]] = arith.constant 0xFF800000 : f32
    // CHECK-DAG: %[[NEGATIVE_ZERO:.*]] = arith.constant -0.000000e+00 : f32
    // CHECK: scf.for %[[ROW:.*]] = %{{.*}} to %{{.*}} step %{{.*}} {
    // An end far below zero is that of an empty range.
    // CHECK: %[[START:.*]] = arith.maxsi %{{.*}}, %c0
    // CHECK: %[[END:.*]] = arith.maxsi %{{.*}}, %[[START]]
    // CHECK: %[[LENGTH:.*]] = arith.subi %[[END]], %[[START]]
    // CHECK: %[[WHOLE:.*]] = arith.cmpi ule, %[[LENGTH]], %c512
    // Rows and lists may be far apart.
    // CHECK: %[[BY_ROW:.*]] = memref.transpose %[[LISTS]] (d0, d1, d2) -> (d1, d0, d2)
    // CHECK: %[[OF_ROW:.*]] = mqa.row_block %[[BY_ROW]][%[[ROW]]]
    // CHECK: %[[BY_LIST:.*]] = memref.transpose %[[OF_ROW]]
    // CHECK: %[[TILES:.*]]:3 = scf.for {{.*}} step %c4096 iter_args(%[[N:.*]] = %c0, %[[T:.*]] = %[[LEAST]], %[[TURN:.*]] = %c0)
    // Behind the last entry there is padding, and nothing is read.
    // CHECK: %[[IS_THERE:.*]] = arith.cmpi ult
    // CHECK: %[[AT:.*]] = arith.minui
    // CHECK: %[[LIST:.*]] = arith.divui %[[AT]], %c512
    // CHECK: %[[ENTRY:.*]] = arith.remui %[[AT]], %c512
    // CHECK: %[[OF_LIST:.*]] = mqa.row_block %[[BY_LIST]][%[[LIST]]]
    // CHECK: %[[KEY:.*]] = memref.load %[[OF_LIST]][%c0, %c0, %[[ENTRY]]]
    // CHECK: arith.select %[[IS_THERE]], %[[KEY]], %c-1_i32
    // CHECK: mqa.append_candidates %[[LOGITS:.*]] of %[[KEYS:.*]] : vector<4xi32> threshold(%[[T]]) takes_nan(%[[WHOLE]]) turn(%[[TURN]]) outs(%{{.*}}, %{{.*}} count %[[N]]
    // CHECK: mqa.cut_candidates {{.*}} count %[[N]] keep 512 {ties = #mqa.ties<smallest>}
    // CHECK: mqa.append_candidates %[[LOGITS]] of %[[KEYS]]
    // CHECK: mqa.cut_candidates {{.*}} count %[[TILES]]#0 keep 512 {ties = #mqa.ties<smallest>}
    // CHECK: gpu.barrier
    // CHECK: mqa.sort_candidates {{.*}} most 512 {by = #mqa.sort_by<key>, doubled}
    // CHECK: %[[WORD:.*]] = memref.load
    // CHECK: %[[OWN:.*]] = arith.shrui %[[WORD]], %c1_i32
    // CHECK: arith.subi %[[OWN]], %{{.*}} : i32
    // CHECK: arith.select %{{.*}}, %[[NEGATIVE_ZERO]], %{{.*}} : f32
    // CHECK: gpu.barrier
    mqa.merge_topk ins(%lists, %scores, %ks, %ke : !lists, !scores, memref<?xi32>, memref<?xi32>) outs(%indices, %values : memref<?x512xi32>, memref<?x512xf32>)
    return
  }
}

// -----

module attributes {mqa.target = #mqa.target<chip = "sm_80">} {
  // CHECK-LABEL: gpu.func @score
  func.func @score(%lists: memref<41x?x100xi32>, %scores: memref<41x?x100xf32>, %ke: memref<?xi32>, %indices: memref<?x100xi32>) {
    // CHECK: scf.for {{.*}} to %c4100 step %c4096
    // CHECK: mqa.cut_candidates {{.*}} keep 100 {ties = #mqa.ties<greatest>}
    // CHECK: mqa.sort_candidates {{.*}} most 128 {tie_break = #mqa.tie_break<greatest>}
    // CHECK: %[[WORD:.*]] = memref.load
    // CHECK: %[[KEY:.*]] = arith.shrui %[[WORD]], %c1_i32
    // CHECK-NEXT: scf.yield %[[KEY]] : i32
    mqa.merge_topk ins(%lists, %scores, none, %ke : memref<41x?x100xi32>, memref<41x?x100xf32>, memref<?xi32>) outs(%indices : memref<?x100xi32>) {order = #mqa.order<score>, tie_break = #mqa.tie_break<greatest>, base = #mqa.base<absolute>}
    return
  }

  // CHECK-LABEL: gpu.func @any
  func.func @any(%lists: memref<41x?x100xi32>, %scores: memref<41x?x100xf32>, %ke: memref<?xi32>, %indices: memref<?x100xi32>) {
    // CHECK-NOT: mqa.sort_candidates
    // CHECK: gpu.return
    mqa.merge_topk ins(%lists, %scores, none, %ke : memref<41x?x100xi32>, memref<41x?x100xf32>, memref<?xi32>) outs(%indices : memref<?x100xi32>) {order = #mqa.order<any>}
    return
  }
}
