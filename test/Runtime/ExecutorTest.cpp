//===- ExecutorTest.cpp - Kernels on threads of the caller's --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExecutorFixture.h"

#include <cfenv>
#include <cstring>
#include <filesystem>

using namespace mqa::test;

TEST_F(ExecutorTest, RunsEveryTaskOnce) {
  for (int threads : {1, 3, 20})
    for (bool backwards : {false, true}) {
      load(threads);
      EXPECT_EQ(launchWith([&](int64_t count, const Call &call) {
                  EXPECT_EQ(count, kTasks);
                  return runOnThreads(threads, backwards, count, call);
                }),
                "");
      for (int m = 0; m < 5; ++m)
        for (int n = 0; n < 9; ++n)
          EXPECT_EQ(out[m * 9 + n], n < 7 ? 100 * (m / 2) + n / 3 + 1 : 0)
              << m << "," << n;
      mqa_kernel_info info;
      ASSERT_EQ(mqa_kernel_get_info(kernel, &info), MQA_SUCCESS);
      EXPECT_EQ(info.num_threads, threads);
      mqa_kernel_destroy(kernel);
      kernel = nullptr;
    }
}

TEST_F(ExecutorTest, StartsNoThread) {
  std::thread([] {}).join();
  auto count = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/task"),
                         std::filesystem::directory_iterator());
  };
  auto before = count();
  load(8);
  EXPECT_EQ(launchWith([&](int64_t count, const Call &call) {
              for (int64_t i = 0; i < count; ++i)
                call(i, 7);
              return 0;
            }),
            "");
  EXPECT_EQ(count(), before);
}

// As many as do not each have a bit: they go in chunks.

TEST_F(ExecutorTest, ManyTasks) {
  load(2);
  constexpr int kQueries = 2 * 97, kKeys = 3 * 111;
  std::vector<uint8_t> manyQ(kQueries * 64), manyK(kKeys * 16);
  std::vector<float> floats(kQueries * 4), logits(kQueries * kKeys);
  std::vector<int32_t> ends(kQueries);
  mqa_logits_args args = {};
  args.q = manyQ.data();
  args.q_stride = 64;
  args.k = manyK.data();
  args.k_stride = 16;
  args.k_scale = floats.data();
  args.k_scale_stride = 1;
  args.weights = floats.data();
  args.weights_stride = 4;
  args.ks = ends.data();
  args.ke = ends.data();
  args.out = logits.data();
  args.out_stride = kKeys;
  args.num_queries = kQueries;
  args.num_keys = kKeys;
  executor.body = [](int64_t count, const Call &call) {
    EXPECT_EQ(count, 4096);
    return runOnThreads(2, false, count, call);
  };
  ASSERT_EQ(mqa_logits_launch(kernel, &args, nullptr), MQA_SUCCESS)
      << mqa_last_error();
  int wrong = 0;
  for (int m = 0; m < kQueries; ++m)
    for (int n = 0; n < kKeys; ++n)
      wrong += logits[m * kKeys + n] != 100 * (m / 2) + n / 3 + 1;
  EXPECT_EQ(wrong, 0);
}

TEST_F(ExecutorTest, NothingToDo) {
  load(2);
  mqa_logits_args args = makeArgs();
  args.num_queries = 0;
  EXPECT_EQ(mqa_logits_launch(kernel, &args, nullptr), MQA_SUCCESS);
  EXPECT_EQ(executor.numRuns, 0);
}

// Both would work in the same scratch. Which task is under way when the other

// comes is chance, but that they meet is not.

// What comes when `run` has returned must not touch what the caller has freed.

// Each has scratch of its own, more of them than are kept; a launch that waited

// for another would wait for ever here.

TEST_F(ExecutorTest, LaunchesAtOnce) {
  constexpr int kLaunches = 20;
  load(2);
  std::atomic<int> begun{0}, wrong{0};
  executor.body = [&](int64_t count, const Call &call) {
    ++begun;
    while (begun < kLaunches)
      sched_yield();
    for (int64_t i = 0; i < count; ++i)
      call(i, 1);
    return 0;
  };
  std::vector<std::thread> callers;
  for (int c = 0; c < kLaunches; ++c)
    callers.emplace_back([&] {
      float own[5 * 9] = {};
      mqa_logits_args args = makeArgs();
      args.out = own;
      wrong += mqa_logits_launch(kernel, &args, nullptr) != MQA_SUCCESS;
      wrong += own[0] != 1 || own[4 * 9 + 6] != 203;
    });
  for (std::thread &caller : callers)
    caller.join();
  EXPECT_EQ(wrong, 0);
}

// Threads of the caller's have the caller's environment, and keep it.

TEST_F(ExecutorTest, FloatingPointEnvironment) {
  load(3, "arithmetic");
  std::atomic<int> changed{0};
  EXPECT_EQ(launchWith([&](int64_t count, const Call &call) {
              return runOnThreads(3, false, count, [&](int64_t i, int worker) {
                std::fesetround(FE_UPWARD);
                std::feclearexcept(FE_ALL_EXCEPT);
                call(i, worker);
                changed += std::fegetround() != FE_UPWARD ||
                           std::fetestexcept(FE_ALL_EXCEPT);
              });
            }),
            "");
  EXPECT_EQ(changed, 0);
  // 1/3, 5/3, the subnormal 2^-129, and 2^-110 of a subnormal.
  const uint32_t expected[] = {0x3eaaaaab, 0x3fd55555, 1u << 20, 17u << 23};
  for (int m = 0; m < 5; ++m)
    for (int n = 0; n < 7; ++n) {
      uint32_t bits;
      std::memcpy(&bits, &out[m * 9 + n], 4);
      EXPECT_EQ(bits, expected[n % 4]) << m << "," << n;
    }
}

TEST_F(ExecutorTest, PreparedLaunch) {
  load(2);
  executor.body = [](int64_t count, const Call &call) {
    return runOnThreads(2, true, count, call);
  };
  mqa_logits_args args = makeArgs();
  mqa_launch *launch;
  ASSERT_EQ(mqa_logits_prepare(kernel, &args, &launch), MQA_SUCCESS);
  EXPECT_EQ(executor.numRuns, 0);
  EXPECT_EQ(mqa_launch_run(launch, nullptr), MQA_SUCCESS) << mqa_last_error();
  EXPECT_EQ(countWritten(), 9);
  executor.body = [](int64_t, const Call &) { return -1; };
  EXPECT_EQ(mqa_launch_run(launch, nullptr), MQA_ERROR_EXECUTOR);
  mqa_launch_destroy(launch);
}

TEST_F(ExecutorTest, InAForkedChild) {
  load(2);
  EXPECT_EQ(runInChild([&] {
              return launchWith([](int64_t count, const Call &call) {
                for (int64_t i = 0; i < count; ++i)
                  call(i, 1);
                return 0;
              });
            }),
            "");
}
