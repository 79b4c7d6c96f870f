//===- ThreadTeam.cpp - Threads that take tasks of launches ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ThreadTeam.h"

#include "mqa/Support/FloatEnvironment.h"

#include <signal.h>

#include <algorithm>
#include <atomic>
#include <bitset>
#include <cstring>

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

struct ThreadTeam::Run {
  const TaskRunner::Task &task;
  const int64_t count;
  const int numThreads;
  /// On a line of its own: all workers write it.
  alignas(64) std::atomic<int64_t> next{0};

  // Of the team's mutex.
  Run *following = nullptr;
  std::condition_variable done{};
  /// Helpers that take tasks.
  int working = 0;
  /// Workers, the caller too, that there have been.
  int numEntered = 1;
  std::bitset<TaskRunner::kMaxThreads> entered{};

  bool wantsHelp() const { return numEntered < numThreads && next < count; }

  /// The worker that helper `helper` is: always the same where it can be,
  /// because the worker's scratch is in its caches then.
  int enter(int helper) {
    int worker = helper;
    if (worker >= numThreads || entered[worker])
      for (worker = 1; entered[worker];)
        ++worker;
    entered[worker] = true;
    ++numEntered;
    return worker;
  }
};

void ThreadTeam::stop(size_t left) {
  {
    std::lock_guard<std::mutex> lock(mutex);
    numHelpers = static_cast<int>(left);
  }
  wake.notify_all();
  for (; helpers.size() > left; helpers.pop_back())
    pthread_join(helpers.back().thread, nullptr);
}

int ThreadTeam::startHelper(const pthread_attr_t &attributes) {
  helpers.push_back({{}, this, static_cast<int>(helpers.size()) + 1});
  Helper &helper = helpers.back();
  auto enter = [](void *argument) -> void * {
    auto *self = static_cast<Helper *>(argument);
    self->team->work(self->number);
    return nullptr;
  };
  int error = pthread_create(&helper.thread, &attributes, enter, &helper);
  if (error)
    helpers.pop_back();
  return error;
}

mqa_status ThreadTeam::grow(size_t needed, size_t wanted) {
  const size_t before = helpers.size();
  if (before >= wanted)
    return MQA_SUCCESS;
  {
    std::lock_guard<std::mutex> lock(mutex);
    numHelpers = static_cast<int>(wanted);
  }
  // Not what `ulimit -s` says: a kernel needs a few kilobytes, the rest is for
  // the thread-local variables of the host, which lie there too.
  constexpr size_t kStackBytes = 1 << 20;
  pthread_attr_t attributes;
  int error = pthread_attr_init(&attributes);
  if (!error) {
    error = pthread_attr_setstacksize(&attributes, kStackBytes);
    ScopedSignalMask mask;
    while (!error && helpers.size() < wanted)
      error = startHelper(attributes);
    pthread_attr_destroy(&attributes);
  }
  if (!error || helpers.size() >= needed) {
    std::lock_guard<std::mutex> lock(mutex);
    numHelpers = static_cast<int>(helpers.size());
    return MQA_SUCCESS;
  }
  // Callers count as threads, too.
  size_t failed = helpers.size() + 2;
  stop(before);
  return fail(MQA_ERROR_SYSTEM,
              "cannot create thread " + std::to_string(failed) + " of " +
                  std::to_string(needed + 1) + ": " + std::strerror(error));
}

void ThreadTeam::takeTasks(Run &run, int worker) {
  mqa::support::FloatEnvironment environment;
  for (int64_t i = run.next++; i < run.count; i = run.next++)
    run.task(i, worker);
}

ThreadTeam::Run *ThreadTeam::findRun() {
  for (Run *run = runs; run; run = run->following)
    if (run->wantsHelp())
      return run;
  return nullptr;
}

void ThreadTeam::work(int helper) {
  std::unique_lock<std::mutex> lock(mutex);
  while (helper <= numHelpers) {
    Run *run = findRun();
    if (!run) {
      ++numSleeping;
      wake.wait(lock);
      --numSleeping;
      continue;
    }
    int worker = run->enter(helper);
    ++run->working;
    lock.unlock();
    takeTasks(*run, worker);
    lock.lock();
    // Under the lock: the run is gone as soon as its caller has it.
    if (--run->working == 0)
      run->done.notify_one();
  }
}

void ThreadTeam::run(int numThreads, int64_t count,
                     const TaskRunner::Task &task) {
  Run run{task, count, numThreads};
  int64_t wanted = std::min<int64_t>(numThreads, count) - 1;
  bool all;
  {
    std::lock_guard<std::mutex> lock(mutex);
    Run **last = &runs;
    while (*last)
      last = &(*last)->following;
    *last = &run;
    all = wanted >= numSleeping;
    wanted = std::min<int64_t>(wanted, numSleeping);
  }
  if (all)
    wake.notify_all();
  else
    for (int64_t i = 0; i < wanted; ++i)
      wake.notify_one();
  takeTasks(run, /*worker=*/0);
  std::unique_lock<std::mutex> lock(mutex);
  // Who comes late is not waited for: where the cores have other work, all
  // tasks may be done before the last helper wakes up.
  Run **link = &runs;
  while (*link != &run)
    link = &(*link)->following;
  *link = run.following;
  run.done.wait(lock, [&] { return run.working == 0; });
}
