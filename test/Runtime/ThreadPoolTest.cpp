//===- ThreadPoolTest.cpp - Threads that share tasks ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ThreadPool.h"

#include <gtest/gtest.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <chrono>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using mqa::runtime::ThreadPool;

TEST(ThreadPoolTest, EveryIndexOnce) {
  for (int threads : {1, 2, 7}) {
    ThreadPool pool;
    ASSERT_EQ(pool.start(threads), MQA_SUCCESS);
    for (int64_t count : {0, 1, 5, 1000}) {
      std::vector<std::atomic<int>> seen(count);
      ASSERT_EQ(pool.run(count, [&](int64_t i, int) { ++seen[i]; }),
                MQA_SUCCESS);
      for (auto &value : seen)
        EXPECT_EQ(value, 1);
    }
  }
}

// Threads that wake up when a run is over, or the next one has begun.
TEST(ThreadPoolTest, ManyShortRuns) {
  ThreadPool pool;
  ASSERT_EQ(pool.start(7), MQA_SUCCESS);
  for (int64_t run = 0; run < 20000; ++run) {
    std::atomic<int64_t> sum{0};
    ASSERT_EQ(pool.run(3, [&, run](int64_t i, int) { sum += run + i; }),
              MQA_SUCCESS);
    ASSERT_EQ(sum, 3 * run + 3);
  }
}

TEST(ThreadPoolTest, OneTaskOfAThreadAtATime) {
  constexpr int kThreads = 5;
  ThreadPool pool;
  ASSERT_EQ(pool.start(kThreads), MQA_SUCCESS);
  EXPECT_EQ(pool.getNumThreads(), kThreads);
  std::atomic<int> active[kThreads] = {}, wrong{0};
  ASSERT_EQ(pool.run(10000,
                     [&](int64_t, int thread) {
                       if (thread < 0 || thread >= kThreads) {
                         ++wrong;
                         return;
                       }
                       wrong += active[thread]++ != 0;
                       --active[thread];
                     }),
            MQA_SUCCESS);
  EXPECT_EQ(wrong, 0);
}

/// Calls `body` on each of the pool's own threads: a task waits for the others.
template <typename Body> static void onEachThread(int threads, Body body) {
  ThreadPool pool;
  ASSERT_EQ(pool.start(threads), MQA_SUCCESS) << mqa_last_error();
  std::atomic<int> arrived{0};
  ASSERT_EQ(pool.run(threads,
                     [&](int64_t, int thread) {
                       if (thread > 0)
                         body();
                       ++arrived;
                       while (arrived < threads)
                         sched_yield();
                     }),
            MQA_SUCCESS);
}

TEST(ThreadPoolTest, StacksAreLargeEnoughWhateverTheDefaultIs) {
  pthread_attr_t own, small;
  pthread_getattr_default_np(&own);
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 64 << 10);
  ASSERT_EQ(pthread_setattr_default_np(&small), 0);
  std::atomic<int> seen{0};
  onEachThread(3, [&] {
    pthread_attr_t attributes;
    size_t bytes = 0;
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstacksize(&attributes, &bytes);
    pthread_attr_destroy(&attributes);
    seen += bytes >= 512 << 10;
  });
  EXPECT_EQ(seen, 2);
  pthread_setattr_default_np(&own);
  pthread_attr_destroy(&small);
  pthread_attr_destroy(&own);
}

TEST(ThreadPoolTest, HandlersOfTheHostDoNotRunOnItsThreads) {
  std::atomic<int> seen{0};
  onEachThread(3, [&] {
    sigset_t blocked;
    pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
    seen += sigismember(&blocked, SIGALRM) && sigismember(&blocked, SIGUSR1) &&
            sigismember(&blocked, SIGINT) && !sigismember(&blocked, SIGSEGV);
  });
  EXPECT_EQ(seen, 2);
  sigset_t own;
  pthread_sigmask(SIG_BLOCK, nullptr, &own);
  EXPECT_FALSE(sigismember(&own, SIGUSR1)) << "the caller's mask is its own";
}

/// Whether it becomes true in some seconds.
template <typename Condition> static bool waitFor(Condition condition) {
  for (int i = 0; i < 1000 && !condition(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return condition();
}

/// The threads of this process.
static int countThreads() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind("Threads:", 0) == 0)
      return std::stoi(line.substr(8));
  return 0;
}

static cpu_set_t getAffinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof(set), &set);
  return set;
}

/// The first `count` processors that this thread may run on.
static cpu_set_t getFirst(int count) {
  cpu_set_t all = getAffinity(), first;
  CPU_ZERO(&first);
  for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&first) < count; ++i)
    if (CPU_ISSET(i, &all))
      CPU_SET(i, &first);
  return first;
}

/// A thread that may run on some processors alone.
template <typename Body>
static void onProcessors(const cpu_set_t &set, Body body) {
  std::thread([&] {
    ASSERT_EQ(sched_setaffinity(0, sizeof(set), &set), 0);
    body();
  }).join();
}

