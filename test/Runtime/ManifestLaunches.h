//===- ManifestLaunches.h - Launches of whatever loads ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TEST_RUNTIME_MANIFESTLAUNCHES_H
#define MQA_TEST_RUNTIME_MANIFESTLAUNCHES_H

#include "FakeCuda.h"
#include "TestBundle.h"

#include <gtest/gtest.h>

namespace mqa::test {

/// A size as the kernel has it, or `otherwise`.
inline int64_t getSize(int64_t size, int64_t otherwise) {
  return size < 0 ? otherwise : size;
}

/// What both ops have.
template <typename Args> Args makeArgs(const mqa_kernel_info &info) {
  Args args = {};
  args.q = address<void>(0x10000);
  args.k = address<void>(0x20000);
  args.k_scale = address<float>(0x30000);
  args.weights = address<void>(0x40000);
  args.weights_stride = info.num_heads;
  args.out = address<void>(0x70000);
  return args;
}

/// What is selected by logits that a kernel does not store.
inline mqa_topk_args makeSelection(const mqa_kernel *kernel,
                                   const mqa_kernel_info &info,
                                   int64_t numQueries) {
  mqa_topk_args args = {};
  args.num_sequences =
      getSize(info.num_sequences, info.next_n ? numQueries / info.next_n : 3);
  args.max_blocks = getSize(info.max_blocks, 4);
  args.block_table_stride = args.max_blocks;
  args.k = info.k;
  args.indices_stride = args.values_stride = info.k;
  // No operand reaches the next one.
  args.block_table = address<int32_t>(UINT64_C(5) << 36);
  args.sequence = address<int32_t>(UINT64_C(6) << 36);
  args.offset = address<int32_t>(UINT64_C(7) << 36);
  args.indices = address<int32_t>(UINT64_C(8) << 36);
  args.values = address<float>(UINT64_C(9) << 36);
  // Nothing is launched where this fails: the number of queries is wrong.
  if (!mqa_topk_scratch_size(kernel, numQueries, getSize(info.num_keys, 5),
                             &args.scratch_size) &&
      args.scratch_size)
    args.scratch = address<void>(UINT64_C(10) << 36);
  return args;
}

inline mqa_status launch(mqa_kernel *kernel, const mqa_kernel_info &info) {
  auto args = makeArgs<mqa_logits_args>(info);
  args.q_stride = info.num_heads * info.head_dim;
  args.k_stride = info.num_groups * info.head_dim;
  args.k_scale_stride = info.num_groups;
  args.ks = address<int32_t>(0x50000);
  args.ke = address<int32_t>(0x60000);
  args.num_queries = getSize(info.num_queries, 3);
  args.num_keys = getSize(info.num_keys, 5);
  args.max_seqlen_k = getSize(info.max_seqlen_k, 7);
  args.key_blocks = address<int32_t>(0x80000);
  args.num_key_blocks = address<int32_t>(0x90000);
  args.max_key_blocks = getSize(info.max_key_blocks, 4);
  args.key_blocks_stride = args.max_key_blocks;
  args.out_stride = info.key_block_size
                        ? args.max_key_blocks * info.key_block_size
                    : info.compressed ? args.max_seqlen_k
                                      : args.num_keys;
  if (info.op == MQA_OP_LOGITS)
    return mqa_logits_launch(kernel, &args, nullptr);
  mqa_topk_args selection = makeSelection(kernel, info, args.num_queries);
  return mqa_logits_topk_launch(kernel, &args, &selection, nullptr);
}

inline mqa_status launchPaged(mqa_kernel *kernel, const mqa_kernel_info &info) {
  auto args = makeArgs<mqa_paged_logits_args>(info);
  args.q_stride = info.next_n * info.num_heads * info.head_dim;
  args.k_stride = info.block_kv * info.head_dim;
  args.k_scale_stride = info.block_kv;
  args.context_lens = address<int32_t>(0x50000);
  args.context_lens_stride = info.next_n;
  args.block_table = address<int32_t>(0x60000);
  args.sequence = address<int32_t>(0x80000);
  args.num_rows = getSize(info.num_queries, 5);
  args.batch =
      getSize(info.batch, info.has_sequence ? 3 : args.num_rows / info.next_n);
  args.num_blocks = getSize(info.num_blocks, 9);
  args.max_blocks = getSize(info.max_blocks, 4);
  args.block_table_stride = args.max_blocks;
  args.max_context_len = getSize(info.max_context_len, 11);
  args.key_blocks = address<int32_t>(0x90000);
  args.num_key_blocks = address<int32_t>(0xa0000);
  args.max_key_blocks = getSize(info.max_key_blocks, 4);
  args.key_blocks_stride = args.max_key_blocks;
  args.out_stride = info.key_block_size
                        ? args.max_key_blocks * info.key_block_size
                        : args.max_context_len;
  if (info.op == MQA_OP_PAGED_LOGITS)
    return mqa_paged_logits_launch(kernel, &args, nullptr);
  mqa_topk_args selection =
      makeSelection(kernel, info, args.batch * info.next_n);
  return mqa_paged_logits_topk_launch(kernel, &args, &selection, nullptr);
}

inline mqa_status launchTopk(mqa_kernel *kernel, const mqa_kernel_info &info) {
  mqa_topk_args args = {};
  args.num_columns =
      getSize(info.compressed ? info.max_seqlen_k : info.num_keys, 700);
  args.num_keys = 900;
  args.num_sequences = getSize(info.num_sequences, getSize(info.batch, 3));
  args.num_queries = getSize(
      info.num_queries, info.next_n ? args.num_sequences * info.next_n : 5);
  args.max_blocks = getSize(info.max_blocks, 4);
  args.k = info.k;
  // No operand reaches the next one.
  args.logits = address<void>(UINT64_C(1) << 36);
  args.ks = address<int32_t>(UINT64_C(2) << 36);
  args.ke = address<int32_t>(UINT64_C(3) << 36);
  args.context_lens = address<int32_t>(UINT64_C(4) << 36);
  args.block_table = address<int32_t>(UINT64_C(5) << 36);
  args.sequence = address<int32_t>(UINT64_C(6) << 36);
  args.offset = address<int32_t>(UINT64_C(7) << 36);
  args.indices = address<int32_t>(UINT64_C(8) << 36);
  args.values = address<float>(UINT64_C(9) << 36);
  args.logits_stride = (args.num_columns + 31) / 32 * 32;
  args.context_lens_stride = info.next_n;
  args.block_table_stride = args.max_blocks;
  args.indices_stride = args.values_stride = info.k;
  return mqa_topk_launch(kernel, &args, nullptr);
}

inline mqa_status launchMerge(mqa_kernel *kernel, const mqa_kernel_info &info) {
  mqa_merge_topk_args args = {};
  args.num_lists = getSize(info.num_lists, 3);
  args.num_queries = getSize(info.num_queries, 5);
  args.k = info.k;
  // No operand reaches the next one.
  args.list_indices = address<int32_t>(UINT64_C(1) << 36);
  args.list_values = address<float>(UINT64_C(2) << 36);
  args.ks = address<int32_t>(UINT64_C(3) << 36);
  args.ke = address<int32_t>(UINT64_C(4) << 36);
  args.indices = address<int32_t>(UINT64_C(5) << 36);
  args.values = address<float>(UINT64_C(6) << 36);
  args.list_indices_stride = args.list_values_stride = info.k;
  args.list_indices_row_stride = args.list_values_row_stride =
      info.k * args.num_lists;
  args.indices_stride = args.values_stride = info.k;
  return mqa_merge_topk_launch(kernel, &args, nullptr);
}

inline mqa_status launchAny(mqa_kernel *kernel, const mqa_kernel_info &info) {
  switch (info.op) {
  case MQA_OP_LOGITS:
  case MQA_OP_LOGITS_TOPK:
    return launch(kernel, info);
  case MQA_OP_PAGED_LOGITS:
  case MQA_OP_PAGED_LOGITS_TOPK:
    return launchPaged(kernel, info);
  case MQA_OP_TOPK:
    return launchTopk(kernel, info);
  case MQA_OP_MERGE_TOPK:
    return launchMerge(kernel, info);
  }
  return MQA_ERROR_NOT_FOUND;
}

/// What the driver reads at a launch: a pointer to each parameter.
inline size_t countParameters(const nlohmann::json &kernel) {
  size_t count = 0;
  for (const nlohmann::json &parameter : kernel["parameters"])
    count += parameter["kind"] == "memref"
                 ? 3 + 2 * parameter["rank"].get<size_t>()
                 : 1;
  return count;
}

/// Launches kernel `index`, which may be one of another object.
inline mqa_status launchKernel(const mqa_bundle *bundle, size_t index,
                               const nlohmann::json &description) {
  mqa_kernel_info info;
  EXPECT_EQ(mqa_bundle_kernel_info(bundle, index, &info), MQA_SUCCESS);
  mqa_kernel *kernel = nullptr;
  // The task's name may have been altered.
  if (mqa_kernel_load(bundle, info.name, 1, &kernel)) {
    EXPECT_STREQ(info.target, "cpu") << mqa_last_error();
    return MQA_ERROR_INVALID_BUNDLE;
  }
  // Tasks that do nothing still take their time.
  constexpr int64_t kMaxSize = 1000;
  bool isSmall = true;
  for (int64_t size :
       {info.num_queries, info.num_keys, info.batch, info.max_context_len,
        info.max_seqlen_k, info.next_n, info.num_sequences, info.num_lists})
    isSmall &= size <= kMaxSize;
  // A name may have become that of a task of the object that writes.
  isSmall &= std::string(info.name).rfind("any", 0) == 0;
  mqa_status status = MQA_SUCCESS;
  FakeCudaState &fake = getFake();
  fake.maps.clear();
  fake.launches.clear();
  fake.calls.clear();
  fake.parameterCount = countParameters(description);
  if (isSmall || std::string(info.target) != "cpu")
    status = launchAny(kernel, info);
  mqa_kernel_destroy(kernel);
  return status;
}

} // namespace mqa::test

#endif // MQA_TEST_RUNTIME_MANIFESTLAUNCHES_H
