//===- TopkProblem.cpp - Inputs of ops that select, on the host -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TopkProblem.h"
#include "Device.h"
#include "KernelCases.h"
#include "Parallel.h"

#include <cstring>
#include <limits>

using namespace mqa::tools;

int64_t TopkProblem::begin(int64_t m) const {
  if (keyBlocks.blockSize)
    return ks[m];
  if (!info.has_ks)
    return 0;
  return std::max<int64_t>(ks[m], 0);
}

int64_t TopkProblem::getEndKey(int64_t m) const {
  if (!info.has_context_lens)
    return ke[m];
  // Rows that name their sequences have a length each.
  int64_t t = std::max<int64_t>(1, info.next_n);
  return info.lens_per_query ? lens[m] : lens[m / t] - t + m % t + 1;
}

int64_t TopkProblem::end(int64_t m) const {
  if (keyBlocks.blockSize)
    return ke[m];
  int64_t first = begin(m), last = getEndKey(m);
  if (info.compressed)
    last = std::min(last, first + numColumns);
  if (!info.compressed || info.has_num_keys)
    last = std::min(last, numKeys);
  if (needsBlockTable(info.base))
    last = std::min(last, maxBlocks * info.block_kv);
  return std::max(first, last);
}

float TopkProblem::getLogit(int64_t m, int64_t key) const {
  int64_t column = info.compressed ? key - begin(m) : key;
  return decode(info.input_type, loadBits(info.input_type, logits.data(),
                                          m * numColumns + column));
}

bool TopkProblem::isSpecified(int64_t m) const {
  if (!keyBlocks.blockSize)
    return true;
  const int32_t *row = keyBlocks.blocks.data() + m * keyBlocks.maxBlocks;
  int64_t count = keyBlocks.countColumns(m) / keyBlocks.blockSize;
  for (int64_t j = 1; j < count; ++j)
    if (row[j - 1] >= row[j])
      return false;
  return true;
}

int32_t TopkProblem::getIndex(int64_t m, int64_t key) const {
  int64_t index = key;
  bool isColumn = keyBlocks.blockSize > 0;
  if (isColumn)
    key = keyBlocks.getKey(m, key);
  switch (info.base) {
  case MQA_BASE_RELATIVE:
    index -= isColumn ? 0 : begin(m);
    break;
  case MQA_BASE_ABSOLUTE:
    index = key;
    break;
  case MQA_BASE_SLOT:
    index = blockTable[getSequence(m) * maxBlocks + key / info.block_kv] *
                info.block_kv +
            key % info.block_kv;
    break;
  }
  // Modulo 2^32, as kernels count.
  auto sum = static_cast<uint32_t>(index);
  if (info.has_offset)
    sum += static_cast<uint32_t>(offset[m]);
  return static_cast<int32_t>(sum);
}

//===----------------------------------------------------------------------===//
// Problems
//===----------------------------------------------------------------------===//

static int32_t clampToInt(int64_t value) {
  return static_cast<int32_t>(
      std::clamp<int64_t>(value, std::numeric_limits<int32_t>::min(),
                          std::numeric_limits<int32_t>::max()));
}

/// Cache blocks of a sequence: more than there are keys for, but for key
/// blocks, whose last keys are cut.
static int64_t countTableBlocks(const TopkProblem &problem) {
  const mqa_kernel_info &info = problem.info;
  if (info.max_blocks >= 0)
    return info.max_blocks;
  int64_t blocks = problem.numKeys / info.block_kv;
  return drawsKeyBlocks(info) ? std::max<int64_t>(blocks, 1) : blocks + 2;
}

/// The last key of row m, which has one.
static int64_t getLastKey(const TopkProblem &problem, int64_t m) {
  int64_t last = problem.end(m) - 1;
  return problem.keyBlocks.blockSize ? problem.keyBlocks.getKey(m, last) : last;
}

/// Blocks in any order; entries that no range reaches hold garbage.
static void makeTable(TopkProblem &problem, std::mt19937_64 &random) {
  const mqa_kernel_info &info = problem.info;
  if (!info.has_sequence)
    problem.numSequences = problem.numQueries / info.next_n;
  else
    problem.numSequences = info.num_sequences >= 0 ? info.num_sequences
                                                   : 1 + problem.numQueries / 3;
  problem.blockTable.resize(problem.numSequences * problem.maxBlocks);
  for (int32_t &block : problem.blockTable)
    block = static_cast<int32_t>(random() % 100000);
  if (info.has_sequence)
    for (int64_t m = 0; m < problem.numQueries; ++m)
      problem.sequence.push_back(
          problem.numSequences
              ? static_cast<int32_t>(random() % problem.numSequences)
              : 0);
  // Rows without a key read neither the table nor their sequence.
  std::vector<int64_t> used(problem.numSequences);
  for (int64_t m = 0; m < problem.numQueries; ++m) {
    if (problem.countKeys(m) > 0) {
      int64_t &most = used[problem.getSequence(m)];
      most = std::max(most, getLastKey(problem, m) / info.block_kv + 1);
    } else if (info.has_sequence) {
      problem.sequence[m] = std::numeric_limits<int32_t>::min();
    }
  }
  for (int64_t b = 0; b < problem.numSequences; ++b)
    for (int64_t i = used[b]; i < problem.maxBlocks; ++i)
      problem.blockTable[b * problem.maxBlocks + i] =
          std::numeric_limits<int32_t>::min();
}

