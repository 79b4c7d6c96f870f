//===- MQAMxOps.td - What consumers decode -----------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_MX_OPS_TD
#define MQA_MX_OPS_TD

include "mqa/Dialect/MQA/IR/MQAOps.td"

//===----------------------------------------------------------------------===//
// Level 4: queries with block scales, and beside packed keys
//===----------------------------------------------------------------------===//

def MQA_DecodeQueriesOp : MQA_Op<"decode_queries", [
    AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<MQA_RoleOpInterface>,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "Staged queries with block scales, as the type that is multiplied";
  let description = [{
    `packed` has a row for each head of each query: D / 2 bytes of MXFP4 (i8; the even element in the low bits), or D
    f8E4M3FN of MXFP8. `words` has the block scales of each of them (f8E8M0FNU, one for 32 elements). The op reads
    `weights`, which are 1 if they are left out, and writes the other operands:

    | operand | shape | written |
    | --- | --- | --- |
    | `q` | queries x heads x D | the elements, divided by the greatest block scale of their row, times a constant that makes use of the range of the type |
    | `folded` | as `words` | the weight of a head, times the greatest block scale of its row, divided by the row's constant and by a power of two of the query |
    | `factors` | 2 x queries | two factors, whose product is that power of two (a single f32 may not hold it) |

    The sum over heads of folded * relu(q . k), multiplied by both factors, is what it is for the queries and weights that
    came in. The greatest folded weight of a query is at most 2^60 and at least 2^-60, so that no sum overflows, or vanishes,
    before it is multiplied by the factors. Factors are mostly 1.

    If a block scale of a row is NaN, the row's weight becomes NaN; with `drops_nan`, it becomes 0, because NaN scores
    count as 0. Elements that are NaN stay NaN. With `drops_nan`, and if the type of `q` has infinities, an element of the
    row becomes NaN, too: else an infinite key would make the score infinite, and its product with 0 would be NaN.

    `num_threads` threads execute the op. They are whole warps, and this thread has the number `thread`. The op stands
    between a get and the first use of the slot, and synchronises its threads. Without `threads`, one warp executes it.

    Why this op exists: no matrix unit of sm_90a, or of an older chip, multiplies elements with block scales. Queries are
    decoded once for all of their keys.

    ```mlir
    !packed = memref<1x64x64xi8, #gpu.address_space<workgroup>>
    !q = memref<1x64x128xf8E4M3FN, #mqa.staged<shape = [1, 64, 128], dims = [0, 1, 2], swizzle = 16>, #gpu.address_space<workgroup>>
    mqa.decode_queries %packed, %words, %weights into %q, %folded, %factors threads %i of %n
        : !packed, memref<1x64xi32, #gpu.address_space<workgroup>>, memref<1x64xf32, #gpu.address_space<workgroup>>
        into !q, memref<1x64xf32, #gpu.address_space<workgroup>>, memref<2x1xf32, #gpu.address_space<workgroup>>
    ```
  }];
  let arguments = (ins MemRefRankOf<[I8, F8E4M3FN], [3]>:$packed,
                       MemRefRankOf<[I32], [2]>:$words,
                       Optional<MemRefRankOf<[F32], [2]>>:$weights,
                       MemRefRankOf<[F8E4M3FN, BF16, F16], [3]>:$q,
                       MemRefRankOf<[F32], [2]>:$folded,
                       MemRefRankOf<[F32], [2]>:$factors,
                       Optional<Index>:$thread, Optional<Index>:$num_threads,
                       UnitAttr:$drops_nan);
  let assemblyFormat = [{
    $packed `,` $words (`,` $weights^)? `into` $q `,` $folded `,` $factors
    (`threads` $thread^ `of` $num_threads)? attr-dict
    `:` type($packed) `,` type($words) (`,` type($weights)^)?
    `into` type($q) `,` type($folded) `,` type($factors)
  }];
  let hasVerifier = 1;
}

def MQA_PermuteQueriesOp : MQA_Op<"permute_queries", [
    AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<MQA_RoleOpInterface>,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "Brings staged queries into the order in which keys are decoded";
  let description = [{
    The op permutes each row of D elements in place: what was element `(D / 4) c + 4u + i` becomes element
    `16u + 4c + i`, with c and i from 0 to 3 and u from 0 to D / 16 - 1. That is the order in which `mqa.decode_mx` gives
    the elements of a key. The products of queries and keys are the same in any order that both have.

    `num_threads` threads execute the op. They are whole warps, and this thread has the number `thread`. The op stands
    between a get and the first use of the slot, and synchronises its threads. Without `threads`, one warp executes it.

    Why this op exists: each of the four lanes that hold a key in registers decodes a quarter of it, which lies in one
    piece. But the matrix unit wants four elements of each lane in turn. Queries are permuted once for all their keys.

    ```mlir
    !q = memref<1x64x128xf8E4M3FN, #mqa.staged<shape = [1, 64, 128], dims = [0, 1, 2], swizzle = 16>, #gpu.address_space<workgroup>>
    mqa.permute_queries %q threads %i of %n : !q
    ```
  }];
  let arguments = (ins MemRefRankOf<[F8E4M3FN], [3]>:$q,
                       Optional<Index>:$thread, Optional<Index>:$num_threads);
  let assemblyFormat = [{
    $q (`threads` $thread^ `of` $num_threads)? attr-dict `:` type($q)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Level 5: vectors of packed keys
//===----------------------------------------------------------------------===//

def MQA_DecodeMxOp : MQA_Op<"decode_mx", [
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "Staged MXFP4 keys as vectors of f8E4M3FN, and the greatest block scale of each key";
  let description = [{
    `packed` has a row of D / 2 bytes for each key: two f4E2M1FN in a byte, the even one in the low bits. `words` has the
    block scales of each key (f8E8M0FNU, one for 32 elements). D is 32, 64 or 128. (With D = 96, a quarter of a key would
    lie in two blocks.)

    The op divides a key by its greatest block scale, and multiplies it by 64, so that elements use the range of f8E4M3FN.
    `exponents` has the greatest block scale of each key, a number from 0 to 255: a key is its row of `keys` times
    2^(exponent - 127) / 64, or NaN where the exponent is 255. Rows of `keys` are exact if the greatest block scale of the key
    is at most 2^14 times the least. Smaller elements are rounded.

    Element `16u + 4c + i` of a row of `keys` is element `(D / 4) c + 4u + i` of the key, with c and i from 0 to 3: the
    order of `mqa.permute_queries`.

    Why this op exists: a consumer group decodes keys into the registers that a product reads its rows from. They never
    lie in shared memory as f8E4M3FN.

    ```mlir
    %keys, %exponents = mqa.decode_mx %packed, %words
        : memref<64x64xi8, #gpu.address_space<workgroup>>, memref<64xi32, #gpu.address_space<workgroup>>
        -> vector<64x128xf8E4M3FN>, vector<64xi32>
    ```
  }];
  let arguments = (ins MemRefRankOf<[I8], [2]>:$packed, MemRefRankOf<[I32], [1]>:$words);
  let results = (outs VectorOfRankAndType<[2], [F8E4M3FN]>:$keys, VectorOfRankAndType<[1], [I32]>:$exponents);
  let assemblyFormat = [{
    $packed `,` $words attr-dict `:` type($packed) `,` type($words) `->` type($keys) `,` type($exponents)
  }];
  let hasVerifier = 1;
}

#endif // MQA_MX_OPS_TD
