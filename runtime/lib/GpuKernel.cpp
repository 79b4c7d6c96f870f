//===- GpuKernel.cpp - Loads and launches kernels on a GPU ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CudaDriver.h"
#include "Kernel.h"
#include "TensorMap.h"

#include <algorithm>
#include <limits>
#include <new>

using namespace mqa::runtime;

namespace {
/// Makes a context current for its lifetime.
class ScopedContext {
public:
  explicit ScopedContext(const CudaDriver &driver) : driver(driver) {}
  ~ScopedContext() {
    CUcontext popped;
    if (pushed)
      driver.cuCtxPopCurrent(&popped);
  }
  mqa_status push(CUcontext context) {
    MQA_CUDA(driver, cuCtxPushCurrent, context);
    pushed = true;
    return MQA_SUCCESS;
  }

private:
  const CudaDriver &driver;
  bool pushed = false;
};

/// The parameters of one launch, laid out as the kernel reads them: in order,
/// each at a multiple of its own alignment. The driver copies the block as it
/// is, which takes less time than a pointer for each of them. Stays where it
/// is.
class ParameterBlock {
public:
  ParameterBlock() = default;
  ParameterBlock(const ParameterBlock &) = delete;
  void addPointer(const void *pointer) { *add<const void *>() = pointer; }
  /// Kernels index with 32 bits.
  void addIndex(int64_t index) {
    *add<uint32_t>() = static_cast<uint32_t>(index);
  }
  /// To be filled by the caller.
  CUtensorMap &addTensorMap() { return *add<CUtensorMap>(); }
  /// As the driver takes it.
  void **getExtra() const { return const_cast<void **>(extra); }

private:
  template <typename T> T *add() {
    size = (size + alignof(T) - 1) / alignof(T) * alignof(T);
    T *parameter = new (bytes + size) T;
    size += sizeof(T);
    return parameter;
  }
  // A memref of rank r has two pointers and 1 + 2r indices, less than a map.
  alignas(CUtensorMap) char bytes[(kNumOperands + 1) * sizeof(CUtensorMap)];
  size_t size = 0;
  void *extra[5] = {cuda::kParameterBlock, bytes, cuda::kParameterBlockSize,
                    &size, nullptr};
};

class GpuKernel final : public Kernel {
public:
  GpuKernel(std::shared_ptr<const Bundle> bundle,
            const KernelDescription &description, const CudaDriver &driver)
      : Kernel(std::move(bundle), description), driver(driver) {}
  ~GpuKernel() override;

  mqa_status load(int ordinal);
  mqa_status launch(const Tensors &tensors, void *stream) override;
  mqa_status prepare(const Tensors &tensors,
                     std::unique_ptr<PreparedLaunch> &launch) override;

private:
  friend class GpuLaunch;
  mqa_status enterContext(int ordinal);
  mqa_status checkDevice();

  const CudaDriver &driver;
  CUdevice device = 0;
  CUcontext context = nullptr;
  bool ownsPrimaryContext = false;
  CUmodule module = nullptr;
  CUfunction function = nullptr;
  int numMultiprocessors = 0;
  bool canOverlap = false;
  mutable TensorMapCache maps;
};

/// What the driver is given at each launch on the same arguments.
class GpuLaunch final : public PreparedLaunch {
public:
  explicit GpuLaunch(const GpuKernel &kernel) : kernel(kernel) {}
  mqa_status encode(const Tensors &tensors);
  mqa_status run(void *stream) const override;

private:
  const GpuKernel &kernel;
  ParameterBlock parameters;
  unsigned grid = 0;
};
} // namespace

std::atomic<bool> mqa::runtime::overlapsLaunches{true};

GpuKernel::~GpuKernel() {
  if (module) {
    ScopedContext scope(driver);
    if (!scope.push(context))
      driver.cuModuleUnload(module);
  }
  if (ownsPrimaryContext)
    driver.cuDevicePrimaryCtxRelease(device);
}