/// Few lists or many, of not too many candidates in all.
static int64_t drawNumLists(const TopkProblem &problem,
                            std::mt19937_64 &random) {
  if (problem.info.num_lists >= 0)
    return problem.info.num_lists;
  constexpr int64_t kMaxCandidates = 1 << 22, kNumbers[] = {1, 2, 3, 8, 8, 40};
  int64_t each = std::max<int64_t>(1, problem.numQueries) * problem.info.k;
  return std::clamp<int64_t>(kMaxCandidates / each, 1,
                             kNumbers[random() % std::size(kNumbers)]);
}

TopkProblem mqa::tools::makeTopkProblem(const mqa_kernel_info &info,
                                        int64_t numQueries, int64_t numColumns,
                                        int64_t numKeys, uint64_t seed,
                                        const GetRange &getRange) {
  TopkProblem problem;
  problem.info = info;
  if (info.next_n > 0)
    numQueries = (numQueries + info.next_n - 1) / info.next_n * info.next_n;
  if (info.num_queries >= 0)
    numQueries = info.num_queries;
  else if (info.next_n > 0 && info.batch >= 0)
    numQueries = info.batch * info.next_n;
  int64_t fixed = info.compressed ? info.max_seqlen_k : info.num_keys;
  if (fixed >= 0)
    numColumns = fixed;
  problem.numQueries = numQueries;
  problem.numColumns = numColumns;
  // Columns of compressed rows, and of blocks, are not all keys.
  bool areKeys = !info.compressed && !info.key_block_size;
  problem.numKeys = areKeys ? numColumns : numKeys;
  std::mt19937_64 random(seed);
  bool ofBlocks = drawsKeyBlocks(info);
  if (ofBlocks)
    drawTopkBlocks(problem, random);
  problem.logits.resize(numQueries * problem.numColumns *
                        getBytes(info.input_type));
  for (int64_t m = 0; m < numQueries; ++m) {
    auto [first, last] =
        ofBlocks ? getKeyRange(problem, m, getRange(m)) : getRange(m);
    problem.ks.push_back(clampToInt(first));
    problem.ke.push_back(clampToInt(last));
    if (info.has_context_lens && info.lens_per_query)
      problem.lens.push_back(clampToInt(last));
    else if (int64_t t = std::max<int64_t>(1, info.next_n);
             info.has_context_lens && m % t == t - 1)
      problem.lens.push_back(clampToInt(last));
    problem.offset.push_back(static_cast<int32_t>(random()));
  }
  bool hasTable = needsBlockTable(info.base) || (ofBlocks && info.block_kv);
  if (hasTable)
    problem.maxBlocks = countTableBlocks(problem);
  if (ofBlocks)
    setColumnRanges(problem);
  if (hasTable)
    makeTable(problem, random);
  if (info.op == MQA_OP_MERGE_TOPK) {
    problem.numLists = drawNumLists(problem, random);
    // The kernel knows no number of keys: callers cut ranges.
    for (int32_t &end : problem.ke)
      end = static_cast<int32_t>(std::min<int64_t>(end, problem.numKeys));
  }
  return problem;
}

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

static float fromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

static int64_t some(int64_t k) { return 2 * k + 700; }
static int64_t many(int64_t k) { return std::max<int64_t>(some(k), 66000); }
static int64_t enoughForTies(int64_t k) { return 2 * k + 4097 + 500; }

static void fillNormal(std::vector<float> &logits, int64_t,
                       std::mt19937_64 &random) {
  std::normal_distribution<float> normal(0, 10);
  for (float &logit : logits)
    logit = normal(random);
}

static void fillAscending(std::vector<float> &logits, int64_t,
                          std::mt19937_64 &) {
  for (size_t i = 0; i < logits.size(); ++i)
    logits[i] = static_cast<float>(i) - 300.0f;
}

static void fillDescending(std::vector<float> &logits, int64_t,
                           std::mt19937_64 &) {
  for (size_t i = 0; i < logits.size(); ++i)
    logits[i] = 300.0f - static_cast<float>(i);
}

static void fillEqual(std::vector<float> &logits, int64_t, std::mt19937_64 &) {
  std::fill(logits.begin(), logits.end(), 1.25f);
}

