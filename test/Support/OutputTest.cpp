//===- OutputTest.cpp - How files are written -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Support/Output.h"

#include "Common/Files.h"

#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <thread>
#include <unistd.h>

using namespace mqa::support;
using namespace mqa::test;
namespace fs = std::filesystem;

namespace {
struct OutputTest : FolderFixture {
  std::string path(const char *name) { return (folder / name).string(); }
  void put(const char *name, const std::string &text) {
    std::ofstream(folder / name) << text;
  }
  std::string get(const char *name) {
    std::ostringstream text;
    text << std::ifstream(folder / name).rdbuf();
    return text.str();
  }
  struct stat look(const char *name) {
    struct stat status {};
    EXPECT_EQ(lstat(path(name).c_str(), &status), 0) << name;
    return status;
  }
  /// Nothing temporary is left.
  size_t countFiles() {
    return std::distance(fs::directory_iterator(folder), {});
  }
};
} // namespace

TEST_F(OutputTest, NewFilesObeyTheMask) {
  mode_t mask = umask(027);
  EXPECT_EQ(writeOutput(path("new"), "text"), "");
  umask(mask);
  EXPECT_EQ(get("new"), "text");
  EXPECT_EQ(look("new").st_mode & 07777, 0640u);
}

TEST_F(OutputTest, RegularFilesAreReplacedWithTheirMode) {
  put("old", "old text");
  chmod(path("old").c_str(), 0600);
  ino_t before = look("old").st_ino;
  // Whoever reads the old file goes on reading it.
  std::ifstream reader(path("old"));
  EXPECT_EQ(writeOutput(path("old"), "new"), "");
  EXPECT_EQ(get("old"), "new");
  EXPECT_NE(look("old").st_ino, before);
  EXPECT_EQ(look("old").st_mode & 07777, 0600u);
  std::string word;
  reader >> word;
  EXPECT_EQ(word, "old");
}

TEST_F(OutputTest, RegularFilesKeepTheirOwner) {
  if (geteuid() != 0)
    GTEST_SKIP() << "only root can give a file away";
  put("old", "old");
  ASSERT_EQ(chown(path("old").c_str(), 12345, 54321), 0);
  EXPECT_EQ(writeOutput(path("old"), "new"), "");
  EXPECT_EQ(look("old").st_uid, 12345u);
  EXPECT_EQ(look("old").st_gid, 54321u);
}

TEST_F(OutputTest, LinksAreFollowed) {
  put("target", "old");
  fs::create_symlink("target", folder / "link");
  fs::create_symlink(folder / "link", folder / "again");
  EXPECT_EQ(writeOutput(path("again"), "new"), "");
  EXPECT_TRUE(fs::is_symlink(folder / "again"));
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(get("target"), "new");
  fs::create_symlink("absent", folder / "dangling");
  EXPECT_EQ(writeOutput(path("dangling"), "made"), "");
  EXPECT_EQ(get("absent"), "made");
  fs::create_symlink("loop", folder / "loop");
  EXPECT_NE(writeOutput(path("loop"), "x"), "");
  EXPECT_TRUE(fs::is_symlink(folder / "loop"));
}

TEST_F(OutputTest, HardLinksStayLinks) {
  put("one", "a long old text");
  fs::create_hard_link(folder / "one", folder / "two");
  EXPECT_EQ(writeOutput(path("two"), "new"), "");
  EXPECT_EQ(get("one"), "new");
  EXPECT_EQ(look("one").st_ino, look("two").st_ino);
}

TEST_F(OutputTest, PipesAreWrittenTo) {
  ASSERT_EQ(mkfifo(path("pipe").c_str(), 0600), 0);
  std::string read;
  std::thread reader([&] { read = get("pipe"); });
  EXPECT_EQ(writeOutput(path("pipe"), "through"), "");
  reader.join();
  EXPECT_EQ(read, "through");
  EXPECT_TRUE(S_ISFIFO(look("pipe").st_mode));
}

