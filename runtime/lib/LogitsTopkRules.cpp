//===- LogitsTopkRules.cpp - The rules of kernels of logits and top-k -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A kernel that computes logits and selects keys by them, which the caller does
// not see. It has the rules of mqa.logits or mqa.paged_logits, but for `out`,
// and those of mqa.topk, but for `logits`.
//
//===----------------------------------------------------------------------===//

#include "LogitsFields.h"
#include "LogitsTopkSteps.h"
#include "SelectionRules.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace mqa::runtime;

namespace {
class LogitsTopkRules final : public SelectionRules {
public:
  /// `getLogits` gives the rules of the op that computes the logits.
  constexpr LogitsTopkRules(mqa_op op, const char *name,
                            const char *launchFunction,
                            const LogitsOpRules &(*getLogits)())
      : SelectionRules(op, name, launchFunction), getLogits(getLogits) {}

  void readFields(Fields &fields, bool isCpu,
                  KernelDescription &kernel) const override;
  Ranks getRanks(Operand operand,
                 const KernelDescription &kernel) const override;
  bool isOptional(Operand operand) const override;
  /// No operand says how many keys there are, where the cache is paged.
  bool takesIndex(const KernelDescription &, bool isCpu) const override {
    return !isCpu || isPaged();
  }
  Form getForm(const KernelDescription &kernel) const override;

  size_t getScratchSize(const KernelDescription &kernel, int64_t numQueries,
                        int64_t numColumns,
                        int numMultiprocessors) const override;
  bool needsZeroedScratch(const KernelDescription &kernel) const override;
  mqa_status checkForGpu(const KernelDescription &kernel,
                         const Tensors &tensors) const override;
  int64_t getGrid(const KernelDescription &kernel, const Tensors &tensors,
                  int numMultiprocessors) const override;
  /// A task has all keys of its queries.
  std::pair<int64_t, int64_t> getTasks(const KernelDescription &kernel,
                                       const Tensors &tensors) const override {
    return {getLogits().getTasks(kernel, tensors).first, 1};
  }

private:
  bool isPaged() const { return op == MQA_OP_PAGED_LOGITS_TOPK; }

  const LogitsOpRules &(*getLogits)();
};
} // namespace

/// Of `most` blocks of the grid, so many that the ends of their shares are ends
/// of query blocks, as far as these have as many keys each: then no block has
/// to select from two of them. A few are left out for that.
static int64_t getEvenGrid(int64_t most, int64_t numBlocks) {
  constexpr double kWorth = 0.95;
  if (most <= 0 || numBlocks <= 0)
    return most;
  int64_t even = numBlocks <= most
                     ? most / numBlocks * numBlocks
                     : ceilDiv(numBlocks, ceilDiv(numBlocks, most));
  return static_cast<double>(even) >= kWorth * static_cast<double>(most) ? even
                                                                         : most;
}

/// Of blocks that share a query block, the last one takes the candidates of the
/// others from their lists, one after the other: that takes as long as some
/// tiles (with rows, it does not: see `getEvenGrid`). So the time
/// of a query block is least where it has as many shares as the square root
/// says.
int64_t LogitsTopkRules::getGrid(const KernelDescription &kernel,
                                 const Tensors &tensors,
                                 int numMultiprocessors) const {
  // About 3 us, where a tile takes 0.5 to 1.4 (one H200).
  constexpr double kTilesOfShare = 5;
  int64_t most = getLogits().getGrid(kernel, tensors, numMultiprocessors);
  if (!kernel.splitsKeys())
    return most;
  int64_t numKeys =
      isPaged() ? tensors[Operand::Out].sizes[1] : tensors[Operand::K].sizes[0];
  int64_t numBlocks = tensors[Operand::Q].sizes[0];
  if (!isPaged())
    numBlocks = ceilDiv(numBlocks, kernel.blockQueries);
  if (kernel.listPlaces == 0)
    return getEvenGrid(most, numBlocks);
  double tiles = static_cast<double>(ceilDiv(numKeys, kernel.tileKeys));
  int64_t shares = std::llround(std::sqrt(tiles / kTilesOfShare));
  return std::min(most, numBlocks * std::max<int64_t>(shares, 1));
}

static constexpr LogitsTopkRules kRules(MQA_OP_LOGITS_TOPK, "mqa.logits_topk",
                                        "mqa_logits_topk_launch",
                                        getLogitsOpRules);
