// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target{chip=sm_80},gpu.module(convert-mqa-to-nvvm,canonicalize,cse))' --split-input-file | FileCheck %s

#at_16x64h = #mqa.staged<shape = [16, 64], dims = [0, 1], swizzle = 8>
#at_4x8x2x64h = #mqa.staged<shape = [4, 8, 2, 64], dims = [0, 1, 0, 2], swizzle = 8>
#smem = #gpu.address_space<workgroup>
gpu.module @kernels {
  // 128-byte rows, so four steps of K: 16 rows of A and twice 8 of B in each, by
  // one ldmatrix.x4 of four matrices. The 16-byte column is swizzled by the row.
  // CHECK-LABEL: llvm.func @bf16
  // CHECK: %[[TID:.*]] = nvvm.read.ptx.sreg.tid.x
  // CHECK: llvm.xor
  // CHECK: nvvm.ldmatrix {{.*}} num = 4 : i32
  // CHECK: nvvm.ldmatrix {{.*}} num = 4 : i32
  // CHECK-COUNT-2: nvvm.mma.sync {{.*}} multiplicandAPtxType = #nvvm.mma_type<bf16>
  // CHECK-COUNT-6: nvvm.mma.sync
  // CHECK-NOT: nvvm.mma.sync
  // CHECK-NOT: llvm.fmul
  gpu.func @bf16(%a_memory: memref<4x8x2x64xbf16, #smem>, %b_memory: memref<16x64xbf16, #smem>, %o: memref<8xf32>) kernel {
    %a = mqa.layout_cast %a_memory : memref<4x8x2x64xbf16, #smem> to memref<8x8x64xbf16, #at_4x8x2x64h, #smem>
    %b = mqa.layout_cast %b_memory : memref<16x64xbf16, #smem> to memref<16x64xbf16, #at_16x64h, #smem>
    %d = mqa.mma_sync %a by %b : memref<8x8x64xbf16, #at_4x8x2x64h, #smem> by memref<16x64xbf16, #at_16x64h, #smem> -> !mqa.fragment<vector<64x16xf32>>
    %r:8 = mqa.unpack_fragment %d : !mqa.fragment<vector<64x16xf32>>
    %c0 = arith.constant 0 : index
    memref.store %r#3, %o[%c0] : memref<8xf32>
    gpu.return
  }
}

// -----

#at_16x16h = #mqa.staged<shape = [16, 16], dims = [0, 1], swizzle = 8>
#at_64x16h = #mqa.staged<shape = [64, 16], dims = [0, 1], swizzle = 8>
#smem = #gpu.address_space<workgroup>
gpu.module @kernels {
  // Two A, one after the other by the same registers of B: three loads a step.
  // CHECK-LABEL: llvm.func @two
  // CHECK-COUNT-3: nvvm.ldmatrix
  // CHECK-NOT: nvvm.ldmatrix
  // CHECK: llvm.return
  gpu.func @two(%a_memory: memref<64x16xf16, #smem>, %a1_memory: memref<64x16xf16, #smem>, %b_memory: memref<16x16xf16, #smem>, %o: memref<8xf32>) kernel {
    %a = mqa.layout_cast %a_memory : memref<64x16xf16, #smem> to memref<64x16xf16, #at_64x16h, #smem>
    %a1 = mqa.layout_cast %a1_memory : memref<64x16xf16, #smem> to memref<64x16xf16, #at_64x16h, #smem>
    %b = mqa.layout_cast %b_memory : memref<16x16xf16, #smem> to memref<16x16xf16, #at_16x16h, #smem>
    %d:2 = mqa.mma_sync %a, %a1 by %b : memref<64x16xf16, #at_64x16h, #smem>, memref<64x16xf16, #at_64x16h, #smem> by memref<16x16xf16, #at_16x16h, #smem> -> !mqa.fragment<vector<64x16xf32>>, !mqa.fragment<vector<64x16xf32>>
    %r:8 = mqa.unpack_fragment %d#0 : !mqa.fragment<vector<64x16xf32>>
    %s:8 = mqa.unpack_fragment %d#1 : !mqa.fragment<vector<64x16xf32>>
    %c0 = arith.constant 0 : index
    memref.store %r#3, %o[%c0] : memref<8xf32>
    memref.store %s#3, %o[%c0] : memref<8xf32>
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
!group = !nvgpu.mbarrier.group<memorySpace = #smem, num_barriers = 2>
gpu.module @kernels {
  // The thread arrives when its copies are there; it waits by asking again, as
  // mbarrier.try_wait is of Hopper.
  // CHECK-LABEL: llvm.func @copy
  // CHECK: nvvm.cp.async.shared.global %{{.*}}, %{{.*}}, 16, cache = cg, %{{.*}}
  // CHECK: nvvm.cp.async.mbarrier.arrive %{{.*}} {noinc = true}
  // CHECK: llvm.inline_asm has_side_effects {{.*}}mbarrier.test_wait.parity
  // CHECK-NOT: try_wait
  gpu.func @copy(%from: memref<?x64xbf16, #gpu.address_space<global>>, %n: index, %parity: i1) kernel {
    %c0 = arith.constant 0 : index
    %smem = gpu.dynamic_shared_memory : memref<?xi8, #smem>
    %to = memref.view %smem[%c0][] : memref<?xi8, #smem> to memref<1024xbf16, #smem>
    %full = nvgpu.mbarrier.create -> !group
    mqa.async_copy %from[%n, %c0], %to[%n], %n : memref<?x64xbf16, #gpu.address_space<global>>, memref<1024xbf16, #smem>
    mqa.async_arrive %full[%c0] : !group
    nvgpu.mbarrier.try_wait.parity %full[%c0], %parity, %n : !group
    gpu.return
  }
}
