//===- GpuKernel.cpp - Loads and launches kernels on a GPU ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GpuContext.h"
#include "Kernel.h"
#include "OpRules.h"
#include "TensorMap.h"

#include <algorithm>
#include <limits>

using namespace mqa::runtime;

namespace {
/// The parameters of one launch: room for every parameter's value, and the
/// pointers to them that the driver wants. Stays where it is.
class ParameterPack {
public:
  ParameterPack() = default;
  ParameterPack(const ParameterPack &) = delete;
  void addPointer(const void *pointer) {
    add(reinterpret_cast<uint64_t>(pointer));
  }
  /// Kernels index with 32 bits.
  void addIndex(int64_t index) { add(static_cast<uint32_t>(index)); }
  void addTensorMap(CUtensorMap *map) { pointers[count++] = map; }
  void **getPointers() const { return const_cast<void **>(pointers); }

private:
  void add(uint64_t value) {
    values[count] = value;
    pointers[count] = &values[count];
    ++count;
  }
  // A memref of rank r takes 3 + 2r parameters.
  static constexpr int kMax = kNumOperands * (3 + 2 * kMaxRank) + 1;
  uint64_t values[kMax];
  void *pointers[kMax];
  int count = 0;
};

/// Code in a context. It may have several kernels.
class GpuModule {
public:
  explicit GpuModule(std::unique_ptr<GpuContext> context)
      : context(std::move(context)) {}
  GpuModule(const GpuModule &) = delete;
  ~GpuModule();

  /// `image`: the section of a bundle that the device can load.
  mqa_status load(const std::vector<char> &image);
  const GpuContext &getContext() const { return *context; }
  CUmodule get() const { return module; }

private:
  /// Released behind the module.
  std::unique_ptr<GpuContext> context;
  CUmodule module = nullptr;
};

class GpuKernel final : public Kernel {
public:
  GpuKernel(const BundleKernel &kernel, std::shared_ptr<const GpuModule> module)
      : Kernel(kernel.bundle, *kernel.description), module(std::move(module)),
        context(&this->module->getContext()), driver(context->getDriver()) {}

  /// Finds its function in the module.
  mqa_status load();
  mqa_status launch(const Tensors &tensors, void *stream) override;
  mqa_status prepare(const Tensors &tensors,
                     std::unique_ptr<PreparedLaunch> &launch) override;
  mqa_status isCapturing(void *stream, bool &isCapturing) const override;
  mqa_status replaceScratch(size_t size, void *stream, void *&memory) override;
  int getNumMultiprocessors() const override {
    return context->getNumMultiprocessors();
  }

private:
  friend class GpuLaunch;
  mqa_status checkProcess() const;

  std::shared_ptr<const GpuModule> module;
  const GpuContext *context;
  const CudaDriver &driver;
  CUfunction function = nullptr;
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
  mqa_status placeScratch(const Tensors &tensors, Tensor &scratch) const;

  const GpuKernel &kernel;
  CUtensorMap maps[kNumTiledOperands];
  ParameterPack pack;
  unsigned grid = 0;
};
} // namespace

std::atomic<bool> mqa::runtime::launchOverlapEnabled{true};
std::atomic<int> mqa::runtime::maxMultiprocessors{0};

/// How many a launch may use: what it asks for itself comes before what the
/// process allows. Scratch is for all of them, so that its size does not change
/// with the limit.
static int limitMultiprocessors(int own, int all) {
  int most = own > 0 ? own : maxMultiprocessors.load(std::memory_order_relaxed);
  return most > 0 ? std::min(most, all) : all;
}

/// The driver does not work in a forked child, and says so in words that do not
/// tell why.
mqa_status GpuKernel::checkProcess() const {
  if (!context->isForked())
    return MQA_SUCCESS;
  return fail(
      MQA_ERROR_DRIVER,
      "kernel '" + description->name +
          "' was loaded before this process was forked: the CUDA driver "
          "does not work in a forked child; start the child anew "
          "(spawn) instead");
}

mqa_status GpuKernel::isCapturing(void *stream, bool &isCapturing) const {
  MQA_RETURN_IF_FAILED(checkProcess());
  // No graph can record the default stream.
  isCapturing = false;
  if (!stream)
    return MQA_SUCCESS;
  int status;
  MQA_CUDA(driver, cuStreamIsCapturing, static_cast<CUstream>(stream), &status);
  isCapturing = status != cuda::kCaptureStatusNone;
  return MQA_SUCCESS;
}

GpuModule::~GpuModule() {
  if (!module || context->isForked())
    return;
  ScopedContext scope(context->getDriver());
  if (!scope.push(context->get()))
    context->getDriver().cuModuleUnload(module);
}

mqa_status GpuModule::load(const std::vector<char> &image) {
  const CudaDriver &driver = context->getDriver();
  ScopedContext scope(driver);
  MQA_RETURN_IF_FAILED(scope.push(context->get()));
  ScopedCaptureMode captures(driver);
  MQA_CUDA(driver, cuModuleLoadData, &module, image.data());
  return MQA_SUCCESS;
}

