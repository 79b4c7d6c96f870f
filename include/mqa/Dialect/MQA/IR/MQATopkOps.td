//===- MQATopkOps.td - The public ops that select keys -----*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOPK_OPS_TD
#define MQA_TOPK_OPS_TD

include "mqa/Dialect/MQA/IR/MQAOps.td"

def MQA_TieBreakAttr : I32EnumAttr<"TieBreak", "Which of the keys with equal logits is the better one", [
    I32EnumAttrCase<"Smallest", 0, "smallest">, I32EnumAttrCase<"Greatest", 1, "greatest">]> {
  let cppNamespace = "::mlir::mqa";
  let genSpecializedAttr = 0;
}

def MQA_TieBreakEnumAttr : EnumAttr<MQA_Dialect, MQA_TieBreakAttr, "tie_break"> {
  let assemblyFormat = "`<` $value `>`";
}

def MQA_OrderAttr : I32EnumAttr<"Order", "How selected keys are sorted", [
    I32EnumAttrCase<"Key", 0, "key">, I32EnumAttrCase<"Score", 1, "score">,
    I32EnumAttrCase<"Any", 2, "any">]> {
  let cppNamespace = "::mlir::mqa";
  let genSpecializedAttr = 0;
}

def MQA_OrderEnumAttr : EnumAttr<MQA_Dialect, MQA_OrderAttr, "order"> {
  let assemblyFormat = "`<` $value `>`";
}

def MQA_IndexBaseAttr : I32EnumAttr<"IndexBase", "What the index of a key counts from", [
    I32EnumAttrCase<"Relative", 0, "relative">, I32EnumAttrCase<"Absolute", 1, "absolute">,
    I32EnumAttrCase<"Slot", 2, "slot">]> {
  let cppNamespace = "::mlir::mqa";
  let genSpecializedAttr = 0;
}

def MQA_IndexBaseEnumAttr : EnumAttr<MQA_Dialect, MQA_IndexBaseAttr, "base"> {
  let assemblyFormat = "`<` $value `>`";
}

/// An op that writes `indices`, and `values` if there are any, one behind the
/// other among its operands.
class MQA_SelectionOp<string mnemonic, list<Trait> traits = []>
    : MQA_Op<mnemonic, !listconcat([
        AttrSizedOperandSegments,
        DestinationStyleOpInterface,
        ConditionallySpeculatable,
        DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
        DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>],
        traits)> {
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let hasVerifier = 1;
  let hasFolder = 1;

  code baseClassDeclaration = [{
    /// On tensors it has no effect, and any operand is fine.
    ::mlir::Speculation::Speculatability getSpeculatability() {
      return hasPureTensorSemantics() ? ::mlir::Speculation::Speculatable
                                      : ::mlir::Speculation::NotSpeculatable;
    }

    MutableOperandRange getDpsInitsMutable() {
      return MutableOperandRange(getOperation(),
                                 getIndicesMutable().getOperandNumber(),
                                 getValues() ? 2 : 1);
    }

    /// k: how many keys of a row are selected.
    int64_t getNumSelected() {
      return ::llvm::cast<ShapedType>(getIndices().getType()).getDimSize(1);
    }
    /// The operands that carry data; one that is left out is null.
    SmallVector<Value> getDataOperands();
    /// The names of `getDataOperands()`, in the same order.
    static ArrayRef<StringRef> getDataOperandNames();
  }];
}