TEST_F(OutputTest, DevicesAreWrittenTo) {
  EXPECT_EQ(writeOutput("/dev/null", "x"), "");
  // A node of our own, so that nothing happens to that of the machine.
  if (mknod(path("full").c_str(), S_IFCHR | 0600, makedev(1, 7)))
    GTEST_SKIP() << "cannot make a device node here";
  EXPECT_EQ(writeOutput(path("full"), "x"), "No space left on device");
  EXPECT_TRUE(S_ISCHR(look("full").st_mode));
}

TEST_F(OutputTest, DescriptorsAreWrittenTo) {
  for (const char *form : {"/dev/fd/", "/proc/self/fd/"}) {
    put("log", "before ");
    int file = open(path("log").c_str(), O_WRONLY | O_APPEND);
    ino_t inode = look("log").st_ino;
    EXPECT_EQ(writeOutput(form + std::to_string(file), "after"), "");
    // By a link to it too, as /dev/stdout is one.
    fs::remove(folder / "stdout");
    fs::create_symlink(form + std::to_string(file), folder / "stdout");
    EXPECT_EQ(writeOutput(path("stdout"), "!"), "");
    EXPECT_TRUE(fs::is_symlink(folder / "stdout"));
    close(file);
    EXPECT_EQ(get("log"), "before after!");
    EXPECT_EQ(look("log").st_ino, inode);
    EXPECT_EQ(writeOutput(form + std::to_string(file), "x"),
              "Bad file descriptor");
  }
}

TEST_F(OutputTest, BrokenPipesAreErrors) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  std::signal(SIGPIPE, SIG_IGN);
  EXPECT_EQ(writeOutput("/dev/fd/" + std::to_string(ends[1]), "x"),
            "Broken pipe");
  std::signal(SIGPIPE, SIG_DFL);
  close(ends[1]);
}

TEST_F(OutputTest, PipesThatDoNotWait) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_NONBLOCK), 0);
  std::string large(1 << 20, 'x');
  size_t count = 0;
  std::thread reader([&] {
    char buffer[65536];
    while (count < large.size()) {
      ssize_t size = read(ends[0], buffer, sizeof(buffer));
      count += std::max<ssize_t>(size, 0);
      std::this_thread::yield();
    }
  });
  EXPECT_EQ(writeAll(ends[1], large), 0);
  reader.join();
  EXPECT_EQ(count, large.size());
  close(ends[0]);
  close(ends[1]);
}

TEST_F(OutputTest, AFullDiskLeavesTheOldFile) {
  put("old", "precious");
  put("linked", "precious");
  fs::create_hard_link(folder / "linked", folder / "other");
  size_t files = countFiles();
  FileSizeLimit limit(1000);
  std::string large(5000, 'x');
  for (const char *name : {"old", "linked"}) {
    EXPECT_EQ(writeOutput(path(name), large), "File too large");
    EXPECT_EQ(get(name), "precious");
  }
  EXPECT_EQ(writeOutput(path("new"), large), "File too large");
  EXPECT_FALSE(fs::exists(folder / "new"));
  EXPECT_EQ(countFiles(), files);
}

TEST_F(OutputTest, WhatMayNotBeWrittenIsRefused) {
  EXPECT_EQ(writeOutput(path("absent/file"), "x"), "No such file or directory");
  EXPECT_EQ(writeOutput(folder.string(), "x"), "Is a directory");
  EXPECT_EQ(writeOutput("", "x"), "No such file or directory");
  put("file", "text");
  EXPECT_EQ(writeOutput(path("file/below"), "x"), "Not a directory");
  if (geteuid() == 0)
    GTEST_SKIP() << "root may write everything";
  chmod(path("file").c_str(), 0444);
  EXPECT_EQ(writeOutput(path("file"), "x"), "Permission denied");
  EXPECT_EQ(get("file"), "text");
  // The file may be written but not replaced.
  put("held", "a long old text");
  chmod(folder.c_str(), 0500);
  EXPECT_EQ(writeOutput(path("held"), "new"), "");
  chmod(folder.c_str(), 0700);
  EXPECT_EQ(get("held"), "new");
}
