//===- ThreadPoolTest.cpp - Threads that share tasks ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ThreadPool.h"

#include <gtest/gtest.h>

#include <pthread.h>
#include <signal.h>

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
