//===- Problem.cpp - Inputs of mqa.logits on the host ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Problem.h"
#include "MxKeys.h"
#include "Parallel.h"

#include <cmath>
#include <map>

using namespace mqa::tools;

/// Values of the half of the normal distribution that is above 0, as likely as
/// each other: a problem may take a billion of them, which would take a minute
/// by logarithms and cosines.
constexpr int64_t kNumNormals = 1 << 15;
static const float *getNormals() {
  static const std::vector<float> normals = [] {
    std::vector<float> values(kNumNormals);
    double x = 0;
    for (int64_t i = 0; i < kNumNormals; ++i) {
      double above = 0.5 * (kNumNormals - i - 0.5) / kNumNormals;
      // Newton's method comes from below, where the last one was.
      for (double step = 1; step > 1e-9;) {
        double density = std::exp(-0.5 * x * x) / std::sqrt(2 * M_PI);
        step = (0.5 * std::erfc(x / std::sqrt(2.0)) - above) / density;
        x += step;
      }
      values[i] = static_cast<float>(x);
    }
    return values;
  }();
  return normals.data();
}

/// What a type makes of them. Of negative ones, the sign bit is set.
static const uint32_t *getNormalCodes(mqa_element_type type) {
  auto encodeAll = [](mqa_element_type other) {
    std::vector<uint32_t> codes(kNumNormals);
    for (int64_t i = 0; i < kNumNormals; ++i)
      codes[i] = encode(other, getNormals()[i]);
    return codes;
  };
  static const std::vector<uint32_t> codes[] = {
      encodeAll(MQA_F8E4M3FN), encodeAll(MQA_F8E5M2), encodeAll(MQA_BF16),
      encodeAll(MQA_F16), encodeAll(MQA_F32)};
  return codes[type == MQA_F8E4M3FN ? 0
               : type == MQA_F8E5M2 ? 1
               : type == MQA_BF16   ? 2
               : type == MQA_F16    ? 3
                                    : 4]
      .data();
}

namespace {
/// A counter-based generator: value i does not depend on the others, so threads
/// need no order (splitmix64, Steele et al., 2014).
class Random {
public:
  Random(uint64_t seed, uint64_t stream)
      : key(mix(seed ^ (stream * 0x9e3779b97f4a7c15ull))) {}
  uint64_t bits(uint64_t i) const {
    return mix(key + i * 0x9e3779b97f4a7c15ull);
  }
  /// In (0, 1).
  double uniform(uint64_t i) const { return ((bits(i) >> 11) + 0.5) * 0x1p-53; }
  int64_t integer(uint64_t i, int64_t min, int64_t max) const {
    return min +
           static_cast<int64_t>(bits(i) % static_cast<uint64_t>(max - min + 1));
  }
  float normal(uint64_t i) const {
    uint64_t drawn = bits(i);
    float value = getNormals()[getNormalIndex(drawn)];
    return drawn >> 63 ? -value : value;
  }
  /// Its highest bit is the sign.
  static uint64_t getNormalIndex(uint64_t drawn) {
    return (drawn >> 48) % kNumNormals;
  }

private:
  static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  uint64_t key;
};

enum Stream { kQuery, kKey, kWeights, kRanges, kScale, kTable, kBlocks };
constexpr int64_t kGrain = 1 << 16;
} // namespace

int64_t Problem::countPairs() const {
  int64_t pairs = 0;
  for (int64_t m = 0; m < shape.numQueries; ++m)
    if (!keyBlocks.blockSize)
      pairs += end(m) - begin(m);
    else
      for (int64_t n = 0; n < end(m); ++n)
        pairs += sees(m, n);
  return pairs;
}

static void makeRanges(Problem &problem, Mask mask, const Random &random) {
  int64_t m = problem.shape.numQueries, n = problem.shape.numKeys;
  problem.ks.assign(m, 0);
  problem.ke.assign(m, 0);
  int64_t half = m / 2, ranks = m ? std::max<int64_t>(1, n / m) : 1;
  int64_t rank = ranks / 3;
  for (int64_t i = 0; i < m; ++i) {
    int64_t ks = 0, ke = n;
    switch (mask) {
    case Mask::Causal:
      ke = n - m + i;
      break;
    case Mask::Cp:
      ke = i < half ? rank * half + i
                    : (ranks * 2 - 1 - rank) * half + (i - half);
      break;
    case Mask::Full:
      break;
    case Mask::Random:
      ks = random.integer(2 * i, -n / 8, n + n / 8);
      ke = random.integer(2 * i + 1, -n / 8, n + n / 8);
      // Two of three ranges the right way round.
      if (ke < ks && i % 3 != 0)
        std::swap(ks, ke);
      break;
    }
    problem.ks[i] = static_cast<int32_t>(ks);
    problem.ke[i] = static_cast<int32_t>(ke);
  }
}

