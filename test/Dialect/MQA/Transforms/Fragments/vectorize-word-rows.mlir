// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-vectorize-tiles,cse)))' | FileCheck %s

gpu.module @kernels {
  // A logit is rounded to the rows' type, and the bits of the f32 that it is then are stored, in the
  // rows of the view and the columns of the tile's keys.
  // CHECK-LABEL: gpu.func @words
  // CHECK-SAME: (%[[LOGITS:[a-z0-9]+]]: vector<4x64xf32>, %{{.*}}: memref<?xi32>, %[[MEMORY:[a-z0-9]+]]: memref<?xi32>, %[[FIRST:[a-z0-9]+]]: index, %[[STRIDE:[a-z0-9]+]]: index, %[[ROW:[a-z0-9]+]]: index, %[[M:[a-z0-9]+]]: index, %[[N:[a-z0-9]+]]: index)
  // CHECK: %[[WORDS:.*]] = memref.reinterpret_cast %[[MEMORY]] to offset: [%[[FIRST]]], sizes: [%[[M]], %[[N]]], strides: [%[[STRIDE]], 1] : memref<?xi32> to memref<?x?xi32, strided<[?, 1], offset: ?>>
  // CHECK: scf.for %[[I:.*]] = %c0
  // CHECK: %[[ROUNDED:.*]] = arith.truncf %[[LOGITS]] : vector<4x64xf32> to vector<4x64xbf16>
  // CHECK: %[[IN_RANGE:.*]] = arith.cmpi slt
  // CHECK: %[[OWN:.*]] = arith.addi %c0, %[[ROW]] : index
  // CHECK: %[[WIDE:.*]] = arith.extf %[[ROUNDED]] : vector<4x64xbf16> to vector<4x64xf32>
  // CHECK: %[[BITS:.*]] = arith.bitcast %[[WIDE]] : vector<4x64xf32> to vector<4x64xi32>
  // CHECK: vector.transfer_write %[[BITS]], %[[WORDS]][%[[OWN]], %[[I]]], %[[IN_RANGE]] {in_bounds = [true, true]}
  // CHECK-NOT: mqa.store_logits
  gpu.func @words(%logits: vector<4x64xf32>, %ke: memref<?xi32>, %memory: memref<?xi32>, %first: index, %stride: index, %row: index, %m: index, %n: index) {
    %c0 = arith.constant 0 : index
    %c64 = arith.constant 64 : index
    %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
    %rows = mqa.word_rows %memory[%first] stride(%stride) sizes(%m, %n) : memref<?xi32> -> memref<?x?xbf16, strided<[?, 1]>>
    %own = memref.subview %rows[%row, 0] [%m, %n] [1, 1] : memref<?x?xbf16, strided<[?, 1]>> to memref<?x?xbf16, strided<[?, 1], offset: ?>>
    scf.for %i = %c0 to %n step %c64 {
      mqa.store_logits %logits, %ranges first_key(%i) outs(%own : memref<?x?xbf16, strided<[?, 1], offset: ?>>) : vector<4x64xf32>
    }
    gpu.return
  }
}
