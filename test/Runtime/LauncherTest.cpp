//===- LauncherTest.cpp - Launches on tensor objects ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DLPack.h"
#include "TopkManifest.h"

#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <iterator>
#include <thread>

using namespace mqa::runtime;
using namespace mqa::test;

namespace {
/// An object of the framework of this test.
struct Object {
  void *data;
  std::vector<int64_t> shape, strides;
  dlpack::DataType type{2, 32, 1};
  int32_t device = 1;
};

constexpr int kCpu = 1;
using Objects = std::array<void *, 7>;
Object none{};

int describe(void *object, dlpack::Tensor *tensor) {
  auto *own = static_cast<Object *>(object);
  if (own->device < 0)
    return -1;
  *tensor = {
      own->data, {own->device, 0},  static_cast<int32_t>(own->shape.size()),
      own->type, own->shape.data(), own->strides.data(),
      0};
  return 0;
}

int getCurrentStream(int32_t, int32_t, void **stream) {
  *stream = nullptr;
  return 0;
}

const dlpack::ExchangeAPI kApi{1,       3,       nullptr,  nullptr,
                               nullptr, nullptr, describe, getCurrentStream};

/// The fake task's kernel on a 5 x 7 problem.
struct LauncherTest : testing::Test {
  void SetUp() override {
    std::ifstream file(MQA_FAKE_TASK, std::ios::binary);
    std::string task{std::istreambuf_iterator<char>(file), {}};
    ASSERT_EQ(load(makeBundle(makeCpuManifest(), "object", task), &bundle),
              MQA_SUCCESS)
        << mqa_last_error();
    ASSERT_EQ(mqa_kernel_load(bundle, "logits", 1, &kernel), MQA_SUCCESS)
        << mqa_last_error();
    ASSERT_EQ(mqa_launcher_create(&kApi, &none, &launcher), MQA_SUCCESS)
        << mqa_last_error();
  }
  void TearDown() override {
    mqa_launcher_destroy(launcher);
    mqa_kernel_destroy(kernel);
    mqa_bundle_destroy(bundle);
  }
  /// As after the first call, which had to find the kernel.
  void add(uint64_t options = 0) {
    mqa_logits_args args = {};
    args.q_stride = 64;
    args.k_stride = 16;
    args.k_scale_stride = 1;
    args.weights_stride = 4;
    args.out_stride = 9;
    args.num_queries = 5;
    args.num_keys = 7;
    ASSERT_EQ(mqa_launcher_add_logits(launcher, objects.data(), options, kernel,
                                      &args),
              MQA_SUCCESS)
        << mqa_last_error();
  }
  mqa_status run(uint64_t options = 0) {
    return mqa_launcher_run(launcher, options, objects.data());
  }

  uint8_t qData[5 * 64] = {}, kData[7 * 16] = {};
  float f[20] = {}, outData[5 * 9] = {}, otherOut[5 * 9] = {};
  int32_t i[5] = {};
  Object q{qData, {5, 4, 16}, {64, 16, 1}, {10, 8, 1}},
      k{kData, {7, 16}, {16, 1}, {10, 8, 1}}, scale{f, {7}, {1}},
      weights{f, {5, 4}, {4, 1}}, ks{i, {5}, {1}, {0, 32, 1}},
      ke{i, {5}, {1}, {0, 32, 1}}, out{outData, {5, 7}, {9, 1}};
  Objects objects{&q, &k, &scale, &weights, &ks, &ke, &out};
  mqa_bundle *bundle = nullptr;
  mqa_kernel *kernel = nullptr;
  mqa_launcher *launcher = nullptr;
};
} // namespace

TEST_F(LauncherTest, RunsWhatWasAdded) {
  EXPECT_EQ(run(), MQA_ERROR_NOT_FOUND);
  EXPECT_STREQ(mqa_last_error(), "");
  add();
  EXPECT_EQ(run(), MQA_SUCCESS) << mqa_last_error();
  EXPECT_EQ(run(), MQA_SUCCESS) << mqa_last_error();
  EXPECT_EQ(outData[0], 2);
  // At another address, and back.
  out.data = otherOut;
  EXPECT_EQ(run(), MQA_SUCCESS) << mqa_last_error();
  out.data = outData;
  EXPECT_EQ(run(), MQA_SUCCESS) << mqa_last_error();
  EXPECT_EQ(otherOut[0], 1);
  EXPECT_EQ(outData[0], 3);
}

TEST_F(LauncherTest, TellsTensorsApart) {
  add();
  ASSERT_EQ(run(), MQA_SUCCESS);
  EXPECT_EQ(run(/*options=*/1), MQA_ERROR_NOT_FOUND);
  auto changed = [&](auto &value, auto other) {
    std::swap(value, other);
    mqa_status status = run();
    std::swap(value, other);
    return status;
  };
  EXPECT_EQ(changed(out.strides[0], int64_t(10)), MQA_ERROR_NOT_FOUND);
  EXPECT_EQ(changed(k.shape[0], int64_t(6)), MQA_ERROR_NOT_FOUND);
  EXPECT_EQ(changed(k.type.code, uint8_t(12)), MQA_ERROR_NOT_FOUND);
  EXPECT_EQ(changed(q.device, dlpack::kCuda), MQA_ERROR_NOT_FOUND);
  EXPECT_EQ(changed(objects[3], static_cast<void *>(&none)),
            MQA_ERROR_NOT_FOUND);
  EXPECT_EQ(changed(q.device, kCpu), MQA_SUCCESS);
}

