//===- ObjectLibraryTest.cpp - Objects loaded from memory -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuKernelFixture.h"

#include <cstring>

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>

using namespace mqa::test;

namespace {
struct ObjectLibraryTest : CpuKernelFixture {
  /// The status of loading `object` as the fake task's.
  mqa_status loadObject(const std::string &object) {
    mqa_bundle_destroy(bundle);
    bundle = nullptr;
    if (mqa_status status =
            load(makeBundle(makeCpuManifest(), "object", object), &bundle))
      return status;
    mqa_kernel_destroy(kernel);
    kernel = nullptr;
    return mqa_kernel_load(bundle, nullptr, 1, &kernel);
  }
};
} // namespace

// What other users of memory files do: a library keeps the path that it was
// opened by, when the number in it has become another file's.
TEST_F(ObjectLibraryTest, AnotherLibraryHadTheName) {
  std::string other = readFile(MQA_FAKE_OTHER_TASK);
  int file = memfd_create("other", MFD_CLOEXEC);
  ASSERT_EQ(write(file, other.data(), other.size()), ssize_t(other.size()));
  std::string path = "/proc/self/fd/" + std::to_string(file);
  void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  ASSERT_TRUE(library) << dlerror();
  close(file);
  loadKernel(1);
  bool right;
  EXPECT_EQ(launch(right), MQA_SUCCESS) << mqa_last_error();
  EXPECT_TRUE(right);
  dlclose(library);
}

// What daemons do.
TEST_F(ObjectLibraryTest, AllDescriptorsAreClosed) {
  loadKernel(1);
  EXPECT_EQ(
      runInChild([&]() -> std::string {
        // All but that of the test's own pipe, the highest.
        int last = dup(0);
        for (int file = 3; file < last - 1; ++file)
          if (fcntl(file, F_GETFL) != O_WRONLY)
            close(file);
        close(last);
        mqa_bundle *otherBundle;
        mqa_kernel *first = kernel;
        if (loadFake(MQA_FAKE_OTHER_TASK, "logits", 1, &otherBundle, &kernel))
          return mqa_last_error();
        bool right;
        if (launch(right) || out[9] != 2)
          return "not the second object's logits";
        // Its descriptor is not the first kernel's to close.
        int mine = open("/dev/null", O_RDONLY);
        mqa_kernel_destroy(first);
        return fcntl(mine, F_GETFL) < 0 ? "closed another's file" : "";
      }),
      "");
}

TEST_F(ObjectLibraryTest, ManyAtOnce) {
  std::vector<std::pair<mqa_bundle *, mqa_kernel *>> kernels(70);
  for (size_t n = 0; n < kernels.size(); ++n)
    ASSERT_EQ(loadFake(n % 2 ? MQA_FAKE_OTHER_TASK : MQA_FAKE_TASK, "logits", 1,
                       &kernels[n].first, &kernels[n].second),
              MQA_SUCCESS)
        << mqa_last_error();
  mqa_logits_args args = makeArgs();
  for (size_t n = 0; n < kernels.size(); ++n) {
    out[0] = 0;
    EXPECT_EQ(mqa_logits_launch(kernels[n].second, &args, nullptr),
              MQA_SUCCESS);
    EXPECT_EQ(out[0], n % 2 ? 2 : 1);
    mqa_kernel_destroy(kernels[n].second);
    mqa_bundle_destroy(kernels[n].first);
  }
}

TEST_F(ObjectLibraryTest, NeedsNothingOfTheHost) {
  EXPECT_EQ(loadObject(readFile(MQA_FAKE_TASK_WITH_CALL)),
            MQA_ERROR_INVALID_BUNDLE);
  EXPECT_STREQ(mqa_last_error(),
               "bundle: section 'object' needs the symbol 'expf' of "
               "the host program: kernels call nothing");
  EXPECT_EQ(loadObject(readFile(MQA_FAKE_TASK_WITH_LIBRARY)),
            MQA_ERROR_INVALID_BUNDLE);
  EXPECT_NE(std::string(mqa_last_error()).find("needs the library 'lib"),
            std::string::npos)
      << mqa_last_error();
}

TEST_F(ObjectLibraryTest, OfAnotherMachine) {
  std::string object = readFile(MQA_FAKE_TASK);
  Elf64_Ehdr header;
  std::memcpy(&header, object.data(), sizeof(header));
  header.e_machine = header.e_machine == EM_X86_64 ? EM_AARCH64 : EM_X86_64;
  std::memcpy(object.data(), &header, sizeof(header));
  EXPECT_EQ(loadObject(object), MQA_ERROR_UNSUPPORTED);
  EXPECT_EQ(std::string(mqa_last_error()).find("the bundle is for "), 0u)
      << mqa_last_error();
}

TEST_F(ObjectLibraryTest, Truncated) {
  std::string object = readFile(MQA_FAKE_TASK);
  Elf64_Ehdr header;
  std::memcpy(&header, object.data(), sizeof(header));
  uint64_t end = 0;
  for (int n = 0; n < header.e_phnum; ++n) {
    Elf64_Phdr segment;
    std::memcpy(&segment, &object[header.e_phoff + n * sizeof(segment)],
                sizeof(segment));
    if (segment.p_type == PT_LOAD)
      end = std::max(end, segment.p_offset + segment.p_filesz);
  }
  ASSERT_GT(end, 0u);
  for (uint64_t size = 1; size < end; size += 13)
    EXPECT_EQ(loadObject(object.substr(0, size)), MQA_ERROR_INVALID_BUNDLE)
        << size;
  EXPECT_EQ(loadObject(object.substr(0, end - 1)), MQA_ERROR_INVALID_BUNDLE);
  EXPECT_STREQ(
      mqa_last_error(),
      "bundle: section 'object' has a segment that ends behind it: truncated?");
}

TEST_F(ObjectLibraryTest, NoMoreDescriptors) {
  std::string object = readFile(MQA_FAKE_TASK);
  // The undefined-behaviour sanitizer reads the first object of a class that it
  // comes to through a pipe. So it sees all of them while it can make one: the
  // second load destroys the first.
  for (int load = 0; load < 2; ++load)
    ASSERT_EQ(loadObject(object), MQA_SUCCESS) << mqa_last_error();
  EXPECT_EQ(runInChild([&]() -> std::string {
              int next = dup(0);
              close(next);
              rlimit limit{rlim_t(next) + 1, rlim_t(next) + 1};
              setrlimit(RLIMIT_NOFILE, &limit);
              mqa_status status = loadObject(object);
              return mqa_status_name(status) + std::string(": ") +
                     mqa_last_error();
            }),
            "system error: cannot open a memory file: Too many open files");
}

TEST_F(ObjectLibraryTest, WithoutProc) {
  std::string object = readFile(MQA_FAKE_TASK);
  std::string said = runInChild([&]() -> std::string {
    if ((unshare(CLONE_NEWNS) && unshare(CLONE_NEWUSER | CLONE_NEWNS)) ||
        mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) ||
        mount("none", "/proc", "tmpfs", 0, nullptr))
      return "cannot hide /proc";
    mqa_status status = loadObject(object);
    return mqa_status_name(status) + std::string(": ") + mqa_last_error();
  });
  if (said == "cannot hide /proc")
    GTEST_SKIP() << said;
  EXPECT_EQ(said, "system error: a CPU kernel is loaded through "
                  "/proc/self/fd: /proc is not mounted");
}
