//===- ThreadPool.cpp - Threads that share the tasks of a launch ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ThreadPool.h"

using namespace mqa::runtime;

ThreadPool::ThreadPool(int numThreads) {
  if (numThreads == 0)
    numThreads = static_cast<int>(std::thread::hardware_concurrency());
  for (int i = 1; i < numThreads; ++i)
    threads.emplace_back([this] { work(); });
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    stop = true;
  }
  wake.notify_all();
  for (std::thread &thread : threads)
    thread.join();
}

void ThreadPool::takeTasks() {
  for (int64_t i = next++; i < count; i = next++)
    (*task)(i);
}

void ThreadPool::work() {
  uint64_t seen = 0;
  std::unique_lock<std::mutex> lock(mutex);
  while (true) {
    wake.wait(lock, [&] { return stop || generation != seen; });
    if (stop)
      return;
    seen = generation;
    lock.unlock();
    takeTasks();
    lock.lock();
    if (--working == 0)
      done.notify_one();
  }
}

void ThreadPool::run(int64_t numTasks,
                     const std::function<void(int64_t)> &newTask) {
  std::lock_guard<std::mutex> launch(launchMutex);
  {
    std::lock_guard<std::mutex> lock(mutex);
    task = &newTask;
    count = numTasks;
    next = 0;
    working = threads.size();
    ++generation;
  }
  wake.notify_all();
  takeTasks();
  std::unique_lock<std::mutex> lock(mutex);
  done.wait(lock, [&] { return working == 0; });
}
