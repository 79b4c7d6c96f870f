// Keys with block scales: a converter fills the slots of keys and scales from those of bytes and words.
// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-stage-tiles)))' | FileCheck %s

gpu.module @kernels {
  // An element of MXFP8 becomes bf16 by its fields, and one product for its block.
  // CHECK-LABEL: gpu.func @mxfp8
  // CHECK-DAG: %[[KEYS:.*]] = mqa.ring_create {filler = #mqa.role<converter>, producers = 4 : i64} : <2, memref<128x32xbf16,
  // CHECK-DAG: %[[SCALES:.*]] = mqa.ring_create {filler = #mqa.role<converter>, producers = 4 : i64} : <2, memref<128xf32,
  // CHECK-DAG: %[[BYTES:.*]] = mqa.ring_create {reader = #mqa.role<converter>} : <2, memref<128x32xf8E4M3FN,
  // CHECK-DAG: %[[WORDS:.*]] = mqa.ring_create {reader = #mqa.role<converter>} : <2, memref<128xi32,
  // CHECK: mqa.ring_put %[[BYTES]]
  // CHECK: %[[FROM:.*]] = mqa.ring_get %[[BYTES]]
  // CHECK: mqa.ring_put %[[WORDS]]
  // CHECK: mqa.ring_get %[[WORDS]]
  // CHECK: %[[INTO:.*]] = mqa.ring_acquire %[[KEYS]]
  // CHECK: %[[SCALES_INTO:.*]] = mqa.ring_acquire %[[SCALES]]
  // CHECK: scf.forall (%[[N:.*]]) in (128) {
  // CHECK: vector.transfer_read %[[FROM]][%[[N]], %{{.*}}], %{{.*}} : {{.*}}, vector<32xf8E4M3FN>
  // 2^-(7 - 127) makes up for the exponent's bias, less what the block's scale is below the greatest.
  // CHECK: %[[LESS:.*]] = arith.subi
  // CHECK: %[[BIASED:.*]] = arith.constant 247 : i32
  // CHECK: arith.subi %[[BIASED]], %[[LESS]] : i32
  // CHECK: memref.store %{{.*}}, %[[SCALES_INTO]][%[[N]]]
  // CHECK-COUNT-16: nvvm.prmt
  // CHECK: math.fma %{{.*}} : vector<32xbf16>
  // CHECK: vector.transfer_write %{{.*}}, %[[INTO]][%[[N]], %{{.*}}]
  // A key with NaN gets one.
  // CHECK: scf.if %{{.*}} {
  // CHECK: %[[NAN:.*]] = arith.constant 0x7FC0 : bf16
  // CHECK: memref.store %[[NAN]], %[[INTO]][%[[N]], %{{.*}}]
  // CHECK: mqa.ring_release %[[BYTES]]
  // CHECK: mqa.ring_release %[[WORDS]]
  // CHECK: mqa.ring_commit %[[KEYS]]
  // CHECK: mqa.ring_commit %[[SCALES]]
  // CHECK: mqa.ring_get %[[KEYS]]
  gpu.func @mxfp8(%q: memref<?x64x32xbf16>, %k: memref<?x32xf8E4M3FN>, %s: memref<?xi32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %m: index, %n: index) kernel {
    %c0 = arith.constant 0 : index
    %c2 = arith.constant 2 : index
    %c128 = arith.constant 128 : index
    scf.for %b = %c0 to %m step %c2 {
      %qt = memref.subview %q[%b, 0, 0] [2, 64, 32] [1, 1, 1] : memref<?x64x32xbf16> to memref<2x64x32xbf16, strided<[2048, 32, 1], offset: ?>>
      %kst = memref.subview %ks[%b] [2] [1] : memref<?xi32> to memref<2xi32, strided<[1], offset: ?>>
      %ket = memref.subview %ke[%b] [2] [1] : memref<?xi32> to memref<2xi32, strided<[1], offset: ?>>
      %rows = mqa.row_block %out[%b] rows %c2 : memref<?x?xf32> -> memref<?x?xf32, strided<[?, 1]>>
      scf.for %i = %c0 to %n step %c128 {
        %kt = memref.subview %k[%i, 0] [128, 32] [1, 1] : memref<?x32xf8E4M3FN> to memref<128x32xf8E4M3FN, strided<[32, 1], offset: ?>>
        %st = memref.subview %s[%i] [128] [1] : memref<?xi32> to memref<128xi32, strided<[1], offset: ?>>
        %ot = memref.subview %rows[0, %i] [2, 128] [1, 1] : memref<?x?xf32, strided<[?, 1]>> to memref<2x128xf32, strided<[?, 1], offset: ?>>
        mqa.logits ins(%qt, %kt, %st, none, %kst, %ket : memref<2x64x32xbf16, strided<[2048, 32, 1], offset: ?>>, memref<128x32xf8E4M3FN, strided<[32, 1], offset: ?>>, memref<128xi32, strided<[1], offset: ?>>, memref<2xi32, strided<[1], offset: ?>>, memref<2xi32, strided<[1], offset: ?>>) key_offset(%i) outs(%ot : memref<2x128xf32, strided<[?, 1], offset: ?>>) {schedule = #mqa.schedule<block_q = 8, block_kv = 128, tile_kv = 128, stages = 2>}
      }
    }
    gpu.return
  }
}
