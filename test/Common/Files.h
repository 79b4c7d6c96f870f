//===- Files.h - A folder for a test, and disks that are full ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TEST_COMMON_FILES_H
#define MQA_TEST_COMMON_FILES_H

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <sys/resource.h>
#include <unistd.h>

namespace mqa::test {

/// An empty folder, which goes with the test.
struct FolderFixture : testing::Test {
  void SetUp() override {
    folder = std::filesystem::path(testing::TempDir()) /
             ("mqa-test-" + std::to_string(getpid()));
    std::filesystem::remove_all(folder);
    std::filesystem::create_directory(folder);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  std::filesystem::path folder;
};

/// Files may have that many bytes, as on a disk that is full.
class FileSizeLimit {
public:
  explicit FileSizeLimit(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    rlimit limit = old;
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &old);
    std::signal(SIGXFSZ, SIG_DFL);
  }

private:
  rlimit old;
};

} // namespace mqa::test

#endif // MQA_TEST_COMMON_FILES_H
