//===- FakeCuda.h - What the fake driver saw and does -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TEST_RUNTIME_FAKECUDA_H
#define MQA_TEST_RUNTIME_FAKECUDA_H

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <vector>

/// The arguments of one cuTensorMapEncodeTiled; a map's first word is the index
/// of its record.
struct FakeTensorMap {
  int dataType;
  void *address;
  std::vector<uint64_t> sizes, strides;
  std::vector<uint32_t> box, elementStrides;
  int interleave, swizzle, l2Promotion, oobFill;
};

struct FakeLaunch {
  unsigned gridX, gridY, block, sharedMemoryBytes;
  void *stream;
  /// Of programmaticStreamSerializationAllowed.
  bool overlaps;
  /// The pointers that the driver would read parameters from; they are only
  /// valid during the call, so eight bytes of each are kept.
  std::vector<uint64_t> parameters;
};

struct FakeCudaState {
  // What the driver does.
  std::string failingCall;
  int major = 9, minor = 0, sharedMemory = 232448, multiprocessors = 132,
      version = 13000;
  bool hasContext = false, isCapturing = false;
  /// Of any kernel, and of those of these names.
  size_t parameterCount = 0;
  std::map<std::string, size_t> parameterCounts;
  // What it saw.
  std::vector<std::string> calls;
  std::vector<FakeTensorMap> maps;
  std::vector<FakeLaunch> launches;
  /// Sizes; the n-th one, from 1 on, lies at n * 2^40.
  std::vector<size_t> allocations;
  std::string image;
  /// Of the thread that changed it last: 0, global, as at first.
  int captureMode = 0;
  /// Whether code was loaded as may be while a graph is captured.
  bool loadedRelaxed = false;
  int liveModules = 0, retainedContexts = 0, pushedContexts = 0;
};

/// Exported by the fake libcuda.
extern "C" FakeCudaState *fakeCudaState();
/// For tests in Python.
extern "C" void fakeCudaSetDevice(int major, int minor, int sharedMemory);

#ifdef MQA_FAKE_CUDA
#include <dlfcn.h>

/// The state of the library that dlopen finds.
inline FakeCudaState &getFake() {
  static auto *get = [] {
    void *library = dlopen(MQA_FAKE_CUDA, RTLD_NOW | RTLD_LOCAL);
    return reinterpret_cast<FakeCudaState *(*)()>(
        dlsym(library, "fakeCudaState"));
  }();
  return *get();
}

/// Device addresses that are never dereferenced.
template <typename T> T *address(uint64_t value) {
  return reinterpret_cast<T *>(value);
}

#endif

#endif // MQA_TEST_RUNTIME_FAKECUDA_H
