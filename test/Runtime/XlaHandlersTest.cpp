//===- XlaHandlersTest.cpp - Kernels as custom calls of XLA ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Without XLA: on frames made by hand, with a task of a test, and on the fake
// driver.
//
//===----------------------------------------------------------------------===//

#include "mqa/Xla.h"

#include "FakeCuda.h"
#include "LogitsTopkManifest.h"
#include "TopkManifest.h"
#include "XlaCall.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

using namespace mqa::test;
using DataType = mqa::runtime::xla::DataType;

namespace {
/// What the runtime asked for, and what it is told.
struct Finder {
  mqa_kernel *kernel = nullptr;
  int count = 0;
  std::string op;
  mqa_xla_request request{};
} finder;

int find(mqa_xla_request *request) {
  ++finder.count;
  finder.op.assign(request->op, request->op_size);
  finder.request = *request;
  request->kernel = finder.kernel;
  if (finder.kernel)
    return 0;
  strcpy(request->message, "nobody has it");
  return 1;
}

/// Found kernels stay for the process, so each test has an op of its own.
struct XlaHandlersTest : testing::Test {
  void SetUp() override {
    getFake() = FakeCudaState();
    finder = Finder();
    mqa_xla_set_find(find);
  }
  void TearDown() override {
    mqa_xla_set_find(nullptr);
    mqa_kernel_destroy(finder.kernel);
    mqa_bundle_destroy(bundle);
  }
  void loadKernel(const nlohmann::json &manifest) {
    bool isCpu = manifest["target"] == "cpu";
    ASSERT_EQ(load(isCpu ? makeBundle(manifest, "object", readFakeTask())
                         : makeBundle(manifest, "ptx", "// PTX"),
                   &bundle),
              MQA_SUCCESS)
        << mqa_last_error();
    ASSERT_EQ(mqa_kernel_load(bundle, nullptr, isCpu ? 1 : 0, &finder.kernel),
              MQA_SUCCESS)
        << mqa_last_error();
  }
  static void expectSuccess(std::pair<std::string, int> result) {
    EXPECT_EQ(result.first, "");
  }
  static void expectError(std::pair<std::string, int> result, int code,
                          const std::string &message) {
    EXPECT_EQ(result.first, message);
    EXPECT_EQ(result.second, code);
  }
  mqa_bundle *bundle = nullptr;
};

/// 5 queries of 4 heads of 16, against 7 keys.
struct CpuCall : XlaCall {
  explicit CpuCall(const std::string &op) : XlaCall(op) {
    addOperand(DataType::F8E4M3FN, q, {5, 4, 16});
    addOperand(DataType::F8E4M3FN, k, {7, 16});
    addOperand(DataType::F32, f, {7});
    addOperand(DataType::F32, f, {5, 4});
    addOperand(DataType::S32, i, {5});
    addOperand(DataType::S32, i, {5});
    addResult(DataType::F32, out, {5, 7});
  }
  uint8_t q[5 * 64] = {}, k[7 * 16] = {};
  float f[20] = {}, out[5 * 7] = {};
  int32_t i[5] = {};
};

/// 301 queries of 64 heads of 128, against 4097 keys.
void addLogitsOperands(XlaCall &call) {
  call.addOperand(DataType::F8E4M3FN, address<void>(0x10000000),
                  {301, 64, 128});
  call.addOperand(DataType::F8E4M3FN, address<void>(0x20000000), {4097, 128});
  call.addOperand(DataType::F32, address<void>(0x30000000), {4097});
  call.addOperand(DataType::F32, address<void>(0x40000000), {301, 64});
  call.addOperand(DataType::S32, address<void>(0x50000000), {301});
  call.addOperand(DataType::S32, address<void>(0x60000000), {301});
}
} // namespace