TEST(ThreadPoolTest, CountsTheProcessorsOfTheThread) {
  ThreadPool all;
  ASSERT_EQ(all.start(0), MQA_SUCCESS);
  cpu_set_t own = getAffinity();
  EXPECT_EQ(all.getNumThreads(), CPU_COUNT(&own));
  onProcessors(getFirst(1), [] {
    ThreadPool pool;
    ASSERT_EQ(pool.start(0), MQA_SUCCESS);
    EXPECT_EQ(pool.getNumThreads(), 1);
  });
}

TEST(ThreadPoolTest, PoolsShareThreads) {
  // The thread sanitizer starts one of its own with the first.
  std::thread([] {}).join();
  onProcessors(getFirst(1), [] {
    int before = countThreads();
    auto first = std::make_unique<ThreadPool>();
    ThreadPool second, third;
    ASSERT_EQ(first->start(4), MQA_SUCCESS);
    EXPECT_EQ(countThreads(), before + 3);
    ASSERT_EQ(second.start(4), MQA_SUCCESS);
    ASSERT_EQ(third.start(2), MQA_SUCCESS);
    EXPECT_EQ(countThreads(), before + 3) << "there is one core";
    ThreadPool larger;
    ASSERT_EQ(larger.start(6), MQA_SUCCESS);
    EXPECT_EQ(countThreads(), before + 5);
    first.reset();
    std::atomic<int64_t> sum{0};
    for (ThreadPool *pool : {&second, &third, &larger})
      ASSERT_EQ(pool->run(100, [&](int64_t i, int) { sum += i; }), MQA_SUCCESS);
    EXPECT_EQ(sum, 3 * 4950);
  });
}

TEST(ThreadPoolTest, ThreadsEndWithTheLastPool) {
  std::thread([] {}).join();
  int before = countThreads();
  auto first = std::make_unique<ThreadPool>(),
       second = std::make_unique<ThreadPool>();
  ASSERT_EQ(first->start(5), MQA_SUCCESS);
  ASSERT_EQ(second->start(5), MQA_SUCCESS);
  first.reset();
  EXPECT_GE(countThreads(), before + 4);
  second.reset();
  // The kernel counts a joined thread a moment longer.
  EXPECT_TRUE(waitFor([&] { return countThreads() == before; }));
}

// Two nodes of a machine have threads of their own.
TEST(ThreadPoolTest, ThreadsStayOnTheProcessorsOfTheirPool) {
  cpu_set_t own = getAffinity(), one = getFirst(1);
  if (CPU_COUNT(&own) < 2)
    GTEST_SKIP() << "one processor";
  ThreadPool wide;
  ASSERT_EQ(wide.start(3), MQA_SUCCESS);
  onProcessors(one, [&] {
    std::atomic<int> seen{0};
    onEachThread(3, [&] {
      cpu_set_t set = getAffinity();
      seen += CPU_EQUAL(&set, &one) ? 1 : 0;
    });
    EXPECT_EQ(seen, 2);
  });
}

// Each run has all that it needs, whatever the others do; a launch that waited
// for another would wait for ever here.
TEST(ThreadPoolTest, RunsDoNotWaitForEachOther) {
  constexpr int kRuns = 4;
  ThreadPool pools[kRuns];
  std::atomic<int> begun{0};
  std::vector<std::thread> callers;
  for (ThreadPool &pool : pools)
    ASSERT_EQ(pool.start(3), MQA_SUCCESS);
  for (int c = 0; c < kRuns; ++c)
    callers.emplace_back([&, c] {
      std::atomic<int> first{0};
      // Two callers share a pool.
      EXPECT_EQ(pools[c / 2].run(50,
                                 [&](int64_t, int) {
                                   if (first++ > 0)
                                     return;
                                   ++begun;
                                   while (begun < kRuns)
                                     sched_yield();
                                 }),
                MQA_SUCCESS);
    });
  for (std::thread &caller : callers)
    caller.join();
  EXPECT_EQ(begun, kRuns);
}

TEST(ThreadPoolTest, WorkersOfRunsThatShareThreads) {
  constexpr int kCallers = 5;
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  ThreadPool large;
  ASSERT_EQ(large.start(8), MQA_SUCCESS);
  for (int c = 0; c < kCallers; ++c)
    callers.emplace_back([&, c] {
      const int threads = c + 1;
      ThreadPool pool;
      wrong += pool.start(threads) != MQA_SUCCESS;
      for (int repeat = 0; repeat < 500; ++repeat) {
        std::atomic<int> active[kCallers] = {}, done{0};
        wrong += pool.run(20, [&](int64_t, int worker) {
          if (worker < 0 || worker >= threads) {
            ++wrong;
            return;
          }
          wrong += active[worker]++ != 0;
          ++done;
          --active[worker];
        }) != MQA_SUCCESS;
        wrong += done != 20;
      }
    });
  for (std::thread &caller : callers)
    caller.join();
  EXPECT_EQ(wrong, 0);
}
