//===- MQAKernelOps.td - Ops that exist inside kernels -----*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_KERNEL_OPS_TD
#define MQA_KERNEL_OPS_TD

include "mqa/Dialect/MQA/IR/MQAOps.td"
include "mlir/Interfaces/ViewLikeInterface.td"

//===----------------------------------------------------------------------===//
// Level 3: tiled kernel
//===----------------------------------------------------------------------===//

def MQA_KeyRangeOp : MQA_Op<"key_range", [
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "The keys that at least one query of a block may see";
  let description = [{
    The smallest range [lo, hi) that holds max(ks[m], 0) <= n < min(ke[m],
    num_keys) for every row m of the block, which has 1 to `max_rows` rows;
    lo = hi where no row sees a key.

    Why this op exists: producer, consumers and cleaner of a specialised kernel
    must agree on the range, so each recomputes it from the same op.

    ```mlir
    %lo, %hi = mqa.key_range %ks, %ke, %num_keys {max_rows = 2}
        : memref<?xi32, strided<[1], offset: ?>>
    ```
  }];
  let arguments = (ins MemRefRankOf<[I32], [1]>:$ks,
                       MemRefRankOf<[I32], [1]>:$ke,
                       Index:$num_keys,
                       ConfinedAttr<I64Attr, [IntPositive]>:$max_rows);
  let results = (outs Index:$lo, Index:$hi);
  let assemblyFormat = [{
    $ks `,` $ke `,` $num_keys attr-dict `:` type($ks) `,` type($ke)
  }];
}

def MQA_RowBlockOp : MQA_Op<"row_block", [
    Pure, DeclareOpInterfaceMethods<ViewLikeOpInterface>]> {
  let summary = "Some rows of a matrix, as a matrix of its own";
  let description = [{
    Rows [row, row + num_rows) of `source`. The result starts at its first
    element (offset 0).

    Why this op exists: on the device an index has 32 bits, which inside a block
    of rows suffices and halves the registers of address arithmetic. A logits
    matrix may be larger; this op is lowered with 64-bit arithmetic.

    ```mlir
    %rows = mqa.row_block %out[%m] rows %c2
        : memref<?x?xf32, strided<[?, 1], offset: ?>> -> memref<?x?xf32, strided<[?, 1]>>
    ```
  }];
  let arguments = (ins MemRefRankOf<[F32], [2]>:$source, Index:$row, Index:$num_rows);
  let results = (outs MemRefRankOf<[F32], [2]>:$result);
  let assemblyFormat = [{
    $source `[` $row `]` `rows` $num_rows attr-dict `:` type($source) `->` type($result)
  }];
  let hasVerifier = 1;
}

def MQA_CleanRowsOp : MQA_Op<"clean_rows", [
    AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "Writes -inf outside of each row's range";
  let description = [{
    Writes -inf to out[m, n] for every row m of the block and every n that is not
    in max(ks[m], 0) <= n < min(ke[m], N). The work is shared by `num_threads`
    threads, of which this is number `thread`; absent means one thread.

    Why this op exists: cleaning is a plain fill, which other threads than those
    of the matrix unit do beside it: it then costs no more than its bytes.

    ```mlir
    mqa.clean_rows %out_rows, %ks, %ke threads %i of %n
        : memref<?x?xf32, strided<[?, 1]>>, memref<?xi32>, memref<?xi32>
    ```
  }];
  let arguments = (ins MemRefRankOf<[F32], [2]>:$out,
                       MemRefRankOf<[I32], [1]>:$ks, MemRefRankOf<[I32], [1]>:$ke,
                       Optional<Index>:$thread, Optional<Index>:$num_threads);
  let assemblyFormat = [{
    $out `,` $ks `,` $ke (`threads` $thread^ `of` $num_threads)?
    attr-dict `:` type($out) `,` type($ks) `,` type($ke)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Level 4: staged, warp-specialised
//===----------------------------------------------------------------------===//

def MQA_RingCreateOp : MQA_Op<"ring_create"> {
  let summary = "Allocates a ring of shared-memory stages and its barriers";
  let description = [{
    All slots start empty. A slot becomes empty again after `consumers`
    releases, each by one whole warp.

    ```mlir
    %ring = mqa.ring_create {consumers = 16 : i64}
        : !mqa.ring<4, memref<256x128xf8E4M3FN, #gpu.address_space<workgroup>>>
    ```
  }];
  let arguments = (ins
    DefaultValuedAttr<ConfinedAttr<I64Attr, [IntPositive]>, "1">:$consumers);
  let results = (outs MQA_RingType:$ring);
  let assemblyFormat = "attr-dict `:` type($ring)";
}

class MQA_RingOp<string mnemonic, list<Trait> traits = []>
    : MQA_Op<mnemonic, traits> {
  code positionDoc = [{
    `position` counts the slots handed out so far; it names slot
    `position mod stages`.
  }];
}

def MQA_RingPutOp : MQA_RingOp<"ring_put"> {
  let summary = "Waits for an empty slot and starts to copy tiles into it";
  let description = [{
    Executed by one thread. The copies are asynchronous: the slot is full once
    all bytes have arrived. A source may be smaller than the slot's tile; the
    rest of the slot then holds unspecified values.
  }] # positionDoc # [{
    ```mlir
    mqa.ring_put %ring[%i], %k_tile, %k_scale_tile : !mqa.ring<...>, memref<...>, memref<...>
    ```
  }];
  let arguments = (ins MQA_RingType:$ring, I32:$position,
                       Variadic<AnyMemRef>:$sources);
  let assemblyFormat = [{
    $ring `[` $position `]` `,` $sources attr-dict `:` type($ring) `,` type($sources)
  }];
  let hasVerifier = 1;
}

def MQA_RingGetOp : MQA_RingOp<"ring_get"> {
  let summary = "Waits for a full slot and returns its tiles";
  let description = positionDoc # [{
    ```mlir
    %k_tile, %k_scale_tile = mqa.ring_get %ring[%i] : !mqa.ring<...> -> memref<...>, memref<...>
    ```
  }];
  let arguments = (ins MQA_RingType:$ring, I32:$position);
  let results = (outs Variadic<AnyMemRef>:$tiles);
  let assemblyFormat = [{
    $ring `[` $position `]` attr-dict `:` type($ring) `->` type($tiles)
  }];
  let hasVerifier = 1;
}

