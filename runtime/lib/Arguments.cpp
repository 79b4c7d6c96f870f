//===- Arguments.cpp - The operands of one launch, checked ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"

#include <limits>

using namespace mqa::runtime;

static mqa_status invalid(const std::string &message) {
  return fail(MQA_ERROR_INVALID_ARGUMENT, message);
}

static mqa_status checkSize(const char *name, int64_t size, int64_t expected) {
  // Ranges are 32-bit, and kernels step past the last key by at most one stage.
  constexpr int64_t kMax = std::numeric_limits<int32_t>::max() - 1024;
  if (size < 0 || size > kMax)
    return invalid(std::string(name) + " must be from 0 to " +
                   std::to_string(kMax) + ", found " + std::to_string(size));
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
  int64_t stride = tensor.strides[0];
  if (strideName && (stride < rowElements || stride > kMaxStride))
    return invalid(std::string(strideName) + " must be from " +
                   std::to_string(rowElements) + " to 2^40, found " +
                   std::to_string(stride));
  return MQA_SUCCESS;
}

bool mqa::runtime::hasWork(const KernelDescription &kernel,
                           const Tensors &tensors) {
  const Tensor &out = tensors[static_cast<int>(Operand::Out)];
  const Tensor &k = tensors[static_cast<int>(Operand::K)];
  bool hasKeys = k.sizes[0] > 0 || (kernel.compressed && kernel.clean);
  return out.sizes[0] > 0 && out.sizes[1] > 0 && hasKeys;
}

mqa_status mqa::runtime::checkArguments(const KernelDescription &kernel,
                                        const mqa_logits_args &args,
                                        Tensors &tensors) {
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
  tensors = {{
      {"q", args.q, input, 3, {m, h, d}, {args.q_stride, d, 1}},
      {"k", args.k, input, 2, {n, d, 0}, {args.k_stride, 1, 0}},
      {"k_scale", args.k_scale, MQA_F32, 1, {n, 0, 0}, {args.k_scale_stride}},
      {"weights",
       args.weights,
       kernel.getElementType(Operand::Weights),
       2,
       {m, h, 0},
       {args.weights_stride, 1, 0}},
      {"ks", args.ks, MQA_I32, 1, {m, 0, 0}, {1, 0, 0}},
      {"ke", args.ke, MQA_I32, 1, {m, 0, 0}, {1, 0, 0}},
      {"out",
       args.out,
       kernel.getElementType(Operand::Out),
       2,
       {m, columns, 0},
       {args.out_stride, 1, 0}},
  }};
  if (kernel.hasKeyGroups) {
    tensors[1] = {"k", args.k, input, 3, {n, groups, d}, {args.k_stride, d, 1}};
    tensors[2] = {"k_scale", args.k_scale,   MQA_F32,
                  2,         {n, groups, 0}, {args.k_scale_stride, 1, 0}};
  }
  // Nothing is read or written then: pointers may be null.
  if (!hasWork(kernel, tensors))
    return MQA_SUCCESS;
  static const char *const strideNames[kNumOperands] = {
      "q_stride", "k_stride", "k_scale_stride", "weights_stride",
      nullptr,    nullptr,    "out_stride"};
  for (int i = 0; i < kNumOperands; ++i) {
    // Rows may be cleaned without a key: those pointers may be null too.
    bool isOfKeys = i == static_cast<int>(Operand::K) ||
                    i == static_cast<int>(Operand::KScale);
    if (!kernel.find(static_cast<Operand>(i)) || (isOfKeys && n == 0))
      continue;
    int64_t rowElements = 1;
    for (int dim = 1; dim < tensors[i].rank; ++dim)
      rowElements *= tensors[i].sizes[dim];
    MQA_RETURN_IF_FAILED(checkTensor(tensors[i], strideNames[i], rowElements));
    if (static_cast<Operand>(i) == Operand::KScale &&
        !kernel.acceptsStridedScales() && tensors[i].strides[0] != 1)
      return invalid("k_scale_stride must be 1 for this kernel, which was "
                     "compiled for contiguous scales, found " +
                     std::to_string(tensors[i].strides[0]));
  }
  return MQA_SUCCESS;
}
