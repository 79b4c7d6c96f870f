//===- Device.cpp - Memory and time of the device that runs kernels -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Device.h"
#include "CudaDriver.h"
#include "Terminal.h"
#include "mqa/Support/Output.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <thread>

using namespace mqa::tools;
using namespace mqa::runtime;
namespace support = mqa::support;

void mqa::tools::fatal(const std::string &message) {
  hideProgress();
  std::fprintf(stderr, "error: %s\n", message.c_str());
  std::exit(1);
}

void mqa::tools::require(mqa_status status) {
  if (!status)
    return;
  std::string message = mqa_last_error();
  if (message.empty())
    message = "the runtime failed without words (status " +
              std::to_string(status) + "): is there memory left?";
  fatal(message);
}

void mqa::tools::writeFile(const std::string &path, const std::string &data) {
  std::string error = support::writeOutput(path, data);
  if (!error.empty())
    fatal("cannot write '" + path + "': " + error);
}

double mqa::tools::getMedian(std::vector<double> values) {
  auto middle = values.begin() + values.size() / 2;
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

//===----------------------------------------------------------------------===//
// GPU
//===----------------------------------------------------------------------===//

namespace {
class GpuBuffer final : public Buffer {
public:
  GpuBuffer(const CudaDriver &driver, size_t bytes) : driver(driver) {
    // An empty tensor still has an address.
    check(driver.cuMemAlloc(&pointer, std::max<size_t>(bytes, 16)),
          "cuMemAlloc");
  }
  ~GpuBuffer() override { driver.cuMemFree(pointer); }
  void *get() const override { return reinterpret_cast<void *>(pointer); }
  void copyFrom(const void *host, size_t bytes) override {
    check(driver.cuMemcpyHtoD(pointer, host, bytes), "cuMemcpyHtoD");
    // The call may return while the copy is under way, and streams that do not
    // wait for the default one would overtake it.
    check(driver.cuCtxSynchronize(), "cuCtxSynchronize");
  }
  void copyTo(void *host, size_t bytes) const override {
    check(driver.cuMemcpyDtoH(host, pointer, bytes), "cuMemcpyDtoH");
  }

private:
  void check(CUresult result, const char *call) const {
    require(driver.check(result, call));
  }
  const CudaDriver &driver;
  CUdeviceptr pointer = 0;
};

class GpuStream final : public Stream {
public:
  explicit GpuStream(const CudaDriver &driver) : driver(driver) {
    require(
        driver.check(driver.cuStreamCreate(&stream, cuda::kStreamNonBlocking),
                     "cuStreamCreate"));
  }
  ~GpuStream() override { driver.cuStreamDestroy(stream); }
  void *get() const override { return stream; }
  void synchronize() override {
    require(driver.check(driver.cuStreamSynchronize(stream),
                         "cuStreamSynchronize"));
  }

private:
  const CudaDriver &driver;
  CUstream stream = nullptr;
};

class GpuGraph final : public Graph {
public:
  GpuGraph(const CudaDriver &driver, Stream &stream, const Device::Work &work)
      : driver(driver) {
    auto *handle = static_cast<CUstream>(stream.get());
    check(driver.cuStreamBeginCapture(handle, cuda::kStreamCaptureThreadLocal),
          "cuStreamBeginCapture");
    work();
    check(driver.cuStreamEndCapture(handle, &graph), "cuStreamEndCapture");
    check(driver.cuGraphInstantiate(&executable, graph, 0),
          "cuGraphInstantiate");
  }
  ~GpuGraph() override {
    driver.cuGraphExecDestroy(executable);
    driver.cuGraphDestroy(graph);
  }
  void launch(Stream &stream) override { launchOn(stream.get()); }
  void launch() override { launchOn(nullptr); }

private:
  void launchOn(void *stream) {
    check(driver.cuGraphLaunch(executable, static_cast<CUstream>(stream)),
          "cuGraphLaunch");
  }
  void check(CUresult result, const char *call) const {
    require(driver.check(result, call));
  }
  const CudaDriver &driver;
  CUgraph graph = nullptr;
  CUgraphExec executable = nullptr;
};

class Gpu final : public Device {
public:
  Gpu() {
    require(CudaDriver::get(driver));
    check(driver->cuDeviceGet(&device, 0), "cuDeviceGet");
    check(driver->cuDevicePrimaryCtxRetain(&context, device),
          "cuDevicePrimaryCtxRetain");
    check(driver->cuCtxPushCurrent(context), "cuCtxPushCurrent");
  }
  ~Gpu() override { driver->cuDevicePrimaryCtxRelease(device); }

  std::string getName() const override {
    char name[128] = "";
    check(driver->cuDeviceGetName(name, sizeof(name) - 1, device),
          "cuDeviceGetName");
    return name;
  }
  std::unique_ptr<Buffer> allocate(size_t bytes) override {
    return std::make_unique<GpuBuffer>(*driver, bytes);
  }
  void synchronize() override {
    check(driver->cuCtxSynchronize(), "cuCtxSynchronize");
  }
  std::vector<double> timeQueue(const std::vector<Work> &works) override {
    std::vector<CUevent> events(works.size() + 1);
    for (CUevent &event : events)
      check(driver->cuEventCreate(&event, 0), "cuEventCreate");
    check(driver->cuEventRecord(events[0], nullptr), "cuEventRecord");
    for (size_t i = 0; i < works.size(); ++i) {
      works[i]();
      check(driver->cuEventRecord(events[i + 1], nullptr), "cuEventRecord");
    }
    check(driver->cuEventSynchronize(events.back()), "cuEventSynchronize");
    std::vector<double> times;
    for (size_t i = 0; i < works.size(); ++i) {
      float milliseconds;
      check(driver->cuEventElapsedTime(&milliseconds, events[i], events[i + 1]),
            "cuEventElapsedTime");
      times.push_back(milliseconds * 1e3);
    }
    for (CUevent event : events)
      driver->cuEventDestroy(event);
    return times;
  }
  std::unique_ptr<Stream> createStream() override {
    return std::make_unique<GpuStream>(*driver);
  }
  std::unique_ptr<Graph> capture(Stream &stream, const Work &work) override {
    return std::make_unique<GpuGraph>(*driver, stream, work);
  }

private:
  void check(CUresult result, const char *call) const {
    require(driver->check(result, call));
  }
  const CudaDriver *driver = nullptr;
  CUdevice device = 0;
  CUcontext context = nullptr;
};
} // namespace

//===----------------------------------------------------------------------===//
// CPU
//===----------------------------------------------------------------------===//

namespace {
class CpuBuffer final : public Buffer {
public:
  explicit CpuBuffer(size_t bytes)
      : pointer(std::aligned_alloc(64, (bytes + 63) / 64 * 64 + 64)) {
    if (!pointer)
      fatal("out of memory: " + std::to_string(bytes) + " bytes");
  }
  ~CpuBuffer() override { std::free(pointer); }
  void *get() const override { return pointer; }
  void copyFrom(const void *host, size_t bytes) override {
    if (bytes)
      std::memcpy(pointer, host, bytes);
  }
  void copyTo(void *host, size_t bytes) const override {
    if (bytes)
      std::memcpy(host, pointer, bytes);
  }

private:
  void *pointer;
};

class Cpu final : public Device {
public:
  std::string getName() const override {
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);)
      if (line.rfind("model name", 0) == 0)
        return "CPU (" + line.substr(line.find(':') + 2) + ", " +
               std::to_string(std::thread::hardware_concurrency()) + " cores)";
    return "CPU";
  }
  std::unique_ptr<Buffer> allocate(size_t bytes) override {
    return std::make_unique<CpuBuffer>(bytes);
  }
  void synchronize() override {}
  std::vector<double> timeQueue(const std::vector<Work> &works) override {
    std::vector<double> times;
    for (const Work &work : works) {
      auto start = std::chrono::steady_clock::now();
      work();
      std::chrono::duration<double, std::micro> elapsed =
          std::chrono::steady_clock::now() - start;
      times.push_back(elapsed.count());
    }
    return times;
  }
};
} // namespace

std::unique_ptr<Device> Device::create(const std::string &target) {
  if (target == "cpu")
    return std::make_unique<Cpu>();
  return std::make_unique<Gpu>();
}