static void resizeKeys(Problem &problem, int64_t numKeys) {
  const Format &format = problem.format;
  problem.k.resize(numKeys * format.getKeyBytes(problem.shape.headDim));
  if (format.hasMxKeys())
    problem.blockScales.resize(numKeys);
  else
    problem.kScale.resize(numKeys);
}

static void resizeQueries(Problem &problem) {
  const Format &format = problem.format;
  int64_t heads = problem.shape.numQueries * problem.shape.numHeads;
  problem.q.resize(heads * format.getQueryRow(problem.shape.headDim) *
                   getBytes(format.getQueryType()));
  if (format.hasMxQueries())
    problem.queryScales.resize(heads);
}

static Problem makeEmpty(const Shape &shape, Mask mask, uint64_t seed,
                         const Format &format) {
  Problem problem;
  problem.shape = shape;
  problem.format = format;
  resizeQueries(problem);
  int64_t numKeys = shape.numKeys * shape.numGroups;
  resizeKeys(problem, numKeys);
  problem.weights.resize(shape.numQueries * shape.numHeads);
  makeRanges(problem, mask, Random(seed, kRanges));
  if (!format.hasKs)
    std::fill(problem.ks.begin(), problem.ks.end(), 0);
  return problem;
}

/// What the kernel sees of scales and weights.
static void roundToFormat(Problem &problem) {
  const Format &format = problem.format;
  for (float &weight : problem.weights)
    weight = format.hasWeights
                 ? decode(format.weights, encode(format.weights, weight))
                 : 1.0f;
  if (!format.hasKScale)
    std::fill(problem.kScale.begin(), problem.kScale.end(), 1.0f);
}

/// Its blocks differ by up to 2^10, so that their scales differ by no more than
/// what fp8 has room for.
static void drawMxRow(const Random &random, int64_t n,
                      std::vector<float> &row) {
  int64_t d = row.size();
  for (int64_t block = 0; block < d / kMxBlock; ++block) {
    int exponent =
        static_cast<int>(random.integer(~(n * kMxBlocks + block), -5, 5));
    float factor = std::ldexp(1.0f, exponent);
    for (int64_t i = block * kMxBlock; i < (block + 1) * kMxBlock; ++i)
      row[i] = random.normal(n * d + i) * factor;
  }
}

/// Normally distributed queries and weights, quantised keys.
static void fillNormal(Problem &problem, uint64_t seed, bool wide) {
  const Format &format = problem.format;
  const Shape &shape = problem.shape;
  Random query(seed, kQuery), key(seed, kKey), weights(seed, kWeights);
  auto store = [&](std::vector<uint8_t> &data, int64_t i, float value) {
    storeBits(format.input, data.data(), i, encode(format.input, value));
  };
  // What a row is scaled to. A 16-bit type would need no scale, and sums of its
  // largest values would not be finite.
  float greatest = std::min(getMax(format.input), getMax(MQA_F8E4M3FN));
  int64_t d = shape.headDim, numRows = shape.numQueries * shape.numHeads;
  const uint32_t *codes = getNormalCodes(format.input);
  uint32_t sign = getFloatFormat(format.input).getSignBit();
  bool isPlain = !format.hasMxQueries();
  parallelFor(isPlain ? 0 : numRows, 512, [&](int64_t begin, int64_t end) {
    std::vector<float> row(d);
    for (int64_t head = begin; head < end; ++head) {
      drawMxRow(query, head, row);
      quantizeMx(getMxQueries(problem), head, row.data());
    }
  });
  parallelFor(isPlain ? numRows * d : 0, kGrain,
              [&](int64_t begin, int64_t end) {
                for (int64_t i = begin; i < end; ++i) {
                  uint64_t drawn = query.bits(i);
                  storeBits(format.input, problem.q.data(), i,
                            codes[Random::getNormalIndex(drawn)] |
                                (drawn >> 63 ? sign : 0));
                }
              });
  parallelFor(problem.countSlots(), 512, [&](int64_t begin, int64_t end) {
    std::vector<float> row(d);
    for (int64_t n = begin; n < end; ++n) {
      if (format.hasMxKeys()) {
        drawMxRow(key, n, row);
        quantizeMx(getMxKeys(problem), n, row.data());
        continue;
      }
      float largest = 1e-4f;
      for (int64_t i = 0; i < d; ++i) {
        row[i] = key.normal(n * d + i);
        largest = std::max(largest, std::fabs(row[i]));
      }
      // Without scales, keys are as they are drawn.
      float scale = format.hasKScale ? largest / greatest : 1.0f;
      problem.kScale[n] = scale;
      for (int64_t i = 0; i < d; ++i)
        store(problem.k, n * d + i, row[i] / scale);
    }
  });
  for (size_t i = 0; i < problem.weights.size(); ++i)
    problem.weights[i] = weights.normal(i);
  wide = wide && format.hasWeights && isPlain;
  parallelFor(wide ? numRows : 0, 512, [&](int64_t begin, int64_t end) {
    for (int64_t head = begin; head < end; ++head) {
      float largest = 1e-4f;
      for (int64_t i = 0; i < d; ++i)
        largest = std::max(largest, std::fabs(query.normal(head * d + i)));
      float scale = largest / greatest;
      for (int64_t i = 0; i < d; ++i)
        store(problem.q, head * d + i, query.normal(head * d + i) / scale);
      problem.weights[head] *= scale;
    }
  });
  roundToFormat(problem);
}

