//===- FusedLauncherTest.cpp - Kernels of both ops on tensor objects ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// On the fake driver: when scratch of a stream may be used, and when not.
//
//===----------------------------------------------------------------------===//

#include "DLPack.h"
#include "LogitsTopkKernelFixture.h"

#include <algorithm>
#include <array>

using namespace mqa::runtime;
using namespace mqa::test;

namespace {
/// An object of the framework of this test.
struct Object {
  void *data;
  std::vector<int64_t> shape, strides;
  dlpack::DataType type{2, 32, 1};
};
Object none{};
void *currentStream = nullptr;

int describe(void *object, dlpack::Tensor *tensor) {
  auto *own = static_cast<Object *>(object);
  *tensor = {
      own->data, {dlpack::kCuda, 0}, static_cast<int32_t>(own->shape.size()),
      own->type, own->shape.data(),  own->strides.data(),
      0};
  return 0;
}

int getCurrentStream(int32_t, int32_t, void **stream) {
  *stream = currentStream;
  return 0;
}

const dlpack::ExchangeAPI kApi{1,       3,       nullptr,  nullptr,
                               nullptr, nullptr, describe, getCurrentStream};
constexpr dlpack::DataType kInt32{0, 32, 1}, kFp8{10, 8, 1};

/// Tensors as makeFusedLogitsArgs and makeSelectionArgs have them.
struct FusedLauncherTest : LogitsTopkKernelFixture {
  void SetUp() override {
    LogitsTopkKernelFixture::SetUp();
    currentStream = address<void>(0x77);
    ASSERT_EQ(mqa_launcher_create(&kApi, &none, &launcher), MQA_SUCCESS);
  }
  void TearDown() override {
    mqa_launcher_destroy(launcher);
    LogitsTopkKernelFixture::TearDown();
  }
  void add(const mqa_topk_args &selection = makeSelectionArgs()) {
    mqa_logits_args args = makeFusedLogitsArgs();
    ASSERT_EQ(mqa_launcher_add_logits_topk(launcher, objects.data(), 5, kernel,
                                           &args, &selection, currentStream),
              MQA_SUCCESS)
        << mqa_last_error();
  }
  mqa_status run(uint64_t options = 5) {
    return mqa_launcher_run_logits_topk(launcher, options, objects.data());
  }

  Object q{address<void>(0x10000000), {300, 64, 128}, {8192, 128, 1}, kFp8},
      k{address<void>(0x20000000), {4097, 128}, {128, 1}, kFp8},
      scale{address<void>(0x30000000), {4097}, {1}},
      weights{address<void>(0x40000000), {300, 64}, {64, 1}},
      ks{address<void>(0x50000000), {300}, {1}, kInt32},
      ke{address<void>(0x60000000), {300}, {1}, kInt32},
      offset{address<void>(0x170000000), {300}, {1}, kInt32},
      indices{address<void>(0x180000000), {300, 5}, {6, 1}, kInt32},
      values{address<void>(0x190000000), {300, 5}, {7, 1}};
  std::array<void *, 11> objects{&q,    &k,    &scale,  &weights, &ks,    &ke,
                                 &none, &none, &offset, &indices, &values};
  mqa_launcher *launcher = nullptr;
};
} // namespace

TEST_F(FusedLauncherTest, Launches) {
  loadKernel(makeLogitsTopkManifest());
  EXPECT_EQ(run(), MQA_ERROR_NOT_FOUND);
  add();
  getFake().parameterCount = 4 + 3 * 5 + 2 * 7 + 1 + 5;
  indices.data = address<void>(0x180001000);
  ASSERT_EQ(run(), MQA_SUCCESS) << mqa_last_error();
  const FakeLaunch &launched = getFake().launches.back();
  EXPECT_EQ(launched.stream, address<void>(0x77));
  EXPECT_EQ(getAddress(4), 0x50000000u);
  EXPECT_EQ(getAddress(9), 0x60000000u);
  EXPECT_EQ(getAddress(14), 0x170000000u);
  EXPECT_EQ(getAddress(19), 0x180001000u);
  EXPECT_EQ(getAddress(26), 0x190000000u);
  EXPECT_EQ(run(/*options=*/6), MQA_ERROR_NOT_FOUND);
  k.shape[0] = 4098;
  EXPECT_EQ(run(), MQA_ERROR_NOT_FOUND);
}

TEST_F(FusedLauncherTest, ScratchIsOfAStream) {
  loadKernel(makeLogitsTopkManifest());
  add();
  currentStream = address<void>(0x78);
  EXPECT_EQ(run(), MQA_ERROR_NOT_FOUND);
  currentStream = address<void>(0x77);
  EXPECT_EQ(run(), MQA_SUCCESS) << mqa_last_error();
  // A graph needs its own.
  getFake().isCapturing = true;
  EXPECT_EQ(run(), MQA_ERROR_NOT_FOUND);
  getFake().isCapturing = false;
  EXPECT_EQ(getFake().launches.size(), 1u);
  ASSERT_EQ(mqa_launcher_clear(launcher), MQA_SUCCESS);
  EXPECT_EQ(run(), MQA_ERROR_NOT_FOUND);
  EXPECT_EQ(mqa_launcher_clear(nullptr), MQA_ERROR_INVALID_ARGUMENT);
}