def MQA_TopkOp : MQA_SelectionOp<"topk", [
    MQA_KernelOpInterface,
    DeclareOpInterfaceMethods<TilingInterface, [
      "getIterationDomain", "getLoopIteratorTypes", "getTiledImplementation",
      "getResultTilePosition", "generateResultTileValue",
      "getIterationDomainTileFromOperandTiles", "getTiledImplementationFromOperandTiles"]>]> {
  let summary = "The keys with the greatest logits of each query";
  let description = [{
    ```
    indices[m, :] = the k best of the keys max(ks[m], 0) <= n < min(ke[m], N),
                    where key n is better than key i if logits[m, n] > logits[m, i],
                    or if the two are equal and n < i
    values[m, j]  = the logit of the key that indices[m, j] names
    ```

    | operand | shape | element type |
    | --- | --- | --- |
    | `logits` | M x N, or M x S with `compressed` | f32, bf16 or f16 |
    | `ks` (optional, 0) | M | i32 |
    | `ke` | M | i32 |
    | `context_lens` (in the place of `ks` and `ke`) | B x T, or B; M with `sequence` | i32 |
    | `block_table` (with `base = slot`, optional with `key_blocks`) | B x W | i32 |
    | `sequence` (optional, with `block_table`) | M | i32 |
    | `offset` (optional, 0) | M | i32 |
    | `num_keys` (optional, with `compressed` or `key_blocks`) | | index |
    | `key_blocks` (optional) | M x L | i32 |
    | `num_key_blocks` (with `key_blocks`) | M | i32 |
    | `indices` | M x k | i32 |
    | `values` (optional) | M x k | f32 |

    k is static, from 1 to 4096, and may be greater than N. Operands are all tensors (then the op returns the new `indices`
    and `values`) or all memrefs, under the rules of `mqa.logits` for strides, memory spaces and encodings. The op writes
    every element of `indices` and `values`, and does not read what they had. `none` in the place of `ks` or `ke` leaves the
    operand out.

    **Ranges** are those of `mqa.logits`: they may be empty, reversed, negative, past N, or in any order. With `compressed`,
    column j of row m belongs to key max(ks[m], 0) + j. A range longer than S is cut at S, and ends at `num_keys` if that is
    given. With `context_lens` the ranges are those of `mqa.paged_logits`: rows are (b, t), M = B * T, and all ranges begin at
    0. A row has context_lens[b, t] keys, or context_lens[b] - T + t + 1. T is `next_n`, or dimension 1 of `context_lens`,
    or 1. With `sequence`, rows name their sequences, and row m has context_lens[m] keys.

    **Selection.** A range of at most k keys selects all of them, NaN included. In a longer range, the k best keys are
    selected. +0 equals -0. -inf may be selected. NaN is not selected; its places are padding. Among equal logits the
    smallest key is the best, or the greatest with `tie_break = #mqa.tie_break<greatest>`. The first `force_first` and the
    last `force_last` keys of a range are selected before all others, whatever their logits are. A 16-bit logit is widened to
    f32; the op compares that number, and writes it as a value.

    **Order.** `order = #mqa.order<key>`: ascending keys. `score`: descending logits. `tie_break` decides between equal
    logits. NaN is behind all numbers, and among NaN keys ascend. Forced keys stand where their logits put them. `any`: the
    order that is quickest; it is the same in each run.

    **Padding.** Behind the selected keys, `indices` are -1 and `values` are -inf.

    **Base.** `base = #mqa.base<relative>`: an index counts from the beginning of the range, max(ks[m], 0). `absolute`: an
    index is the key. `slot`: an index is the key's place in a paged cache of blocks of P = `block_kv` keys,

    ```
    block_table[b, n / P] * P + n mod P
    ```

    where b is `sequence[m]`, or m / T. With `slot`, ranges end at W * P keys. The op reads only the table entries of selected
    keys, and `sequence[m]` only if the row's range is not empty. A sequence that is no line of the table gives unspecified
    indices, and the op reads nothing outside of the table. `offset[m]` is added to each index that is not padding. Indices
    are computed modulo 2^32.

    **Key blocks.** With `key_blocks`, the logits are those of `mqa.logits` or `mqa.paged_logits` with the same
    `key_blocks`: column j * R + o of row m belongs to key key_blocks[m, j] * R + o, for 0 <= j < num_key_blocks[m]. R is 8
    or 16. A row selects from the columns whose keys are in its range. Ranges end at `num_keys` if that is given, and at W *
    P keys if there is a `block_table`. The rules above for ranges of at most k keys, order, ties and forced keys hold for
    these columns. Unlike those of `mqa.logits`, the block numbers of a row must ascend without repetition; then the columns
    are in the order of their keys. Otherwise the indices of the row are unspecified. The op reads no other columns than
    those of the row's blocks, and nothing outside of its operands. `relative` indices are columns, `absolute` ones are
    keys, and `slot` ones are the places of keys. There are no `compressed` rows.

    Examples: with ranges; with values, sorted by them; as slots of a paged cache; of the columns of key blocks of 8 keys.

    ```mlir
    %0 = mqa.topk ins(%logits, %ks, %ke : tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>)
         outs(%indices : tensor<?x2048xi32>) -> tensor<?x2048xi32>
    %1:2 = mqa.topk ins(%logits, none, %ke : tensor<?x?xf32>, tensor<?xi32>)
         outs(%indices, %values : tensor<?x2048xi32>, tensor<?x2048xf32>)
         {order = #mqa.order<score>, tie_break = #mqa.tie_break<greatest>}
         -> tensor<?x2048xi32>, tensor<?x2048xf32>
    %2 = mqa.topk ins(%logits, none, none : tensor<?x?xf32>)
         context_lens(%lens : tensor<?x2xi32>) block_table(%table : tensor<?x?xi32>)
         outs(%indices : tensor<?x2048xi32>)
         {base = #mqa.base<slot>, block_kv = 64} -> tensor<?x2048xi32>
    %3 = mqa.topk ins(%columns, %ks, %ke : tensor<?x16384xf32>, tensor<?xi32>, tensor<?xi32>)
         num_keys(%num_keys)
         blocks(%key_blocks, %num_key_blocks : tensor<?x2048xi32>, tensor<?xi32>) of 8
         outs(%keys : tensor<?x512xi32>) {base = #mqa.base<absolute>} -> tensor<?x512xi32>
    ```
  }];

  let arguments = (ins
    AnyShaped:$logits, Optional<AnyShaped>:$ks, Optional<AnyShaped>:$ke,
    Optional<AnyShaped>:$context_lens, Optional<AnyShaped>:$block_table,
    Optional<AnyShaped>:$sequence, Optional<AnyShaped>:$offset,
    Optional<Index>:$num_keys,
    AnyShaped:$indices, Optional<AnyShaped>:$values,
    // Last, so that bytecode from before there were these operands stays right.
    Optional<AnyShaped>:$key_blocks, Optional<AnyShaped>:$num_key_blocks,
    UnitAttr:$compressed,
    DefaultValuedAttr<MQA_TieBreakEnumAttr, "::mlir::mqa::TieBreak::Smallest">:$tie_break,
    DefaultValuedAttr<I64Attr, "0">:$force_first,
    DefaultValuedAttr<I64Attr, "0">:$force_last,
    DefaultValuedAttr<MQA_OrderEnumAttr, "::mlir::mqa::Order::Key">:$order,
    DefaultValuedAttr<MQA_IndexBaseEnumAttr, "::mlir::mqa::IndexBase::Relative">:$base,
    OptionalAttr<I64Attr>:$block_kv,
    OptionalAttr<I64Attr>:$next_n,
    OptionalAttr<I64Attr>:$key_block_size);
  let useCustomPropertiesEncoding = 1;

  // As that of `mqa.logits`, with the ranges that its logits have.
  let builders = [
    OpBuilder<(ins "::mlir::Value":$logits, "::mlir::Value":$ks, "::mlir::Value":$ke,
                   "::mlir::Value":$indices, "::mlir::Value":$values), [{
      build($_builder, $_state, getResultTypesOf({indices, values}), logits, ks, ke,
            /*context_lens=*/::mlir::Value(), /*block_table=*/::mlir::Value(),
            /*sequence=*/::mlir::Value(), /*offset=*/::mlir::Value(),
            /*num_keys=*/::mlir::Value(), indices, values,
            /*key_blocks=*/::mlir::Value(), /*num_key_blocks=*/::mlir::Value(),
            /*compressed=*/false, TieBreak::Smallest, /*force_first=*/0,
            /*force_last=*/0, Order::Key, IndexBase::Relative, /*block_kv=*/{},
            /*next_n=*/{}, /*key_block_size=*/{});
    }]>];

  let assemblyFormat = [{
    `ins` `(` custom<TopkInputs>($logits, type($logits), $ks, type($ks), $ke, type($ke)) `)`
    (`context_lens` `(` $context_lens^ `:` type($context_lens) `)`)?
    (`block_table` `(` $block_table^ `:` type($block_table) `)`)?
    (`sequence` `(` $sequence^ `:` type($sequence) `)`)?
    (`offset` `(` $offset^ `:` type($offset) `)`)?
    (`num_keys` `(` $num_keys^ `)`)?
    (`blocks` `(` $key_blocks^ `,` $num_key_blocks `:` type($key_blocks) `,` type($num_key_blocks) `)`
      `of` $key_block_size)?
    `outs` `(` custom<SelectionOutputs>($indices, type($indices), $values, type($values)) `)`
    attr-dict `` custom<OneKeyBlockSize>(ref(attr-dict), ref($key_block_size)) (`->` type($results)^)?
  }];

  let extraClassDeclaration = baseClassDeclaration # [{
    bool isTile() { return false; }
    Value getNumKeysOperand() { return getNumKeys(); }
    /// What a launch of a kernel of this op must know.
    SelectionAttr getSelection();
    /// T: neighbouring rows that belong to a sequence.
    int64_t getRowsOfSequence();
    /// Whether the sequence of a row follows from where the row stands.
    bool hasSequencesInOrder() {
      return !getSequence() && (getContextLens() || getBlockTable());
    }
    /// Whether columns are those of key blocks.
    bool hasKeyBlocks() { return static_cast<bool>(getKeyBlocks()); }
  }];
}

