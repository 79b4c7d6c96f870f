//===- CpuKernelFixture.h - A kernel of the fake task -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TEST_RUNTIME_CPUKERNELFIXTURE_H
#define MQA_TEST_RUNTIME_CPUKERNELFIXTURE_H

#include "TestBundle.h"

#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

namespace mqa::test {

/// Loads the kernel `name` of an object.
inline mqa_status loadFake(const char *object, const char *name, int threads,
                           mqa_bundle **bundle, mqa_kernel **kernel) {
  nlohmann::json manifest = makeCpuManifest();
  manifest["kernels"][0]["name"] = name;
  if (mqa_status status =
          load(makeBundle(manifest, "object", readFile(object)), bundle))
    return status;
  return mqa_kernel_load(*bundle, name, threads, kernel);
}

/// The fake task's kernel on a 5 x 7 problem.
struct CpuKernelFixture : testing::Test {
  void TearDown() override {
    mqa_kernel_destroy(kernel);
    mqa_bundle_destroy(bundle);
  }
  void loadKernel(int threads) {
    ASSERT_EQ(loadFake(MQA_FAKE_TASK, "logits", threads, &bundle, &kernel),
              MQA_SUCCESS)
        << mqa_last_error();
  }
  mqa_logits_args makeArgs() {
    mqa_logits_args args = {};
    args.q = q, args.q_stride = 64;
    args.k = k, args.k_stride = 16;
    args.k_scale = f, args.k_scale_stride = 1;
    args.weights = f, args.weights_stride = 4;
    args.ks = args.ke = i;
    args.out = out, args.out_stride = 9;
    args.num_queries = 5, args.num_keys = 7;
    return args;
  }
  /// Launches; the status, and whether `out` is as after that one launch.
  mqa_status launch(bool &right) {
    mqa_logits_args args = makeArgs();
    float before = out[9];
    mqa_status status = mqa_logits_launch(kernel, &args, nullptr);
    right = out[9] == before + 1;
    return status;
  }
  uint8_t q[5 * 64] = {}, k[7 * 16] = {};
  float f[20] = {}, out[5 * 9] = {};
  int32_t i[5] = {};
  mqa_bundle *bundle = nullptr;
  mqa_kernel *kernel = nullptr;
};

/// Runs `body`, which returns what is wrong, in a forked child, and returns
/// that; a child that hangs is ended.
template <typename Body> std::string runInChild(Body body) {
  int pipes[2];
  if (pipe(pipes))
    return "no pipe";
  pid_t child = fork();
  if (child == 0) {
    alarm(60);
    std::string wrong = body();
    ssize_t written = write(pipes[1], wrong.data(), wrong.size());
    _exit(written == static_cast<ssize_t>(wrong.size()) ? 0 : 1);
  }
  close(pipes[1]);
  std::string wrong;
  char buffer[256];
  for (ssize_t n; (n = read(pipes[0], buffer, sizeof(buffer))) > 0;)
    wrong.append(buffer, n);
  close(pipes[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status))
    wrong += "ended by signal " + std::to_string(WTERMSIG(status));
  else if (WEXITSTATUS(status))
    wrong += "exit status " + std::to_string(WEXITSTATUS(status));
  return wrong;
}

} // namespace mqa::test

#endif // MQA_TEST_RUNTIME_CPUKERNELFIXTURE_H
