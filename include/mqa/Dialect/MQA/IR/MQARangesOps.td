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
    The range of a row is [start, end). There are `num_keys` keys in all:

    | `ks` | `ke` | `next_n` | start of row m | end of row m |
    | --- | --- | --- | --- | --- |
    | M | M | | max(ks[m], 0) | min(ke[m], num_keys) |
    | `none` | M | | 0 | min(ke[m], num_keys) |
    | `none` | B x T | | 0 | min(ke[m / T, m mod T], num_keys) |
    | `none` | B | T | 0 | min(ke[m / T] - T + m mod T + 1, num_keys) |

    A range whose end is not behind its start is empty. In the third form, each of the T queries of B sequences has a
    length. In the last form, which is causal, a sequence has one length, and its T queries are its last ones.

    Key n belongs to column n of a row of the output. With `compressed`, it belongs to column n - start. With
    `block_max = R`, a column is the maximum of a block of R keys: key n belongs to column n / R.

    The op reads no memory. The ops that get the ranges read it.

    Why this op exists: producers, consumers, cleaners and the sharing of work must agree on the ranges, so all of them take
    one value. One class, `Ranges`, knows what the bounds, masks and columns of the value are. All lowerings ask it.

    ```mlir
    %ranges = mqa.make_ranges %ks, %ke keys(%n) {compressed} : memref<?xi32>, memref<?xi32>
    %causal = mqa.make_ranges none, %lens keys(%n) {next_n = 2} : memref<?xi32>
    %blocks = mqa.make_ranges %ks, %ke keys(%n) {block_max = 128} : memref<?xi32>, memref<?xi32>
    ```
  }];
  let arguments = (ins Optional<MemRefRankOf<[I32], [1]>>:$ks,
                       MemRefRankOf<[I32], [1, 2]>:$ke,
                       Index:$num_keys,
                       OptionalAttr<ConfinedAttr<I64Attr, [IntPositive]>>:$next_n,
                       UnitAttr:$compressed,
                       OptionalAttr<I64Attr>:$block_max);
  let results = (outs MQA_RangesType:$ranges);
  let useCustomPropertiesEncoding = 1;
  let builders = [
    // Of columns that are keys.
    OpBuilder<(ins "::mlir::Value":$ks, "::mlir::Value":$ke, "::mlir::Value":$numKeys,
                   "::mlir::IntegerAttr":$nextN, "::mlir::UnitAttr":$compressed), [{
      build($_builder, $_state, ks, ke, numKeys, nextN, compressed, /*block_max=*/{});
    }]>];
  let assemblyFormat = [{
    custom<Bounds>($ks, $ke) `keys` `(` $num_keys `)` attr-dict
    `:` custom<BoundTypes>(type($ks), type($ke))
  }];
  let hasVerifier = 1;
}

def MQA_BlockRangesOp : MQA_Op<"block_ranges", [Pure]> {
  let summary = "The ranges of columns that lists of key blocks say";
  let description = [{
    The result counts columns in the place of keys: those of a row that has keys of some blocks. Row m has the columns
    [0, num_key_blocks[m] * R), and at most `num_columns`; R is `block_size`. Column j * R + o belongs to key
    key_blocks[m, j] * R + o. `key_ranges` says which keys the row sees. A column whose key the row does not see has no
    logit: `mqa.store_logits` writes -inf there with `clean`, and nothing without it.

    Why this op exists: as far as work, rings and tiles are concerned, the keys of a row's blocks are a range of keys like
    any other one, which begins at 0. Only loads and stores know which keys these are.

    ```mlir
    %keys = mqa.make_ranges %ks, %ke keys(%num_keys) : memref<?xi32>, memref<?xi32>
    %columns = mqa.block_ranges %keys blocks(%key_blocks, %num_key_blocks) columns(%n) {block_size = 8}
        : memref<?x?xi32>, memref<?xi32>
    ```
  }];
  let arguments = (ins MQA_RangesType:$key_ranges,
                       MemRefRankOf<[I32], [2]>:$key_blocks,
                       MemRefRankOf<[I32], [1]>:$num_key_blocks,
                       Index:$num_columns,
                       ConfinedAttr<I64Attr, [IntPositive]>:$block_size);
  let results = (outs MQA_RangesType:$ranges);
  let assemblyFormat = [{
    $key_ranges `blocks` `(` $key_blocks `,` $num_key_blocks `)` `columns` `(` $num_columns `)`
    attr-dict `:` type($key_blocks) `,` type($num_key_blocks)
  }];
  let hasVerifier = 1;
}

def MQA_NameSequencesOp : MQA_Op<"name_sequences", [Pure]> {
  let summary = "The ranges of rows that name their sequences";
  let description = [{
    The result has the ranges of `ranges`, whose rows begin at key 0 and have a length each, and row m names sequence
    sequence[m]. If that is not from 0 to `num_sequences` - 1, the range of row m is empty. `sequence` is not read where the
    row has no key anyway.

    Why this op exists: rows of one sequence share the loads of its keys. `mqa.run_share` and `mqa.row_run` find them.

    ```mlir
    %ranges = mqa.make_ranges none, %row_lens keys(%n) : memref<?xi32>
    %rows = mqa.name_sequences %ranges, %sequence of %b : memref<?xi32>
    ```
  }];
  let arguments = (ins MQA_RangesType:$ranges, MemRefRankOf<[I32], [1]>:$sequence,
                       Index:$num_sequences);
  let results = (outs MQA_RangesType:$result);
  let assemblyFormat = [{
    $ranges `,` $sequence `of` $num_sequences attr-dict `:` type($sequence)
  }];
  let hasVerifier = 1;
}

