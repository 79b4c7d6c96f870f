//===- GpuShareTest.cpp - A share of the chip, and captures ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// On the fake driver: how many multiprocessors a launch uses, and how code is
// loaded.
//
//===----------------------------------------------------------------------===//

#include "GpuKernelFixture.h"

#include <algorithm>
#include <utility>

using namespace mqa::test;

namespace {
struct GpuShareTest : GpuKernelFixture {};
} // namespace

TEST_F(GpuShareTest, MaxMultiprocessors) {
  loadKernel();
  mqa_logits_args args = makeArgs();
  EXPECT_EQ(mqa_get_max_multiprocessors(), 0);
  mqa_launch *prepared = nullptr;
  ASSERT_EQ(mqa_logits_prepare(kernel, &args, &prepared), MQA_SUCCESS);
  for (auto [count, grid] : {std::pair{100, 100u},
                             {1, 1u},
                             {132, 132u},
                             {133, 132u},
                             {0, 132u},
                             {-1, 132u}}) {
    mqa_set_max_multiprocessors(count);
    EXPECT_EQ(mqa_get_max_multiprocessors(), std::max(count, 0));
    ASSERT_EQ(mqa_logits_launch(kernel, &args, nullptr), MQA_SUCCESS);
    EXPECT_EQ(getFake().launches.back().gridX, grid);
  }
  mqa_set_max_multiprocessors(50);
  ASSERT_EQ(mqa_launch_run(prepared, nullptr), MQA_SUCCESS);
  EXPECT_EQ(getFake().launches.back().gridX, 132u) << "prepared before";
  mqa_launch_destroy(prepared);
  ASSERT_EQ(mqa_logits_prepare(kernel, &args, &prepared), MQA_SUCCESS);
  mqa_set_max_multiprocessors(0);
  ASSERT_EQ(mqa_launch_run(prepared, nullptr), MQA_SUCCESS);
  EXPECT_EQ(getFake().launches.back().gridX, 50u);
  mqa_launch_destroy(prepared);
}

// The driver refuses to load code while a graph is captured, unless the thread
// says that it knows.
TEST_F(GpuShareTest, LoadsInACapture) {
  loadKernel();
  EXPECT_TRUE(getFake().loadedRelaxed);
  EXPECT_EQ(getFake().captureMode, 0);
}

// What a launch says itself comes before what holds for the process.
TEST_F(GpuShareTest, MaxMultiprocessorsOfALaunch) {
  loadKernel();
  mqa_logits_args args = makeArgs();
  mqa_launch *prepared = nullptr;
  args.max_multiprocessors = 30;
  ASSERT_EQ(mqa_logits_prepare(kernel, &args, &prepared), MQA_SUCCESS);
  for (int process : {0, 20, 100}) {
    mqa_set_max_multiprocessors(process);
    for (auto [count, grid] : {std::pair{30, 30u},
                               {1, 1u},
                               {133, 132u},
                               {0, process ? process : 132u}}) {
      args.max_multiprocessors = count;
      ASSERT_EQ(mqa_logits_launch(kernel, &args, nullptr), MQA_SUCCESS);
      EXPECT_EQ(getFake().launches.back().gridX, grid);
    }
    ASSERT_EQ(mqa_launch_run(prepared, nullptr), MQA_SUCCESS);
    EXPECT_EQ(getFake().launches.back().gridX, 30u);
  }
  mqa_set_max_multiprocessors(0);
  mqa_launch_destroy(prepared);
  args.max_multiprocessors = -1;
  EXPECT_EQ(mqa_logits_launch(kernel, &args, nullptr),
            MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(mqa_last_error(),
               "max_multiprocessors must be at least 0, found -1");
}
