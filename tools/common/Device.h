//===- Device.h - Memory and time of the device that runs kernels *- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_COMMON_DEVICE_H
#define MQA_TOOLS_COMMON_DEVICE_H

#include "mqa/Runtime.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace mqa::tools {

/// A failed call of the runtime or the driver; the tools print it and exit.
[[noreturn]] void fatal(const std::string &message);

/// Ends the program with the runtime's message unless `status` is success.
void require(mqa_status status);

/// Memory of a device, freed with the object.
class Buffer {
public:
  virtual ~Buffer() = default;
  virtual void *get() const = 0;
  virtual void copyFrom(const void *host, size_t bytes) = 0;
  virtual void copyTo(void *host, size_t bytes) const = 0;

  template <typename T> T *as(size_t offset = 0) const {
    return static_cast<T *>(get()) + offset;
  }
};

class Device {
public:
  /// For the bundle's target: "cpu", or a GPU (the first one).
  static std::unique_ptr<Device> create(const std::string &target);
  virtual ~Device() = default;

  virtual std::string getName() const = 0;
  virtual std::unique_ptr<Buffer> allocate(size_t bytes) = 0;
  virtual void synchronize() = 0;
  /// Microseconds that each of `repeat` runs of `work` took on the device.
  virtual std::vector<double> time(int repeat, const std::function<void()> &work) = 0;

  /// A buffer that holds what `host` holds.
  template <typename T>
  std::unique_ptr<Buffer> upload(const std::vector<T> &host) {
    auto buffer = allocate(host.size() * sizeof(T));
    buffer->copyFrom(host.data(), host.size() * sizeof(T));
    return buffer;
  }
};

double getMedian(std::vector<double> values);

} // namespace mqa::tools

#endif // MQA_TOOLS_COMMON_DEVICE_H