TEST_F(XlaHandlersTest, SaysWhatItIs) {
  xla::Api api{};
  api.version.minor = 9;
  for (auto [handler, traits] : {std::pair{mqa_xla_launch_on_cpu, 0u},
                                 {mqa_xla_launch_on_cuda, 1u},
                                 {mqa_xla_select_on_cuda, 0u}})
    for (const xla::Api *known : {&api, static_cast<xla::Api *>(nullptr)}) {
      xla::Metadata metadata{};
      xla::MetadataExtension extension{
          {sizeof(extension), xla::kMetadataExtension, nullptr}, &metadata};
      xla::CallFrame frame{};
      frame.header.extension = &extension.extension;
      frame.api = known;
      EXPECT_EQ(handler(&frame), nullptr);
      EXPECT_EQ(metadata.version.major, 0);
      EXPECT_EQ(metadata.version.minor, known ? 9 : xla::kMinorVersion);
      EXPECT_EQ(metadata.traits, traits);
    }
}

TEST_F(XlaHandlersTest, LaunchesOnACpu) {
  loadKernel(makeCpuManifest());
  CpuCall call("cpu");
  expectSuccess(call.run(mqa_xla_launch_on_cpu, xla::Stage::Initialize));
  EXPECT_EQ(finder.op, "cpu");
  EXPECT_EQ(finder.request.kind, MQA_DEVICE_CPU);
  EXPECT_EQ(call.out[0], 0);
  // Other stages ask for nothing.
  expectSuccess(call.run(mqa_xla_launch_on_cpu, xla::Stage::Prepare));
  expectSuccess(call.run(mqa_xla_launch_on_cpu));
  expectSuccess(call.run(mqa_xla_launch_on_cpu));
  EXPECT_EQ(finder.count, 1);
  EXPECT_EQ(call.out[0], 2);
  EXPECT_EQ(call.out[2 * 7 + 3], 2 * 102);
}

TEST_F(XlaHandlersTest, SaysThatThereIsNoKernel) {
  CpuCall call("none");
  expectError(call.run(mqa_xla_launch_on_cpu), xla::kNotFound, "nobody has it");
  mqa_xla_set_find(nullptr);
  expectError(call.run(mqa_xla_launch_on_cpu), xla::kNotFound,
              "nothing finds kernels for custom calls: import mqa.jax");
  // It is asked again.
  mqa_xla_set_find(find);
  loadKernel(makeCpuManifest());
  expectSuccess(call.run(mqa_xla_launch_on_cpu));
  EXPECT_EQ(finder.count, 2);
}

TEST_F(XlaHandlersTest, RefusesOtherCalls) {
  loadKernel(makeCpuManifest());
  auto expectInvalid = [](CpuCall &call, const std::string &message) {
    expectError(call.run(mqa_xla_launch_on_cpu), xla::kInvalidArgument,
                message);
    EXPECT_EQ(call.out[0], 0);
  };
  CpuCall shape("others"), type("others"), rank("others"), few("others"),
      many("others"), empty(""), number("others");
  shape.getOperand(3).dims[1] = 3;
  expectInvalid(shape, "weights must be 5 x 4, found 5 x 3");
  type.getOperand(1).type = DataType::BF16;
  expectInvalid(type, "k has another type than the kernel's, XLA's 16");
  rank.getOperand(1).rank = 1;
  expectInvalid(rank, "k must be 7 x 16, found 7");
  few.dropOperand();
  expectInvalid(few, "the call has no buffer for ke");
  many.addOperand(DataType::S32, many.i, {5});
  expectInvalid(many, "the kernel has 6 operands, the call 7");
  expectInvalid(empty, "the call has no attribute 'op'");
  number.setText("size", "many");
  expectInvalid(number, "attribute 'size' must be a 64-bit integer");
}

