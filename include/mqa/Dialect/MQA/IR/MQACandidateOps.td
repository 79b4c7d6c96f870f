//===- MQACandidateOps.td - Ops that select among logits ---*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_CANDIDATE_OPS_TD
#define MQA_CANDIDATE_OPS_TD

include "mqa/Dialect/MQA/IR/MQATopkOps.td"

def MQA_TiesAttr : I32EnumAttr<"Ties", "Which of the candidates with equal codes stay in a list", [
    I32EnumAttrCase<"Place", 0, "place">, I32EnumAttrCase<"Smallest", 1, "smallest">,
    I32EnumAttrCase<"Greatest", 2, "greatest">]> {
  let cppNamespace = "::mlir::mqa";
  let genSpecializedAttr = 0;
}

def MQA_TiesEnumAttr : EnumAttr<MQA_Dialect, MQA_TiesAttr, "ties"> {
  let assemblyFormat = "`<` $value `>`";
}

def MQA_SortByAttr : I32EnumAttr<"SortBy", "What a list of candidates is sorted by", [
    I32EnumAttrCase<"Score", 0, "score">, I32EnumAttrCase<"Key", 1, "key">]> {
  let cppNamespace = "::mlir::mqa";
  let genSpecializedAttr = 0;
}

def MQA_SortByEnumAttr : EnumAttr<MQA_Dialect, MQA_SortByAttr, "sort_by"> {
  let assemblyFormat = "`<` $value `>`";
}

/// A list of candidates: two buffers, of which the first `count` elements are
/// in use. They lie in shared memory, where the op does not say otherwise.
class MQA_CandidatesOp<string mnemonic, list<Trait> traits = []>
    : MQA_Op<mnemonic, !listconcat([
        AllTypesMatch<["codes", "keys"]>,
        DeclareOpInterfaceMethods<MemoryEffectsOpInterface>], traits)> {
  let hasVerifier = 1;
}

def MQA_AppendCandidatesOp : MQA_CandidatesOp<"append_candidates", [AttrSizedOperandSegments]> {
  let summary = "Appends the logits that may be among the best to a list";
  let description = [{
    Each thread has the logits of some keys. Those that are at least `threshold`, and those
    that are `forced`, are appended behind the `count` candidates of the list: `codes` gets
    the code of the logit, and `keys` its key. NaN is appended if it is forced, or where
    `takes_nan` is true.

    A code is an unsigned number that grows with its logit. -0 has the code of +0, NaN has
    0, and a forced key has the greatest of all.

    There are two ways to say the keys:

    - `from` a `first_key`: a thread has that key and those behind it (ahead of it with
      `descending`), and the threads' keys follow each other. Candidates are appended in the
      order of their keys, so the list has that order.
    - `of` a vector, `own_keys`: any keys, and a negative one is padding, which is not
      appended. The list has no order of keys then, but the same one in each run. `keys`
      gets 2 * key, and 1 more where the logit is -0: so a list alone tells the logits of
      its candidates, and its words are ordered as the keys are.

    `new_count` is the number of candidates. Where the list has no room for all of them,
    nothing is appended, and `fits` is false.

    Executed by all threads of a workgroup, or of an `mqa.meet`, together, which it
    synchronises. What it appended is there for other threads only behind another barrier. Of two that follow
    each other, without a barrier in between, `turn` must be 0 of one and 1 of the other.

    ```mlir
    %n1, %fits = mqa.append_candidates %logits from %key threshold(%t) turn(%turn)
        outs(%codes, %keys count %n : memref<8192xi32, #gpu.address_space<workgroup>>) : vector<4xf32>
    %n2, %fits2 = mqa.append_candidates %logits of %own : vector<4xi32> threshold(%t)
        takes_nan(%is_whole) turn(%turn)
        outs(%codes, %keys count %n : memref<8192xi32, #gpu.address_space<workgroup>>) : vector<4xf32>
    ```
  }];
  let arguments = (ins VectorOfRankAndType<[1], [F32]>:$logits, Optional<Index>:$first_key,
                       Optional<VectorOfRankAndType<[1], [I32]>>:$own_keys,
                       F32:$threshold, Optional<VectorOfRankAndType<[1], [I1]>>:$forced,
                       Optional<I1>:$takes_nan,
                       Index:$turn, MemRefRankOf<[I32], [1]>:$codes,
                       MemRefRankOf<[I32], [1]>:$keys, Index:$count, UnitAttr:$descending);
  let results = (outs Index:$new_count, I1:$fits);
  let assemblyFormat = [{
    $logits (`from` $first_key^)? (`of` $own_keys^ `:` type($own_keys))?
    `threshold` `(` $threshold `)` (`forced` `(` $forced^ `:` type($forced) `)`)?
    (`takes_nan` `(` $takes_nan^ `)`)?
    `turn` `(` $turn `)` `outs` `(` $codes `,` $keys `count` $count `:` type($codes) `)`
    attr-dict `:` type($logits)
  }];
}

