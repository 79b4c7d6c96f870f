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
  let summary = "Some rows of a memref, as a memref of their own";
  let description = [{
    The result has the rows [row, row + num_rows) of `source`. The first dimension of `source` counts rows; in a vector, a
    row is an element. The result begins at its first element (offset 0).

    Why this op exists: on the device an index has 32 bits. That is enough inside of a block of rows, and halves the
    registers for addresses. But a logits matrix may be larger. So this op is lowered with 64-bit arithmetic.

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
    The result is the keys [first, first + num_keys) of a sequence. Key n of the sequence lies in block `table[0, n / P]`
    of `cache`, at place n mod P. `cache` is C x P x D; for scales, it is C x P. num_keys is not negative, and may be less
    than a tile of keys. The op reads no other entries of the table.

    With `block_size`, `cache` is a matrix of keys, N x D, or of their scales, N: block b has the `block_size` rows from
    b * block_size on. The last block may end behind the last row. Key n then lies in block `table[0, n / block_size]`.

    With `block_size`, `cache` may also be a paged one. `block_size` then divides P, and the P / block_size blocks of each
    cache block are counted through: block b lies in cache block b / (P / block_size).

    With `pages`, the line of a sequence in the block table, `cache` is a paged one, and `table` counts blocks of the
    sequence. Block b then lies in cache block `pages[0, b / (P / block_size)]`, and has no keys where `pages` has no such
    entry.

    The result has no address. A tile's `mqa.logits` reads it. When the tile is staged, `mqa.ring_put` or `mqa.fill_tile`
    reads it. `first` is a multiple of the tile's size.

    Why this op exists: only in this op does a tile of a paged cache, or of chosen blocks, differ from a tile of a matrix.

    ```mlir
    %keys = mqa.gather_pages %cache[%table] from %n keys %c128
        : memref<?x64x128xf8E4M3FN, strided<[8448, 128, 1]>>, memref<1x?xi32> -> memref<?x128xf8E4M3FN>
    %chosen = mqa.gather_pages %matrix[%table] from %n keys %c128 {block_size = 8}
        : memref<?x128xf8E4M3FN>, memref<1x?xi32> -> memref<?x128xf8E4M3FN>
    %of_pages = mqa.gather_pages %cache[%table] pages(%line : memref<1x?xi32>) from %n keys %c128 {block_size = 8}
        : memref<?x64x128xf8E4M3FN, strided<[8448, 128, 1]>>, memref<1x?xi32> -> memref<?x128xf8E4M3FN>
    ```
  }];
  let arguments = (ins MemRefRankOf<[F8E4M3FN, F8E5M2, BF16, F16, F32, I8, I32], [1, 2, 3]>:$cache, MemRefRankOf<[I32], [2]>:$table,
                       Optional<MemRefRankOf<[I32], [2]>>:$pages, Index:$first, Index:$num_keys,
                       OptionalAttr<ConfinedAttr<I64Attr, [IntPositive]>>:$block_size);
  let results = (outs MemRefRankOf<[F8E4M3FN, F8E5M2, BF16, F16, F32, I8, I32], [1, 2]>:$keys);
  let assemblyFormat = [{
    $cache `[` $table `]` (`pages` `(` $pages^ `:` type($pages) `)`)? `from` $first `keys` $num_keys attr-dict
    `:` type($cache) `,` type($table) `->` type($keys)
  }];
  let extraClassDeclaration = [{
    /// Keys of a block.
    int64_t getBlockKeys() {
      std::optional<uint64_t> size = getBlockSize();
      return size ? *size : getCache().getType().getDimSize(1);
    }
    /// Whether the cache has blocks, and is no matrix.
    bool isPaged() {
      return getCache().getType().getRank() > getKeys().getType().getRank();
    }
    /// Blocks of a cache block.
    int64_t getPageBlocks() {
      return isPaged() ? getCache().getType().getDimSize(1) / getBlockKeys() : 1;
    }
  }];
  let hasVerifier = 1;
}

