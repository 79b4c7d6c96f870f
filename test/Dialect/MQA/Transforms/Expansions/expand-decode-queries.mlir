// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-expand-decode-queries,canonicalize,cse)))' --split-input-file | FileCheck %s

#smem = #gpu.address_space<workgroup>
!packed = memref<2x64x16xi8, #smem>
!words = memref<2x64xi32, #smem>
!weights = memref<2x68xf32, #smem>
!q = memref<2x64x32xf8E4M3FN, #mqa.staged<shape = [2, 64, 32], dims = [0, 1, 2], swizzle = 16>, #smem>
gpu.module @kernels {
  // A thread has a block of 32 elements at a time, which is a row here.
  // CHECK-LABEL: gpu.func @decode
  // CHECK-SAME: %[[PACKED:[a-z0-9]+]]: memref<2x64x16xi8{{.*}}, %[[WORDS:[a-z0-9]+]]: memref<2x64xi32{{.*}}, %[[WEIGHTS:[a-z0-9]+]]: memref<2x68xf32{{.*}}, %[[Q:[a-z0-9]+]]: memref<2x64x32xf8E4M3FN{{.*}}, %[[FOLDED:[a-z0-9]+]]: memref<2x68xf32{{.*}}, %[[FACTORS:[a-z0-9]+]]: memref<2x2xf32{{.*}}, %[[T:[a-z0-9]+]]: index, %[[N:[a-z0-9]+]]: index
  // CHECK-DAG: %[[C128:.*]] = arith.constant 128 : index
  // CHECK-DAG: %[[NAN:.*]] = arith.constant 0x7FC00000 : f32
  // CHECK-DAG: %[[C127:.*]] = arith.constant 127 : i32
  // CHECK-DAG: %[[C6:.*]] = arith.constant 6 : i32
  // CHECK: scf.for %[[I:.*]] = %[[T]] to %[[C128]] step %[[N]] {
  // CHECK-DAG: %[[QUERY:.*]] = arith.divui %[[I]]
  // CHECK-DAG: %[[HEAD:.*]] = arith.remui %[[I]]
  // CHECK:   vector.load %[[PACKED]][%[[QUERY]], %[[HEAD]], %{{.*}}] {alignment = 16 : i64} : {{.*}}, vector<16xi8>
  // CHECK:   memref.load %[[WORDS]][%[[QUERY]], %[[HEAD]]]
  // CHECK:   nvvm.prmt
  // CHECK:   vector.transfer_write %{{.*}}, %[[Q]][%[[QUERY]], %[[HEAD]], %{{.*}}]
  // CHECK: }
  // Each lane has two heads. The greatest product of a weight and a scale decides what goes into the factors.
  // CHECK: scf.for %[[ROW:.*]] = %{{.*}} to %{{.*}} step %{{.*}} {
  // CHECK:   memref.load %[[WEIGHTS]][%[[ROW]]
  // CHECK:   memref.load %[[WEIGHTS]][%[[ROW]]
  // CHECK:   gpu.subgroup_reduce maxsi %{{.*}} uniform
  // 127, and 2^6 that elements are too great.
  // CHECK:   %[[SHIFTED:.*]] = arith.addi %{{.*}}, %[[C6]]
  // CHECK:   %[[SCALE:.*]] = arith.subi %{{.*}}, %[[C127]]
  // CHECK:   arith.subi %[[SCALE]], %[[SHIFTED]]
  // CHECK:   arith.select %{{.*}}, %[[NAN]], %{{.*}} : f32
  // CHECK:   memref.store %{{.*}}, %[[FOLDED]][%[[ROW]]
  // CHECK:   memref.store %{{.*}}, %[[FOLDED]][%[[ROW]]
  // CHECK:   memref.store %{{.*}}, %[[FACTORS]][%{{.*}}, %[[ROW]]]
  // CHECK:   memref.store %{{.*}}, %[[FACTORS]][%{{.*}}, %[[ROW]]]
  // CHECK: }
  // CHECK: nvvm.fence.proxy
  // CHECK: nvvm.barrier id = %{{.*}} number_of_threads = %{{.*}}
  gpu.func @decode(%packed: !packed, %words: !words, %weights: !weights, %q: !q, %folded: !weights, %factors: memref<2x2xf32, #smem>, %t: index, %n: index) kernel {
    mqa.decode_queries %packed, %words, %weights into %q, %folded, %factors threads %t of %n : !packed, !words, !weights into !q, !weights, memref<2x2xf32, #smem>
    gpu.return
  }
}

// -----

