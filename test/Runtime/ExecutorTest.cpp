//===- ExecutorTest.cpp - Kernels on threads of the caller's --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuKernelFixture.h"

#include <atomic>
#include <cfenv>
#include <cstring>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace mqa::test;

namespace {
using Call = std::function<void(int64_t index, int worker)>;

/// An executor that does what the test wants.
struct Executor {
  std::function<int(int64_t count, const Call &call)> body;
  std::atomic<int> numRuns{0};

  mqa_executor get(int numThreads) {
    return {this, numThreads,
            [](void *context, int64_t count, void (*task)(void *, int64_t, int),
               void *taskContext) {
              auto *self = static_cast<Executor *>(context);
              ++self->numRuns;
              return self->body(count, [=](int64_t index, int worker) {
                task(taskContext, index, worker);
              });
            }};
  }
};

/// Threads that take the next index, from either end.
int runOnThreads(int numThreads, bool backwards, int64_t count,
                 const Call &call) {
  std::atomic<int64_t> next{0};
  std::vector<std::thread> threads;
  for (int worker = 0; worker < numThreads; ++worker)
    threads.emplace_back([&, worker] {
      for (int64_t i = next++; i < count; i = next++)
        call(backwards ? count - 1 - i : i, worker);
    });
  for (std::thread &thread : threads)
    thread.join();
  return 0;
}

/// The fake task's kernel, on a problem of 9 tasks.
struct ExecutorTest : CpuKernelFixture {
  static constexpr int kTasks = 9;

  void load(int numThreads, const char *name = "logits") {
    mqa_kernel *none = nullptr;
    mqa_bundle_destroy(bundle);
    ASSERT_EQ(loadFake(MQA_FAKE_TASK, name, 1, &bundle, &none), MQA_SUCCESS)
        << mqa_last_error();
    mqa_kernel_destroy(none);
    mqa_executor callers = executor.get(numThreads);
    ASSERT_EQ(mqa_kernel_load_cpu(bundle, name, &callers, &kernel), MQA_SUCCESS)
        << mqa_last_error();
  }
  /// Launches with this executor; the error, "" if there is none.
  std::string launchWith(decltype(Executor::body) body) {
    executor.body = std::move(body);
    std::fill(std::begin(out), std::end(out), 0.0f);
    mqa_logits_args args = makeArgs();
    mqa_status status = mqa_logits_launch(kernel, &args, nullptr);
    if (!status)
      return "";
    EXPECT_EQ(status, MQA_ERROR_EXECUTOR);
    return mqa_last_error();
  }
  /// Tasks that ran, by what they wrote.
  int countWritten() {
    int written = 0;
    for (int m = 0; m < 5; m += 2)
      for (int n = 0; n < 7; n += 3)
        written += out[m * 9 + n] == 100 * (m / 2) + n / 3 + 1;
    return written;
  }
  Executor executor;
};
} // namespace

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
  mqa_logits_args args = {manyQ.data(),
                          64,
                          manyK.data(),
                          16,
                          floats.data(),
                          1,
                          floats.data(),
                          4,
                          ends.data(),
                          ends.data(),
                          logits.data(),
                          kKeys,
                          kQueries,
                          kKeys,
                          0};
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

TEST_F(ExecutorTest, ItsMistakesAreErrors) {
  load(4);
  auto runAll = [](int64_t count, const Call &call) {
    for (int64_t i = 0; i < count; ++i)
      call(i, i % 4);
  };
  EXPECT_EQ(launchWith([&](int64_t, const Call &) { return 0; }),
            "executor: 'run' returned 0 when 0 of 9 tasks were done");
  EXPECT_EQ(countWritten(), 0);
  EXPECT_EQ(launchWith([&](int64_t count, const Call &call) {
              runAll(count - 1, call);
              return 0;
            }),
            "executor: 'run' returned 0 when 8 of 9 tasks were done");
  EXPECT_EQ(countWritten(), 8);
  EXPECT_EQ(launchWith([&](int64_t count, const Call &call) {
              runAll(count, call);
              return 5;
            }),
            "executor: 'run' returned 5 when 9 of 9 tasks were done");
  for (int64_t index : {int64_t(-1), int64_t(9), INT64_MIN, INT64_MAX})
    EXPECT_EQ(launchWith([&](int64_t count, const Call &call) {
                call(index, 0);
                runAll(count, call);
                return 0;
              }),
              "executor: task " + std::to_string(index) +
                  " was called, of 9 tasks");
  for (int worker : {-1, 4, INT32_MIN, INT32_MAX})
    EXPECT_EQ(launchWith([&](int64_t count, const Call &call) {
                call(0, worker);
                runAll(count, call);
                return 0;
              }),
              "executor: a task was called as worker " +
                  std::to_string(worker) + ", of 4 workers");
  // Not run twice: the fake task adds.
  EXPECT_EQ(launchWith([&](int64_t count, const Call &call) {
              runAll(count, call);
              call(3, 0);
              return 0;
            }),
            "executor: task 3 was called twice");
  EXPECT_EQ(countWritten(), 9);
  // The first of several is told.
  EXPECT_EQ(launchWith([&](int64_t count, const Call &call) {
              call(0, 7);
              runAll(count - 1, call);
              call(3, 0);
              return 5;
            }),
            "executor: a task was called as worker 7, of 4 workers");
  // The kernel stays usable.
  EXPECT_EQ(launchWith([&](int64_t count, const Call &call) {
              runAll(count, call);
              return 0;
            }),
            "");
  EXPECT_EQ(countWritten(), 9);
}

