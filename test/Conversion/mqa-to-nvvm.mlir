// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(convert-mqa-to-nvvm,canonicalize))' --split-input-file | FileCheck %s

#at_64x128 = #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>
#at_8x128 = #mqa.staged<shape = [8, 128], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
gpu.module @kernels {
  // 128-byte rows: swizzle mode 1, groups of eight rows 1024 bytes apart; four
  // steps of 32 bytes in both descriptors.
  // CHECK-LABEL: llvm.func @rows128
  // The low word of a descriptor, address / 16 and leading offset, stays where it is;
  // the high word is swizzle and stride.
  // CHECK-DAG: %[[STEP:.*]] = llvm.mlir.constant(2 : i32)
  // CHECK-DAG: %[[HIGH:.*]] = llvm.mlir.constant(4611686293305294848 : i64)
  // CHECK-DAG: llvm.mlir.constant(65536 : i32)
  // CHECK: %[[LOW_A:.*]] = llvm.inline_asm has_side_effects {{.*}} "mov.b32 $0, $1;", "=r,r"
  // CHECK: %[[LOW_B:.*]] = llvm.inline_asm has_side_effects {{.*}} "mov.b32 $0, $1;", "=r,r"
  // CHECK: %[[A64:.*]] = llvm.zext %[[LOW_A]]
  // CHECK: %[[A:.*]] = llvm.or %[[A64]], %[[HIGH]]
  // CHECK: %[[B64:.*]] = llvm.zext %[[LOW_B]]
  // CHECK: %[[B:.*]] = llvm.or %[[B64]], %[[HIGH]]
  // CHECK: nvvm.wgmma.mma_async %[[A]], %[[B]], %{{.*}}, <m = 64, n = 8, k = 32>, D[<f32>, <zero>], A[<e4m3>, <one>, <row>], B[<e4m3>, <one>, <col>]
  // Both operands are K-major: 32 bytes on for each step.
  // CHECK: llvm.add %[[LOW_A]], %[[STEP]] : i32
  // CHECK: llvm.add %[[LOW_B]], %[[STEP]] : i32
  // CHECK: nvvm.wgmma.mma_async {{.*}} D[<f32>, <one>]
  // CHECK-COUNT-2: nvvm.wgmma.mma_async
  // CHECK-NOT: nvvm.wgmma.mma_async
  // The registers pass through the wait.
  // CHECK: llvm.inline_asm has_side_effects {{.*}} "wgmma.wait_group.sync.aligned 0;", "=f,=f,=f,=f,0,1,2,3"
  gpu.func @rows128(%a_memory: memref<64x128xf8E4M3FN, #smem>, %b_memory: memref<8x128xf8E4M3FN, #smem>, %o: memref<4xf32>) kernel {
    %a = mqa.layout_cast %a_memory : memref<64x128xf8E4M3FN, #smem> to memref<64x128xf8E4M3FN, #at_64x128, #smem>
    %b = mqa.layout_cast %b_memory : memref<8x128xf8E4M3FN, #smem> to memref<8x128xf8E4M3FN, #at_8x128, #smem>
    %d = mqa.wgmma %a, %b : memref<64x128xf8E4M3FN, #at_64x128, #smem>, memref<8x128xf8E4M3FN, #at_8x128, #smem> -> !mqa.fragment<vector<64x8xf32>>
    %e = mqa.wgmma_wait %d {pending = 0 : i64} : !mqa.fragment<vector<64x8xf32>>
    %r:4 = mqa.unpack_fragment %e : !mqa.fragment<vector<64x8xf32>>
    %c0 = arith.constant 0 : index
    memref.store %r#3, %o[%c0] : memref<4xf32>
    gpu.return
  }
}

// -----

#at_64x64 = #mqa.staged<shape = [64, 64], dims = [0, 1], swizzle = 16>
#at_8x64 = #mqa.staged<shape = [8, 64], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
gpu.module @kernels {
  // 64-byte rows: swizzle mode 2, groups 512 bytes apart, two steps.
  // CHECK-LABEL: llvm.func @rows64
  // CHECK: llvm.mlir.constant(-9223371899415822336 : i64)
  // CHECK-COUNT-2: nvvm.wgmma.mma_async
  // CHECK-NOT: nvvm.wgmma.mma_async
  gpu.func @rows64(%a_memory: memref<64x64xf8E4M3FN, #smem>, %b_memory: memref<8x64xf8E4M3FN, #smem>) kernel {
    %a = mqa.layout_cast %a_memory : memref<64x64xf8E4M3FN, #smem> to memref<64x64xf8E4M3FN, #at_64x64, #smem>
    %b = mqa.layout_cast %b_memory : memref<8x64xf8E4M3FN, #smem> to memref<8x64xf8E4M3FN, #at_8x64, #smem>
    %d = mqa.wgmma %a, %b : memref<64x64xf8E4M3FN, #at_64x64, #smem>, memref<8x64xf8E4M3FN, #at_8x64, #smem> -> !mqa.fragment<vector<64x8xf32>>
    gpu.return
  }
}

