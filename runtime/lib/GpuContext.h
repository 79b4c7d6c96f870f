//===- GpuContext.h - The CUDA context of a kernel --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_GPUCONTEXT_H
#define MQA_RUNTIME_LIB_GPUCONTEXT_H

#include "CudaDriver.h"
#include "Fork.h"
#include "GpuCode.h"

namespace mqa::runtime {

/// Makes a context current for its lifetime.
class ScopedContext {
public:
  explicit ScopedContext(const CudaDriver &driver) : driver(driver) {}
  ~ScopedContext() {
    CUcontext popped;
    if (pushed)
      driver.cuCtxPopCurrent(&popped);
  }
  ScopedContext(const ScopedContext &) = delete;
  mqa_status push(CUcontext context) {
    MQA_CUDA(driver, cuCtxPushCurrent, context);
    pushed = true;
    return MQA_SUCCESS;
  }

private:
  const CudaDriver &driver;
  bool pushed = false;
};

/// For its lifetime, lets this thread load code and allocate memory while a
/// graph is captured, which the driver refuses else: neither is part of the
/// graph.
class ScopedCaptureMode {
public:
  explicit ScopedCaptureMode(const CudaDriver &driver) : driver(driver) {
    driver.cuThreadExchangeStreamCaptureMode(&mode);
  }
  ~ScopedCaptureMode() { driver.cuThreadExchangeStreamCaptureMode(&mode); }
  ScopedCaptureMode(const ScopedCaptureMode &) = delete;

private:
  const CudaDriver &driver;
  /// That of the thread, while this is there.
  int mode = cuda::kStreamCaptureRelaxed;
};

/// The context that a kernel is loaded into, and what its device has.
class GpuContext {
public:
  explicit GpuContext(const CudaDriver &driver) : driver(driver) {}
  ~GpuContext();
  GpuContext(const GpuContext &) = delete;

  /// The context that is current, else the primary one of device `ordinal`.
  mqa_status enter(int ordinal);
  /// The driver does not work in a forked child of the process that entered.
  bool isForked() const { return fork != getForkCount(); }

  const CudaDriver &getDriver() const { return driver; }
  CUcontext get() const { return context; }
  const GpuLimits &getLimits() const { return limits; }
  int getNumMultiprocessors() const { return numMultiprocessors; }

private:
  mqa_status readDevice();

  const CudaDriver &driver;
  const uint64_t fork = getForkCount();
  CUdevice device = 0;
  CUcontext context = nullptr;
  bool ownsPrimaryContext = false;
  GpuLimits limits;
  int numMultiprocessors = 0;
};

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_GPUCONTEXT_H