/// The upper 22 bits of all are the same.
static void fillOneBin(std::vector<float> &logits, int64_t,
                       std::mt19937_64 &random) {
  for (float &logit : logits)
    logit = fromBits(0x3f9d4400 | (random() & 0x3ff));
}

/// As many different ones as 16 bits can tell apart, all of one sign.
static void fillLastBits(std::vector<float> &logits, int64_t,
                         std::mt19937_64 &random) {
  for (float &logit : logits)
    logit = -fromBits(0x3f800000 | (random() & 0xffff));
}

/// `above` keys, in any places, are better than 4097 that are equal; the rest
/// is worse.
static void fillBoundary(std::vector<float> &logits, int64_t above,
                         std::mt19937_64 &random) {
  std::uniform_real_distribution<float> better(2, 3), worse(-3, 0);
  for (size_t i = 0; i < logits.size(); ++i)
    logits[i] = static_cast<int64_t>(i) < above          ? better(random)
                : static_cast<int64_t>(i) < above + 4097 ? 1.0f
                                                         : worse(random);
  std::shuffle(logits.begin(), logits.end(), random);
}

static void fillTies(std::vector<float> &logits, int64_t k,
                     std::mt19937_64 &random) {
  fillBoundary(logits, k / 2, random);
}

static void fillExact(std::vector<float> &logits, int64_t k,
                      std::mt19937_64 &random) {
  fillBoundary(logits, k, random);
}

static void fillZeros(std::vector<float> &logits, int64_t k,
                      std::mt19937_64 &random) {
  for (size_t i = 0; i < logits.size(); ++i)
    logits[i] = static_cast<int64_t>(i) < k / 3 ? fromBits(1 + random() % 9)
                : static_cast<int64_t>(i) < 3 * k
                    ? (random() & 1 ? 0.0f : -0.0f)
                    : -fromBits(1 + random() % 9);
  std::shuffle(logits.begin(), logits.end(), random);
}

/// Fewer numbers than k, so that there is padding; NaN of both signs.
static void fillNaN(std::vector<float> &logits, int64_t k,
                    std::mt19937_64 &random) {
  float nan = std::numeric_limits<float>::quiet_NaN();
  for (size_t i = 0; i < logits.size(); ++i)
    logits[i] = static_cast<int64_t>(i) < k - k / 4 ? float(random() % 50)
                : random() & 1                      ? nan
                                                    : -nan;
  std::shuffle(logits.begin(), logits.end(), random);
}

static void fillInfinite(std::vector<float> &logits, int64_t k,
                         std::mt19937_64 &random) {
  float inf = std::numeric_limits<float>::infinity();
  for (size_t i = 0; i < logits.size(); ++i)
    logits[i] = static_cast<int64_t>(i) < k / 4   ? inf
                : static_cast<int64_t>(i) < k / 2 ? float(random() % 9)
                : random() % 8 == 0 ? std::numeric_limits<float>::quiet_NaN()
                                    : -inf;
  std::shuffle(logits.begin(), logits.end(), random);
}

/// Of all sizes and signs.
static void fillBits(std::vector<float> &logits, int64_t,
                     std::mt19937_64 &random) {
  for (float &logit : logits)
    logit = fromBits(static_cast<uint32_t>(random()));
}

const std::vector<TopkPattern> &mqa::tools::getTopkPatterns() {
  static const std::vector<TopkPattern> patterns = {
      {"normal", some, fillNormal},
      {"ascending", some, fillAscending},
      {"descending", some, fillDescending},
      {"all equal", some, fillEqual},
      {"66000 that share their upper 22 bits", many, fillOneBin},
      {"different last bits", some, fillLastBits},
      {"4097 equal ones at the boundary", enoughForTies, fillTies},
      {"exactly k above the boundary", enoughForTies, fillExact},
      {"+0, -0 and subnormals", some, fillZeros},
      {"NaN, and fewer numbers than k", some, fillNaN},
      {"+inf, -inf and NaN", some, fillInfinite},
      {"any bits", some, fillBits}};
  return patterns;
}

void mqa::tools::fillLogits(TopkProblem &problem, const TopkPattern &pattern,
                            uint64_t seed) {
  mqa_element_type type = problem.info.input_type;
  // A NaN of every type.
  std::fill(problem.logits.begin(), problem.logits.end(), 0xff);
  parallelFor(problem.numQueries, 1, [&](int64_t first, int64_t last) {
    for (int64_t m = first; m < last; ++m) {
      std::mt19937_64 random(seed * 1000003 + m);
      int64_t begin = problem.info.compressed ? 0 : problem.begin(m);
      std::vector<float> logits(problem.countKeys(m));
      pattern.fill(logits, problem.info.k, random);
      for (size_t i = 0; i < logits.size(); ++i)
        storeBits(type, problem.logits.data(),
                  m * problem.numColumns + begin + i, encode(type, logits[i]));
    }
  });
}
