//===- BundleTest.cpp - What is and what is not a bundle ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Handles.h"
#include "TestBundle.h"

#include <gtest/gtest.h>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stdexcept>

using namespace mqa::test;

static std::string makeValid() {
  return makeBundle(makeGpuManifest(), "ptx", "// PTX");
}

/// Expects that the bundle is refused with a message that holds `message`.
static void expectInvalid(const std::string &bundle,
                          const std::string &message) {
  mqa_bundle *handle = nullptr;
  EXPECT_EQ(load(bundle, &handle), MQA_ERROR_INVALID_BUNDLE);
  EXPECT_EQ(handle, nullptr);
  EXPECT_NE(std::string(mqa_last_error()).find(message), std::string::npos)
      << mqa_last_error();
}

TEST(BundleTest, DescribesItsKernels) {
  mqa_bundle *bundle;
  ASSERT_EQ(load(makeValid(), &bundle), MQA_SUCCESS) << mqa_last_error();
  EXPECT_STREQ(mqa_last_error(), "");
  EXPECT_EQ(mqa_bundle_num_kernels(bundle), 1u);
  mqa_kernel_info info;
  ASSERT_EQ(mqa_bundle_kernel_info(bundle, 0, &info), MQA_SUCCESS);
  EXPECT_STREQ(info.name, "logits");
  EXPECT_STREQ(info.target, "sm_90a");
  EXPECT_EQ(info.num_queries, -1);
  EXPECT_EQ(info.num_heads, 64);
  EXPECT_EQ(info.head_dim, 128);
  EXPECT_EQ(info.num_keys, -1);
  EXPECT_EQ(info.clean, 0);
  EXPECT_EQ(mqa_bundle_kernel_info(bundle, 1, &info), MQA_ERROR_NOT_FOUND);
  EXPECT_STREQ(mqa_last_error(), "the bundle has 1 kernels, index is 1");
  mqa_bundle_destroy(bundle);
}

