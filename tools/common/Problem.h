//===- Problem.h - Inputs of mqa.logits on the host -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_COMMON_PROBLEM_H
#define MQA_TOOLS_COMMON_PROBLEM_H

#include "ElementType.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mqa::tools {

/// Which keys each query sees (N keys, M queries).
enum class Mask {
  /// [0, N - M + m).
  Causal,
  /// The two half-chunks of rank (N / M) / 3 of a context-parallel group.
  Cp,
  /// [0, N).
  Full,
  /// Any, also empty, reversed, negative and past N.
  Random
};

struct Shape {
  int64_t numQueries, numHeads, headDim, numKeys;
  /// Groups of heads; the heads of a group share a key vector.
  int64_t numGroups = 1;
  /// Columns of a compressed output.
  int64_t maxSeqlenK = 0;
};

/// What a kernel computes besides its shape.
struct Format {
  mqa_element_type input = MQA_F8E4M3FN, out = MQA_F32;
  mqa_activation activation = MQA_ACTIVATION_RELU;
  mqa_element_type weights = MQA_F32;
  bool hasWeights = true, hasKScale = true;
  /// A row of the output begins with its range.
  bool compressed = false;
  /// Where keys have block scales, of which k_scale is the words: what k is of,
  /// MQA_I8 (MXFP4) or MQA_F8E4M3FN (MXFP8).
  std::optional<mqa_element_type> mxKeys = {};
  /// A column is the maximum of a block of so many keys; 0: it is a key.
  int64_t blockMax = 0;
  /// False: all ranges begin at key 0, whatever `ks` says.
  bool hasKs = true;
  /// Likewise of queries with block scales; `input` is then that of k, where
  /// keys have none.
  std::optional<mqa_element_type> mxQueries = {};
  mqa_head_reduction headReduction = MQA_HEAD_REDUCTION_SUM;

  bool hasMxKeys() const { return mxKeys.has_value(); }
  bool hasMxQueries() const { return mxQueries.has_value(); }
  mqa_element_type getQueryType() const { return mxQueries.value_or(input); }
  /// Elements of q for a head: two of MXFP4 are one.
  int64_t getQueryRow(int64_t headDim) const {
    return mxQueries == MQA_I8 ? headDim / 2 : headDim;
  }
  mqa_element_type getKeyType() const { return mxKeys.value_or(input); }
  int64_t getColumnKeys() const { return std::max<int64_t>(blockMax, 1); }
  /// Bytes of a key.
  int64_t getKeyBytes(int64_t headDim) const {
    return mxKeys == MQA_I8 ? headDim / 2 : headDim * getBytes(getKeyType());
  }
};

/// How keys lie in a paged cache (mqa.paged_logits); nextN is 0 without one.
struct Paging {
  /// Queries of a sequence, keys of a block, blocks of the cache, columns of
  /// the table.
  int64_t nextN = 0, blockKv = 0, numBlocks = 0, maxBlocks = 0;
  /// batch x nextN lengths, or one for each sequence.
  std::vector<int32_t> contextLens, blockTable;
  /// Of rows that name their sequences, which have a length each.
  std::vector<int32_t> sequence;

  /// That of query m, which must name one.
  int64_t getSequence(int64_t m) const {
    return sequence.empty() ? m / nextN : sequence[m];
  }
  /// The longest length of each of `batch` sequences, at least 0.
  std::vector<int64_t> getLongest(int64_t batch) const;

  int64_t getBatch() const {
    return maxBlocks ? static_cast<int64_t>(blockTable.size()) / maxBlocks : 0;
  }
  int64_t getSlot(int64_t sequence, int64_t key) const {
    return blockTable[sequence * maxBlocks + key / blockKv] * blockKv +
           key % blockKv;
  }
};

/// Key blocks that each query has of its own ('key_blocks' of mqa.logits
/// and mqa.paged_logits, where they are those of the query's sequence);
/// blockSize is 0 without them.
struct KeyBlocks {
  int64_t blockSize = 0, maxBlocks = 0;
  /// M x maxBlocks numbers, and how many of each row count.
  std::vector<int32_t> blocks, counts;

  int64_t countColumns(int64_t m) const {
    return std::clamp<int64_t>(counts[m], 0, maxBlocks) * blockSize;
  }
  /// The key of a column of row m, which may be none of those that there are.
  int64_t getKey(int64_t m, int64_t column) const {
    return blocks[m * maxBlocks + column / blockSize] * blockSize +
           column % blockSize;
  }
};

/// Inputs of one launch, quantised as the peer's test does it: normal values; q
/// is cast to the input's type, k is scaled by its largest magnitude per key.
struct Problem {
  /// Of a paged problem, `numQueries` are those of all sequences, and `numKeys`
  /// the keys that the output has columns for.
  Shape shape;
  Format format;
  Paging paging;
  KeyBlocks keyBlocks;
  /// Packed elements of their types, those of k N x G x D; of a paged
  /// problem, those of the cache's blocks, and so are its scales.
  std::vector<uint8_t> q, k;
  /// N x G and M x H; ones where the kernel has none. Weights are values of
  /// their type.
  std::vector<float> kScale, weights;
  /// N words of keys with block scales, which have no `kScale`.
  std::vector<uint32_t> blockScales;
  /// M x H words of queries with block scales.
  std::vector<uint32_t> queryScales;
  std::vector<int32_t> ks, ke;

