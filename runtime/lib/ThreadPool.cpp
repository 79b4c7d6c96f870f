//===- ThreadPool.cpp - Threads that share the tasks of a launch ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ThreadPool.h"
#include "Fork.h"

#include "mqa/Support/FloatEnvironment.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

using namespace mqa::runtime;

namespace {
/// No handler of the host's runs on our threads, whose stacks it does not know;
/// but a fault of a thread itself cannot wait, and a profiler wants to see it.
class ScopedSignalMask {
public:
  ScopedSignalMask() {
    sigset_t blocked;
    sigfillset(&blocked);
    for (int signal :
         {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGPROF})
      sigdelset(&blocked, signal);
    pthread_sigmask(SIG_BLOCK, &blocked, &callers);
  }
  ~ScopedSignalMask() { pthread_sigmask(SIG_SETMASK, &callers, nullptr); }

private:
  sigset_t callers;
};
} // namespace

/// The threads of one process.
class ThreadPool::Workers {
public:
  ~Workers();
  bool isOurs() const { return fork == getForkCount(); }
  mqa_status run(int numThreads, int64_t count, const Task &task);
  /// Starts what is missing of `numThreads`, of which the caller is one. After
  /// an error there are none.
  mqa_status start(int numThreads);

private:
  void stop();
  void work(int thread);
  void takeTasks(int thread);

  const uint64_t fork = getForkCount();
  std::vector<pthread_t> threads;
  std::mutex launchMutex, mutex;
  std::condition_variable wake, done;
  const Task *task = nullptr;
  int64_t count = 0;
  std::atomic<int64_t> next{0};
  uint64_t generation = 0;
  /// Threads that take tasks, but for the caller.
  size_t working = 0;
  int numEntered = 0;
  bool stopped = false;
};

ThreadPool::Workers::~Workers() { stop(); }

void ThreadPool::Workers::stop() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    stopped = true;
  }
  wake.notify_all();
  for (pthread_t thread : threads)
    pthread_join(thread, nullptr);
  threads.clear();
  stopped = false;
  numEntered = 0;
}

mqa_status ThreadPool::Workers::start(int numThreads) {
  if (threads.size() + 1 == static_cast<size_t>(numThreads))
    return MQA_SUCCESS;
  threads.reserve(numThreads - 1);
  // Not what `ulimit -s` says: a kernel needs a few kilobytes, the rest is for
  // the thread-local variables of the host, which lie there too.
  constexpr size_t kStackBytes = 1 << 20;
  pthread_attr_t attributes;
  int error = pthread_attr_init(&attributes);
  if (!error) {
    error = pthread_attr_setstacksize(&attributes, kStackBytes);
    ScopedSignalMask mask;
    auto enter = [](void *workers) -> void * {
      auto *self = static_cast<Workers *>(workers);
      std::unique_lock<std::mutex> lock(self->mutex);
      int thread = ++self->numEntered;
      lock.unlock();
      self->work(thread);
      return nullptr;
    };
    while (!error && threads.size() + 1 < static_cast<size_t>(numThreads)) {
      pthread_t thread;
      error = pthread_create(&thread, &attributes, enter, this);
      if (!error)
        threads.push_back(thread);
    }
    pthread_attr_destroy(&attributes);
  }
  if (!error)
    return MQA_SUCCESS;
  size_t failed = threads.size() + 2;
  stop();
  return fail(MQA_ERROR_SYSTEM,
              "cannot create thread " + std::to_string(failed) + " of " +
                  std::to_string(numThreads) + ": " + std::strerror(error));
}

void ThreadPool::Workers::takeTasks(int thread) {
  mqa::support::FloatEnvironment environment;
  for (int64_t i = next++; i < count; i = next++)
    (*task)(i, thread);
}

void ThreadPool::Workers::work(int thread) {
  uint64_t seen = 0;
  std::unique_lock<std::mutex> lock(mutex);
  while (true) {
    wake.wait(lock, [&] { return stopped || generation != seen; });
    if (stopped)
      return;
    seen = generation;
    // Who comes late is not waited for: where the cores have other work, all
    // tasks may be done before the last thread wakes up.
    if (next >= count)
      continue;
    ++working;
    lock.unlock();
    takeTasks(thread);
    lock.lock();
    if (--working == 0)
      done.notify_one();
  }
}

mqa_status ThreadPool::Workers::run(int numThreads, int64_t numTasks,
                                    const Task &newTask) {
  std::lock_guard<std::mutex> launch(launchMutex);
  MQA_RETURN_IF_FAILED(start(numThreads));
  {
    std::lock_guard<std::mutex> lock(mutex);
    task = &newTask;
    count = numTasks;
    next = 0;
    ++generation;
  }
  wake.notify_all();
  takeTasks(/*thread=*/0);
  std::unique_lock<std::mutex> lock(mutex);
  done.wait(lock, [&] { return working == 0; });
  return MQA_SUCCESS;
}

ThreadPool::~ThreadPool() {
  Workers *current = workers;
  if (current && current->isOurs())
    delete current;
}

/// In a child, the parent's workers are left as they are, and their memory is
/// lost: a mutex may be locked, and a condition waited for, by threads that are
/// not here, so that neither can be used nor destroyed.
ThreadPool::Workers *ThreadPool::getWorkers() {
  Workers *current = workers;
  if (current && current->isOurs())
    return current;
  auto made = std::make_unique<Workers>();
  // If another thread of the child was faster, its workers are now `current`.
  if (workers.compare_exchange_strong(current, made.get()))
    return made.release();
  return current;
}

mqa_status ThreadPool::start(int number) {
  if (number == 0)
    number = static_cast<int>(std::thread::hardware_concurrency());
  // 0: nobody knows.
  numThreads = std::max(number, 1);
  return getWorkers()->start(numThreads);
}

mqa_status ThreadPool::run(int64_t count, const Task &task) {
  return getWorkers()->run(numThreads, count, task);
}
