//===- ThreadPool.h - Threads that share the tasks of a launch --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_THREADPOOL_H
#define MQA_RUNTIME_LIB_THREADPOOL_H

#include "Status.h"

#include <atomic>
#include <cstdint>
#include <functional>

namespace mqa::runtime {

/// A fixed number of threads that run numbered tasks; the caller is one of
/// them. In a forked child, which has none of its parent's threads, the first
/// run starts others.
class ThreadPool {
public:
  /// Task `i`, on thread `thread` of the pool: 0 is the caller.
  using Task = std::function<void(int64_t i, int thread)>;

  ThreadPool() = default;
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;

  /// Starts the threads, once, before anything is run. `numThreads` counts the
  /// caller; 0 means one per core.
  mqa_status start(int numThreads);

  int getNumThreads() const { return numThreads; }

  /// Calls task(i, thread) for 0 <= i < count, in any order, with floating
  /// point as FloatEnvironment has it, and returns when all are done. Calls
  /// from several threads take turns. Fails only in a forked child that cannot
  /// start its threads.
  mqa_status run(int64_t count, const Task &task);

private:
  class Workers;
  Workers *getWorkers();

  int numThreads = 1;
  /// Those of this process, or of the parent until the first run in a child.
  std::atomic<Workers *> workers{nullptr};
};

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_THREADPOOL_H
