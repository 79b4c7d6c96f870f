// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-stage-tiles)))' | FileCheck %s
// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-stage-tiles,mqa-specialize-warps)))' | FileCheck %s --check-prefix=NARROW

gpu.module @kernels {
  // A scale, which may be negative, multiplies the maximum of all heads: with the last of the head blocks. The loop begins
  // with -inf, also where a consumer group has some of the queries.
  // CHECK-LABEL: gpu.func @head_blocks
  // CHECK: %[[LEAST:.*]] = arith.constant dense<0xFF800000> : vector<16x128xf32>
  // CHECK: %[[END:.*]] = arith.constant 2 : index
  // CHECK: scf.for %[[B:.*]] = %{{.*}} to %[[END]] step %[[ONE:.*]] iter_args(%[[BEFORE:.*]] = %[[LEAST]])
  // CHECK: %[[LAST:.*]] = arith.subi %[[END]], %[[ONE]]
  // CHECK: %[[IS_LAST:.*]] = arith.cmpi eq, %[[B]], %[[LAST]]
  // CHECK: mqa.tile_logits {{.*}} onto(%[[BEFORE]] : vector<16x128xf32>) num_heads(%{{.*}}) scales_onto(%[[IS_LAST]]) {{{.*}}head_reduction = #mqa.head_reduction<max>
  // NARROW-LABEL: gpu.func @head_blocks
  // NARROW: %[[LEAST:.*]] = arith.constant dense<0xFF800000> : vector<8x128xf32>
  // NARROW: scf.for {{.*}} iter_args(%{{.*}} = %[[LEAST]]) -> (vector<8x128xf32>)
  gpu.func @head_blocks(%q: memref<?x20x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %c0 = arith.constant 0 : index
    %c16 = arith.constant 16 : index
    %c128 = arith.constant 128 : index
    scf.for %b = %c0 to %n step %c16 {
      %qt = memref.subview %q[%b, 0, 0] [16, 20, 128] [1, 1, 1] : memref<?x20x128xf8E4M3FN> to memref<16x20x128xf8E4M3FN, strided<[2560, 128, 1], offset: ?>>
      %kst = memref.subview %ks[%b] [16] [1] : memref<?xi32> to memref<16xi32, strided<[1], offset: ?>>
      %ket = memref.subview %ke[%b] [16] [1] : memref<?xi32> to memref<16xi32, strided<[1], offset: ?>>
      %rows = mqa.row_block %out[%b] rows %c16 : memref<?x?xf32> -> memref<?x?xf32, strided<[?, 1]>>
      scf.for %i = %c0 to %n step %c128 {
        %kt = memref.subview %k[%i, 0] [128, 128] [1, 1] : memref<?x128xf8E4M3FN> to memref<128x128xf8E4M3FN, strided<[128, 1], offset: ?>>
        %st = memref.subview %s[%i] [128] [1] : memref<?xf32> to memref<128xf32, strided<[1], offset: ?>>
        %ot = memref.subview %rows[0, %i] [16, 128] [1, 1] : memref<?x?xf32, strided<[?, 1]>> to memref<16x128xf32, strided<[?, 1], offset: ?>>
        mqa.logits ins(%qt, %kt, %st, none, %kst, %ket : memref<16x20x128xf8E4M3FN, strided<[2560, 128, 1], offset: ?>>, memref<128x128xf8E4M3FN, strided<[128, 1], offset: ?>>, memref<128xf32, strided<[1], offset: ?>>, memref<16xi32, strided<[1], offset: ?>>, memref<16xi32, strided<[1], offset: ?>>) key_offset(%i) outs(%ot : memref<16x128xf32, strided<[?, 1], offset: ?>>) {head_reduction = #mqa.head_reduction<max>, schedule = #mqa.schedule<block_q = 16, block_kv = 128, tile_q = 8, tile_kv = 128, stages = 2, block_heads = 16>}
      }
    }
    gpu.return
  }

  // One key group is all heads: its scale multiplies with the last of the head blocks, too.
  // CHECK-LABEL: gpu.func @one_group
  // CHECK: %[[LEAST:.*]] = arith.constant dense<0xFF800000> : vector<16x128xf32>
  // CHECK: scf.for %{{.*}} iter_args(%[[BEFORE:.*]] = %[[LEAST]])
  // CHECK: %[[IS_LAST:.*]] = arith.cmpi eq
  // CHECK: mqa.tile_logits {{.*}} onto(%[[BEFORE]] : vector<16x128xf32>) num_heads(%{{.*}}) scales_onto(%[[IS_LAST]])
  gpu.func @one_group(%q: memref<?x20x128xf8E4M3FN>, %k: memref<?x1x128xf8E4M3FN>, %s: memref<?x1xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %c0 = arith.constant 0 : index
    %c16 = arith.constant 16 : index
    %c128 = arith.constant 128 : index
    scf.for %b = %c0 to %n step %c16 {
      %qt = memref.subview %q[%b, 0, 0] [16, 20, 128] [1, 1, 1] : memref<?x20x128xf8E4M3FN> to memref<16x20x128xf8E4M3FN, strided<[2560, 128, 1], offset: ?>>
      %kst = memref.subview %ks[%b] [16] [1] : memref<?xi32> to memref<16xi32, strided<[1], offset: ?>>
      %ket = memref.subview %ke[%b] [16] [1] : memref<?xi32> to memref<16xi32, strided<[1], offset: ?>>
      %rows = mqa.row_block %out[%b] rows %c16 : memref<?x?xf32> -> memref<?x?xf32, strided<[?, 1]>>
      scf.for %i = %c0 to %n step %c128 {
        %kt = memref.subview %k[%i, 0, 0] [128, 1, 128] [1, 1, 1] : memref<?x1x128xf8E4M3FN> to memref<128x1x128xf8E4M3FN, strided<[128, 128, 1], offset: ?>>
        %st = memref.subview %s[%i, 0] [128, 1] [1, 1] : memref<?x1xf32> to memref<128x1xf32, strided<[1, 1], offset: ?>>
        %ot = memref.subview %rows[0, %i] [16, 128] [1, 1] : memref<?x?xf32, strided<[?, 1]>> to memref<16x128xf32, strided<[?, 1], offset: ?>>
        mqa.logits ins(%qt, %kt, %st, none, %kst, %ket : memref<16x20x128xf8E4M3FN, strided<[2560, 128, 1], offset: ?>>, memref<128x1x128xf8E4M3FN, strided<[128, 128, 1], offset: ?>>, memref<128x1xf32, strided<[1, 1], offset: ?>>, memref<16xi32, strided<[1], offset: ?>>, memref<16xi32, strided<[1], offset: ?>>) key_offset(%i) outs(%ot : memref<16x128xf32, strided<[?, 1], offset: ?>>) {head_reduction = #mqa.head_reduction<max>, schedule = #mqa.schedule<block_q = 16, block_kv = 128, tile_q = 8, tile_kv = 128, stages = 2, block_heads = 16>}
      }
    }
    gpu.return
  }

  // Heads of padding, which have scores of 0, take no part: all others may be negative.
  // CHECK-LABEL: gpu.func @padding
  // CHECK: mqa.tile_logits {{.*}} num_heads(%c20{{.*}}) {{{.*}}head_reduction = #mqa.head_reduction<max>
  gpu.func @padding(%q: memref<?x20x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index) kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
    %c0 = arith.constant 0 : index
    %c8 = arith.constant 8 : index
    %c128 = arith.constant 128 : index
    scf.for %b = %c0 to %n step %c8 {
      %qt = memref.subview %q[%b, 0, 0] [8, 20, 128] [1, 1, 1] : memref<?x20x128xf8E4M3FN> to memref<8x20x128xf8E4M3FN, strided<[2560, 128, 1], offset: ?>>
      %kst = memref.subview %ks[%b] [8] [1] : memref<?xi32> to memref<8xi32, strided<[1], offset: ?>>
      %ket = memref.subview %ke[%b] [8] [1] : memref<?xi32> to memref<8xi32, strided<[1], offset: ?>>
      %rows = mqa.row_block %out[%b] rows %c8 : memref<?x?xf32> -> memref<?x?xf32, strided<[?, 1]>>
      scf.for %i = %c0 to %n step %c128 {
        %kt = memref.subview %k[%i, 0] [128, 128] [1, 1] : memref<?x128xf8E4M3FN> to memref<128x128xf8E4M3FN, strided<[128, 1], offset: ?>>
        %st = memref.subview %s[%i] [128] [1] : memref<?xf32> to memref<128xf32, strided<[1], offset: ?>>
        %ot = memref.subview %rows[0, %i] [8, 128] [1, 1] : memref<?x?xf32, strided<[?, 1]>> to memref<8x128xf32, strided<[?, 1], offset: ?>>
        mqa.logits ins(%qt, %kt, %st, none, %kst, %ket : memref<8x20x128xf8E4M3FN, strided<[2560, 128, 1], offset: ?>>, memref<128x128xf8E4M3FN, strided<[128, 1], offset: ?>>, memref<128xf32, strided<[1], offset: ?>>, memref<8xi32, strided<[1], offset: ?>>, memref<8xi32, strided<[1], offset: ?>>) key_offset(%i) outs(%ot : memref<8x128xf32, strided<[?, 1], offset: ?>>) {head_reduction = #mqa.head_reduction<max>, schedule = #mqa.schedule<block_q = 8, block_kv = 128, tile_q = 8, tile_kv = 128, query_stages = 1, stages = 2>}
      }
    }
    gpu.return
  }
}
