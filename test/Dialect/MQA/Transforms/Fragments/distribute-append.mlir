// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-distribute-vectors,canonicalize,cse)))' --split-input-file | FileCheck %s

// The smallest tile: a warp has a query, and each of its lanes one of 32 keys.

#at_32x32 = #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>
#at_4x16x1x32 = #mqa.staged<shape = [4, 16, 1, 32], dims = [0, 1, 0, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
gpu.module @kernels {
  // CHECK-LABEL: gpu.func @append
  // CHECK-SAME: %[[MEMORY:[a-z0-9]+]]: memref<?xi32>, %[[FIRST:[a-z0-9]+]]: index, %[[COUNTS:[a-z0-9]+]]: memref<8xi32, #gpu.address_space<workgroup>>, %[[LEAST:[a-z0-9]+]]: memref<8xf32, #gpu.address_space<workgroup>>, %[[WORD:[a-z0-9]+]]: memref<1xi32, #gpu.address_space<workgroup>>, %[[ROW:[a-z0-9]+]]: index, %[[KEY:[a-z0-9]+]]: index) kernel
  // CHECK: %[[BIT:.*]] = arith.shli %c1_i32, %{{.*}}
  // CHECK: %[[AHEAD:.*]] = arith.subi %[[BIT]], %c1_i32
  // CHECK: gpu.shuffle xor %{{.*}}, %c4_i32, %c32_i32 : f32
  // CHECK-NEXT: %[[LOGIT:.*]] = arith.addf %{{.*}}, %{{.*}} : f32
  // CHECK-NEXT: %[[OWN:.*]] = arith.addi %[[ROW]], %{{.*}} : index
  // CHECK-NEXT: %[[T:.*]] = memref.load %[[LEAST]][%[[OWN]]]
  // CHECK-NEXT: %[[IS_WANTED:.*]] = arith.cmpf uge, %[[LOGIT]], %[[T]]
  // CHECK-NEXT: %[[BALLOT:.*]] = nvvm.vote.sync ballot %c-1_i32, %[[IS_WANTED]] -> i32
  // CHECK-NEXT: %[[COUNT:.*]] = math.ctpop %[[BALLOT]]
  // The first lane of the query takes places for all of them, if there is something to append.
  // CHECK-NEXT: %[[IS_FIRST:.*]] = arith.cmpi eq, %[[AHEAD]], %c0_i32
  // CHECK-NEXT: %[[ARE_SOME:.*]] = arith.cmpi ne, %[[COUNT]], %c0_i32
  // CHECK-NEXT: %[[TAKES:.*]] = arith.andi %[[IS_FIRST]], %[[ARE_SOME]]
  // CHECK-NEXT: %[[TAKEN:.*]] = scf.if %[[TAKES]] -> (i32) {
  // CHECK-NEXT: %[[OLD:.*]] = memref.atomic_rmw addi %[[COUNT]], %[[COUNTS]][%[[OWN]]]
  // More than the limit: consumers are to meet in a while.
  // CHECK-NEXT: %[[NEW:.*]] = arith.addi %[[OLD]], %[[COUNT]]
  // CHECK-NEXT: %[[IS_FULL:.*]] = arith.cmpi ugt, %[[NEW]], %c512_i32
  // CHECK-NEXT: scf.if %[[IS_FULL]] {
  // Near the greatest i32 it is that, which no key reaches: it must not wrap around.
  // CHECK-NEXT: %[[FROM:.*]] = arith.minsi %[[KEY]], %c2147483391 : index
  // CHECK-NEXT: %[[LATER:.*]] = arith.addi %[[FROM]], %c256 : index
  // CHECK-NEXT: %[[AT:.*]] = arith.index_cast %[[LATER]] : index to i32
  // CHECK-NEXT: memref.atomic_rmw mins %[[AT]], %[[WORD]][%c0]
  // CHECK-NEXT: }
  // CHECK-NEXT: scf.yield %[[OLD]]
  // CHECK: %[[BEGIN:.*]], %{{.*}} = gpu.shuffle idx %[[TAKEN]], %c0_i32, %c32_i32
  // A list has a part of logits and one of keys.
  // CHECK: %[[LISTS:.*]] = arith.muli %[[OWN]], %c2048 : index
  // CHECK: %[[LIST:.*]] = arith.addi %[[FIRST]], %[[LISTS]] : index
  // CHECK: %[[LIST32:.*]] = arith.index_cast %[[LIST]] : index to i32
  // CHECK: %[[PLACE:.*]] = arith.addi %[[BEGIN]], %[[LIST32]]
  // CHECK: scf.if %[[IS_WANTED]] {
  // CHECK-NEXT: %[[BEFORE:.*]] = arith.andi %[[BALLOT]], %[[AHEAD]]
  // CHECK-NEXT: %[[NUMBER:.*]] = math.ctpop %[[BEFORE]]
  // CHECK-NEXT: %[[OWN_PLACE:.*]] = arith.addi %[[PLACE]], %[[NUMBER]]
  // CHECK-NEXT: %[[PLACE_INDEX:.*]] = arith.index_cast %[[OWN_PLACE]] : i32 to index
  // CHECK-NEXT: %[[BITS:.*]] = arith.bitcast %[[LOGIT]] : f32 to i32
  // CHECK-NEXT: memref.store %[[BITS]], %[[MEMORY]][%[[PLACE_INDEX]]]
  // CHECK-NEXT: %[[BEHIND:.*]] = arith.addi %[[PLACE_INDEX]], %c1024 overflow<nsw, nuw> : index
  // CHECK-NEXT: %[[OWN_KEY:.*]] = arith.addi %[[KEY]], %{{.*}} : index
  // CHECK-NEXT: %[[KEY32:.*]] = arith.index_cast %[[OWN_KEY]] : index to i32
  // CHECK-NEXT: memref.store %[[KEY32]], %[[MEMORY]][%[[BEHIND]]]
  // CHECK-NEXT: }
  // CHECK-NEXT: gpu.return
  gpu.func @append(%qt: memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, %kt: memref<32x32xf8E4M3FN, #at_32x32, #smem>, %memory: memref<?xi32>, %first: index, %counts: memref<8xi32, #smem>, %least: memref<8xf32, #smem>, %word: memref<1xi32, #smem>, %row: index, %key: index) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %f0 = arith.constant 0.0 : f32
    %zero = arith.constant dense<0.0> : vector<4x16x32xf32>
    %zeros = arith.constant dense<0.0> : vector<4x32xf32>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : memref<32x32xf8E4M3FN, #at_32x32, #smem>, vector<32x32xf8E4M3FN>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, vector<4x16x32xf8E4M3FN>
    %s = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    %sum = vector.multi_reduction <add>, %s, %zeros [1] : vector<4x16x32xf32> to vector<4x32xf32>
    %t = vector.transfer_read %least[%row], %f0 {in_bounds = [true]} : memref<8xf32, #smem>, vector<4xf32>
    %t1 = vector.shape_cast %t : vector<4xf32> to vector<4x1xf32>
    %tb = vector.broadcast %t1 : vector<4x1xf32> to vector<4x32xf32>
    %mask = arith.cmpf uge, %sum, %tb : vector<4x32xf32>
    mqa.append_logits %sum mask %mask first_key(%key) to %memory[%first] counts(%counts) meeting(%word) first_row(%row) {places = 1024, limit = 512, margin = 256} : vector<4x32xf32>, vector<4x32xi1>, memref<?xi32>, memref<8xi32, #smem>, memref<1xi32, #smem>
    gpu.return
  }
}

