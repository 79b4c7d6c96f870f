//===- TensorMap.cpp - Tensor maps for TMA loads --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TensorMap.h"

using namespace mqa::runtime;

static mqa_status invalid(const Tensor &tensor, const std::string &message,
                          int64_t found) {
  return fail(MQA_ERROR_INVALID_ARGUMENT, std::string(tensor.name) + ": " +
                                              message + ", found " +
                                              std::to_string(found));
}

static int getSwizzle(int bytes) {
  switch (bytes) {
  case 128:
    return cuda::kSwizzle128B;
  case 64:
    return cuda::kSwizzle64B;
  case 32:
    return cuda::kSwizzle32B;
  default:
    return cuda::kSwizzleNone;
  }
}

static mqa_status encodeTensorMap(const CudaDriver &driver,
                                  const Parameter &recipe, const Tensor &tensor,
                                  CUtensorMap &map) {
  auto address = reinterpret_cast<uintptr_t>(tensor.data);
  if (address % 16)
    return invalid(tensor, "a tensor-map load needs a 16-byte aligned address",
                   address);

  const int elementBytes = tensor.getElementBytes();
  // Tensor maps list the contiguous dimension first.
  uint64_t sizes[kMaxRank], strides[kMaxRank - 1];
  uint32_t box[kMaxRank], elementStrides[kMaxRank];
  for (int i = 0; i < tensor.rank; ++i) {
    int position = tensor.rank - 1 - i, dim = recipe.dims[position];
    sizes[i] = tensor.sizes[dim];
    box[i] = recipe.box[position];
    elementStrides[i] = 1;
    if (sizes[i] == 0 || sizes[i] > uint64_t(1) << 32)
      return invalid(tensor, "a tensor map has sizes from 1 to 2^32",
                     tensor.sizes[dim]);
    if (i == 0)
      continue;
    strides[i - 1] = tensor.strides[dim] * elementBytes;
    if (strides[i - 1] % 16)
      return invalid(
          tensor, "a tensor-map load needs strides of a multiple of 16 bytes",
          strides[i - 1]);
    if (strides[i - 1] >= uint64_t(1) << 40)
      return invalid(tensor, "a tensor map has strides below 2^40 bytes",
                     strides[i - 1]);
  }
  if ((uint64_t(box[0]) * elementBytes) % 16)
    return invalid(tensor,
                   "a tensor-map box has rows of a multiple of 16 bytes",
                   int64_t(box[0]) * elementBytes);

  // fp8 has no type of its own; bits are loaded as they are.
  int type = elementBytes == 1   ? cuda::kUint8
             : elementBytes == 2 ? cuda::kUint16
                                 : cuda::kFloat32;
  MQA_CUDA(driver, cuTensorMapEncodeTiled, &map, type, tensor.rank,
           const_cast<void *>(tensor.data), sizes, strides, box, elementStrides,
           cuda::kInterleaveNone, getSwizzle(recipe.swizzleBytes),
           cuda::kL2Promotion128B, cuda::kOobFillZero);
  return MQA_SUCCESS;
}

static size_t hash(const Parameter &recipe, const Tensor &tensor) {
  uint64_t hash = reinterpret_cast<uintptr_t>(tensor.data) / 16;
  hash = hash * 31 + static_cast<uint64_t>(tensor.sizes[0]);
  hash = hash * 31 + static_cast<uint64_t>(recipe.operand);
  // The upper bits depend on all of the lower ones.
  return hash * 0x9e3779b97f4a7c15 >> 32;
}

mqa_status TensorMapCache::encode(const CudaDriver &driver,
                                  const Parameter &recipe, const Tensor &tensor,
                                  CUtensorMap &map) {
  // Two of most maps are of a layer's keys and scales.
  constexpr size_t kNumEntries = 256;
  size_t slot = hash(recipe, tensor) % kNumEntries;
  {
    std::lock_guard lock(mutex);
    if (entries.empty())
      entries.resize(kNumEntries);
    const Entry &entry = entries[slot];
    if (entry.recipe == &recipe && entry.data == tensor.data &&
        entry.sizes == tensor.sizes && entry.strides == tensor.strides) {
      map = entry.map;
      return MQA_SUCCESS;
    }
  }
  MQA_RETURN_IF_FAILED(encodeTensorMap(driver, recipe, tensor, map));
  std::lock_guard lock(mutex);
  entries[slot] = {&recipe, tensor.data, tensor.sizes, tensor.strides, map};
  return MQA_SUCCESS;
}
