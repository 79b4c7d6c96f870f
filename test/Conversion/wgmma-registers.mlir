// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(convert-mqa-to-nvvm))' --split-input-file | FileCheck %s

#smem = #gpu.address_space<workgroup>
#at_8x64 = #mqa.staged<shape = [8, 64], dims = [0, 1], swizzle = 16>
gpu.module @kernels {
  // One piece of assembly has the fence and both steps, of which the first does
  // not add. B steps by 32 bytes. The wait keeps the operand's registers.
  // CHECK-LABEL: llvm.func @fp8
  // CHECK: %[[ACC:.*]] = llvm.inline_asm has_side_effects asm_dialect = att "{ .reg .pred first, next; setp.ne.b32 first, 0, 0; setp.ne.b32 next, 1, 0; wgmma.fence.sync.aligned;
  // CHECK-SAME: wgmma.mma_async.sync.aligned.m64n8k32.f32.e4m3.e4m3 {$0, $1, $2, $3}, {$4, $5, $6, $7}, $12, first, 1, 1;
  // CHECK-SAME: wgmma.mma_async.sync.aligned.m64n8k32.f32.e4m3.e4m3 {$0, $1, $2, $3}, {$8, $9, $10, $11}, $13, next, 1, 1; }"
  // CHECK-SAME: "=f,=f,=f,=f,r,r,r,r,r,r,r,r,l,l"
  // CHECK: llvm.inline_asm has_side_effects {{.*}} "wgmma.wait_group.sync.aligned 0;", "=f,=f,=f,=f,0,1,2,3,r,r,r,r,r,r,r,r"
  gpu.func @fp8(%r: i32, %b_memory: memref<8x64xf8E4M3FN, #smem>, %o: memref<4xf32>) kernel {
    %a = mqa.pack_operand %r, %r, %r, %r, %r, %r, %r, %r : !mqa.operand_fragment<vector<64x64xf8E4M3FN>>
    %b = mqa.layout_cast %b_memory : memref<8x64xf8E4M3FN, #smem> to memref<8x64xf8E4M3FN, #at_8x64, #smem>
    %d = mqa.wgmma %a, %b : !mqa.operand_fragment<vector<64x64xf8E4M3FN>>, memref<8x64xf8E4M3FN, #at_8x64, #smem> -> !mqa.fragment<vector<64x8xf32>>
    %e = mqa.wgmma_wait %d after %a {pending = 0 : i64} : !mqa.fragment<vector<64x8xf32>> after !mqa.operand_fragment<vector<64x64xf8E4M3FN>>
    %r4:4 = mqa.unpack_fragment %e : !mqa.fragment<vector<64x8xf32>>
    %c0 = arith.constant 0 : index
    memref.store %r4#3, %o[%c0] : memref<4xf32>
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
#at_8x16 = #mqa.staged<shape = [8, 16], dims = [0, 1], swizzle = 8>
gpu.module @kernels {
  // 16-bit types say that B is not transposed.
  // CHECK-LABEL: llvm.func @bf16
  // CHECK: wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {$0, $1, $2, $3}, {$4, $5, $6, $7}, $8, first, 1, 1, 0; }"
  gpu.func @bf16(%r: i32, %b_memory: memref<8x16xbf16, #smem>) kernel {
    %a = mqa.pack_operand %r, %r, %r, %r : !mqa.operand_fragment<vector<64x16xbf16>>
    %b = mqa.layout_cast %b_memory : memref<8x16xbf16, #smem> to memref<8x16xbf16, #at_8x16, #smem>
    %d = mqa.wgmma %a, %b : !mqa.operand_fragment<vector<64x16xbf16>>, memref<8x16xbf16, #at_8x16, #smem> -> !mqa.fragment<vector<64x8xf32>>
    gpu.return
  }
}
