//===- GpuContext.cpp - The CUDA context of a kernel ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GpuContext.h"

using namespace mqa::runtime;

GpuContext::~GpuContext() {
  if (ownsPrimaryContext && !isForked())
    driver.cuDevicePrimaryCtxRelease(device);
}

mqa_status GpuContext::enter(int ordinal) {
  MQA_CUDA(driver, cuCtxGetCurrent, &context);
  if (context) {
    MQA_CUDA(driver, cuCtxGetDevice, &device);
    return readDevice();
  }
  MQA_CUDA(driver, cuDeviceGet, &device, ordinal);
  MQA_CUDA(driver, cuDevicePrimaryCtxRetain, &context, device);
  ownsPrimaryContext = true;
  return readDevice();
}

mqa_status GpuContext::readDevice() {
  int major, minor, sharedMemory;
  MQA_CUDA(driver, cuDeviceGetAttribute, &major, cuda::kComputeCapabilityMajor,
           device);
  MQA_CUDA(driver, cuDeviceGetAttribute, &minor, cuda::kComputeCapabilityMinor,
           device);
  MQA_CUDA(driver, cuDeviceGetAttribute, &sharedMemory,
           cuda::kMaxSharedMemoryPerBlockOptin, device);
  MQA_CUDA(driver, cuDeviceGetAttribute, &numMultiprocessors,
           cuda::kMultiprocessorCount, device);
  limits = {10 * major + minor, sharedMemory};
  return MQA_SUCCESS;
}
