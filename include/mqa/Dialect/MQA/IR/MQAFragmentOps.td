//===- MQAFragmentOps.td - Ops of one thread's registers ---*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_FRAGMENT_OPS_TD
#define MQA_FRAGMENT_OPS_TD

include "mqa/Dialect/MQA/IR/MQAOps.td"

//===----------------------------------------------------------------------===//
// Level 6: fragments
//===----------------------------------------------------------------------===//

def MQA_AsyncCopyOp : MQA_Op<"async_copy", [
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "Starts to copy 16 bytes from global to shared memory";
  let description = [{
    Copies `count` elements, from `source_indices` of `source` on, to `target` from `target_index` on. Zeros follow, up to
    16 bytes in all. Both addresses are multiples of 16 bytes. The bytes are there when the phase of a barrier is over at
    which the thread arrives later by `mqa.async_arrive`.

    Why this op exists: where an index has 32 bits, `nvgpu.device_async_copy` cannot be told how many elements to copy.

    ```mlir
    mqa.async_copy %row[%c0, %d], %slots[%i], %n : memref<?x128xbf16, strided<[?, 1]>, #gpu.address_space<global>>,
        memref<65536xbf16, #gpu.address_space<workgroup>>
    ```
  }];
  let arguments = (ins AnyMemRef:$source, Variadic<Index>:$source_indices,
                       MemRefRankOf<[AnyType], [1]>:$target, Index:$target_index, Index:$count);
  let assemblyFormat = [{
    $source `[` $source_indices `]` `,` $target `[` $target_index `]` `,` $count attr-dict
    `:` type($source) `,` type($target)
  }];
  let hasVerifier = 1;
}

def MQA_AsyncArriveOp : MQA_Op<"async_arrive"> {
  let summary = "Arrives at a barrier once this thread's copies so far are there";
  let description = [{
    The copies are those that this thread started by `mqa.async_copy`. The op does not wait.

    ```mlir
    mqa.async_arrive %full[%slot] : !nvgpu.mbarrier.group<memorySpace = #gpu.address_space<workgroup>, num_barriers = 4>
    ```
  }];
  let arguments = (ins AnyType:$barriers, Index:$index);
  let assemblyFormat = "$barriers `[` $index `]` attr-dict `:` type($barriers)";
  let hasVerifier = 1;
}

def MQA_WgmmaOp : MQA_Op<"wgmma"> {
  let summary = "Starts D = A * B^T of one warpgroup on the tensor cores";
  let description = [{
    A is 64 x K, or queries x heads x K with 64 rows in all. B is N x K, or queries x heads x K with N rows in all. Both
    have the same element type, and `#mqa.staged` layouts whose memory is K-major: swizzled rows of 32, 64 or 128 bytes. A wider K comes in chunks; the
    first dim of memory counts them, and A and B have the same number. The rows of D are the rows of A in the order of A's
    memory, and the columns of D are the rows of B likewise.

    A may be in registers instead (`!mqa.operand_fragment`). The op then contains the `wgmma.fence`, behind the code that
    writes these registers; no `nvvm.wgmma.fence.aligned` is needed. WGMMA reads the registers until the wait, so
    `mqa.wgmma_wait` takes the operand fragment too (`after`).

    The op issues all steps of K. Nothing may read the result before an `mqa.wgmma_wait` that follows an
    `nvvm.wgmma.commit.group.sync.aligned`.

    Why this op exists: `nvgpu.warpgroup.mma` steps the descriptor of an fp8 B as if B were MN-major, and fuses fence, mma,
    commit and wait in one op.

    ```mlir
    !q = memref<8x8x128xf8E4M3FN, #mqa.staged<shape = [4, 8, 2, 128], dims = [0, 1, 0, 2], swizzle = 16>, #gpu.address_space<workgroup>>
    !k = memref<128x128xf8E4M3FN, #mqa.staged<shape = [128, 128], dims = [0, 1], swizzle = 16>, #gpu.address_space<workgroup>>
    nvvm.wgmma.fence.aligned
    %acc = mqa.wgmma %q, %k : !q, !k -> !mqa.fragment<vector<64x128xf32>>
    nvvm.wgmma.commit.group.sync.aligned
    %done = mqa.wgmma_wait %acc {pending = 0 : i64} : !mqa.fragment<vector<64x128xf32>>
    ```
  }];
  let arguments = (ins AnyTypeOf<[MemRefRankOf<[F8E4M3FN, F8E5M2, BF16, F16], [2, 3]>,
                                  MQA_OperandFragmentType]>:$a,
                       MemRefRankOf<[F8E4M3FN, F8E5M2, BF16, F16], [2, 3]>:$b);
  let results = (outs MQA_FragmentType:$result);
  let assemblyFormat = [{
    $a `,` $b attr-dict `:` type($a) `,` type($b) `->` type($result)
  }];
  let extraClassDeclaration = [{
    /// Chunks of K, and bytes of a row of one.
    int64_t getChunks();
    int64_t getRowBytes();
  }];
  let hasVerifier = 1;
}