// Both would work in the same scratch. Which task is under way when the other
// comes is chance, but that they meet is not.
TEST_F(ExecutorTest, OneWorkerTwiceAtOnce) {
  load(2);
  std::string error;
  for (int i = 0; i < 100000 && error.empty(); ++i)
    error = launchWith([&](int64_t count, const Call &call) {
      std::atomic<int> ready{0};
      auto half = [&](int64_t begin) {
        ++ready;
        while (ready < 2)
          ;
        for (int64_t i = begin; i < count; i += 2)
          call(i, 1);
      };
      std::thread other([&] { half(1); });
      half(0);
      other.join();
      return 0;
    });
  EXPECT_EQ(error, "executor: two tasks were called at once as worker 1");
}

// What comes when `run` has returned must not touch what the caller has freed.
TEST_F(ExecutorTest, TasksThatComeTooLate) {
  load(2);
  Call late;
  EXPECT_EQ(launchWith([&](int64_t, const Call &call) {
              late = call;
              return 1;
            }),
            "executor: 'run' returned 1 when 0 of 9 tasks were done");
  for (int64_t i = 0; i < kTasks; ++i)
    late(i, 0);
  EXPECT_EQ(countWritten(), 0);
}

TEST_F(ExecutorTest, AnExceptionDoesNotCross) {
  load(2);
  executor.body = [](int64_t, const Call &call) -> int {
    call(0, 0);
    throw std::runtime_error("the engine ends");
  };
  mqa_logits_args args = makeArgs();
  EXPECT_EQ(mqa_logits_launch(kernel, &args, nullptr), MQA_ERROR_SYSTEM);
  EXPECT_STREQ(mqa_last_error(), "the engine ends");
  EXPECT_EQ(launchWith([](int64_t count, const Call &call) {
              return runOnThreads(2, false, count, call);
            }),
            "");
}

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

TEST_F(ExecutorTest, LoadErrors) {
  load(1);
  mqa_kernel *other = nullptr;
  auto expect = [&](const mqa_executor *callers, mqa_status status,
                    const char *words) {
    EXPECT_EQ(mqa_kernel_load_cpu(bundle, nullptr, callers, &other), status);
    EXPECT_STREQ(mqa_last_error(), words);
    EXPECT_EQ(other, nullptr);
  };
  expect(nullptr, MQA_ERROR_INVALID_ARGUMENT, "executor is null");
  mqa_executor callers = executor.get(0);
  expect(&callers, MQA_ERROR_INVALID_ARGUMENT,
         "executor->num_threads must be from 1 to 4096, found 0");
  callers.num_threads = 4097;
  expect(&callers, MQA_ERROR_INVALID_ARGUMENT,
         "executor->num_threads must be from 1 to 4096, found 4097");
  callers = {nullptr, 1, nullptr};
  expect(&callers, MQA_ERROR_INVALID_ARGUMENT, "executor->run is null");
  callers = executor.get(1);
  EXPECT_EQ(mqa_kernel_load_cpu(bundle, "other", &callers, &other),
            MQA_ERROR_NOT_FOUND);
  EXPECT_STREQ(mqa_last_error(), "the bundle has no kernel 'other'");
  EXPECT_EQ(mqa_kernel_load_cpu(nullptr, nullptr, &callers, &other),
            MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(mqa_kernel_load_cpu(bundle, nullptr, &callers, nullptr),
            MQA_ERROR_INVALID_ARGUMENT);

  mqa_bundle *gpu;
  ASSERT_EQ(mqa::test::load(makeBundle(makeGpuManifest(), "ptx", "ptx"), &gpu),
            MQA_SUCCESS)
      << mqa_last_error();
  EXPECT_EQ(mqa_kernel_load_cpu(gpu, nullptr, &callers, &other),
            MQA_ERROR_NOT_FOUND);
  EXPECT_STREQ(mqa_last_error(), "the bundle has no kernel 'logits' for the "
                                 "CPU, it is for sm_90a");
  mqa_bundle_destroy(gpu);
}