def MQA_GatherBlocksOp : MQA_Op<"gather_blocks", [Pure]> {
  let summary = "As mqa.gather_pages, from blocks whose numbers a warp has read";
  let description = [{
    The result is the keys [first, first + tile) of a sequence, in a cache with blocks of P keys. In `ids`, lane i of the
    warp has the number of the block that holds key first + i * P, as far as the tile goes. If no key of the block is
    needed, the lane has -1. A fill loads block by block. Where there is no block, the tile becomes zero. If the tile is
    a part of one block, `first` says which part. `block_size` is as in `mqa.gather_pages`.

    ```mlir
    %keys = mqa.gather_blocks %cache[%ids] from %n
        : memref<?x64x128xf8E4M3FN, strided<[8448, 128, 1]>> -> memref<?x128xf8E4M3FN>
    ```
  }];
  let arguments = (ins MemRefRankOf<[F8E4M3FN, F8E5M2, BF16, F16, F32, I8, I32], [1, 2, 3]>:$cache,
                       I32:$ids, Index:$first,
                       OptionalAttr<ConfinedAttr<I64Attr, [IntPositive]>>:$block_size);
  let results = (outs MemRefRankOf<[F8E4M3FN, F8E5M2, BF16, F16, F32, I8, I32], [1, 2]>:$keys);
  let assemblyFormat = [{
    $cache `[` $ids `]` `from` $first attr-dict `:` type($cache) `->` type($keys)
  }];
  let extraClassDeclaration = [{
    /// Keys of a block.
    int64_t getBlockKeys() {
      std::optional<uint64_t> size = getBlockSize();
      return size ? *size : getCache().getType().getDimSize(1);
    }
    /// Whether the cache has blocks, and is no matrix.
    bool isPaged() {
      return getCache().getType().getRank() > getKeys().getType().getRank();
    }
    /// Blocks of a cache block.
    int64_t getPageBlocks() {
      return isPaged() ? getCache().getType().getDimSize(1) / getBlockKeys() : 1;
    }
  }];
  let hasVerifier = 1;
}

