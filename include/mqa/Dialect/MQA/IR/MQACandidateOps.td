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
    Each thread has the logits of some keys. The op appends those that are at least `threshold`, and those that are
    `forced`, behind the `count` candidates of the list: it writes the code of the logit to `codes`, and its key to `keys`.
    NaN is appended if it is forced, or if `takes_nan` is true.

    A code is an unsigned number that grows with its logit. -0 has the code of +0. NaN has the code 0. A forced key has the
    greatest code of all.

    There are two ways to give the keys:

    - `from` a `first_key`: a thread has that key and the keys behind it (with `descending`, the keys ahead of it). The keys
      of the threads follow each other. Candidates are appended in the order of their keys, so the list has that order.
    - `of` a vector `own_keys`: any keys. A negative key is padding, and is not appended. The list then has no order of keys,
      but it is the same in each run. `keys` gets 2 * key, and 1 more if the logit is -0. So a list alone tells the logits of
      its candidates, and its words have the order of the keys.

    `new_count` is the new number of candidates. If the list does not have room for all new candidates, nothing is appended,
    and `fits` is false.

    All threads of a workgroup, or of an `mqa.meet`, execute the op together. The op synchronises them. Other threads see
    appended candidates only behind another barrier. If two of these ops follow each other without a barrier between them,
    one has `turn` 0 and the other has `turn` 1.

    ```mlir
    !list = memref<8192xi32, #gpu.address_space<workgroup>>
    %n1, %fits = mqa.append_candidates %logits from %key threshold(%t) turn(%c0)
        outs(%codes, %keys count %n : !list) : vector<4xf32>
    %n2, %fits2 = mqa.append_candidates %logits of %own : vector<4xi32> threshold(%t) takes_nan(%is_whole) turn(%c1)
        outs(%codes, %keys count %n1 : !list) : vector<4xf32>
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
    The list has `count` candidates, more than `keep`. The `keep` best stay, at the beginning of the list and in the order
    that they had. The rest of the list has no meaning then. A greater code is better. `ties` decides between equal codes:
    the candidate that stands ahead is better (`place`, for a list in the order of its keys), or the candidate with the
    smallest or the greatest key.

    `threshold` is a logit. A candidate that is appended later can be among the `keep` best only if its logit is at least
    `threshold`. If no later candidate can be among them, `threshold` is NaN.

    All threads of a workgroup, or of an `mqa.meet`, execute the op together. The op synchronises them.

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

def MQA_EstimateThresholdOp : MQA_Op<"estimate_threshold", [DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "Estimates by a sample which logits are among the best";
  let description = [{
    Each thread has some logits of a sample: element i of thread t is number i * threads + t. The first `count` of the sample
    are there, at least one.

    `threshold` is a logit that at least `rank` of the sample reach (all of them, if `rank` is more than `count`). It is the
    greatest such logit, or a smaller one near to it: the range of the sample's codes has 2048 parts, and `threshold` is the
    least logit of the part. NaN is below all other logits. If NaN is among the `rank` best, `threshold` is -inf.

    All threads of a workgroup, or of an `mqa.meet`, execute the op together. The op synchronises them.

    ```mlir
    %threshold = mqa.estimate_threshold %samples count %n rank %r : vector<4xf32>
    ```
  }];
  let arguments = (ins VectorOfRankAndType<[1], [F32]>:$samples, Index:$count, Index:$rank);
  let results = (outs F32:$threshold);
  let hasVerifier = 1;
  let assemblyFormat = [{
    $samples `count` $count `rank` $rank attr-dict `:` type($samples)
  }];
}

def MQA_SortCandidatesOp : MQA_CandidatesOp<"sort_candidates"> {
  let summary = "Sorts a list of candidates by their logits or by their keys";
  let description = [{
    The list has `count` candidates, at most `most`, which is a power of two. The op sorts them by descending codes. Among
    equal codes the smallest key is ahead, or the greatest with `tie_break = #mqa.tie_break<greatest>`. Among codes of 0, which
    are NaN, the smallest key is always ahead.

    With `by = #mqa.sort_by<key>`, the op sorts the candidates by ascending keys. No two keys are equal. With `doubled`, a word
    of `keys` is twice a key, and may be 1 more. With `keys_only`, codes are unspecified after the op. The list may also lie in
    global memory, as a view of a static size.

    All threads of a workgroup, or of an `mqa.meet`, execute the op together. The op synchronises them.

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