// -----

#at_64x32 = #mqa.staged<shape = [64, 32], dims = [0, 1], swizzle = 16>
#at_8x32 = #mqa.staged<shape = [8, 32], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
gpu.module @kernels {
  // 32-byte rows: swizzle mode 3, groups 256 bytes apart, one step.
  // CHECK-LABEL: llvm.func @rows32
  // CHECK: llvm.mlir.constant(-4611685949707911168 : i64)
  // CHECK-COUNT-1: nvvm.wgmma.mma_async
  // CHECK-NOT: nvvm.wgmma.mma_async
  gpu.func @rows32(%a_memory: memref<64x32xf8E4M3FN, #smem>, %b_memory: memref<8x32xf8E4M3FN, #smem>) kernel {
    %a = mqa.layout_cast %a_memory : memref<64x32xf8E4M3FN, #smem> to memref<64x32xf8E4M3FN, #at_64x32, #smem>
    %b = mqa.layout_cast %b_memory : memref<8x32xf8E4M3FN, #smem> to memref<8x32xf8E4M3FN, #at_8x32, #smem>
    %d = mqa.wgmma %a, %b : memref<64x32xf8E4M3FN, #at_64x32, #smem>, memref<8x32xf8E4M3FN, #at_8x32, #smem> -> !mqa.fragment<vector<64x8xf32>>
    gpu.return
  }
}

// -----

gpu.module @kernels {
  // Tensor maps are passed by value; launch bounds make ptxas keep setmaxnreg.
  // CHECK: llvm.mlir.global external @mqa_dynamic_shared_memory() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<0 x i8>
  // CHECK-LABEL: llvm.func @signature
  // CHECK-SAME: (%{{.*}}: !llvm.ptr {llvm.align = 64 : i64, llvm.byval = !llvm.array<128 x i8>, nvvm.grid_constant}
  // CHECK-SAME: nvvm.maxntid = array<i32: 640, 1, 1>
  // CHECK-SAME: nvvm.minctasm = 1 : i32
  gpu.func @signature(%map: !nvgpu.tensormap.descriptor<tensor = memref<64x128xf8E4M3FN, #gpu.address_space<workgroup>>, swizzle = swizzle_128b, l2promo = l2promo_128b, oob = zero, interleave = none>, %o: memref<?xi8>) kernel attributes {known_block_size = array<i32: 640, 1, 1>} {
    %c0 = arith.constant 0 : index
    %smem = gpu.dynamic_shared_memory : memref<?xi8, #gpu.address_space<workgroup>>
    %v = memref.load %smem[%c0] : memref<?xi8, #gpu.address_space<workgroup>>
    memref.store %v, %o[%c0] : memref<?xi8>
    gpu.return
  }
}

// -----

