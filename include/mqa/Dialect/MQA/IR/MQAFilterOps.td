//===- MQAFilterOps.td - Logits that are selected, not stored -*- tablegen -*-//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_FILTER_OPS_TD
#define MQA_FILTER_OPS_TD

include "mqa/Dialect/MQA/IR/MQACandidateOps.td"

//===----------------------------------------------------------------------===//
// Level 3
//===----------------------------------------------------------------------===//

def MQA_FilteredRowsOp : MQA_Op<"filtered_rows", [Pure]> {
  let summary = "Rows of logits that keep only the logits that may be among the best";
  let description = [{
    The result stands for `num_rows` x `num_columns` logits, with a column for each key. It has no address: only
    `mqa.store_logits` writes it, at views of its rows. A written logit is appended to the list of its row if it is at least
    the threshold of the row, if it is NaN, or if its key is one of the first `force_first` or last `force_last` keys of the
    row's range. Any other logit is forgotten.

    Row r has `counts[r]` candidates and the threshold `thresholds[r]`. Its list begins at `memory[first + 2 * places * r]`.
    First come the logits of `places` candidates, as the bits of f32. Behind them come as many keys.

    If a thread makes a list longer than `limit`, it asks for a meeting: it lowers `meeting[0]` to `first_key` + `margin`.
    `first_key` is the first key of its tile. When the consumers reach the key `meeting[0]`, they meet (`mqa.meet`) and cut
    the list. The list must have room until then.

    Why this op exists: only in this op does a fused kernel differ from a kernel that stores its logits. All passes that
    tile, stage and split the work see rows that are written.

    ```mlir
    %rows = mqa.filtered_rows %memory[%first] counts(%counts) thresholds(%least) meeting(%word)
        sizes(%c8, %n) {places = 7680, limit = 4352, margin = 2432}
        : memref<?xi32>, memref<8xi32, #gpu.address_space<workgroup>>,
          memref<8xf32, #gpu.address_space<workgroup>>, memref<1xi32, #gpu.address_space<workgroup>> -> memref<?x?xf32>
    ```
  }];
  let arguments = (ins
    MemRefRankOf<[I32], [1]>:$memory, Index:$first,
    MemRefRankOf<[I32], [1]>:$counts, MemRefRankOf<[F32], [1]>:$thresholds,
    MemRefRankOf<[I32], [1]>:$meeting, Index:$num_rows, Index:$num_columns,
    ConfinedAttr<I64Attr, [IntPositive]>:$places,
    ConfinedAttr<I64Attr, [IntPositive]>:$limit,
    ConfinedAttr<I64Attr, [IntPositive]>:$margin,
    DefaultValuedAttr<ConfinedAttr<I64Attr, [IntNonNegative]>, "0">:$force_first,
    DefaultValuedAttr<ConfinedAttr<I64Attr, [IntNonNegative]>, "0">:$force_last);
  let results = (outs MemRefRankOf<[F32, BF16, F16], [2]>:$rows);
  let assemblyFormat = [{
    $memory `[` $first `]` `counts` `(` $counts `)` `thresholds` `(` $thresholds `)`
    `meeting` `(` $meeting `)` `sizes` `(` $num_rows `,` $num_columns `)` attr-dict
    `:` type($memory) `,` type($counts) `,` type($thresholds) `,` type($meeting) `->` type($rows)
  }];
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
}

def MQA_MeetOp : MQA_Op<"meet", [
    SingleBlock, NoTerminator, AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<MQA_RoleOpInterface>,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "Code that all consumers of a kernel execute together";
  let description = [{
    The first `num_threads` threads of a block, which are the consumers, execute the region together. A `gpu.barrier` in the
    region, and the ops on candidates in it, are for these threads alone. The region begins and ends with a barrier of these
    threads.

    With `meeting`, the region runs only if `key` is at least `meeting[0]`, and if each of the `turns` groups of consumers,
    which take tiles of `tile_kv` keys in turn, still has a tile at or after `meeting[0]` and before `end`. All threads must
    decide the same. They do if each thread that lowers `meeting[0]` chooses a key that no group has checked yet.

    `mqa-specialize-warps` sets `num_threads` and `turns`.

    ```mlir
    mqa.meet meeting(%word : memref<1xi32, #gpu.address_space<workgroup>>) key(%n) until(%end) {
      gpu.barrier
    } {tile_kv = 128}
    ```
  }];
  let arguments = (ins Optional<MemRefRankOf<[I32], [1]>>:$meeting,
    Optional<Index>:$key, Optional<Index>:$end,
    DefaultValuedAttr<ConfinedAttr<I64Attr, [IntNonNegative]>, "0">:$num_threads,
    DefaultValuedAttr<ConfinedAttr<I64Attr, [IntPositive]>, "1">:$turns,
    DefaultValuedAttr<ConfinedAttr<I64Attr, [IntPositive]>, "1">:$tile_kv);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    (`meeting` `(` $meeting^ `:` type($meeting) `)`)? (`key` `(` $key^ `)`)? (`until` `(` $end^ `)`)?
    $body attr-dict
  }];
  let hasVerifier = 1;
}

