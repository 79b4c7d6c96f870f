// RUN: mqa-opt %s --split-input-file --pass-pipeline='builtin.module(mqa-tile-topk,gpu.module(gpu.func(canonicalize,cse)))' | FileCheck %s

// Of a step that another kernel stores the logits for, there are many rows: four blocks for a multiprocessor.
module attributes {mqa.target = #mqa.target<chip = "sm_90a">, mqa.steps = {both = ["both$logits", "best"]}} {
  // CHECK-LABEL: gpu.func @best
  // CHECK-SAME: workgroup(%[[SCRATCH:[a-z0-9]+]] : memref<2048xi32, #gpu.address_space<workgroup>>
  // CHECK-SAME: known_block_size = array<i32: 384, 1, 1>
  // CHECK-SAME: dynamic_shared_memory = 25856
  // CHECK-SAME: nvvm.minctasm = 4
  func.func @best(%logits: memref<?x?xf32>, %ke: memref<?xi32>, %indices: memref<?x512xi32>) {
    // CHECK-DAG: %[[COLUMNS:.*]] = memref.view %{{.*}}[%c0]{{.*}} : {{.*}} to memref<3232xi32
    // CHECK-DAG: %[[LOGITS:.*]] = memref.view %{{.*}}[%c12928]{{.*}} : {{.*}} to memref<3232xi32
    // CHECK-DAG: %[[SAMPLE:.*]] = memref.view %{{.*}}[%c0]{{.*}} : {{.*}} to memref<6464xi32
    // CHECK-DAG: %[[BINS:.*]] = memref.subview %[[SCRATCH]][0] [768] [1]
    // CHECK-DAG: %[[CHUNKS:.*]] = memref.subview %[[SCRATCH]][768] [384] [1]
    // CHECK-DAG: %[[MARKS:.*]] = memref.subview %[[SCRATCH]][1152] [102] [1]
    // CHECK: %[[FITS:.*]] = arith.cmpi ule, %[[LENGTH:.*]], %c827392
    // CHECK: scf.if %[[FITS]] -> (index) {
    // Each part reads the number of the thread anew.
    // CHECK: llvm.inline_asm has_side_effects "mov.u32 $0, %tid.x;"
    // The sample, four loads at a time; its ends of each warp, and the third ones of all warps from both ends.
    // CHECK: scf.for {{.*}} step %c1536 iter_args
    // CHECK-COUNT-4: memref.load %{{.*}}[%c0, %{{.*}}] : memref<?x?xf32
    // CHECK-COUNT-4: memref.store %{{.*}}, %[[SAMPLE]]
    // CHECK: nvvm.redux.sync {{ *}}umin
    // CHECK: nvvm.redux.sync {{ *}}umax
    // CHECK: gpu.barrier
    // CHECK-COUNT-3: nvvm.redux.sync {{ *}}umin
    // CHECK-COUNT-3: nvvm.redux.sync {{ *}}umax
    // Steps, until the bin of the rank has few. NaN of the sample counts in the first bin: of NaN and 0, 0 is the greater one.
    // CHECK: scf.while
    // CHECK: memref.load %[[SAMPLE]]
    // CHECK: arith.maxnumf %{{.*}}, %[[ZERO:.*]] : f32
    // CHECK: arith.minnumf
    // CHECK: memref.atomic_rmw addi %{{.*}}, %[[BINS]]
    // CHECK: gpu.barrier
    // CHECK: scf.condition
    // Chunks of each warp, until the list is full, without a barrier. The threshold comes back from memory.
    // CHECK: llvm.inline_asm has_side_effects "mov.u32 $0, %tid.x;"
    // CHECK: nvvm.bar.warp.sync
    // CHECK: %[[SAME:.*]] = arith.bitcast %{{.*}} : i32 to f32
    // CHECK: scf.while (%[[CHUNK:.*]] = %{{.*}}) : (i32) -> i32 {
    // CHECK-NOT: gpu.barrier
    // CHECK-COUNT-4: vector.load {{.*}} {alignment = 16 : i64} : {{.*}}, vector<4xf32>
    // Bytes count the candidates of the vectors.
    // CHECK-COUNT-4: llvm.inline_asm "{ .reg .pred p; setp.ge.f32 p, $2, $3; @p add.u32 $0, $0, 1; }"
    // CHECK: llvm.inline_asm "{ {{.*}} 256; }"
    // CHECK: llvm.inline_asm "{ {{.*}} 16777216; }"
    // CHECK: gpu.shuffle up
    // One lane takes places for all.
    // CHECK: memref.atomic_rmw addi
    // CHECK: arith.cmpi ult, %{{.*}}, %c384_i32
    // CHECK: memref.store %{{.*}}, %[[CHUNKS]]
    // CHECK-COUNT-16: llvm.inline_asm has_side_effects "{ {{.*}} @p st.shared.b32 [$0], $5; @p st.shared.f32 [$0+12928], $2; @p add.u32 $0, $0, 4; }"{{.*}}%[[SAME]]
    // CHECK: gpu.barrier
    // At least k, and no more than there are places.
    // CHECK: arith.cmpi uge, %[[COUNT:.*]], %c512_i32
    // CHECK: arith.cmpi ule, %[[COUNT]], %c3232_i32
    // The bin of the k-th logit, and who is better.
    // CHECK: scf.while
    // CHECK: memref.atomic_rmw addi %{{.*}}, %[[BINS]]
    // CHECK: nvvm.vote.sync {{ *}}ballot
    // CHECK: memref.store %{{.*}}, %[[MARKS]]
    // Equal ones by their columns.
    // CHECK: arith.cmpf ogt
    // CHECK: arith.cmpf oeq
    // CHECK: arith.cmpi slt
    // CHECK: memref.atomic_rmw ori %{{.*}}, %[[MARKS]]
    // Places in the order of columns, and results there.
    // CHECK: math.ctpop
    // CHECK: %[[KNOWN:.*]] = arith.cmpi ule, %{{.*}}, %c384 : index
    // CHECK: scf.if %[[KNOWN]] {
    // CHECK: memref.load %[[CHUNKS]]
    // CHECK: memref.store %{{.*}}, %[[CHUNKS]]
    // CHECK: gpu.barrier
    // CHECK: memref.load %[[COLUMNS]]
    // CHECK: memref.store %{{.*}}, %[[OUT:.*]][%c0, %{{.*}}] : memref<?x512xi32, {{.*}}global>>
    // Chunks that there is no room for: the keys are sorted.
    // CHECK: } else {
    // CHECK: memref.store %{{.*}}, %[[LOGITS]]
    // CHECK: mqa.sort_candidates %[[COLUMNS]], %[[LOGITS]] count %c512 most 512 {by = #mqa.sort_by<key>, keys_only}
    // CHECK: memref.store %{{.*}}, %{{.*}}[%c0, %{{.*}}] : memref<?x512xi32, {{.*}}global>>
    // CHECK: mqa.append_candidates
    mqa.topk ins(%logits, none, %ke : memref<?x?xf32>, memref<?xi32>) outs(%indices : memref<?x512xi32>)
    return
  }
}

