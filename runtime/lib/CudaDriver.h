//===- CudaDriver.h - libcuda, opened at run time ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The part of the CUDA driver API that we use, declared here so that neither
// cuda.h nor libcuda is needed to build (CUDA Driver API reference, 13.0).
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_CUDADRIVER_H
#define MQA_RUNTIME_LIB_CUDADRIVER_H

#include "Status.h"

#include <cstddef>
#include <cstdint>

namespace mqa::runtime {

using CUresult = int;
using CUdevice = int;
using CUdeviceptr = unsigned long long;
using CUcontext = struct CUctx_st *;
using CUmodule = struct CUmod_st *;
using CUfunction = struct CUfunc_st *;
using CUstream = struct CUstream_st *;
using CUevent = struct CUevent_st *;
using CUgraph = struct CUgraph_st *;
using CUgraphExec = struct CUgraphExec_st *;

/// An opaque tensor map.
struct alignas(64) CUtensorMap {
  uint64_t opaque[16];
};

/// One attribute of a launch; `value` is the driver's union of 64 bytes.
struct CUlaunchAttribute {
  int id;
  alignas(8) union {
    char padding[64];
    int programmaticStreamSerializationAllowed;
  } value;
};

struct CUlaunchConfig {
  unsigned gridX, gridY, gridZ;
  unsigned blockX, blockY, blockZ;
  unsigned sharedMemoryBytes;
  CUstream stream;
  CUlaunchAttribute *attributes;
  unsigned numAttributes;
};

namespace cuda {
constexpr CUresult kSuccess = 0;

// CUdevice_attribute
constexpr int kMultiprocessorCount = 16;
constexpr int kComputeCapabilityMajor = 75;
constexpr int kComputeCapabilityMinor = 76;
constexpr int kMaxSharedMemoryPerBlockOptin = 97;

// CUfunction_attribute
constexpr int kMaxDynamicSharedSizeBytes = 8;

// CUlaunchAttributeID
constexpr int kProgrammaticStreamSerialization = 6;

// CUstream_flags, CUstreamCaptureMode
constexpr unsigned kStreamNonBlocking = 1;
constexpr int kStreamCaptureThreadLocal = 1;
constexpr int kStreamCaptureRelaxed = 2;
// CUstreamCaptureStatus
constexpr int kCaptureStatusNone = 0;

// CUtensorMapDataType
constexpr int kUint8 = 0;
constexpr int kUint16 = 1;
constexpr int kFloat32 = 7;
// CUtensorMapInterleave, CUtensorMapFloatOOBfill
constexpr int kInterleaveNone = 0;
constexpr int kOobFillZero = 0;
// CUtensorMapSwizzle
constexpr int kSwizzleNone = 0, kSwizzle32B = 1, kSwizzle64B = 2,
              kSwizzle128B = 3;
// CUtensorMapL2promotion
constexpr int kL2Promotion128B = 2;
} // namespace cuda

// Name in this table, exported symbol, parameters. Symbols with a suffix are
// the ones that cuda.h maps the plain name to.
#define MQA_CUDA_FUNCTIONS(X)                                                  \
  X(cuInit, "cuInit", (unsigned flags))                                        \
  X(cuDriverGetVersion, "cuDriverGetVersion", (int *version))                  \
  X(cuGetErrorString, "cuGetErrorString", (CUresult error, const char **text)) \
  X(cuDeviceGet, "cuDeviceGet", (CUdevice * device, int ordinal))              \
  X(cuDeviceGetName, "cuDeviceGetName",                                        \
    (char *name, int length, CUdevice device))                                 \
  X(cuDeviceGetAttribute, "cuDeviceGetAttribute",                              \
    (int *value, int attribute, CUdevice device))                              \
  X(cuDevicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain",                      \
    (CUcontext * context, CUdevice device))                                    \
  X(cuDevicePrimaryCtxRelease, "cuDevicePrimaryCtxRelease_v2",                 \
    (CUdevice device))                                                         \
  X(cuCtxGetCurrent, "cuCtxGetCurrent", (CUcontext * context))                 \
  X(cuCtxGetDevice, "cuCtxGetDevice", (CUdevice * device))                     \
  X(cuCtxPushCurrent, "cuCtxPushCurrent_v2", (CUcontext context))              \
  X(cuCtxPopCurrent, "cuCtxPopCurrent_v2", (CUcontext * context))              \
  X(cuCtxSynchronize, "cuCtxSynchronize", ())                                  \
  X(cuModuleLoadData, "cuModuleLoadData",                                      \
    (CUmodule * module, const void *image))                                    \
  X(cuModuleUnload, "cuModuleUnload", (CUmodule module))                       \
  X(cuModuleGetFunction, "cuModuleGetFunction",                                \
    (CUfunction * function, CUmodule module, const char *name))                \
  X(cuFuncSetAttribute, "cuFuncSetAttribute",                                  \
    (CUfunction function, int attribute, int value))                           \
  X(cuTensorMapEncodeTiled, "cuTensorMapEncodeTiled",                          \
    (CUtensorMap * map, int dataType, uint32_t rank, void *address,            \
     const uint64_t *sizes, const uint64_t *strides, const uint32_t *box,      \
     const uint32_t *elementStrides, int interleave, int swizzle,              \
     int l2Promotion, int oobFill))                                            \
  X(cuLaunchKernelEx, "cuLaunchKernelEx",                                      \
    (const CUlaunchConfig *config, CUfunction function, void **parameters,     \
     void **extra))                                                            \
  X(cuMemAlloc, "cuMemAlloc_v2", (CUdeviceptr * pointer, size_t bytes))        \
  X(cuMemFree, "cuMemFree_v2", (CUdeviceptr pointer))                          \
  X(cuMemcpyHtoD, "cuMemcpyHtoD_v2",                                           \
    (CUdeviceptr to, const void *from, size_t bytes))                          \
  X(cuMemcpyDtoH, "cuMemcpyDtoH_v2",                                           \
    (void *to, CUdeviceptr from, size_t bytes))                                \
  X(cuMemcpyDtoDAsync, "cuMemcpyDtoDAsync_v2",                                 \
    (CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream))         \
  X(cuMemsetD32, "cuMemsetD32_v2",                                             \
    (CUdeviceptr to, unsigned value, size_t count))                            \
  X(cuMemsetD32Async, "cuMemsetD32Async",                                      \
    (CUdeviceptr to, unsigned value, size_t count, CUstream stream))           \
  X(cuEventCreate, "cuEventCreate", (CUevent * event, unsigned flags))         \
  X(cuEventDestroy, "cuEventDestroy_v2", (CUevent event))                      \
  X(cuEventRecord, "cuEventRecord", (CUevent event, CUstream stream))          \
  X(cuEventSynchronize, "cuEventSynchronize", (CUevent event))                 \
  X(cuEventElapsedTime, "cuEventElapsedTime",                                  \
    (float *milliseconds, CUevent start, CUevent end))                         \
  X(cuStreamCreate, "cuStreamCreate", (CUstream * stream, unsigned flags))     \
  X(cuStreamDestroy, "cuStreamDestroy_v2", (CUstream stream))                  \
  X(cuStreamGetCtx, "cuStreamGetCtx", (CUstream stream, CUcontext * context))  \
  X(cuStreamIsCapturing, "cuStreamIsCapturing",                                \
    (CUstream stream, int *status))                                            \
  X(cuStreamSynchronize, "cuStreamSynchronize", (CUstream stream))             \
  X(cuStreamBeginCapture, "cuStreamBeginCapture_v2",                           \
    (CUstream stream, int mode))                                               \
  X(cuThreadExchangeStreamCaptureMode, "cuThreadExchangeStreamCaptureMode",    \
    (int *mode))                                                               \
  X(cuStreamEndCapture, "cuStreamEndCapture",                                  \
    (CUstream stream, CUgraph * graph))                                        \
  X(cuGraphInstantiate, "cuGraphInstantiateWithFlags",                         \
    (CUgraphExec * executable, CUgraph graph, unsigned long long flags))       \
  X(cuGraphLaunch, "cuGraphLaunch", (CUgraphExec executable, CUstream stream)) \
  X(cuGraphDestroy, "cuGraphDestroy", (CUgraph graph))                         \
  X(cuGraphExecDestroy, "cuGraphExecDestroy", (CUgraphExec executable))

/// The functions of libcuda.
struct CudaDriver {
#define MQA_DECLARE(name, symbol, parameters) CUresult(*name) parameters;
  MQA_CUDA_FUNCTIONS(MQA_DECLARE)
#undef MQA_DECLARE

  /// Opens and initialises libcuda, once per process.
  static mqa_status get(const CudaDriver *&driver);

  /// Turns the result of a call into a status whose message names the call.
  mqa_status check(CUresult result, const char *call) const;
};

} // namespace mqa::runtime

/// Returns from the enclosing function if a driver call fails.
#define MQA_CUDA(driver, name, ...)                                            \
  MQA_RETURN_IF_FAILED((driver).check((driver).name(__VA_ARGS__), #name))

#endif // MQA_RUNTIME_LIB_CUDADRIVER_H