  int64_t countSlots() const {
    return std::max(kScale.size(), blockScales.size());
  }
  /// N x G x D values, and N x G scales: products of both are the keys. Those
  /// with block scales have the greatest of a key as its scale.
  std::vector<float> decodeKeys() const;
  std::vector<float> getKeyScales() const;
  /// D values of head `head` of all queries, and what they are multiplied by:
  /// of queries with block scales, the greatest of the head; else 1.
  std::vector<float> decodeHead(int64_t head) const;
  double getQueryScale(int64_t head) const;

  /// The range of query m as keys; with key blocks, as columns.
  int64_t begin(int64_t m) const {
    if (keyBlocks.blockSize || !format.hasKs)
      return 0;
    return std::clamp<int64_t>(ks[m], 0, shape.numKeys);
  }
  int64_t end(int64_t m) const {
    if (keyBlocks.blockSize)
      return keyBlocks.countColumns(m);
    int64_t last = std::min<int64_t>(ke[m], shape.numKeys);
    if (format.compressed)
      last = std::min(last, begin(m) + shape.maxSeqlenK);
    return std::max(begin(m), last);
  }
  /// Where key n of query m, which it sees, lies among `k` and `kScale`.
  int64_t getSlot(int64_t m, int64_t n) const {
    if (keyBlocks.blockSize)
      n = keyBlocks.getKey(m, n);
    return paging.nextN ? paging.getSlot(paging.getSequence(m), n) : n;
  }
  /// Whether query m sees the key that n is of: of its range, all of them; of
  /// columns, those of keys of its range.
  bool sees(int64_t m, int64_t n) const {
    if (!keyBlocks.blockSize)
      return true;
    int64_t key = keyBlocks.getKey(m, n);
    return key >= std::max<int64_t>(ks[m], 0) &&
           key < std::min<int64_t>(ke[m], shape.numKeys);
  }
  int64_t countColumns() const {
    if (keyBlocks.blockSize)
      return keyBlocks.maxBlocks * keyBlocks.blockSize;
    int64_t size = format.getColumnKeys();
    return format.compressed ? shape.maxSeqlenK
                             : (shape.numKeys + size - 1) / size;
  }
  /// The column of key n in row m of the output.
  int64_t getColumn(int64_t m, int64_t n) const {
    return format.compressed ? n - begin(m) : n / format.getColumnKeys();
  }
  /// The column behind the last one of row m that has a key of its range.
  int64_t endColumn(int64_t m) const {
    int64_t first = begin(m), last = end(m) - 1;
    return last < first ? getColumn(m, first) : getColumn(m, last) + 1;
  }
  /// Sum of the lengths of all ranges: 2 H D operations each.
  int64_t countPairs() const;
};

/// The same shape, mask and seed give the same problem on every machine.
/// `wide`: q too is quantised by its largest magnitude, for each head, and the
/// weights take the scale back: scores are then far past what an f16 holds.
Problem makeProblem(const Shape &shape, Mask mask, uint64_t seed,
                    bool wide = false, const Format &format = {});

/// Values that keep every partial sum a small integer and every scale a power
/// of two: a correct kernel is exact on them.
/// Sequences of the given lengths against a paged cache that has a block for
/// each that they need, in any order, and some more. `lens` is batch x nextN,
/// or batch; or, where `sequence` has rows that name theirs, a length for each
/// row. What the lengths do not reach, of the table and of the cache, is
/// garbage.
struct PagedShape {
  int64_t batch, nextN, numHeads, headDim, blockKv;
  std::vector<int32_t> lens;
  /// Columns of the output, and of the table: at least what the lengths need,
  /// if that is -1.
  int64_t maxContextLen = -1, maxBlocks = -1;
  int64_t numBlocks = -1;
  /// For a kernel whose rows name their sequences: those, of which some may be
  /// no row of the table; and nextN is 1.
  bool ofRows = false;
  std::vector<int32_t> sequence = {};
};
Problem makePagedProblem(const PagedShape &shape, uint64_t seed,
                         bool wide = false, const Format &format = {},
                         bool integers = false);

/// `batch` lengths, uniform from 0.7 to 1.3 times `average`.
std::vector<int32_t> drawLengths(int64_t batch, int64_t average, uint64_t seed);

/// What a launch must at least move: every operand once, keys as often as a
/// sequence has them, and the cells that it writes.
double countBytes(const Problem &problem, bool clean);

/// Multiplications and additions of all products of queries and keys.
inline double countOperations(const Problem &problem) {
  return 2.0 * problem.shape.numHeads * problem.shape.headDim *
         problem.countPairs();
}

/// How lists of blocks are: as models have them (ascending, each block once, as
/// many as there are room and blocks for); or with anything that is allowed
/// among them: any order, blocks twice, numbers of no block, any count.
enum class BlockLists { Ascending, Any };

/// Gives each query of a problem a list of at most `maxBlocks` blocks. What is
/// behind a row's blocks is garbage.
void setKeyBlocks(Problem &problem, int64_t blockSize, int64_t maxBlocks,
                  BlockLists lists, uint64_t seed);

/// Sets `ks` and `ke` from the lengths and the block table.
void setPagedRanges(Problem &problem);

Problem makeIntegerProblem(const Shape &shape, Mask mask, uint64_t seed,
                           const Format &format = {});

} // namespace mqa::tools

#endif // MQA_TOOLS_COMMON_PROBLEM_H
