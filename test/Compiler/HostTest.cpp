//===- HostTest.cpp - Compiling leaves its process alone ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Common/Files.h"
#include "Common/ThreadLimit.h"
#include "Compilation.h"

#include <cstdlib>
#include <fstream>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace fs = std::filesystem;
using mqa::test::FileSizeLimit;

static Compilation compile(const char *target, const char *cache = nullptr) {
  mqa_logits_description op = makeOp();
  op.num_heads = 16;
  op.head_dim = 32;
  mqa_compile_options options = {target, nullptr, cache};
  return Compilation(mqa_compile_logits(&op, &options));
}

static bool contains(const std::string &text, const char *words) {
  return text.find(words) != std::string::npos;
}

namespace {
/// A folder, and an environment variable that leads there.
struct HostTest : mqa::test::FolderFixture {
  void SetUp() override {
    FolderFixture::SetUp();
    for (const char *name : {"PATH", "TMPDIR"}) {
      const char *value = getenv(name);
      kept.push_back({name, value ? value : ""});
    }
  }
  void TearDown() override {
    for (const auto &[name, value] : kept)
      if (value.empty())
        unsetenv(name.c_str());
      else
        setenv(name.c_str(), value.c_str(), 1);
    FolderFixture::TearDown();
  }
  /// The next `ld` is this script; "$OUT" is its output.
  void putLinker(const std::string &script) {
    fs::path file = folder / "ld";
    std::ofstream(file) << "#!/bin/sh\nfor OUT; do :; done\n" << script << "\n";
    chmod(file.c_str(), 0755);
    std::string path = folder.string() + ":" + kept[0].second;
    setenv("PATH", path.c_str(), 1);
  }
  std::vector<std::pair<std::string, std::string>> kept;
};
} // namespace

//===----------------------------------------------------------------------===//
// Signals
//===----------------------------------------------------------------------===//

static void handle(int) {}

TEST_F(HostTest, TimersAndHandlersStay) {
  struct sigaction given {
  }, after;
  given.sa_handler = handle;
  sigaction(SIGALRM, &given, nullptr);
  itimerval hour{{0, 0}, {3600, 0}}, left, none{};
  setitimer(ITIMER_REAL, &hour, nullptr);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([] {
      for (int j = 0; j < 2; ++j)
        EXPECT_TRUE(compile("cpu").succeeded());
    });
  for (std::thread &thread : threads)
    thread.join();
  sigaction(SIGALRM, nullptr, &after);
  getitimer(ITIMER_REAL, &left);
  setitimer(ITIMER_REAL, &none, nullptr);
  std::signal(SIGALRM, SIG_DFL);
  EXPECT_EQ(after.sa_handler, handle);
  EXPECT_GT(left.it_value.tv_sec, 3000);
}

TEST_F(HostTest, HostsThatIgnoreTheirChildren) {
  std::signal(SIGCHLD, SIG_IGN);
  Compilation good = compile("cpu");
  EXPECT_TRUE(good.succeeded()) << good.diagnostics();
  putLinker("echo no such section >&2; exit 1");
  std::string words = compile("cpu").diagnostics();
  std::signal(SIGCHLD, SIG_DFL);
  EXPECT_TRUE(contains(words, "ended with an unknown exit code, but its output "
                              "cannot be used: No such file or directory: no "
                              "such section"))
      << words;
}

//===----------------------------------------------------------------------===//
// Programs that fail
//===----------------------------------------------------------------------===//

