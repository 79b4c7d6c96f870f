//===- ForkTest.cpp - Kernels in forked children --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Common/ThreadLimit.h"
#include "CpuKernelFixture.h"
#include "GpuKernelFixture.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

using namespace mqa::test;

/// The thread sanitizer must not end children that start threads: it would do
/// so for what these tests are about.
extern "C" const char *__tsan_default_options() { return "die_after_fork=0"; }

/// Whether a child can join threads. The thread sanitizer of GCC 12 ends one
/// that does ("dup thread with used id"): the C library gives a child's threads
/// the stacks of its parent's, and with them the ids, and the sanitizer still
/// has those.
#ifdef __SANITIZE_THREAD__
static constexpr bool kChildrenCanJoin = false;
#else
static constexpr bool kChildrenCanJoin = true;
#endif

#ifdef __SANITIZE_ADDRESS__
/// Threads of this process that do not sleep.
static int countAwake() {
  int awake = 0;
  for (const auto &task :
       std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream file(task.path() / "stat");
    std::string stat((std::istreambuf_iterator<char>(file)), {});
    // The state stands behind the name, which may hold anything.
    size_t name = stat.rfind(')');
    awake += name != std::string::npos && stat.compare(name, 3, ") S") != 0;
  }
  return awake;
}
#endif

namespace {
struct ForkTest : CpuKernelFixture {
  /// Also waits for the threads to start under the address sanitizer. That of
  /// GCC 12 keeps its own locks over a fork: where a thread that starts has
  /// one, those of the child wait for it for ever.
  void loadKernel(int threads) {
    CpuKernelFixture::loadKernel(threads);
#ifdef __SANITIZE_ADDRESS__
    // A launch does not wait for all of them: each sleeps when it has started.
    while (countAwake() > 1)
      std::this_thread::yield();
#endif
  }
  std::string launchWrong() {
    bool right;
    if (launch(right))
      return std::string("launch: ") + mqa_last_error();
    return right ? "" : "wrong logits";
  }
};
} // namespace

TEST_F(ForkTest, TheChildLaunches) {
  loadKernel(4);
  EXPECT_EQ(launchWrong(), "");
  EXPECT_EQ(runInChild([&] { return launchWrong() + launchWrong(); }), "");
  // Before the first launch of the parent's threads, and in a grandchild.
  EXPECT_EQ(runInChild([&] {
              return launchWrong() + runInChild([&] { return launchWrong(); });
            }),
            "");
  EXPECT_EQ(launchWrong(), "") << "the parent's threads are still there";
}

TEST_F(ForkTest, TheChildRunsAPreparedLaunch) {
  loadKernel(4);
  mqa_logits_args args = makeArgs();
  mqa_launch *prepared;
  ASSERT_EQ(mqa_logits_prepare(kernel, &args, &prepared), MQA_SUCCESS);
  EXPECT_EQ(runInChild([&]() -> std::string {
              if (mqa_launch_run(prepared, nullptr))
                return mqa_last_error();
              mqa_launch_destroy(prepared);
              return out[0] == 1 ? "" : "wrong logits";
            }),
            "");
  mqa_launch_destroy(prepared);
}

TEST_F(ForkTest, TheChildDestroysAndLoads) {
  loadKernel(4);
  EXPECT_EQ(runInChild([&] {
              mqa_kernel_destroy(kernel);
              mqa_bundle_destroy(bundle);
              if (loadFake(MQA_FAKE_TASK, "logits", 3, &bundle, &kernel))
                return std::string(mqa_last_error());
              std::string wrong = launchWrong();
              if (kChildrenCanJoin)
                mqa_kernel_destroy(kernel);
              return wrong;
            }),
            "");
}

TEST_F(ForkTest, WhileAnotherThreadLaunches) {
  loadKernel(3);
  std::atomic<bool> started{false}, stop{false};
  float others[5 * 9] = {};
  std::thread launcher([&] {
    mqa_logits_args args = makeArgs();
    args.out = others;
    while (!stop) {
      EXPECT_EQ(mqa_logits_launch(kernel, &args, nullptr), MQA_SUCCESS);
      started = true;
    }
  });
  // See loadKernel: this thread is one that starts, too.
  while (!started)
    std::this_thread::yield();
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(runInChild([&] { return launchWrong(); }), "");
  stop = true;
  launcher.join();
}

