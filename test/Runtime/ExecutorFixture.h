//===- ExecutorFixture.h - The fake task on a caller's threads --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TEST_RUNTIME_EXECUTORFIXTURE_H
#define MQA_TEST_RUNTIME_EXECUTORFIXTURE_H

#include "CpuKernelFixture.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <iterator>
#include <thread>
#include <vector>

namespace mqa::test {

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
inline int runOnThreads(int numThreads, bool backwards, int64_t count,
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

} // namespace mqa::test

#endif // MQA_TEST_RUNTIME_EXECUTORFIXTURE_H
