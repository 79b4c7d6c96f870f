//===- SubprocessTest.cpp - How programs are run --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Support/Subprocess.h"
#include "mqa/Support/TemporaryFolder.h"

#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace mqa::support;
using namespace std::chrono_literals;

static ProgramResult runShell(const std::string &script,
                              std::chrono::milliseconds limit = 60s) {
  return runProgram("/bin/sh", {"-c", script}, limit);
}

TEST(SubprocessTest, OutputAndExitCode) {
  ProgramResult result = runShell("echo out; echo err >&2");
  EXPECT_EQ(result.failure, "");
  EXPECT_EQ(result.output, "out\nerr\n");
  EXPECT_FALSE(result.unknownExit);
  result = runShell("echo why; exit 3");
  EXPECT_EQ(result.failure, "exit code 3");
  EXPECT_EQ(result.output, "why\n");
  EXPECT_EQ(runShell("kill -9 $$").failure, "signal 9 (Killed)");
  EXPECT_EQ(runProgram("/absent/program", {}, 1s).failure,
            "cannot be started: No such file or directory");
}

TEST(SubprocessTest, NothingToReadAndMuchToSay) {
  EXPECT_EQ(runShell("cat; echo end").output, "end\n");
  ProgramResult result = runShell("yes | head -c 3000000");
  EXPECT_EQ(result.failure, "");
  EXPECT_EQ(result.output.size(), size_t(1) << 20);
}

TEST(SubprocessTest, TimeLimitEndsTheWholeGroup) {
  TemporaryFolder folder;
  std::string file = folder.getPath("pid");
  ProgramResult result =
      runShell("sleep 100 & echo $! > " + file + "; wait", 500ms);
  EXPECT_EQ(result.failure, "stopped after 0 s");
  pid_t below = 0;
  std::ifstream(file) >> below;
  ASSERT_GT(below, 0);
  // Dead, or about to be collected by whoever collects orphans.
  std::string state;
  for (int i = 0; i < 500; ++i) {
    std::ifstream status("/proc/" + std::to_string(below) + "/stat");
    std::string ignored;
    state.clear();
    status >> ignored >> ignored >> state;
    if (state.empty() || state == "Z" || state == "X")
      break;
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_TRUE(state.empty() || state == "Z" || state == "X") << state;
}

TEST(SubprocessTest, ADaemonBelowDoesNotHoldUs) {
  // It has the pipe open after its parent has ended.
  ProgramResult result = runShell("sleep 5 & echo $!");
  EXPECT_EQ(result.failure, "");
  kill(std::stoi(result.output), SIGKILL);
}

static void handle(int) {}

TEST(SubprocessTest, SignalsAndTimersStayTheHosts) {
  struct sigaction before {
  }, after;
  before.sa_handler = handle;
  sigaction(SIGALRM, &before, nullptr);
  itimerval hour{{0, 0}, {3600, 0}}, left;
  setitimer(ITIMER_REAL, &hour, nullptr);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([] {
      for (int j = 0; j < 10; ++j)
        EXPECT_EQ(runShell("true").failure, "");
    });
  for (std::thread &thread : threads)
    thread.join();
  sigaction(SIGALRM, nullptr, &after);
  getitimer(ITIMER_REAL, &left);
  EXPECT_EQ(after.sa_handler, handle);
  EXPECT_GT(left.it_value.tv_sec, 3000);
  itimerval none{};
  setitimer(ITIMER_REAL, &none, nullptr);
  std::signal(SIGALRM, SIG_DFL);
}

TEST(SubprocessTest, TheProgramStartsWithDefaults) {
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &old);
  std::signal(SIGPIPE, SIG_IGN);
  int kept = open("/dev/null", O_RDONLY); // without O_CLOEXEC
  ProgramResult result =
      runShell( // The C library keeps signals 32 and 33 for itself.
          "sed -nE 's/^(Sig(Blk|Ign)):.*(.{7})$/\\1 \\3/p' /proc/self/status; "
          "ls /proc/$$/fd; "
          "test $(cut -d' ' -f5 /proc/$$/stat) = $$ && echo own group");
  close(kept);
  std::signal(SIGPIPE, SIG_DFL);
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  EXPECT_EQ(result.output,
            "SigBlk 0000000\nSigIgn 0000000\n0\n1\n2\nown group\n");
}

TEST(SubprocessTest, ClosedStandardStreams) {
  pid_t child = fork();
  if (!child) {
    for (int descriptor : {0, 1, 2})
      close(descriptor);
    ProgramResult result = runShell("echo out; echo err >&2");
    _exit(result.output == "out\nerr\n" && result.failure.empty() ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(SubprocessTest, HostsThatIgnoreTheirChildren) {
  std::signal(SIGCHLD, SIG_IGN);
  ProgramResult result = runShell("sleep 0.1; echo said; exit 3");
  std::signal(SIGCHLD, SIG_DFL);
  EXPECT_EQ(result.output, "said\n");
  EXPECT_EQ(result.failure, "");
  EXPECT_TRUE(result.unknownExit);
}

TEST(SubprocessTest, HostsThatReapAllChildren) {
  std::atomic<bool> stop{false};
  std::thread reaper([&] {
    while (!stop)
      if (waitpid(-1, nullptr, WNOHANG) <= 0)
        std::this_thread::yield();
  });
  for (int i = 0; i < 20; ++i) {
    ProgramResult result = runShell("echo said");
    EXPECT_EQ(result.output, "said\n");
    EXPECT_EQ(result.failure, "");
  }
  stop = true;
  reaper.join();
}

TEST(TemporaryFolderTest, PrivateAndGone) {
  std::string path;
  {
    TemporaryFolder folder;
    ASSERT_EQ(folder.getError(), "");
    path = folder.getPath("");
    struct stat status;
    ASSERT_EQ(stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0700u);
    std::ofstream(folder.getPath("file")) << "text";
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(TemporaryFolderTest, BadParents) {
  const char *old = getenv("TMPDIR");
  std::string kept = old ? old : "";
  setenv("TMPDIR", "/absent/folder", 1);
  EXPECT_EQ(TemporaryFolder().getError(),
            "cannot create a temporary folder in '/absent/folder': No such "
            "file or directory");
  if (old)
    setenv("TMPDIR", kept.c_str(), 1);
  else
    unsetenv("TMPDIR");
}
