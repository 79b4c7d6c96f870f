//===- MQAKernelOps.td - Ops that exist inside kernels -----*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_KERNEL_OPS_TD
#define MQA_KERNEL_OPS_TD

include "mqa/Dialect/MQA/IR/MQALayoutOps.td"
include "mqa/Dialect/MQA/IR/MQARangesOps.td"
include "mqa/Dialect/MQA/IR/MQATopkOps.td"
include "mlir/Interfaces/ViewLikeInterface.td"

//===----------------------------------------------------------------------===//
// Level 3: tiled kernel
//===----------------------------------------------------------------------===//

def MQA_RowBlockOp : MQA_Op<"row_block", [
    Pure, DeclareOpInterfaceMethods<ViewLikeOpInterface>]> {
  let summary = "Some rows of a memref, as one of its own";
  let description = [{
    Rows [row, row + num_rows) of `source`: a row is what its first dimension counts, an
    element of a vector. The result starts at its first element (offset 0).

    Why this op exists: on the device an index has 32 bits, which inside a block
    of rows suffices and halves the registers of address arithmetic. A logits
    matrix may be larger; this op is lowered with 64-bit arithmetic.

    ```mlir
    %rows = mqa.row_block %out[%m] rows %c2
        : memref<?x?xf32, strided<[?, 1], offset: ?>> -> memref<?x?xf32, strided<[?, 1]>>
    ```
  }];
  let arguments = (ins
    MemRefRankOf<[F8E4M3FN, F8E5M2, F32, BF16, F16, I8, I32], [1, 2, 3, 4]>:$source,
    Index:$row, Index:$num_rows);
  let results = (outs
    MemRefRankOf<[F8E4M3FN, F8E5M2, F32, BF16, F16, I8, I32], [1, 2, 3, 4]>:$result);
  let assemblyFormat = [{
    $source `[` $row `]` `rows` $num_rows attr-dict `:` type($source) `->` type($result)
  }];
  let hasVerifier = 1;
}

def MQA_GatherPagesOp : MQA_Op<"gather_pages", [Pure]> {
  let summary = "Consecutive keys of a sequence, wherever the cache has them";
  let description = [{
    Keys [first, first + num_keys) of a sequence whose key n lies in block
    `table[0, n / P]` of `cache`, at slot n mod P. `cache` is C x P x D or, of scales, C x P.
    num_keys may be less than one tile of keys, but not negative; no other entries of
    the table are read.

    The result has no address: it is read by a tile's `mqa.logits` and, when that is staged,
    by `mqa.ring_put` or `mqa.fill_tile`; `first` is a multiple of the tile's size.

    Why this op exists: it is the one place where a tile of a paged cache differs
    from a tile of a matrix.

    ```mlir
    %keys = mqa.gather_pages %cache[%table] from %n keys %c128
        : memref<?x64x128xf8E4M3FN, strided<[8448, 128, 1]>>, memref<1x?xi32> -> memref<?x128xf8E4M3FN>
    ```
  }];
  let arguments = (ins MemRefRankOf<[F8E4M3FN, F8E5M2, BF16, F16, F32, I8, I32], [2, 3]>:$cache, MemRefRankOf<[I32], [2]>:$table,
                       Index:$first, Index:$num_keys);
  let results = (outs MemRefRankOf<[F8E4M3FN, F8E5M2, BF16, F16, F32, I8, I32], [1, 2]>:$keys);
  let assemblyFormat = [{
    $cache `[` $table `]` `from` $first `keys` $num_keys attr-dict
    `:` type($cache) `,` type($table) `->` type($keys)
  }];
  let hasVerifier = 1;
}

