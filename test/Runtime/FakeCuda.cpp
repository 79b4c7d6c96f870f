//===- FakeCuda.cpp - A libcuda that records what it is asked -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FakeCuda.h"
#include "CudaDriver.h"

#include <mutex>
#include <set>
#include <utility>

using namespace mqa::runtime;

extern "C" FakeCudaState *fakeCudaState() {
  static FakeCudaState state;
  return &state;
}

extern "C" void fakeCudaSetDevice(int major, int minor, int sharedMemory) {
  FakeCudaState &state = *fakeCudaState();
  state.major = major;
  state.minor = minor;
  state.sharedMemory = sharedMemory;
}

static CUcontext fakeContext() { return reinterpret_cast<CUcontext>(0x1000); }

/// A driver may be called by several threads at once; each has contexts of its
/// own.
static std::mutex mutex;
static thread_local int pushedByThread = 0, captureModeOfThread = 0;

/// Records a call; its result.
static CUresult call(const char *name) {
  std::lock_guard<std::mutex> lock(mutex);
  FakeCudaState &state = *fakeCudaState();
  state.calls.push_back(name);
  return state.failingCall == name ? 700 : cuda::kSuccess;
}

/// CUDA_ERROR_INVALID_VALUE.
static constexpr CUresult kInvalidValue = 1;

/// What cuTensorMapEncodeTiled asks for (CUDA Driver API reference, 13.0).
static bool isValidTensorMap(int dataType, uint32_t rank, const void *address,
                             const uint64_t *sizes, const uint64_t *strides,
                             const uint32_t *box, int swizzle) {
  int elementBytes = dataType == cuda::kUint8     ? 1
                     : dataType == cuda::kUint16  ? 2
                     : dataType == cuda::kFloat32 ? 4
                                                  : 0;
  int swizzleBytes = swizzle == cuda::kSwizzle32B    ? 32
                     : swizzle == cuda::kSwizzle64B  ? 64
                     : swizzle == cuda::kSwizzle128B ? 128
                                                     : 1 << 20;
  uint32_t rowBytes = box[0] * elementBytes;
  bool valid = rank >= 1 && rank <= 5 && elementBytes &&
               reinterpret_cast<uintptr_t>(address) % 16 == 0 &&
               rowBytes % 16 == 0 &&
               rowBytes <= static_cast<uint32_t>(swizzleBytes);
  for (uint32_t i = 0; valid && i < rank; ++i)
    valid = sizes[i] >= 1 && sizes[i] <= uint64_t(1) << 32 && box[i] >= 1 &&
            box[i] <= 256;
  for (uint32_t i = 0; valid && i + 1 < rank; ++i)
    valid = strides[i] % 16 == 0 && strides[i] < uint64_t(1) << 40;
  return valid;
}

#define RETURN_IF_FAILING(name)                                                \
  if (CUresult result = call(name))                                            \
  return result

