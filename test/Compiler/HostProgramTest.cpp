//===- HostProgramTest.cpp - Compiled kernels in a host of their own kind -===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A host that exports functions, has threads with small stacks, forks, and
// rounds as it likes. (HostFunctions.c has what it exports.)
//
//===----------------------------------------------------------------------===//

#include "mqa/Compiler.h"
#include "mqa/Runtime.h"

#include <gtest/gtest.h>

#include <cfenv>
#include <set>
#include <string>
#include <vector>

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

extern "C" {
extern int host_calls;
extern volatile int host_watches;
}

/// A kernel of `heads` heads with keys in `groups` groups.
static std::string makeText(const std::string &name, int heads, int groups,
                            int headDim, const std::string &type) {
  std::string h = std::to_string(heads), g = std::to_string(groups),
              d = std::to_string(headDim);
  std::string q = "tensor<?x" + h + "x" + d + "x" + type + ">",
              k = "tensor<?x" + g + "x" + d + "x" + type + ">",
              i = "tensor<?xi32>", out = "tensor<?x?xf32>";
  return "func.func @" + name + "(%q: " + q + ", %k: " + k + ", %ks: " + i +
         ", %ke: " + i + ", %out: " + out + ") -> " + out +
         " {\n  %0 = mqa.logits ins(%q, %k, none, none, %ks, %ke : " + q +
         ", " + k + ", " + i + ", " + i + ") outs(%out : " + out +
         ") {clean} -> " + out + "\n  return %0 : " + out + "\n}\n";
}

static std::string compile(const std::string &text) {
  mqa_compile_options options = {"cpu", nullptr, nullptr};
  mqa_compilation *compilation =
      mqa_compile_text(text.data(), text.size(), &options);
  EXPECT_TRUE(mqa_compilation_succeeded(compilation))
      << mqa_compilation_diagnostics(compilation);
  size_t size;
  auto *data =
      static_cast<const char *>(mqa_compilation_bundle(compilation, &size));
  std::string bundle(data, size);
  mqa_compilation_destroy(compilation);
  return bundle;
}

namespace {
/// A loaded kernel and a problem for it: 20 x 300, of f16.
struct Problem {
  Problem(const std::string &bundle, const char *name, int heads, int groups,
          int headDim) {
    EXPECT_EQ(mqa_bundle_load_memory(bundle.data(), bundle.size(), &handle),
              MQA_SUCCESS)
        << mqa_last_error();
    EXPECT_EQ(mqa_kernel_load(handle, name, 3, &kernel), MQA_SUCCESS)
        << mqa_last_error();
    q.resize(kQueries * heads * headDim);
    k.resize(kKeys * groups * headDim);
    unsigned state = 1;
    auto draw = [&](std::vector<uint16_t> &values) {
      // Between 1 and 2 either way: sums that round.
      for (uint16_t &value : values) {
        state = state * 1664525u + 1013904223u;
        value = 0x3c00 | (state >> 8 & 0x83ff);
      }
    };
    draw(q);
    draw(k);
    ks.assign(kQueries, 3);
    ke.assign(kQueries, kKeys - 2);
    args.q = q.data();
    args.q_stride = heads * headDim;
    args.k = k.data();
    args.k_stride = groups * headDim;
    args.ks = ks.data();
    args.ke = ke.data();
    args.out_stride = kKeys;
    args.num_queries = kQueries;
    args.num_keys = kKeys;
  }
  ~Problem() {
    mqa_kernel_destroy(kernel);
    mqa_bundle_destroy(handle);
  }
  std::vector<float> launch() {
    std::vector<float> out(kQueries * kKeys);
    mqa_logits_args copy = args;
    copy.out = out.data();
    status = mqa_logits_launch(kernel, &copy, nullptr);
    return out;
  }
  static constexpr int kQueries = 20, kKeys = 300;
  mqa_bundle *handle = nullptr;
  mqa_kernel *kernel = nullptr;
  std::vector<uint16_t> q, k;
  std::vector<int32_t> ks, ke;
  mqa_logits_args args = {};
  mqa_status status = MQA_SUCCESS;
};
} // namespace