def MQA_GatherBlocksOp : MQA_Op<"gather_blocks", [Pure]> {
  let summary = "As mqa.gather_pages, of blocks whose numbers a warp has read";
  let description = [{
    Keys [first, first + tile) of a sequence. With blocks of P keys, lane i of the
    warp has in `ids` the number of the block that holds key first + i * P, or -1, where no
    key is needed, as far as the tile goes: a fill loads block by block, and
    what it has no block for becomes zero. Where a tile is part of one
    block, `first` says which.

    ```mlir
    %keys = mqa.gather_blocks %cache[%ids] from %n
        : memref<?x64x128xf8E4M3FN, strided<[8448, 128, 1]>> -> memref<?x128xf8E4M3FN>
    ```
  }];
  let arguments = (ins MemRefRankOf<[F8E4M3FN, F8E5M2, BF16, F16, F32, I8, I32], [2, 3]>:$cache,
                       I32:$ids, Index:$first);
  let results = (outs MemRefRankOf<[F8E4M3FN, F8E5M2, BF16, F16, F32, I8, I32], [1, 2]>:$keys);
  let assemblyFormat = [{
    $cache `[` $ids `]` `from` $first attr-dict `:` type($cache) `->` type($keys)
  }];
  let hasVerifier = 1;
}

def MQA_CleanRowsOp : MQA_Op<"clean_rows", [
    AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<MQA_RoleOpInterface>,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "Writes -inf outside of each row's range";
  let description = [{
    Writes -inf to out[m, n] for every row m of the block and every column n that no key of
    row m of `ranges` belongs to. `out` has a column for each key, or more; rows of
    compressed ranges may have any number. The work is shared by `num_threads`
    threads, of which this is number `thread`; absent means one thread.

    Why this op exists: cleaning is a plain fill, which other threads than those
    of the matrix unit do beside it: it then costs no more than its bytes.

    ```mlir
    mqa.clean_rows %out_rows, %ranges threads %i of %n : memref<?x?xf32, strided<[?, 1]>>
    ```
  }];
  let arguments = (ins MemRefRankOf<[F32, BF16, F16], [2]>:$out,
                       MQA_RangesType:$ranges,
                       Optional<Index>:$thread, Optional<Index>:$num_threads);
  let assemblyFormat = [{
    $out `,` $ranges (`threads` $thread^ `of` $num_threads)? attr-dict `:` type($out)
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
    warps have released it. With `turns` above 1, that many consumer groups
    get slots in turn, by position; else every consumer gets every slot.
    A slot is filled by `producers` warps together, which all execute the same puts:
    one where tensor maps fill it. The number of the first is a multiple of `producers`.

    `filler` is the role of the warps that fill the ring, `reader` that of those that get its
    slots. A converter stands between two rings: it gets slots of one, of which it is
    the reader, and fills slots of the other, of which it is the filler.

    ```mlir
    %ring = mqa.ring_create {consumers = 16 : i64}
        : !mqa.ring<4, memref<256x128xf8E4M3FN, #mqa.staged<shape = [256, 128], dims = [0, 1], swizzle = 16>, #gpu.address_space<workgroup>>>
    ```
  }];
  let arguments = (ins
    DefaultValuedAttr<ConfinedAttr<I64Attr, [IntPositive]>, "1">:$consumers,
    DefaultValuedAttr<ConfinedAttr<I64Attr, [IntPositive]>, "1">:$turns,
    DefaultValuedAttr<ConfinedAttr<I64Attr, [IntPositive]>, "1">:$producers,
    DefaultValuedAttr<MQA_RoleEnumAttr, "::mlir::mqa::Role::Producer">:$filler,
    DefaultValuedAttr<MQA_RoleEnumAttr, "::mlir::mqa::Role::Consumer">:$reader);
  let results = (outs MQA_RingType:$ring);
  let assemblyFormat = "attr-dict `:` type($ring)";
  let builders = [
    /// What `mqa-specialize-warps` will say is left at its defaults.
    OpBuilder<(ins "::mlir::mqa::RingType":$ring)>];
  let hasVerifier = 1;
}

