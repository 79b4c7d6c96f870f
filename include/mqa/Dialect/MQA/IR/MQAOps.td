//===- MQAOps.td - The public ops of the mqa dialect -------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_OPS_TD
#define MQA_OPS_TD

include "mqa/Dialect/MQA/IR/MQAAttrs.td"
include "mqa/Dialect/MQA/IR/MQAInterfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/TilingInterface.td"

def MQA_NoNegativeSizes : NativeOpTrait<"NoNegativeSizes"> {
  let cppNamespace = "::mlir::mqa";
}

class MQA_Op<string mnemonic, list<Trait> traits = []>
    : Op<MQA_Dialect, mnemonic, !listconcat(traits, [MQA_NoNegativeSizes])>;

def MQA_LogitsOp : MQA_Op<"logits", [
    AttrSizedOperandSegments,
    DestinationStyleOpInterface,
    MQA_LogitsOpInterface,
    ConditionallySpeculatable,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>,
    DeclareOpInterfaceMethods<TilingInterface, [
      "getIterationDomain", "getLoopIteratorTypes", "getTiledImplementation",
      "getResultTilePosition", "generateResultTileValue",
      "getIterationDomainTileFromOperandTiles", "getTiledImplementationFromOperandTiles"]>]> {
  let summary = "Multi-query attention logits over a range of keys per query";
  let description = [{
    ```
    out[m, n] = k_scale[n] * sum_h weights[m, h] * max(sum_d q[m, h, d] * k[n, d], 0)
                for max(ks[m], 0) <= n < min(ke[m], N)
    ```

    | operand | shape | element type |
    | --- | --- | --- |
    | `q` | M x H x D | f8E4M3FN, f8E5M2, bf16 or f16 |
    | | M x H x D / 2 | i8 beside `q_scale`: MXFP4 |
    | | M x H x D | f8E4M3FN beside `q_scale`: MXFP8; f4E2M1FN beside `q_scale`: MXFP4 |
    | `k` | N x D, or N x G x D | as `q`; beside `q_scale` f8E4M3FN, f8E5M2, bf16 or f16 |
    | | N x D / 2 | i8: MXFP4 |
    | | N x D | f8E4M3FN beside a `k_scale` of block scales: MXFP8; f4E2M1FN: MXFP4 |
    | `k_scale` (optional, 1) | N, or N x G | f32 |
    | | N, or N x 4 | i32, or f8E8M0FNU, where keys are MXFP4 or MXFP8 |
    | `weights` (optional, 1) | M x H | f32 or bf16 |
    | `ks` (optional, 0) | M | i32 |
    | `ke` | M | i32 |
    | `key_offset` (optional, 0) | | index |
    | `key_blocks` (optional) | M x B | i32 |
    | `num_key_blocks` (with `key_blocks`) | M | i32 |
    | `q_scale` (optional) | M x H, or M x H x 4 | i32, or f8E8M0FNU |
    | `out` | M x N, M x S with `compressed`, M x J with `block_max`, or M x (B * R) with `key_blocks` | f32, bf16 or f16 |

    **Sizes.** The numbers of queries M and of keys N are static or dynamic. There are 1 to 128 heads H. The head dim D is a
    multiple of 16 up to 256.

    **Operands.** The operands are all tensors, and the op returns the new `out`; or they are all memrefs, and the op writes
    `out`. A memref may be strided by rows, and is contiguous inside of a row. It lies in the default memory space or in
    global memory (`#gpu.address_space<global>`). Tensors have no encoding. `none` in the place of `k_scale`, `weights` or
    `ks` leaves the operand out.

    **Activation.** A score is one sum_d q . k of the formula. `activation = #mqa.activation<relu>`, the default, is
    max(score, 0). `#mqa.activation<none>` leaves the score as it is. NaN in q, k, k_scale or weights reaches every
    logit in which it takes part. With `#mqa.activation<relu_nan_as_zero>`, a score that is NaN counts as 0, as in
    DeepGEMM's kernels; NaN in k_scale or weights still reaches the logit. Sums are f32. `out` is rounded once, at the
    end.

    **Maximum over the heads.** With `head_reduction = #mqa.head_reduction<max>`, a logit is the greatest of what the
    heads have, and not their sum:

    ```
    out[m, n] = k_scale[n] * max_h (weights[m, h] * max(sum_d q[m, h, d] * k[n, d], 0))
    ```

    NaN is greater than any number. Weights may be negative, and `k_scale` multiplies behind the maximum, so it may be
    negative too. Each group of heads has a maximum, which its scale multiplies; the logit is the greatest of these
    products. There are no `fast` schedules.

    **Groups.** A key may have one vector for each of G groups of heads. H is a multiple of G. Head h reads group
    h / (H / G), and the scale of the group multiplies inside of the sum over heads. G = 1 is multi-query attention, G = H is
    multi-head attention, and others are grouped-query attention.

    **Ranges.** Ranges may be empty, reversed, negative, past N, or in any order. Outside of a row's range, the op writes
    -inf with `clean`. Without `clean`, it writes nothing there: these elements keep the value that `out` had.

    **Compressed rows.** With `compressed`, a row begins with its range: column j of row m belongs to key max(ks[m], 0) + j.
    A range longer than S columns is cut at S. Columns past the length of the range are -inf with `clean`, and not written
    without `clean`.

    **Key blocks.** With `key_blocks`, a query has logits of the keys of some blocks alone, and the work is in
    proportion to these. Block b has the R keys from b * R on; R is 8 or 16. Row m has the blocks `key_blocks[m, j]` for
    0 <= j < num_key_blocks[m]. Column j * R + o of row m belongs to key key_blocks[m, j] * R + o. Keys outside of the row's
    range, keys past N, and columns behind the row's blocks are -inf with `clean`, and not written without `clean`. Entries
    of `key_blocks` behind the row's blocks are not read. Blocks may be in any order, and repeat. A number that names no
    block has no key of the range. `num_key_blocks` may be negative (then it counts as 0) or greater than B (then it counts
    as B). There are no groups, and no `compressed` rows.

    **Block maxima.** With `block_max = R` (8, 64 or 128), `out` has a column for each block of R keys:

    ```
    out[m, j] = max of logit(m, n) over the keys n of block j, R * j <= n < R * (j + 1), in the range of row m
    ```

    Blocks are counted from key 0, and there are J = ceil(N / R). The logit is the one that the op without `block_max`
    writes, so scales, weights and the reduction over heads come before this maximum. NaN is greater than any number. A block without
    a key in the range is outside of the range: it is -inf with `clean`, and not written without `clean`. `block_max` and
    `compressed` exclude each other.

    **MXFP4 and MXFP8 keys.** Each block of 32 elements has a block scale, and `k_scale` has a word of four block scales
    for each key. Byte g of the word belongs to elements 32 g to 32 g + 31. It is an f8E8M0FNU: 2 to the power of
    (byte - 127), and NaN if the byte is 255. If D has fewer than four blocks, the other bytes are not read. An element of
    an MXFP8 key is an f8E4M3FN. An element of an MXFP4 key is an f4E2M1FN: a byte of `k` has two elements; the even one is
    in the low four bits. Such keys need a `k_scale`, a D of 32, 64, 96 or 128, and a `q` of f8E4M3FN, bf16 or f16, or one
    with a `q_scale`. They have no groups.

    A kernel for a GPU converts each key to the type in which its matrix unit multiplies queries. First it divides the
    key by the greatest of its block scales; it multiplies the logit by that scale again. The conversion of MXFP4 keys is
    exact while the bytes of the key's word differ by at most 14 (f8E4M3FN), 25 (f16) or 125 (bf16). If the byte of a block
    is smaller than the greatest byte by more than that, f8E4M3FN rounds the elements of the block to multiples of 2^-15
    times the greatest block scale; f16 and bf16 make them 0.

    MXFP8 keys become bf16 beside queries of bf16 or MXFP8, and f16 beside other queries, which become f16 too. This
    is exact while the bytes of the key's word differ by at most 117 (bf16) or 22 (f16). Elements of blocks with smaller
    bytes are off by at most 2^-126 (bf16) or 2^-31 (f16) times the greatest block scale.

    **MXFP4 and MXFP8 queries.** With `q_scale`, queries have block scales: each head of a query has a word of four block
    scales. Elements, words and D are as those of keys. Keys may have block scales too, or not. There are no groups, and
    no `fast` schedules. A GPU converts queries, once for all of their keys, and keys to the type of the products:

    | queries | keys | type of the products |
    | --- | --- | --- |
    | MXFP4 | f8E4M3FN, MXFP4 | f8E4M3FN |
    | MXFP4 | MXFP8, f8E5M2 | f16 |
    | MXFP8 | f8E4M3FN, f8E5M2 | f16 |
    | MXFP8 | MXFP4, MXFP8 | bf16 |
    | MXFP4 or MXFP8 | bf16, f16 | the type of the keys |

    A head is divided by the greatest of its block scales, and its weight (without `weights`: 1) is multiplied by that
    scale. The conversion of a head is exact in the same cases as that of a key. If the greatest product of a weight and a
    block scale of a query is more than 2^60 or less than 2^-60, all weights of the query are divided by a power of two,
    and the query's logits are multiplied by it. So a logit that is finite does not overflow on the way. A head whose
    product is less than 2^-66 times the greatest of its query may lose precision, or count as 0. If a block scale of a
    head is NaN, the scores of the head are NaN.

    **Typed elements and block scales.** Elements and block scales may have their own types, as other MLIR compilers write
    them: `k` is N x D of f4E2M1FN, and `k_scale` is N x 4 of f8E8M0FNU, or `q` is M x H x D, and `q_scale` M x H x 4. Each
    operand may be of one form or of the other. Both forms are the same in memory. Element 2i of a key is in the low four
    bits of byte i. Scale g is byte g of the word, so there are four columns for each D: if D has fewer than four blocks,
    the columns behind them are not read. Words lie at multiples of four bytes. Strides and the offset of a typed memref
    count elements, so they are multiples of 2 (f4E2M1FN) or 4 (f8E8M0FNU), also where they are dynamic.

    No pass below knows of these types. `mqa-pack-mx-types`, the first pass of each pipeline, makes bytes and words of typed
    operands, and of the functions and the ops that they come through.

    **Tiles.** `key_offset` is the position of key 0 of this op in the sequence to which `ks` and `ke` refer. The sequence ends
    with the last key of this op. Tiling the op over keys advances `key_offset`. A tile of memrefs has `ranges` (an
    `!mqa.ranges` with a row for each query) in the place of `ks`, `ke` and `compressed`: the tile is a part of a sequence,
    and the ranges say what the whole sequence is. Tiles of compressed ranges have all columns, and the tile at key 0 cleans.
    A `compressed` op on tensors is tiled over queries alone. An op with `block_max` is tiled over whole blocks: its second
    loop counts blocks, and `key_offset` is a multiple of R. A tile of memrefs has the R of its ranges.
    With `key_blocks`, `key_offset` is the column to which column 0 of `out` belongs, and tiles have all of `k`.

    In DeepGEMM's `fp8_mqa_logits`, the pair called `kv` is (k, k_scale).

    Examples: with all operands; without scales and weights; with 8 groups, and rows that begin with their range; with MXFP4
    keys; the maxima of blocks of 128 keys; with key blocks for each query; with MXFP8 keys; with MXFP4 queries and
    keys; the maximum over the heads; with typed MXFP4 keys; a tile.

    ```mlir
    %0 = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke :
             tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>,
             tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>)
         outs(%out : tensor<?x?xf32>) {clean} -> tensor<?x?xf32>
    %1 = mqa.logits ins(%q, %k, none, none, %ks, %ke : tensor<?x64x128xf8E4M3FN>,
             tensor<?x128xf8E4M3FN>, tensor<?xi32>, tensor<?xi32>)
         outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
    %2 = mqa.logits ins(%q, %k_groups, %k_scales, %weights, %ks, %ke :
             tensor<?x64x128xf8E4M3FN>, tensor<?x8x128xf8E4M3FN>, tensor<?x8xf32>,
             tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>)
         outs(%rows : tensor<?x2048xf32>) {clean, compressed} -> tensor<?x2048xf32>
    %3 = mqa.logits ins(%q, %k_mxfp4, %block_scales, %weights, %ks, %ke :
             tensor<?x64x128xf8E4M3FN>, tensor<?x64xi8>, tensor<?xi32>,
             tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>)
         outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
    %4 = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke :
             tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>,
             tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>)
         outs(%maxima : tensor<?x?xf32>) {block_max = 128 : i64, clean} -> tensor<?x?xf32>
    %5 = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke : tensor<?x64x128xf8E4M3FN>,
             tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>)
         blocks(%key_blocks, %num_key_blocks : tensor<?x2048xi32>, tensor<?xi32>) of 8
         outs(%columns : tensor<?x16384xf32>) {clean} -> tensor<?x16384xf32>
    %6 = mqa.logits ins(%q_bf16, %k, %block_scales, %weights, %ks, %ke :
             tensor<?x64x128xbf16>, tensor<?x128xf8E4M3FN>, tensor<?xi32>,
             tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>)
         outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
    %7 = mqa.logits ins(%q_mxfp4, %k_mxfp4, %block_scales, %weights, %ks, %ke :
             tensor<?x64x64xi8>, tensor<?x64xi8>, tensor<?xi32>,
             tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>)
         q_scale(%query_scales : tensor<?x64xi32>)
         outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
    %8 = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke :
             tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>,
             tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>)
         outs(%out : tensor<?x?xf32>) {head_reduction = #mqa.head_reduction<max>} -> tensor<?x?xf32>
    %9 = mqa.logits ins(%q, %k_typed, %typed_scales, %weights, %ks, %ke :
             tensor<?x64x128xf8E4M3FN>, tensor<?x128xf4E2M1FN>, tensor<?x4xf8E8M0FNU>,
             tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>)
         outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
    %ranges = mqa.make_ranges none, %lens keys(%num_keys) : memref<?xi32>
    mqa.logits ins(%q_tile, %k_tile, none, none : memref<8x64x128xbf16>, memref<128x128xbf16>)
        ranges(%ranges) key_offset(%n) outs(%out_tile : memref<8x128xf32>)
    ```
  }];

  let arguments = (ins
    AnyShaped:$q, AnyShaped:$k, Optional<AnyShaped>:$k_scale,
    Optional<AnyShaped>:$weights,
    Optional<AnyShaped>:$ks, Optional<AnyShaped>:$ke,
    Optional<MQA_RangesType>:$ranges, Optional<Index>:$key_offset,
    AnyShaped:$out,
    // Last, so that bytecode from before there were these operands stays right.
    Optional<AnyShaped>:$key_blocks, Optional<AnyShaped>:$num_key_blocks,
    Optional<AnyShaped>:$q_scale,
    UnitAttr:$clean,
    UnitAttr:$compressed,
    DefaultValuedAttr<MQA_ActivationEnumAttr, "::mlir::mqa::Activation::Relu">:$activation,
    OptionalAttr<MQA_ScheduleAttr>:$schedule,
    OptionalAttr<I64Attr>:$block_max, OptionalAttr<I64Attr>:$key_block_size,
    DefaultValuedAttr<MQA_HeadReductionEnumAttr, "::mlir::mqa::HeadReduction::Sum">:$head_reduction);
  let results = (outs Optional<AnyRankedTensor>:$result);
  let useCustomPropertiesEncoding = 1;

  // Of a whole sequence. The result follows from `out`, and a null value is an
  // operand that is left out. Setters add attributes.
  let builders = [
    OpBuilder<(ins "::mlir::Value":$q, "::mlir::Value":$k, "::mlir::Value":$kScale,
                   "::mlir::Value":$weights, "::mlir::Value":$ks, "::mlir::Value":$ke,
                   "::mlir::Value":$out), [{
      build($_builder, $_state, getResultTypeOf(out), q, k, kScale, weights, ks, ke,
            /*ranges=*/::mlir::Value(), /*key_offset=*/::mlir::Value(), out,
            /*key_blocks=*/::mlir::Value(), /*num_key_blocks=*/::mlir::Value(),
            /*q_scale=*/::mlir::Value(),
            /*clean=*/false, /*compressed=*/false, Activation::Relu, /*schedule=*/{},
            /*block_max=*/{}, /*key_block_size=*/{}, HeadReduction::Sum);
    }]>];

  let assemblyFormat = [{
    `ins` `(` custom<LogitsInputs>($q, type($q), $k, type($k), $k_scale,
      type($k_scale), $weights, type($weights), $ks, type($ks), $ke, type($ke)) `)`
    (`ranges` `(` $ranges^ `)`)? (`key_offset` `(` $key_offset^ `)`)?
    (`blocks` `(` $key_blocks^ `,` $num_key_blocks `:` type($key_blocks) `,` type($num_key_blocks) `)`
      `of` $key_block_size)?
    (`q_scale` `(` $q_scale^ `:` type($q_scale) `)`)?
    `outs` `(` $out `:` type($out) `)` attr-dict ``
    custom<OneKeyBlockSize>(ref(attr-dict), ref($key_block_size)) (`->` type($result)^)?
  }];

  let extraClassDeclaration = [{
    /// On tensors it has no effect, and any operand is fine.
    ::mlir::Speculation::Speculatability getSpeculatability() {
      return hasPureTensorSemantics() ? ::mlir::Speculation::Speculatable
                                      : ::mlir::Speculation::NotSpeculatable;
    }

    MutableOperandRange getDpsInitsMutable() { return getOutMutable(); }

    ShapedType getQueryType() { return cast<ShapedType>(getQ().getType()); }
    ShapedType getKeyType() { return cast<ShapedType>(getK().getType()); }
    ShapedType getOutType() { return cast<ShapedType>(getOut().getType()); }
    int64_t getNumHeads() { return getQueryType().getDimSize(1); }
    /// Whether keys have a dimension of groups.
    bool hasKeyGroups() { return getKeyType().getRank() == 3; }
    int64_t getNumGroups() {
      return hasKeyGroups() ? getKeyType().getDimSize(1) : 1;
    }
    /// Whether each query has key blocks of its own.
    bool hasKeyBlocks() { return static_cast<bool>(getKeyBlocks()); }
    /// With key blocks, a query is worked on as a sequence of one query is.
    int64_t getNextN() { return hasKeyBlocks() ? 1 : 0; }
    int64_t getBlockKv() { return hasKeyBlocks() ? *getKeyBlockSize() : 0; }
    bool hasRowsOfSequences() { return false; }
    int64_t getRunRows() { return 0; }
    /// Whether rows begin with their ranges.
    bool hasCompressedRows();
    /// R, where a column is the maximum of a block of R keys; else 1.
    int64_t getColumnKeys();
    /// Whether column n of `out` is key n of this op.
    bool hasKeyColumns() {
      return !hasCompressedRows() && !hasKeyBlocks() && getColumnKeys() == 1;
    }
    /// Whether this is a tile of columns that belong to key blocks.
    bool hasBlockRanges();
    /// Keys of the whole sequence of an op that is no tile.
    OpFoldResult getNumSequenceKeys(OpBuilder &b);
    bool isTile() { return getKeyOffset() || getRanges(); }
    /// `ranges`, or those that `ks` and `ke` of an op on memrefs are, made here.
    Value getOrMakeRanges(OpBuilder &b);
    /// Puts `ranges` in the place of `ks`, `ke`, `compressed` and `block_max`.
    void replaceBounds(Value ranges);
    /// The tile of queries [m, m + numM) and keys [n, n + numN). `n` is a
    /// multiple of the keys of a column.
    FailureOr<TilingResult> getTileOfKeys(OpBuilder &b, OpFoldResult m, OpFoldResult n,
                                          OpFoldResult numM, OpFoldResult numN);
    /// q, k, k_scale, weights, ks, ke, out, key_blocks, num_key_blocks,
    /// q_scale. Of a tile, ks and ke are what its ranges were made from.
    SmallVector<Value> getDataOperands();
    static ArrayRef<StringRef> getDataOperandNames();
  }];

  let hasVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}

