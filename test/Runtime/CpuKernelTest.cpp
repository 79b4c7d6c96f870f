//===- CpuKernelTest.cpp - Kernels on the CPU -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuKernelFixture.h"

#include <gtest/gtest.h>

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <set>
#include <thread>

using namespace mqa::test;

namespace {
struct CpuKernelTest : CpuKernelFixture {
  void SetUp() override { loadKernel(0); }
};
} // namespace

TEST_F(CpuKernelTest, RunsEveryTaskOnce) {
  mqa_logits_args args = makeArgs();
  ASSERT_EQ(mqa_logits_launch(kernel, &args, nullptr), MQA_SUCCESS)
      << mqa_last_error();
  for (int m = 0; m < 5; ++m)
    for (int n = 0; n < 9; ++n)
      EXPECT_EQ(out[m * 9 + n], n < 7 ? 100 * (m / 2) + n / 3 + 1 : 0)
          << m << "," << n;
}

TEST_F(CpuKernelTest, PreparedLaunch) {
  mqa_logits_args args = makeArgs();
  mqa_launch *launch;
  ASSERT_EQ(mqa_logits_prepare(kernel, &args, &launch), MQA_SUCCESS)
      << mqa_last_error();
  EXPECT_EQ(out[0], 0);
  EXPECT_EQ(mqa_launch_run(launch, nullptr), MQA_SUCCESS);
  EXPECT_EQ(mqa_launch_run(launch, nullptr), MQA_SUCCESS);
  EXPECT_EQ(out[0], 2);
  EXPECT_EQ(mqa_launch_run(launch, &args), MQA_ERROR_INVALID_ARGUMENT)
      << "a stream";
  mqa_launch_destroy(launch);
}

TEST_F(CpuKernelTest, SeveralThreadsMayLaunch) {
  mqa_logits_args args = makeArgs();
  std::vector<std::thread> threads;
  std::vector<std::vector<float>> outs(8, std::vector<float>(45));
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      mqa_logits_args mine = args;
      mine.out = outs[t].data();
      for (int repeat = 0; repeat < 50; ++repeat)
        EXPECT_EQ(mqa_logits_launch(kernel, &mine, nullptr), MQA_SUCCESS);
    });
  for (std::thread &thread : threads)
    thread.join();
  for (const auto &result : outs)
    EXPECT_EQ(result[0], 50);
}

TEST_F(CpuKernelTest, SaysHowManyThreads) {
  mqa_kernel_info info;
  ASSERT_EQ(mqa_bundle_kernel_info(bundle, 0, &info), MQA_SUCCESS);
  EXPECT_EQ(info.num_threads, 0) << "it is not loaded";
  mqa_kernel *three;
  ASSERT_EQ(mqa_kernel_load(bundle, nullptr, 3, &three), MQA_SUCCESS);
  ASSERT_EQ(mqa_kernel_get_info(three, &info), MQA_SUCCESS);
  EXPECT_EQ(info.num_threads, 3);
  mqa_kernel_destroy(three);
  // One per processor that this thread may run on.
  cpu_set_t own;
  ASSERT_EQ(sched_getaffinity(0, sizeof(own), &own), 0);
  ASSERT_EQ(mqa_kernel_get_info(kernel, &info), MQA_SUCCESS);
  EXPECT_EQ(info.num_threads, CPU_COUNT(&own));
}

TEST_F(CpuKernelTest, RefusesAStream) {
  mqa_logits_args args = makeArgs();
  EXPECT_EQ(mqa_logits_launch(kernel, &args, &args),
            MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(mqa_last_error(), "stream must be null for a CPU kernel");
}

TEST_F(CpuKernelTest, TwoBundlesAtOnce) {
  // Loaded from memory files whose numbers, and so names, could be the same.
  mqa_bundle *first = bundle;
  mqa_kernel *firstKernel = kernel;
  loadKernel(1);
  mqa_logits_args args = makeArgs();
  EXPECT_EQ(mqa_logits_launch(firstKernel, &args, nullptr), MQA_SUCCESS);
  mqa_kernel_destroy(firstKernel);
  mqa_bundle_destroy(first);
  EXPECT_EQ(mqa_logits_launch(kernel, &args, nullptr), MQA_SUCCESS);
  EXPECT_EQ(out[0], 2);
}

TEST_F(CpuKernelTest, BundleMayGoBeforeTheKernel) {
  mqa_bundle_destroy(bundle);
  bundle = nullptr;
  mqa_logits_args args = makeArgs();
  EXPECT_EQ(mqa_logits_launch(kernel, &args, nullptr), MQA_SUCCESS);
}

TEST(CpuKernelLoadTest, Errors) {
  mqa_bundle *bundle;
  mqa_kernel *kernel;
  ASSERT_EQ(
      load(makeBundle(makeCpuManifest(), "object", readFakeTask()), &bundle),
      MQA_SUCCESS);
  EXPECT_EQ(mqa_kernel_load(bundle, "other", 0, &kernel), MQA_ERROR_NOT_FOUND);
  EXPECT_STREQ(mqa_last_error(), "the bundle has no kernel 'other'");
  EXPECT_EQ(mqa_kernel_load(bundle, nullptr, -1, &kernel),
            MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(mqa_kernel_load(nullptr, nullptr, 0, &kernel),
            MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(mqa_kernel_load(bundle, nullptr, 0, nullptr),
            MQA_ERROR_INVALID_ARGUMENT);
  mqa_bundle_destroy(bundle);

  // Features of the processor: CpuFeaturesTest.
  nlohmann::json manifest = makeCpuManifest();
  manifest["kernels"][0]["name"] = "absent";
  ASSERT_EQ(
      load(makeBundle(manifest, "object", readFile(MQA_FAKE_TASK)), &bundle),
      MQA_SUCCESS);
  EXPECT_EQ(mqa_kernel_load(bundle, nullptr, 0, &kernel),
            MQA_ERROR_INVALID_BUNDLE);
  EXPECT_STREQ(mqa_last_error(),
               "bundle: the object has no function mqa_task_absent");
  mqa_bundle_destroy(bundle);
}

// The loader needs a descriptor more than the memory file.
TEST_F(CpuKernelTest, TooManyOpenFiles) {
  int next = dup(STDERR_FILENO);
  close(next);
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit one = {static_cast<rlim_t>(next) + 1, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &one), 0);
  mqa_kernel *other = nullptr;
  EXPECT_EQ(mqa_kernel_load(bundle, nullptr, 1, &other), MQA_ERROR_SYSTEM);
  EXPECT_NE(std::string(mqa_last_error()).find("Too many open files"),
            std::string::npos)
      << mqa_last_error();
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(mqa_kernel_load(bundle, nullptr, 1, &other), MQA_SUCCESS)
      << mqa_last_error();
  mqa_kernel_destroy(other);
}
