//===- ThreadPool.h - The runtime's own threads -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_THREADPOOL_H
#define MQA_RUNTIME_LIB_THREADPOOL_H

#include "TaskRunner.h"

#include <atomic>

namespace mqa::runtime {

/// A number of threads that run tasks; the caller is one of them. The others
/// are not this pool's alone: all pools that were started under the same
/// affinity share a team, so that kernels which are launched at once do not
/// crowd the cores. In a forked child, which has none of its parent's threads,
/// the first run that needs them starts others.
class ThreadPool final : public TaskRunner {
public:
  ThreadPool() = default;
  ~ThreadPool() override;
  ThreadPool(const ThreadPool &) = delete;

  /// Sees to it that there are threads, once, before anything is run.
  /// `numThreads` counts the caller; 0 means one per core that this thread may
  /// run on.
  mqa_status start(int numThreads);

  int getNumThreads() const override { return numThreads; }

  /// Fails only in a forked child that cannot start its threads.
  mqa_status run(int64_t count, const Task &task) override;

private:
  struct Team;
  class Teams;
  mqa_status getTeam(Team *&team);

  int numThreads = 1;
  /// That of this process, or of the parent until the first run in a child.
  std::atomic<Team *> current{nullptr};
};

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_THREADPOOL_H