mqa_status GpuKernel::replaceScratch(size_t size, void *stream, void *&memory) {
  MQA_RETURN_IF_FAILED(checkProcess());
  ScopedContext scope(driver);
  MQA_RETURN_IF_FAILED(scope.push(context->get()));
  if (memory) {
    MQA_CUDA(driver, cuStreamSynchronize, static_cast<CUstream>(stream));
    MQA_CUDA(driver, cuMemFree, reinterpret_cast<CUdeviceptr>(memory));
    memory = nullptr;
  }
  constexpr size_t kWord = sizeof(uint32_t);
  size_t words = (size + kWord - 1) / kWord;
  CUdeviceptr pointer = 0;
  MQA_CUDA(driver, cuMemAlloc, &pointer, words * kWord);
  memory = reinterpret_cast<void *>(pointer);
  MQA_CUDA(driver, cuMemsetD32, pointer, 0, words);
  // Another stream may not wait for the default one, in which that was.
  MQA_CUDA(driver, cuCtxSynchronize);
  return MQA_SUCCESS;
}

mqa_status GpuKernel::load() {
  ScopedContext scope(driver);
  MQA_RETURN_IF_FAILED(scope.push(context->get()));
  ScopedCaptureMode captures(driver);
  MQA_CUDA(driver, cuModuleGetFunction, &function, module->get(),
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

mqa_status GpuKernel::launch(const Tensors &tensors, void *stream) {
  MQA_RETURN_IF_FAILED(checkProcess());
  GpuLaunch launch(*this);
  MQA_RETURN_IF_FAILED(launch.encode(tensors));
  return launch.run(stream);
}

mqa_status GpuKernel::prepare(const Tensors &tensors,
                              std::unique_ptr<PreparedLaunch> &launch) {
  MQA_RETURN_IF_FAILED(checkProcess());
  auto prepared = std::make_unique<GpuLaunch>(*this);
  MQA_RETURN_IF_FAILED(prepared->encode(tensors));
  launch = std::move(prepared);
  return MQA_SUCCESS;
}

//===----------------------------------------------------------------------===//
// Choice
//===----------------------------------------------------------------------===//

static GpuCode getCode(const BundleKernel &kernel) {
  return {kernel.bundle->target, !kernel.bundle->cubin.empty(),
          !kernel.bundle->ptx.empty(), kernel.description->sharedMemoryBytes};
}

/// Why none of `candidates` can be loaded.
static mqa_status refuse(const std::vector<BundleKernel> &candidates,
                         const GpuLimits &device) {
  // What the least needs, of those that the device could run.
  const BundleKernel *smallest = nullptr;
  for (const BundleKernel &kernel : candidates)
    if (chooseImage(getCode(kernel), device.capability) != GpuImage::None &&
        (!smallest || kernel.description->sharedMemoryBytes <
                          smallest->description->sharedMemoryBytes))
      smallest = &kernel;
  std::string name = "kernel '" + candidates.front().description->name + "' ";
  std::string chip = "sm_" + std::to_string(device.capability);
  if (smallest)
    return fail(MQA_ERROR_UNSUPPORTED,
                name + "needs " +
                    std::to_string(smallest->description->sharedMemoryBytes) +
                    " bytes of shared memory for " + smallest->bundle->target +
                    ", the device (" + chip + ") has " +
                    std::to_string(device.sharedMemoryBytes));
  std::vector<std::string> targets;
  for (const BundleKernel &kernel : candidates)
    targets.push_back(kernel.bundle->target);
  return fail(MQA_ERROR_UNSUPPORTED, name + "is for " + listNames(targets) +
                                         ", the device is sm_" +
                                         std::to_string(device.capability));
}

mqa_status
mqa::runtime::loadGpuKernel(const std::vector<BundleKernel> &candidates,
                            int device, std::unique_ptr<Kernel> &kernel) {
  const CudaDriver *driver;
  MQA_RETURN_IF_FAILED(CudaDriver::get(driver));
  auto context = std::make_unique<GpuContext>(*driver);
  MQA_RETURN_IF_FAILED(context->enter(device));
  GpuLimits limits = context->getLimits();
  std::vector<GpuCode> codes;
  for (const BundleKernel &candidate : candidates)
    codes.push_back(getCode(candidate));
  std::optional<size_t> best = chooseCode(codes, limits);
  if (!best)
    return refuse(candidates, limits);
  const BundleKernel &chosen = candidates[*best];
  bool usesCubin =
      chooseImage(codes[*best], limits.capability) == GpuImage::Cubin;
  auto module = std::make_shared<GpuModule>(std::move(context));
  MQA_RETURN_IF_FAILED(
      module->load(usesCubin ? chosen.bundle->cubin : chosen.bundle->ptx));
  auto load = [&](const KernelDescription &description,
                  std::unique_ptr<Kernel> &kernel) -> mqa_status {
    auto loaded = std::make_unique<GpuKernel>(
        BundleKernel{chosen.bundle, &description}, module);
    MQA_RETURN_IF_FAILED(loaded->load());
    kernel = std::move(loaded);
    return MQA_SUCCESS;
  };
  if (chosen.description->steps.empty())
    return load(*chosen.description, kernel);
  std::vector<std::unique_ptr<Kernel>> steps;
  for (const KernelDescription &step : chosen.description->steps)
    MQA_RETURN_IF_FAILED(load(step, steps.emplace_back()));
  kernel = makeKernelOfSteps(chosen, std::move(steps));
  return MQA_SUCCESS;
}
