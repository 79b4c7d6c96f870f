//===- ThreadPool.h - Threads that share the tasks of a launch --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_THREADPOOL_H
#define MQA_RUNTIME_LIB_THREADPOOL_H

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace mqa::runtime {

/// A fixed number of threads that run numbered tasks; the caller is one of
/// them.
class ThreadPool {
public:
  /// `numThreads` counts the caller; 0 means one per core.
  explicit ThreadPool(int numThreads);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;

  /// Calls task(i) for 0 <= i < count, in any order and on any thread, and
  /// returns when all are done. Calls from several threads take turns.
  void run(int64_t count, const std::function<void(int64_t)> &task);

private:
  void work();
  void takeTasks();

  std::vector<std::thread> threads;
  std::mutex launchMutex, mutex;
  std::condition_variable wake, done;
  const std::function<void(int64_t)> *task = nullptr;
  int64_t count = 0;
  std::atomic<int64_t> next{0};
  uint64_t generation = 0;
  size_t working = 0;
  bool stop = false;
};

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_THREADPOOL_H