TEST(HostProgramTest, NoFunctionOfTheHostIsCalled) {
  // The compiler takes no name of a function that LLVM may call.
  std::vector<std::string> names = {"logits", "dlopen", "pthread_create",
                                    "mqa_kernel_load"};
  std::string text;
  for (const std::string &name : names)
    text += makeText(name, 4, 2, 32, "f16");
  std::string bundle = compile(text + makeText("plain", 4, 2, 32, "f16"));
  std::vector<float> expected = Problem(bundle, "plain", 4, 2, 32).launch();
  EXPECT_NE(std::set<float>(expected.begin(), expected.end()).size(), 1u);
  for (const std::string &name : names) {
    Problem problem(bundle, name.c_str(), 4, 2, 32);
    host_calls = 0;
    host_watches = 1;
    std::vector<float> out = problem.launch();
    host_watches = 0;
    EXPECT_EQ(problem.status, MQA_SUCCESS) << mqa_last_error();
    EXPECT_EQ(host_calls, 0) << name;
    EXPECT_EQ(out, expected) << name;
  }
}

TEST(HostProgramTest, ACallerWithASmallStack) {
  // Scratch of 16 MB.
  std::string bundle = compile(makeText("logits", 128, 128, 256, "f16"));
  Problem problem(bundle, "logits", 128, 128, 256);
  std::vector<float> expected = problem.launch(), out;
  struct Call {
    Problem &problem;
    std::vector<float> &out;
  } call{problem, out};
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, 32 << 10), 0);
  pthread_t thread;
  ASSERT_EQ(pthread_create(
                &thread, &attributes,
                [](void *argument) -> void * {
                  auto *call = static_cast<Call *>(argument);
                  call->out = call->problem.launch();
                  return nullptr;
                },
                &call),
            0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
  EXPECT_EQ(problem.status, MQA_SUCCESS) << mqa_last_error();
  EXPECT_EQ(out, expected);
}

TEST(HostProgramTest, ACallerThatRoundsOtherwise) {
  std::string text = makeText("logits", 4, 2, 32, "f16");
  std::string bundle = compile(text);
  Problem problem(bundle, "logits", 4, 2, 32);
  std::vector<float> expected = problem.launch();
  for (int rounding : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
    std::fesetround(rounding);
    std::vector<float> out = problem.launch();
    std::string compiled = compile(text);
    EXPECT_EQ(std::fegetround(), rounding);
    std::fesetround(FE_TONEAREST);
    EXPECT_EQ(problem.status, MQA_SUCCESS) << mqa_last_error();
    EXPECT_EQ(out, expected) << rounding;
    EXPECT_TRUE(compiled == bundle) << rounding;
  }
}

#ifdef __GLIBC__
TEST(HostProgramTest, ACallerWithTraps) {
  std::string text = makeText("logits", 4, 2, 32, "f16");
  std::feclearexcept(FE_ALL_EXCEPT);
  feenableexcept(FE_ALL_EXCEPT);
  mqa_compile_options options = {"cpu", nullptr, nullptr};
  mqa_compilation *compilation =
      mqa_compile_text(text.data(), text.size(), &options);
  int flags = std::fetestexcept(FE_ALL_EXCEPT);
  fedisableexcept(FE_ALL_EXCEPT);
  EXPECT_TRUE(mqa_compilation_succeeded(compilation))
      << mqa_compilation_diagnostics(compilation);
  EXPECT_EQ(flags, 0);
  mqa_compilation_destroy(compilation);
}
#endif

TEST(HostProgramTest, AForkedChild) {
  std::string bundle = compile(makeText("logits", 4, 2, 32, "f16"));
  Problem problem(bundle, "logits", 4, 2, 32);
  std::vector<float> expected = problem.launch();
  pid_t child = fork();
  if (child == 0) {
    alarm(60);
    _exit(problem.launch() == expected && !problem.status ? 0 : 1);
  }
  int status;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}
