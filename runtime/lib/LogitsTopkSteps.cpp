//===- LogitsTopkSteps.cpp - Logits and top-k as two kernels -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LogitsTopkSteps.h"
#include "LogitsFields.h"
#include "SelectionRules.h"

#include <limits>

using namespace mqa::runtime;

//===----------------------------------------------------------------------===//
// Manifest
//===----------------------------------------------------------------------===//

[[noreturn]] static void refuse(const KernelDescription &kernel,
                                const std::string &what) {
  throw InvalidBundle{"kernel '" + kernel.name + "' " + what};
}

/// Both compute on the same rows and keys.
static void checkSteps(const KernelDescription &kernel,
                       const KernelDescription &logits,
                       const KernelDescription &topk) {
  bool isPaged = kernel.rules == &getPagedLogitsTopkRules();
  const OpRules &first = isPaged ? getPagedLogitsRules() : getLogitsRules();
  if (logits.rules != &first || topk.rules != &getTopkRules())
    refuse(kernel,
           std::string("must have the steps ") + first.name + " and mqa.topk");
  if (logits.clean || logits.compressed || logits.blockMax || topk.compressed)
    refuse(kernel, "must have a step mqa.logits that is not clean, compressed "
                   "or of maxima, and one of mqa.topk that is not compressed");
  if (logits.keyBlockSize != topk.keyBlockSize)
    refuse(kernel, "must have steps with the same key_block_size");
  // Columns of blocks do not say how many keys there are.
  if (logits.keyBlockSize &&
      !(isPaged ? topk.find(Operand::BlockTable) != nullptr : topk.hasIndex()))
    refuse(kernel, std::string("must have a step mqa.topk with the parameter "
                               "'") +
                       (isPaged ? "block_table" : "num_keys") +
                       "', as it has key_block_size");
  for (Operand operand : {Operand::Ks, Operand::Ke})
    if (!logits.find(operand) != !topk.find(operand))
      refuse(kernel, "must have steps with the same parameters 'ks' and 'ke'");
  const Parameter *logitsLens = logits.find(Operand::ContextLens),
                  *topkLens = topk.find(Operand::ContextLens);
  if (!logitsLens != !topkLens ||
      (topkLens && topkLens->rank != logitsLens->rank))
    refuse(kernel, "must have steps with the same parameter 'context_lens'");
  // Without a table, nothing asks which sequence a row is of.
  bool namesSequences = topk.find(Operand::Sequence);
  bool mustName =
      topk.find(Operand::BlockTable) && logits.find(Operand::Sequence);
  if (isPaged && namesSequences != mustName)
    refuse(kernel, "must have steps with the same parameter 'sequence'");
  if (isPaged && ((!namesSequences && topk.nextN != logits.nextN) ||
                  (topk.blockKv && topk.blockKv != logits.blockKv)))
    refuse(kernel, "must have steps with the same next_n and block_kv");
  if (logits.getElementType(Operand::Out) !=
      topk.getElementType(Operand::Logits))
    refuse(kernel, "must have steps with logits of the same element_type");
}

/// Sizes of the keys and of the sequences, of both steps.
static bool uniteRows(KernelDescription &both, const KernelDescription &topk) {
  if (!unite(both.maxKeyBlocks, topk.maxKeyBlocks))
    return false;
  if (both.find(Operand::ContextLens)) {
    // Where rows name their sequences, the table alone is of sequences.
    bool ofRows = both.find(Operand::Sequence);
    return unite(ofRows ? both.numQueries : both.batch, topk.batch) &&
           unite(both.batch, ofRows ? topk.numSequences : topk.batch) &&
           (!topk.blockKv || unite(both.maxBlocks, topk.maxBlocks));
  }
  // Without a cache, the selection alone knows of sequences.
  both.nextN = topk.nextN;
  both.batch = topk.batch;
  both.blockKv = topk.blockKv;
  both.numSequences = topk.numSequences;
  both.maxBlocks = topk.maxBlocks;
  return both.keyBlockSize || unite(both.numKeys, both.numColumns);
}