def MQA_MergeTopkOp : MQA_SelectionOp<"merge_topk", [
    MQA_KernelOpInterface,
    DeclareOpInterfaceMethods<TilingInterface, [
      "getIterationDomain", "getLoopIteratorTypes", "getTiledImplementation",
      "getResultTilePosition", "generateResultTileValue",
      "getIterationDomainTileFromOperandTiles", "getTiledImplementationFromOperandTiles"]>]> {
  let summary = "The best keys of each query out of several lists of best keys";
  let description = [{
    `mqa.topk` selected keys from each of R parts of the keys. From these lists, this op makes what `mqa.topk` gives on all
    keys.

    | operand | shape | element type |
    | --- | --- | --- |
    | `list_indices` | R x M x k | i32 |
    | `list_values` | R x M x k | f32 |
    | `ks` (optional, 0) | M | i32 |
    | `ke` | M | i32 |
    | `num_keys` (optional) | | index |
    | `indices` | M x k | i32 |
    | `values` (optional) | M x k | f32 |

    Each of the R lists of a row has the best keys of its own part, in any order: k of them, or all that the part has.
    `list_indices` are absolute keys, and no key is in two lists. `list_values` are their logits. A negative index is
    padding, wherever it stands. `ks` and `ke` are those of the whole row. If `num_keys` is given, it cuts them. NaN is
    selected only if the whole range has at most k keys. M and k are as in `mqa.topk`. Memrefs of lists may be strided by
    lists and rows.

    `tie_break`, `order`, padding and `base` are those of `mqa.topk`, but there is no `slot`. The op writes every element of
    `indices` and `values`, and does not read what they had. A logit that is NaN becomes a value that is NaN, with any bits.
    `none` in the place of `ks` leaves the operand out.

    An op with `num_keys` is a tile of another op, and no kernel is made from it. A caller of a kernel cuts `ke` instead.

    Example:

    ```mlir
    %0:2 = mqa.merge_topk ins(%list_indices, %list_values, none, %ke :
             tensor<8x?x2048xi32>, tensor<8x?x2048xf32>, tensor<?xi32>)
         outs(%indices, %values : tensor<?x2048xi32>, tensor<?x2048xf32>)
         {base = #mqa.base<absolute>} -> tensor<?x2048xi32>, tensor<?x2048xf32>
    ```
  }];

  let arguments = (ins
    AnyShaped:$list_indices, AnyShaped:$list_values,
    Optional<AnyShaped>:$ks, AnyShaped:$ke, Optional<Index>:$num_keys,
    AnyShaped:$indices, Optional<AnyShaped>:$values,
    DefaultValuedAttr<MQA_TieBreakEnumAttr, "::mlir::mqa::TieBreak::Smallest">:$tie_break,
    DefaultValuedAttr<MQA_OrderEnumAttr, "::mlir::mqa::Order::Key">:$order,
    DefaultValuedAttr<MQA_IndexBaseEnumAttr, "::mlir::mqa::IndexBase::Relative">:$base);

  // As that of `mqa.logits`.
  let builders = [
    OpBuilder<(ins "::mlir::Value":$listIndices, "::mlir::Value":$listValues,
                   "::mlir::Value":$ks, "::mlir::Value":$ke, "::mlir::Value":$indices,
                   "::mlir::Value":$values), [{
      build($_builder, $_state, getResultTypesOf({indices, values}), listIndices,
            listValues, ks, ke, /*num_keys=*/::mlir::Value(), indices, values,
            TieBreak::Smallest, Order::Key, IndexBase::Relative);
    }]>];

  let assemblyFormat = [{
    `ins` `(` custom<MergeInputs>($list_indices, type($list_indices), $list_values,
      type($list_values), $ks, type($ks), $ke, type($ke)) `)`
    (`num_keys` `(` $num_keys^ `)`)?
    `outs` `(` custom<SelectionOutputs>($indices, type($indices), $values, type($values)) `)`
    attr-dict (`->` type($results)^)?
  }];

  let extraClassDeclaration = baseClassDeclaration # [{
    bool isTile() { return static_cast<bool>(getNumKeys()); }
    /// What a launch of a kernel of this op must know.
    SelectionAttr getSelection();
  }];
}