TEST_F(ForkTest, SeveralThreadsOfTheChildLaunch) {
  loadKernel(3);
  EXPECT_EQ(runInChild([&] {
              std::atomic<int> failures{0};
              std::vector<std::thread> threads;
              for (int t = 0; t < 4; ++t)
                threads.emplace_back([&] {
                  float own[5 * 9] = {};
                  mqa_logits_args args = makeArgs();
                  args.out = own;
                  failures += mqa_logits_launch(kernel, &args, nullptr) != 0;
                  failures += own[0] != 1;
                });
              for (std::thread &thread : threads)
                thread.join();
              return failures ? std::to_string(failures) : std::string();
            }),
            "");
}

TEST_F(ForkTest, TheChildCannotStartThreads) {
  if (!kChildrenCanJoin)
    GTEST_SKIP() << "the threads that were started are joined";
  loadKernel(4);
  EXPECT_EQ(runInChild([&]() -> std::string {
              threadsLeft = 1;
              bool right;
              if (launch(right) != MQA_ERROR_SYSTEM)
                return "no error";
              if (mqa_last_error() !=
                  std::string("cannot create thread 3 of 4: Resource "
                              "temporarily unavailable"))
                return mqa_last_error();
              threadsLeft = -1;
              return launchWrong();
            }),
            "");
}

/// The threads of this process.
static size_t countThreads() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind("Threads:", 0) == 0)
      return std::stoul(line.substr(8));
  return 0;
}

TEST_F(ForkTest, ALoadThatCannotStartThreads) {
  // The thread sanitizer starts one of its own with the first.
  std::promise<void> end;
  std::thread first([&] { end.get_future().wait(); });
  size_t before = countThreads();
  threadsLeft = 5;
  EXPECT_EQ(loadFake(MQA_FAKE_TASK, "logits", 8, &bundle, &kernel),
            MQA_ERROR_SYSTEM);
  EXPECT_STREQ(mqa_last_error(),
               "cannot create thread 7 of 8: Resource temporarily unavailable");
  EXPECT_EQ(kernel, nullptr);
  // The kernel counts a joined thread a moment longer.
  for (int wait = 0; wait < 1000 && countThreads() != before; ++wait)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(countThreads(), before);
  end.set_value();
  first.join();
  threadsLeft = -1;
  EXPECT_EQ(mqa_kernel_load(bundle, "logits", 8, &kernel), MQA_SUCCESS);
  EXPECT_EQ(launchWrong(), "");
}

using GpuForkTest = GpuKernelFixture;

TEST_F(GpuForkTest, TheChildIsToldWhy) {
  loadKernel();
  mqa_logits_args args = makeArgs();
  mqa_launch *prepared;
  ASSERT_EQ(mqa_logits_prepare(kernel, &args, &prepared), MQA_SUCCESS)
      << mqa_last_error();
  EXPECT_EQ(runInChild([&]() -> std::string {
              size_t calls = getFake().calls.size();
              mqa_launch *another;
              mqa_kernel *anotherKernel;
              std::string wrong;
              auto expect = [&](mqa_status status) {
                std::string error = mqa_last_error();
                if (status != MQA_ERROR_DRIVER ||
                    error.find("forked child") == std::string::npos)
                  wrong += "'" + error + "' ";
              };
              expect(mqa_logits_launch(kernel, &args, nullptr));
              expect(mqa_launch_run(prepared, nullptr));
              expect(mqa_logits_prepare(kernel, &args, &another));
              expect(mqa_kernel_load(bundle, nullptr, 0, &anotherKernel));
              mqa_launch_destroy(prepared);
              mqa_kernel_destroy(kernel);
              if (getFake().calls.size() != calls)
                wrong += "the driver was called";
              return wrong;
            }),
            "");
  EXPECT_EQ(mqa_launch_run(prepared, nullptr), MQA_SUCCESS) << mqa_last_error();
  mqa_launch_destroy(prepared);
}