def MQA_CleanRowsOp : MQA_Op<"clean_rows", [
    AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<MQA_RoleOpInterface>,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "Writes -inf outside of each row's range";
  let description = [{
    Writes -inf to out[m, n] for every row m of the block, and for every column n to which no key of the range of row m
    belongs. `ranges` has the ranges of the rows. `out` has at least one column for each key; if the ranges are
    compressed, it may have any number. `num_threads` threads share the work; this thread has the number `thread`. Without
    `threads`, one thread does all of it.

    Why this op exists: cleaning is a plain fill. Other threads than those of the matrix unit do it at the same time, so it
    costs no more than its bytes.

    ```mlir
    %ranges = mqa.make_ranges %ks, %ke keys(%num_keys) : memref<?xi32>, memref<?xi32>
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
    All slots start empty. A slot is empty again when `consumers` warps have released it. If `turns` is greater than 1,
    that many consumer groups get slots in turn, by position; else every consumer gets every slot. `producers` warps fill a
    slot together, and all of them execute the same puts. If tensor maps fill the ring, there is one producer. The number
    of the first producer warp is a multiple of `producers`. Several warps may fill different slots of a ring, each slot
    always the same one; `producers` is 1 then.

    `filler` is the role of the warps that fill the ring. `reader` is the role of the warps that get its slots. A converter
    stands between two rings: it is the reader of one ring and the filler of the other ring.

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
    The ring's `producers` warps execute this op, whole and converged. The slot is full when all of its tiles are there, by
    whichever kind of copy. A source may be smaller than the slot's tile. The rest of the tile then becomes zero, or is
    unspecified, as `mqa.fill_tile` says.

    A slot may have more tiles than there are sources. The put does not fill these tiles: the readers of the slot write
    them.

    A put is an `mqa.ring_acquire`, an `mqa.fill_tile` for each tile and an `mqa.ring_commit` in one. It does not say how
    each tile is copied: `mqa-expand-puts` decides that, from the target and the sources.

    Tile and source have the same dims. If the layout of the tile has boxes (the last dims of memory are all dims of the
    tile, each once), one copy fills one box. The dims of a box are those of the source in the order of the layout. The
    dims of memory before them count boxes.

  }] # positionDoc # [{
    ```mlir
    !ring = !mqa.ring<4, memref<256x128xf8E4M3FN, #mqa.staged<shape = [256, 128], dims = [0, 1], swizzle = 16>, #gpu.address_space<workgroup>>,
                         memref<256xf32, #gpu.address_space<workgroup>>>
    %ring = mqa.ring_create : !ring
    mqa.ring_put %ring[%i], %k_rows, %k_scale_rows : !ring, memref<?x128xf8E4M3FN>, memref<?xf32>
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
  let description = [{
    The ring's readers execute this op: whole, converged warps of the role `reader` of the ring.

  }] # positionDoc # [{
    ```mlir
    !ring = !mqa.ring<4, memref<256xf32, #gpu.address_space<workgroup>>>
    %ring = mqa.ring_create : !ring
    %tile = mqa.ring_get %ring[%i] : !ring -> memref<256xf32, strided<[1], offset: ?>, #gpu.address_space<workgroup>>
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
    A whole, converged warp executes this op.

  }] # positionDoc # [{
    ```mlir
    !ring = !mqa.ring<4, memref<256xf32, #gpu.address_space<workgroup>>>
    %ring = mqa.ring_create : !ring
    %tile = mqa.ring_get %ring[%i] : !ring -> memref<256xf32, strided<[1], offset: ?>, #gpu.address_space<workgroup>>
    %scale = memref.load %tile[%n] : memref<256xf32, strided<[1], offset: ?>, #gpu.address_space<workgroup>>
    memref.store %scale, %out[%n] : memref<?xf32>
    mqa.ring_release %ring[%i] : !ring
    ```
  }];
  let arguments = (ins MQA_RingType:$ring, I32:$position);
  let assemblyFormat = "$ring `[` $position `]` attr-dict `:` type($ring)";
}

include "mqa/Dialect/MQA/IR/MQAFillOps.td"
include "mqa/Dialect/MQA/IR/MQAMxOps.td"

def MQA_FitQueriesOp : MQA_Op<"fit_queries", [
    AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<MQA_RoleOpInterface>,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "Scales staged queries and weights so that f16 cannot overflow";
  let description = [{
    The op scales in place, by powers of two:

    - a head's q by 2^-s, so that |q . k| <= 64000 for every k of finite f8E4M3FN;
    - a query's weights by 2^(s - e), so that the sum of their magnitudes is at most 1.

    Then every score and every partial sum over heads is a finite f16. The op returns 2^e as two factors per query, each
    with about half of the exponent. Weights * relu(q . k), summed over the heads and multiplied by both factors, is the
    same as before.

    s follows from the sum of |q| over a head, times 448. An element of q that becomes subnormal is rounded: by at most
    2^(s - 10), which is at most 2^-16 of the sum of |q|.

    `num_threads` threads execute the op. They are whole warps, and this thread has the number `thread`. The op stands
    between a get and the first use of the slot, and synchronises its threads. Without `threads`, one warp executes it.

    Why this op exists: a sum over heads in packed f16 costs half of a sum in f32, but scores of fp8 reach 448 * 448 * D,
    far past 65504. Scaling a query block once costs little beside all its keys.

    ```mlir
    !q = memref<8x64x128xf8E4M3FN, #mqa.staged<shape = [2, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>, #gpu.address_space<workgroup>>
    %factors = mqa.fit_queries %q, %weights threads %i of %n
        : !q, memref<8x64xf32, #gpu.address_space<workgroup>> -> memref<2x8xf32, #gpu.address_space<workgroup>>
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
    The formula of `mqa.logits` on a tile. q, k, k_scale and weights of the tile lie in shared memory, with static shapes.
    This op does not look at ranges; `mqa.store_logits` does.

    | operand | shape | meaning |
    | --- | --- | --- |
    | q | queries x heads x D | q has a `#mqa.staged` layout. If several consumer groups have queries of their own, the first dim of memory counts these groups of queries |
    | k, k_scale | keys x D, keys | k has a `#mqa.staged` layout. The tiles of k and q may have a larger D than their sources: there they are zero. Without `k_scale`, each scale is 1 |
    | k, k_scale of MXFP4 | keys x D / 2 of i8, keys of i32 | for `rows = keys`: pairs of elements, and words of block scales. The op decodes the keys like `mqa.decode_mx`, and q has the order of `mqa.permute_queries` |
    | weights | queries x at least all heads of q | a row for each query. Without `weights`, each weight is 1 |
    | onto | queries x keys | the logits of other heads. The op adds its own logits to them, or takes the maximum of both |
    | scales_onto | | a condition (i1), for an op with `onto` and a `k_scale` of f32. True: `k_scale` multiplies the combination of `onto` and the own heads. False: `k_scale` is not used. Absent: `k_scale` multiplies the own heads before they are combined with `onto`. A loop over blocks of heads gives true in its last iteration. A maximum needs it where a scale may be negative. With `factors`, a finite scale is taken apart: its magnitude multiplies the own heads in any case, ahead of the factors, and the condition is about its sign |
    | factors | 2 x queries, in shared memory | the op multiplies a query's logits by both of its factors (`mqa.fit_queries`, `mqa.decode_queries`) |
    | result | queries x keys | |

    A consumer group multiplies a head tile at a time: 64 rows, which are 64 / Q heads of each of its Q queries. With
    `rows = keys`, 64 of its keys are the rows, and the columns are a head tile: up to 128 / Q heads of each query. The matrix
    unit decides how a head tile lies in memory (`MatrixUnit::getOperandLayout`).

    Heads from `num_heads` on are padding, and have weights of zero. `num_heads` must be given if q is not zero in these
    heads, or if a key may be infinite, because zero times infinity is NaN; and with `head_reduction` max, because the
    logits of all real heads may be negative.

    Attributes say how the op is computed, so that no pass below asks the schedule:

    | attribute | meaning |
    | --- | --- |
    | `relu` | how a score becomes non-negative, if `activation` is relu: see `#mqa.schedule`. `add_abs` and `mixed` are for f8E4M3FN alone, because an infinite score plus its magnitude would be NaN. `max` alone is for `relu_nan_as_zero` |
    | `head_reduction` | as in `mqa.logits` |
    | `reduction` | `f16`: in packed half precision, for sums alone. Then `relu` is `max`, there are `weights` and the `factors` that keep the sum from overflowing, and there is no `num_heads` |
    | `accumulators` | the number of products whose scores are under way at a time: of head tiles, and with `rows` keys of keys, too |
    | `rows` | what the rows of a product are: see `#mqa.schedule`. `keys` is for a multiple of 64 keys, and f32 sums |

    ```mlir
    !q = memref<8x64x128xf8E4M3FN, #mqa.staged<shape = [1, 8, 4, 8, 2, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>, #gpu.address_space<workgroup>>
    !k = memref<128x128xf8E4M3FN, #mqa.staged<shape = [128, 128], dims = [0, 1], swizzle = 16>, #gpu.address_space<workgroup>>
    !k_scale = memref<128xf32, #gpu.address_space<workgroup>>
    !weights = memref<8x64xf32, #gpu.address_space<workgroup>>
    %logits = mqa.tile_logits ins(%q, %k, %k_scale, %weights : !q, !k, !k_scale, !weights) : vector<8x128xf32>
    ```
  }];
  let arguments = (ins
    MemRefRankOf<[F8E4M3FN, F8E5M2, BF16, F16], [3]>:$q,
    MemRefRankOf<[F8E4M3FN, F8E5M2, BF16, F16, I8], [2]>:$k,
    Optional<MemRefRankOf<[F32, I32], [1]>>:$k_scale,
    Optional<MemRefRankOf<[F32], [2]>>:$weights,
    Optional<VectorOfRankAndType<[2], [F32]>>:$onto,
    Optional<MemRefRankOf<[F32], [2]>>:$factors,
    DefaultValuedAttr<MQA_ActivationEnumAttr, "::mlir::mqa::Activation::Relu">:$activation,
    Optional<Index>:$num_heads,
    DefaultValuedAttr<MQA_ReluEnumAttr, "::mlir::mqa::Relu::Max">:$relu,
    DefaultValuedAttr<MQA_ReductionEnumAttr, "::mlir::mqa::Reduction::F32">:$reduction,
    DefaultValuedAttr<ConfinedAttr<I64Attr, [IntMinValue<1>, IntMaxValue<2>]>, "1">:$accumulators,
    DefaultValuedAttr<MQA_RowsEnumAttr, "::mlir::mqa::Rows::Heads">:$rows,
    DefaultValuedAttr<MQA_HeadReductionEnumAttr, "::mlir::mqa::HeadReduction::Sum">:$head_reduction,
    Optional<I1>:$scales_onto);
  let results = (outs VectorOfRankAndType<[2], [F32]>:$logits);
  let assemblyFormat = [{
    `ins` `(` custom<TileInputs>($q, type($q), $k, type($k), $k_scale,
      type($k_scale), $weights, type($weights)) `)`
    (`onto` `(` $onto^ `:` type($onto) `)`)?
    (`factors` `(` $factors^ `:` type($factors) `)`)?
    (`num_heads` `(` $num_heads^ `)`)? (`scales_onto` `(` $scales_onto^ `)`)? attr-dict `:` type($logits)
  }];
  let extraClassDeclaration = [{
    /// Groups of queries, of which a consumer group has one, and queries of one.
    int64_t getQueryGroups();
    int64_t getTileQueries() {
      return getLogits().getType().getDimSize(0) / getQueryGroups();
    }
    int64_t getNumKeys() { return getK().getType().getDimSize(0); }
    /// Whether keys are MXFP4 that consumers decode.
    bool hasPackedKeys() { return getK().getType().getElementType().isInteger(8); }
    /// Heads of a head tile, and head tiles.
    int64_t getTileHeads();
    int64_t getHeadTiles() { return getQ().getType().getDimSize(1) / getTileHeads(); }
  }];
  let useCustomPropertiesEncoding = 1;
  let hasVerifier = 1;
}