def MQA_UnstoredLogitsOp : MQA_Op<"unstored_logits", [
    Pure,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let summary = "The destination of logits that are not stored";
  let description = [{
    The result is the destination (`outs`) of an `mqa.logits` or `mqa.paged_logits` whose only reader is an `mqa.topk`. So
    the two ops can be one kernel, in which logits go from where they are computed to where they are compared.
    `mqa-fuse-topk` makes this op, and the passes below look for it. (`mqa-split-topk` replaces it by memory, for chips on
    which two kernels are faster.) Its type says how many columns there are, and to which type logits are rounded.

    The operands are the sizes that the type does not say. A memref is contiguous and in the default memory space, though
    nothing is ever stored there.

    Example:

    ```mlir
    %init = mqa.unstored_logits(%m, %n) : tensor<?x?xf32>
    %logits = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>,
                             tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>)
         outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
    %best = mqa.topk ins(%logits, %ks, %ke : tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>)
         outs(%indices : tensor<?x2048xi32>) -> tensor<?x2048xi32>
    ```
  }];
  let arguments = (ins Variadic<Index>:$sizes);
  let results = (outs AnyTypeOf<[2DTensorOf<[F32, BF16, F16]>, MemRefRankOf<[F32, BF16, F16], [2]>]>:$result);
  let assemblyFormat = "`(` $sizes `)` attr-dict `:` type($result)";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ShapedType getShapedType() { return ::llvm::cast<ShapedType>(getResult().getType()); }
    /// Rows and columns.
    SmallVector<OpFoldResult> getMixedSizes();
  }];
}

#endif // MQA_TOPK_OPS_TD
