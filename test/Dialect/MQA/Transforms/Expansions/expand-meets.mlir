// RUN: mqa-opt %s --split-input-file --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-expand-candidates,canonicalize,cse)))' | FileCheck %s

!word = memref<1xi32, #gpu.address_space<workgroup>>

gpu.module @kernels {
  // Barriers inside, and those around it, are of its threads; others are of all.
  // CHECK-LABEL: gpu.func @meet
  // CHECK: gpu.barrier
  // CHECK-NEXT: nvvm.barrier id = %[[ID:.*]] number_of_threads = %c128_i32
  // CHECK-NEXT: memref.store
  // CHECK-NEXT: nvvm.barrier id = %[[ID]] number_of_threads = %c128_i32
  // CHECK-NEXT: memref.load
  // CHECK-NEXT: memref.store
  // CHECK-NEXT: nvvm.barrier id = %[[ID]] number_of_threads = %c128_i32
  // CHECK-NEXT: gpu.barrier
  // CHECK-NEXT: gpu.return
  gpu.func @meet(%word: !word, %other: !word) kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : i32
    gpu.barrier
    mqa.meet {
      memref.store %c1, %word[%c0] : !word
      gpu.barrier
      %0 = memref.load %word[%c0] : !word
      memref.store %0, %other[%c0] : !word
    } {num_threads = 128}
    gpu.barrier
    gpu.return
  }

  // Consumers meet where the key of the meeting is reached, if each of the three groups has
  // a tile of 64 keys from there on. Two meetings are of the same threads, and share a barrier.
  // CHECK-LABEL: gpu.func @meeting
  // CHECK-SAME: %[[WORD:[a-z0-9]+]]: memref<1xi32, #gpu.address_space<workgroup>>, %[[KEY:[a-z0-9]+]]: index, %[[END:[a-z0-9]+]]: index)
  // CHECK: %[[WANTED:.*]] = memref.load %[[WORD]][%c0]
  // CHECK: %[[AT:.*]] = arith.index_cast %[[WANTED]] : i32 to index
  // CHECK: %[[IS_REACHED:.*]] = arith.cmpi sge, %[[KEY]], %[[AT]] : index
  // CHECK: %[[LAST:.*]] = arith.addi %[[AT]], %c128 : index
  // CHECK: %[[ARE_THERE:.*]] = arith.cmpi slt, %[[LAST]], %[[END]] : index
  // CHECK: %[[MEETS:.*]] = arith.andi %[[IS_REACHED]], %[[ARE_THERE]] : i1
  // CHECK-NEXT: scf.if %[[MEETS]] {
  // CHECK-NEXT: nvvm.barrier id = %[[ID:.*]] number_of_threads = %c384_i32
  // CHECK-NEXT: memref.store %{{.*}}, %[[WORD]]
  // CHECK-NEXT: nvvm.barrier id = %[[ID]] number_of_threads = %c384_i32
  // CHECK-NEXT: }
  // CHECK-NEXT: nvvm.barrier id = %[[ID]] number_of_threads = %c384_i32
  // CHECK-NEXT: nvvm.barrier id = %[[ID]] number_of_threads = %c384_i32
  // CHECK-NEXT: gpu.return
  gpu.func @meeting(%word: !word, %key: index, %end: index) kernel attributes {known_block_size = array<i32: 512, 1, 1>} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : i32
    mqa.meet meeting(%word : !word) key(%key) until(%end) {
      memref.store %c1, %word[%c0] : !word
    } {num_threads = 384, turns = 3, tile_kv = 64}
    mqa.meet {
    } {num_threads = 384}
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
!counts = memref<2xi32, #smem>
!least = memref<2xf32, #smem>