TEST_F(XlaHandlersTest, LaunchesOnAGpu) {
  loadKernel(makeGpuManifest());
  XlaCall call("gpu");
  addLogitsOperands(call);
  call.addResult(DataType::F32, address<void>(0x70000000), {301, 4097});
  call.context.stream = address<void>(0x1234);
  getFake().parameterCount = 4 + 2 * 5 + 7;
  expectSuccess(call.run(mqa_xla_launch_on_cuda, xla::Stage::Initialize));
  EXPECT_EQ(finder.request.kind, MQA_DEVICE_CUDA);
  EXPECT_EQ(finder.request.device, 0);
  EXPECT_EQ(finder.request.capability, 90);
  EXPECT_TRUE(getFake().launches.empty());
  expectSuccess(call.run(mqa_xla_launch_on_cuda));
  EXPECT_EQ(finder.count, 1);
  ASSERT_EQ(getFake().launches.size(), 1u);
  const FakeLaunch &launch = getFake().launches.back();
  EXPECT_EQ(launch.stream, address<void>(0x1234));
  EXPECT_EQ(launch.gridX, 132u);
  EXPECT_EQ(launch.parameters[4], 0x50000000u);
  EXPECT_EQ(launch.parameters[14], 0x70000000u);
  // sizes and strides of `out`
  EXPECT_EQ(static_cast<uint32_t>(launch.parameters[17]), 301u);
  EXPECT_EQ(static_cast<uint32_t>(launch.parameters[19]), 4097u);
  call.setInteger("max_multiprocessors", 7);
  expectSuccess(call.run(mqa_xla_launch_on_cuda));
  EXPECT_EQ(getFake().launches.back().gridX, 7u);
  EXPECT_EQ(getFake().pushedContexts, 0);
  call.context.hasStream = false;
  expectError(call.run(mqa_xla_launch_on_cuda), xla::kResourceExhausted,
              "XLA gives no stream for the call");
  // Of a stage that has none, nothing is asked.
  expectSuccess(call.run(mqa_xla_launch_on_cuda, xla::Stage::Initialize));
}

TEST_F(XlaHandlersTest, KeepsScratchOfAStream) {
  loadKernel(makeLogitsTopkManifest());
  size_t needed = 0;
  ASSERT_EQ(mqa_topk_scratch_size(finder.kernel, 301, 4097, &needed),
            MQA_SUCCESS);
  XlaCall call("select");
  addLogitsOperands(call);
  call.addOperand(DataType::S32, address<void>(0x80000000), {301});
  call.addResult(DataType::S32, address<void>(0x90000000), {301, 5});
  call.addResult(DataType::F32, address<void>(0xa0000000), {301, 5});
  auto countCalls = [](const std::string &name) {
    const auto &calls = getFake().calls;
    return std::count(calls.begin(), calls.end(), name);
  };
  expectSuccess(call.run(mqa_xla_select_on_cuda));
  expectSuccess(call.run(mqa_xla_select_on_cuda));
  EXPECT_EQ(getFake().allocations, std::vector<size_t>{needed});
  EXPECT_EQ(countCalls("cuMemsetD32Async"), 1);
  // Of another stream.
  call.context.stream = address<void>(0x1234);
  expectSuccess(call.run(mqa_xla_select_on_cuda));
  EXPECT_EQ(getFake().allocations.size(), 2u);
  EXPECT_EQ(countCalls("cuMemsetD32Async"), 2);
  // It may hold anything behind a launch that failed.
  getFake().failingCall = "cuLaunchKernelEx";
  expectError(call.run(mqa_xla_select_on_cuda), xla::kInternal,
              "cuLaunchKernelEx failed: an illegal memory access was "
              "encountered (CUDA error 700)");
  getFake().failingCall = "";
  expectSuccess(call.run(mqa_xla_select_on_cuda));
  EXPECT_EQ(countCalls("cuMemsetD32Async"), 3);
  EXPECT_EQ(getFake().allocations.size(), 2u);
  expectError(call.run(mqa_xla_launch_on_cuda), xla::kInvalidArgument,
              "kernel 'topk' needs scratch: the call must be of "
              "mqa_xla_select_on_cuda");
}

TEST_F(XlaHandlersTest, TakesACacheOfBytes) {
  loadKernel(makePagedManifest(/*lensRank=*/2));
  XlaCall call("cache");
  call.addOperand(DataType::F8E4M3FN, address<void>(0x10000000),
                  {3, 2, 64, 128});
  call.addOperand(DataType::U8, address<void>(0x20000000), {100, 64, 1, 132});
  call.addOperand(DataType::F32, address<void>(0x40000000), {6, 64});
  call.addOperand(DataType::S32, address<void>(0x50000000), {3, 2});
  call.addOperand(DataType::S32, address<void>(0x60000000), {3, 16});
  call.addResult(DataType::F32, address<void>(0x70000000), {6, 1000});
  expectSuccess(call.run(mqa_xla_launch_on_cuda));
  ASSERT_EQ(getFake().maps.size(), 4u);
  EXPECT_EQ(getFake().maps[1].address, address<void>(0x20000000));
  EXPECT_EQ(getFake().maps[1].strides.back(), 64u * 132);
  EXPECT_EQ(getFake().maps[2].address, address<void>(0x20000000 + 64 * 128));
  EXPECT_EQ(getFake().maps[2].strides.back(), 64u * 132);
  call.getOperand(1).dims[3] = 128;
  expectError(call.run(mqa_xla_launch_on_cuda), xla::kInvalidArgument,
              "a cache of bytes must be * x 64 x 132, for a kernel of 8-bit "
              "keys with scales");
}

