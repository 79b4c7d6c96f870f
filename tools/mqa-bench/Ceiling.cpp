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
// Far more than the L2 holds, and a multiple of what the grid reads at a time.
static constexpr int kReadBlocks = 132 * 4, kReadWordsAtATime = 16;
static constexpr uint32_t kCopyWords =
    kReadBlocks * kThreads * kReadWordsAtATime * 64;

/// A memref of rank 1 with 32-bit indices, as kernel parameters.
namespace {
struct Vector {
  void *data;
  uint32_t offset = 0, size, stride = 1;
  void append(std::vector<void *> &parameters) {
    for (void *part : {static_cast<void *>(&data), static_cast<void *>(&data),
                       static_cast<void *>(&offset), static_cast<void *>(&size),
                       static_cast<void *>(&stride)})
      parameters.push_back(part);
  }
};
} // namespace

CUfunction Ceilings::getFunction(const char *name) {
  CUfunction function;
  require(driver->check(driver->cuModuleGetFunction(&function, module, name),
                        "cuModuleGetFunction"));
  return function;
}

Ceilings::Ceilings(Device &device, const std::string &path)
    : sink(device.allocate(sizeof(float))),
      from(device.allocate(kCopyWords * sizeof(uint32_t))),
      to(device.allocate(kCopyWords * sizeof(uint32_t))) {
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
  wgmma = getFunction("wgmma_ceiling");
  read = getFunction("read_ceiling");
  // So that the sum of what is read says that there is nothing to write.
  std::vector<uint32_t> zeros(kCopyWords);
  from->copyFrom(zeros.data(), zeros.size() * sizeof(uint32_t));
}

Ceilings::~Ceilings() { driver->cuModuleUnload(module); }

void Ceilings::launchWgmma() {
  int iterations = kIterations;
  Vector out{sink->get(), 0, 1};
  std::vector<void *> parameters{&iterations};
  out.append(parameters);
  require(
      driver->check(driver->cuLaunchKernel(wgmma, numMultiprocessors, 1, 1,
                                           kThreads, 1, 1, kSharedMemoryBytes,
                                           nullptr, parameters.data(), nullptr),
                    "cuLaunchKernel"));
}

double Ceilings::getWgmmaOperations() const {
  return kOperationsPerTile * kWarpgroups * kIterations * numMultiprocessors;
}

/// The driver's own copy: faster than any kernel that was tried.
void Ceilings::launchCopy() {
  auto pointer = [](const Buffer &buffer) {
    return reinterpret_cast<CUdeviceptr>(buffer.get());
  };
  require(driver->check(driver->cuMemcpyDtoDAsync(pointer(*to), pointer(*from),
                                                  kCopyWords * sizeof(uint32_t),
                                                  nullptr),
                        "cuMemcpyDtoDAsync"));
}

void Ceilings::launchRead() {
  Vector source{from->get(), 0, kCopyWords}, target{sink->get(), 0, 1};
  std::vector<void *> parameters;
  source.append(parameters);
  target.append(parameters);
  require(driver->check(driver->cuLaunchKernel(read, kReadBlocks, 1, 1,
                                               kThreads, 1, 1, 0, nullptr,
                                               parameters.data(), nullptr),
                        "cuLaunchKernel"));
}

double Ceilings::getCopyBytes() const {
  return 2.0 * kCopyWords * sizeof(uint32_t);
}