// -----

// A warp has two queries, and a thread two keys of one.

#at_32x32 = #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>
#at_8x8x2x32 = #mqa.staged<shape = [4, 8, 2, 32], dims = [0, 1, 0, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
gpu.module @kernels {
  // CHECK-LABEL: gpu.func @eight_queries
  // CHECK-SAME: %[[MEMORY:[a-z0-9]+]]: memref<?xi32>, %{{[a-z0-9]+}}: index, %[[COUNTS:[a-z0-9]+]]: memref<8xi32
  // The lanes of the own query: four of each eight.
  // CHECK: %[[REST:.*]] = arith.remui %{{.*}}, %c8_i32
  // CHECK: %[[SHIFT:.*]] = arith.andi %[[REST]], %c-4_i32
  // CHECK: %[[ALL:.*]] = arith.shli %c252645135_i32, %[[SHIFT]]
  // CHECK: %[[BELOW:.*]] = arith.subi %{{.*}}, %c1_i32
  // CHECK: %[[AHEAD:.*]] = arith.andi %[[ALL]], %[[BELOW]]
  // CHECK: %[[M0:.*]] = arith.cmpf uge
  // CHECK: %[[M1:.*]] = arith.cmpf uge
  // CHECK: %[[V0:.*]] = nvvm.vote.sync ballot %c-1_i32, %[[M0]] -> i32
  // CHECK: %[[B0:.*]] = arith.andi %[[V0]], %[[ALL]]
  // CHECK: %[[C0:.*]] = math.ctpop %[[B0]]
  // CHECK: %[[V1:.*]] = nvvm.vote.sync ballot %c-1_i32, %[[M1]] -> i32
  // CHECK: %[[B1:.*]] = arith.andi %[[V1]], %[[ALL]]
  // CHECK: %[[C1:.*]] = math.ctpop %[[B1]]
  // One atomic for both, by the first of these lanes.
  // CHECK: %[[COUNT:.*]] = arith.addi %[[C0]], %[[C1]]
  // CHECK: arith.cmpi eq, %[[AHEAD]], %c0_i32
  // CHECK: memref.atomic_rmw addi %[[COUNT]], %[[COUNTS]]
  // CHECK-NOT: memref.atomic_rmw addi
  // CHECK: %[[LEADER:.*]] = math.cttz %[[ALL]]
  // CHECK: %[[BEGIN:.*]], %{{.*}} = gpu.shuffle idx %{{.*}}, %[[LEADER]], %c32_i32
  // The second goes behind the first ones of all these lanes.
  // CHECK: %[[PLACE:.*]] = arith.addi %[[BEGIN]]
  // CHECK-NEXT: scf.if %[[M0]] {
  // CHECK: arith.andi %[[B0]], %[[AHEAD]]
  // CHECK: arith.addi %[[PLACE]]
  // CHECK-COUNT-2: memref.store %{{.*}}, %[[MEMORY]]
  // CHECK: %[[PLACE1:.*]] = arith.addi %[[PLACE]], %[[C0]]
  // CHECK-NEXT: scf.if %[[M1]] {
  // CHECK: arith.andi %[[B1]], %[[AHEAD]]
  // CHECK: arith.addi %[[PLACE1]]
  // CHECK-COUNT-2: memref.store %{{.*}}, %[[MEMORY]]
  // CHECK: gpu.return
  gpu.func @eight_queries(%qt: memref<8x8x32xf8E4M3FN, #at_8x8x2x32, #smem>, %kt: memref<32x32xf8E4M3FN, #at_32x32, #smem>, %memory: memref<?xi32>, %first: index, %counts: memref<8xi32, #smem>, %least: memref<8xf32, #smem>, %word: memref<1xi32, #smem>, %row: index, %key: index) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %f0 = arith.constant 0.0 : f32
    %zero = arith.constant dense<0.0> : vector<8x8x32xf32>
    %zeros = arith.constant dense<0.0> : vector<8x32xf32>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : memref<32x32xf8E4M3FN, #at_32x32, #smem>, vector<32x32xf8E4M3FN>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : memref<8x8x32xf8E4M3FN, #at_8x8x2x32, #smem>, vector<8x8x32xf8E4M3FN>
    %s = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<8x8x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<8x8x32xf32>
    %sum = vector.multi_reduction <add>, %s, %zeros [1] : vector<8x8x32xf32> to vector<8x32xf32>
    %t = vector.transfer_read %least[%row], %f0 {in_bounds = [true]} : memref<8xf32, #smem>, vector<8xf32>
    %t1 = vector.shape_cast %t : vector<8xf32> to vector<8x1xf32>
    %tb = vector.broadcast %t1 : vector<8x1xf32> to vector<8x32xf32>
    %mask = arith.cmpf uge, %sum, %tb : vector<8x32xf32>
    mqa.append_logits %sum mask %mask first_key(%key) to %memory[%first] counts(%counts) meeting(%word) first_row(%row) {places = 1024, limit = 512, margin = 256} : vector<8x32xf32>, vector<8x32xi1>, memref<?xi32>, memref<8xi32, #smem>, memref<1xi32, #smem>
    gpu.return
  }
}
