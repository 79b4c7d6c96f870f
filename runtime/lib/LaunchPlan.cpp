//===- LaunchPlan.cpp - A launch but for its addresses --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LaunchPlan.h"

#include <iterator>

using namespace mqa::runtime;

/// Nine operands, in the order of the op.
static mqa_status checkTopkArguments(const LaunchPlan &plan, mqa_topk_args args,
                                     const Addresses &addresses,
                                     Tensors &tensors) {
  args.logits = addresses[0];
  const int32_t **integers[] = {&args.ks,           &args.ke,
                                &args.context_lens, &args.block_table,
                                &args.sequence,     &args.offset};
  for (size_t i = 0; i < std::size(integers); ++i)
    *integers[i] = static_cast<const int32_t *>(addresses[1 + i]);
  args.indices = static_cast<int32_t *>(const_cast<void *>(addresses[7]));
  args.values = static_cast<float *>(const_cast<void *>(addresses[8]));
  return checkArguments(plan.kernel->getDescription(), args, tensors);
}

/// The operands of logits that both ops call the same, and that come first.
template <typename Args>
static void setLogits(Args &args, const Addresses &addresses) {
  args.q = addresses[0];
  args.k = addresses[1];
  args.k_scale = static_cast<const float *>(addresses[2]);
  args.weights = addresses[3];
}

static const int32_t *getIntegers(const void *address) {
  return static_cast<const int32_t *>(address);
}

/// What a kernel of both ops writes, and adds to it.
static void setSelection(mqa_topk_args &args, const void *offset,
                         const void *indices, const void *values) {
  args.offset = getIntegers(offset);
  args.indices = static_cast<int32_t *>(const_cast<void *>(indices));
  args.values = static_cast<float *>(const_cast<void *>(values));
}

static mqa_status checkLogitsTopk(const LaunchPlan &plan, LogitsTopkArgs args,
                                  const Addresses &addresses,
                                  Tensors &tensors) {
  setLogits(args.logits, addresses);
  args.logits.ks = getIntegers(addresses[4]);
  args.logits.ke = getIntegers(addresses[5]);
  args.selection.block_table = getIntegers(addresses[6]);
  args.selection.sequence = getIntegers(addresses[7]);
  setSelection(args.selection, addresses[8], addresses[9], addresses[10]);
  return checkArguments(plan.kernel->getDescription(), args.logits,
                        args.selection, tensors);
}

static mqa_status checkPagedLogitsTopk(const LaunchPlan &plan,
                                       PagedLogitsTopkArgs args,
                                       const Addresses &addresses,
                                       Tensors &tensors) {
  setLogits(args.logits, addresses);
  args.logits.context_lens = getIntegers(addresses[4]);
  args.logits.block_table = getIntegers(addresses[5]);
  setSelection(args.selection, addresses[6], addresses[7], addresses[8]);
  return checkArguments(plan.kernel->getDescription(), args.logits,
                        args.selection, tensors);
}

mqa_status mqa::runtime::checkStream(const LaunchPlan &plan, void *stream,
                                     bool &fits) {
  fits = true;
  auto check = [&](const mqa_topk_args &selection, void *own) -> mqa_status {
    if (!selection.scratch)
      return MQA_SUCCESS;
    fits = stream == own;
    bool isCapturing = false;
    if (fits)
      MQA_RETURN_IF_FAILED(plan.kernel->isCapturing(stream, isCapturing));
    fits = fits && !isCapturing;
    return MQA_SUCCESS;
  };
  if (auto *args = std::get_if<LogitsTopkArgs>(&plan.args))
    return check(args->selection, args->stream);
  if (auto *args = std::get_if<PagedLogitsTopkArgs>(&plan.args))
    return check(args->selection, args->stream);
  return MQA_SUCCESS;
}

/// The plan's arguments at `addresses`, of which two are called differently in
/// each op of logits.
mqa_status mqa::runtime::checkArguments(const LaunchPlan &plan,
                                        const Addresses &addresses,
                                        Tensors &tensors) {
  if (auto *both = std::get_if<LogitsTopkArgs>(&plan.args))
    return checkLogitsTopk(plan, *both, addresses, tensors);
  if (auto *both = std::get_if<PagedLogitsTopkArgs>(&plan.args))
    return checkPagedLogitsTopk(plan, *both, addresses, tensors);
  auto check = [&](auto args, auto first, auto second) {
    const void *kScale = addresses[2];
    if (plan.kScaleOffset >= 0)
      kScale = static_cast<const char *>(addresses[1]) + plan.kScaleOffset;
    args.q = addresses[0];
    args.k = addresses[1];
    args.k_scale = static_cast<const float *>(kScale);
    args.weights = addresses[3];
    args.*first = static_cast<const int32_t *>(addresses[4]);
    args.*second = static_cast<const int32_t *>(addresses[5]);
    args.out = const_cast<void *>(addresses[6]);
    return checkArguments(plan.kernel->getDescription(), args, tensors);
  };
  if (auto *topk = std::get_if<mqa_topk_args>(&plan.args))
    return checkTopkArguments(plan, *topk, addresses, tensors);
  if (auto *logits = std::get_if<mqa_logits_args>(&plan.args))
    return check(*logits, &mqa_logits_args::ks, &mqa_logits_args::ke);
  return check(std::get<mqa_paged_logits_args>(plan.args),
               &mqa_paged_logits_args::context_lens,
               &mqa_paged_logits_args::block_table);
}
