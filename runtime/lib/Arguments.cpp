//===- Arguments.cpp - The operands of one launch, checked ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"

using namespace mqa::runtime;

static mqa_status invalid(const std::string &message) {
  return fail(MQA_ERROR_INVALID_ARGUMENT, message);
}

static mqa_status checkSize(const char *name, int64_t size, int64_t expected) {
  if (size < 0 || size > kMaxSize)
    return invalid(std::string(name) + " must be from 0 to " +
                   std::to_string(kMaxSize) + ", found " +
                   std::to_string(size));
  if (expected >= 0 && size != expected)
    return invalid(std::string(name) + " must be " + std::to_string(expected) +
                   " for this kernel, found " + std::to_string(size));
  return MQA_SUCCESS;
}

static mqa_status checkTensor(const Tensor &tensor, const char *strideName,
                              int64_t rowElements) {
  if (!tensor.data)
    return invalid(std::string(tensor.name) + " is null");
  auto address = reinterpret_cast<uintptr_t>(tensor.data);
  if (address % tensor.getElementBytes())
    return invalid(std::string(tensor.name) + " must be aligned to " +
                   std::to_string(tensor.getElementBytes()) +
                   " bytes, found address " + std::to_string(address));
  constexpr int64_t kMaxStride = int64_t(1) << 40;
  int64_t stride = tensor.strides[0], rows = tensor.sizes[0];
  if (strideName && (stride < rowElements || stride > kMaxStride))
    return invalid(std::string(strideName) + " must be from " +
                   std::to_string(rowElements) + " to 2^40, found " +
                   std::to_string(stride));
  // More than any machine can address; so a kernel's arithmetic cannot
  // overflow. Rows have at most 2^31 elements, but for those of a few queries.
  constexpr int64_t kMaxElements = int64_t(1) << 53;
  if (rows > 1 && stride > kMaxElements / (rows - 1))
    return invalid(std::string(tensor.name) + " of " + std::to_string(rows) +
                   " rows with a stride of " + std::to_string(stride) +
                   " elements is larger than memory can be");
  return MQA_SUCCESS;
}

static const char *const kStrideNames[kNumOperands] = {"q_stride",
                                                       "k_stride",
                                                       "k_scale_stride",
                                                       "weights_stride",
                                                       nullptr,
                                                       nullptr,
                                                       "out_stride",
                                                       "context_lens_stride",
                                                       "block_table_stride"};

/// The operands that `kernel` has; those of keys only if it reads any, and a
/// block table only if it has entries.
static mqa_status checkTensors(const KernelDescription &kernel,
                               const Tensors &tensors, bool readsKeys) {
  for (int i = 0; i < kNumOperands; ++i) {
    auto operand = static_cast<Operand>(i);
    const Tensor &tensor = tensors[i];
    bool isOfKeys = operand == Operand::K || operand == Operand::KScale;
    bool isEmptyTable = operand == Operand::BlockTable && tensor.sizes[1] == 0;
    if (!kernel.find(operand) || (isOfKeys && !readsKeys) || isEmptyTable)
      continue;
    int64_t rowElements = 1;
    for (int dim = 1; dim < tensor.rank; ++dim)
      rowElements *= tensor.sizes[dim];
    // What is one to a row has no stride, but for scales.
    bool isVector = tensor.rank == 1 && operand != Operand::KScale;
    MQA_RETURN_IF_FAILED(
        checkTensor(tensor, isVector ? nullptr : kStrideNames[i], rowElements));
    if (operand == Operand::KScale && !kernel.acceptsStridedScales() &&
        tensor.strides[0] != 1)
      return invalid("k_scale_stride must be 1 for this kernel, which was "
                     "compiled for contiguous scales, found " +
                     std::to_string(tensor.strides[0]));
  }
  return MQA_SUCCESS;
}

static mqa_status checkOp(const KernelDescription &kernel, bool paged) {
  if (kernel.paged == paged)
    return MQA_SUCCESS;
  return invalid("kernel '" + kernel.name + "' is of " +
                 (kernel.paged ? "mqa.paged_logits: use mqa_paged_logits_launch"
                               : "mqa.logits: use mqa_logits_launch"));
}

bool mqa::runtime::hasWork(const KernelDescription &kernel,
                           const Tensors &tensors) {
  const Tensor &out = tensors[static_cast<int>(Operand::Out)];
  const Tensor &k = tensors[static_cast<int>(Operand::K)];
  const Tensor &table = tensors[static_cast<int>(Operand::BlockTable)];
  // Of a paged cache, whether there are any, the lengths say too.
  bool hasKeys = k.sizes[0] > 0 && (!kernel.paged || table.sizes[1] > 0);
  bool cleans = kernel.clean && (kernel.paged || kernel.compressed);
  return out.sizes[0] > 0 && out.sizes[1] > 0 && (hasKeys || cleans);
}