def MQA_NarrowRangesOp : MQA_Op<"narrow_ranges", [Pure]> {
  let summary = "The ranges of some consecutive rows";
  let description = [{
    The result has `num_rows` rows, and `ranges` has all of them: row i of the result is row `row` + i of `ranges`. Keys are
    counted as before.

    The position of this op says how early bounds may be read: the lowering makes the views of `ks` and `ke` there. The T
    rows of one sequence are read without a division. For that, `num_rows` is a constant, and `row` is an `affine.apply`
    that is a multiple of T.

    ```mlir
    %ranges = mqa.make_ranges %ks, %ke keys(%num_keys) : memref<?xi32>, memref<?xi32>
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
    The result [lo, hi) is the smallest range that holds the ranges of all rows, and whose lo is a multiple of `align`. There
    are 1 to `max_rows` rows. If no row sees a key, lo = hi = 0.

    A whole, converged warp executes the op.

    Why this op exists: the producers and consumers of a specialised kernel must agree on the range, so each of them
    computes it from the same op. A warp reads the rows of a block at once, one row per lane.

    ```mlir
    %ranges = mqa.make_ranges %ks, %ke keys(%num_keys) : memref<?xi32>, memref<?xi32>
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
    A query block is `block_q` rows of `ranges`; the last one may have fewer. It has ceil((hi - lo) / tile_kv) tiles, where
    [lo, hi) is its `mqa.key_range`. The tiles of all blocks are laid end to end, with a gap of `block_cost` tiles behind
    those of each block. The gap stands for the time that it takes to begin a block. The whole is cut into `num_shares`
    equal shares. Share number `share` begins at tile `first_tile` of block `first_block`, and ends before tile `last_tile`
    of block `end_block - 1`. In a share without tiles, first_block = end_block.

    A block without a key has no tile, and belongs to any number of shares. With `visits_all`, it counts as a block of one
    tile, so one share has it.

    All threads of a workgroup execute the op together. It synchronises them.

    Why this op exists: ranges differ from query to query, and only the device knows them. If whole query blocks were handed
    out, the blocks of the grid would end unevenly. Equal shares of the tiles end evenly, and need nothing from the caller.

    ```mlir
    %ranges = mqa.make_ranges %ks, %ke keys(%num_keys) : memref<?xi32>, memref<?xi32>
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

def MQA_RunShareOp : MQA_Op<"run_share", [
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "An equal share of all key tiles of all runs of rows";
  let description = [{
    `ranges` has rows that name their sequences. A run is up to `max_rows` neighbouring rows that see the keys of one
    sequence, or no key. A run begins where another sequence begins, and `max_rows` rows behind the begin of a run of the
    same sequence. It has ceil(end / tile_kv) tiles, where `end` is the longest length in the run.

    The tiles of all runs are laid end to end and cut into shares, as by `mqa.tile_share`. Share number `share` has
    `num_runs` neighbouring runs, from the run that begins at row `first_row` on. It begins at tile `first_tile` of its first
    run, and ends before tile `last_tile` of its last run. In a share without tiles, `num_runs` is 0. Runs without a tile may
    lie in between.

    All threads of a workgroup execute the op together. It synchronises them.

    Why this op exists: only the device knows where a sequence begins among the rows. Rows that share keys must be found
    before work is shared, because a run reads its keys once.

    ```mlir
    %ranges = mqa.make_ranges none, %row_lens keys(%n) : memref<?xi32>
    %rows = mqa.name_sequences %ranges, %sequence of %b : memref<?xi32>
    %row, %count, %t, %t_end = mqa.run_share %rows share %i of %shares
        {block_cost = 1, max_rows = 8, tile_kv = 128}
    ```
  }];
  let arguments = (ins MQA_RangesType:$ranges, Index:$share, Index:$num_shares,
                       ConfinedAttr<I64Attr, [IntPositive, IntMaxValue<32>]>:$max_rows,
                       ConfinedAttr<I64Attr, [IntPositive]>:$tile_kv,
                       DefaultValuedAttr<ConfinedAttr<I64Attr, [IntNonNegative]>, "0">:$block_cost);
  let results = (outs Index:$first_row, Index:$num_runs, Index:$first_tile,
                      Index:$last_tile);
  let assemblyFormat = "$ranges `share` $share `of` $num_shares attr-dict";
  let hasVerifier = 1;
}

def MQA_RowRunOp : MQA_Op<"row_run", [
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "The run of rows that begins at a row";
  let description = [{
    `row` is a row of `ranges`, whose rows name their sequences. The run that begins there (see `mqa.run_share`) has
    `num_rows` rows, from 1 to `max_rows`. Its rows are of sequence `sequence`, and see keys from 0 to `end` - 1. If they see
    no key, `sequence` and `end` are 0.

    A whole, converged warp executes the op.

    Why this op exists: each role of a specialised kernel finds the run by itself. A warp reads the rows at once, one row
    per lane.

    ```mlir
    %ranges = mqa.make_ranges none, %row_lens keys(%n) : memref<?xi32>
    %rows = mqa.name_sequences %ranges, %sequence of %b : memref<?xi32>
    %count, %line, %end = mqa.row_run %rows[%m] {max_rows = 8}
    ```
  }];
  let arguments = (ins MQA_RangesType:$ranges, Index:$row,
                       ConfinedAttr<I64Attr, [IntPositive, IntMaxValue<32>]>:$max_rows);
  let results = (outs Index:$num_rows, Index:$sequence, Index:$end);
  let assemblyFormat = "$ranges `[` $row `]` attr-dict";
  let hasVerifier = 1;
}

#endif // MQA_RANGES_OPS_TD