TEST_F(HostTest, LinkersThatFail) {
  std::pair<const char *, const char *> cases[] = {
      {"echo one; echo two >&2; exit 3", "): exit code 3: one; two\n"},
      {"kill -SEGV $$", "): signal 11 (Segmentation fault)\n"},
      {"exit 0", "ended with exit code 0, but its output cannot be used: No "
                 "such file or directory\n"},
      {": > $OUT", "but its output cannot be used: it is empty\n"},
      {"echo text > $OUT", "but its output cannot be used: it is no ELF file"},
      {"PATH=${PATH#*:}; ld \"$@\"; truncate -s 2000 $OUT",
       "but its output cannot be used: "},
      {"PATH=${PATH#*:}; ld \"$@\"; truncate -s -1 $OUT",
       "but its output cannot be used: "},
  };
  for (const auto &[script, words] : cases) {
    putLinker(script);
    Compilation result = compile("cpu");
    EXPECT_FALSE(result.succeeded()) << script;
    EXPECT_TRUE(contains(result.diagnostics(), words)) << result.diagnostics();
    EXPECT_TRUE(contains(result.diagnostics(), (folder / "ld").c_str()));
    EXPECT_EQ(result.diagnostics().find('\n') + 1, result.diagnostics().size())
        << "one line: " << result.diagnostics();
  }
  putLinker("PATH=${PATH#*:}; echo warning; exec ld \"$@\"");
  EXPECT_TRUE(compile("cpu").succeeded());
}

TEST_F(HostTest, NoLinker) {
  setenv("PATH", folder.c_str(), 1);
  std::string words = compile("cpu").diagnostics();
  EXPECT_TRUE(contains(words, "'ld' (binutils) must be on PATH")) << words;
}

//===----------------------------------------------------------------------===//
// No threads
//===----------------------------------------------------------------------===//

// What is compiled for a host starts none: the host has its own.
TEST_F(HostTest, NoThreads) {
  threadsLeft = 0;
  Compilation cpu = compile("cpu"), gpu = compile("sm_90a");
  threadsLeft = -1;
  EXPECT_TRUE(cpu.succeeded()) << cpu.diagnostics();
  EXPECT_TRUE(gpu.succeeded()) << gpu.diagnostics();
}

//===----------------------------------------------------------------------===//
// No room
//===----------------------------------------------------------------------===//

TEST_F(HostTest, NoRoomForTemporaryFiles) {
  setenv("TMPDIR", "/absent/folder", 1);
  std::string words = compile("cpu").diagnostics();
  EXPECT_TRUE(contains(words, "cannot create a temporary folder in "
                              "'/absent/folder': No such file or directory"))
      << words;
  setenv("TMPDIR", folder.c_str(), 1);
  {
    FileSizeLimit limit(100);
    words = compile("cpu").diagnostics();
  }
  EXPECT_TRUE(contains(words, "error: cannot write '")) << words;
  EXPECT_TRUE(contains(words, "File too large")) << words;
  EXPECT_TRUE(fs::is_empty(folder)) << "nothing is left";
}

TEST_F(HostTest, NoRoomInTheCache) {
  std::string cache = (folder / "cache").string();
  size_t size = compile("cpu").bundle().size();
  ASSERT_GT(size, 0u);
  // An entry is a little larger than its bundle, and the linker's files are
  // smaller.
  FileSizeLimit limit(size + 10);
  Compilation result = compile("cpu", cache.c_str());
  EXPECT_TRUE(result.succeeded()) << result.diagnostics();
  EXPECT_EQ(result.diagnostics().find("warning: not kept in the cache: "), 0u)
      << result.diagnostics();
  EXPECT_TRUE(contains(result.diagnostics(), "File too large\n"));
  EXPECT_TRUE(fs::is_empty(cache)) << "nothing is left";
}

TEST_F(HostTest, FullDisks) {
  fs::path disk = folder / "disk";
  fs::create_directory(disk);
  // Seen by this process alone, so that it goes with it.
  if (unshare(CLONE_NEWNS) ||
      mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) ||
      mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=4k,mode=700"))
    GTEST_SKIP() << "may not mount a small file system here";
  std::string cache = (disk / "cache").string();
  fs::create_directory(cache);
  Compilation result = compile("cpu", cache.c_str());
  EXPECT_TRUE(result.succeeded());
  EXPECT_TRUE(contains(result.diagnostics(), "No space left on device"))
      << result.diagnostics();
  setenv("TMPDIR", disk.c_str(), 1);
  std::string words = compile("cpu").diagnostics();
  EXPECT_TRUE(contains(words, "No space left on device")) << words;
  umount(disk.c_str());
}
