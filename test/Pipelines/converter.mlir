// A role between two rings, from level 4 to NVVM: keys of bf16 become f16 on their way,
// by ops that are no fill, and queries are loaded as they are.
// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-specialize-warps,canonicalize,mqa-vectorize-tiles,mqa-distribute-vectors,mqa-tighten-slots,mqa-expand-row-ops,mqa-expand-puts)),mqa-lower-rings,gpu.module(gpu.func(mqa-lower-layouts,canonicalize,cse),expand-strided-metadata,lower-affine,convert-scf-to-cf,canonicalize,convert-mqa-to-nvvm,convert-nvvm-to-llvm,reconcile-unrealized-casts,cse))' | FileCheck %s --check-prefixes=CHECK,TMA
// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target{chip=sm_80},gpu.module(gpu.func(mqa-specialize-warps,canonicalize,mqa-vectorize-tiles,mqa-distribute-vectors,mqa-tighten-slots,mqa-expand-row-ops,mqa-expand-puts)),mqa-lower-rings,gpu.module(gpu.func(mqa-lower-layouts,canonicalize,cse),expand-strided-metadata,lower-affine,convert-scf-to-cf,canonicalize,convert-mqa-to-nvvm,convert-nvvm-to-llvm,reconcile-unrealized-casts,cse))' | FileCheck %s --check-prefixes=CHECK,ASYNC

#smem = #gpu.address_space<workgroup>
#global = #gpu.address_space<global>
#queries = #mqa.staged<shape = [1, 4, 4, 16, 1, 64], dims = [0, 1, 0, 1, 0, 2], swizzle = 8>
#rows = #mqa.staged<shape = [64, 64], dims = [0, 1], swizzle = 8>
!q = memref<4x64x64xf16, #queries, #smem>
!queries = !mqa.ring<2, memref<4x64x64xf16, #queries, #smem>>
!raw = !mqa.ring<2, memref<64x64xbf16, #smem>>
!keys = !mqa.ring<3, memref<64x64xf16, #rows, #smem>>
!from = memref<64x64xbf16, strided<[64, 1], offset: ?>, #smem>
!into = memref<64x64xf16, #rows, #smem>
gpu.module @kernels {
  // The consumers come first: their products read what the converter has written.
  // CHECK-LABEL: llvm.func @logits
  // TMA: wgmma.mma_async
  // ASYNC: nvvm.mma.sync
  // Then the producers, and behind them the converter.
  // TMA: nvvm.cp.async.bulk.tensor
  // ASYNC: nvvm.cp.async.shared.global
  // CHECK: llvm.fptrunc %{{.*}} : f32 to f16
  // CHECK: llvm.xor
  // CHECK: llvm.store %{{.*}} : f16, !llvm.ptr<3>
  // TMA: nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, space = #nvvm.shared_space<cta>}
  // ASYNC-NOT: nvvm.fence.proxy
  // CHECK: nvvm.mbarrier.arrive
  // CHECK: llvm.return
  gpu.func @logits(%qs: memref<?x64x64xf16, strided<[4096, 64, 1]>, #global> {mqa.operand = #mqa.operand<"q", tensor<?x64x64xf16>>}, %k: memref<?x64xbf16, strided<[64, 1]>, #global>, %ke: memref<?xi32, #global>, %out: memref<?x?xf32, #global>) kernel attributes {known_block_size = array<i32: 384, 1, 1>, mqa.kernel = #mqa.kernel<op = "mqa.logits", schedule = <block_q = 4, block_kv = 64, tile_kv = 64, stages = 2>>} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %c64 = arith.constant 64 : index
    %c0_i32 = arith.constant 0 : i32
    %c1_i32 = arith.constant 1 : i32
    %queries = mqa.ring_create : !queries
    %raw = mqa.ring_create {reader = #mqa.role<converter>} : !raw
    %keys = mqa.ring_create {filler = #mqa.role<converter>} : !keys
    %m = memref.dim %out, %c0 : memref<?x?xf32, #global>
    %n = memref.dim %out, %c1 : memref<?x?xf32, #global>
    %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32, #global>
    %blocks = affine.apply affine_map<()[s0] -> (s0 ceildiv 4)>()[%m]
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    %end:2 = scf.for %b = %block to %blocks step %grid iter_args(%qp = %c0_i32, %kp = %c0_i32) -> (i32, i32) {
      %row = arith.muli %b, %c4 : index
      %rows_left = arith.subi %m, %row : index
      %num_rows = arith.minsi %rows_left, %c4 : index
      %own = mqa.narrow_ranges %ranges[%row] rows %num_rows
      %rows = mqa.row_block %out[%row] rows %num_rows : memref<?x?xf32, #global> -> memref<?x?xf32, strided<[?, 1]>, #global>
      %lo, %hi = mqa.key_range %own {align = 32 : i64, max_rows = 4 : i64}
      %qv = memref.subview %qs[%row, 0, 0] [%num_rows, 64, 64] [1, 1, 1] : memref<?x64x64xf16, strided<[4096, 64, 1]>, #global> to memref<?x64x64xf16, strided<[4096, 64, 1], offset: ?>, #global>
      mqa.ring_put %queries[%qp], %qv : !queries, memref<?x64x64xf16, strided<[4096, 64, 1], offset: ?>, #global>
      %q = mqa.ring_get %queries[%qp] : !queries -> !q
      scf.for %j = %lo to %hi step %c64 {
        %past = arith.subi %j, %lo : index
        %tile = arith.divui %past, %c64 : index
        %tile32 = arith.index_cast %tile : index to i32
        %p = arith.addi %kp, %tile32 : i32
        %keys_left = arith.subi %n, %j : index
        %num_keys = arith.minsi %keys_left, %c64 : index
        %kv = memref.subview %k[%j, 0] [%num_keys, 64] [1, 1] : memref<?x64xbf16, strided<[64, 1]>, #global> to memref<?x64xbf16, strided<[64, 1], offset: ?>, #global>
        mqa.ring_put %raw[%p], %kv : !raw, memref<?x64xbf16, strided<[64, 1], offset: ?>, #global>
        %from = mqa.ring_get %raw[%p] : !raw -> !from
        %into = mqa.ring_acquire %keys[%p] : !keys -> !into
        scf.forall (%r, %c) in (64, 64) {
          %v = memref.load %from[%r, %c] : !from
          %f = arith.extf %v : bf16 to f32
          %h = arith.truncf %f : f32 to f16
          memref.store %h, %into[%r, %c] : !into
        }
        mqa.ring_release %raw[%p] : !raw
        mqa.ring_commit %keys[%p] : !keys
        %t = mqa.ring_get %keys[%p] : !keys -> !into
        %l = mqa.tile_logits ins(%q, %t, none, none : !q, !into) : vector<4x64xf32>
        mqa.store_logits %l, %own first_key(%j) outs(%rows : memref<?x?xf32, strided<[?, 1]>, #global>) : vector<4x64xf32>
        mqa.ring_release %keys[%p] : !keys
      }
      mqa.ring_release %queries[%qp] : !queries
      %size = arith.subi %hi, %lo : index
      %tiles = affine.apply affine_map<()[s0] -> (s0 ceildiv 64)>()[%size]
      %tiles32 = arith.index_cast %tiles : index to i32
      %next_q = arith.addi %qp, %c1_i32 : i32
      %next_k = arith.addi %kp, %tiles32 : i32
      scf.yield %next_q, %next_k : i32, i32
    }
    gpu.return
  }
}
