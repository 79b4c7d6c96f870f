//===- CpuRead.h - How fast a CPU reads memory ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_MQA_BENCH_CPUREAD_H
#define MQA_TOOLS_MQA_BENCH_CPUREAD_H

#include "Device.h"
#include "ThreadPool.h"

namespace mqa::tools {

/// Bytes of the last-level cache, by what the system says of it.
int64_t getCacheBytes();

/// Reads a buffer on all threads of a pool, a part of it at each launch and
/// then the next one.
class MemoryRead {
public:
  /// Both are rounded up to whole lines of a cache; a part is not larger than
  /// the buffer.
  MemoryRead(Device &device, runtime::ThreadPool &pool, int64_t bytes,
             int64_t partBytes);

  void launch();
  /// Of a part.
  int64_t getBytes() const { return partLines * kLine; }
  int64_t getBufferBytes() const { return lines * kLine; }
  /// Of the numbers that the last launch read: 0, 1, 2, ... lie in the buffer.
  uint64_t getSum() const { return sum; }

private:
  static constexpr int64_t kLine = 64;

  runtime::ThreadPool &pool;
  std::unique_ptr<Buffer> buffer;
  int64_t lines, partLines, next = 0;
  uint64_t sum = 0;
};

/// A part of a buffer that the caches do not hold from one round to the next.
MemoryRead makeColdRead(Device &device, runtime::ThreadPool &pool);

} // namespace mqa::tools

#endif // MQA_TOOLS_MQA_BENCH_CPUREAD_H
