//===- ThreadTeam.h - Threads that take tasks of launches -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_THREADTEAM_H
#define MQA_RUNTIME_LIB_THREADTEAM_H

#include "TaskRunner.h"

#include <pthread.h>

#include <condition_variable>
#include <deque>
#include <mutex>

namespace mqa::runtime {

/// Threads that help whoever calls `run`, any number of callers at a time. A
/// helper goes to the first run that still has tasks and a place for a worker.
class ThreadTeam {
public:
  ThreadTeam() = default;
  ~ThreadTeam() { stop(/*left=*/0); }
  ThreadTeam(const ThreadTeam &) = delete;

  /// Starts threads until there are `wanted` helpers. Fails where there cannot
  /// be `needed`; then it has ended those that it started. For one thread at a
  /// time.
  mqa_status grow(size_t needed, size_t wanted);

  /// The caller is worker 0, and up to `numThreads` - 1 helpers are others.
  void run(int numThreads, int64_t count, const TaskRunner::Task &task);

private:
  struct Run;
  struct Helper {
    pthread_t thread;
    ThreadTeam *team;
    /// From 1 on: 0 is the caller.
    int number;
  };

  static void takeTasks(Run &run, int worker);
  Run *findRun();
  int startHelper(const pthread_attr_t &attributes);
  void work(int helper);
  /// Ends all helpers but the first `left`.
  void stop(size_t left);

  /// In the order of their numbers. They stay where they are: each thread has
  /// the address of its own.
  std::deque<Helper> helpers;
  std::mutex mutex;
  std::condition_variable wake;
  /// Helpers with higher numbers end.
  int numHelpers = 0;
  int numSleeping = 0;
  /// Under way, the oldest first: a list through Run::following.
  Run *runs = nullptr;
};

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_THREADTEAM_H