def MQA_PagedLogitsOp : MQA_Op<"paged_logits", [
    AttrSizedOperandSegments,
    DestinationStyleOpInterface,
    MQA_LogitsOpInterface,
    ConditionallySpeculatable,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>,
    DeclareOpInterfaceMethods<TilingInterface, [
      "getIterationDomain", "getLoopIteratorTypes", "getTiledImplementation",
      "getResultTilePosition", "generateResultTileValue",
      "getIterationDomainTileFromOperandTiles", "getTiledImplementationFromOperandTiles"]>]> {
  let summary = "Attention logits of a few queries per sequence against a paged cache";
  let description = [{
    ```
    out[b * T + t, n] = k_scale[c, p] * sum_h weights[b * T + t, h] * max(sum_d q[b, t, h, d] * k[c, p, d], 0)
                        for 0 <= n < length(b, t), c = block_table[b, n / P], p = n mod P
    ```

    | operand | shape | element type |
    | --- | --- | --- |
    | `q` | B x T x H x D | f8E4M3FN, f8E5M2, bf16 or f16 |
    | | B x T x H x D / 2 | i8 beside `q_scale`: MXFP4 |
    | | B x T x H x D | f8E4M3FN beside `q_scale`: MXFP8; f4E2M1FN beside `q_scale`: MXFP4 |
    | `k` | C x P x D | as `q`; beside `q_scale` f8E4M3FN, f8E5M2, bf16 or f16 |
    | | C x P x D / 2 | i8: MXFP4 |
    | | C x P x D | f8E4M3FN beside a `k_scale` of block scales: MXFP8; f4E2M1FN: MXFP4 |
    | `k_scale` (optional, 1) | C x P | f32 |
    | | C x P, or C x P x 4 | i32, or f8E8M0FNU, where keys are MXFP4 or MXFP8 |
    | `weights` (optional, 1) | (B * T) x H | f32 or bf16 |
    | `context_lens` | B x T, or B | i32 |
    | `block_table` | B x S | i32 |
    | `sequence` (optional) | M | i32 |
    | `key_offset` (optional, 0) | | index |
    | `key_blocks` (optional) | (B * T) x L | i32 |
    | `num_key_blocks` (with `key_blocks`) | B * T | i32 |
    | `q_scale` (optional) | (B * T) x H, or (B * T) x H x 4 | i32, or f8E8M0FNU |
    | `out` | (B * T) x N, (B * T) x J with `block_max`, or (B * T) x (L * R) with `key_blocks` | f32, bf16 or f16 |

    **Sizes.** Each of B sequences has T = next_n new queries, from 1 to 8. The cache has C blocks of P = block_kv keys. P is
    a power of two from 16 to 256. T and P are static. Heads, head dim, activation, maximum over the heads, rounding, and MXFP4
    and MXFP8 keys and queries, typed or not, are as in `mqa.logits`.

    **Lengths.** If each query has a length, length(b, t) is context_lens[b, t]. If each sequence has a length, length(b, t)
    is context_lens[b] - T + t + 1, because the new queries are the last ones of the sequence. Lengths may be zero, negative,
    in any order within a sequence, or greater than N or S * P. The smallest of length, N and S * P counts. Outside, the op
    writes -inf with `clean`, and nothing without it.

    **Block maxima.** With `block_max = R`, `out` has a column for each block of R keys of a sequence, as in `mqa.logits`. Then
    N is J * R.

    **Block table.** The op does not read entries of `block_table` behind those that the longest length of the sequence needs.
    Needed entries may repeat. An entry that is no block of the cache gives unspecified logits, and the op reads nothing
    outside of the cache. NaN spreads as in `mqa.logits`. Places behind the end of a sequence may hold anything.

    **Rows of sequences.** With `sequence`, each of M rows names its sequence, which may have any number of rows: prefill
    against a paged cache, or decoding with other numbers of new queries in each sequence. `q` is M x H x D, `weights` and
    `q_scale` are M x H, `context_lens` is M (a length for each row), and `out` is M x N. `block_table` has a line for each
    sequence, and sequence[m] is the line in which the blocks of row m are:

    ```
    out[m, n] = k_scale[c, p] * sum_h weights[m, h] * max(sum_d q[m, h, d] * k[c, p, d], 0)
                for 0 <= n < context_lens[m], c = block_table[sequence[m], n / P], p = n mod P
    ```

    Rows may be in any order. A kernel reads the keys of a sequence once for several neighbouring rows of the sequence. A
    row with a length of 0 or less reads neither its `sequence` nor the table. If `sequence` names no line of the table,
    the row sees no key.

    `rows_per_sequence`, from 1 to 8, says that sequences mostly have so many neighbouring rows, as when decoding. It changes
    no result, only the time: a GPU then multiplies the next power of two of rows at a time. Without it, kernels are made for
    many rows.

    **Key blocks.** With `key_blocks`, a query has logits of the keys of some blocks alone, as in `mqa.logits`, and the
    work is in proportion to these. Block b has the R keys of the query's sequence from b * R on; R is 8 or 16, and so no
    block is in two cache blocks. Row m has the blocks `key_blocks[m, j]` for 0 <= j < num_key_blocks[m]. Column j * R + o of
    row m belongs to key key_blocks[m, j] * R + o. Keys from the row's length on, keys past S * P, and columns behind the
    row's blocks are -inf with `clean`, and not written without `clean`. What `mqa.logits` says of the order, the repetition
    and the number of blocks holds here too. Where rows name their sequences, each may have blocks of its own. A row then
    shares no loads with the rows beside it, and there is no `rows_per_sequence`. There is no `block_max`.

    Of the row's line of `block_table`, the op reads the entries that its blocks name, as far as the table goes. Entries
    behind the row's length may hold anything.

    **Memory.** Memrefs may be strided by sequences (q), by cache blocks (k, k_scale) and by rows (the others). They are
    contiguous inside. Memory spaces and encodings are as in `mqa.logits`. In DeepGEMM's `fp8_paged_mqa_logits`, the keys and
    the scales of a block lie behind each other (block_kv * D key bytes, then block_kv f32 scales). Then `k` and `k_scale`
    are two views of one cache.

    **Tiles.** `key_offset` is the key to which column 0 of `out` belongs. Tiling the op over keys advances it. With
    `block_max`, the loop counts blocks, and `key_offset` is a multiple of R. With `key_blocks`, `key_offset` is the column to
    which column 0 of `out` belongs.

    Examples: two queries for each sequence; rows that name their sequences; two queries for each sequence, with key
    blocks for each query.

    ```mlir
    %0 = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table :
             tensor<?x2x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>,
             tensor<?x64xf32>, tensor<?x2xi32>, tensor<?x?xi32>)
         outs(%out : tensor<?x?xf32>) {clean} -> tensor<?x?xf32>
    %1 = mqa.paged_logits ins(%q_rows, %k, %k_scale, %weights, %row_lens, %block_table :
             tensor<?x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>,
             tensor<?x64xf32>, tensor<?xi32>, tensor<?x?xi32>)
         sequence(%sequence : tensor<?xi32>)
         outs(%out : tensor<?x?xf32>) {rows_per_sequence = 4 : i64} -> tensor<?x?xf32>
    %2 = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table :
             tensor<?x2x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>,
             tensor<?x64xf32>, tensor<?x2xi32>, tensor<?x?xi32>)
         blocks(%key_blocks, %num_key_blocks : tensor<?x2048xi32>, tensor<?xi32>) of 8
         outs(%columns : tensor<?x16384xf32>) {clean} -> tensor<?x16384xf32>
    ```
  }];

  let arguments = (ins
    AnyShaped:$q, AnyShaped:$k, Optional<AnyShaped>:$k_scale,
    Optional<AnyShaped>:$weights,
    AnyShaped:$context_lens, AnyShaped:$block_table, Optional<Index>:$key_offset,
    AnyShaped:$out,
    // Last, so that bytecode from before there were these operands stays right.
    Optional<AnyShaped>:$sequence,
    Optional<AnyShaped>:$key_blocks, Optional<AnyShaped>:$num_key_blocks,
    Optional<AnyShaped>:$q_scale,
    UnitAttr:$clean,
    DefaultValuedAttr<MQA_ActivationEnumAttr, "::mlir::mqa::Activation::Relu">:$activation,
    OptionalAttr<MQA_ScheduleAttr>:$schedule,
    OptionalAttr<I64Attr>:$block_max, OptionalAttr<I64Attr>:$rows_per_sequence,
    OptionalAttr<I64Attr>:$key_block_size,
    DefaultValuedAttr<MQA_HeadReductionEnumAttr, "::mlir::mqa::HeadReduction::Sum">:$head_reduction);
  let results = (outs Optional<AnyRankedTensor>:$result);
  let useCustomPropertiesEncoding = 1;

  // As that of `mqa.logits`.
  let builders = [
    OpBuilder<(ins "::mlir::Value":$q, "::mlir::Value":$k, "::mlir::Value":$kScale,
                   "::mlir::Value":$weights, "::mlir::Value":$contextLens,
                   "::mlir::Value":$blockTable, "::mlir::Value":$out), [{
      build($_builder, $_state, getResultTypeOf(out), q, k, kScale, weights, contextLens,
            blockTable, /*key_offset=*/::mlir::Value(), out, /*sequence=*/::mlir::Value(),
            /*key_blocks=*/::mlir::Value(), /*num_key_blocks=*/::mlir::Value(),
            /*q_scale=*/::mlir::Value(),
            /*clean=*/false, Activation::Relu, /*schedule=*/{}, /*block_max=*/{},
            /*rows_per_sequence=*/{}, /*key_block_size=*/{}, HeadReduction::Sum);
    }]>];

  let assemblyFormat = [{
    `ins` `(` custom<PagedInputs>($q, type($q), $k, type($k), $k_scale,
      type($k_scale), $weights, type($weights), $context_lens,
      type($context_lens), $block_table, type($block_table)) `)`
    (`sequence` `(` $sequence^ `:` type($sequence) `)`)?
    (`key_offset` `(` $key_offset^ `)`)?
    (`blocks` `(` $key_blocks^ `,` $num_key_blocks `:` type($key_blocks) `,` type($num_key_blocks) `)`
      `of` $key_block_size)?
    (`q_scale` `(` $q_scale^ `:` type($q_scale) `)`)?
    `outs` `(` $out `:` type($out) `)` attr-dict ``
    custom<OneKeyBlockSize>(ref(attr-dict), ref($key_block_size)) (`->` type($result)^)?
  }];

  let extraClassDeclaration = [{
    /// On tensors it has no effect, and any operand is fine.
    ::mlir::Speculation::Speculatability getSpeculatability() {
      return hasPureTensorSemantics() ? ::mlir::Speculation::Speculatable
                                      : ::mlir::Speculation::NotSpeculatable;
    }

    MutableOperandRange getDpsInitsMutable() { return getOutMutable(); }

    ShapedType getQueryType() { return cast<ShapedType>(getQ().getType()); }
    ShapedType getCacheType() { return cast<ShapedType>(getK().getType()); }
    ShapedType getOutType() { return cast<ShapedType>(getOut().getType()); }
    /// Whether rows name their sequences, and not each sequence has T of them.
    bool namesSequences() { return static_cast<bool>(getSequence()); }
    /// T; 1 where rows name their sequences: nothing else says which rows go
    /// together.
    int64_t getSequenceQueries() {
      return namesSequences() ? 1 : getQueryType().getDimSize(1);
    }
    int64_t getNumHeads() { return getQueryType().getDimSize(namesSequences() ? 1 : 2); }
    /// P.
    int64_t getPageKeys() { return getCacheType().getDimSize(1); }
    /// Whether each query has key blocks of its own. Then it is worked on as a
    /// sequence of one query is, with these blocks.
    bool hasKeyBlocks() { return static_cast<bool>(getKeyBlocks()); }
    int64_t getNextN() { return hasKeyBlocks() ? 1 : getSequenceQueries(); }
    int64_t getBlockKv() { return hasKeyBlocks() ? *getKeyBlockSize() : getPageKeys(); }
    bool hasRowsOfSequences() { return namesSequences() && !hasKeyBlocks(); }
    int64_t getRunRows() { return getRowsPerSequence().value_or(0); }
    int64_t getNumGroups() { return 1; }
    bool hasKeyGroups() { return false; }
    bool hasCompressedRows() { return false; }
    /// R, where a column is the maximum of a block of R keys; else 1.
    int64_t getColumnKeys() { return getBlockMax().value_or(1); }
    /// Whether every query has a length of its own.
    bool hasLengthPerQuery() {
      return namesSequences() || cast<ShapedType>(getContextLens().getType()).getRank() == 2;
    }
    bool isTile() { return static_cast<bool>(getKeyOffset()); }
    /// q, k, k_scale, weights, context_lens, block_table, out, sequence,
    /// key_blocks, num_key_blocks, q_scale.
    SmallVector<Value> getDataOperands();
    static ArrayRef<StringRef> getDataOperandNames();
  }];

  let hasVerifier = 1;
  let hasFolder = 1;
}

#endif // MQA_OPS_TD