class MQA_RingOp<string mnemonic, list<Trait> traits = []>
    : MQA_Op<mnemonic, traits> {
  code positionDoc = [{
    `position` is the running number of a slot, from 0, modulo 2^32; it names slot
    `position mod stages`.
  }];
}

def MQA_RingPutOp : MQA_RingOp<"ring_put", [DeclareOpInterfaceMethods<MQA_RoleOpInterface>]> {
  let summary = "Waits for an empty slot and starts to copy tiles into it";
  let description = [{
    Executed by the ring's `producers` warps, whole and converged. The slot is
    full once all of its tiles are there, by whichever kind of copy. A source may be
    smaller than the slot's tile; the rest of the slot then holds unspecified
    values, or zeros.

    This is `mqa.ring_acquire`, an `mqa.fill_tile` for each tile and `mqa.ring_commit` in one:
    how each tile is copied is no matter of this op. `mqa-expand-puts` decides it, from the
    target and the operands.

    Tile and source have the same dims. Where the tile's layout has its memory in boxes (the last
    dims of memory are all dims of the tile, each once), one copy fills a box, whose dims are those of the source in the layout's
    order; the dims of memory before them count boxes.
  }] # positionDoc # [{
    ```mlir
    mqa.ring_put %ring[%i], %k_rows, %k_scale_rows : !mqa.ring<...>, memref<...>, memref<...>
    ```
  }];
  let arguments = (ins MQA_RingType:$ring, I32:$position,
                       Variadic<AnyMemRef>:$sources);
  let assemblyFormat = [{
    $ring `[` $position `]` `,` $sources attr-dict `:` type($ring) `,` type($sources)
  }];
  let hasVerifier = 1;
}

def MQA_RingGetOp : MQA_RingOp<"ring_get", [DeclareOpInterfaceMethods<MQA_RoleOpInterface>]> {
  let summary = "Waits for a full slot and returns its tiles";
  let description = positionDoc # [{
    ```mlir
    %k_tile, %k_scale_tile = mqa.ring_get %ring[%i] : !mqa.ring<...> -> memref<...>, memref<...>
    ```
  }];
  let arguments = (ins MQA_RingType:$ring, I32:$position);
  let results = (outs Variadic<AnyMemRef>:$tiles);
  let builders = [
    /// The tiles are the ring's.
    OpBuilder<(ins "::mlir::Value":$ring, "::mlir::Value":$position)>];
  let assemblyFormat = [{
    $ring `[` $position `]` attr-dict `:` type($ring) `->` type($tiles)
  }];
  let hasVerifier = 1;
}