/// The context that is current, else the device's primary one.
mqa_status GpuKernel::enterContext(int ordinal) {
  MQA_CUDA(driver, cuCtxGetCurrent, &context);
  if (context) {
    MQA_CUDA(driver, cuCtxGetDevice, &device);
    return MQA_SUCCESS;
  }
  MQA_CUDA(driver, cuDeviceGet, &device, ordinal);
  MQA_CUDA(driver, cuDevicePrimaryCtxRetain, &context, device);
  ownsPrimaryContext = true;
  return MQA_SUCCESS;
}

mqa_status GpuKernel::checkDevice() {
  int major, minor, sharedMemory;
  MQA_CUDA(driver, cuDeviceGetAttribute, &major, cuda::kComputeCapabilityMajor,
           device);
  MQA_CUDA(driver, cuDeviceGetAttribute, &minor, cuda::kComputeCapabilityMinor,
           device);
  MQA_CUDA(driver, cuDeviceGetAttribute, &sharedMemory,
           cuda::kMaxSharedMemoryPerBlockOptin, device);
  MQA_CUDA(driver, cuDeviceGetAttribute, &numMultiprocessors,
           cuda::kMultiprocessorCount, device);
  // sm_90a is architecture-specific: it runs on compute capability 9.0 alone.
  std::string found = "sm_" + std::to_string(major) + std::to_string(minor);
  if (bundle->target != found + "a")
    return fail(MQA_ERROR_UNSUPPORTED, "kernel '" + description->name +
                                           "' is for " + bundle->target +
                                           ", the device is " + found);
  if (static_cast<int64_t>(description->sharedMemoryBytes) > sharedMemory)
    return fail(MQA_ERROR_UNSUPPORTED,
                "kernel '" + description->name + "' needs " +
                    std::to_string(description->sharedMemoryBytes) +
                    " bytes of shared memory, the device has " +
                    std::to_string(sharedMemory));
  return MQA_SUCCESS;
}

mqa_status GpuKernel::load(int ordinal) {
  MQA_RETURN_IF_FAILED(enterContext(ordinal));
  MQA_RETURN_IF_FAILED(checkDevice());
  ScopedContext scope(driver);
  MQA_RETURN_IF_FAILED(scope.push(context));
  const std::vector<char> &image =
      bundle->cubin.empty() ? bundle->ptx : bundle->cubin;
  MQA_CUDA(driver, cuModuleLoadData, &module, image.data());
  MQA_CUDA(driver, cuModuleGetFunction, &function, module,
           description->name.c_str());
  MQA_CUDA(driver, cuFuncSetAttribute, function,
           cuda::kMaxDynamicSharedSizeBytes, description->sharedMemoryBytes);
  // Older drivers cannot capture such a launch in a graph.
  constexpr int kCapturesOverlap = 12030;
  int version;
  MQA_CUDA(driver, cuDriverGetVersion, &version);
  canOverlap = description->overlapsLaunches && version >= kCapturesOverlap;
  return MQA_SUCCESS;
}