static void fillIntegers(Problem &problem, uint64_t seed) {
  const Format &format = problem.format;
  const Shape &shape = problem.shape;
  Random query(seed, kQuery), key(seed, kKey), weights(seed, kWeights),
      scale(seed, kScale);
  auto store = [&](std::vector<uint8_t> &data, int64_t i, int64_t value) {
    storeBits(format.input, data.data(), i,
              encode(format.input, static_cast<float>(value)));
  };
  // Scores are integers of magnitude at most D = 256, logits sums of at most
  // 128 of them: exact in f32, and in the fewer bits that WGMMA keeps.
  int64_t d = shape.headDim;
  auto fill = [&](std::vector<uint8_t> &data, int64_t size,
                  const Random &from) {
    parallelFor(size, kGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        store(data, i, from.integer(i, -1, 1));
    });
  };
  // Of a power of two of their own: fewer, as that of a head is in its term.
  auto fillMx = [&](MxRows rows, const Random &from, int64_t most) {
    for (size_t n = 0; n < rows.words.size(); ++n) {
      int byte = kMxBias + static_cast<int>(scale.integer(n, -most, most));
      for (int64_t block = 0; block < kMxBlocks; ++block)
        storeMxScale(rows, n, block, byte);
      for (int64_t i = 0; i < d; ++i)
        storeMxElement(rows, n, i,
                       static_cast<float>(from.integer(n * d + i, -1, 1)));
    }
  };
  if (format.hasMxQueries())
    fillMx(getMxQueries(problem), query, 1);
  else
    fill(problem.q, shape.numQueries * shape.numHeads * d, query);
  if (!format.hasMxKeys())
    fill(problem.k, problem.kScale.size() * d, key);
  if (format.hasMxKeys())
    fillMx(getMxKeys(problem), key, 3);
  for (size_t i = 0; i < problem.kScale.size(); ++i)
    problem.kScale[i] = std::ldexp(1.0f, scale.integer(i, -3, 3));
  for (size_t i = 0; i < problem.weights.size(); ++i)
    problem.weights[i] = static_cast<float>(weights.integer(i, -1, 1));
  roundToFormat(problem);
}

Problem mqa::tools::makeProblem(const Shape &shape, Mask mask, uint64_t seed,
                                bool wide, const Format &format) {
  Problem problem = makeEmpty(shape, mask, seed, format);
  fillNormal(problem, seed, wide);
  return problem;
}

Problem mqa::tools::makeIntegerProblem(const Shape &shape, Mask mask,
                                       uint64_t seed, const Format &format) {
  Problem problem = makeEmpty(shape, mask, seed, format);
  fillIntegers(problem, seed);
  return problem;
}

//===----------------------------------------------------------------------===//
// Key blocks
//===----------------------------------------------------------------------===//

/// `count` of `numBlocks` blocks, in their order: each of the rest is as likely
/// as another.
static void drawAscending(const Random &random, int64_t m, int64_t count,
                          int64_t numBlocks, int32_t *blocks) {
  int64_t wanted = count;
  for (int64_t block = 0; wanted > 0; ++block) {
    int64_t rest = numBlocks - block;
    uint64_t drawn = random.bits((m << 32) + block);
    if (static_cast<int64_t>(drawn % static_cast<uint64_t>(rest)) < wanted)
      blocks[count - wanted--] = static_cast<int32_t>(block);
  }
}

