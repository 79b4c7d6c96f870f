//===- CudaDriver.cpp - libcuda, opened at run time -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CudaDriver.h"
#include "Fork.h"

#include <dlfcn.h>

#include <string>

using namespace mqa::runtime;

namespace {
struct LoadedDriver {
  CudaDriver driver{};
  mqa_status status = MQA_SUCCESS;
  std::string error;
  uint64_t fork = getForkCount();
};
} // namespace

static LoadedDriver load() {
  LoadedDriver loaded;
  auto failWith = [&](mqa_status status, const std::string &error) {
    loaded.status = status;
    loaded.error = error;
    return loaded;
  };
  // Never closed: contexts of the process outlive any of our handles.
  void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return failWith(MQA_ERROR_UNSUPPORTED,
                    std::string("no CUDA driver on this machine: ") +
                        dlerror());
#define MQA_LOAD(name, symbol, parameters)                                     \
  loaded.driver.name =                                                         \
      reinterpret_cast<CUresult(*) parameters>(dlsym(library, symbol));        \
  if (!loaded.driver.name)                                                     \
    return failWith(MQA_ERROR_UNSUPPORTED,                                     \
                    "the CUDA driver is too old: it has no " symbol);
  MQA_CUDA_FUNCTIONS(MQA_LOAD)
#undef MQA_LOAD
  if (mqa_status status =
          loaded.driver.check(loaded.driver.cuInit(0), "cuInit"))
    return failWith(status, getLastError());
  return loaded;
}

mqa_status CudaDriver::get(const CudaDriver *&driver) {
  static const LoadedDriver loaded = load();
  if (loaded.status)
    return fail(loaded.status, loaded.error);
  if (loaded.fork != getForkCount())
    return fail(MQA_ERROR_DRIVER,
                "the CUDA driver was started before this process was forked, "
                "and does not work in a forked child; start the child anew "
                "(spawn) instead");
  driver = &loaded.driver;
  return MQA_SUCCESS;
}

mqa_status CudaDriver::check(CUresult result, const char *call) const {
  if (result == cuda::kSuccess)
    return MQA_SUCCESS;
  const char *text = nullptr;
  if (cuGetErrorString(result, &text) != cuda::kSuccess || !text)
    text = "unknown error";
  return fail(MQA_ERROR_DRIVER, std::string(call) + " failed: " + text +
                                    " (CUDA error " + std::to_string(result) +
                                    ")");
}