static constexpr LogitsTopkRules kPagedRules(MQA_OP_PAGED_LOGITS_TOPK,
                                             "mqa.paged_logits_topk",
                                             "mqa_paged_logits_topk_launch",
                                             getPagedLogitsOpRules);

const OpRules &mqa::runtime::getLogitsTopkRules() { return kRules; }

const OpRules &mqa::runtime::getPagedLogitsTopkRules() { return kPagedRules; }

//===----------------------------------------------------------------------===//
// Manifest
//===----------------------------------------------------------------------===//

void LogitsTopkRules::readFields(Fields &fields, bool isCpu,
                                 KernelDescription &kernel) const {
  static const Fields::Choice<mqa_element_type> types[] = {
      {"f32", MQA_F32}, {"bf16", MQA_BF16}, {"f16", MQA_F16}};
  if (fields.has("steps"))
    return readSteps(fields, isCpu, kernel);
  getLogits().readLogits(fields, isCpu, kernel);
  if (kernel.blockMax)
    fields.refuse("block_max", "0 where logits are not stored");
  // Nobody sees what is outside of a range, and a list has all of a row.
  for (auto [field, value] :
       {std::pair<const char *, bool>{"clean", kernel.clean},
        {"compressed", kernel.compressed}})
    if (value)
      fields.refuse(field, std::string("false for ") + name);
  kernel.logitsType = fields.choice("logits_type", types);
  readTopkSelection(fields, kernel.selection);
  if (!isCpu) {
    constexpr int64_t kMaxPlaces = 65536;
    // 0: the scratch has rows, not lists, as kernels of a paged cache may have
    // them, of consumers and one group of other warps.
    constexpr int64_t kGroupThreads = 128;
    bool mayHaveRows = isPaged() && !kernel.selection.isByScore() &&
                       kernel.blockThreads >= 2 * kGroupThreads;
    constexpr auto kAny = std::numeric_limits<int64_t>();
    int64_t places = fields.integer("list_places", kAny.min(), kAny.max());
    if (places != 0 || !mayHaveRows)
      places = fields.integer("list_places", kernel.selection.k, kMaxPlaces);
    kernel.listPlaces = places;
  }
  readParameters(fields, isCpu, kernel);
  // No kernel for a GPU selects from its own logits of such rows.
  bool namesSequences = isPaged() && kernel.find(Operand::Sequence);
  if (!isCpu && (namesSequences || kernel.keyBlockSize))
    refuse(kernel, "must have steps where rows name their sequences, or have "
                   "key blocks");
  LogitsOpRules::checkTypes(kernel);
  getLogits().checkSizes(fields, kernel);
  if (isPaged())
    return;
  checkTable(kernel);
  readSequences(fields, kernel);
}

Ranks LogitsTopkRules::getRanks(Operand operand,
                                const KernelDescription &kernel) const {
  bool isCpu = kernel.blockThreads == 0;
  auto only = [](int rank) { return Ranks(rank, rank); };
  switch (operand) {
  case Operand::Out:
    return {0, 0};
  case Operand::BlockTable:
  case Operand::Indices:
  case Operand::Values:
    return only(2);
  case Operand::Sequence:
  case Operand::Offset:
    return only(1);
  case Operand::Scratch:
    return isCpu ? Ranks{0, 0} : only(1);
  default:
    return getLogits().getRanks(operand, kernel);
  }
}

bool LogitsTopkRules::isOptional(Operand operand) const {
  switch (operand) {
  case Operand::BlockTable:
    return !isPaged();
  case Operand::Sequence:
  case Operand::Offset:
  case Operand::Values:
    return true;
  default:
    return getLogits().isOptional(operand);
  }
}

