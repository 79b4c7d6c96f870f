// RUN: mqa-opt %s --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-expand-fit-queries,canonicalize,cse)))' --allow-unregistered-dialect --split-input-file | FileCheck %s

#at_1x1x4x16x1x32 = #mqa.staged<shape = [1, 1, 4, 16, 1, 32], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_1x1x4x16x1x64 = #mqa.staged<shape = [1, 1, 4, 16, 1, 64], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
gpu.module @kernels {
  // CHECK-LABEL: gpu.func @fit
  // CHECK-SAME: %[[Q:[a-z0-9]+]]: memref<4x16x32xf8E4M3FN
  // CHECK-SAME: %[[W:[a-z0-9]+]]: memref<4x16xf32
  // CHECK-SAME: workgroup(%[[EXPONENTS:.*]] : memref<64xi32, {{.*}}> {{.*}}, %[[FACTORS:.*]] : memref<2x4xf32, {{.*}}> {{.*}})
  // 2048 bytes, 128 threads: a round. Magnitudes of 16 bytes, then of the two
  // lanes that share a head.
  // CHECK: %[[MEMORY:.*]] = mqa.layout_cast %[[Q]]
  // CHECK: %[[BYTES:.*]] = memref.collapse_shape %[[MEMORY]]
  // CHECK: vector.load %[[BYTES]]
  // CHECK-COUNT-8: nvvm.convert.f8x2.to.f16x2
  // CHECK-COUNT-8: math.absf
  // CHECK-COUNT-1: gpu.shuffle xor
  // CHECK: memref.store %[[S:.*]], %[[EXPONENTS]]
  // Only heads that are off are written.
  // CHECK: %[[OFF:.*]] = arith.cmpi ne, %[[S]]
  // CHECK: scf.if %[[OFF]]
  // CHECK-COUNT-8: nvvm.convert.f16x2.to.f8x2
  // CHECK: vector.store %{{.*}}, %[[BYTES]]
  // CHECK: nvvm.fence.proxy
  // CHECK: nvvm.barrier id = %{{.*}} number_of_threads = %{{.*}}
  // CHECK: memref.load %[[EXPONENTS]]
  // CHECK: memref.load %[[W]]
  // CHECK: gpu.subgroup_reduce maxsi
  // CHECK: memref.store %{{.*}}, %[[W]]
  // CHECK-COUNT-2: memref.store %{{.*}}, %[[FACTORS]]
  // CHECK: nvvm.barrier
  // CHECK: "test.use"(%[[FACTORS]])
  gpu.func @fit(%q: memref<4x16x32xf8E4M3FN, #at_1x1x4x16x1x32, #smem>, %w: memref<4x16xf32, #smem>, %t: index) kernel {
    %n = arith.constant 128 : index
    %f = mqa.fit_queries %q, %w threads %t of %n : memref<4x16x32xf8E4M3FN, #at_1x1x4x16x1x32, #smem>, memref<4x16xf32, #smem> -> memref<2x4xf32, #smem>
    "test.use"(%f) : (memref<2x4xf32, #smem>) -> ()
    gpu.return
  }

  // One warp takes all rounds, and reads them before it judges the first.
  // CHECK-LABEL: gpu.func @one_warp
  // CHECK: %[[BYTES:.*]] = memref.collapse_shape
  // CHECK-COUNT-8: vector.load %[[BYTES]]
  // CHECK: nvvm.convert
  gpu.func @one_warp(%q: memref<4x16x64xf8E4M3FN, #at_1x1x4x16x1x64, #smem>, %w: memref<4x16xf32, #smem>) kernel {
    %f = mqa.fit_queries %q, %w : memref<4x16x64xf8E4M3FN, #at_1x1x4x16x1x64, #smem>, memref<4x16xf32, #smem> -> memref<2x4xf32, #smem>
    "test.use"(%f) : (memref<2x4xf32, #smem>) -> ()
    gpu.return
  }
}

// -----

#at_1x1x4x16x1x32 = #mqa.staged<shape = [1, 1, 4, 16, 1, 32], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
gpu.module @kernels {
  // A number of threads that is not known: a loop over the rounds.
  // CHECK-LABEL: gpu.func @any
  // CHECK: scf.for
  // CHECK: vector.load
  gpu.func @any(%q: memref<4x16x32xf8E4M3FN, #at_1x1x4x16x1x32, #smem>, %w: memref<4x16xf32, #smem>, %t: index, %n: index) kernel {
    %f = mqa.fit_queries %q, %w threads %t of %n : memref<4x16x32xf8E4M3FN, #at_1x1x4x16x1x32, #smem>, memref<4x16xf32, #smem> -> memref<2x4xf32, #smem>
    "test.use"(%f) : (memref<2x4xf32, #smem>) -> ()
    gpu.return
  }
}

// -----

// Named barriers that the kernel has already are left alone: one by number, and
// those of the consumer groups, of which a block of 384 threads has three.

#at_1x1x4x16x1x32 = #mqa.staged<shape = [1, 1, 4, 16, 1, 32], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
gpu.module @kernels {
  // CHECK-LABEL: gpu.func @other_barriers
  // CHECK: nvvm.barrier id = %c4_i32
  // CHECK: nvvm.barrier id = %c4_i32
  // Of a second op, the same threads meet at the same barrier.
  // CHECK: "test.other"
  // CHECK: nvvm.barrier id = %c4_i32
  // CHECK: nvvm.barrier id = %c4_i32
  gpu.func @other_barriers(%q: memref<4x16x32xf8E4M3FN, #at_1x1x4x16x1x32, #smem>, %w: memref<4x16xf32, #smem>, %t: index, %n: index) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %c128 = arith.constant 128 : index
    %c1_i32 = arith.constant 1 : i32
    %threads = arith.constant 128 : i32
    %thread = gpu.thread_id x
    %group = arith.divui %thread, %c128 : index
    %i = arith.index_cast %group : index to i32
    %id = arith.addi %i, %c1_i32 : i32
    nvvm.barrier id = %id number_of_threads = %threads
    nvvm.barrier id = %c1_i32 number_of_threads = %threads
    %f = mqa.fit_queries %q, %w threads %t of %n : memref<4x16x32xf8E4M3FN, #at_1x1x4x16x1x32, #smem>, memref<4x16xf32, #smem> -> memref<2x4xf32, #smem>
    "test.other"() : () -> ()
    %g = mqa.fit_queries %q, %w threads %t of %n : memref<4x16x32xf8E4M3FN, #at_1x1x4x16x1x32, #smem>, memref<4x16xf32, #smem> -> memref<2x4xf32, #smem>
    "test.use"(%f, %g) : (memref<2x4xf32, #smem>, memref<2x4xf32, #smem>) -> ()
    gpu.return
  }
}

// -----

// Two branches, which other threads may take at the same time: each has a barrier
// of its own. Text that has no barrier takes none.

#at_1x1x4x16x1x32 = #mqa.staged<shape = [1, 1, 4, 16, 1, 32], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!q = memref<4x16x32xf8E4M3FN, #at_1x1x4x16x1x32, #smem>
!w = memref<4x16xf32, #smem>
!f = memref<2x4xf32, #smem>
gpu.module @kernels {
  // CHECK-LABEL: gpu.func @branches
  // CHECK-DAG: %[[C1:.*]] = arith.constant 1 : i32
  // CHECK-DAG: %[[C2:.*]] = arith.constant 2 : i32
  // CHECK: scf.if
  // CHECK-COUNT-2: nvvm.barrier id = %[[C1]]
  // CHECK: else
  // CHECK-COUNT-2: nvvm.barrier id = %[[C2]]
  gpu.func @branches(%q: !q, %q2: !q, %w: !w, %w2: !w, %t: index, %id: i32, %c: i1) kernel {
    llvm.inline_asm has_side_effects "membar.cta; mbarrier.inval.shared.b64 [$0];", "r" %id : (i32) -> ()
    %c128 = arith.constant 128 : index
    scf.if %c {
      %f = mqa.fit_queries %q, %w threads %t of %c128 : !q, !w -> !f
      "test.use"(%f) : (!f) -> ()
    } else {
      %f = mqa.fit_queries %q2, %w2 threads %t of %c128 : !q, !w -> !f
      "test.use"(%f) : (!f) -> ()
    }
    gpu.return
  }
}