gpu.module @kernels {
  // CHECK-LABEL: gpu.func @cut
  // CHECK-SAME: (%[[MEMORY:[a-z0-9]+]]: memref<?xi32>, %[[FIRST:[a-z0-9]+]]: index, %[[COUNTS:[a-z0-9]+]]: memref<2xi32, #gpu.address_space<workgroup>>, %[[LEAST:[a-z0-9]+]]: memref<2xf32, #gpu.address_space<workgroup>>, %{{.*}}: memref<?xi32>, %[[ROWS:[a-z0-9]+]]: index, %{{.*}}: index)
  // CHECK-SAME: workgroup(%[[HISTOGRAM:.*]] : memref<2048xi32, #gpu.address_space<workgroup>> {llvm.align = 16 : i64}, %[[WORDS:.*]] : memref<64xi32, #gpu.address_space<workgroup>> {llvm.align = 16 : i64})
  gpu.func @cut(%memory: memref<?xi32>, %first: index, %counts: !counts, %least: !least, %ke: memref<?xi32>, %m: index, %n: index) kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
    // Teams of two of the four warps take rows in turn, each with a barrier of its own.
    // CHECK: nvvm.barrier id = %c3_i32 number_of_threads = %c128_i32
    // CHECK: %[[TEAM:.*]] = arith.divui %{{.*}}, %c64_i32 : i32
    // CHECK: %[[OWN:.*]] = arith.remui %{{.*}}, %c64_i32 : i32
    // CHECK: arith.cmpi ult, %[[TEAM]], %c2_i32
    // CHECK: scf.for %[[ROW:.*]] = %{{.*}} to %[[ROWS]] step %c2
    // CHECK: %[[COUNT:.*]] = memref.load %[[COUNTS]][%[[ROW]]]
    // CHECK: %[[IS_LONG:.*]] = arith.cmpi ugt, %[[COUNT]], %c300_i32
    // CHECK: %[[ID:.*]] = arith.addi %[[TEAM]], %c1_i32
    // CHECK: nvvm.barrier id = %[[ID]] number_of_threads = %c64_i32
    // CHECK: scf.if %[[IS_LONG]] {
    // A row has two parts of 1024 places.
    // CHECK: arith.muli %{{.*}}, %c2048_i32
    // CHECK: %[[LIST:.*]] = arith.addi
    // Logits alone, four vectors a thread, say what codes there are. What lies behind
    // the list is not read.
    // CHECK: %[[BOUNDS:.*]]:2 = scf.for
    // CHECK: %[[PLACE:.*]] = arith.minui %{{.*}}, %c1020_i32
    // CHECK: arith.addi %[[LIST]], %[[PLACE]]
    // CHECK-COUNT-4: vector.load %[[MEMORY]]{{.*}} {alignment = 16 : i64} : memref<?xi32>, vector<4xi32>
    // CHECK-NOT: vector.load
    // CHECK: nvvm.redux.sync umin %[[BOUNDS]]#0
    // CHECK: memref.store %{{.*}}, %[[WORDS]]
    // CHECK: nvvm.barrier id = %[[ID]] number_of_threads = %c64_i32
    // CHECK: %[[LOW:.*]] = nvvm.redux.sync umin
    // CHECK: %[[HIGH:.*]] = nvvm.redux.sync umax
    // The half of the histogram that is the team's.
    // CHECK: %[[PART:.*]]:4 = scf.while (%{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}, %{{.*}} = %c256_i32)
    // CHECK: %[[BINS:.*]] = arith.muli %[[TEAM]], %c1024_i32
    // CHECK: memref.store %c0_i32, %[[HISTOGRAM]]
    // CHECK: nvvm.barrier id = %[[ID]] number_of_threads = %c64_i32
    // CHECK: math.ctlz
    // CHECK-COUNT-16: memref.atomic_rmw addi %c1_i32, %[[HISTOGRAM]]
    // CHECK: nvvm.barrier id = %[[ID]] number_of_threads = %c64_i32
    // CHECK-COUNT-32: memref.load %[[HISTOGRAM]]
    // CHECK-COUNT-5: gpu.shuffle up
    // CHECK: nvvm.barrier id = %[[ID]] number_of_threads = %c64_i32
    // CHECK: scf.condition
    // Where all of a code stay, no key decides. Else keys are read too, and the smallest stay.
    // CHECK: %[[TIE:.*]] = scf.if %[[PART]]#3 -> (i32) {
    // CHECK-NEXT: scf.yield %c0_i32
    // CHECK-NEXT: } else {
    // CHECK: scf.for
    // CHECK-COUNT-8: vector.load %[[MEMORY]]
    // CHECK: %[[KEY:.*]] = vector.extract
    // CHECK: arith.xori %[[KEY]], %c-1_i32
    // CHECK: arith.cmpi eq, %{{.*}}, %[[PART]]#0
    // CHECK: scf.while (%{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}, %{{.*}} = %[[PART]]#2)
    // CHECK-COUNT-16: memref.atomic_rmw addi %c1_i32, %[[HISTOGRAM]]
    // CHECK: scf.condition
    // CHECK: }
    // The places are taken from a word of the team, by one lane for its warp.
    // CHECK: %[[COUNTER:.*]] = arith.addi %[[TEAM]], %c32_i32
    // CHECK: %[[IS_FIRST:.*]] = arith.cmpi eq, %[[OWN]], %c0_i32
    // CHECK: memref.store %c0_i32, %[[WORDS]]
    // CHECK: scf.for
    // CHECK-DAG: %[[REACHES_TIE:.*]] = arith.cmpi uge, %{{.*}}, %[[TIE]]
    // CHECK-DAG: %[[REACHES:.*]] = arith.cmpi uge, %{{.*}}, %[[PART]]#0
    // CHECK-DAG: %[[IS_IN_PART:.*]] = arith.andi %[[REACHES]], %[[REACHES_TIE]]
    // CHECK-DAG: %[[IS_ABOVE:.*]] = arith.cmpi ugt, %{{.*}}, %[[PART]]#1
    // CHECK: %[[IS_BETTER:.*]] = arith.ori %[[IS_ABOVE]], %[[IS_IN_PART]]
    // CHECK: %[[STAYS:.*]] = arith.andi %{{.*}}, %[[IS_BETTER]]
    // CHECK: nvvm.vote.sync ballot %{{.*}}, %[[STAYS]] -> i32
    // CHECK-COUNT-15: nvvm.vote.sync ballot
    // All have read before one writes.
    // CHECK: nvvm.barrier id = %[[ID]] number_of_threads = %c64_i32
    // CHECK: memref.atomic_rmw addi %{{.*}}, %[[WORDS]]
    // CHECK: gpu.shuffle idx
    // CHECK: scf.if %[[STAYS]] {
    // CHECK: memref.store %{{.*}}, %[[MEMORY]]
    // CHECK: arith.addi %{{.*}}, %c1024_i32
    // CHECK: memref.store %{{.*}}, %[[MEMORY]]
    // The last code that stays is the threshold, but neither NaN nor more than infinity.
    // CHECK: %[[CODE:.*]] = arith.maxui %[[PART]]#0, %c8388607_i32
    // CHECK: arith.minui %[[CODE]], %c-8388608_i32
    // CHECK: nvvm.barrier id = %[[ID]] number_of_threads = %c64_i32
    // CHECK: scf.if %[[IS_FIRST]] {
    // CHECK: %[[KEPT:.*]] = memref.load %[[WORDS]]
    // CHECK: memref.store %[[KEPT]], %[[COUNTS]][%[[ROW]]]
    // CHECK: %[[THRESHOLD:.*]] = arith.bitcast %{{.*}} : i32 to f32
    // CHECK: memref.store %[[THRESHOLD]], %[[LEAST]][%[[ROW]]]
    // CHECK: nvvm.barrier id = %c3_i32 number_of_threads = %c128_i32
    // CHECK-NEXT: gpu.return
    %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
    mqa.meet {
      mqa.cut_lists %memory[%first] counts(%counts) thresholds(%least) ranges(%ranges) rows(%m) {places = 1024, keep = 256, above = 300, ties = #mqa.ties<smallest>} : memref<?xi32>, !counts, !least
    } {num_threads = 128}
    gpu.return
  }

  // Greater keys are better, and come later: one that is as good as the last code has to be looked at.
  // Keys are not inverted. A warp for each row needs no barrier, and a quarter of the histogram.
  // CHECK-LABEL: gpu.func @warps
  // CHECK: arith.divui %{{.*}}, %c32_i32
  // CHECK: %[[PART:.*]]:4 = scf.while
  // CHECK: arith.muli %{{.*}}, %c512_i32
  // CHECK: nvvm.bar.warp.sync
  // CHECK-NOT: nvvm.barrier
  // CHECK: memref.atomic_rmw addi %c1_i32
  // CHECK-NOT: nvvm.barrier
  // CHECK: scf.if %[[PART]]#3 -> (i32) {
  // CHECK: scf.for
  // CHECK-COUNT-8: vector.load
  // CHECK: %[[KEY:.*]] = vector.extract
  // CHECK-NOT: arith.xori %[[KEY]]
  // CHECK-NOT: nvvm.barrier
  // CHECK: arith.maxui %[[PART]]#0, %c8388607_i32
  // CHECK: nvvm.bar.warp.sync
  gpu.func @warps(%memory: memref<?xi32>, %first: index, %counts: memref<4xi32, #smem>, %least: memref<4xf32, #smem>, %ke: memref<?xi32>, %m: index, %n: index) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
    mqa.meet {
      mqa.cut_lists %memory[%first] counts(%counts) thresholds(%least) ranges(%ranges) rows(%m) {places = 1024, keep = 256, above = 300, ties = #mqa.ties<greatest>, ascending} : memref<?xi32>, memref<4xi32, #smem>, memref<4xf32, #smem>
    } {num_threads = 128}
    gpu.return
  }

  // Three warps are two teams of one, and one that has nothing to do.
  // CHECK-LABEL: gpu.func @left_over
  // CHECK: %[[TEAM:.*]] = arith.divui %{{.*}}, %c32_i32
  // CHECK: %[[IS_TEAM:.*]] = arith.cmpi ult, %[[TEAM]], %c2_i32
  // CHECK: scf.if %[[IS_TEAM]] {
  // CHECK: scf.for %{{.*}} = %{{.*}} to %{{.*}} step %c2
  gpu.func @left_over(%memory: memref<?xi32>, %first: index, %counts: memref<4xi32, #smem>, %least: memref<4xf32, #smem>, %ke: memref<?xi32>, %m: index, %n: index) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
    mqa.meet {
      mqa.cut_lists %memory[%first] counts(%counts) thresholds(%least) ranges(%ranges) rows(%m) {places = 1024, keep = 256, above = 300, ties = #mqa.ties<smallest>} : memref<?xi32>, memref<4xi32, #smem>, memref<4xf32, #smem>
    } {num_threads = 96}
    gpu.return
  }

  // Keys behind are greater, and the smallest stay: those have to be better than the last code.
  // CHECK-LABEL: gpu.func @ascending
  // CHECK: %[[PART:.*]]:4 = scf.while
  // CHECK: %[[MORE:.*]] = arith.addi %[[PART]]#0, %c1_i32
  // CHECK: arith.maxui %[[MORE]], %c8388607_i32
  gpu.func @ascending(%memory: memref<?xi32>, %first: index, %counts: !counts, %least: !least, %ke: memref<?xi32>, %m: index, %n: index) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
    mqa.meet {
      mqa.cut_lists %memory[%first] counts(%counts) thresholds(%least) ranges(%ranges) rows(%m) {places = 1024, keep = 256, above = 300, ties = #mqa.ties<smallest>, ascending} : memref<?xi32>, !counts, !least
    } {num_threads = 128}
    gpu.return
  }

  // With slack, a few too many may stay. Keys that come later are greater, and have to be better all the same.
  // CHECK-LABEL: gpu.func @slack
  // CHECK: %[[PART:.*]]:4 = scf.while
  // CHECK: nvvm.vote.sync ballot
  // CHECK: arith.cmpi eq
  // CHECK-NEXT: %[[TOO_MANY:.*]] = arith.subi
  // CHECK-NEXT: arith.cmpi ule, %[[TOO_MANY]], %c40_i32
  // CHECK: scf.condition
  // CHECK: %[[MORE:.*]] = arith.addi %[[PART]]#0, %c1_i32
  // CHECK: arith.maxui %[[MORE]], %c8388607_i32
  gpu.func @slack(%memory: memref<?xi32>, %first: index, %counts: !counts, %least: !least, %ke: memref<?xi32>, %m: index, %n: index) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
    mqa.meet {
      mqa.cut_lists %memory[%first] counts(%counts) thresholds(%least) ranges(%ranges) rows(%m) {places = 1024, keep = 256, above = 300, slack = 40, ties = #mqa.ties<smallest>, ascending} : memref<?xi32>, !counts, !least
    } {num_threads = 128}
    gpu.return
  }

  // The first three and the last five keys of a range have the greatest code: keys are read from the start.
  // CHECK-LABEL: gpu.func @forced
  // CHECK-SAME: %[[KE:[a-z0-9]+]]: memref<?xi32>, %{{[a-z0-9]+}}: index, %[[N:[a-z0-9]+]]: index) workgroup
  // CHECK: memref.load %[[KE]]
  // CHECK-DAG: arith.minsi %{{.*}}, %c3_i32
  // CHECK-DAG: arith.minsi %{{.*}}, %c5_i32
  // CHECK: %[[END_FREE:.*]] = arith.subi
  // CHECK: scf.for
  // CHECK-COUNT-8: vector.load
  // CHECK: %[[IS_FIRST:.*]] = arith.cmpi slt
  // CHECK: %[[IS_LAST:.*]] = arith.cmpi sge, %{{.*}}, %[[END_FREE]]
  // CHECK: %[[IS_FORCED:.*]] = arith.ori %[[IS_FIRST]], %[[IS_LAST]]
  // CHECK: arith.select %[[IS_FORCED]], %c-1_i32
  gpu.func @forced(%memory: memref<?xi32>, %first: index, %counts: !counts, %least: !least, %ke: memref<?xi32>, %m: index, %n: index) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
    mqa.meet {
      mqa.cut_lists %memory[%first] counts(%counts) thresholds(%least) ranges(%ranges) rows(%m) {places = 1024, keep = 256, above = 300, force_first = 3, force_last = 5, ties = #mqa.ties<smallest>} : memref<?xi32>, !counts, !least
    } {num_threads = 128}
    gpu.return
  }
}

// -----

!list = memref<256xi32, strided<[1], offset: ?>>

gpu.module @kernels {
  // A list in global memory, by keys: 128 threads have two candidates each.
  // CHECK-LABEL: gpu.func @by_key
  // CHECK-SAME: (%{{.*}}: index, %[[CODES:.*]]: memref<256xi32, strided<[1], offset: ?>>, %[[KEYS:.*]]: memref<256xi32, strided<[1], offset: ?>>) workgroup(%[[BITMAP:.*]] : memref<2048xi32, #gpu.address_space<workgroup>> {{.*}}, %[[WORDS:.*]] : memref<64xi32, #gpu.address_space<workgroup>>
  // CHECK-NOT: gpu.barrier
  gpu.func @by_key(%n: index, %codes: !list, %keys: !list) kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
    // CHECK: %[[CODE:.*]] = memref.load %[[CODES]]
    // CHECK: %[[KEY:.*]] = memref.load %[[KEYS]]
    // CHECK: memref.load %[[CODES]]
    // CHECK: memref.load %[[KEYS]]
    // CHECK: nvvm.redux.sync umin
    // CHECK: nvvm.redux.sync umax
    // CHECK: nvvm.barrier
    // CHECK: %[[MIN:.*]] = nvvm.redux.sync umin
    // CHECK: %[[MAX:.*]] = nvvm.redux.sync umax
    // 64 parts of 1024 words of 32 keys, or the network.
    // CHECK: %[[DISTANCE:.*]] = arith.subi %[[MAX]], %[[MIN]]
    // CHECK: %[[IS_NEAR:.*]] = arith.cmpi ult, %[[DISTANCE]], %c2097152_i32
    // CHECK: %[[IS_EMPTY:.*]] = arith.cmpi ugt, %[[MIN]], %[[MAX]]
    // CHECK: %[[CHOOSES:.*]] = arith.ori %[[IS_NEAR]], %[[IS_EMPTY]]
    // CHECK: scf.if %[[CHOOSES]] {
    // CHECK: %[[PLACES:.*]]:3 = scf.for %{{.*}} = %c0 to %{{.*}} step %c32768
    // CHECK: %[[BASE:.*]] = arith.addi %[[MIN]]
    // CHECK-COUNT-8: memref.store %c0_i32, %[[BITMAP]]
    // CHECK: nvvm.barrier
    // CHECK: %[[FROM_BASE:.*]] = arith.subi %[[KEY]], %[[BASE]]
    // CHECK: arith.cmpi ult, %[[FROM_BASE]], %c32768_i32
    // CHECK: scf.if
    // CHECK: arith.shrui %[[FROM_BASE]], %c5_i32
    // CHECK: arith.andi %[[FROM_BASE]], %c31_i32
    // CHECK: %[[BIT:.*]] = arith.shli %c1_i32
    // CHECK: memref.atomic_rmw ori %[[BIT]], %[[BITMAP]]
    // CHECK: memref.atomic_rmw ori
    // CHECK: nvvm.barrier
    // CHECK-COUNT-8: math.ctpop
    // CHECK-COUNT-5: gpu.shuffle up
    // CHECK: memref.store %{{.*}}, %[[WORDS]]
    // CHECK: nvvm.barrier
    // Behind the bitmap, the number of ones ahead of each word.
    // CHECK: arith.addi %{{.*}}, %c1024_i32
    // CHECK: memref.store %{{.*}}, %[[BITMAP]]
    // CHECK: nvvm.barrier
    // CHECK: scf.if %{{.*}} -> (i32)
    // CHECK: math.ctpop
    // CHECK: scf.yield %{{.*}}, %{{.*}}, %{{.*}} : i32, i32, i32
    // CHECK: %[[PLACE:.*]] = arith.index_cast %[[PLACES]]#1
    // CHECK: memref.store %[[CODE]], %[[CODES]][%[[PLACE]]]
    // CHECK: memref.store %[[KEY]], %[[KEYS]][%[[PLACE]]]
    // CHECK: } else {
    // CHECK: scf.for %{{.*}} = %c0 to %c8 step %c1
    // The key is the upper half.
    // CHECK: %[[K:.*]] = memref.load %[[KEYS]]
    // CHECK: %[[HIGH:.*]] = arith.extui %[[K]] : i32 to i64
    // CHECK: arith.shli %[[HIGH]], %c32_i64
    // CHECK: arith.cmpi ugt, %{{.*}}, %{{.*}} : i64
    // CHECK-NOT: gpu.barrier
    // CHECK: gpu.return
    mqa.meet {
      mqa.sort_candidates %codes, %keys count %n most 256 {by = #mqa.sort_by<key>} : !list
    } {num_threads = 128}
    gpu.return
  }

  // Words that are twice a key are moved as they are; without codes, only they are.
  // CHECK-LABEL: gpu.func @doubled
  // CHECK-SAME: (%{{.*}}: index, %[[CODES:.*]]: memref<256xi32, strided<[1], offset: ?>>, %[[KEYS:.*]]: memref<256xi32, strided<[1], offset: ?>>)
  // CHECK-NOT: memref.load %[[CODES]]
  // CHECK: %[[WORD:.*]] = memref.load %[[KEYS]]
  // CHECK: %[[KEY:.*]] = arith.shrui %[[WORD]], %c1_i32
  // CHECK-NOT: memref.load %[[CODES]]
  // CHECK: arith.subi %[[KEY]]
  // CHECK: memref.atomic_rmw ori
  // CHECK-NOT: memref.store {{.*}}, %[[CODES]]
  // CHECK: memref.store %[[WORD]], %[[KEYS]]
  // CHECK-NOT: memref.store {{.*}}, %[[CODES]]
  // CHECK: } else {
  // CHECK: scf.for %{{.*}} = %c0 to %c8 step %c1
  gpu.func @doubled(%n: index, %codes: !list, %keys: !list) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    mqa.sort_candidates %codes, %keys count %n most 256 {by = #mqa.sort_by<key>, doubled, keys_only} : !list
    gpu.return
  }

  // CHECK-LABEL: gpu.func @by_score
  // CHECK-SAME: (%{{.*}}: index, %[[CODES:.*]]: memref<256xi32, strided<[1], offset: ?>>, %[[KEYS:.*]]: memref<256xi32, strided<[1], offset: ?>>)
  // CHECK-NOT: memref.atomic_rmw
  // CHECK: %[[CODE:.*]] = memref.load %[[CODES]]
  // CHECK: arith.xori %[[CODE]], %c-1_i32
  // CHECK: memref.store %{{.*}}, %[[CODES]]
  // CHECK: nvvm.barrier {{.*}} number_of_threads = %c128_i32
  // CHECK: scf.for %{{.*}} = %c0 to %c8 step %c1
  // The code is the upper half.
  // CHECK: %[[C:.*]] = memref.load %[[CODES]]
  // CHECK: %[[HIGH:.*]] = arith.extui %[[C]] : i32 to i64
  // CHECK: arith.shli %[[HIGH]], %c32_i64
  // CHECK: nvvm.barrier {{.*}} number_of_threads = %c128_i32
  gpu.func @by_score(%n: index, %codes: !list, %keys: !list) kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
    mqa.meet {
      mqa.sort_candidates %codes, %keys count %n most 256 {doubled} : !list
    } {num_threads = 128}
    gpu.return
  }
}