// The second launch on the same addresses is encoded once for all later ones.
TEST_F(FusedLauncherTest, KeepsWhatComesAgain) {
  loadKernel(makeLogitsTopkManifest());
  add();
  getFake().parameterCount = 4 + 3 * 5 + 2 * 7 + 1 + 5;
  const auto &launches = getFake().launches;
  for (int i = 0; i < 4; ++i)
    ASSERT_EQ(run(), MQA_SUCCESS) << mqa_last_error();
  for (int i = 1; i < 4; ++i) {
    EXPECT_EQ(launches[i].parameters, launches[0].parameters) << i;
    EXPECT_EQ(launches[i].gridX, launches[0].gridX) << i;
  }
  // Other addresses are told apart, from the first launch on.
  for (uint64_t place : {0x180001000, 0x180002000, 0x180001000, 0x180001000,
                         0x180001000, 0x180002000}) {
    indices.data = address<void>(place);
    ASSERT_EQ(run(), MQA_SUCCESS) << mqa_last_error();
    EXPECT_EQ(getAddress(19), place);
  }
  // What the process allows holds from the next launch on.
  mqa_set_max_multiprocessors(7);
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(run(), MQA_SUCCESS) << mqa_last_error();
    EXPECT_EQ(launches.back().gridX, 7u);
  }
  mqa_set_max_multiprocessors(0);
  // Another plan has other scratch; what is wrong is found each time.
  mqa_topk_args selection = makeSelectionArgs();
  selection.scratch = address<void>(0x210000000);
  add(selection);
  auto before = launches.back().parameters;
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(run(), MQA_SUCCESS) << mqa_last_error();
    EXPECT_NE(launches.back().parameters, before);
  }
  getFake().isCapturing = true;
  EXPECT_EQ(run(), MQA_ERROR_NOT_FOUND);
  getFake().isCapturing = false;
  getFake().failingCall = "cuLaunchKernelEx";
  EXPECT_EQ(run(), MQA_ERROR_DRIVER);
  getFake().failingCall = "";
  indices.data = values.data;
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(run(), MQA_ERROR_INVALID_ARGUMENT);
}

// No graph can record it, so the driver is not asked.
TEST_F(FusedLauncherTest, DefaultStream) {
  loadKernel(makeLogitsTopkManifest());
  currentStream = nullptr;
  add();
  getFake().calls.clear();
  ASSERT_EQ(run(), MQA_SUCCESS) << mqa_last_error();
  const auto &calls = getFake().calls;
  EXPECT_EQ(std::count(calls.begin(), calls.end(), "cuStreamIsCapturing"), 0);
  EXPECT_EQ(getFake().launches.size(), 1u);
}

TEST_F(FusedLauncherTest, ChecksEachLaunch) {
  loadKernel(makeLogitsTopkManifest());
  mqa_topk_args selection = makeSelectionArgs();
  selection.scratch_size = 64;
  add(selection);
  EXPECT_EQ(run(), MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(std::string(mqa_last_error()).find("scratch_size must be at least"),
            0u);
  add();
  indices.data = values.data;
  EXPECT_EQ(run(), MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(mqa_last_error(), "indices and values overlap");
}

TEST_F(FusedLauncherTest, Paged) {
  loadKernel(makePagedTopkManifest());
  Object cache{
      address<void>(0x20000000), {100, 64, 128}, {64 * 132, 128, 1}, kFp8},
      scales{address<void>(0x20000000 + 64 * 128), {100, 64}, {64 * 33, 1}},
      queries{address<void>(0x10000000),
              {150, 2, 64, 128},
              {2 * 8192, 8192, 128, 1},
              kFp8},
      lens{address<void>(0x50000000), {150, 2}, {2, 1}, kInt32},
      table{address<void>(0x60000000), {150, 16}, {20, 1}, kInt32};
  std::array<void *, 9> all{&queries, &cache,  &scales,  &weights, &lens,
                            &table,   &offset, &indices, &values};
  mqa_paged_logits_args args = makeFusedPagedArgs();
  mqa_topk_args selection = makeSelectionArgs();
  auto run = [&] {
    return mqa_launcher_run_paged_logits_topk(launcher, 8, all.data());
  };
  EXPECT_EQ(run(), MQA_ERROR_NOT_FOUND);
  ASSERT_EQ(mqa_launcher_add_paged_logits_topk(launcher, all.data(), 8, kernel,
                                               &args, &selection,
                                               currentStream),
            MQA_SUCCESS);
  getFake().parameterCount = 4 + 4 * 7 + 5 + 1 + 5;
  ASSERT_EQ(run(), MQA_SUCCESS) << mqa_last_error();
  // context_lens, block_table, offset, indices, values.
  EXPECT_EQ(getAddress(4), 0x50000000u);
  EXPECT_EQ(getAddress(11), 0x60000000u);
  EXPECT_EQ(getAddress(18), 0x170000000u);
  EXPECT_EQ(getAddress(23), 0x180000000u);
  EXPECT_EQ(getAddress(30), 0x190000000u);
}
