// RUN: mqa-opt %s --split-input-file --pass-pipeline='builtin.module(mqa-tile-topk,gpu.module(gpu.func(canonicalize,cse)))' | FileCheck %s

// A block keeps 8 logits in each of 1024 threads.
// CHECK-DAG: #[[LICM:.*]] = #llvm.loop_licm<disable = true>
// CHECK-DAG: #[[ROWS:.*]] = #llvm.loop_annotation<licm = #[[LICM]]>
module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {
  // CHECK-LABEL: gpu.func @best
  // CHECK-SAME: workgroup(%[[BINS:[a-z0-9]+]] : memref<2048xi32, #gpu.address_space<workgroup>>
  // CHECK-SAME: %[[LISTED:[a-z0-9]+]] : memref<32xf32, #gpu.address_space<workgroup>>
  // CHECK-SAME: %[[COLUMNS:[a-z0-9]+]] : memref<32xi32, #gpu.address_space<workgroup>>
  // CHECK-SAME: %[[SUMS:[a-z0-9]+]] : memref<160xi32, #gpu.address_space<workgroup>>
  // CHECK-SAME: %[[WORDS:[a-z0-9]+]] : memref<5xi32, #gpu.address_space<workgroup>>
  func.func @best(%logits: memref<?x?xf32>, %ke: memref<?xi32>, %indices: memref<?x512xi32>) {
    // CHECK: %[[KEYS:.*]] = memref.view %{{.*}}[%c32768]
    // CHECK: %[[FITS:.*]] = arith.cmpi ule, %{{.*}}, %c8192
    // CHECK: scf.if %[[FITS]] -> (index) {
    // Two vectors of a thread; warps that have no key of the row load nothing.
    // CHECK: %[[MINE:.*]] = arith.cmpi slt
    // CHECK: scf.if %[[MINE]] -> (vector<4xf32>, vector<4xf32>)
    // CHECK-COUNT-2: vector.load {{.*}} {alignment = 16 : i64} : {{.*}}, vector<4xf32>
    // Meanwhile, bins become zero.
    // CHECK: memref.store %c0_i32, %[[BINS]]
    // The row's ends.
    // CHECK: nvvm.redux.sync {{ *}}umin
    // CHECK: nvvm.redux.sync {{ *}}umax
    // CHECK: gpu.barrier
    // Steps, until the bin of the k-th logit has few.
    // CHECK: %[[FOUND:.*]]:9 = scf.while
    // CHECK-COUNT-8: memref.atomic_rmw addi %c1_i32, %[[BINS]]
    // CHECK: gpu.barrier
    // CHECK: gpu.shuffle up
    // CHECK: gpu.barrier
    // CHECK: nvvm.redux.sync {{ *}}add
    // CHECK: gpu.barrier
    // CHECK-COUNT-8: memref.store %{{.*}}, %[[LISTED]]
    // CHECK: scf.condition
    // CHECK: memref.store %c0_i32, %[[BINS]]
    // CHECK: gpu.barrier
    // CHECK: scf.yield
    // What is in it is listed; more than 32 are too many.
    // CHECK: arith.cmpi ule, %[[FOUND]]#3, %c32_i32
    // CHECK: gpu.barrier
    // CHECK: %[[CUT:.*]]:2 = scf.if %{{.*}} -> (f32, i32) {
    // CHECK: memref.load %[[LISTED]]
    // CHECK: arith.cmpf ogt
    // CHECK: arith.cmpf oeq
    // CHECK: arith.cmpi slt
    // CHECK: nvvm.vote.sync {{ *}}ballot
    // CHECK: math.cttz
    // Equal ones that are too many to be listed, or too few numbers.
    // CHECK: } else {
    // CHECK-COUNT-8: arith.cmpf oeq
    // CHECK: gpu.barrier
    // CHECK: gpu.barrier
    // CHECK: }
    // What is greater, and of equal ones those up to a column.
    // CHECK: arith.cmpf ogt, %{{.*}}, %[[CUT]]#0
    // CHECK: arith.cmpf oeq, %{{.*}}, %[[CUT]]#0
    // CHECK: arith.cmpi sle, %{{.*}}, %[[CUT]]#1
    // CHECK: gpu.barrier
    // CHECK-COUNT-8: memref.store %{{.*}}, %[[KEYS]]
    // CHECK: scf.yield
    // Nothing is computed ahead of the loop over rows: registers would not do.
    // CHECK: } {llvm.loop_annotation = #[[ROWS]]}
    mqa.topk ins(%logits, none, %ke : memref<?x?xf32>, memref<?xi32>) outs(%indices : memref<?x512xi32>)
    return
  }
}

// -----

// Forced keys are not counted, and selected all the same. The greatest of equal ones is best, so the list is reversed.
module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {
  // CHECK-LABEL: gpu.func @forced
  func.func @forced(%logits: memref<?x?xbf16>, %ke: memref<?xi32>, %indices: memref<?x512xi32>) {
    // CHECK-DAG: %[[NAN:.*]] = arith.constant 0x7FC00000 : f32
    // CHECK: vector.load {{.*}} {alignment = 8 : i64} : {{.*}}, vector<4xbf16>
    // CHECK: arith.select %{{.*}}, %[[NAN]], %{{.*}} : f32
    // 512, but for 4 and 64.
    // CHECK: scf.while {{.*}}%c444_i32
    // CHECK: arith.cmpi sge
    // CHECK: arith.subi
    mqa.topk ins(%logits, none, %ke : memref<?x?xbf16>, memref<?xi32>) outs(%indices : memref<?x512xi32>) {force_first = 4, force_last = 64, tie_break = #mqa.tie_break<greatest>}
    return
  }
}

// -----

// Nothing is selected by its logit.
module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {
  // CHECK-LABEL: gpu.func @all_forced
  // CHECK-NOT: memref<160xi32
  func.func @all_forced(%logits: memref<?x?xf32>, %ke: memref<?xi32>, %indices: memref<?x64xi32>) {
    mqa.topk ins(%logits, none, %ke : memref<?x?xf32>, memref<?xi32>) outs(%indices : memref<?x64xi32>) {force_first = 60, force_last = 4}
    return
  }
}

// -----

// A block of a step that has many rows has fewer threads, and no room.
module attributes {mqa.target = #mqa.target<chip = "sm_90a">, mqa.steps = {both = ["both$logits", "many"]}} {
  // CHECK-LABEL: gpu.func @many
  // CHECK-NOT: memref<160xi32
  func.func @many(%logits: memref<?x?xf32>, %ke: memref<?xi32>, %indices: memref<?x512xi32>) {
    mqa.topk ins(%logits, none, %ke : memref<?x?xf32>, memref<?xi32>) outs(%indices : memref<?x512xi32>)
    return
  }
}

// -----

// Rows of a cache are few: one block has all registers of a multiprocessor.
module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {
  // CHECK-LABEL: gpu.func @of_cache
  // CHECK-NOT: nvvm.minctasm
  // CHECK: scf.for
  func.func @of_cache(%logits: memref<?x?xf32>, %lens: memref<?xi32>, %indices: memref<?x512xi32>) {
    mqa.topk ins(%logits, none, none : memref<?x?xf32>) context_lens(%lens : memref<?xi32>) outs(%indices : memref<?x512xi32>) {next_n = 1}
    return
  }
}