def MQA_RingReleaseOp : MQA_RingOp<"ring_release", [DeclareOpInterfaceMethods<MQA_RoleOpInterface>]> {
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

include "mqa/Dialect/MQA/IR/MQAFillOps.td"

def MQA_FitQueriesOp : MQA_Op<"fit_queries", [
    AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<MQA_RoleOpInterface>,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "Scales staged queries and weights so that f16 cannot overflow";
  let description = [{
    In place, by powers of two: a head's q by 2^-s, so that |q . k| <= 64000 for
    every k of finite f8E4M3FN; a query's weights by 2^(s - e), so that the sum of
    their magnitudes is at most 1. Every score and every partial sum over heads
    is then a finite f16. Returns 2^e as two factors per query, of about half the
    exponent each: weights * relu(q . k) summed over the heads, times both factors, is
    what it was before.

    s follows from the sum of |q| over a head, times 448. An element of q that becomes
    subnormal is rounded: by at most 2^(s - 10), which is at most 2^-16 of the
    sum of |q|.

    Executed by `num_threads` threads, whole warps, of which this is number
    `thread`, between a get and the first use of the slot; they synchronise.
    Absent means one warp.

    Why this op exists: a sum over heads in packed f16 costs half of one in f32,
    but scores of fp8 reach 448 * 448 * D, far past 65504. Scaling a query block
    once costs next to nothing beside all its keys.

    ```mlir
    %f = mqa.fit_queries %q, %weights threads %i of %n
        : memref<8x64x128xf8E4M3FN, #mqa.staged<shape = [2, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>, #gpu.address_space<workgroup>>, memref<8x64xf32, #gpu.address_space<workgroup>> -> memref<2x8xf32, #gpu.address_space<workgroup>>
    ```
  }];
  let arguments = (ins MemRefRankOf<[F8E4M3FN], [3]>:$q,
                       MemRefRankOf<[F32], [2]>:$weights,
                       Optional<Index>:$thread, Optional<Index>:$num_threads);
  let results = (outs MemRefRankOf<[F32], [2]>:$factors);
  let assemblyFormat = [{
    $q `,` $weights (`threads` $thread^ `of` $num_threads)? attr-dict
    `:` type($q) `,` type($weights) `->` type($factors)
  }];
  let hasVerifier = 1;
}

def MQA_TileLogitsOp : MQA_Op<"tile_logits", [
    AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<MQA_RoleOpInterface, ["getCarried"]>,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "The logits of one staged tile";
  let description = [{
    The formula of `mqa.logits` on a tile whose q, k, k_scale and weights lie in
    shared memory with static shapes; ranges are no matter here, but of
    `mqa.store_logits`:

    | operand | shape | element |
    | --- | --- | --- |
    | q | queries x heads x D | of `#mqa.staged` layout: the first dim of memory counts groups of queries, if it counts queries at all |
    | k, k_scale | keys (x D) | k of `#mqa.staged` layout, zero, as q, from the source's D on |
    | weights | (as k_scale, `none`: 1) queries x at least all heads of q | a row per query |
    | onto | queries x keys | to which the logits are added: those of other heads |
    | factors | 2 x queries, shared memory | by which a query's logits are multiplied (`mqa.fit_queries`) |
    | result | queries x keys | |

    The queries of a group go to one consumer group, with 64 rows of as many heads of each at a
    time: a head tile. How they lie in there is the matrix unit's choice (`MatrixUnit::getOperandLayout`).

    Heads from `num_heads` on are padding, where weights are zero; it is given where q
    is not zero, or a key may be infinite, which times zero would be NaN.

    How it is computed the op says too, so that no pass below asks the schedule:

    | attribute | meaning |
    | --- | --- |
    | `relu` | how a score becomes non-negative, where `activation` is relu: see `#mqa.schedule`. `add_abs` and `mixed` are for f8E4M3FN: an infinite score plus its magnitude would be NaN |
    | `reduction` | `f16`: in packed half precision, with `relu` of `max`, `weights`, the `factors` that keep it from overflowing, and no `num_heads` |
    | `accumulators` | head tiles whose scores are under way at a time |

    ```mlir
    %logits = mqa.tile_logits ins(%q, %k, %k_scale, %weights : ...) : vector<8x128xf32>
    ```
  }];
  let arguments = (ins
    MemRefRankOf<[F8E4M3FN, F8E5M2, BF16, F16], [3]>:$q,
    MemRefRankOf<[F8E4M3FN, F8E5M2, BF16, F16], [2]>:$k,
    Optional<MemRefRankOf<[F32], [1]>>:$k_scale,
    Optional<MemRefRankOf<[F32], [2]>>:$weights,
    Optional<VectorOfRankAndType<[2], [F32]>>:$onto,
    Optional<MemRefRankOf<[F32], [2]>>:$factors,
    DefaultValuedAttr<MQA_ActivationEnumAttr, "::mlir::mqa::Activation::Relu">:$activation,
    Optional<Index>:$num_heads,
    DefaultValuedAttr<MQA_ReluEnumAttr, "::mlir::mqa::Relu::Max">:$relu,
    DefaultValuedAttr<MQA_ReductionEnumAttr, "::mlir::mqa::Reduction::F32">:$reduction,
    DefaultValuedAttr<ConfinedAttr<I64Attr, [IntMinValue<1>, IntMaxValue<2>]>, "1">:$accumulators);
  let results = (outs VectorOfRankAndType<[2], [F32]>:$logits);
  let assemblyFormat = [{
    `ins` `(` custom<TileInputs>($q, type($q), $k, type($k), $k_scale,
      type($k_scale), $weights, type($weights)) `)`
    (`onto` `(` $onto^ `:` type($onto) `)`)?
    (`factors` `(` $factors^ `:` type($factors) `)`)?
    (`num_heads` `(` $num_heads^ `)`)? attr-dict `:` type($logits)
  }];
  let extraClassDeclaration = [{
    /// Groups of queries, of which a consumer group has one, and queries of one.
    int64_t getQueryGroups();
    int64_t getTileQueries() {
      return getLogits().getType().getDimSize(0) / getQueryGroups();
    }
    int64_t getNumKeys() { return getK().getType().getDimSize(0); }
    /// Heads of a head tile, and head tiles.
    int64_t getTileHeads() { return 64 / getTileQueries(); }
    int64_t getHeadTiles() { return getQ().getType().getDimSize(1) / getTileHeads(); }
  }];
  let hasVerifier = 1;
}

def MQA_StoreLogitsOp : MQA_Op<"store_logits", [
    DeclareOpInterfaceMethods<MQA_RoleOpInterface>,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "Stores the logits of a tile that lie in their query's range";
  let description = [{
    `logits` has a row per query and a column per key, of which the first is key
    `first_key` of the sequence. `ranges` and `out` (whole rows, of f32, bf16 or f16) have a
    row per query, or fewer, where the problem ends. Key n goes to the column of `out` that
    belongs to it: n, or, where the ranges are compressed, n less the first key of the row's
    range. Keys outside of a query's range are not written. `out` has a column for each
    key, or more; rows of compressed ranges may have any number.

    ```mlir
    mqa.store_logits %logits, %ranges first_key(%n) outs(%rows : memref<?x?xf32, strided<[?, 1]>>)
        : vector<8x128xf32>
    ```
  }];
  let arguments = (ins VectorOfRankAndType<[2], [F32]>:$logits, MQA_RangesType:$ranges,
    Index:$first_key, MemRefRankOf<[F32, BF16, F16], [2]>:$out);
  let assemblyFormat = [{
    $logits `,` $ranges `first_key` `(` $first_key `)` `outs` `(` $out `:` type($out) `)`
    attr-dict `:` type($logits)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Level 5: vectors
//===----------------------------------------------------------------------===//

def MQA_ScatterColumnsOp : MQA_Op<"scatter_columns", [
    AllShapesMatch<["vector", "columns", "mask"]>,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "Writes a vector to columns that each element names";
  let description = [{
    base[m, columns[m, n]] = vector[m, n] where mask[m, n].

    Why this op exists: `vector.transfer_write` writes all rows from the same column
    on, `vector.scatter` all elements to one row.

    ```mlir
    mqa.scatter_columns %v, %rows[%columns] mask %mask
        : vector<8x128xf32>, memref<?x?xf32, strided<[?, 1]>>, vector<8x128xindex>, vector<8x128xi1>
    ```
  }];
  let arguments = (ins VectorOfRankAndType<[2], [F32, BF16, F16]>:$vector,
    MemRefRankOf<[F32, BF16, F16], [2]>:$base,
    VectorOfRankAndType<[2], [Index]>:$columns, VectorOfRankAndType<[2], [I1]>:$mask);
  let assemblyFormat = [{
    $vector `,` $base `[` $columns `]` `mask` $mask attr-dict
    `:` type($vector) `,` type($base) `,` type($columns) `,` type($mask)
  }];
  let hasVerifier = 1;
}

include "mqa/Dialect/MQA/IR/MQACandidateOps.td"
include "mqa/Dialect/MQA/IR/MQAFilterOps.td"
include "mqa/Dialect/MQA/IR/MQAFragmentOps.td"

#endif // MQA_KERNEL_OPS_TD
