//===- FusedSession.cpp - One kernel of logits and top-k ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FusedSession.h"
#include "KernelCases.h"
#include "MxKeys.h"
#include "Parallel.h"

#include <cmath>
#include <cstring>

using namespace mqa::tools;

//===----------------------------------------------------------------------===//
// Companions
//===----------------------------------------------------------------------===//

bool mqa::tools::isCompanion(const mqa_kernel_info &logits,
                             const mqa_kernel_info &fused) {
  bool paged = isPaged(fused);
  auto fits = [](int64_t size, int64_t other) {
    return size < 0 || size == other;
  };
  if (logits.op != (paged ? MQA_OP_PAGED_LOGITS : MQA_OP_LOGITS) ||
      logits.compressed || logits.block_max || logits.fast != fused.fast ||
      logits.key_block_size != fused.key_block_size ||
      (fused.key_block_size &&
       !fits(logits.max_key_blocks, fused.max_key_blocks)) ||
      logits.logits_type != fused.logits_type ||
      logits.input_type != fused.input_type ||
      logits.weights_type != fused.weights_type ||
      logits.has_weights != fused.has_weights ||
      logits.has_k_scale != fused.has_k_scale ||
      logits.activation != fused.activation ||
      logits.head_reduction != fused.head_reduction ||
      logits.num_heads != fused.num_heads ||
      logits.head_dim != fused.head_dim ||
      logits.num_groups != fused.num_groups ||
      !fits(logits.num_queries, fused.num_queries))
    return false;
  if (!paged)
    return logits.has_ks == fused.has_ks &&
           fits(logits.num_keys, fused.num_keys);
  return logits.next_n == fused.next_n && logits.block_kv == fused.block_kv &&
         logits.has_sequence == fused.has_sequence &&
         logits.rows_per_sequence == fused.rows_per_sequence &&
         logits.lens_per_query == fused.lens_per_query &&
         fits(logits.batch, fused.batch) &&
         fits(logits.num_blocks, fused.num_blocks) &&
         fits(logits.max_blocks, fused.max_blocks) &&
         fits(logits.max_context_len, fused.max_context_len);
}

