//===- MQARangesOps.td - Which keys each query sees --------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RANGES_OPS_TD
#define MQA_RANGES_OPS_TD

include "mqa/Dialect/MQA/IR/MQAOps.td"

def MQA_MakeRangesOp : MQA_Op<"make_ranges", [Pure]> {
  let summary = "The ranges of keys that bounds or lengths say";
  let description = [{
    The range of a row is [start, end), with `num_keys` keys in all:

    | `ks` | `ke` | `next_n` | start of row m | end of row m |
    | --- | --- | --- | --- | --- |
    | M | M | | max(ks[m], 0) | min(ke[m], num_keys) |
    | `none` | M | | 0 | min(ke[m], num_keys) |
    | `none` | B x T | | 0 | min(ke[m / T, m mod T], num_keys) |
    | `none` | B | T | 0 | min(ke[m / T] - T + m mod T + 1, num_keys) |

    A range whose end is not behind its start is empty. The third form has a length for each of the
    T queries of B sequences; in the last, which is causal, a sequence has one length, and its T queries
    are its last.

    Key n belongs to column n of a row of the output; with `compressed`, to column n - start.

    The op reads no memory: those that are given the ranges do.

    Why this op exists: producers, consumers, cleaners and the sharing of work must agree
    on the ranges. They do, if they ask one value. What its bounds, masks and
    columns are is known to one class, `Ranges`, which all lowerings ask.

    ```mlir
    %ranges = mqa.make_ranges %ks, %ke keys(%n) {compressed} : memref<?xi32>, memref<?xi32>
    %causal = mqa.make_ranges none, %lens keys(%n) {next_n = 2} : memref<?xi32>
    ```
  }];
  let arguments = (ins Optional<MemRefRankOf<[I32], [1]>>:$ks,
                       MemRefRankOf<[I32], [1, 2]>:$ke,
                       Index:$num_keys,
                       OptionalAttr<ConfinedAttr<I64Attr, [IntPositive]>>:$next_n,
                       UnitAttr:$compressed);
  let results = (outs MQA_RangesType:$ranges);
  let assemblyFormat = [{
    custom<Bounds>($ks, $ke) `keys` `(` $num_keys `)` attr-dict
    `:` custom<BoundTypes>(type($ks), type($ke))
  }];
  let hasVerifier = 1;
}

def MQA_NarrowRangesOp : MQA_Op<"narrow_ranges", [Pure]> {
  let summary = "The ranges of some consecutive rows";
  let description = [{
    Row i of the result is row `row` + i of `ranges`; it has `num_rows` rows, all of which
    `ranges` has. Keys are counted as before.

    The position of this op says how early bounds may be read: its lowering makes the views of
    `ks` and `ke` there.
    The T rows of one sequence (`num_rows` a constant, `row` an `affine.apply` that is a
    multiple of T) are read without a division.

    ```mlir
    %own = mqa.narrow_ranges %ranges[%m] rows %c8
    ```
  }];
  let arguments = (ins MQA_RangesType:$ranges, Index:$row, Index:$num_rows);
  let results = (outs MQA_RangesType:$result);
  let assemblyFormat = "$ranges `[` $row `]` `rows` $num_rows attr-dict";
  let hasVerifier = 1;
}

def MQA_KeyRangeOp : MQA_Op<"key_range", [
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "The keys that at least one query of a block may see";
  let description = [{
    The smallest range [lo, hi) that holds the ranges of all rows, of which there are 1 to
    `max_rows`, and whose lo is a multiple of `align`; lo = hi = 0 where no row sees a key.

    Executed by a whole, converged warp.

    Why this op exists: producer and consumers of a specialised kernel must agree
    on the range, so each recomputes it from the same op. A warp reads the rows of
    a block at once, a row per lane.

    ```mlir
    %lo, %hi = mqa.key_range %ranges {align = 32, max_rows = 8}
    ```
  }];
  let arguments = (ins MQA_RangesType:$ranges,
                       ConfinedAttr<I64Attr, [IntPositive, IntMaxValue<32>]>:$max_rows,
                       DefaultValuedAttr<ConfinedAttr<I64Attr, [IntPositive]>, "1">:$align);
  let results = (outs Index:$lo, Index:$hi);
  let assemblyFormat = "$ranges attr-dict";
  let hasVerifier = 1;
}

def MQA_TileShareOp : MQA_Op<"tile_share", [
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "An equal share of all key tiles of all query blocks";
  let description = [{
    A query block is `block_q` rows of `ranges`, the last one perhaps fewer. It has
    ceil((hi - lo) / tile_kv) tiles, where [lo, hi) is its `mqa.key_range`.
    With the tiles of all blocks laid end to end,
    and behind those of each block a gap of `block_cost` tiles, share number
    `share` of `num_shares` equal ones begins at tile `first_tile` of block
    `first_block` and ends before tile `last_tile` of block `end_block - 1`. A
    share without tiles has first_block = end_block. The gap stands for the time
    that it takes to begin a block. A block without a key has no tile, and belongs to any
    number of shares; with `visits_all` it counts as one of one tile, so that one share has it.

    Executed by all threads of a workgroup together, which it synchronises.

    Why this op exists: ranges differ from query to query, and only the device
    knows them. Query blocks handed out whole end unevenly; equal shares of the
    tiles do not, and need nothing from the caller.

    ```mlir
    %b, %t, %b_end, %t_end = mqa.tile_share %ranges share %i of %n
        {align = 32, block_cost = 1, block_q = 8, tile_kv = 128}
    ```
  }];
  let arguments = (ins MQA_RangesType:$ranges, Index:$share, Index:$num_shares,
                       ConfinedAttr<I64Attr, [IntPositive]>:$block_q,
                       ConfinedAttr<I64Attr, [IntPositive]>:$tile_kv,
                       DefaultValuedAttr<ConfinedAttr<I64Attr, [IntNonNegative]>, "0">:$block_cost,
                       DefaultValuedAttr<ConfinedAttr<I64Attr, [IntPositive]>, "1">:$align,
                       UnitAttr:$visits_all);
  let results = (outs Index:$first_block, Index:$first_tile, Index:$end_block,
                      Index:$last_tile);
  let assemblyFormat = "$ranges `share` $share `of` $num_shares attr-dict";
  let hasVerifier = 1;
}

#endif // MQA_RANGES_OPS_TD