def MQA_WgmmaWaitOp : MQA_Op<"wgmma_wait", [AllTypesMatch<["fragment", "result"]>]> {
  let summary = "Waits for WGMMA groups and returns an accumulator that may be read";
  let description = [{
    Waits until at most `pending` committed groups are unfinished. The fragment passes through the op. Registers that WGMMA
    writes asynchronously must not be read, moved or reused before the wait, and the result of this op orders them. If
    WGMMA reads its A from registers, these are the `operand`, and must not be reused before the wait either.

    ```mlir
    %done = mqa.wgmma_wait %acc {pending = 0 : i64} : !mqa.fragment<vector<64x128xf32>>
    ```
  }];
  let arguments = (ins MQA_FragmentType:$fragment, Optional<MQA_OperandFragmentType>:$operand,
    ConfinedAttr<I64Attr, [IntNonNegative, IntMaxValue<7>]>:$pending);
  let results = (outs MQA_FragmentType:$result);
  let extraClassDeclaration = [{
    static constexpr int64_t kMaxPending = 7;
  }];
  let assemblyFormat = [{
    $fragment (`after` $operand^)? attr-dict `:` type($fragment) (`after` type($operand)^)?
  }];
}

def MQA_PackOperandOp : MQA_Op<"pack_operand", [Pure]> {
  let summary = "Makes operand A of a product of registers";
  let description = [{
    Operand r becomes register r of this thread's part of the operand fragment. `!mqa.operand_fragment` says which elements
    a register has.

    ```mlir
    %a = mqa.pack_operand %r0, %r1, %r2, %r3 : !mqa.operand_fragment<vector<64x32xf8E4M3FN>>
    ```
  }];
  let arguments = (ins Variadic<I32>:$registers);
  let results = (outs MQA_OperandFragmentType:$operand);
  let assemblyFormat = "$registers attr-dict `:` type($operand)";
  let hasVerifier = 1;
}

def MQA_MmaSyncOp : MQA_Op<"mma_sync", [
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "D = A * B^T of four warps by mma.sync, for one or several A";
  let description = [{
    The op computes what `mqa.wgmma` computes, by the instruction that other GPUs than Hopper have too. Each of the four
    warps multiplies 16 of the 64 rows of every A by all of B. The results may be read at once. A and B lie in shared memory
    as `mqa.wgmma` has them, and the fragments are the same.

    Several A share what the op reads of B. With one A, shared memory does not have the bandwidth for the full rate of the
    instruction.

    ```mlir
    !q = memref<8x8x64xbf16, #mqa.staged<shape = [4, 8, 2, 64], dims = [0, 1, 0, 2], swizzle = 8>, #gpu.address_space<workgroup>>
    !k = memref<128x64xbf16, #mqa.staged<shape = [128, 64], dims = [0, 1], swizzle = 8>, #gpu.address_space<workgroup>>
    %acc = mqa.mma_sync %q by %k : !q by !k -> !mqa.fragment<vector<64x128xf32>>
    ```
  }];
  let arguments = (ins
    Variadic<MemRefRankOf<[F8E4M3FN, F8E5M2, BF16, F16], [2, 3]>>:$as,
    MemRefRankOf<[F8E4M3FN, F8E5M2, BF16, F16], [2]>:$b);
  let results = (outs Variadic<MQA_FragmentType>:$fragments);
  let assemblyFormat = [{
    $as `by` $b attr-dict `:` type($as) `by` type($b) `->` type($fragments)
  }];
  let extraClassDeclaration = [{
    /// Chunks of K, and bytes of a row of one.
    int64_t getChunks();
    int64_t getRowBytes();
    /// Registers of a thread that hold all of B. Up to so many, several ops by the
    /// same B read it once.
    static constexpr int64_t kMaxKeptRegisters = 64;
    int64_t getKeyRegisters() {
      int64_t warpRegisterBytes = 32 * 4;
      return getNumColumns() * getChunks() * getRowBytes() / warpRegisterBytes;
    }
    /// Rows of B.
    int64_t getNumColumns() { return getB().getType().getDimSize(0); }
  }];
  let hasVerifier = 1;
}

def MQA_UnpackFragmentOp : MQA_Op<"unpack_fragment", [Pure]> {
  let summary = "The registers of a fragment, one value each";
  let description = [{
    Result r is register r of the thread. `!mqa.fragment` says which element that is.

    ```mlir
    %r:64 = mqa.unpack_fragment %done : !mqa.fragment<vector<64x128xf32>>
    ```
  }];
  let arguments = (ins MQA_FragmentType:$fragment);
  let results = (outs Variadic<F32>:$registers);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

#endif // MQA_FRAGMENT_OPS_TD