void mqa::tools::setKeyBlocks(Problem &problem, int64_t blockSize,
                              int64_t maxBlocks, BlockLists lists,
                              uint64_t seed) {
  int64_t m = problem.shape.numQueries;
  int64_t numBlocks = (problem.shape.numKeys + blockSize - 1) / blockSize;
  KeyBlocks &own = problem.keyBlocks;
  own.blockSize = blockSize;
  own.maxBlocks = maxBlocks;
  own.blocks.resize(m * maxBlocks);
  own.counts.resize(m);
  Random random(seed, kBlocks);
  for (size_t i = 0; i < own.blocks.size(); ++i)
    own.blocks[i] = static_cast<int32_t>(random.bits(~i));
  parallelFor(m, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      int32_t *row = own.blocks.data() + i * maxBlocks;
      int64_t count = std::min(maxBlocks, numBlocks);
      if (lists == BlockLists::Ascending) {
        drawAscending(random, i, count, numBlocks, row);
        own.counts[i] = static_cast<int32_t>(count);
        continue;
      }
      own.counts[i] =
          static_cast<int32_t>(random.integer(~(i << 20), -2, maxBlocks + 2));
      count = std::clamp<int64_t>(own.counts[i], 0, maxBlocks);
      // Some numbers of no block, near and far.
      for (int64_t j = 0; j < count; ++j) {
        int64_t draw = (i << 32) + j;
        if (random.integer(2 * draw, 0, 15) != 0)
          row[j] = static_cast<int32_t>(
              random.integer(2 * draw + 1, -2, numBlocks + 2));
      }
    }
  });
}

//===----------------------------------------------------------------------===//
// Paged problems
//===----------------------------------------------------------------------===//

std::vector<int32_t> mqa::tools::drawLengths(int64_t batch, int64_t average,
                                             uint64_t seed) {
  Random random(seed, kRanges);
  std::vector<int32_t> lengths(batch);
  for (int64_t b = 0; b < batch; ++b)
    lengths[b] =
        static_cast<int32_t>(average * (0.7 + 0.6 * random.uniform(b)) + 0.5);
  return lengths;
}

std::vector<int64_t> Paging::getLongest(int64_t batch) const {
  std::vector<int64_t> longest(batch, 0);
  int64_t perSequence = contextLens.size() / std::max<int64_t>(1, batch);
  for (size_t i = 0; i < contextLens.size(); ++i) {
    int64_t b =
        sequence.empty() ? i / std::max<int64_t>(1, perSequence) : sequence[i];
    if (b >= 0 && b < batch)
      longest[b] = std::max<int64_t>(longest[b], contextLens[i]);
  }
  return longest;
}

double mqa::tools::countBytes(const Problem &problem, bool clean) {
  const Shape &shape = problem.shape;
  const Format &format = problem.format;
  int64_t m = shape.numQueries;
  double written = double(problem.countPairs()) / format.getColumnKeys();
  double cells = clean ? double(m) * problem.countColumns() : written;
  double keys = double(shape.numKeys) * shape.numGroups;
  double ranges = 8.0 * m;
  if (problem.paging.nextN && !problem.keyBlocks.blockSize) {
    // The longest of a sequence's queries.
    keys = 0;
    const Paging &paging = problem.paging;
    ranges = 4.0 * (paging.contextLens.size() + paging.sequence.size());
    std::map<int64_t, int64_t> longest;
    for (int64_t i = 0; i < m; ++i)
      if (int64_t end = problem.end(i)) {
        int64_t &own = longest[paging.getSequence(i)];
        own = std::max(own, end);
      }
    for (auto [b, length] : longest) {
      keys += length;
      ranges += 4.0 * ((length + paging.blockKv - 1) / paging.blockKv);
    }
  }
  if (problem.keyBlocks.blockSize) {
    // As many as each query has.
    keys = 0;
    for (int64_t i = 0; i < m; ++i)
      keys += problem.end(i);
    double blocks = keys / problem.keyBlocks.blockSize;
    const Paging &paging = problem.paging;
    // Of a paged cache, each is looked up in the table.
    if (paging.nextN)
      ranges = 4.0 * (paging.contextLens.size() + paging.sequence.size()) +
               4.0 * blocks;
    ranges += 4.0 * (m + blocks);
  }
  double keyBytes =
      double(format.getKeyBytes(shape.headDim)) + (format.hasKScale ? 4 : 0);
  return cells * getBytes(format.out) + problem.q.size() +
         4.0 * problem.queryScales.size() + keys * keyBytes +
         double(getBytes(format.weights)) * problem.weights.size() + ranges;
}