TEST_F(XlaHandlersTest, TakesACacheOfMxfp4) {
  nlohmann::json manifest = makePagedManifest(/*lensRank=*/2);
  nlohmann::json &parameters = manifest["kernels"][0]["parameters"];
  parameters[1]["element_type"] = "i8";
  parameters[1]["box"] = {1, 64, 64};
  parameters[1]["swizzle_bytes"] = 64;
  parameters[2]["element_type"] = "i32";
  loadKernel(manifest);
  XlaCall call("cache of mxfp4");
  call.addOperand(DataType::F8E4M3FN, address<void>(0x10000000),
                  {3, 2, 64, 128});
  call.addOperand(DataType::U8, address<void>(0x20000000), {100, 64, 1, 68});
  call.addOperand(DataType::F32, address<void>(0x40000000), {6, 64});
  call.addOperand(DataType::S32, address<void>(0x50000000), {3, 2});
  call.addOperand(DataType::S32, address<void>(0x60000000), {3, 16});
  call.addResult(DataType::F32, address<void>(0x70000000), {6, 1000});
  expectSuccess(call.run(mqa_xla_launch_on_cuda));
  ASSERT_EQ(getFake().maps.size(), 4u);
  EXPECT_EQ(getFake().maps[1].sizes, (std::vector<uint64_t>{64, 64, 100}));
  EXPECT_EQ(getFake().maps[1].strides.back(), 64u * 68);
  EXPECT_EQ(getFake().maps[2].address, address<void>(0x20000000 + 64 * 64));
  EXPECT_EQ(getFake().maps[2].strides.back(), 64u * 68);
  call.getOperand(1).dims[3] = 132;
  expectError(call.run(mqa_xla_launch_on_cuda), xla::kInvalidArgument,
              "a cache of bytes must be * x 64 x 68, for a kernel of 8-bit "
              "keys with scales");
}

/// Lists of up to 40 key blocks for 301 queries.
static void addKeyBlocks(XlaCall &call) {
  call.addOperand(DataType::S32, address<void>(0x80000000), {301, 40});
  call.addOperand(DataType::S32, address<void>(0x90000000), {301});
}

TEST_F(XlaHandlersTest, LogitsAndTopkOfKeyBlocks) {
  loadKernel(makeBlockStepsManifest());
  size_t needed = 0;
  ASSERT_EQ(mqa_topk_scratch_size(finder.kernel, 301, 320, &needed),
            MQA_SUCCESS);
  XlaCall call("blocks and select");
  addLogitsOperands(call);
  addKeyBlocks(call);
  call.addOperand(DataType::S32, address<void>(0xc0000000), {301});
  call.addResult(DataType::S32, address<void>(0xa0000000), {301, 5});
  call.addResult(DataType::F32, address<void>(0xb0000000), {301, 5});
  getFake().parameterCount = 4 + 2 * 5 + 7 + 7 + 5 + 1;
  getFake().parameterCounts["topk$topk"] = 7 + 2 * 5 + 7 + 2 * 5 + 2 * 7 + 1;
  expectSuccess(call.run(mqa_xla_select_on_cuda));
  EXPECT_EQ(getFake().allocations, std::vector<size_t>{needed});
  ASSERT_EQ(getFake().launches.size(), 2u);
  EXPECT_EQ(getFake().launches[0].parameters[21], 0x80000000u);
  EXPECT_EQ(getFake().launches[1].parameters[24], 0x90000000u);
  call.getOperand(7).dims[0] = 300;
  expectError(call.run(mqa_xla_select_on_cuda), xla::kInvalidArgument,
              "num_key_blocks must be 301, found 300");
}