std::unique_ptr<LoadedKernel>
mqa::tools::loadCompanion(const mqa_bundle *bundle,
                          const mqa_kernel_info &fused,
                          std::optional<mqa_device_kind> kind) {
  for (const mqa_kernel_info &info : listKernels(bundle))
    if (isCompanion(info, fused))
      return std::make_unique<LoadedKernel>(bundle, info.name, /*device=*/0,
                                            kind);
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Problems
//===----------------------------------------------------------------------===//

/// Ranges of columns: from the first one that a row sees to the last one.
static void setColumns(TopkProblem &selection, const Problem &problem) {
  const mqa_kernel_info &info = selection.info;
  selection.keyBlocks = problem.keyBlocks;
  // A table of the selection's own may end ahead of the keys.
  bool hasOwnTable = needsBlockTable(info.base) && !problem.paging.nextN;
  int64_t places = selection.maxBlocks * info.block_kv;
  auto sees = [&](int64_t m, int64_t column) {
    return problem.sees(m, column) &&
           (!hasOwnTable || problem.keyBlocks.getKey(m, column) < places);
  };
  for (int64_t m = 0; m < selection.numQueries; ++m) {
    int64_t first = 0, last = problem.keyBlocks.countColumns(m);
    while (first < last && !sees(m, first))
      ++first;
    while (last > first && !sees(m, last - 1))
      --last;
    selection.ks[m] = static_cast<int32_t>(first);
    selection.ke[m] = static_cast<int32_t>(last);
  }
}

TopkProblem mqa::tools::makeSelection(const mqa_kernel_info &fused,
                                      const Problem &problem, uint64_t seed) {
  mqa_kernel_info info = fused;
  info.input_type = fused.logits_type;
  const KeyBlocks &blocks = problem.keyBlocks;
  const Paging &paging = problem.paging;
  // Lines of the table are no rows, and columns of blocks are not all keys.
  if (paging.nextN && info.has_sequence)
    info.batch = -1;
  int64_t numColumns = problem.shape.numKeys;
  if (blocks.blockSize) {
    info.num_keys = -1;
    numColumns = problem.countColumns();
  }
  TopkProblem selection = makeTopkProblem(
      info, problem.shape.numQueries, numColumns, problem.shape.numKeys, seed,
      [&](int64_t m) {
        return std::pair<int64_t, int64_t>(problem.ks[m], problem.ke[m]);
      });
  if (blocks.blockSize)
    setColumns(selection, problem);
  if (!paging.nextN)
    return selection;
  selection.lens = paging.contextLens;
  selection.sequence = paging.sequence;
  selection.blockTable = paging.blockTable;
  selection.maxBlocks = paging.maxBlocks;
  selection.numSequences = paging.getBatch();
  // There is no key that the table does not reach.
  selection.numKeys = std::min<int64_t>(problem.shape.numKeys,
                                        paging.maxBlocks * paging.blockKv);
  return selection;
}

/// Zero, but for the first element of every `rowElements`.
static void fillRows(std::vector<uint8_t> &data, mqa_element_type type,
                     int64_t rowElements, float first) {
  std::fill(data.begin(), data.end(), 0);
  int64_t size = data.size() / getBytes(type);
  for (int64_t i = 0; i < size; i += rowElements)
    storeBits(type, data.data(), i, encode(type, first));
}

/// As element 0 of a key; what relu would make 0 is 0.
static void plantMxLogit(MxRows keys, int64_t slot, float logit) {
  int exponent = 0;
  if (std::isfinite(logit))
    std::frexp(logit, &exponent);
  exponent = std::clamp(exponent, -100, 100) - 2;
  float value =
      std::isinf(logit) ? getMaxMx(keys.type) : std::ldexp(logit, -exponent);
  storeMxElement(keys, slot, 0, std::isnan(logit) ? 0 : value);
  int byte = std::isnan(logit) ? kMxNaN : kMxBias + exponent;
  for (int64_t block = 0; block < kMxBlocks; ++block)
    storeMxScale(keys, slot, block, byte);
}

void mqa::tools::plantLogits(Problem &problem, const TopkPattern &pattern,
                             int64_t k, uint64_t seed) {
  const Shape &shape = problem.shape;
  const Format &format = problem.format;
  int64_t groups = shape.numGroups, d = shape.headDim;
  // The first head alone has a product that is not 0; where the maximum is
  // taken, all have the same.
  bool isOne = isSum(format.headReduction);
  int64_t plantedGroups = isOne ? 1 : groups;
  if (format.hasMxQueries()) {
    std::fill(problem.q.begin(), problem.q.end(), 0);
    for (int64_t head = 0, e = problem.queryScales.size(); head < e; ++head) {
      storeMxElement(getMxQueries(problem), head, 0,
                     !isOne || head % shape.numHeads == 0 ? 1.0f : 0.0f);
      for (int64_t block = 0; block < kMxBlocks; ++block)
        storeMxScale(getMxQueries(problem), head, block, kMxBias);
    }
  } else {
    fillRows(problem.q, format.input, isOne ? shape.numHeads * d : d, 1);
  }
  if (format.hasMxKeys())
    std::fill(problem.k.begin(), problem.k.end(), 0);
  else
    fillRows(problem.k, format.input, groups / plantedGroups * d, 1);
  for (size_t i = 0; i < problem.weights.size(); ++i)
    problem.weights[i] =
        !isOne || !format.hasWeights || i % shape.numHeads == 0 ? 1.0f : 0.0f;
  if (format.hasKScale)
    std::fill(problem.kScale.begin(), problem.kScale.end(), 0.0f);
  float largest = getMax(format.input);
  auto plant = [&](int64_t slot, float logit) {
    // The nearest that an element can be: equal ones become many.
    if (format.hasMxKeys())
      return plantMxLogit(getMxKeys(problem), slot, logit);
    float element =
        std::isnan(logit) ? logit : std::clamp(logit, -largest, largest);
    for (int64_t g = 0; g < plantedGroups; ++g)
      if (format.hasKScale)
        problem.kScale[slot * groups + g] = logit;
      else
        storeBits(format.input, problem.k.data(), (slot * groups + g) * d,
                  encode(format.input, element));
  };
  const Paging &paging = problem.paging;
  int64_t t = paging.nextN;
  // Of each sequence, those that a query of it may see.
  std::vector<int64_t> counts(t ? paging.getBatch() : 1, t ? 0 : shape.numKeys);
  for (int64_t m = 0; t && m < shape.numQueries; ++m)
    if (int64_t end = std::min<int64_t>(problem.ke[m], shape.numKeys);
        end > 0) {
      int64_t &own = counts[paging.getSequence(m)];
      own = std::max(own, end);
    }
  for (int64_t b = 0, e = counts.size(); b < e; ++b) {
    int64_t keys = counts[b];
    std::mt19937_64 random(seed * 1000003 + b);
    std::vector<float> logits(keys);
    pattern.fill(logits, k, random);
    for (int64_t n = 0; n < keys; ++n)
      plant(t ? problem.paging.getSlot(b, n) : n, logits[n]);
  }
}

//===----------------------------------------------------------------------===//
// Sessions
//===----------------------------------------------------------------------===//

FusedSession::FusedSession(Device &device, const LoadedKernel &fused,
                           const LoadedKernel &companion,
                           const Problem &problem, uint64_t seed,
                           const Slack &slack, const TopkSlack &topkSlack)
    : fused(fused), companion(companion), problem(problem), seed(seed),
      inputs(device, problem, slack),
      selection(makeSelection(fused.getInfo(), problem, seed)),
      topk(device, fused, selection, topkSlack, &inputs) {}

CheckResult FusedSession::computeLogits(int64_t maxPairs) {
  inputs.poison();
  inputs.launch(companion);
  CheckResult result;
  if (maxPairs > 0)
    result = inputs.check(companion, maxPairs);
  else
    inputs.download();
  const Output &output = inputs.getOutput();
  int64_t bytes = getBytes(output.type), row = output.numColumns * bytes;
  parallelFor(output.numQueries, 16, [&](int64_t first, int64_t last) {
    for (int64_t m = first; m < last && row > 0; ++m)
      std::memcpy(&selection.logits[m * row],
                  &output.data[output.getIndex(m, 0) * bytes], row);
  });
  return result;
}

TopkCheckResult FusedSession::check(int64_t maxLogits) {
  topk.poison();
  topk.launch();
  return topk.check(maxLogits);
}

void FusedSession::updateRanges() {
  if (problem.paging.nextN)
    inputs.updatePaging(problem.paging);
  else
    inputs.updateRanges();
  selection = makeSelection(fused.getInfo(), problem, seed);
  topk.update();
}