def MQA_StoreLogitsOp : MQA_Op<"store_logits", [
    DeclareOpInterfaceMethods<MQA_RoleOpInterface>,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "Stores the logits of a tile that lie in their query's range";
  let description = [{
    `logits` has a row for each query and a column for each key. Its first column is key `first_key` of the sequence.
    `ranges` and `out` have a row for each query, or fewer rows where the problem ends. `out` has whole rows of f32, bf16
    or f16.

    Key n goes to the column of `out` that belongs to it: column n, or, if the ranges are compressed, column n less the
    first key of the row's range. Keys outside of a query's range are not written. `out` has at least one column for each
    key; if the ranges are compressed, it may have any number. With `clean`, which is for ranges of `mqa.block_ranges`, the
    columns of a row that have no key of the row's range become -inf.

    If the ranges have `block_max = R`, column j is the maximum over the keys of block j that lie in the range, and a block
    without such a key is not written. Then `first_key` and the number of keys are multiples of R. NaN is greater than any
    number.

    ```mlir
    %ranges = mqa.make_ranges %ks, %ke keys(%num_keys) : memref<?xi32>, memref<?xi32>
    mqa.store_logits %logits, %ranges first_key(%n) outs(%rows : memref<?x?xf32, strided<[?, 1]>>)
        : vector<8x128xf32>
    ```
  }];
  let arguments = (ins VectorOfRankAndType<[2], [F32]>:$logits, MQA_RangesType:$ranges,
    Index:$first_key, MemRefRankOf<[F32, BF16, F16], [2]>:$out, UnitAttr:$clean);
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
  let summary = "Writes a vector to columns that a second vector names";
  let description = [{
    Writes vector[m, n] to base[m, columns[m, n]] where mask[m, n] is true.

    Why this op exists: `vector.transfer_write` writes all rows from the same column on, and `vector.scatter` writes all
    elements to one row.

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

def MQA_GatherColumnsOp : MQA_Op<"gather_columns", [
    AllShapesMatch<["columns", "mask", "result"]>,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "Reads the columns that a vector names";
  let description = [{
    result[m, n] is base[m, columns[m, n]] where mask[m, n] is true, and `padding` elsewhere, where nothing is read.

    Why this op exists: as of `mqa.scatter_columns`. `vector.gather` reads all elements from one row.

    ```mlir
    %v = mqa.gather_columns %base[%columns] mask %mask, %none
        : memref<1x?xi32, strided<[?, 1]>>, vector<8x128xindex>, vector<8x128xi1> -> vector<8x128xi32>
    ```
  }];
  let arguments = (ins MemRefRankOf<[I32], [2]>:$base,
    VectorOfRankAndType<[2], [Index]>:$columns, VectorOfRankAndType<[2], [I1]>:$mask,
    I32:$padding);
  let results = (outs VectorOfRankAndType<[2], [I32]>:$result);
  let assemblyFormat = [{
    $base `[` $columns `]` `mask` $mask `,` $padding attr-dict
    `:` type($base) `,` type($columns) `,` type($mask) `->` type($result)
  }];
}

include "mqa/Dialect/MQA/IR/MQACandidateOps.td"
include "mqa/Dialect/MQA/IR/MQAFilterOps.td"
include "mqa/Dialect/MQA/IR/MQAFragmentOps.td"

#endif // MQA_KERNEL_OPS_TD