TEST(BundleTest, NullArguments) {
  mqa_bundle *bundle;
  mqa_kernel_info info;
  EXPECT_EQ(mqa_bundle_load_memory(nullptr, 10, &bundle),
            MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(mqa_last_error(), "data is null");
  EXPECT_EQ(mqa_bundle_load_memory("x", 1, nullptr),
            MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(mqa_last_error(), "bundle is null");
  EXPECT_EQ(mqa_bundle_load_file(nullptr, &bundle), MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(mqa_last_error(), "path is null");
  EXPECT_EQ(mqa_bundle_kernel_info(nullptr, 0, &info),
            MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(mqa_bundle_num_kernels(nullptr), 0u);
  mqa_bundle_destroy(nullptr);
}

TEST(BundleTest, Versions) {
  EXPECT_EQ(mqa_runtime_abi_version(), MQA_RUNTIME_ABI_VERSION);
  EXPECT_STREQ(mqa_runtime_version(), MQA_TEST_VERSION);
}

TEST(BundleTest, EveryTruncationIsRefused) {
  std::string valid = makeValid();
  for (size_t size = 0; size < valid.size(); ++size) {
    mqa_bundle *bundle;
    ASSERT_EQ(load(valid.substr(0, size), &bundle), MQA_ERROR_INVALID_BUNDLE)
        << size;
  }
}

TEST(BundleTest, EveryFlippedBitIsRefused) {
  std::string valid = makeValid();
  for (size_t i = 0; i < valid.size() * 8; ++i) {
    std::string altered = valid;
    altered[i / 8] = static_cast<char>(altered[i / 8] ^ (1 << (i % 8)));
    mqa_bundle *bundle;
    ASSERT_EQ(load(altered, &bundle), MQA_ERROR_INVALID_BUNDLE) << "bit " << i;
  }
}

TEST(BundleTest, Headers) {
  std::string valid = makeValid();
  expectInvalid("", "not an MQA bundle: it has 0 bytes, fewer than a header");
  expectInvalid(std::string(100, 'x'),
                "not an MQA bundle: it does not start with MQABNDL1");
  expectInvalid("MQABNDL2" + valid.substr(8),
                std::string("bundle: layout MQABNDL2; this runtime, mqa ") +
                    mqa_runtime_version() + ", reads MQABNDL1");
  expectInvalid(valid + "x",
                "1 bytes behind the last section are under no checksum");
}

TEST(BundleTest, Sections) {
  expectInvalid(makeBundle(makeGpuManifest(), "nonsense", "x"),
                "unknown section 'nonsense' for target 'sm_90a'");
  expectInvalid(makeBundle(makeGpuManifest(), "object", "x"),
                "unknown section 'object' for target 'sm_90a'");
  expectInvalid(makeBundle(makeCpuManifest(), "ptx", "x"),
                "unknown section 'ptx' for target 'cpu'");
  nlohmann::json manifest = makeGpuManifest();
  manifest["sections"] = nlohmann::json::array();
  expectInvalid(makeBundleOfText(manifest.dump(), ""),
                "holds no code for target 'sm_90a'");
  expectInvalid(makeBundle(makeGpuManifest(), "ptx", std::string("a\0b", 3)),
                "section 'ptx' has a null character");
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

static void expectOfFile(const std::string &path, mqa_status status,
                         const std::string &message) {
  mqa_bundle *bundle = nullptr;
  EXPECT_EQ(mqa_bundle_load_file(path.c_str(), &bundle), status) << path;
  EXPECT_EQ(mqa_last_error(), message);
  mqa_bundle_destroy(bundle);
}

namespace {
/// A file in a folder of its own; both are gone afterwards.
struct BundleFileTest : testing::Test {
  void SetUp() override {
    std::string name = testing::TempDir() + "mqa-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder = name;
    path = folder + "/x.mqa";
  }
  void TearDown() override {
    unlink((folder + "/x.mqa").c_str());
    rmdir(folder.c_str());
  }
  void write(const std::string &data) const {
    std::ofstream(path, std::ios::binary) << data;
  }
  void expect(mqa_status status, const std::string &message) const {
    expectOfFile(path, status, message);
  }
  std::string folder, path;
};
} // namespace

TEST_F(BundleFileTest, Loads) {
  write(makeValid());
  expect(MQA_SUCCESS, "");
}

TEST_F(BundleFileTest, ErrorsNameTheFile) {
  std::string valid = makeValid();
  write(valid.substr(0, valid.size() - 1));
  expect(MQA_ERROR_INVALID_BUNDLE, "bundle '" + path +
                                       "': section 'ptx' ends behind the file: "
                                       "truncated?");
  std::string missing = folder + "/missing.mqa";
  expectOfFile(missing, MQA_ERROR_SYSTEM,
               "cannot read '" + missing + "': No such file or directory");
}

TEST_F(BundleFileTest, ErrorsAreOneLine) {
  expectOfFile("/nonexistent/a\nb\x01", MQA_ERROR_SYSTEM,
               "cannot read '/nonexistent/a b?': No such file or directory");
}

// Nobody writes to the FIFO, and the device has no end.
TEST_F(BundleFileTest, OnlyRegularFiles) {
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  expect(MQA_ERROR_INVALID_BUNDLE,
         "bundle '" + path + "': it is a FIFO, not a regular file");
  expectOfFile("/dev/zero", MQA_ERROR_INVALID_BUNDLE,
               "bundle '/dev/zero': it is a device, not a regular file");
  expectOfFile("/", MQA_ERROR_INVALID_BUNDLE,
               "bundle '/': it is a directory, not a regular file");
}

// What is no bundle, or too large for one, is not read: there is not the memory
// for it.
TEST_F(BundleFileTest, LargeFiles) {
  constexpr off_t kBytes = off_t(1) << 42;
  write("");
  if (truncate(path.c_str(), kBytes))
    GTEST_SKIP() << "no sparse files here";
  expect(MQA_ERROR_INVALID_BUNDLE,
         "bundle '" + path +
             "': not an MQA bundle: it does not start with MQABNDL1");
  write(makeValid());
  ASSERT_EQ(truncate(path.c_str(), kBytes), 0);
  expect(MQA_ERROR_INVALID_BUNDLE,
         "bundle '" + path +
             "': it has 4398046511104 bytes, a bundle has at most 1073741824");
}

TEST_F(BundleFileTest, TooManyOpenFiles) {
  write(makeValid());
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = {0, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  expect(MQA_ERROR_SYSTEM, "cannot read '" + path + "': Too many open files");
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  expect(MQA_SUCCESS, "");
}

TEST(StatusTest, NoMemory) {
  using namespace mqa::runtime;
  EXPECT_EQ(guard([]() -> mqa_status { throw std::bad_alloc(); }),
            MQA_ERROR_SYSTEM);
  EXPECT_STREQ(mqa_last_error(), "out of memory");
  EXPECT_EQ(guard([]() -> mqa_status { throw std::length_error("too long"); }),
            MQA_ERROR_SYSTEM);
  EXPECT_STREQ(mqa_last_error(), "too long");
  EXPECT_EQ(guard([] { return MQA_SUCCESS; }), MQA_SUCCESS);
  EXPECT_STREQ(mqa_last_error(), "");
}
