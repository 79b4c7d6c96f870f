//===- GpuLaunch.cpp - Encodes a launch on a GPU, and enqueues it ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GpuLaunch.h"
#include "OpRules.h"

#include <algorithm>
#include <limits>

using namespace mqa::runtime;

std::atomic<bool> mqa::runtime::launchOverlapEnabled{true};
std::atomic<int> mqa::runtime::maxMultiprocessors{0};

/// How many a launch may use: what it asks for itself comes before what the
/// process allows. Scratch is for all of them, so that its size does not change
/// with the limit.
static int limitMultiprocessors(int own, int all) {
  int most = own > 0 ? own : maxMultiprocessors.load(std::memory_order_relaxed);
  return most > 0 ? std::min(most, all) : all;
}

/// A map of nothing cannot be encoded. Without keys none is loaded, unless the
/// table of a paged cache without blocks names one: its logits are unspecified,
/// but what is read must be there. So it is one element, of `q`.
static void makePlaceholder(Tensor &tensor, const Tensor &q) {
  tensor.data = q.data;
  constexpr int64_t kMapBytes = 16;
  for (int dim = 0; dim < tensor.rank; ++dim) {
    tensor.sizes[dim] = 1;
    tensor.strides[dim] = kMapBytes / tensor.getElementBytes();
  }
}

/// Kernels without tensor maps copy 16 bytes at a time. Without an element,
/// nothing is copied.
static mqa_status checkAlignment(const Parameter &parameter,
                                 const Tensor &tensor) {
  int64_t alignment = parameter.alignment;
  if (alignment == 1 || tensor.sizes[0] == 0)
    return MQA_SUCCESS;
  auto invalid = [&](const char *what, int64_t found) {
    return fail(MQA_ERROR_INVALID_ARGUMENT, std::string(tensor.name) + ": " +
                                                what +
                                                " must be a multiple "
                                                "of " +
                                                std::to_string(alignment) +
                                                " bytes for this kernel, "
                                                "found " +
                                                std::to_string(found));
  };
  auto address = reinterpret_cast<uintptr_t>(tensor.data);
  if (address % alignment)
    return invalid("the address", static_cast<int64_t>(address));
  for (int dim = 0; dim + 1 < tensor.rank; ++dim) {
    int64_t bytes = tensor.strides[dim] * tensor.getElementBytes();
    if (tensor.sizes[dim] > 1 && bytes % alignment)
      return invalid("strides", bytes);
  }
  return MQA_SUCCESS;
}

/// Counters of query blocks in `scratch` must be zero. Launches of other sizes
/// may come to the same memory, so its end is taken: lists of candidates are
/// always there, and counters grow away from them; or counters are there, and
/// rows of logits ahead of them.
mqa_status GpuLaunch::placeScratch(const Tensors &tensors,
                                   Tensor &scratch) const {
  auto invalid = [](const std::string &message) {
    return fail(MQA_ERROR_INVALID_ARGUMENT, message);
  };
  const KernelDescription &description = kernel.getDescription();
  size_t needed = description.rules->getScratchSize(
      description, tensors[Operand::Indices].sizes[0],
      tensors[Operand::Out].sizes[1], kernel.getNumMultiprocessors());
  if (tensors.scratchSize < needed)
    return invalid("scratch_size must be at least " + std::to_string(needed) +
                   " for this launch, found " +
                   std::to_string(tensors.scratchSize));
  size_t words = needed / sizeof(int32_t);
  if (words > std::numeric_limits<int32_t>::max())
    return invalid("num_queries is too large for this kernel: it needs " +
                   std::to_string(needed) + " bytes of scratch, and finds " +
                   "fewer than 2^33");
  // What is needed is a multiple of it: the end is in one place.
  constexpr size_t kAlignment = 16;
  size_t offset = (tensors.scratchSize - needed) / kAlignment * kAlignment;
  scratch.data = static_cast<const char *>(scratch.data) + offset;
  scratch.sizes[0] = static_cast<int64_t>(words);
  return MQA_SUCCESS;
}

mqa_status GpuLaunch::encode(const Tensors &tensors) {
  const KernelDescription *description = &kernel.getDescription();
  MQA_RETURN_IF_FAILED(description->rules->checkForGpu(*description, tensors));
  for (const Parameter &parameter : description->parameters) {
    if (parameter.kind == Parameter::Kind::Index) {
      pack.addIndex(tensors.numKeys);
      continue;
    }
    int index = static_cast<int>(parameter.operand);
    Tensor tensor = tensors[parameter.operand];
    if (parameter.kind == Parameter::Kind::TensorMap) {
      if (tensor.sizes[0] == 0 || !tensor.data)
        makePlaceholder(tensor, tensors[Operand::Q]);
      MQA_RETURN_IF_FAILED(
          kernel.maps.encode(kernel.driver, parameter, tensor, maps[index]));
      pack.addTensorMap(&maps[index]);
      continue;
    }
    if (parameter.operand == Operand::Scratch)
      MQA_RETURN_IF_FAILED(placeScratch(tensors, tensor));
    MQA_RETURN_IF_FAILED(checkAlignment(parameter, tensor));
    if (tensor.strides[0] > std::numeric_limits<int32_t>::max())
      return fail(MQA_ERROR_INVALID_ARGUMENT,
                  std::string(tensor.name) +
                      "_stride must be below 2^31 for this kernel, found " +
                      std::to_string(tensor.strides[0]));
    // A memref descriptor: allocated and aligned pointer, offset, sizes,
    // strides.
    pack.addPointer(tensor.data);
    pack.addPointer(tensor.data);
    pack.addIndex(0);
    for (int i = 0; i < tensor.rank; ++i)
      pack.addIndex(tensor.sizes[i]);
    for (int i = 0; i < tensor.rank; ++i)
      pack.addIndex(tensor.strides[i]);
  }

  int all = kernel.context->getNumMultiprocessors();
  int most = limitMultiprocessors(tensors.maxMultiprocessors, all);
  int64_t blocks = description->rules->getGrid(*description, tensors, most);
  // Blocks take further rows in turn.
  if (tensors.limitsRows && most < all)
    blocks = std::min<int64_t>(blocks, most);
  grid = static_cast<unsigned>(blocks);
  return MQA_SUCCESS;
}

mqa_status GpuLaunch::run(void *stream) const {
  MQA_RETURN_IF_FAILED(kernel.checkProcess());
  const CudaDriver &driver = kernel.driver;
  const KernelDescription &description = kernel.getDescription();
  CUcontext current = nullptr;
  MQA_CUDA(driver, cuCtxGetCurrent, &current);
  ScopedContext scope(driver);
  if (current != kernel.context->get())
    MQA_RETURN_IF_FAILED(scope.push(kernel.context->get()));
  CUlaunchAttribute overlap{cuda::kProgrammaticStreamSerialization, {}};
  overlap.value.programmaticStreamSerializationAllowed = 1;
  CUlaunchConfig config{};
  config.gridX = grid;
  config.blockX = description.blockThreads;
  config.gridY = config.gridZ = config.blockY = config.blockZ = 1;
  config.sharedMemoryBytes = description.sharedMemoryBytes;
  config.stream = static_cast<CUstream>(stream);
  config.attributes = &overlap;
  config.numAttributes =
      kernel.canOverlap && launchOverlapEnabled.load(std::memory_order_relaxed);
  MQA_CUDA(driver, cuLaunchKernelEx, &config, kernel.function,
           pack.getPointers(), nullptr);
  return MQA_SUCCESS;
}
