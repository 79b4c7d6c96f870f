//===- ProgramLaunchTest.cpp - Launches of compiled host programs ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// With the fake task, and scratch on the fake driver.
//
//===----------------------------------------------------------------------===//

#include "CpuKernelFixture.h"
#include "FakeCuda.h"
#include "LogitsTopkManifest.h"
#include "PagedRowsManifest.h"
#include "mqa/Program.h"

#include <thread>
#include <vector>

using namespace mqa::test;

namespace {
/// A host program that launches one kernel.
struct Program {
  std::string bundle, description;
  int64_t state = 0;
  std::vector<mqa_program_operand> operands;

  void add(const std::string &name, const void *address,
           std::vector<int64_t> sizes, std::vector<int64_t> strides) {
    if (description.empty())
      description = kernel + '\0';
    description += name + '\0';
    mqa_program_operand operand = {};
    operand.address = reinterpret_cast<int64_t>(address);
    operand.rank = static_cast<int64_t>(sizes.size());
    std::copy(sizes.begin(), sizes.end(), operand.sizes);
    std::copy(strides.begin(), strides.end(), operand.strides);
    operands.push_back(operand);
  }

  void launch() {
    mqa_program_memref bytes = {nullptr, bundle.data(), 0,
                                static_cast<int64_t>(bundle.size()), 1};
    mqa_program_memref names = {nullptr, description.data(), 0,
                                static_cast<int64_t>(description.size()), 1};
    mqa_program_memref word = {nullptr, &state, 0, 1, 1};
    mqa_program_memref words = {
        nullptr, operands.data(), 0,
        static_cast<int64_t>(operands.size() * sizeof(operands[0]) / 8), 1};
    _mlir_ciface_mqa_program_launch(&bytes, &names, &word, &words);
  }

  std::string kernel = "logits";
};

struct ProgramLaunchTest : testing::Test {
  void SetUp() override {
    getFake() = FakeCudaState();
    mqa_program_set_error_handler(
        [](void *context, const char *message) {
          static_cast<ProgramLaunchTest *>(context)->messages.push_back(
              message);
        },
        this);
  }
  void TearDown() override {
    mqa_program_set_error_handler(nullptr, nullptr);
    mqa_program_set_stream(nullptr);
  }

  /// The fake task's kernel on a 5 x 7 problem.
  Program makeCpuProgram() {
    Program program;
    program.bundle = makeBundle(makeCpuManifest(), "object", readFakeTask());
    program.add("q", q, {5, 4, 16}, {64, 16, 1});
    program.add("k", k, {7, 16}, {16, 1});
    program.add("k_scale", f, {7}, {1});
    program.add("weights", f, {5, 4}, {4, 1});
    program.add("ks", i, {5}, {1});
    program.add("ke", i, {5}, {1});
    program.add("out", out, {5, 7}, {9, 1});
    return program;
  }

  /// Logits and top-k of so many queries on the fake driver.
  Program makeGpuProgram(int64_t queries, int64_t keys) {
    Program program;
    nlohmann::json manifest = makeLogitsTopkManifest();
    program.kernel = manifest["kernels"][0]["name"];
    program.bundle = makeBundle(manifest, "ptx", "// PTX");
    auto at = [](uint64_t value) { return address<void>(value << 28); };
    program.add("q", at(1), {queries, 64, 128}, {8192, 128, 1});
    program.add("k", at(2), {keys, 128}, {128, 1});
    program.add("k_scale", at(3), {keys}, {1});
    program.add("weights", at(4), {queries, 64}, {64, 1});
    program.add("ks", at(5), {queries}, {1});
    program.add("ke", at(6), {queries}, {1});
    program.add("offset", at(7), {queries}, {1});
    program.add("indices", at(8), {queries, 5}, {6, 1});
    program.add("values", at(9), {queries, 5}, {7, 1});
    return program;
  }

  /// Logits of 11 rows of 3 sequences on the fake driver.
  Program makeRowsProgram() {
    Program program;
    nlohmann::json manifest = makeRowsManifest();
    program.kernel = manifest["kernels"][0]["name"];
    program.bundle = makeBundle(manifest, "ptx", "// PTX");
    auto at = [](uint64_t value) { return address<void>(value << 28); };
    program.add("q", at(1), {11, 64, 128}, {8192, 128, 1});
    program.add("k", at(2), {100, 64, 128}, {8192, 128, 1});
    program.add("k_scale", at(3), {100, 64}, {64, 1});
    program.add("weights", at(4), {11, 64}, {64, 1});
    program.add("context_lens", at(5), {11}, {1});
    program.add("block_table", at(6), {3, 16}, {20, 1});
    program.add("sequence", at(7), {11}, {1});
    program.add("out", at(8), {11, 1000}, {1000, 1});
    return program;
  }

  size_t countCalls(const std::string &name) {
    const std::vector<std::string> &calls = getFake().calls;
    return std::count(calls.begin(), calls.end(), name);
  }

  uint8_t q[5 * 64] = {}, k[7 * 16] = {};
  float f[20] = {}, out[5 * 9] = {};
  int32_t i[5] = {};
  std::vector<std::string> messages;
};
} // namespace