def MQA_CutCandidatesOp : MQA_CandidatesOp<"cut_candidates"> {
  let summary = "Keeps the best candidates of a list";
  let description = [{
    Of the `count` candidates, more than `keep`, the `keep` best stay, ahead and in the order
    that they had; the rest of the list has no meaning then. A greater code is better;
    among equal ones `ties` decides: the candidate is better that stands ahead (`place`, for
    a list in the order of its keys), or whose key is the smallest or the greatest.

    `threshold` is a logit, such that a candidate behind these can only be among the `keep`
    best if its logit is at least that; it is NaN where there can be none.

    Executed by all threads of a workgroup, or of an `mqa.meet`, together, which it synchronises.

    ```mlir
    %threshold = mqa.cut_candidates %codes, %keys count %n keep 2048
        : memref<8192xi32, #gpu.address_space<workgroup>>
    ```
  }];
  let arguments = (ins MemRefRankOf<[I32], [1]>:$codes, MemRefRankOf<[I32], [1]>:$keys,
                       Index:$count, ConfinedAttr<I64Attr, [IntPositive]>:$keep,
                       DefaultValuedAttr<MQA_TiesEnumAttr, "::mlir::mqa::Ties::Place">:$ties);
  let results = (outs F32:$threshold);
  let assemblyFormat = [{
    $codes `,` $keys `count` $count `keep` $keep attr-dict `:` type($codes)
  }];
}

def MQA_SortCandidatesOp : MQA_CandidatesOp<"sort_candidates"> {
  let summary = "Sorts a list of candidates by their logits or by their keys";
  let description = [{
    The `count` candidates, `most` or fewer, are sorted by descending codes. Of equal codes the
    smallest key is ahead, or the greatest with `tie_break = #mqa.tie_break<greatest>`; of
    code 0, which is NaN, always the smallest. With `by = #mqa.sort_by<key>` they are sorted
    by ascending keys, of which no two are equal; `doubled`: a word of `keys` is twice a key, and
    maybe 1 more; `keys_only`: codes are unspecified then. `most` is a power of two. The list may
    also lie in global memory, as a view of a static size.

    Executed by all threads of a workgroup, or of an `mqa.meet`, together, which it synchronises.

    ```mlir
    mqa.sort_candidates %codes, %keys count %n most 2048
        : memref<8192xi32, #gpu.address_space<workgroup>>
    ```
  }];
  let arguments = (ins MemRefRankOf<[I32], [1]>:$codes, MemRefRankOf<[I32], [1]>:$keys,
                       Index:$count, ConfinedAttr<I64Attr, [IntPositive]>:$most,
                       DefaultValuedAttr<MQA_SortByEnumAttr, "::mlir::mqa::SortBy::Score">:$by,
                       DefaultValuedAttr<MQA_TieBreakEnumAttr, "::mlir::mqa::TieBreak::Smallest">:$tie_break,
                       UnitAttr:$doubled, UnitAttr:$keys_only);
  let assemblyFormat = [{
    $codes `,` $keys `count` $count `most` $most attr-dict `:` type($codes)
  }];
}

#endif // MQA_CANDIDATE_OPS_TD
