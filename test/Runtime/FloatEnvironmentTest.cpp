//===- FloatEnvironmentTest.cpp - Kernels have arithmetic of their own ----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuKernelFixture.h"

#include <cfenv>
#include <cstring>
#include <vector>

#ifdef __SSE2__
#include <xmmintrin.h>
#endif

using namespace mqa::test;

namespace {
/// A caller's environment.
struct Environment {
  const char *name;
  int rounding;
  bool flushesSubnormals;
};

/// What ctest calls the case.
void PrintTo(const Environment &environment, std::ostream *os) {
  *os << environment.name;
}

class FloatEnvironmentTest : public testing::TestWithParam<Environment> {
protected:
  void SetUp() override { std::fegetenv(&own); }
  void TearDown() override {
    std::fesetenv(&own);
    mqa_kernel_destroy(kernel);
    mqa_bundle_destroy(bundle);
  }
  void enter(const Environment &environment) {
    std::fesetround(environment.rounding);
#ifdef __SSE2__
    // FTZ and DAZ.
    if (environment.flushesSubnormals)
      _mm_setcsr(_mm_getcsr() | 0x8040);
#endif
  }
  /// As many tasks as every thread of the pool gets some of.
  static constexpr int kQueries = 64, kKeys = 96;
  mqa_logits_args makeArgs() {
    mqa_logits_args args = {};
    args.q = q.data();
    args.q_stride = 64;
    args.k = k.data();
    args.k_stride = 16;
    args.k_scale = f.data();
    args.k_scale_stride = 1;
    args.weights = f.data();
    args.weights_stride = 4;
    args.ks = i.data();
    args.ke = i.data();
    args.out = out.data();
    args.out_stride = kKeys;
    args.num_queries = kQueries;
    args.num_keys = kKeys;
    return args;
  }
  std::vector<uint8_t> q = std::vector<uint8_t>(kQueries * 64),
                       k = std::vector<uint8_t>(kKeys * 16);
  std::vector<float> f = std::vector<float>(kQueries * kKeys),
                     out = std::vector<float>(kQueries * kKeys);
  std::vector<int32_t> i = std::vector<int32_t>(kQueries);
  mqa_logits_args args = makeArgs();
  std::fenv_t own;
  mqa_bundle *bundle = nullptr;
  mqa_kernel *kernel = nullptr;
};
} // namespace

TEST_P(FloatEnvironmentTest, TheCallersDoesNotCount) {
  // Threads have that of the thread that creates them.
  enter(GetParam());
  mqa_status status =
      loadFake(MQA_FAKE_TASK, "arithmetic", 4, &bundle, &kernel);
  std::feclearexcept(FE_ALL_EXCEPT);
  std::feraiseexcept(FE_UNDERFLOW);
  int flags = std::fetestexcept(FE_ALL_EXCEPT);
  if (!status)
    status = mqa_logits_launch(kernel, &args, nullptr);
  int flagsAfter = std::fetestexcept(FE_ALL_EXCEPT);
  int roundingAfter = std::fegetround();
#ifdef __SSE2__
  bool flushesAfter = (_mm_getcsr() & 0x8040) == 0x8040;
#else
  bool flushesAfter = GetParam().flushesSubnormals;
#endif
  std::fesetenv(&own);
  ASSERT_EQ(status, MQA_SUCCESS) << mqa_last_error();
  EXPECT_EQ(flagsAfter, flags);
  EXPECT_EQ(roundingAfter, GetParam().rounding);
  EXPECT_EQ(flushesAfter, GetParam().flushesSubnormals);

  const uint32_t expected[] = {
      0x3eaaaaab, // 1/3, of which the nearest is above
      0x3fd55555, // 5/3, of which it is below
      1u << 20,   // the subnormal 2^-129
      17u << 23,  // 2^-110, of a subnormal
  };
  int wrong = 0;
  for (int n = 0; n < kQueries * kKeys; ++n) {
    uint32_t bits;
    std::memcpy(&bits, &out[n], 4);
    wrong += bits != expected[n % kKeys % 4];
  }
  EXPECT_EQ(wrong, 0);
}

INSTANTIATE_TEST_SUITE_P(
    Callers, FloatEnvironmentTest,
    testing::Values(Environment{"nearest", FE_TONEAREST, false},
                    Environment{"upward", FE_UPWARD, false},
                    Environment{"downward", FE_DOWNWARD, false},
                    Environment{"towardZero", FE_TOWARDZERO, false}
#ifdef __SSE2__
                    ,
                    Environment{"flushing", FE_TONEAREST, true},
                    Environment{"upwardFlushing", FE_UPWARD, true}
#endif
                    ),
    [](const testing::TestParamInfo<Environment> &info) {
      return std::string(info.param.name);
    });

#ifdef __GLIBC__
// The fake task divides by zero, overflows and underflows.
TEST_F(FloatEnvironmentTest, TheCallersTrapsDoNotCount) {
  std::feclearexcept(FE_ALL_EXCEPT);
  int traps = FE_ALL_EXCEPT;
#ifdef __aarch64__
  traps = 0; // Most processors have none.
#endif
  feenableexcept(traps);
  mqa_status status =
      loadFake(MQA_FAKE_TASK, "arithmetic", 4, &bundle, &kernel);
  if (!status)
    status = mqa_logits_launch(kernel, &args, nullptr);
  int trapsAfter = fegetexcept();
  int flagsAfter = std::fetestexcept(FE_ALL_EXCEPT);
  std::fesetenv(&own);
  EXPECT_EQ(status, MQA_SUCCESS) << mqa_last_error();
  EXPECT_EQ(trapsAfter, traps);
  EXPECT_EQ(flagsAfter, 0);
}
#endif
