//===- XlaArguments.cpp - The operands of a custom call -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "XlaArguments.h"
#include "OpRules.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <vector>

using namespace mqa::runtime;

/// Any size.
static constexpr int64_t kAny = -1;

static mqa_status invalid(const std::string &message) {
  return fail(MQA_ERROR_INVALID_ARGUMENT, message);
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

static mqa_status readInteger(const xla::Attributes &attributes, int64_t index,
                              std::string_view name, int64_t &integer) {
  auto *scalar = static_cast<const xla::Scalar *>(attributes.values[index]);
  if (attributes.types[index] != xla::kScalar ||
      scalar->type != xla::DataType::S64)
    return invalid("attribute '" + std::string(name) +
                   "' must be a 64-bit integer");
  integer = *static_cast<const int64_t *>(scalar->value);
  return MQA_SUCCESS;
}

mqa_status mqa::runtime::readAttributes(const xla::Attributes &attributes,
                                        XlaAttributes &read) {
  for (int64_t i = 0; i < attributes.count; ++i) {
    std::string_view name(attributes.names[i]->data, attributes.names[i]->size);
    if (name == "op") {
      if (attributes.types[i] != xla::kString)
        return invalid("attribute 'op' must be a string");
      auto *text = static_cast<const xla::Text *>(attributes.values[i]);
      read.op = {text->data, text->size};
    } else if (name == "size") {
      MQA_RETURN_IF_FAILED(readInteger(attributes, i, name, read.size));
    } else if (name == "max_multiprocessors") {
      MQA_RETURN_IF_FAILED(
          readInteger(attributes, i, name, read.maxMultiprocessors));
    }
  }
  return read.op.empty() ? invalid("the call has no attribute 'op'")
                         : MQA_SUCCESS;
}

//===----------------------------------------------------------------------===//
// Operands and results
//===----------------------------------------------------------------------===//

static std::optional<xla::DataType> getDataType(mqa_element_type type) {
  switch (type) {
  case MQA_F8E4M3FN:
    return xla::DataType::F8E4M3FN;
  case MQA_F8E5M2:
    return xla::DataType::F8E5M2;
  case MQA_BF16:
    return xla::DataType::BF16;
  case MQA_F16:
    return xla::DataType::F16;
  case MQA_F32:
    return xla::DataType::F32;
  case MQA_I32:
    return xla::DataType::S32;
  case MQA_I8: // mqa.jax has no keys of MXFP4.
    return std::nullopt;
  }
  return std::nullopt;
}

namespace {
/// Takes the operands of a call one after the other, then its results.
class CallReader {
public:
  CallReader(const xla::CallFrame &frame, const KernelDescription &kernel)
      : frame(frame), kernel(kernel) {}

  /// The next operand, where the kernel has it; else `pointer` stays null.
  template <typename T>
  mqa_status read(Operand operand, std::vector<int64_t> sizes, T *&pointer) {
    return take(frame.operands, numOperands, operand, std::move(sizes),
                pointer);
  }
  /// Likewise of results.
  template <typename T>
  mqa_status write(Operand operand, std::vector<int64_t> sizes, T *&pointer) {
    return take(frame.results, numResults, operand, std::move(sizes), pointer);
  }
  /// Size `dim` of the next operand; 0 where there is no such.
  int64_t peekSize(int dim) const {
    const xla::Buffer *next = peek(frame.operands, numOperands);
    return next && dim < next->rank ? next->dims[dim] : 0;
  }
  /// Whether the next operand is a cache of bytes.
  bool isNextBytes() const {
    const xla::Buffer *next = peek(frame.operands, numOperands);
    return next && next->type == xla::DataType::U8;
  }
  mqa_status readCache(int64_t blockKv, int64_t headDim,
                       mqa_paged_logits_args &args);
  /// Column of the next result.
  int64_t peekColumns() const {
    const xla::Buffer *next = peek(frame.results, numResults);
    return next && next->rank == 2 ? next->dims[1] : 0;
  }
  /// Nothing must be left.
  mqa_status finish() const;

private:
  static const xla::Buffer *peek(const xla::Buffers &buffers, int64_t index) {
    if (index >= buffers.count || buffers.types[index] != xla::kBuffer)
      return nullptr;
    return static_cast<const xla::Buffer *>(buffers.buffers[index]);
  }

  template <typename T>
  mqa_status take(const xla::Buffers &buffers, int64_t &index, Operand operand,
                  std::vector<int64_t> sizes, T *&pointer) {
    if (!kernel.find(operand))
      return MQA_SUCCESS;
    const xla::Buffer *buffer = peek(buffers, index++);
    MQA_RETURN_IF_FAILED(checkBuffer(operand, buffer, sizes));
    pointer = static_cast<T *>(buffer->data);
    return MQA_SUCCESS;
  }
  mqa_status checkBuffer(Operand operand, const xla::Buffer *buffer,
                         const std::vector<int64_t> &sizes) const;

  const xla::CallFrame &frame;
  const KernelDescription &kernel;
  int64_t numOperands = 0, numResults = 0;
};
} // namespace

mqa_status CallReader::checkBuffer(Operand operand, const xla::Buffer *buffer,
                                   const std::vector<int64_t> &sizes) const {
  std::string name = getInfo(operand).name;
  if (!buffer)
    return invalid("the call has no buffer for " + name);
  if (buffer->type != getDataType(kernel.getElementType(operand)))
    return invalid(name + " has another type than the kernel's, XLA's " +
                   std::to_string(static_cast<int>(buffer->type)));
  bool fits = buffer->rank == static_cast<int64_t>(sizes.size());
  std::string expected, found;
  for (size_t i = 0; i < sizes.size(); ++i)
    expected +=
        (i ? " x " : "") + (sizes[i] == kAny ? "*" : std::to_string(sizes[i]));
  for (int64_t i = 0; i < buffer->rank; ++i) {
    found += (i ? " x " : "") + std::to_string(buffer->dims[i]);
    fits = fits && (sizes[i] == kAny || sizes[i] == buffer->dims[i]);
  }
  return fits ? MQA_SUCCESS
              : invalid(name + " must be " + expected + ", found " + found);
}

/// Keys and, behind those of a block, scales.
mqa_status CallReader::readCache(int64_t blockKv, int64_t headDim,
                                 mqa_paged_logits_args &args) {
  constexpr int64_t kScaleBytes = sizeof(float);
  const xla::Buffer *cache = peek(frame.operands, numOperands++);
  int64_t row = headDim + kScaleBytes;
  bool fits = (cache->rank == 3 || (cache->rank == 4 && cache->dims[2] == 1)) &&
              cache->dims[1] == blockKv && cache->dims[cache->rank - 1] == row;
  if (!fits || getElementBytes(kernel.getElementType(Operand::K)) != 1 ||
      !kernel.find(Operand::KScale))
    return invalid("a cache of bytes must be * x " + std::to_string(blockKv) +
                   " x " + std::to_string(row) +
                   ", for a kernel of 8-bit keys with scales");
  args.k = cache->data;
  args.k_stride = blockKv * row;
  args.k_scale = reinterpret_cast<const float *>(
      static_cast<const char *>(cache->data) + blockKv * headDim);
  args.k_scale_stride = blockKv * row / kScaleBytes;
  return MQA_SUCCESS;
}

mqa_status CallReader::finish() const {
  auto check = [](const char *what, int64_t taken, int64_t count) {
    return taken == count ? MQA_SUCCESS
                          : invalid(std::string("the kernel has ") +
                                    std::to_string(taken) + " " + what +
                                    ", the call " + std::to_string(count));
  };
  MQA_RETURN_IF_FAILED(check("operands", numOperands, frame.operands.count));
  return check("results", numResults, frame.results.count);
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

static mqa_status readLogits(CallReader &reader,
                             const KernelDescription &kernel,
                             mqa_logits_args &args) {
  int64_t h = kernel.numHeads, d = kernel.headDim, groups = kernel.numGroups;
  int64_t m = args.num_queries = reader.peekSize(0);
  MQA_RETURN_IF_FAILED(reader.read(Operand::Q, {m, h, d}, args.q));
  int64_t n = args.num_keys = reader.peekSize(0);
  std::vector<int64_t> keys{n, d}, scales{n};
  if (kernel.hasKeyGroups)
    keys = {n, groups, d}, scales = {n, groups};
  MQA_RETURN_IF_FAILED(reader.read(Operand::K, keys, args.k));
  MQA_RETURN_IF_FAILED(reader.read(Operand::KScale, scales, args.k_scale));
  MQA_RETURN_IF_FAILED(reader.read(Operand::Weights, {m, h}, args.weights));
  MQA_RETURN_IF_FAILED(reader.read(Operand::Ks, {m}, args.ks));
  args.q_stride = h * d;
  args.k_stride = groups * d;
  args.k_scale_stride = groups;
  args.weights_stride = h;
  return reader.read(Operand::Ke, {m}, args.ke);
}

static mqa_status readPagedLogits(CallReader &reader,
                                  const KernelDescription &kernel,
                                  mqa_paged_logits_args &args) {
  int64_t h = kernel.numHeads, d = kernel.headDim;
  int64_t t = kernel.nextN, p = kernel.blockKv;
  bool ofRows = kernel.find(Operand::Sequence) != nullptr;
  int64_t b = args.batch = args.num_rows = reader.peekSize(0);
  std::vector<int64_t> queries{b, t, h, d};
  if (ofRows)
    queries = {b, h, d};
  MQA_RETURN_IF_FAILED(reader.read(Operand::Q, queries, args.q));
  args.num_blocks = reader.peekSize(0);
  if (reader.isNextBytes()) {
    MQA_RETURN_IF_FAILED(reader.readCache(p, d, args));
  } else {
    MQA_RETURN_IF_FAILED(
        reader.read(Operand::K, {args.num_blocks, p, d}, args.k));
    MQA_RETURN_IF_FAILED(
        reader.read(Operand::KScale, {args.num_blocks, p}, args.k_scale));
    args.k_stride = p * d;
    args.k_scale_stride = p;
  }
  MQA_RETURN_IF_FAILED(reader.read(Operand::Weights, {b * t, h}, args.weights));
  std::vector<int64_t> lengths{b};
  if (kernel.hasLengthPerQuery())
    lengths.push_back(t);
  MQA_RETURN_IF_FAILED(
      reader.read(Operand::ContextLens, lengths, args.context_lens));
  if (ofRows)
    args.batch = reader.peekSize(0);
  args.max_blocks = args.block_table_stride = reader.peekSize(1);
  args.q_stride = t * h * d;
  args.weights_stride = h;
  args.context_lens_stride = t;
  MQA_RETURN_IF_FAILED(
      reader.read(Operand::BlockTable, {args.batch, kAny}, args.block_table));
  return reader.read(Operand::Sequence, {b}, args.sequence);
}

/// What is selected by, but for ranges.
static mqa_status readRows(CallReader &reader, const KernelDescription &kernel,
                           int64_t rows, bool hasOwnTable,
                           mqa_topk_args &args) {
  if (hasOwnTable && kernel.find(Operand::BlockTable)) {
    args.num_sequences = reader.peekSize(0);
    args.max_blocks = args.block_table_stride = reader.peekSize(1);
    MQA_RETURN_IF_FAILED(
        reader.read(Operand::BlockTable, {kAny, kAny}, args.block_table));
  }
  MQA_RETURN_IF_FAILED(reader.read(Operand::Sequence, {rows}, args.sequence));
  MQA_RETURN_IF_FAILED(reader.read(Operand::Offset, {rows}, args.offset));
  args.k = args.indices_stride = args.values_stride = kernel.selection.k;
  MQA_RETURN_IF_FAILED(
      reader.write(Operand::Indices, {rows, args.k}, args.indices));
  return reader.write(Operand::Values, {rows, args.k}, args.values);
}

static mqa_status readTopk(CallReader &reader, const KernelDescription &kernel,
                           const XlaAttributes &attributes,
                           mqa_topk_args &args) {
  int64_t m = args.num_queries = reader.peekSize(0);
  args.num_columns = args.logits_stride = reader.peekSize(1);
  args.num_keys = attributes.size;
  MQA_RETURN_IF_FAILED(
      reader.read(Operand::Logits, {m, args.num_columns}, args.logits));
  MQA_RETURN_IF_FAILED(reader.read(Operand::Ks, {m}, args.ks));
  MQA_RETURN_IF_FAILED(reader.read(Operand::Ke, {m}, args.ke));
  std::vector<int64_t> lengths{kAny};
  if (kernel.hasLengthPerQuery())
    lengths.push_back(kernel.nextN);
  args.context_lens_stride = kernel.nextN;
  MQA_RETURN_IF_FAILED(
      reader.read(Operand::ContextLens, lengths, args.context_lens));
  return readRows(reader, kernel, m, /*hasOwnTable=*/true, args);
}

static mqa_status readMergeTopk(CallReader &reader,
                                const KernelDescription &kernel,
                                mqa_merge_topk_args &args) {
  int64_t r = args.num_lists = reader.peekSize(0);
  int64_t m = args.num_queries = reader.peekSize(1);
  int64_t k = args.k = kernel.selection.k;
  MQA_RETURN_IF_FAILED(
      reader.read(Operand::ListIndices, {r, m, k}, args.list_indices));
  MQA_RETURN_IF_FAILED(
      reader.read(Operand::ListValues, {r, m, k}, args.list_values));
  args.list_indices_stride = args.list_values_stride = m * k;
  args.list_indices_row_stride = args.list_values_row_stride = k;
  args.indices_stride = args.values_stride = k;
  MQA_RETURN_IF_FAILED(reader.read(Operand::Ks, {m}, args.ks));
  MQA_RETURN_IF_FAILED(reader.read(Operand::Ke, {m}, args.ke));
  MQA_RETURN_IF_FAILED(reader.write(Operand::Indices, {m, k}, args.indices));
  return reader.write(Operand::Values, {m, k}, args.values);
}

mqa_status mqa::runtime::readArguments(const xla::CallFrame &frame,
                                       const XlaAttributes &attributes,
                                       const KernelDescription &kernel,
                                       XlaArguments &arguments) {
  CallReader reader(frame, kernel);
  mqa_logits_args &logits = arguments.logits;
  mqa_paged_logits_args &paged = arguments.paged;
  mqa_topk_args &selection = arguments.selection;
  constexpr int64_t kMost = std::numeric_limits<int>::max();
  logits.max_multiprocessors = paged.max_multiprocessors =
      static_cast<int>(std::min(attributes.maxMultiprocessors, kMost));
  switch (kernel.rules->op) {
  case MQA_OP_LOGITS:
    MQA_RETURN_IF_FAILED(readLogits(reader, kernel, logits));
    logits.out_stride = logits.max_seqlen_k = reader.peekColumns();
    MQA_RETURN_IF_FAILED(reader.write(
        Operand::Out,
        {logits.num_queries,
         kernel.compressed ? kAny : kernel.countColumns(logits.num_keys)},
        logits.out));
    break;
  case MQA_OP_PAGED_LOGITS:
    MQA_RETURN_IF_FAILED(readPagedLogits(reader, kernel, paged));
    paged.out_stride = reader.peekColumns();
    paged.max_context_len = paged.out_stride * kernel.getColumnKeys();
    MQA_RETURN_IF_FAILED(reader.write(
        Operand::Out, {paged.num_rows * kernel.nextN, kAny}, paged.out));
    break;
  case MQA_OP_TOPK:
    MQA_RETURN_IF_FAILED(readTopk(reader, kernel, attributes, selection));
    arguments.numQueries = selection.num_queries;
    arguments.numColumns = selection.num_columns;
    break;
  case MQA_OP_MERGE_TOPK:
    MQA_RETURN_IF_FAILED(readMergeTopk(reader, kernel, arguments.merge));
    break;
  case MQA_OP_LOGITS_TOPK:
    MQA_RETURN_IF_FAILED(readLogits(reader, kernel, logits));
    arguments.numQueries = logits.num_queries;
    arguments.numColumns = logits.num_keys;
    MQA_RETURN_IF_FAILED(readRows(reader, kernel, logits.num_queries,
                                  /*hasOwnTable=*/true, selection));
    break;
  case MQA_OP_PAGED_LOGITS_TOPK:
    MQA_RETURN_IF_FAILED(readPagedLogits(reader, kernel, paged));
    paged.max_context_len = attributes.size;
    arguments.numQueries = paged.num_rows * kernel.nextN;
    arguments.numColumns = attributes.size;
    MQA_RETURN_IF_FAILED(readRows(reader, kernel, arguments.numQueries,
                                  /*hasOwnTable=*/false, selection));
    break;
  }
  return reader.finish();
}

mqa_status mqa::runtime::checkArguments(const KernelDescription &kernel,
                                        const XlaArguments &arguments,
                                        Tensors &tensors) {
  switch (kernel.rules->op) {
  case MQA_OP_LOGITS:
    return checkArguments(kernel, arguments.logits, tensors);
  case MQA_OP_PAGED_LOGITS:
    return checkArguments(kernel, arguments.paged, tensors);
  case MQA_OP_TOPK:
    return checkArguments(kernel, arguments.selection, tensors);
  case MQA_OP_MERGE_TOPK:
    return checkArguments(kernel, arguments.merge, tensors);
  case MQA_OP_LOGITS_TOPK:
    return checkArguments(kernel, arguments.logits, arguments.selection,
                          tensors);
  case MQA_OP_PAGED_LOGITS_TOPK:
    return checkArguments(kernel, arguments.paged, arguments.selection,
                          tensors);
  }
  return invalid("the kernel is of no op that is known");
}