def MQA_CutListsOp : MQA_Op<"cut_lists", [
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "Keeps the best candidates of the lists of some rows";
  let description = [{
    The lists are those that `mqa.filtered_rows` describes. In each row with more than `above` candidates, the `keep` best
    candidates stay, in any order. Up to `slack` more may stay too. Every candidate that is removed is worse than every
    candidate that stays. The greatest logit is the best, and NaN is the worst. `ties` decides between equal logits (see
    `mqa.cut_candidates`; not `place`). The first `force_first` and the last `force_last` keys of a row's range are better
    than all others. `ranges` has these ranges.

    `counts[r]` becomes the number of candidates that stay. A candidate that comes later can be among the `keep` best only if
    its logit is at least `thresholds[r]`, which is never NaN. With `ascending`, later keys are greater than all keys of the
    list.

    All threads of an `mqa.meet` execute the op, and share the rows. Threads that read the lists, counts or thresholds behind
    the op first meet at a barrier.

    ```mlir
    %ranges = mqa.make_ranges %ks, %ke keys(%num_keys) : memref<?xi32>, memref<?xi32>
    mqa.meet {
      mqa.cut_lists %memory[%first] counts(%counts) thresholds(%least) ranges(%ranges) rows(%c8)
          {places = 7680, keep = 2048, above = 2048, ties = #mqa.ties<smallest>, ascending}
          : memref<?xi32>, memref<8xi32, #gpu.address_space<workgroup>>, memref<8xf32, #gpu.address_space<workgroup>>
    }
    ```
  }];
  let arguments = (ins
    MemRefRankOf<[I32], [1]>:$memory, Index:$first,
    MemRefRankOf<[I32], [1]>:$counts, MemRefRankOf<[F32], [1]>:$thresholds,
    MQA_RangesType:$ranges, Index:$num_rows,
    ConfinedAttr<I64Attr, [IntPositive]>:$places,
    ConfinedAttr<I64Attr, [IntPositive]>:$keep,
    ConfinedAttr<I64Attr, [IntPositive]>:$above,
    MQA_TiesEnumAttr:$ties,
    DefaultValuedAttr<ConfinedAttr<I64Attr, [IntNonNegative]>, "0">:$force_first,
    DefaultValuedAttr<ConfinedAttr<I64Attr, [IntNonNegative]>, "0">:$force_last,
    DefaultValuedAttr<ConfinedAttr<I64Attr, [IntNonNegative]>, "0">:$slack,
    UnitAttr:$ascending);
  let assemblyFormat = [{
    $memory `[` $first `]` `counts` `(` $counts `)` `thresholds` `(` $thresholds `)`
    `ranges` `(` $ranges `)` `rows` `(` $num_rows `)` attr-dict
    `:` type($memory) `,` type($counts) `,` type($thresholds)
  }];
  let hasVerifier = 1;
}

def MQA_WordRowsOp : MQA_Op<"word_rows", [Pure]> {
  let summary = "Rows of logits that lie in memory as words";
  let description = [{
    The result stands for `num_rows` x `num_columns` logits, with a column for each key. Only `mqa.store_logits` writes it, at
    views of its rows. Logit [r, c] is rounded to the element type of the result and widened to f32 again. Its bits go to
    `memory[first + r * stride + c]`. Outside of a row's range nothing is written.

    Why this op exists: as with `mqa.filtered_rows`, only in this op do the tiles of a fused kernel differ from the tiles of a
    kernel that stores its logits. Here logits stay in memory until their row is selected.

    ```mlir
    %rows = mqa.word_rows %memory[%first] stride(%n) sizes(%c2, %n) : memref<?xi32> -> memref<?x?xbf16>
    ```
  }];
  let arguments = (ins
    MemRefRankOf<[I32], [1]>:$memory, Index:$first, Index:$stride,
    Index:$num_rows, Index:$num_columns);
  let results = (outs MemRefRankOf<[F32, BF16, F16], [2]>:$rows);
  let assemblyFormat = [{
    $memory `[` $first `]` `stride` `(` $stride `)` `sizes` `(` $num_rows `,` $num_columns `)` attr-dict
    `:` type($memory) `->` type($rows)
  }];
  let hasCanonicalizer = 1;
}

//===----------------------------------------------------------------------===//
// Level 5
//===----------------------------------------------------------------------===//

def MQA_AppendLogitsOp : MQA_Op<"append_logits", [
    AllShapesMatch<["vector", "mask"]>,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "Appends the elements of a vector to lists of candidates";
  let description = [{
    Appends vector[m, n] with the key `first_key` + n to the list of row `first_row` + m, where mask[m, n] is true.
    `mqa.filtered_rows` describes the lists. The candidates are appended in any order.

    ```mlir
    mqa.append_logits %v mask %mask first_key(%n) to %memory[%first] counts(%counts) meeting(%word)
        first_row(%row) {places = 7680, limit = 4352, margin = 2432}
        : vector<8x128xf32>, vector<8x128xi1>, memref<?xi32>,
          memref<8xi32, #gpu.address_space<workgroup>>, memref<1xi32, #gpu.address_space<workgroup>>
    ```
  }];
  let arguments = (ins VectorOfRankAndType<[2], [F32]>:$vector,
    VectorOfRankAndType<[2], [I1]>:$mask, Index:$first_key,
    MemRefRankOf<[I32], [1]>:$memory, Index:$first, MemRefRankOf<[I32], [1]>:$counts,
    MemRefRankOf<[I32], [1]>:$meeting, Index:$first_row,
    ConfinedAttr<I64Attr, [IntPositive]>:$places,
    ConfinedAttr<I64Attr, [IntPositive]>:$limit,
    ConfinedAttr<I64Attr, [IntPositive]>:$margin);
  let assemblyFormat = [{
    $vector `mask` $mask `first_key` `(` $first_key `)` `to` $memory `[` $first `]`
    `counts` `(` $counts `)` `meeting` `(` $meeting `)` `first_row` `(` $first_row `)` attr-dict
    `:` type($vector) `,` type($mask) `,` type($memory) `,` type($counts) `,` type($meeting)
  }];
  let hasVerifier = 1;
}

#endif // MQA_FILTER_OPS_TD
