//===- XlaHandlers.cpp - Kernels as custom calls of XLA -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Xla.h"

#include "GpuContext.h"
#include "Handles.h"
#include "KernelScratch.h"
#include "OpRules.h"
#include "XlaArguments.h"

#include <atomic>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <utility>

using namespace mqa::runtime;

static std::atomic<mqa_xla_find> finder{nullptr};

void mqa_xla_set_find(mqa_xla_find find) { finder = find; }

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

namespace {
/// Where a call runs: the CPU, or a stream and its context.
struct Place {
  const CudaDriver *driver = nullptr;
  CUcontext context = nullptr;
  void *stream = nullptr;
};

/// The kernels of calls, by the text of the op and the context.
class KernelTable {
public:
  mqa_status get(std::string_view op, const Place &place,
                 std::shared_ptr<Kernel> &kernel);

private:
  using Kernels = std::map<std::string, std::shared_ptr<Kernel>, std::less<>>;

  std::shared_mutex mutex;
  std::map<CUcontext, Kernels> kernels;
};
} // namespace

/// The device of `place`, whose context is current.
static mqa_status describeDevice(const Place &place, mqa_xla_request &request) {
  const CudaDriver &driver = *place.driver;
  CUdevice device;
  MQA_CUDA(driver, cuCtxGetDevice, &device);
  int major, minor;
  MQA_CUDA(driver, cuDeviceGetAttribute, &major, cuda::kComputeCapabilityMajor,
           device);
  MQA_CUDA(driver, cuDeviceGetAttribute, &minor, cuda::kComputeCapabilityMinor,
           device);
  request.kind = MQA_DEVICE_CUDA;
  // A CUdevice is the ordinal.
  request.device = device;
  request.capability = 10 * major + minor;
  return MQA_SUCCESS;
}

static mqa_status findKernel(std::string_view op, const Place &place,
                             std::shared_ptr<Kernel> &kernel) {
  mqa_xla_find find = finder;
  if (!find)
    return fail(MQA_ERROR_NOT_FOUND,
                "nothing finds kernels for custom calls: import mqa.jax");
  mqa_xla_request request{};
  request.op = op.data();
  request.op_size = op.size();
  request.kind = MQA_DEVICE_CPU;
  if (place.driver)
    MQA_RETURN_IF_FAILED(describeDevice(place, request));
  if (find(&request) || !request.kernel) {
    request.message[sizeof(request.message) - 1] = 0;
    return fail(MQA_ERROR_NOT_FOUND,
                request.message[0] ? request.message : "no kernel was found");
  }
  kernel = request.kernel->kernel;
  return MQA_SUCCESS;
}

mqa_status KernelTable::get(std::string_view op, const Place &place,
                            std::shared_ptr<Kernel> &kernel) {
  {
    std::shared_lock lock(mutex);
    auto known = kernels.find(place.context);
    if (known != kernels.end())
      if (auto found = known->second.find(op); found != known->second.end()) {
        kernel = found->second;
        return MQA_SUCCESS;
      }
  }
  // Without the lock: it may take long, and ask Python. A kernel that two
  // threads look for is found twice.
  MQA_RETURN_IF_FAILED(findKernel(op, place, kernel));
  std::unique_lock lock(mutex);
  kernels[place.context].emplace(op, kernel);
  return MQA_SUCCESS;
}

/// Never destroyed: calls may come while the process ends.
static KernelTable &getKernels() {
  static auto *table = new KernelTable;
  return *table;
}

