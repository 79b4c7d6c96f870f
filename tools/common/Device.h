//===- Device.h - Memory and time of the device that runs kernels *- C++
//-*-===//
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

/// Writes a file; "-" is standard output. Ends the program if it cannot.
void writeFile(const std::string &path, const std::string &data);

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

/// A queue of work beside the default one.
class Stream {
public:
  virtual ~Stream() = default;
  /// As the runtime takes it.
  virtual void *get() const = 0;
  virtual void synchronize() = 0;
};

/// Captured work that can be enqueued again.
class Graph {
public:
  virtual ~Graph() = default;
  virtual void launch(Stream &stream) = 0;
  /// On the default queue.
  virtual void launch() = 0;
};

class Device {
public:
  /// For the bundle's target: "cpu", or a GPU (the first one).
  static std::unique_ptr<Device> create(const std::string &target);
  virtual ~Device() = default;

  virtual std::string getName() const = 0;
  virtual std::unique_ptr<Buffer> allocate(size_t bytes) = 0;
  virtual void synchronize() = 0;
  using Work = std::function<void()>;
  /// Enqueues all of `works` in order without waiting in between, and returns
  /// the microseconds that each took on the device. The first also shows the
  /// time of its launch; the others are launched while it runs.
  virtual std::vector<double> timeQueue(const std::vector<Work> &works) = 0;
  /// Null on a device that has no streams.
  virtual std::unique_ptr<Stream> createStream() { return nullptr; }
  /// What `work` enqueues on `stream`, as a graph; null without streams.
  virtual std::unique_ptr<Graph> capture(Stream &, const Work &) {
    return nullptr;
  }

  /// Microseconds of each of `repeat` runs of `work`, enqueued at once.
  std::vector<double> time(int repeat, const Work &work) {
    return timeQueue(std::vector<Work>(repeat, work));
  }

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
