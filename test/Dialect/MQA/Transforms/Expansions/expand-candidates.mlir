// RUN: mqa-opt %s --split-input-file --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-expand-candidates,canonicalize,cse)))' --allow-unregistered-dialect | FileCheck %s

!list = memref<256xi32, #gpu.address_space<workgroup>>

gpu.module @kernels {
  // CHECK-LABEL: gpu.func @append
  // CHECK-SAME: %[[LOGITS:.*]]: vector<2xf32>, %[[KEY:.*]]: index, %[[T:.*]]: f32, %[[FORCED:.*]]: vector<2xi1>, %[[TURN:.*]]: index, %[[N:.*]]: index, %[[CODES:.*]]: memref<256xi32, #gpu.address_space<workgroup>>, %[[KEYS:.*]]: memref<256xi32, #gpu.address_space<workgroup>>
  // CHECK-SAME: workgroup(%[[WORDS:.*]] : memref<64xi32, #gpu.address_space<workgroup>> {llvm.align = 16 : i64})
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
  // CHECK-SAME: workgroup(%[[HISTOGRAM:.*]] : memref<2048xi32, #gpu.address_space<workgroup>> {llvm.align = 16 : i64}, %[[WORDS:.*]] : memref<64xi32, #gpu.address_space<workgroup>> {llvm.align = 16 : i64})
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

// -----

!list = memref<256xi32, #gpu.address_space<workgroup>>

gpu.module @kernels {
  // CHECK-LABEL: gpu.func @own_keys
  // CHECK-SAME: %[[LOGITS:.*]]: vector<1xf32>, %[[OWN:.*]]: vector<1xi32>, %[[T:.*]]: f32, %[[NAN:.*]]: i1, %{{.*}}: index, %{{.*}}: index, %[[CODES:.*]]: memref<256xi32, #gpu.address_space<workgroup>>, %[[KEYS:.*]]: memref<256xi32, #gpu.address_space<workgroup>>
  gpu.func @own_keys(%logits: vector<1xf32>, %own: vector<1xi32>, %t: f32, %nan: i1, %turn: index, %n: index, %codes: !list, %keys: !list) kernel attributes {known_block_size = array<i32: 96, 1, 1>} {
    // CHECK: %[[LOGIT:.*]] = vector.extract %[[LOGITS]][0]
    // CHECK: %[[REACHES:.*]] = arith.cmpf oge, %[[LOGIT]], %[[T]]
    // CHECK: %[[UNO:.*]] = arith.cmpf uno, %[[LOGIT]], %[[LOGIT]]
    // CHECK: %[[TAKEN:.*]] = arith.andi %[[UNO]], %[[NAN]]
    // CHECK: %[[ANY:.*]] = arith.ori %[[REACHES]], %[[TAKEN]]
    // Padding is left out whatever its logit is.
    // CHECK: %[[KEY:.*]] = vector.extract %[[OWN]][0]
    // CHECK: %[[IS_KEY:.*]] = arith.cmpi sge, %[[KEY]], %c0_i32
    // CHECK: %[[APPENDED:.*]] = arith.andi %[[ANY]], %[[IS_KEY]]
    // CHECK: nvvm.vote.sync ballot %{{.*}}, %[[APPENDED]] -> i32
    // CHECK: memref.store %{{.*}}, %[[CODES]]
    // 2 * key, and 1 more for -0.
    // CHECK: %[[BITS:.*]] = arith.bitcast %[[LOGIT]] : f32 to i32
    // CHECK: %[[ZERO:.*]] = arith.cmpi eq, %[[BITS]], %c-2147483648_i32
    // CHECK: %[[TWICE:.*]] = arith.shli %[[KEY]], %c1_i32
    // CHECK: %[[BIT:.*]] = arith.extui %[[ZERO]] : i1 to i32
    // CHECK: %[[WORD:.*]] = arith.ori %[[TWICE]], %[[BIT]]
    // CHECK: memref.store %[[WORD]], %[[KEYS]]
    %n1, %fits = mqa.append_candidates %logits of %own : vector<1xi32> threshold(%t) takes_nan(%nan) turn(%turn) outs(%codes, %keys count %n : !list) : vector<1xf32>
    "test.use"(%n1, %fits) : (index, i1) -> ()
    gpu.return
  }
}

// -----

!list = memref<128xi32, #gpu.address_space<workgroup>>

gpu.module @kernels {
  // CHECK-LABEL: gpu.func @ties
  // CHECK-SAME: index, %[[CODES:.*]]: memref<128xi32, #gpu.address_space<workgroup>>, %[[KEYS:.*]]: memref<128xi32, #gpu.address_space<workgroup>>
  gpu.func @ties(%n: index, %codes: !list, %keys: !list) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    // CHECK: %[[CODE:.*]] = memref.load %[[CODES]]
    // CHECK: %[[KEY:.*]] = memref.load %[[KEYS]]
    // CHECK: %[[PART:.*]]:4 = scf.while
    // Where all of a part is wanted, no key decides.
    // CHECK: %[[TIES:.*]]:3 = scf.if %[[PART]]#3 -> (i32, i32, i32) {
    // CHECK: scf.yield %c0_i32, %c-1_i32, %[[PART]]#2
    // CHECK: } else {
    // The smallest key is the greatest number, of candidates of that one code.
    // CHECK: arith.xori %[[KEY]], %c-1_i32
    // CHECK: arith.subi %[[CODE]], %[[PART]]#0
    // Everybody has read the words of the last step.
    // CHECK: gpu.barrier
    // CHECK: nvvm.redux.sync umin
    // CHECK: scf.while
    // CHECK: memref.atomic_rmw addi %c1_i32
    // CHECK: }
    // CHECK: arith.cmpi ugt, %{{.*}}, %[[TIES]]#1
    // CHECK: arith.minui %{{.*}}, %[[TIES]]#2
    // A later candidate of the same code may be better.
    // CHECK: arith.shrsi %[[PART]]#0, %c31_i32
    %t = mqa.cut_candidates %codes, %keys count %n keep 100 {ties = #mqa.ties<smallest>} : !list
    "test.use"(%t) : (f32) -> ()
    gpu.return
  }

  // CHECK-LABEL: gpu.func @greatest
  gpu.func @greatest(%n: index, %codes: !list, %keys: !list) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    // Only goes-on flags and signs are inverted, no key.
    // CHECK: %[[KEY:.*]] = memref.load
    // CHECK: %[[GREATEST:.*]] = memref.load
    // CHECK-NOT: arith.xori %[[GREATEST]]
    // CHECK: scf.if %{{.*}}#3 -> (i32, i32, i32)
    // CHECK: arith.select %{{.*}}, %[[GREATEST]], %c-1_i32
    %t = mqa.cut_candidates %codes, %keys count %n keep 100 {ties = #mqa.ties<greatest>} : !list
    "test.use"(%t) : (f32) -> ()
    gpu.return
  }
}

// -----

!list = memref<256xi32, #gpu.address_space<workgroup>>

gpu.module @kernels {
  // CHECK-LABEL: gpu.func @by_key
  // CHECK-SAME: index, %[[CODES:.*]]: memref<256xi32, #gpu.address_space<workgroup>>, %[[KEYS:.*]]: memref<256xi32, #gpu.address_space<workgroup>>
  gpu.func @by_key(%n: index, %codes: !list, %keys: !list) kernel attributes {known_block_size = array<i32: 32, 1, 1>} {
    // What is behind the last candidate goes behind it.
    // CHECK: scf.for
    // CHECK: %[[LAST:.*]] = arith.select %{{.*}}, %{{.*}}, %c-1_i32
    // CHECK: memref.store %[[LAST]], %[[KEYS]]
    // CHECK-NOT: arith.xori
    // CHECK: scf.for %{{.*}} = %c0 to %c7 step %c1
    // The key is the upper half.
    // CHECK: %[[K:.*]] = memref.load %[[KEYS]]
    // CHECK: %[[HIGH:.*]] = arith.extui %[[K]] : i32 to i64
    // CHECK: memref.load %[[CODES]]
    // CHECK: arith.shli %[[HIGH]], %c32_i64
    // CHECK-NOT: arith.xori
    // CHECK: gpu.return
    mqa.sort_candidates %codes, %keys count %n most 128 {by = #mqa.sort_by<key>} : !list
    gpu.return
  }
}

// -----

gpu.module @kernels {
  // CHECK-LABEL: gpu.func @estimate
  // CHECK-SAME: workgroup(%[[HISTOGRAM:.*]] : memref<2048xi32, #gpu.address_space<workgroup>> {llvm.align = 16 : i64}, %[[WORDS:.*]] : memref<64xi32, #gpu.address_space<workgroup>> {llvm.align = 16 : i64})
  gpu.func @estimate(%samples: vector<2xf32>, %n: index, %rank: index) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    // CHECK: gpu.barrier
    // The second sample of a thread is 128 behind its first.
    // CHECK: %[[SECOND:.*]] = arith.addi %[[THREAD:.*]], %c128_i32
    // CHECK: arith.cmpi ult, %[[SECOND]], %[[COUNT:.*]] : i32
    // No rank is greater than the number of samples.
    // CHECK: arith.minui %{{.*}}, %[[COUNT]]
    // CHECK: nvvm.redux.sync umin
    // CHECK: nvvm.redux.sync umax
    // CHECK: gpu.barrier
    // One step of a search.
    // CHECK-COUNT-2: memref.atomic_rmw addi %c1_i32, %[[HISTOGRAM]]
    // CHECK: gpu.barrier
    // CHECK-COUNT-16: memref.load %[[HISTOGRAM]]
    // CHECK: gpu.barrier
    // CHECK-NOT: scf.while
    // -inf, where the bin begins below it.
    // CHECK: arith.maxui %{{.*}}, %c8388607_i32
    // CHECK: arith.bitcast %{{.*}} : i32 to f32
    %t = mqa.estimate_threshold %samples count %n rank %rank : vector<2xf32>
    "test.use"(%t) : (f32) -> ()
    gpu.return
  }
}