static ScratchTable &getScratch() {
  static auto *table = new ScratchTable;
  return *table;
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

static mqa_status getStream(const xla::CallFrame &frame, void *&stream) {
  xla::StreamGetArgs args{
      {sizeof(xla::StreamGetArgs), nullptr}, frame.context, nullptr};
  if (xla::Error *error = frame.api->getStream(&args)) {
    xla::ErrorDestroyArgs destroy{{sizeof(xla::ErrorDestroyArgs), nullptr},
                                  error};
    frame.api->destroyError(&destroy);
    return fail(MQA_ERROR_SYSTEM, "XLA gives no stream for the call");
  }
  stream = args.stream;
  return MQA_SUCCESS;
}

static mqa_status launch(const xla::CallFrame &frame,
                         const XlaAttributes &attributes, const Place &place,
                         const std::shared_ptr<Kernel> &kernel,
                         bool mayNeedScratch) {
  const KernelDescription &description = kernel->getDescription();
  XlaArguments arguments;
  MQA_RETURN_IF_FAILED(
      readArguments(frame, attributes, description, arguments));
  size_t scratchSize = description.rules->getScratchSize(
      description, arguments.numQueries, arguments.numColumns,
      kernel->getNumMultiprocessors());
  if (scratchSize && !mayNeedScratch)
    return fail(MQA_ERROR_INVALID_ARGUMENT,
                "kernel '" + description.name +
                    "' needs scratch: the call must be of "
                    "mqa_xla_select_on_cuda");
  ScratchTable::Use scratch;
  if (scratchSize) {
    MQA_RETURN_IF_FAILED(getScratch().get(*place.driver, kernel, place.stream,
                                          scratchSize, scratch));
    arguments.selection.scratch = scratch.getData();
    arguments.selection.scratch_size = scratch.getSize();
  }
  Tensors tensors;
  mqa_status status = checkArguments(description, arguments, tensors);
  if (!status && hasWork(description, tensors))
    status = kernel->launch(tensors, place.stream);
  if (status && scratchSize)
    scratch.drop();
  return status;
}

static mqa_status handle(const xla::CallFrame &frame, bool isCuda,
                         bool mayNeedScratch) {
  XlaAttributes attributes;
  MQA_RETURN_IF_FAILED(readAttributes(frame.attributes, attributes));
  Place place;
  if (!isCuda) {
    std::shared_ptr<Kernel> kernel;
    MQA_RETURN_IF_FAILED(getKernels().get(attributes.op, place, kernel));
    if (frame.stage == xla::Stage::Execute)
      return launch(frame, attributes, place, kernel, mayNeedScratch);
    return MQA_SUCCESS;
  }
  MQA_RETURN_IF_FAILED(CudaDriver::get(place.driver));
  const CudaDriver &driver = *place.driver;
  mqa_status status = getStream(frame, place.stream);
  // Then the kernel is found when the call is executed.
  if (status && frame.stage == xla::Stage::Initialize)
    return MQA_SUCCESS;
  MQA_RETURN_IF_FAILED(status);
  MQA_CUDA(driver, cuStreamGetCtx, static_cast<CUstream>(place.stream),
           &place.context);
  CUcontext current = nullptr;
  MQA_CUDA(driver, cuCtxGetCurrent, &current);
  ScopedContext scope(driver);
  if (current != place.context)
    MQA_RETURN_IF_FAILED(scope.push(place.context));
  std::shared_ptr<Kernel> kernel;
  MQA_RETURN_IF_FAILED(getKernels().get(attributes.op, place, kernel));
  if (frame.stage == xla::Stage::Execute)
    return launch(frame, attributes, place, kernel, mayNeedScratch);
  return MQA_SUCCESS;
}

//===----------------------------------------------------------------------===//
// Handlers
//===----------------------------------------------------------------------===//

/// Whether the frame asks what the handler is; answers then.
static bool answersQuestion(const xla::CallFrame &frame, uint32_t traits) {
  const xla::Extension *extension = frame.header.extension;
  if (!extension || extension->type != xla::kMetadataExtension)
    return false;
  xla::Metadata &metadata =
      *reinterpret_cast<const xla::MetadataExtension *>(extension)->metadata;
  metadata.version.header = {sizeof(xla::Version), nullptr};
  metadata.version.major = xla::kMajorVersion;
  // XLA refuses handlers of other versions than its own, while what is used
  // here is the same in all of this major one.
  metadata.version.minor =
      frame.api ? frame.api->version.minor : xla::kMinorVersion;
  metadata.traits = traits;
  return true;
}

static int getCode(mqa_status status) {
  switch (status) {
  case MQA_ERROR_INVALID_ARGUMENT:
    return xla::kInvalidArgument;
  case MQA_ERROR_NOT_FOUND:
    return xla::kNotFound;
  case MQA_ERROR_UNSUPPORTED:
    return xla::kUnimplemented;
  case MQA_ERROR_SYSTEM:
    return xla::kResourceExhausted;
  case MQA_SUCCESS:
  case MQA_ERROR_INVALID_BUNDLE:
  case MQA_ERROR_DRIVER:
  case MQA_ERROR_EXECUTOR:
    break;
  }
  return xla::kInternal;
}

static void *answer(void *callFrame, bool isCuda, bool mayNeedScratch,
                    uint32_t traits) {
  auto &frame = *static_cast<const xla::CallFrame *>(callFrame);
  if (answersQuestion(frame, traits))
    return nullptr;
  if (frame.stage != xla::Stage::Initialize &&
      frame.stage != xla::Stage::Execute)
    return nullptr;
  mqa_status status =
      guard([&]() { return handle(frame, isCuda, mayNeedScratch); });
  if (!status)
    return nullptr;
  xla::ErrorCreateArgs args{{sizeof(xla::ErrorCreateArgs), nullptr},
                            mqa_last_error(),
                            getCode(status)};
  return frame.api->createError(&args);
}

void *mqa_xla_launch_on_cpu(void *call_frame) {
  return answer(call_frame, /*isCuda=*/false, /*mayNeedScratch=*/true,
                /*traits=*/0);
}

void *mqa_xla_launch_on_cuda(void *call_frame) {
  return answer(call_frame, /*isCuda=*/true, /*mayNeedScratch=*/false,
                xla::kMayBeRecorded);
}

// Memory that is kept for a stream is not of the graph that records a call.
void *mqa_xla_select_on_cuda(void *call_frame) {
  return answer(call_frame, /*isCuda=*/true, /*mayNeedScratch=*/true,
                /*traits=*/0);
}