// -----

// Forced keys are NaN in the list. The greatest of equal ones is best; places are those of the keys.
module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {
  // CHECK-LABEL: gpu.func @forced
  func.func @forced(%logits: memref<?x?xbf16>, %ke: memref<?xi32>, %indices: memref<?x512xi32>) {
    // CHECK-DAG: %[[NAN:.*]] = arith.constant 0x7FC00000 : f32
    // CHECK-DAG: %[[INFINITY:.*]] = arith.constant 0x7F800000 : f32
    // CHECK: arith.cmpi ule, %[[LENGTH:.*]], %c2097152
    // CHECK: vector.load {{.*}} {alignment = 8 : i64} : {{.*}}, vector<4xbf16>
    // A forced key counts.
    // CHECK: arith.select %[[IS:.*]], %[[INFINITY]], %{{.*}} : f32
    // CHECK: arith.select %[[IS]], %[[NAN]], %{{.*}} : f32
    // CHECK: arith.cmpf uno
    // CHECK: arith.select %{{.*}}, %c1023_i32, %{{.*}} : i32
    // CHECK: arith.cmpi sgt
    // CHECK: memref.atomic_rmw ori
    mqa.topk ins(%logits, none, %ke : memref<?x?xbf16>, memref<?xi32>) outs(%indices : memref<?x512xi32>) {force_first = 4, tie_break = #mqa.tie_break<greatest>}
    return
  }
}

// -----

// For another order, keys stay in the list, and are sorted there. A row that is written already is not written again.
module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {
  // CHECK-LABEL: gpu.func @by_score
  func.func @by_score(%logits: memref<?x?xf32>, %ke: memref<?xi32>, %indices: memref<?x512xi32>) {
    // CHECK: memref.view %{{.*}}[%c0]
    // CHECK: %[[KEYS:.*]] = memref.view %{{.*}}[%c32768]
    // CHECK: memref.atomic_rmw ori
    // CHECK: memref.store %{{.*}}, %[[KEYS]]
    // CHECK: mqa.append_candidates
    // CHECK: gpu.barrier
    // CHECK: mqa.sort_candidates {{.*}} most 512 :
    // CHECK: memref.store %{{.*}} : memref<?x512xi32, {{.*}}global>>
    // CHECK-NOT: memref.store {{.*}}global>>
    mqa.topk ins(%logits, none, %ke : memref<?x?xf32>, memref<?xi32>) outs(%indices : memref<?x512xi32>) {order = #mqa.order<score>}
    return
  }
  // CHECK-LABEL: gpu.func @by_key
  func.func @by_key(%logits: memref<?x?xf32>, %ke: memref<?xi32>, %indices: memref<?x512xi32>) {
    // CHECK: memref.atomic_rmw ori
    // CHECK: memref.store %{{.*}} : memref<?x512xi32, {{.*}}global>>
    // CHECK: mqa.append_candidates
    // CHECK: scf.yield %{{.*}}, %{{.*}} : index, i1
    // CHECK: scf.if %{{.*}} {
    // CHECK: gpu.barrier
    // CHECK: memref.store %{{.*}} : memref<?x512xi32, {{.*}}global>>
    // CHECK: }
    // CHECK: gpu.barrier
    mqa.topk ins(%logits, none, %ke : memref<?x?xf32>, memref<?xi32>) outs(%indices : memref<?x512xi32>)
    return
  }
}

// -----

// Four blocks have no room for so many keys.
module attributes {mqa.target = #mqa.target<chip = "sm_90a">, mqa.steps = {both = ["both$logits", "many"]}} {
  // CHECK-LABEL: gpu.func @many
  // CHECK-SAME: known_block_size = array<i32: 1024, 1, 1>
  // CHECK-SAME: nvvm.minctasm = 2
  func.func @many(%logits: memref<?x?xf32>, %ke: memref<?xi32>, %indices: memref<?x2049xi32>) {
    // CHECK: memref.atomic_rmw ori
    mqa.topk ins(%logits, none, %ke : memref<?x?xf32>, memref<?xi32>) outs(%indices : memref<?x2049xi32>)
    return
  }
}

// -----

// A sequence of a cache has few rows.
module attributes {mqa.target = #mqa.target<chip = "sm_90a">, mqa.steps = {both = ["both$logits", "few"]}} {
  // CHECK-LABEL: gpu.func @few
  // CHECK-SAME: known_block_size = array<i32: 1024, 1, 1>
  func.func @few(%logits: memref<?x?xf32>, %lens: memref<?xi32>, %indices: memref<?x512xi32>) {
    // CHECK: memref.atomic_rmw ori
    mqa.topk ins(%logits, none, none : memref<?x?xf32>) context_lens(%lens : memref<?xi32>) outs(%indices : memref<?x512xi32>) {next_n = 1}
    return
  }
}

// -----

// So has a step whose rows are known to be few.
module attributes {mqa.target = #mqa.target<chip = "sm_90a">, mqa.steps = {both = ["both$logits", "few"], others = ["others$logits", "more"]}} {
  // CHECK-LABEL: gpu.func @few
  // CHECK-SAME: known_block_size = array<i32: 1024, 1, 1>
  func.func @few(%logits: memref<256x?xf32>, %ke: memref<256xi32>, %indices: memref<256x512xi32>) {
    // CHECK: memref.atomic_rmw ori
    mqa.topk ins(%logits, none, %ke : memref<256x?xf32>, memref<256xi32>) outs(%indices : memref<256x512xi32>)
    return
  }
  // CHECK-LABEL: gpu.func @more
  // CHECK-SAME: known_block_size = array<i32: 384, 1, 1>
  func.func @more(%logits: memref<257x?xf32>, %ke: memref<257xi32>, %indices: memref<257x512xi32>) {
    // CHECK: memref.atomic_rmw ori
    mqa.topk ins(%logits, none, %ke : memref<257x?xf32>, memref<257xi32>) outs(%indices : memref<257x512xi32>)
    return
  }
}

// -----

// Where shared memory is for one block, long rows go tile by tile: nothing marks places of a list.
module attributes {mqa.target = #mqa.target<chip = "sm_89">} {
  // CHECK-LABEL: gpu.func @tiles
  // CHECK-SAME: known_block_size = array<i32: 1024, 1, 1>
  // CHECK-NOT: memref.atomic_rmw ori
  func.func @tiles(%logits: memref<?x?xf32>, %ke: memref<?xi32>, %indices: memref<?x512xi32>) {
    // CHECK: mqa.append_candidates
    // CHECK-NOT: memref.atomic_rmw
    mqa.topk ins(%logits, none, %ke : memref<?x?xf32>, memref<?xi32>) outs(%indices : memref<?x512xi32>)
    return
  }
}