void mqa::runtime::readSteps(Fields &fields, bool isCpu,
                             KernelDescription &kernel) {
  if (isCpu)
    fields.refuse("steps", "absent for target 'cpu'");
  std::vector<KernelDescription> steps;
  for (Fields &entry : fields.objects("steps")) {
    if (entry.has("steps"))
      entry.refuse("steps", "absent in a step");
    steps.push_back(readKernel(entry, isCpu));
  }
  if (steps.size() != kNumSteps)
    fields.refuse("steps", "two kernels");
  const KernelDescription &logits = steps[kLogitsStep],
                          &topk = steps[kTopkStep];
  checkSteps(kernel, logits, topk);
  KernelDescription both = logits;
  both.name = kernel.name;
  both.rules = kernel.rules;
  both.selection = topk.selection;
  both.logitsType = logits.getElementType(Operand::Out);
  both.sharedMemoryBytes =
      std::max(logits.sharedMemoryBytes, topk.sharedMemoryBytes);
  if (!unite(both.numQueries, topk.numQueries) ||
      !unite(both.numColumns, topk.numColumns))
    refuse(kernel, "must have steps with the same num_queries and "
                   "num_columns");
  if (!uniteRows(both, topk))
    refuse(kernel, "must have steps with the same sizes");
  // Of both, each operand once, and the logits as memory to work in.
  both.parameters.clear();
  for (const KernelDescription &step : steps)
    for (const Parameter &parameter : step.parameters)
      if (parameter.operand != Operand::Out &&
          parameter.operand != Operand::Logits && !both.find(parameter.operand))
        both.parameters.push_back(parameter);
  Parameter scratch;
  scratch.kind = Parameter::Kind::Memref;
  scratch.operand = Operand::Scratch;
  scratch.elementType = MQA_I32;
  scratch.rank = 1;
  both.parameters.push_back(scratch);
  both.steps = std::move(steps);
  kernel = std::move(both);
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

/// Rows of logits begin at a line of memory: elements of a line.
static int64_t getStrideStep(const KernelDescription &kernel) {
  constexpr int64_t kLineBytes = 128;
  return kLineBytes / getElementBytes(kernel.logitsType);
}

/// Elements from row to row of logits.
static int64_t getLogitsStride(const KernelDescription &kernel,
                               int64_t numColumns) {
  int64_t step = getStrideStep(kernel);
  return std::max<int64_t>(ceilDiv(numColumns, step), 1) * step;
}

/// Of the logits of a row.
static int64_t getRowBytes(const KernelDescription &kernel,
                           int64_t numColumns) {
  return getLogitsStride(kernel, numColumns) *
         getElementBytes(kernel.logitsType);
}

int64_t mqa::runtime::getNumColumns(const KernelDescription &kernel,
                                    const Tensors &tensors) {
  int64_t columns = tensors[Operand::Out].sizes[1];
  if (!kernel.find(Operand::ContextLens) || kernel.numColumns >= 0 ||
      kernel.keyBlockSize)
    return columns;
  return std::min(columns,
                  tensors[Operand::BlockTable].sizes[1] * kernel.blockKv);
}

/// Rows of a query block, or of a sequence.
static int64_t getUnitRows(const KernelDescription &kernel) {
  bool isInOrder =
      kernel.find(Operand::BlockTable) && !kernel.find(Operand::Sequence);
  return isInOrder ? kernel.nextN : std::max<int64_t>(kernel.blockQueries, 1);
}

/// Less makes launches too short (docs/notebook/2026-11-30.md). As the compiler
/// has it, in SplitTopk.cpp.
static constexpr int64_t kMostBytes = int64_t(512) << 20;

int64_t mqa::runtime::getPieceRows(const KernelDescription &kernel,
                                   int64_t numQueries, int64_t numColumns) {
  // A kernel for so many queries works on all of them.
  if (kernel.numQueries >= 0)
    return std::max<int64_t>(numQueries, 1);
  int64_t unit = getUnitRows(kernel);
  int64_t most = std::max<int64_t>(
                     kMostBytes / getRowBytes(kernel, numColumns) / unit, 1) *
                 unit;
  int64_t pieces = std::max<int64_t>(ceilDiv(numQueries, most), 1);
  return std::max<int64_t>(ceilDiv(ceilDiv(numQueries, pieces), unit), 1) *
         unit;
}

size_t mqa::runtime::getPieceBytes(const KernelDescription &kernel,
                                   int64_t numQueries, int64_t numColumns) {
  // Pieces of fewer rows may be larger, so not the size of these: what is there
  // for a launch is enough for all smaller ones.
  int64_t row = getRowBytes(kernel, numColumns);
  if (numQueries == 0 || row > std::numeric_limits<int64_t>::max() / numQueries)
    return numQueries ? std::numeric_limits<int64_t>::max() : 0;
  int64_t all = row * numQueries;
  return kernel.numQueries >= 0
             ? all
             : std::min(all, std::max(kMostBytes, getUnitRows(kernel) * row));
}

mqa_status mqa::runtime::checkPieces(const KernelDescription &kernel,
                                     const Tensors &tensors) {
  // The rows are the runtime's own, so what limits their stride limits the
  // keys.
  int64_t numColumns = getNumColumns(kernel, tensors);
  int64_t most = std::min(getMaxOutStride(kernel), kMaxTopkColumns);
  if (getLogitsStride(kernel, numColumns) > most)
    return fail(MQA_ERROR_INVALID_ARGUMENT,
                "a row of logits must have at most " +
                    std::to_string(most / getStrideStep(kernel) *
                                   getStrideStep(kernel)) +
                    " keys for this kernel, found " +
                    std::to_string(numColumns));
  size_t needed =
      getPieceBytes(kernel, tensors[Operand::Indices].sizes[0], numColumns);
  if (tensors.scratchSize >= needed)
    return MQA_SUCCESS;
  return fail(MQA_ERROR_INVALID_ARGUMENT,
              "scratch_size must be at least " + std::to_string(needed) +
                  " for this launch, found " +
                  std::to_string(tensors.scratchSize));
}

Tensors mqa::runtime::getPiece(const KernelDescription &kernel,
                               const Tensors &tensors, int64_t first,
                               int64_t count) {
  Tensors some = tensors;
  some.limitsRows = true;
  auto take = [&](Operand operand, int64_t rows) {
    Tensor &tensor = some[operand];
    if (tensor.data)
      tensor.data = static_cast<const char *>(tensor.data) +
                    first / rows * tensor.strides[0] * tensor.getElementBytes();
    tensor.sizes[0] = count / rows;
  };
  for (Operand operand :
       {Operand::Weights, Operand::Ks, Operand::Ke, Operand::Sequence,
        Operand::Offset, Operand::Indices, Operand::Values, Operand::KeyBlocks,
        Operand::NumKeyBlocks})
    take(operand, 1);
  bool isPaged = kernel.find(Operand::ContextLens);
  take(Operand::Q, isPaged ? kernel.nextN : 1);
  if (isPaged)
    take(Operand::ContextLens, kernel.nextN);
  if (kernel.find(Operand::BlockTable) && !kernel.find(Operand::Sequence))
    take(Operand::BlockTable, kernel.nextN);
  int64_t columns = getNumColumns(kernel, tensors);
  for (Operand operand : {Operand::Out, Operand::Logits})
    some.set(operand, tensors[Operand::Scratch].data, kernel.logitsType, count,
             getLogitsStride(kernel, columns), {columns});
  return some;
}