TEST_F(LauncherTest, KeepsItsKernel) {
  add();
  mqa_kernel_destroy(kernel);
  kernel = nullptr;
  EXPECT_EQ(run(), MQA_SUCCESS) << mqa_last_error();
  EXPECT_EQ(outData[0], 1);
}

TEST_F(LauncherTest, SeveralThreadsMayRun) {
  add();
  std::vector<std::thread> threads;
  std::vector<std::vector<float>> outs(4, std::vector<float>(45));
  for (auto &own : outs)
    threads.emplace_back([&] {
      Object mine = out;
      mine.data = own.data();
      Objects all = objects;
      all[6] = &mine;
      for (int repeat = 0; repeat < 50; ++repeat)
        EXPECT_EQ(mqa_launcher_run(launcher, 0, all.data()), MQA_SUCCESS);
    });
  for (std::thread &thread : threads)
    thread.join();
  for (const auto &result : outs)
    EXPECT_EQ(result[0], 50);
}

TEST_F(LauncherTest, Errors) {
  add();
  q.device = -1;
  EXPECT_EQ(run(), MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(mqa_last_error(), "argument 0 is no tensor");
  q.device = kCpu;
  Object deep{qData, {1, 1, 5, 4, 16}, {1, 1, 64, 16, 1}};
  objects[0] = &deep;
  EXPECT_EQ(run(), MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(mqa_last_error(), "argument 0 has 5 dimensions");
  objects[0] = nullptr;
  EXPECT_EQ(run(), MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(mqa_last_error(), "argument 0 is null");
  objects[0] = &q;
  // What a launch refuses.
  out.data = nullptr;
  EXPECT_EQ(run(), MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(mqa_last_error(), "out is null");
  EXPECT_EQ(mqa_launcher_run(launcher, 0, nullptr), MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(mqa_launcher_run(nullptr, 0, objects.data()),
            MQA_ERROR_INVALID_ARGUMENT);

  mqa_launcher *other;
  dlpack::ExchangeAPI newer = kApi, poor = kApi;
  newer.major = 2;
  poor.describe = nullptr;
  EXPECT_EQ(mqa_launcher_create(&newer, &none, &other), MQA_ERROR_UNSUPPORTED);
  EXPECT_EQ(mqa_launcher_create(&poor, &none, &other), MQA_ERROR_UNSUPPORTED);
  EXPECT_EQ(mqa_launcher_create(nullptr, &none, &other),
            MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(other, nullptr);
}

// Nine operands, of which most may be absent.
TEST_F(LauncherTest, Topk) {
  mqa_bundle *topkBundle;
  mqa_kernel *topk;
  nlohmann::json manifest = makeCompressedTopkManifest("cpu");
  ASSERT_EQ(load(makeBundle(manifest, "object", readFakeTask()), &topkBundle),
            MQA_SUCCESS)
      << mqa_last_error();
  ASSERT_EQ(mqa_kernel_load(topkBundle, nullptr, 1, &topk), MQA_SUCCESS);
  std::vector<int32_t> found(5 * 5), others(5 * 5);
  std::vector<float> logitsData(5 * 8), valuesData(5 * 5);
  const dlpack::DataType int32{0, 32, 1};
  Object logits{logitsData.data(), {5, 8}, {8, 1}}, offset{i, {5}, {1}, int32},
      indices{found.data(), {5, 5}, {5, 1}, int32},
      values{valuesData.data(), {5, 5}, {5, 1}};
  std::array<void *, 9> all{&logits, &ks,     &ke,      &none,  &none,
                            &none,   &offset, &indices, &values};
  mqa_topk_args args = {};
  args.logits_stride = 8;
  args.indices_stride = args.values_stride = 5;
  args.num_queries = args.k = 5;
  args.num_columns = 8;
  args.num_keys = 7;
  auto run = [&](uint64_t options) {
    return mqa_launcher_run_topk(launcher, options, all.data());
  };
  EXPECT_EQ(run(1), MQA_ERROR_NOT_FOUND);
  ASSERT_EQ(mqa_launcher_add_topk(launcher, all.data(), 1, topk, &args),
            MQA_SUCCESS)
      << mqa_last_error();
  EXPECT_EQ(run(1), MQA_SUCCESS) << mqa_last_error();
  EXPECT_EQ(found[0], 87);
  EXPECT_EQ(found[24], 2087);
  EXPECT_EQ(run(2), MQA_ERROR_NOT_FOUND) << "other options";
  // At another address.
  indices.data = others.data();
  EXPECT_EQ(run(1), MQA_SUCCESS) << mqa_last_error();
  EXPECT_EQ(others[0], 87);
  // What is wrong with the operands is found at each launch.
  indices.data = valuesData.data();
  EXPECT_EQ(run(1), MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(mqa_last_error(), "indices and values overlap");
  mqa_kernel_destroy(topk);
  mqa_bundle_destroy(topkBundle);
}
