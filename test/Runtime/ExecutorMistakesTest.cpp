//===- ExecutorMistakesTest.cpp - Executors that do as they must not ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExecutorFixture.h"

#include <cstdint>
#include <stdexcept>

using namespace mqa::test;

using ExecutorMistakesTest = ExecutorTest;

TEST_F(ExecutorMistakesTest, ItsMistakesAreErrors) {
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

TEST_F(ExecutorMistakesTest, OneWorkerTwiceAtOnce) {
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

TEST_F(ExecutorMistakesTest, TasksThatComeTooLate) {
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

TEST_F(ExecutorMistakesTest, AnExceptionDoesNotCross) {
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

TEST_F(ExecutorMistakesTest, LoadErrors) {
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
