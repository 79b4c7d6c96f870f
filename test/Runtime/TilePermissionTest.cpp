//===- TilePermissionTest.cpp - The right to use matrix tiles -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TilePermission.h"
#include "CpuKernelFixture.h"

#include <cerrno>
#include <csignal>
#include <cstring>

#if defined(__x86_64__)
#include <sys/syscall.h>
#endif

using namespace mqa::runtime;
using namespace mqa::test;

namespace {
/// A system that answers as the test wants.
struct TilePermissionTest : testing::Test {
  void SetUp() override {
    numRequests = answer = 0;
    system.requestState = [](int state) {
      ++numRequests;
      // XTILEDATA.
      return state == 18 ? answer : EINVAL;
    };
  }
  static inline int numRequests, answer;
  CpuIdentity system;
  TilePermission permission;
};
} // namespace

TEST_F(TilePermissionTest, GrantedOnce) {
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(
        permission.require("f", {"avx512f", "amx-tile", "amx-bf16"}, system),
        MQA_SUCCESS);
  EXPECT_EQ(numRequests, 1);
}

TEST_F(TilePermissionTest, NotAskedForWithoutTiles) {
  EXPECT_EQ(permission.require("f", {}, system), MQA_SUCCESS);
  EXPECT_EQ(permission.require("f", {"avx512f", "avx512bf16"}, system),
            MQA_SUCCESS);
  EXPECT_EQ(numRequests, 0);
}

TEST_F(TilePermissionTest, RefusedWithWords) {
  const std::string prefix =
      "kernel 'f' needs 'amx-tile', and the operating system refused this "
      "process the use of AMX tiles (arch_prctl, ARCH_REQ_XCOMP_PERM): ";
  std::pair<int, const char *> answers[] = {
      {ENOSPC,
       "No space left on device (the alternate signal stack of a thread is too "
       "small for tiles: give sigaltstack at least getauxval(AT_MINSIGSTKSZ) "
       "bytes, in all threads)"},
      {EBUSY, "Device or resource busy (permissions of this process are fixed "
              "already: load the kernel earlier)"},
      {EINVAL, "Invalid argument (Linux 5.16 or later is needed)"},
      {EPERM, "Operation not permitted (a filter of system calls forbids it)"},
      {EOPNOTSUPP, "Operation not supported"}};
  for (const auto &[error, words] : answers) {
    answer = error;
    EXPECT_EQ(
        permission.require("f", {"avx512f", "amx-tile", "amx-bf16"}, system),
        MQA_ERROR_UNSUPPORTED);
    EXPECT_EQ(mqa_last_error(), prefix + words);
  }
  // What was in the way may be gone.
  answer = 0;
  EXPECT_EQ(permission.require("f", {"amx-tile"}, system), MQA_SUCCESS);
  EXPECT_EQ(numRequests, 6);
}

TEST_F(TilePermissionTest, AForkedChildHasIt) {
  ASSERT_EQ(permission.require("f", {"amx-tile"}, system), MQA_SUCCESS);
  EXPECT_EQ(runInChild([&] {
              (void)permission.require("f", {"amx-tile"}, system);
              return numRequests == 1 ? "" : "it asked again";
            }),
            "");
}

#if defined(__x86_64__)
/// Whether this process may use tiles, as the system says.
static bool mayUseTiles() {
  constexpr int kGetPermissions = 0x1022;
  uint64_t states = 0;
  return syscall(SYS_arch_prctl, kGetPermissions, &states) == 0 &&
         states >> 18 & 1;
}

static mqa_status loadWithFeatures(const std::vector<std::string> &features,
                                   mqa_kernel **kernel) {
  nlohmann::json manifest = makeCpuManifest();
  manifest["cpu_features"] = features;
  mqa_bundle *bundle;
  if (mqa_status status = load(
          makeBundle(manifest, "object", readFile(MQA_FAKE_TASK)), &bundle))
    return status;
  mqa_status status = mqa_kernel_load(bundle, nullptr, 1, kernel);
  mqa_bundle_destroy(bundle);
  return status;
}

// The process that asks is a child: what it is granted cannot be given back.
TEST(TilePermissionOfProcessTest, LoadingAsks) {
  if (findCpuFeature("amx-tile", CpuIdentity::getHost()) !=
      FeatureState::Present)
    GTEST_SKIP() << "no AMX here";
  EXPECT_EQ(runInChild([]() -> std::string {
              if (mayUseTiles())
                return "it may at first";
              mqa_kernel *kernel;
              if (loadWithFeatures({"sse2"}, &kernel))
                return mqa_last_error();
              mqa_kernel_destroy(kernel);
              if (mayUseTiles())
                return "it may after a kernel without tiles";
              if (loadWithFeatures({"sse2", "amx-tile"}, &kernel))
                return mqa_last_error();
              mqa_kernel_destroy(kernel);
              return mayUseTiles() ? "" : "it may not";
            }),
            "");
}

TEST(TilePermissionOfProcessTest, SmallSignalStack) {
  if (findCpuFeature("amx-tile", CpuIdentity::getHost()) !=
      FeatureState::Present)
    GTEST_SKIP() << "no AMX here";
  EXPECT_EQ(
      runInChild([]() -> std::string {
        // Enough for AVX-512, and not for 8 KB of tiles.
        static char memory[8 << 10];
        stack_t small = {memory, 0, sizeof(memory)}, none = {};
        none.ss_flags = SS_DISABLE;
        if (sigaltstack(&small, nullptr))
          return "sigaltstack";
        mqa_kernel *kernel;
        if (loadWithFeatures({"amx-tile"}, &kernel) != MQA_ERROR_UNSUPPORTED ||
            !strstr(mqa_last_error(), "signal stack"))
          return std::string("no error, or: ") + mqa_last_error();
        sigaltstack(&none, nullptr);
        return loadWithFeatures({"amx-tile"}, &kernel) ? mqa_last_error() : "";
      }),
      "");
}
#endif