def MQA_RingReleaseOp : MQA_RingOp<"ring_release"> {
  let summary = "Says that this warp has read a slot for the last time";
  let description = [{
    Executed by a whole, converged warp.
  }] # positionDoc # [{
    ```mlir
    mqa.ring_release %ring[%i] : !mqa.ring<...>
    ```
  }];
  let arguments = (ins MQA_RingType:$ring, I32:$position);
  let assemblyFormat = "$ring `[` $position `]` attr-dict `:` type($ring)";
}

def MQA_TileLogitsOp : MQA_Op<"tile_logits", [
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "mqa.logits of one staged tile";
  let description = [{
    The formula of `mqa.logits` on a tile whose q, k, k_scale and weights lie in
    shared memory with static shapes. Key 0 of the tile is key `first_key` of
    the sequence; `out` holds the whole rows of the tile's queries, so that key n
    of the tile belongs to column first_key + n. Only elements inside the bounds
    of `out`, `ks` and `ke` are read and written: they end where the problem
    ends, while a staged tile always has its full size. Elements outside of a
    query's range are not written.

    ```mlir
    mqa.tile_logits ins(%q, %k, %k_scale, %weights, %ks, %ke : ...)
        first_key(%n) outs(%out_rows : memref<?x?xf32, strided<[?, 1]>>)
    ```
  }];
  let arguments = (ins
    MemRefRankOf<[F8E4M3FN], [3]>:$q, MemRefRankOf<[F8E4M3FN], [2]>:$k,
    MemRefRankOf<[F32], [1]>:$k_scale, MemRefRankOf<[F32], [2]>:$weights,
    MemRefRankOf<[I32], [1]>:$ks, MemRefRankOf<[I32], [1]>:$ke,
    Index:$first_key, MemRefRankOf<[F32], [2]>:$out);
  let assemblyFormat = [{
    `ins` `(` $q `,` $k `,` $k_scale `,` $weights `,` $ks `,` $ke `:`
      type($q) `,` type($k) `,` type($k_scale) `,` type($weights) `,`
      type($ks) `,` type($ke) `)`
    `first_key` `(` $first_key `)` `outs` `(` $out `:` type($out) `)` attr-dict
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Level 6: fragments
//===----------------------------------------------------------------------===//

def MQA_WgmmaOp : MQA_Op<"wgmma"> {
  let summary = "Starts D = A * B^T of one warpgroup on the tensor cores";
  let description = [{
    A is 64 x K keys, B is N x K (leading dims of B are flattened into N), both
    f8E4M3FN and K-major in shared memory, rows swizzled by their size: 32, 64 or
    128 bytes. All K steps are issued; the result must not be read before an
    `mqa.wgmma_wait` that follows an `nvvm.wgmma.commit.group.sync.aligned`.

    Why this op exists: `nvgpu.warpgroup.mma` steps the descriptor of an fp8 B as
    if it were MN-major, and fuses fence, mma, commit and wait in one.

    ```mlir
    %acc = mqa.wgmma %k, %q : memref<64x128xf8E4M3FN, 3>, memref<2x64x128xf8E4M3FN, 3>
        -> !mqa.fragment<vector<64x128xf32>>
    ```
  }];
  let arguments = (ins MemRefRankOf<[F8E4M3FN], [2]>:$a,
                       MemRefRankOf<[F8E4M3FN], [2, 3]>:$b);
  let results = (outs MQA_FragmentType:$result);
  let assemblyFormat = [{
    $a `,` $b attr-dict `:` type($a) `,` type($b) `->` type($result)
  }];
  let hasVerifier = 1;
}

def MQA_WgmmaWaitOp : MQA_Op<"wgmma_wait", [AllTypesMatch<["fragment", "result"]>]> {
  let summary = "Waits for WGMMA groups and returns an accumulator that may be read";
  let description = [{
    Waits until at most `pending` committed groups are unfinished. The fragment
    passes through: registers that WGMMA writes asynchronously must not be read,
    moved or reused before the wait, and this op's result is what orders them.

    ```mlir
    %done = mqa.wgmma_wait %acc {pending = 0 : i64} : !mqa.fragment<vector<64x128xf32>>
    ```
  }];
  let arguments = (ins MQA_FragmentType:$fragment,
    ConfinedAttr<I64Attr, [IntNonNegative, IntMaxValue<7>]>:$pending);
  let results = (outs MQA_FragmentType:$result);
  let assemblyFormat = "$fragment attr-dict `:` type($fragment)";
}

def MQA_UnpackFragmentOp : MQA_Op<"unpack_fragment", [Pure]> {
  let summary = "The registers of a fragment, one value each";
  let description = [{
    Result r is the thread's register r; `!mqa.fragment` says which element.

    ```mlir
    %r:64 = mqa.unpack_fragment %done : !mqa.fragment<vector<64x128xf32>>
    ```
  }];
  let arguments = (ins MQA_FragmentType:$fragment);
  let results = (outs Variadic<F32>:$registers);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

#endif // MQA_KERNEL_OPS_TD
