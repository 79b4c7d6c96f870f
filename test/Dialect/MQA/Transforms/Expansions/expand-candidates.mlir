// RUN: mqa-opt %s --split-input-file --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-expand-candidates,canonicalize,cse)))' --allow-unregistered-dialect | FileCheck %s

!list = memref<256xi32, #gpu.address_space<workgroup>>

gpu.module @kernels {
  // CHECK-LABEL: gpu.func @append
  // CHECK-SAME: %[[LOGITS:.*]]: vector<2xf32>, %[[KEY:.*]]: index, %[[T:.*]]: f32, %[[FORCED:.*]]: vector<2xi1>, %[[TURN:.*]]: index, %[[N:.*]]: index, %[[CODES:.*]]: memref<256xi32, #gpu.address_space<workgroup>>, %[[KEYS:.*]]: memref<256xi32, #gpu.address_space<workgroup>>
  // CHECK-SAME: workgroup(%[[WORDS:.*]] : memref<64xi32, #gpu.address_space<workgroup>>)
  gpu.func @append(%logits: vector<2xf32>, %key: index, %t: f32, %forced: vector<2xi1>, %turn: index, %n: index, %codes: !list, %keys: !list) kernel attributes {known_block_size = array<i32: 96, 1, 1>} {
    // NaN reaches no threshold.
    // CHECK: %[[FIRST:.*]] = arith.cmpf oge, %{{.*}}, %[[T]]
    // CHECK: %[[A:.*]] = arith.ori %[[FIRST]], %{{.*}} : i1
    // CHECK: nvvm.vote.sync ballot %{{.*}}, %[[A]] -> i32
    // CHECK-COUNT-2: math.ctpop
    // CHECK: nvvm.vote.sync ballot
    // A word of each warp, one of two sets.
    // CHECK: scf.if
    // CHECK: memref.store %{{.*}}, %[[WORDS]]
    // CHECK: gpu.barrier
    // Only three warps have a word.
    // CHECK: arith.cmpi ult, %{{.*}}, %c3_i32
    // CHECK: memref.load %[[WORDS]]
    // CHECK-COUNT-2: nvvm.redux.sync add
    // CHECK: %[[FITS:.*]] = arith.cmpi ule, %{{.*}}, %c256_i32
    // CHECK: scf.if
    // CHECK: memref.store %{{.*}}, %[[CODES]]
    // CHECK: memref.store %{{.*}}, %[[KEYS]]
    // The key ahead.
    // CHECK: arith.addi %{{.*}}, %c-1_i32
    // CHECK: arith.select %[[FITS]]
    %n1, %fits = mqa.append_candidates %logits from %key threshold(%t) forced(%forced : vector<2xi1>) turn(%turn) outs(%codes, %keys count %n : !list) {descending} : vector<2xf32>
    "test.use"(%n1, %fits) : (index, i1) -> ()
    gpu.return
  }
}

// -----

!list = memref<256xi32, #gpu.address_space<workgroup>>

gpu.module @kernels {
  // Two of them share what they work in.
  // CHECK-LABEL: gpu.func @cut
  // CHECK-SAME: workgroup(%[[HISTOGRAM:.*]] : memref<2048xi32, #gpu.address_space<workgroup>>, %[[WORDS:.*]] : memref<64xi32, #gpu.address_space<workgroup>>)
  gpu.func @cut(%n: index, %codes: !list, %keys: !list) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    // What others appended is read behind a barrier, two candidates a thread.
    // CHECK: gpu.barrier
    // CHECK-COUNT-4: memref.load
    // CHECK: nvvm.redux.sync umin
    // CHECK: nvvm.redux.sync umax
    // CHECK: scf.for
    // CHECK: memref.store %c0_i32, %[[HISTOGRAM]]
    // CHECK: gpu.barrier
    // CHECK: scf.while
    // CHECK: math.ctlz
    // CHECK-COUNT-2: memref.atomic_rmw addi %c1_i32, %[[HISTOGRAM]]
    // CHECK: gpu.barrier
    // Sixteen bins a thread.
    // CHECK-COUNT-16: memref.load %[[HISTOGRAM]]
    // CHECK-COUNT-5: gpu.shuffle up
    // CHECK: gpu.barrier
    // CHECK-COUNT-16: memref.store %c0_i32, %[[HISTOGRAM]]
    // CHECK: gpu.barrier
    // CHECK: scf.condition
    // CHECK-COUNT-4: nvvm.vote.sync ballot
    // CHECK: gpu.barrier
    // CHECK-COUNT-4: memref.store
    // CHECK: gpu.barrier
    // CHECK: arith.bitcast %{{.*}} : i32 to f32
    %t = mqa.cut_candidates %codes, %keys count %n keep 100 : !list
    %u = mqa.cut_candidates %codes, %keys count %n keep 50 : !list
    "test.use"(%t, %u) : (f32, f32) -> ()
    gpu.return
  }
}

// -----

!list = memref<250xi32, #gpu.address_space<workgroup>>

gpu.module @kernels {
  // A list that threads cannot share equally: none reads behind its end.
  // CHECK-LABEL: gpu.func @uneven
  gpu.func @uneven(%n: index, %codes: !list, %keys: !list) kernel attributes {known_block_size = array<i32: 96, 1, 1>} {
    // CHECK: gpu.barrier
    // CHECK: %[[IS:.*]] = arith.cmpi ult
    // CHECK: arith.select %[[IS]], %{{.*}}, %c0_i32
    // CHECK: memref.load
    // 96 threads have 22 bins each, which are more than there are.
    // CHECK: scf.while
    // CHECK: arith.cmpi sge, %{{.*}}, %c0_i32
    %t = mqa.cut_candidates %codes, %keys count %n keep 100 : !list
    "test.use"(%t) : (f32) -> ()
    gpu.return
  }
}

// -----

!list = memref<256xi32, #gpu.address_space<workgroup>>

gpu.module @kernels {
  // CHECK-LABEL: gpu.func @sort
  gpu.func @sort(%n: index, %codes: !list, %keys: !list) kernel attributes {known_block_size = array<i32: 32, 1, 1>} {
    // CHECK: gpu.barrier
    // CHECK: scf.for
    // CHECK: arith.xori
    // CHECK: gpu.barrier
    // Runs of 2, 4, ... 128.
    // CHECK: scf.for %{{.*}} = %c0 to %c7 step %c1
    // CHECK: scf.for
    // CHECK: scf.for %{{.*}} = %{{.*}} to %c64 step %c32
    // CHECK: arith.cmpi ugt, %{{.*}}, %{{.*}} : i64
    // CHECK: gpu.barrier
    // CHECK: scf.for
    // CHECK: gpu.barrier
    mqa.sort_candidates %codes, %keys count %n most 128 : !list
    gpu.return
  }
}
