//===- TopkSession.cpp - One kernel that selects on one problem -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TopkSession.h"
#include "KernelCases.h"

#include <algorithm>
#include <cstring>

using namespace mqa::tools;

/// Room before and behind the outputs in which nobody may write.
static constexpr size_t kGuard = 1024;

/// What lies between the rows: NaN, and an index of nothing.
template <typename T>
void TopkSession::upload(std::unique_ptr<Buffer> &buffer,
                         const std::vector<T> &data, int64_t row,
                         int64_t stride) {
  std::vector<T> spread;
  const std::vector<T> *source = &data;
  if (row != stride && row > 0) {
    size_t rows = data.size() / row;
    spread.resize(rows * stride);
    std::memset(spread.data(), 0xff, spread.size() * sizeof(T));
    for (size_t i = 0; i < rows; ++i)
      std::copy_n(data.data() + i * row, row, spread.data() + i * stride);
    source = &spread;
  }
  if (buffer)
    buffer->copyFrom(source->data(), source->size() * sizeof(T));
  else
    buffer = device.upload(*source);
}

TopkSession::TopkSession(Device &device, const LoadedKernel &kernel,
                         const TopkProblem &problem, const TopkSlack &slack,
                         const Session *inputs)
    : device(device), kernel(kernel), problem(problem), slack(slack),
      inputs(inputs), output(problem, problem.info.k + slack.indices,
                             problem.info.k + slack.values, kGuard) {
  indices = device.allocate(output.indices.size() * sizeof(uint32_t));
  if (problem.info.has_values)
    values = device.allocate(output.values.size() * sizeof(uint32_t));
  if (problem.info.op == MQA_OP_MERGE_TOPK)
    describeMerge();
  else if (inputs)
    describeRows();
  else
    describeTopk();
  poison();
}

void TopkSession::describeMerge() {
  const mqa_kernel_info &info = problem.info;
  merge = std::make_unique<MergeInputs>(device, problem, slack.logits,
                                        slack.table, slack.rowsFirst);
  update();
  merge->describe(mergeArgs);
  mergeArgs.num_queries = problem.numQueries;
  mergeArgs.k = info.k;
  if (info.has_ks)
    mergeArgs.ks = ks->as<int32_t>();
  mergeArgs.ke = ke->as<int32_t>();
  mergeArgs.indices = indices->as<int32_t>(kGuard);
  mergeArgs.indices_stride = output.indicesStride;
  if (info.has_values)
    mergeArgs.values = values->as<float>(kGuard);
  mergeArgs.values_stride = output.valuesStride;
}

void TopkSession::describeTopk() {
  const mqa_kernel_info &info = problem.info;
  int64_t step = 16 / getBytes(info.input_type);
  bool isCpu = isForCpu(info);
  int64_t columns = std::max<int64_t>(1, problem.numColumns);
  args.logits_stride = isCpu ? columns : (columns + step - 1) / step * step;
  args.logits_stride += slack.logits * (isCpu ? 1 : step);
  args.context_lens_stride = (info.lens_per_query ? info.next_n : 1);
  args.context_lens_stride += slack.lens;
  args.num_queries = problem.numQueries;
  args.num_columns = problem.numColumns;
  args.num_keys = problem.numKeys;
  args.max_key_blocks = problem.keyBlocks.maxBlocks;
  args.key_blocks_stride = problem.keyBlocks.maxBlocks + slack.table;
  describeRows();
  if (drawsKeyBlocks(info)) {
    args.key_blocks = keyBlocks->as<int32_t>();
    args.num_key_blocks = numKeyBlocks->as<int32_t>();
  }
  // Null where the kernel has none: it must not look at them.
  args.logits = logits->get();
  if (info.has_ks)
    args.ks = ks->as<int32_t>();
  if (info.has_context_lens)
    args.context_lens = lens->as<int32_t>();
  else
    args.ke = ke->as<int32_t>();
}