void mqa::tools::setPagedRanges(Problem &problem) {
  const Paging &paging = problem.paging;
  int64_t t = paging.nextN;
  bool perQuery = paging.contextLens.size() == problem.ke.size();
  int64_t room = std::min<int64_t>(problem.shape.numKeys,
                                   paging.maxBlocks * paging.blockKv);
  int64_t batch = paging.getBatch();
  for (int64_t m = 0; m < problem.shape.numQueries; ++m) {
    int64_t length = perQuery ? paging.contextLens[m]
                              : paging.contextLens[m / t] - t + m % t + 1;
    // A row that names no line of the table sees no key.
    if (!paging.sequence.empty() &&
        (paging.sequence[m] < 0 || paging.sequence[m] >= batch))
      length = 0;
    problem.ks[m] = 0;
    problem.ke[m] = static_cast<int32_t>(std::clamp<int64_t>(length, 0, room));
  }
}

/// Gives each block that a sequence needs a place of its own in the cache, as
/// far as there are enough; garbage to the other entries of the table.
static void fillBlockTable(Paging &paging, int64_t batch, uint64_t seed,
                           int64_t columns) {
  Random random(seed, kTable);
  std::vector<int64_t> lengths = paging.getLongest(batch);
  std::vector<int32_t> order(paging.numBlocks);
  for (int64_t i = 0; i < paging.numBlocks; ++i)
    order[i] = static_cast<int32_t>(i);
  for (int64_t i = paging.numBlocks - 1; i > 0; --i)
    std::swap(order[i], order[random.integer(i, 0, i)]);
  size_t next = 0;
  for (int64_t b = 0; b < batch; ++b) {
    int64_t longest = std::min(lengths[b], columns);
    for (int64_t i = 0; i < paging.maxBlocks; ++i) {
      int32_t &entry = paging.blockTable[b * paging.maxBlocks + i];
      // A cache without blocks has none to name.
      if (i * paging.blockKv < longest && !order.empty())
        entry = order[next++ % order.size()];
      else
        entry = static_cast<int32_t>(random.bits(next + i + b));
    }
  }
}

Problem mqa::tools::makePagedProblem(const PagedShape &paged, uint64_t seed,
                                     bool wide, const Format &format,
                                     bool integers) {
  Problem problem;
  problem.paging.contextLens = paged.lens;
  problem.paging.sequence = paged.sequence;
  int64_t longest = 0, needed = 0;
  for (int64_t own : problem.paging.getLongest(paged.batch)) {
    longest = std::max(longest, own);
    needed += (own + paged.blockKv - 1) / paged.blockKv;
  }
  int64_t columns = paged.maxContextLen < 0 ? longest : paged.maxContextLen;
  // A column of maxima has room for its whole block.
  int64_t size = format.getColumnKeys();
  columns = (columns + size - 1) / size * size;
  problem.paging.nextN = paged.nextN;
  problem.paging.blockKv = paged.blockKv;
  problem.paging.numBlocks = paged.numBlocks < 0
                                 ? std::max<int64_t>(1, needed + needed / 16)
                                 : paged.numBlocks;
  problem.paging.maxBlocks =
      paged.maxBlocks < 0
          ? std::max<int64_t>(1, (longest + paged.blockKv - 1) / paged.blockKv)
          : paged.maxBlocks;
  problem.paging.blockTable.resize(paged.batch * problem.paging.maxBlocks);
  fillBlockTable(problem.paging, paged.batch, seed, columns);
  int64_t numRows = paged.ofRows ? static_cast<int64_t>(paged.sequence.size())
                                 : paged.batch * paged.nextN;
  problem.shape = {numRows, paged.numHeads, paged.headDim, columns};
  problem.format = format;
  int64_t slots = problem.paging.numBlocks * paged.blockKv;
  resizeQueries(problem);
  resizeKeys(problem, slots);
  problem.weights.resize(problem.shape.numQueries * paged.numHeads);
  problem.ks.resize(problem.shape.numQueries);
  problem.ke.resize(problem.shape.numQueries);
  setPagedRanges(problem);
  if (integers)
    fillIntegers(problem, seed);
  else
    fillNormal(problem, seed, wide);
  return problem;
}