mqa_status GpuLaunch::encode(const Tensors &tensors) {
  const KernelDescription *description = &kernel.getDescription();
  const Tensor &out = tensors[static_cast<int>(Operand::Out)];
  int64_t blockQueries = description->blockQueries;
  if (out.strides[0] > std::numeric_limits<int32_t>::max() / blockQueries)
    return fail(
        MQA_ERROR_INVALID_ARGUMENT,
        "out_stride must be at most " +
            std::to_string(std::numeric_limits<int32_t>::max() / blockQueries) +
            " for this kernel, found " + std::to_string(out.strides[0]));

  const Tensor &keys = tensors[static_cast<int>(Operand::K)];
  for (const Parameter &parameter : description->parameters) {
    if (parameter.kind == Parameter::Kind::Index) {
      parameters.addIndex(keys.sizes[0]);
      continue;
    }
    Tensor tensor = tensors[static_cast<int>(parameter.operand)];
    if (parameter.kind == Parameter::Kind::TensorMap) {
      // A map of nothing cannot be encoded; without keys, nothing is loaded.
      if (tensor.sizes[0] == 0) {
        tensor.data = tensors[static_cast<int>(Operand::Q)].data;
        tensor.sizes[0] = 1;
      }
      MQA_RETURN_IF_FAILED(kernel.maps.encode(kernel.driver, parameter, tensor,
                                              parameters.addTensorMap()));
      continue;
    }
    if (tensor.strides[0] > std::numeric_limits<int32_t>::max())
      return fail(MQA_ERROR_INVALID_ARGUMENT,
                  std::string(tensor.name) +
                      "_stride must be below 2^31 for this kernel, found " +
                      std::to_string(tensor.strides[0]));
    // A memref descriptor: allocated and aligned pointer, offset, sizes,
    // strides.
    parameters.addPointer(tensor.data);
    parameters.addPointer(tensor.data);
    parameters.addIndex(0);
    for (int i = 0; i < tensor.rank; ++i)
      parameters.addIndex(tensor.sizes[i]);
    for (int i = 0; i < tensor.rank; ++i)
      parameters.addIndex(tensor.strides[i]);
  }

  // The kernel is persistent: one block per multiprocessor, or one per piece of
  // work where there are fewer of those.
  auto ceilDiv = [](int64_t a, int64_t b) { return (a + b - 1) / b; };
  int64_t queryBlocks, keyTiles;
  if (description->paged) {
    // How many keys there are, only the device knows.
    queryBlocks = tensors[static_cast<int>(Operand::Q)].sizes[0];
    keyTiles = ceilDiv(out.sizes[1], description->tileKeys);
  } else {
    queryBlocks = ceilDiv(out.sizes[0], blockQueries);
    keyTiles = ceilDiv(keys.sizes[0], description->blockKeys);
  }
  int64_t pieces = queryBlocks;
  if (description->splitsKeys)
    pieces *= std::max<int64_t>(keyTiles, 1);
  grid = std::min<int64_t>(pieces, kernel.numMultiprocessors);
  return MQA_SUCCESS;
}

mqa_status GpuLaunch::run(void *stream) const {
  const CudaDriver &driver = kernel.driver;
  const KernelDescription &description = kernel.getDescription();
  CUcontext current = nullptr;
  MQA_CUDA(driver, cuCtxGetCurrent, &current);
  ScopedContext scope(driver);
  if (current != kernel.context)
    MQA_RETURN_IF_FAILED(scope.push(kernel.context));
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
      kernel.canOverlap && overlapsLaunches.load(std::memory_order_relaxed);
  MQA_CUDA(driver, cuLaunchKernelEx, &config, kernel.function, nullptr,
           parameters.getExtra());
  return MQA_SUCCESS;
}

mqa_status GpuKernel::launch(const Tensors &tensors, void *stream) {
  GpuLaunch launch(*this);
  MQA_RETURN_IF_FAILED(launch.encode(tensors));
  return launch.run(stream);
}

mqa_status GpuKernel::prepare(const Tensors &tensors,
                              std::unique_ptr<PreparedLaunch> &launch) {
  auto prepared = std::make_unique<GpuLaunch>(*this);
  MQA_RETURN_IF_FAILED(prepared->encode(tensors));
  launch = std::move(prepared);
  return MQA_SUCCESS;
}

mqa_status mqa::runtime::loadGpuKernel(std::shared_ptr<const Bundle> bundle,
                                       const KernelDescription &description,
                                       int device,
                                       std::unique_ptr<Kernel> &kernel) {
  const CudaDriver *driver;
  MQA_RETURN_IF_FAILED(CudaDriver::get(driver));
  auto loaded =
      std::make_unique<GpuKernel>(std::move(bundle), description, *driver);
  MQA_RETURN_IF_FAILED(loaded->load(device));
  kernel = std::move(loaded);
  return MQA_SUCCESS;
}