mqa_status mqa::runtime::checkArguments(const KernelDescription &kernel,
                                        const mqa_logits_args &args,
                                        Tensors &tensors) {
  MQA_RETURN_IF_FAILED(checkOp(kernel, /*paged=*/false));
  int64_t m = args.num_queries, n = args.num_keys;
  int64_t h = kernel.numHeads, d = kernel.headDim;
  MQA_RETURN_IF_FAILED(checkSize("num_queries", m, kernel.numQueries));
  MQA_RETURN_IF_FAILED(checkSize("num_keys", n, kernel.numKeys));
  int64_t columns = n, groups = kernel.numGroups;
  if (kernel.compressed) {
    columns = args.max_seqlen_k;
    MQA_RETURN_IF_FAILED(checkSize("max_seqlen_k", columns, kernel.numColumns));
  }
  mqa_element_type input = kernel.getElementType(Operand::Q);
  tensors = {};
  auto set = [&](Operand operand, const Tensor &tensor) {
    tensors[static_cast<int>(operand)] = tensor;
  };
  set(Operand::Q, {"q", args.q, input, 3, {m, h, d}, {args.q_stride, d, 1}});
  if (kernel.hasKeyGroups) {
    set(Operand::K,
        {"k", args.k, input, 3, {n, groups, d}, {args.k_stride, d, 1}});
    set(Operand::KScale, {"k_scale",
                          args.k_scale,
                          MQA_F32,
                          2,
                          {n, groups},
                          {args.k_scale_stride, 1}});
  } else {
    set(Operand::K, {"k", args.k, input, 2, {n, d}, {args.k_stride, 1}});
    set(Operand::KScale,
        {"k_scale", args.k_scale, MQA_F32, 1, {n}, {args.k_scale_stride}});
  }
  set(Operand::Weights, {"weights",
                         args.weights,
                         kernel.getElementType(Operand::Weights),
                         2,
                         {m, h},
                         {args.weights_stride, 1}});
  set(Operand::Ks, {"ks", args.ks, MQA_I32, 1, {m}, {1}});
  set(Operand::Ke, {"ke", args.ke, MQA_I32, 1, {m}, {1}});
  set(Operand::Out, {"out",
                     args.out,
                     kernel.getElementType(Operand::Out),
                     2,
                     {m, columns},
                     {args.out_stride, 1}});
  // Nothing is read or written then: pointers may be null.
  if (!hasWork(kernel, tensors))
    return MQA_SUCCESS;
  // Rows may be cleaned without a key: those pointers may be null too.
  return checkTensors(kernel, tensors, /*readsKeys=*/n > 0);
}

mqa_status mqa::runtime::checkArguments(const KernelDescription &kernel,
                                        const mqa_paged_logits_args &args,
                                        Tensors &tensors) {
  MQA_RETURN_IF_FAILED(checkOp(kernel, /*paged=*/true));
  int64_t batch = args.batch, numBlocks = args.num_blocks;
  int64_t maxBlocks = args.max_blocks, columns = args.max_context_len;
  int64_t t = kernel.nextN, p = kernel.blockKv;
  int64_t h = kernel.numHeads, d = kernel.headDim;
  MQA_RETURN_IF_FAILED(checkSize("batch", batch, kernel.batch));
  MQA_RETURN_IF_FAILED(
      checkSize("batch * next_n", batch * t, kernel.numQueries));
  MQA_RETURN_IF_FAILED(checkSize("num_blocks", numBlocks, kernel.numBlocks));
  MQA_RETURN_IF_FAILED(checkSize("max_blocks", maxBlocks, kernel.maxBlocks));
  MQA_RETURN_IF_FAILED(
      checkSize("max_context_len", columns, kernel.numColumns));
  mqa_element_type input = kernel.getElementType(Operand::Q);
  tensors = {};
  auto set = [&](Operand operand, const Tensor &tensor) {
    tensors[static_cast<int>(operand)] = tensor;
  };
  set(Operand::Q,
      {"q", args.q, input, 4, {batch, t, h, d}, {args.q_stride, h * d, d, 1}});
  set(Operand::K,
      {"k", args.k, input, 3, {numBlocks, p, d}, {args.k_stride, d, 1}});
  set(Operand::KScale, {"k_scale",
                        args.k_scale,
                        MQA_F32,
                        2,
                        {numBlocks, p},
                        {args.k_scale_stride, 1}});
  set(Operand::Weights, {"weights",
                         args.weights,
                         kernel.getElementType(Operand::Weights),
                         2,
                         {batch * t, h},
                         {args.weights_stride, 1}});
  if (kernel.hasLengthPerQuery())
    set(Operand::ContextLens, {"context_lens",
                               args.context_lens,
                               MQA_I32,
                               2,
                               {batch, t},
                               {args.context_lens_stride, 1}});
  else
    set(Operand::ContextLens,
        {"context_lens", args.context_lens, MQA_I32, 1, {batch}, {1}});
  set(Operand::BlockTable, {"block_table",
                            args.block_table,
                            MQA_I32,
                            2,
                            {batch, maxBlocks},
                            {args.block_table_stride, 1}});
  set(Operand::Out, {"out",
                     args.out,
                     kernel.getElementType(Operand::Out),
                     2,
                     {batch * t, columns},
                     {args.out_stride, 1}});
  if (!hasWork(kernel, tensors))
    return MQA_SUCCESS;
  return checkTensors(kernel, tensors,
                      /*readsKeys=*/numBlocks > 0 && maxBlocks > 0);
}
