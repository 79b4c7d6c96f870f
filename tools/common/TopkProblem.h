//===- TopkProblem.h - Inputs of ops that select, on the host ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_COMMON_TOPKPROBLEM_H
#define MQA_TOOLS_COMMON_TOPKPROBLEM_H

#include "Problem.h"

#include "mqa/Runtime.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <random>
#include <utility>
#include <vector>

namespace mqa::tools {

/// Logits of one launch, and where the range of each row lies among them.
struct TopkProblem {
  /// The kernel's form: k, order and so on. Its sizes are not looked at.
  mqa_kernel_info info{};
  /// Of `logits`; keys that there are, which columns do not say where rows are
  /// compressed.
  int64_t numQueries = 0, numColumns = 0, numKeys = 0;
  /// Packed elements of the input's type.
  std::vector<uint8_t> logits;
  /// Of each row, as the kernel reads them; or `lens`, batch x next_n or batch.
  std::vector<int32_t> ks, ke, lens;
  /// Rows of `maxBlocks`; rows of it that queries name; added to indices.
  std::vector<int32_t> blockTable, sequence, offset;
  int64_t numSequences = 0, maxBlocks = 0;
  /// With key blocks, columns are what is selected, and `ks` and `ke` are
  /// ranges of columns. A kernel of mqa.topk alone reads them as keys.
  KeyBlocks keyBlocks;
  std::vector<int32_t> firstKeys, endKeys;
  /// Of mqa.merge_topk: lists that the keys of a row are dealt out to, which
  /// the kernel gets instead of logits.
  int64_t numLists = 0;

  /// The range of row m as keys.
  int64_t begin(int64_t m) const;
  int64_t end(int64_t m) const;
  int64_t countKeys(int64_t m) const { return end(m) - begin(m); }
  /// What `ke` or `lens` says of the end of row m as a key.
  int64_t getEndKey(int64_t m) const;
  float getLogit(int64_t m, int64_t key) const;
  void setLogit(int64_t m, int64_t column, float value) {
    storeBits(info.input_type, logits.data(), m * numColumns + column,
              encode(info.input_type, value));
  }
  /// What stands for `key` in `indices`.
  int32_t getIndex(int64_t m, int64_t key) const;
  /// Whether anything is promised of row m: its blocks must ascend.
  bool isSpecified(int64_t m) const;
  /// Row m's row of the table.
  int64_t getSequence(int64_t m) const {
    return info.has_sequence ? sequence[m]
                             : m / std::max<int64_t>(1, info.next_n);
  }
};

/// Gives every row a range: [starts[i], ends[i]) of two int64_t for m. A
/// kernel's own sizes take the place of others. Logits are all 0. Of mqa.topk
/// on columns of key blocks, the columns are rounded up to whole blocks, ranges
/// are those of columns, and lists and keys follow.
using GetRange = std::function<std::pair<int64_t, int64_t>(int64_t m)>;
TopkProblem makeTopkProblem(const mqa_kernel_info &info, int64_t numQueries,
                            int64_t numColumns, int64_t numKeys, uint64_t seed,
                            const GetRange &getRange);

/// Whether rows have lists of key blocks that the problem makes itself.
inline bool drawsKeyBlocks(const mqa_kernel_info &info) {
  return info.op == MQA_OP_TOPK && info.key_block_size;
}

/// Of a problem with `numColumns`: a list of key blocks for each row, ascending
/// but for some rows of which nothing is promised, and as many keys as they may
/// name. Some numbers are of no key.
void drawTopkBlocks(TopkProblem &problem, std::mt19937_64 &random);
/// The keys that columns [first, last) of row m stand for, as a range of keys.
std::pair<int64_t, int64_t> getKeyRange(const TopkProblem &problem, int64_t m,
                                        std::pair<int64_t, int64_t> columns);
/// Makes ranges of columns of `ks`, `ke` and `lens`, which are of keys.
void setColumnRanges(TopkProblem &problem);

/// Logits that a selection may go wrong on, by name. `fill` gives each of
/// `count` keys of a range its logit.
struct TopkPattern {
  const char *name;
  /// Keys that a range must have to show it, of k keys that are selected.
  int64_t (*countKeys)(int64_t k);
  void (*fill)(std::vector<float> &logits, int64_t k, std::mt19937_64 &random);
};
const std::vector<TopkPattern> &getTopkPatterns();

/// Fills every row's range by the pattern; what no range reaches is NaN.
void fillLogits(TopkProblem &problem, const TopkPattern &pattern,
                uint64_t seed);

} // namespace mqa::tools

#endif // MQA_TOOLS_COMMON_TOPKPROBLEM_H