extern "C" {
CUresult cuInit(unsigned) { return cuda::kSuccess; }
CUresult cuGetErrorString(CUresult, const char **text) {
  *text = "an illegal memory access was encountered";
  return cuda::kSuccess;
}
CUresult cuDriverGetVersion(int *version) {
  RETURN_IF_FAILING("cuDriverGetVersion");
  *version = fakeCudaState()->version;
  return cuda::kSuccess;
}
CUresult cuDeviceGet(CUdevice *device, int ordinal) {
  RETURN_IF_FAILING("cuDeviceGet");
  *device = ordinal;
  return cuda::kSuccess;
}
CUresult cuDeviceGetName(char *name, int length, CUdevice) {
  std::strncpy(name, "Fake GPU", length);
  return cuda::kSuccess;
}
CUresult cuDeviceGetAttribute(int *value, int attribute, CUdevice) {
  RETURN_IF_FAILING("cuDeviceGetAttribute");
  const FakeCudaState &state = *fakeCudaState();
  *value = attribute == cuda::kMultiprocessorCount      ? state.multiprocessors
           : attribute == cuda::kComputeCapabilityMajor ? state.major
           : attribute == cuda::kComputeCapabilityMinor ? state.minor
                                                        : state.sharedMemory;
  return cuda::kSuccess;
}
CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice) {
  RETURN_IF_FAILING("cuDevicePrimaryCtxRetain");
  *context = fakeContext();
  ++fakeCudaState()->retainedContexts;
  return cuda::kSuccess;
}
CUresult cuDevicePrimaryCtxRelease_v2(CUdevice) {
  --fakeCudaState()->retainedContexts;
  return cuda::kSuccess;
}
CUresult cuCtxGetCurrent(CUcontext *context) {
  RETURN_IF_FAILING("cuCtxGetCurrent");
  *context =
      fakeCudaState()->hasContext || pushedByThread ? fakeContext() : nullptr;
  return cuda::kSuccess;
}
CUresult cuCtxGetDevice(CUdevice *device) {
  RETURN_IF_FAILING("cuCtxGetDevice");
  *device = 0;
  return cuda::kSuccess;
}
CUresult cuCtxPushCurrent_v2(CUcontext) {
  RETURN_IF_FAILING("cuCtxPushCurrent");
  std::lock_guard<std::mutex> lock(mutex);
  ++pushedByThread;
  ++fakeCudaState()->pushedContexts;
  return cuda::kSuccess;
}
CUresult cuCtxPopCurrent_v2(CUcontext *context) {
  std::lock_guard<std::mutex> lock(mutex);
  *context = fakeContext();
  --pushedByThread;
  --fakeCudaState()->pushedContexts;
  return cuda::kSuccess;
}
CUresult cuCtxSynchronize() { return call("cuCtxSynchronize"); }
CUresult cuModuleLoadData(CUmodule *module, const void *image) {
  RETURN_IF_FAILING("cuModuleLoadData");
  fakeCudaState()->loadedRelaxed =
      captureModeOfThread == cuda::kStreamCaptureRelaxed;
  fakeCudaState()->image = static_cast<const char *>(image);
  *module = reinterpret_cast<CUmodule>(0x2000);
  ++fakeCudaState()->liveModules;
  return cuda::kSuccess;
}
CUresult cuModuleUnload(CUmodule) {
  --fakeCudaState()->liveModules;
  return cuda::kSuccess;
}
CUresult cuModuleGetFunction(CUfunction *function, CUmodule, const char *name) {
  RETURN_IF_FAILING("cuModuleGetFunction");
  // A function is its name, which stays.
  static std::set<std::string> names;
  std::lock_guard<std::mutex> lock(mutex);
  *function = reinterpret_cast<CUfunction>(
      const_cast<std::string *>(&*names.insert(name).first));
  return cuda::kSuccess;
}
CUresult cuFuncSetAttribute(CUfunction, int, int) {
  return call("cuFuncSetAttribute");
}
CUresult cuTensorMapEncodeTiled(CUtensorMap *map, int dataType, uint32_t rank,
                                void *address, const uint64_t *sizes,
                                const uint64_t *strides, const uint32_t *box,
                                const uint32_t *elementStrides, int interleave,
                                int swizzle, int l2Promotion, int oobFill) {
  RETURN_IF_FAILING("cuTensorMapEncodeTiled");
  if (!isValidTensorMap(dataType, rank, address, sizes, strides, box, swizzle))
    return kInvalidValue;
  std::lock_guard<std::mutex> lock(mutex);
  FakeCudaState &state = *fakeCudaState();
  map->opaque[0] = state.maps.size();
  state.maps.push_back({dataType,
                        address,
                        {sizes, sizes + rank},
                        {strides, strides + rank - 1},
                        {box, box + rank},
                        {elementStrides, elementStrides + rank},
                        interleave,
                        swizzle,
                        l2Promotion,
                        oobFill});
  return cuda::kSuccess;
}
CUresult cuLaunchKernelEx(const CUlaunchConfig *config, CUfunction function,
                          void **parameters, void **) {
  RETURN_IF_FAILING("cuLaunchKernelEx");
  if (config->gridX == 0 || config->blockX == 0 || config->blockX > 1024 ||
      config->sharedMemoryBytes > 232448)
    return kInvalidValue;
  std::lock_guard<std::mutex> lock(mutex);
  FakeCudaState &state = *fakeCudaState();
  FakeLaunch launch{config->gridX,
                    config->gridY,
                    config->blockX,
                    config->sharedMemoryBytes,
                    config->stream,
                    false,
                    {}};
  for (unsigned i = 0; i < config->numAttributes; ++i) {
    const CUlaunchAttribute &attribute = config->attributes[i];
    launch.overlaps |= attribute.id == cuda::kProgrammaticStreamSerialization &&
                       attribute.value.programmaticStreamSerializationAllowed;
  }
  auto own = state.parameterCounts.find(
      *reinterpret_cast<const std::string *>(function));
  size_t count =
      own == state.parameterCounts.end() ? state.parameterCount : own->second;
  for (size_t i = 0; i < count; ++i) {
    uint64_t value;
    std::memcpy(&value, parameters[i], sizeof(value));
    launch.parameters.push_back(value);
  }
  state.launches.push_back(launch);
  return cuda::kSuccess;
}
CUresult cuMemAlloc_v2(CUdeviceptr *pointer, size_t size) {
  if (CUresult result = call("cuMemAlloc"))
    return result;
  FakeCudaState &state = *fakeCudaState();
  state.allocations.push_back(size);
  *pointer = static_cast<CUdeviceptr>(state.allocations.size()) << 40;
  return cuda::kSuccess;
}
CUresult cuMemFree_v2(CUdeviceptr) { return call("cuMemFree"); }
CUresult cuMemcpyHtoD_v2(CUdeviceptr, const void *, size_t) {
  return call("cuMemcpyHtoD");
}
CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr, CUdeviceptr, size_t, CUstream) {
  return call("cuMemcpyDtoDAsync");
}
CUresult cuMemcpyDtoH_v2(void *, CUdeviceptr, size_t) {
  return call("cuMemcpyDtoH");
}
CUresult cuMemsetD32_v2(CUdeviceptr, unsigned, size_t) {
  return call("cuMemsetD32");
}
CUresult cuMemsetD32Async(CUdeviceptr, unsigned, size_t, CUstream) {
  return call("cuMemsetD32Async");
}
CUresult cuEventCreate(CUevent *, unsigned) { return call("cuEventCreate"); }
CUresult cuEventDestroy_v2(CUevent) { return call("cuEventDestroy"); }
CUresult cuEventRecord(CUevent, CUstream) { return call("cuEventRecord"); }
CUresult cuEventSynchronize(CUevent) { return call("cuEventSynchronize"); }
CUresult cuEventElapsedTime(float *, CUevent, CUevent) {
  return call("cuEventElapsedTime");
}
CUresult cuStreamCreate(CUstream *, unsigned) { return call("cuStreamCreate"); }
CUresult cuStreamDestroy_v2(CUstream) { return call("cuStreamDestroy"); }
CUresult cuStreamIsCapturing(CUstream, int *status) {
  RETURN_IF_FAILING("cuStreamIsCapturing");
  *status = fakeCudaState()->isCapturing;
  return cuda::kSuccess;
}
CUresult cuStreamGetCtx(CUstream, CUcontext *context) {
  RETURN_IF_FAILING("cuStreamGetCtx");
  *context = fakeContext();
  return cuda::kSuccess;
}
CUresult cuStreamSynchronize(CUstream) { return call("cuStreamSynchronize"); }
CUresult cuStreamBeginCapture_v2(CUstream, int) {
  return call("cuStreamBeginCapture");
}
CUresult cuThreadExchangeStreamCaptureMode(int *mode) {
  std::swap(*mode, captureModeOfThread);
  fakeCudaState()->captureMode = captureModeOfThread;
  return cuda::kSuccess;
}
CUresult cuStreamEndCapture(CUstream, CUgraph *) {
  return call("cuStreamEndCapture");
}
CUresult cuGraphInstantiateWithFlags(CUgraphExec *, CUgraph,
                                     unsigned long long) {
  return call("cuGraphInstantiate");
}
CUresult cuGraphLaunch(CUgraphExec, CUstream) { return call("cuGraphLaunch"); }
CUresult cuGraphDestroy(CUgraph) { return call("cuGraphDestroy"); }
CUresult cuGraphExecDestroy(CUgraphExec) { return call("cuGraphExecDestroy"); }
}