TEST_F(ProgramLaunchTest, LoadsOnceAndLaunches) {
  Program program = makeCpuProgram();
  program.launch();
  EXPECT_EQ(out[9], 1);
  int64_t state = program.state;
  EXPECT_NE(state, 0);
  // Any thread, and what was loaded stays.
  std::string bundle = program.bundle;
  program.bundle.clear();
  std::thread([&] { program.launch(); }).join();
  EXPECT_EQ(out[9], 2);
  EXPECT_EQ(program.state, state);
  EXPECT_TRUE(messages.empty()) << messages.front();
}

TEST_F(ProgramLaunchTest, StridesOfOneRowDoNotMatter) {
  Program program = makeCpuProgram();
  for (mqa_program_operand &operand : program.operands)
    if (operand.sizes[0] == 5) {
      operand.sizes[0] = 1;
      operand.strides[0] = 0;
    }
  program.launch();
  EXPECT_TRUE(messages.empty()) << messages.front();
}

TEST_F(ProgramLaunchTest, SaysWhatIsWrong) {
  auto expect = [&](Program program, const std::string &message) {
    messages.clear();
    program.launch();
    ASSERT_EQ(messages.size(), 1u);
    EXPECT_EQ(messages[0], "mqa: launch of kernel 'logits' failed: " + message);
  };
  Program program = makeCpuProgram();
  program.operands[3].sizes[0] = 4;
  expect(program, "invalid argument: dimension 0 of 'weights' is 4, but 'q' "
                  "has 5");
  program = makeCpuProgram();
  program.operands[6].sizes[1] = 8;
  expect(program, "invalid argument: dimension 1 of 'out' is 8, but 'k' has 7");
  program = makeCpuProgram();
  program.operands[0].strides[0] = 63;
  expect(program, "invalid argument: q_stride must be from 64 to 2^40, found "
                  "63");
  program = makeCpuProgram();
  program.operands.pop_back();
  expect(program, "invalid argument: the program has 60 words for 7 operands "
                  "of 10");
  program = makeCpuProgram();
  program.bundle = "no bundle";
  messages.clear();
  program.launch();
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_NE(messages[0].find("invalid bundle"), std::string::npos)
      << messages[0];
  EXPECT_EQ(program.state, 0);
}

TEST_F(ProgramLaunchTest, RowsOfSequences) {
  Program program = makeRowsProgram();
  program.launch();
  ASSERT_TRUE(messages.empty()) << messages.front();
  // There are as many rows as queries, however many lines the table has.
  ASSERT_EQ(getFake().launches.size(), 1u);
  EXPECT_EQ(getFake().launches[0].gridX, 11u * 8u);
  program.operands[6].sizes[0] = 10;
  program.launch();
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_NE(messages[0].find("dimension 0 of 'sequence' is 10, but 'q' has 11"),
            std::string::npos)
      << messages[0];
}

TEST_F(ProgramLaunchTest, EndsTheProcessWithoutHandler) {
  // Threads of the runtime are there.
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  mqa_program_set_error_handler(nullptr, nullptr);
  Program program = makeCpuProgram();
  program.operands[3].sizes[0] = 4;
  EXPECT_DEATH(program.launch(), "launch of kernel 'logits' failed");
}

TEST_F(ProgramLaunchTest, KeepsScratchOfEachStream) {
  Program program = makeGpuProgram(300, 4097);
  program.launch();
  ASSERT_TRUE(messages.empty()) << messages.front();
  ASSERT_EQ(getFake().launches.size(), 1u);
  ASSERT_EQ(getFake().allocations.size(), 1u);
  EXPECT_EQ(countCalls("cuMemsetD32"), 1u);
  // It is there for the next one, and for smaller ones.
  program.launch();
  EXPECT_EQ(getFake().allocations.size(), 1u);

  void *stream = address<void>(0x1234);
  mqa_program_set_stream(stream);
  program.launch();
  EXPECT_EQ(getFake().allocations.size(), 2u);
  EXPECT_EQ(getFake().launches.back().stream, stream);
  EXPECT_EQ(countCalls("cuMemFree"), 0u);
}

TEST_F(ProgramLaunchTest, ReplacesScratchThatIsTooSmall) {
  Program program = makeGpuProgram(1, 100);
  program.launch();
  ASSERT_EQ(getFake().allocations.size(), 1u);
  size_t size = getFake().allocations[0];
  Program larger = makeGpuProgram(3000, 100);
  larger.state = program.state;
  larger.launch();
  ASSERT_TRUE(messages.empty()) << messages.front();
  ASSERT_EQ(getFake().allocations.size(), 2u);
  EXPECT_GT(getFake().allocations[1], size);
  EXPECT_EQ(countCalls("cuMemFree"), 1u);
  EXPECT_EQ(countCalls("cuStreamSynchronize"), 1u);
}

TEST_F(ProgramLaunchTest, MemoryMayBeExhausted) {
  Program program = makeGpuProgram(300, 4097);
  getFake().failingCall = "cuMemAlloc";
  program.launch();
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_NE(messages[0].find("driver error: cuMemAlloc"), std::string::npos)
      << messages[0];
  EXPECT_TRUE(getFake().launches.empty());
  // The next launch tries again.
  getFake().failingCall = "";
  program.launch();
  EXPECT_EQ(messages.size(), 1u);
  EXPECT_EQ(getFake().launches.size(), 1u);
}
