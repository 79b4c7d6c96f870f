//===- Ceiling.cpp - What the hardware can do in this run -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Ceiling.h"

using namespace mqa::tools;
using namespace mqa::runtime;

// As in ceiling.mlir.
static constexpr unsigned kThreads = 512, kSharedMemoryBytes = 32768;
static constexpr int kIterations = 6000;
static constexpr double kOperationsPerTile = 2.0 * 64 * 128 * 128;
static constexpr int kWarpgroups = 4;
// Far more than the L2 holds, and a multiple of what the grid reads at a time.
static constexpr int kReadBlocks = 132 * 4, kReadWordsAtATime = 16;
static constexpr uint32_t kCopyWords =
    kReadBlocks * kThreads * kReadWordsAtATime * 64;

Ceilings::Ceilings(Device &device, const std::string &path)
    : module(path), matrixUnit(module.getFunction("matrix_ceiling")),
      sink(device.allocate(sizeof(float))),
      from(device.allocate(kCopyWords * sizeof(uint32_t))),
      to(device.allocate(kCopyWords * sizeof(uint32_t))) {
  CUdevice ordinal;
  const CudaDriver *driver = module.driver;
  require(driver->check(driver->cuCtxGetDevice(&ordinal), "cuCtxGetDevice"));
  require(driver->check(driver->cuDeviceGetAttribute(&numMultiprocessors,
                                                     cuda::kMultiprocessorCount,
                                                     ordinal),
                        "cuDeviceGetAttribute"));
  // So that the sum of what is read says that there is nothing to write.
  std::vector<uint32_t> zeros(kCopyWords);
  from->copyFrom(zeros.data(), zeros.size() * sizeof(uint32_t));
}

void Ceilings::launchMatrixUnit() {
  int iterations = kIterations;
  VectorParameter out{sink->get(), 1};
  std::vector<void *> parameters{&iterations};
  out.append(parameters);
  module.launch(matrixUnit, numMultiprocessors, kThreads, kSharedMemoryBytes,
                parameters);
}

double Ceilings::getMatrixUnitOperations() const {
  return kOperationsPerTile * kWarpgroups * kIterations * numMultiprocessors;
}

/// The driver's own copy: faster than any kernel that was tried.
void Ceilings::launchCopy() {
  auto pointer = [](const Buffer &buffer) {
    return reinterpret_cast<CUdeviceptr>(buffer.get());
  };
  const CudaDriver *driver = module.driver;
  require(driver->check(driver->cuMemcpyDtoDAsync(pointer(*to), pointer(*from),
                                                  kCopyWords * sizeof(uint32_t),
                                                  nullptr),
                        "cuMemcpyDtoDAsync"));
}

void Ceilings::launchRead() {
  VectorParameter source{from->get(), kCopyWords}, target{sink->get(), 1};
  std::vector<void *> parameters;
  source.append(parameters);
  target.append(parameters);
  // mma_ceiling.mlir has none.
  if (!read)
    read = module.getFunction("read_ceiling");
  module.launch(read, kReadBlocks, kThreads, 0, parameters);
}

double Ceilings::getCopyBytes() const {
  return 2.0 * kCopyWords * sizeof(uint32_t);
}
