// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-vectorize-tiles,mqa-distribute-vectors,canonicalize,cse)))' | FileCheck %s
// Of a mask that is no interval of keys, the first and the last key do not say what is between them.
// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-vectorize-tiles)))' | sed 's/cmpi slt, \(.*\) : vector<8x128xindex>/cmpi ne, \1 : vector<8x128xindex>/' > %t.any.mlir
// RUN: mqa-opt %t.any.mlir --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-distribute-vectors,canonicalize,cse)))' | FileCheck %s --check-prefix=ANY
// ANY-LABEL: gpu.func @blocks_of_8
// ANY-NOT: scf.if %{{.*}} -> (
// ANY-COUNT-7: arith.maximumf
// What else is no maximum over blocks of a tile's logits.
// RUN: sed 's/dense<0xFF800000> : vector<8x16xf32>/dense<0.0> : vector<8x16xf32>/' %t.any.mlir > %t.zero.mlir
// RUN: not mqa-opt %t.zero.mlir --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-distribute-vectors)))' 2>&1 | FileCheck %s --check-prefix=ZERO
// ZERO: error: must begin with -inf

#at_128x128 = #mqa.staged<shape = [128, 128], dims = [0, 1], swizzle = 16>
#eight = #mqa.staged<shape = [1, 1, 4, 8, 2, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#one = #mqa.staged<shape = [1, 1, 1, 4, 16, 1, 128], dims = [0, 1, 0, 1, 1, 0, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!k = memref<128x128xf8E4M3FN, #at_128x128, #smem>
!q8 = memref<8x8x128xf8E4M3FN, #eight, #smem>
!q1 = memref<1x64x128xf8E4M3FN, #one, #smem>

gpu.module @kernels {
  // A thread has 8 logits of a query, each of another block of 8 keys. Of two, a lane sends one: 4 + 2 + 1 exchanges, behind
  // 32 + 16 for the sums over heads. Each lane stores one maximum.
  // Where the thread's first and last keys lie in the range, no logit needs a mask.
  // CHECK-LABEL: gpu.func @blocks_of_8
  // CHECK: scf.if %{{.*}} -> (f32, f32, f32, f32, f32, f32, f32, f32) {
  // CHECK: } else {
  // CHECK: llvm.inline_asm has_side_effects {{.*}}"mov.b32 $0, $1;"
  // CHECK-COUNT-8: arith.select
  // CHECK-COUNT-7: arith.maximumf
  // CHECK-NOT: arith.maximumf
  // CHECK: scf.if
  // CHECK-NEXT: memref.store
  // CHECK-NOT: memref.store
  // CHECK: gpu.return
  gpu.func @blocks_of_8(%q: !q8, %k: !k, %ke: memref<8xi32>, %n: index, %out: memref<8x?xf32>) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges none, %ke keys(%num_keys) {block_max = 8} : memref<8xi32>
    %logits = mqa.tile_logits ins(%q, %k, none, none : !q8, !k) {activation = #mqa.activation<none>} : vector<8x128xf32>
    mqa.store_logits %logits, %ranges first_key(%n) outs(%out : memref<8x?xf32>) : vector<8x128xf32>
    gpu.return
  }

  // One block: the maximum of the thread's 8 logits, and over the 4 bits in which lanes have other keys. Its first lane stores.
  // CHECK-LABEL: gpu.func @block_of_128
  // CHECK-COUNT-11: arith.maximumf
  // CHECK-NOT: arith.maximumf
  // CHECK: scf.if
  // CHECK-NEXT: memref.store
  // CHECK-NOT: memref.store
  // CHECK: gpu.return
  gpu.func @block_of_128(%q: !q8, %k: !k, %ke: memref<8xi32>, %n: index, %out: memref<8x?xf32>) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges none, %ke keys(%num_keys) {block_max = 128} : memref<8xi32>
    %logits = mqa.tile_logits ins(%q, %k, none, none : !q8, !k) {activation = #mqa.activation<none>} : vector<8x128xf32>
    mqa.store_logits %logits, %ranges first_key(%n) outs(%out : memref<8x?xf32>) : vector<8x128xf32>
    gpu.return
  }

  // Four warps have heads of the query. Each adds up all keys, since a block may be of more keys than a warp would have.
  // CHECK-LABEL: gpu.func @warps
  // CHECK-SAME: workgroup(%[[PARTIAL:.*]] : memref<4x128xf32, #gpu.address_space<workgroup>>
  // CHECK-COUNT-16: memref.load %[[PARTIAL]]
  // CHECK-NOT: memref.load %[[PARTIAL]]
  // CHECK: gpu.return
  gpu.func @warps(%q: !q1, %k: !k, %ke: memref<1xi32>, %n: index, %out: memref<1x?xf32>) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges none, %ke keys(%num_keys) {block_max = 64} : memref<1xi32>
    %logits = mqa.tile_logits ins(%q, %k, none, none : !q1, !k) {activation = #mqa.activation<none>} : vector<1x128xf32>
    mqa.store_logits %logits, %ranges first_key(%n) outs(%out : memref<1x?xf32>) : vector<1x128xf32>
    gpu.return
  }

  // Blocks of 8 keys are of one warp each: a quarter of the keys.
  // CHECK-LABEL: gpu.func @shared
  // CHECK-COUNT-4: memref.load %{{.*}} : memref<4x128xf32, #gpu.address_space<workgroup>>
  // CHECK-NOT: memref.load %{{.*}} : memref<4x128xf32, #gpu.address_space<workgroup>>
  // CHECK: gpu.return
  gpu.func @shared(%q: !q1, %k: !k, %ke: memref<1xi32>, %n: index, %out: memref<1x?xf32>) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges none, %ke keys(%num_keys) {block_max = 8} : memref<1xi32>
    %logits = mqa.tile_logits ins(%q, %k, none, none : !q1, !k) {activation = #mqa.activation<none>} : vector<1x128xf32>
    mqa.store_logits %logits, %ranges first_key(%n) outs(%out : memref<1x?xf32>) : vector<1x128xf32>
    gpu.return
  }
}
