//===- Ceiling.cpp - What the hardware can do in this run -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Ceiling.h"

#include <fstream>
#include <iterator>

using namespace mqa::tools;
using namespace mqa::runtime;

// As in ceiling.mlir.
static constexpr unsigned kThreads = 512, kSharedMemoryBytes = 32768;
static constexpr int kIterations = 6000;
static constexpr double kOperationsPerTile = 2.0 * 64 * 128 * 128;
static constexpr int kWarpgroups = 4;

WgmmaCeiling::WgmmaCeiling(Device &device, const std::string &path)
    : sink(device.allocate(sizeof(float))) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> image((std::istreambuf_iterator<char>(file)), {});
  if (image.empty())
    fatal("cannot read '" + path + "'");
  image.push_back('\0');
  require(CudaDriver::get(driver));
  CUdevice ordinal;
  auto check = [&](CUresult result, const char *call) {
    require(driver->check(result, call));
  };
  check(driver->cuCtxGetDevice(&ordinal), "cuCtxGetDevice");
  check(driver->cuDeviceGetAttribute(&numMultiprocessors,
                                     cuda::kMultiprocessorCount, ordinal),
        "cuDeviceGetAttribute");
  check(driver->cuModuleLoadData(&module, image.data()), "cuModuleLoadData");
  check(driver->cuModuleGetFunction(&function, module, "wgmma_ceiling"),
        "cuModuleGetFunction");
}

WgmmaCeiling::~WgmmaCeiling() { driver->cuModuleUnload(module); }

void WgmmaCeiling::launch() {
  // An integer, then a memref descriptor of rank 1 with 32-bit indices.
  int iterations = kIterations;
  void *data = sink->get();
  uint32_t offset = 0, size = 1, stride = 1;
  void *parameters[] = {&iterations, &data, &data, &offset, &size, &stride};
  require(driver->check(
      driver->cuLaunchKernel(function, numMultiprocessors, 1, 1, kThreads, 1, 1,
                             kSharedMemoryBytes, nullptr, parameters, nullptr),
      "cuLaunchKernel"));
}

double WgmmaCeiling::getOperations() const {
  return kOperationsPerTile * kWarpgroups * kIterations * numMultiprocessors;
}