// Of MXFP8, an element may be NaN. No weights are 1. One warp executes what says no threads.
#smem = #gpu.address_space<workgroup>
!packed = memref<1x8x96xf8E4M3FN, #smem>
!words = memref<1x8xi32, #smem>
!weights = memref<1x8xf32, #smem>
!q = memref<1x8x96xbf16, #mqa.staged<shape = [3, 1, 8, 32], dims = [2, 0, 1, 2], swizzle = 8>, #smem>
gpu.module @kernels {
  // CHECK-LABEL: gpu.func @mxfp8
  // CHECK-SAME: %[[PACKED:[a-z0-9]+]]: memref<1x8x96xf8E4M3FN{{.*}}, %[[WORDS:[a-z0-9]+]]: memref<1x8xi32{{.*}}, %[[Q:[a-z0-9]+]]: memref<1x8x96xbf16
  // CHECK-DAG: %[[ALL:.*]] = arith.constant 32 : i32
  // CHECK-DAG: %[[C24:.*]] = arith.constant 24 : index
  // CHECK-DAG: %[[NAN:.*]] = arith.constant 0x7FC0 : bf16
  // CHECK-DAG: %[[C255:.*]] = arith.constant 255 : i32
  // CHECK-DAG: %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
  // CHECK: gpu.thread_id
  // CHECK: scf.for %{{.*}} = %{{.*}} to %[[C24]]
  // CHECK:   vector.load %[[PACKED]]{{.*}}, vector<32xf8E4M3FN>
  // CHECK:   math.fma %{{.*}} : vector<32xbf16>
  // CHECK:   vector.transfer_write %{{.*}}, %[[Q]]
  // Beside an infinite key, a weight of 0 is not enough for a scale of NaN.
  // CHECK:   %[[SCALE_IS_NAN:.*]] = arith.cmpi eq, %{{.*}}, %[[C255]]
  // CHECK:   %[[IS_NAN:.*]] = arith.ori %{{.*}}, %[[SCALE_IS_NAN]]
  // CHECK:   scf.if %[[IS_NAN]]
  // CHECK:     memref.store %[[NAN]], %[[Q]]
  // Scores that are NaN count as 0.
  // CHECK: arith.select %{{.*}}, %[[ZERO]], %{{.*}} : f32
  // CHECK: nvvm.barrier id = %{{.*}} number_of_threads = %[[ALL]]
  gpu.func @mxfp8(%packed: !packed, %words: !words, %q: !q, %folded: !weights, %factors: memref<2x1xf32, #smem>) kernel {
    mqa.decode_queries %packed, %words into %q, %folded, %factors {drops_nan} : !packed, !words into !q, !weights, memref<2x1xf32, #smem>
    gpu.return
  }
}

// -----

// MXFP4 has no NaN but that of a scale, which matters where keys may be infinite and NaN scores are dropped.
#smem = #gpu.address_space<workgroup>
!packed = memref<1x8x16xi8, #smem>
!words = memref<1x8xi32, #smem>
!weights = memref<1x8xf32, #smem>
!q16 = memref<1x8x32xf16, #mqa.staged<shape = [1, 8, 32], dims = [0, 1, 2], swizzle = 8>, #smem>
!q8 = memref<1x8x32xf8E4M3FN, #mqa.staged<shape = [1, 8, 32], dims = [0, 1, 2], swizzle = 16>, #smem>
gpu.module @kernels {
  // CHECK-LABEL: gpu.func @infinite_keys
  // CHECK-DAG: %[[NAN:.*]] = arith.constant 0x7E00 : f16
  // CHECK-DAG: %[[C255:.*]] = arith.constant 255 : i32
  // CHECK:   %[[IS_NAN:.*]] = arith.cmpi eq, %{{.*}}, %[[C255]]
  // CHECK:   scf.if %[[IS_NAN]]
  // CHECK:     memref.store %[[NAN]]
  gpu.func @infinite_keys(%packed: !packed, %words: !words, %q: !q16, %folded: !weights, %factors: memref<2x1xf32, #smem>) kernel {
    mqa.decode_queries %packed, %words into %q, %folded, %factors {drops_nan} : !packed, !words into !q16, !weights, memref<2x1xf32, #smem>
    gpu.return
  }

  // f8E4M3FN has no infinity.
  // CHECK-LABEL: gpu.func @finite_keys
  // CHECK:   vector.transfer_write
  // CHECK-NOT: memref.store {{.*}} f8E4M3FN
  // CHECK: gpu.return
  gpu.func @finite_keys(%packed: !packed, %words: !words, %q: !q8, %folded: !weights, %factors: memref<2x1xf32, #smem>) kernel {
    mqa.decode_queries %packed, %words into %q, %folded, %factors {drops_nan} : !packed, !words into !q8, !weights, memref<2x1xf32, #smem>
    gpu.return
  }
}
