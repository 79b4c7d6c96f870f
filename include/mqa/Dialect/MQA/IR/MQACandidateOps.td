//===- MQACandidateOps.td - Ops that select among logits ---*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_CANDIDATE_OPS_TD
#define MQA_CANDIDATE_OPS_TD

include "mqa/Dialect/MQA/IR/MQATopkOps.td"

/// A list of candidates: two buffers in shared memory, of which the first
/// `count` elements are in use.
class MQA_CandidatesOp<string mnemonic, list<Trait> traits = []>
    : MQA_Op<mnemonic, !listconcat([
        AllTypesMatch<["codes", "keys"]>,
        DeclareOpInterfaceMethods<MemoryEffectsOpInterface>], traits)> {
  let hasVerifier = 1;
}

def MQA_AppendCandidatesOp : MQA_CandidatesOp<"append_candidates"> {
  let summary = "Appends the logits that may be among the best to a list";
  let description = [{
    Each thread has the logits of `first_key` and of the keys behind it (ahead of it with
    `descending`); the threads' keys follow each other. Those that are at least
    `threshold`, and those that are `forced`, are appended behind the `count` candidates of
    the list, in the order of their keys: `codes` gets the code of the logit, and `keys` its
    key. NaN is not appended if it is not forced.

    A code is an unsigned number that grows with its logit. -0 has the code of +0, NaN has
    0, and a forced key has the greatest of all.

    `new_count` is the number of candidates. Where the list has no room for all of them,
    nothing is appended, and `fits` is false.

    Executed by all threads of a workgroup together, which it synchronises. What it
    appended is there for other threads only behind another barrier. Of two that follow
    each other, without a barrier in between, `turn` must be 0 of one and 1 of the other.

    ```mlir
    %n1, %fits = mqa.append_candidates %logits from %key threshold(%t) turn(%turn)
        outs(%codes, %keys count %n : memref<8192xi32, #gpu.address_space<workgroup>>) : vector<4xf32>
    ```
  }];
  let arguments = (ins VectorOfRankAndType<[1], [F32]>:$logits, Index:$first_key,
                       F32:$threshold, Optional<VectorOfRankAndType<[1], [I1]>>:$forced,
                       Index:$turn, MemRefRankOf<[I32], [1]>:$codes,
                       MemRefRankOf<[I32], [1]>:$keys, Index:$count, UnitAttr:$descending);
  let results = (outs Index:$new_count, I1:$fits);
  let assemblyFormat = [{
    $logits `from` $first_key `threshold` `(` $threshold `)` (`forced` `(` $forced^ `:` type($forced) `)`)?
    `turn` `(` $turn `)` `outs` `(` $codes `,` $keys `count` $count `:` type($codes) `)`
    attr-dict `:` type($logits)
  }];
}

def MQA_CutCandidatesOp : MQA_CandidatesOp<"cut_candidates"> {
  let summary = "Keeps the best candidates of a list";
  let description = [{
    Of the `count` candidates, more than `keep`, the `keep` best stay, ahead and in the order
    that they had; the rest of the list has no meaning then. A greater code is better;
    among equal ones the candidate that stands ahead is. `threshold` is a logit, such that a
    candidate behind these can only be among the `keep` best if its logit is at least
    that; it is NaN where there can be none.

    Executed by all threads of a workgroup together, which it synchronises.

    ```mlir
    %threshold = mqa.cut_candidates %codes, %keys count %n keep 2048
        : memref<8192xi32, #gpu.address_space<workgroup>>
    ```
  }];
  let arguments = (ins MemRefRankOf<[I32], [1]>:$codes, MemRefRankOf<[I32], [1]>:$keys,
                       Index:$count, ConfinedAttr<I64Attr, [IntPositive]>:$keep);
  let results = (outs F32:$threshold);
  let assemblyFormat = [{
    $codes `,` $keys `count` $count `keep` $keep attr-dict `:` type($codes)
  }];
}

def MQA_SortCandidatesOp : MQA_CandidatesOp<"sort_candidates"> {
  let summary = "Sorts a list of candidates by their logits";
  let description = [{
    The `count` candidates, `most` or fewer, are sorted by descending codes. Of equal codes the
    smallest key is ahead, or the greatest with `tie_break = #mqa.tie_break<greatest>`; of
    code 0, which is NaN, always the smallest. `most` is a power of two.

    Executed by all threads of a workgroup together, which it synchronises.

    ```mlir
    mqa.sort_candidates %codes, %keys count %n most 2048
        : memref<8192xi32, #gpu.address_space<workgroup>>
    ```
  }];
  let arguments = (ins MemRefRankOf<[I32], [1]>:$codes, MemRefRankOf<[I32], [1]>:$keys,
                       Index:$count, ConfinedAttr<I64Attr, [IntPositive]>:$most,
                       DefaultValuedAttr<MQA_TieBreakEnumAttr, "::mlir::mqa::TieBreak::Smallest">:$tie_break);
  let assemblyFormat = [{
    $codes `,` $keys `count` $count `most` $most attr-dict `:` type($codes)
  }];
}

#endif // MQA_CANDIDATE_OPS_TD
