// RUN: mqa-opt %s --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-expand-permute-queries,canonicalize,cse)))' --split-input-file | FileCheck %s

#smem = #gpu.address_space<workgroup>
!q = memref<1x64x128xf8E4M3FN, #mqa.staged<shape = [1, 64, 128], dims = [0, 1, 2], swizzle = 16>, #smem>
gpu.module @kernels {
  // A warp has 4 rows at a time, a lane 16 elements of one: 4 of each quarter.
  // CHECK-LABEL: gpu.func @permute
  // CHECK-SAME: %[[Q:[a-z0-9]+]]: memref<1x64x128xf8E4M3FN{{.*}}, %[[T:[a-z0-9]+]]: index, %[[N:[a-z0-9]+]]: index
  // CHECK-DAG: %[[C64:.*]] = arith.constant 64 : index
  // CHECK-DAG: %[[C32:.*]] = arith.constant 32 : index
  // CHECK-DAG: %[[C96:.*]] = arith.constant 96 : index
  // CHECK-DAG: %[[C16:.*]] = arith.constant 16 : index
  // CHECK-DAG: %[[C8:.*]] = arith.constant 8 : index
  // CHECK-DAG: %[[C4:.*]] = arith.constant 4 : index
  // CHECK: %[[LANE:.*]] = arith.remui %[[T]], %[[C32]]
  // CHECK: %[[WARP:.*]] = arith.divui %[[T]], %[[C32]]
  // CHECK: %[[UNIT:.*]] = arith.remui %[[LANE]], %[[C8]]
  // CHECK: %[[OWN:.*]] = arith.divui %[[LANE]], %[[C8]]
  // CHECK: %[[WARPS:.*]] = arith.divui %[[N]], %[[C32]]
  // CHECK: %[[STEP:.*]] = arith.muli %[[WARPS]], %[[C4]]
  // CHECK: %[[FIRST:.*]] = arith.muli %[[WARP]], %[[C4]]
  // CHECK: scf.for %[[I:.*]] = %[[FIRST]] to %[[C64]] step %[[STEP]]
  // CHECK:   %[[ROW:.*]] = arith.addi %[[I]], %[[OWN]]
  // CHECK:   %[[QUERY:.*]] = arith.divui %[[ROW]], %[[C64]]
  // CHECK:   %[[HEAD:.*]] = arith.remui %[[ROW]], %[[C64]]
  // CHECK:   %[[D:.*]] = arith.muli %[[UNIT]], %[[C4]]
  // CHECK:   vector.transfer_read %[[Q]][%[[QUERY]], %[[HEAD]], %[[D]]], {{.*}} : {{.*}}, vector<4xf8E4M3FN>
  // CHECK:   vector.insert_strided_slice {{.*}} {offsets = [0], strides = [1]}
  // CHECK:   %[[D1:.*]] = arith.addi %[[D]], %[[C32]]
  // CHECK:   vector.transfer_read %[[Q]][%[[QUERY]], %[[HEAD]], %[[D1]]]
  // CHECK:   vector.insert_strided_slice {{.*}} {offsets = [4], strides = [1]}
  // CHECK:   %[[D2:.*]] = arith.addi %[[D]], %[[C64]]
  // CHECK:   vector.transfer_read %[[Q]][%[[QUERY]], %[[HEAD]], %[[D2]]]
  // CHECK:   vector.insert_strided_slice {{.*}} {offsets = [8], strides = [1]}
  // CHECK:   %[[D3:.*]] = arith.addi %[[D]], %[[C96]]
  // CHECK:   vector.transfer_read %[[Q]][%[[QUERY]], %[[HEAD]], %[[D3]]]
  // CHECK:   %[[ALL:.*]] = vector.insert_strided_slice {{.*}} {offsets = [12], strides = [1]}
  // No lane writes before all have read.
  // CHECK:   nvvm.bar.warp.sync
  // CHECK:   %[[TO:.*]] = arith.muli %[[UNIT]], %[[C16]]
  // CHECK:   vector.transfer_write %[[ALL]], %[[Q]][%[[QUERY]], %[[HEAD]], %[[TO]]]
  // CHECK: nvvm.fence.proxy
  // CHECK: nvvm.barrier id = %{{.*}} number_of_threads = %{{.*}}
  gpu.func @permute(%q: !q, %t: index, %n: index) kernel {
    mqa.permute_queries %q threads %t of %n : !q
    gpu.return
  }
}

// -----

// Of 8 rows of 32 elements, half of the lanes do the last row again. One warp
// executes what says no threads.
#smem = #gpu.address_space<workgroup>
!q = memref<1x8x32xf8E4M3FN, #mqa.staged<shape = [1, 8, 32], dims = [0, 1, 2], swizzle = 16>, #smem>
gpu.module @kernels {
  // CHECK-LABEL: gpu.func @short
  // CHECK-DAG: %[[C7:.*]] = arith.constant 7 : index
  // CHECK-DAG: %[[ALL:.*]] = arith.constant 32 : i32
  // CHECK: gpu.thread_id
  // CHECK: arith.minui %{{.*}}, %[[C7]]
  // CHECK: nvvm.barrier id = %{{.*}} number_of_threads = %[[ALL]]
  gpu.func @short(%q: !q) kernel {
    mqa.permute_queries %q : !q
    gpu.return
  }
}
