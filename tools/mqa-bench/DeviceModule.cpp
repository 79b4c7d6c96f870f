//===- DeviceModule.cpp - Kernels that are no bundle's --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DeviceModule.h"

#include <fstream>
#include <iterator>

using namespace mqa::tools;
using namespace mqa::runtime;

void VectorParameter::append(std::vector<void *> &parameters) {
  for (void *part : {static_cast<void *>(&data), static_cast<void *>(&data),
                     static_cast<void *>(&offset), static_cast<void *>(&size),
                     static_cast<void *>(&stride)})
    parameters.push_back(part);
}

DeviceModule::DeviceModule(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> image((std::istreambuf_iterator<char>(file)), {});
  if (image.empty())
    fatal("cannot read '" + path + "'");
  image.push_back('\0');
  require(CudaDriver::get(driver));
  require(driver->check(driver->cuModuleLoadData(&module, image.data()),
                        "cuModuleLoadData"));
}

CUfunction DeviceModule::getFunction(const char *name) const {
  CUfunction function;
  require(driver->check(driver->cuModuleGetFunction(&function, module, name),
                        "cuModuleGetFunction"));
  return function;
}

void DeviceModule::launch(CUfunction function, unsigned blocks,
                          unsigned threads, unsigned sharedMemoryBytes,
                          std::vector<void *> &parameters) const {
  CUlaunchConfig config{};
  config.gridX = blocks;
  config.blockX = threads;
  config.gridY = config.gridZ = config.blockY = config.blockZ = 1;
  config.sharedMemoryBytes = sharedMemoryBytes;
  require(driver->check(
      driver->cuLaunchKernelEx(&config, function, parameters.data(), nullptr),
      "cuLaunchKernelEx"));
}