void TopkSession::describeRows() {
  const mqa_kernel_info &info = problem.info;
  args.k = info.k;
  args.num_sequences = problem.numSequences;
  args.max_blocks = problem.maxBlocks;
  args.block_table_stride = problem.maxBlocks + slack.table;
  args.indices_stride = output.indicesStride;
  args.values_stride = output.valuesStride;
  update();
  // A paged cache has a table of its own.
  bool hasTable =
      needsBlockTable(info.base) || (drawsKeyBlocks(info) && info.block_kv);
  if (hasTable && !isPagedFused())
    args.block_table = table->as<int32_t>();
  if (info.has_sequence && !isPagedFused())
    args.sequence = sequence->as<int32_t>();
  if (info.has_offset)
    args.offset = offset->as<int32_t>();
  args.indices = indices->as<int32_t>(kGuard);
  if (info.has_values)
    args.values = values->as<float>(kGuard);
  require(mqa_topk_scratch_size(kernel.get(), problem.numQueries,
                                problem.numColumns, &args.scratch_size));
  if (args.scratch_size) {
    // What is not promised is not there. These would be large logits, so that
    // those that nobody has stored are selected.
    uint8_t fill = info.needs_zeroed_scratch ? 0 : 0x7b;
    scratch = device.upload(std::vector<uint8_t>(args.scratch_size, fill));
    args.scratch = scratch->get();
  }
}

void TopkSession::update() {
  bool ofBlocks = drawsKeyBlocks(problem.info);
  upload(ks, ofBlocks ? problem.firstKeys : problem.ks, 1, 1);
  upload(ke, ofBlocks ? problem.endKeys : problem.ke, 1, 1);
  if (ofBlocks) {
    const KeyBlocks &own = problem.keyBlocks;
    upload(keyBlocks, own.blocks, own.maxBlocks, args.key_blocks_stride);
    upload(numKeyBlocks, own.counts, 1, 1);
  }
  if (merge)
    return merge->update();
  int64_t bytes = getBytes(problem.info.input_type);
  if (!inputs) {
    upload(logits, problem.logits, problem.numColumns * bytes,
           args.logits_stride * bytes);
    upload(lens, problem.lens,
           problem.info.lens_per_query ? problem.info.next_n : 1,
           problem.info.lens_per_query ? args.context_lens_stride : 1);
  }
  upload(table, problem.blockTable, problem.maxBlocks, args.block_table_stride);
  upload(sequence, problem.sequence, 1, 1);
  upload(offset, problem.offset, 1, 1);
}

void TopkSession::launch(void *stream) {
  if (merge)
    require(mqa_merge_topk_launch(kernel.get(), &mergeArgs, stream));
  else if (isPagedFused())
    require(mqa_paged_logits_topk_launch(kernel.get(), &inputs->getPagedArgs(),
                                         &args, stream));
  else if (inputs)
    require(mqa_logits_topk_launch(kernel.get(), &inputs->getArgs(), &args,
                                   stream));
  else
    require(mqa_topk_launch(kernel.get(), &args, stream));
}

std::unique_ptr<mqa_launch, void (*)(mqa_launch *)> TopkSession::prepare() {
  mqa_launch *launch;
  if (merge)
    require(mqa_merge_topk_prepare(kernel.get(), &mergeArgs, &launch));
  else if (isPagedFused())
    require(mqa_paged_logits_topk_prepare(kernel.get(), &inputs->getPagedArgs(),
                                          &args, &launch));
  else if (inputs)
    require(mqa_logits_topk_prepare(kernel.get(), &inputs->getArgs(), &args,
                                    &launch));
  else
    require(mqa_topk_prepare(kernel.get(), &args, &launch));
  return {launch, mqa_launch_destroy};
}

void TopkSession::poison() {
  for (std::vector<uint32_t> *data : {&output.indices, &output.values})
    std::fill(data->begin(), data->end(), TopkOutput::kPoison);
  indices->copyFrom(output.indices.data(),
                    output.indices.size() * sizeof(uint32_t));
  if (values)
    values->copyFrom(output.values.data(),
                     output.values.size() * sizeof(uint32_t));
}

const TopkOutput &TopkSession::download() {
  device.synchronize();
  indices->copyTo(output.indices.data(),
                  output.indices.size() * sizeof(uint32_t));
  if (values)
    values->copyTo(output.values.data(),
                   output.values.size() * sizeof(uint32_t));
  return output;
}

double TopkSession::countBytes() const {
  const mqa_kernel_info &info = problem.info;
  double written = double(problem.numQueries) * info.k * 4;
  written *= 1 + info.has_values;
  if (merge)
    return merge->countBytes() + written;
  double keys = 0;
  // Shorter rows are selected without a logit, unless logits are asked for.
  for (int64_t m = 0; m < problem.numQueries; ++m)
    if (problem.countKeys(m) > info.k || info.has_values ||
        isByScore(info.order))
      keys += problem.countKeys(m);
  return keys * getBytes(info.input_type) + written;
}