gpu.module @kernels {
  // An index has 32 bits, the address of a row block 64.
  // CHECK-LABEL: llvm.func @row_block
  // CHECK: %[[ROW:.*]] = llvm.sext %{{.*}} : i32 to i64
  // CHECK: %[[STRIDE:.*]] = llvm.sext %{{.*}} : i32 to i64
  // CHECK: llvm.mul %[[STRIDE]], %[[ROW]]
  gpu.func @row_block(%o: memref<?x?xf32>, %m: index, %v: f32) kernel {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %rows = mqa.row_block %o[%m] rows %c1 : memref<?x?xf32> -> memref<?x?xf32, strided<[?, 1]>>
    memref.store %v, %rows[%c0, %c0] : memref<?x?xf32, strided<[?, 1]>>
    gpu.return
  }
  // CHECK-LABEL: llvm.func @element_block
  // CHECK: %[[STRIDE:.*]] = llvm.sext %{{.*}} : i32 to i64
  // CHECK: %[[ROW:.*]] = llvm.sext %{{.*}} : i32 to i64
  // CHECK: llvm.mul %[[ROW]], %[[STRIDE]] : i64
  gpu.func @element_block(%s: memref<?xf32, strided<[?]>>, %n: index, %v: f32) kernel {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %rows = mqa.row_block %s[%n] rows %c1 : memref<?xf32, strided<[?]>> -> memref<?xf32, strided<[?]>>
    memref.store %v, %rows[%c0] : memref<?xf32, strided<[?]>>
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
#a = #mqa.staged<shape = [2, 64, 32], dims = [1, 0, 1], swizzle = 8>
#b = #mqa.staged<shape = [2, 8, 32], dims = [1, 0, 1], swizzle = 8>
gpu.module @kernels {
  // Chunks of 64 bytes, two steps of K each; a 16-bit type has 16 elements in a
  // step. The second chunk of A is 64 x 64 bytes on, that of B 8 x 64 (in units of
  // 16).
  // CHECK-LABEL: llvm.func @chunks
  // CHECK-DAG: %[[STEP:.*]] = llvm.mlir.constant(2 : i32)
  // CHECK-DAG: %[[CHUNK_A:.*]] = llvm.mlir.constant(256 : i32)
  // CHECK-DAG: %[[CHUNK_B:.*]] = llvm.mlir.constant(32 : i32)
  // CHECK: nvvm.wgmma.mma_async {{.*}}, <m = 64, n = 8, k = 16>, D[<f32>, <zero>], A[<bf16>, <one>, <row>], B[<bf16>, <one>, <col>]
  // CHECK: llvm.add %{{.*}}, %[[STEP]]
  // CHECK: llvm.add %{{.*}}, %[[STEP]]
  // CHECK: nvvm.wgmma.mma_async
  // CHECK: llvm.add %{{.*}}, %[[CHUNK_A]]
  // CHECK: llvm.add %{{.*}}, %[[CHUNK_B]]
  // CHECK-COUNT-2: nvvm.wgmma.mma_async
  // CHECK-NOT: nvvm.wgmma.mma_async
  gpu.func @chunks(%a_memory: memref<2x64x32xbf16, #smem>, %b_memory: memref<2x8x32xbf16, #smem>, %o: memref<?xf32>) kernel {
    %a = mqa.layout_cast %a_memory : memref<2x64x32xbf16, #smem> to memref<64x64xbf16, #a, #smem>
    %b = mqa.layout_cast %b_memory : memref<2x8x32xbf16, #smem> to memref<8x64xbf16, #b, #smem>
    %c0 = arith.constant 0 : index
    %d = mqa.wgmma %a, %b : memref<64x64xbf16, #a, #smem>, memref<8x64xbf16, #b, #smem> -> !mqa.fragment<vector<64x8xf32>>
    %e = mqa.wgmma_wait %d {pending = 0 : i64} : !mqa.fragment<vector<64x8xf32>>
    %r:4 = mqa.unpack_fragment %e : !mqa.fragment<vector<64x8xf32>>
    memref.store %r#0, %o[%c0] : memref<?xf32>
    gpu.return
  }
}

// -----

gpu.module @kernels {
  // Barriers order what counts in shared memory; another kernel may be ordered by an atomic in global memory.
  // CHECK-LABEL: llvm.func @count
  // CHECK: llvm.atomicrmw add %{{.*}}, %{{.*}} syncscope("block") monotonic : !llvm.ptr<3>, i32
  // CHECK: llvm.atomicrmw add %{{.*}}, %{{.*}} acq_rel : !llvm.ptr, i32
  gpu.func @count(%counts: memref<64xi32, #gpu.address_space<workgroup>>, %global: memref<64xi32>, %i: index) kernel {
    %c1 = arith.constant 1 : i32
    %0 = memref.atomic_rmw addi %c1, %counts[%i] : (i32, memref<64xi32, #gpu.address_space<workgroup>>) -> i32
    %1 = memref.atomic_rmw addi %c1, %global[%i] : (i32, memref<64xi32>) -> i32
    gpu.return
  }

  // The bits of a bitmap, and the earliest key, likewise.
  // CHECK-LABEL: llvm.func @others
  // CHECK: llvm.atomicrmw _or %{{.*}}, %{{.*}} syncscope("block") monotonic : !llvm.ptr<3>, i32
  // CHECK: llvm.atomicrmw min %{{.*}}, %{{.*}} syncscope("block") monotonic : !llvm.ptr<3>, i32
  // CHECK: llvm.atomicrmw max %{{.*}}, %{{.*}} acq_rel : !llvm.ptr, i32
  gpu.func @others(%words: memref<64xi32, #gpu.address_space<workgroup>>, %global: memref<64xi32>, %i: index) kernel {
    %c1 = arith.constant 1 : i32
    %0 = memref.atomic_rmw ori %c1, %words[%i] : (i32, memref<64xi32, #gpu.address_space<workgroup>>) -> i32
    %1 = memref.atomic_rmw mins %c1, %words[%i] : (i32, memref<64xi32, #gpu.address_space<workgroup>>) -> i32
    %2 = memref.atomic_rmw maxs %c1, %global[%i] : (i32, memref<64xi32>) -> i32
    gpu.return
  }
}

// -----

gpu.module @kernels {
  // How many blocks a multiprocessor should have, a kernel may know itself.
  // CHECK: llvm.func @two{{.*}}nvvm.minctasm = 2 : i32
  gpu.func @two() kernel attributes {known_block_size = array<i32: 128, 1, 1>, nvvm.minctasm = 2 : i32} {
    gpu.return
  }
}