Form LogitsTopkRules::getForm(const KernelDescription &kernel) const {
  Form form = getLogits().getForm(kernel);
  for (const auto &field : getTopkForm(kernel.selection))
    form.push_back(field);
  form.push_back({"logits_type", kernel.logitsType});
  if (!isPaged())
    form.insert(form.end(), {{"next_n", kernel.nextN},
                             {"block_kv", kernel.blockKv},
                             {"num_sequences", kernel.numSequences},
                             {"max_blocks", kernel.maxBlocks}});
  return form;
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

/// Where rows lie in front of them, counters of query blocks have room for so
/// many: they are in one place then, whatever the sizes of a launch are.
/// (As the compiler has it: kMaxBlocks of RowSelection.)
static constexpr int64_t kMaxRowBlocks = 65536;

/// Four words for each query block, and two lists of candidates for each query
/// of each block of the grid, which has at most one on each multiprocessor. Or
/// a row of logits for each query, whole vectors of four words, and a list for
/// each warp but four of a block. (Those of converters stay unused.)
size_t LogitsTopkRules::getScratchSize(const KernelDescription &kernel,
                                       int64_t numQueries, int64_t numColumns,
                                       int numMultiprocessors) const {
  if (!kernel.steps.empty())
    return getPieceBytes(kernel, numQueries, numColumns);
  if (!kernel.find(Operand::Scratch))
    return 0;
  constexpr size_t kCounterBytes = 16, kPlaceBytes = 8, kLists = 2;
  if (kernel.listPlaces == 0) {
    // As the compiler has them: kVectorWords and kPlaces of RowSelection.
    constexpr size_t kVectorBytes = 16, kWarpPlaces = 1024;
    size_t row = ceilDiv(numColumns, 4) * kVectorBytes;
    size_t warps = numMultiprocessors * (kernel.blockThreads / 32 - 4);
    return numQueries * row + warps * kWarpPlaces * kPlaceBytes +
           kMaxRowBlocks * kCounterBytes;
  }
  int64_t blockQueries = isPaged() ? kernel.nextN : kernel.blockQueries;
  size_t lists = kLists * numMultiprocessors * blockQueries;
  return kCounterBytes * ceilDiv(numQueries, blockQueries) +
         lists * kernel.listPlaces * kPlaceBytes;
}

/// Counters of query blocks must be zero; logits of steps need not be.
bool LogitsTopkRules::needsZeroedScratch(
    const KernelDescription &kernel) const {
  return kernel.steps.empty() && kernel.find(Operand::Scratch);
}

mqa_status LogitsTopkRules::checkForGpu(const KernelDescription &kernel,
                                        const Tensors &tensors) const {
  int64_t numQueries = tensors[Operand::Indices].sizes[0];
  int64_t most = kMaxRowBlocks * kernel.nextN;
  if (kernel.listPlaces > 0 || numQueries <= most)
    return MQA_SUCCESS;
  return fail(MQA_ERROR_INVALID_ARGUMENT,
              "num_queries must be at most " + std::to_string(most) +
                  " for this kernel, found " + std::to_string(numQueries));
}

/// What both kinds of kernels check; `logits` has been described.
template <typename Args>
static mqa_status checkSelection(const KernelDescription &kernel,
                                 const Args &args, mqa_topk_args selection,
                                 bool hasOwnTable, Tensors &tensors) {
  selection.num_queries = tensors[Operand::Out].sizes[0];
  MQA_RETURN_IF_FAILED(describeRows(kernel, selection, tensors));
  unsigned unread = getBit(Operand::Scratch);
  if (hasOwnTable) {
    int64_t batch = 0;
    MQA_RETURN_IF_FAILED(checkSequences(kernel, selection, batch));
    setTable(selection, tensors);
    if (selection.num_sequences == 0 || selection.max_blocks == 0)
      unread |= getBit(Operand::BlockTable);
  }
  // Nothing is read or written then: pointers may be null.
  if (!kernel.rules->hasWork(kernel, tensors))
    return MQA_SUCCESS;
  if (kernel.keyBlockSize && args.max_key_blocks == 0)
    unread |= getBit(Operand::KeyBlocks);
  MQA_RETURN_IF_FAILED(checkLogits(kernel, args, tensors, unread));
  return checkOutputs(kernel, tensors);
}

mqa_status mqa::runtime::checkArguments(const KernelDescription &kernel,
                                        const mqa_logits_args &args,
                                        const mqa_topk_args &selection,
                                        Tensors &tensors) {
  MQA_RETURN_IF_FAILED(checkOp(kernel, kRules));
  MQA_RETURN_IF_FAILED(describeLogits(kernel, args, tensors));
  return checkSelection(kernel, args, selection, /*hasOwnTable=*/true, tensors);
}

mqa_status mqa::runtime::checkArguments(const KernelDescription &kernel,
                                        const mqa_paged_logits_args &args,
                                        const mqa_topk_args &selection,
                                        Tensors &tensors) {
  MQA_RETURN_IF_FAILED(checkOp(kernel, kPagedRules));
  MQA_RETURN_IF_FAILED(describeLogits(kernel, args, tensors));
  return checkSelection(kernel, args, selection, /*hasOwnTable=*/false,
                        tensors);
}