TEST_F(XlaHandlersTest, TopkOfKeyBlocks) {
  loadKernel(makeTopkBlocksManifest());
  auto makeCall = [](int64_t columns) {
    auto call = std::make_unique<XlaCall>("select from blocks");
    call->addOperand(DataType::F32, address<void>(0x10000000), {301, columns});
    for (uintptr_t rows : {0x50000000, 0x60000000, 0x70000000})
      call->addOperand(DataType::S32, address<void>(rows), {301});
    addKeyBlocks(*call);
    call->addResult(DataType::S32, address<void>(0xa0000000), {301, 5});
    call->addResult(DataType::F32, address<void>(0xb0000000), {301, 5});
    call->setInteger("size", 4097);
    return call;
  };
  getFake().parameterCount = 7 + 2 * 5 + 7 + 5 + 5 + 2 * 7 + 1;
  expectSuccess(makeCall(320)->run(mqa_xla_select_on_cuda));
  EXPECT_EQ(getFake().launches.size(), 1u);
  expectError(makeCall(328)->run(mqa_xla_select_on_cuda), xla::kInvalidArgument,
              "num_columns must be max_key_blocks * key_block_size = 320, "
              "found 328");
}

TEST_F(XlaHandlersTest, KeysOfMxfp4) {
  nlohmann::json manifest = makeGpuManifest();
  for (nlohmann::json &parameter : manifest["kernels"][0]["parameters"]) {
    if (parameter["operand"] == "k")
      parameter["element_type"] = "i8";
    if (parameter["operand"] == "k_scale")
      parameter["element_type"] = "i32";
  }
  loadKernel(manifest);
  XlaCall call("mxfp4");
  addLogitsOperands(call);
  call.addResult(DataType::F32, address<void>(0x70000000), {301, 4097});
  call.getOperand(1).type = DataType::S8;
  call.getOperand(2).type = DataType::S32;
  expectError(call.run(mqa_xla_launch_on_cuda), xla::kInvalidArgument,
              "k must be 4097 x 64, found 4097 x 128");
  call.getOperand(1).dims[1] = 64;
  getFake().parameterCount = 4 + 2 * 5 + 7;
  expectSuccess(call.run(mqa_xla_launch_on_cuda));
  EXPECT_EQ(getFake().launches.size(), 1u);
}

TEST_F(XlaHandlersTest, QueriesOfMxfp4) {
  nlohmann::json manifest = makeGpuManifest();
  nlohmann::json &parameters = manifest["kernels"][0]["parameters"];
  parameters[0]["element_type"] = "i8";
  parameters[0]["box"] = {64, 2, 64};
  parameters[0]["swizzle_bytes"] = 0;
  parameters.push_back({{"kind", "tensor_map"},
                        {"operand", "q_scale"},
                        {"element_type", "i32"},
                        {"box", {2, 64}},
                        {"dims", {0, 1}},
                        {"swizzle_bytes", 0}});
  loadKernel(manifest);
  XlaCall call("mxfp4 queries");
  addLogitsOperands(call);
  call.getOperand(0).type = DataType::S8;
  call.addOperand(DataType::S32, address<void>(0x80000000), {301, 64});
  call.addResult(DataType::F32, address<void>(0x70000000), {301, 4097});
  expectError(call.run(mqa_xla_launch_on_cuda), xla::kInvalidArgument,
              "q must be 301 x 64 x 64, found 301 x 64 x 128");
  call.getOperand(0).dims[2] = 64;
  getFake().parameterCount = 4 + 2 * 5 + 7 + 1;
  expectSuccess(call.run(mqa_xla_launch_on_cuda));
  ASSERT_EQ(getFake().maps.size(), 5u);
  EXPECT_EQ(getFake().maps[0].strides, (std::vector<uint64_t>{64 * 64, 64}));
  EXPECT_EQ(getFake().maps[4].address, address<void>(0x80000000));
  EXPECT_EQ(getFake().maps[4].strides, std::vector<uint64_t>{64 * 4});
  call.getOperand(6).dims[1] = 63;
  expectError(call.run(mqa_xla_launch_on_cuda), xla::kInvalidArgument,
              "q_scale must be 301 x 64, found 301 x 63");
  call.dropOperand();
  expectError(call.run(mqa_xla_launch_on_cuda), xla::kInvalidArgument,
              "the call has no buffer for q_scale");
}
