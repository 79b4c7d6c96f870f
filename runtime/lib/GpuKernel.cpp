//===- GpuKernel.cpp - Loads and launches kernels on a GPU ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GpuLaunch.h"

using namespace mqa::runtime;

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
