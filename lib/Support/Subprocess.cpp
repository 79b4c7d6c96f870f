//===- Subprocess.cpp - Runs another program ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Support/Subprocess.h"
#include "mqa/Support/Cleanup.h"
#include "mqa/Support/Output.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace mqa::support;
using Clock = std::chrono::steady_clock;

namespace {
/// A descriptor that is closed with the object.
class Descriptor {
public:
  explicit Descriptor(int number = -1) : number(number) {}
  ~Descriptor() { reset(); }
  Descriptor(const Descriptor &) = delete;
  void reset(int other = -1) {
    if (number >= 0)
      close(number);
    number = other;
  }
  int get() const { return number; }

private:
  int number;
};

/// The child's end of the pipe is above the standard streams, also where the
/// host has closed those.
struct Pipe {
  Descriptor read, write;
  int open() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
      return errno;
    read.reset(ends[0]);
    Descriptor low(ends[1]);
    write.reset(fcntl(low.get(), F_DUPFD_CLOEXEC, 3));
    if (write.get() < 0 || fcntl(read.get(), F_SETFL, O_NONBLOCK) < 0)
      return errno;
    return 0;
  }
};

/// How a new program starts, whatever state this process is in.
class SpawnSettings {
public:
  explicit SpawnSettings(int output) {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, 1);
    posix_spawn_file_actions_adddup2(&actions, output, 2);
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETPGROUP);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnSettings(const SpawnSettings &) = delete;

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};
} // namespace

/// Appends what the pipe holds; false at its end.
static bool drain(int pipe, std::string &output) {
  constexpr size_t kMaxOutput = size_t(1) << 20;
  char buffer[4096];
  while (true) {
    ssize_t size = read(pipe, buffer, sizeof(buffer));
    if (size < 0 && errno == EINTR)
      continue;
    if (size < 0)
      return errno == EAGAIN;
    if (size == 0)
      return false;
    // What is over the limit is read too, or the program would wait.
    size_t room = kMaxOutput - output.size();
    output.append(buffer, std::min(room, static_cast<size_t>(size)));
  }
}

namespace {
/// A child that runs, or has ended.
class Child {
public:
  explicit Child(pid_t pid) : pid(pid) {
#ifdef SYS_pidfd_open
    pidfd.reset(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
#endif
  }

  /// Waits until the child ends or `deadline` comes, and collects its output.
  /// False if it still runs.
  bool waitUntil(Clock::time_point deadline, int pipe, std::string &output) {
    bool open = true;
    while (!tryReap()) {
      auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          deadline - Clock::now());
      if (left.count() <= 0)
        return false;
      // Without a descriptor for the child, which old kernels have not, look
      // again after a while.
      constexpr int kWithout = 10;
      int wait = static_cast<int>(std::min<int64_t>(
          left.count() + 1, pidfd.get() < 0 ? kWithout : 60'000));
      pollfd events[2] = {{pidfd.get(), POLLIN, 0},
                          {open ? pipe : -1, POLLIN, 0}};
      poll(events, 2, wait);
      if (events[1].revents)
        open = drain(pipe, output);
    }
    // A child of the child may keep the pipe open: its end does not matter.
    drain(pipe, output);
    return true;
  }

  /// How it ended, if this process has got to know it.
  std::optional<siginfo_t> ending;

private:
  /// Whether the child has ended; also if another thread of the host, or the
  /// kernel, has taken how.
  bool tryReap() {
    siginfo_t info{};
    int result;
    do {
      bool byDescriptor = pidfd.get() >= 0;
      result =
          waitid(byDescriptor ? P_PIDFD : P_PID,
                 byDescriptor ? pidfd.get() : pid, &info, WEXITED | WNOHANG);
    } while (result < 0 && errno == EINTR);
    if (result == 0 && info.si_pid == 0)
      return false;
    if (result == 0)
      ending = info;
    return true;
  }

  pid_t pid;
  Descriptor pidfd;
};
} // namespace

static std::string describeEnding(const siginfo_t &info) {
  if (info.si_code == CLD_EXITED)
    return info.si_status ? "exit code " + std::to_string(info.si_status) : "";
  const char *name = sigdescr_np(info.si_status);
  return "signal " + std::to_string(info.si_status) +
         (name ? " (" + std::string(name) + ")" : "");
}

ProgramResult
mqa::support::runProgram(const std::string &path,
                         const std::vector<std::string> &arguments,
                         std::chrono::milliseconds limit) {
  ProgramResult result;
  Pipe pipe;
  if (int error = pipe.open()) {
    result.failure = "cannot be started: " + getErrorText(error);
    return result;
  }
  std::vector<char *> argv = {const_cast<char *>(path.c_str())};
  for (const std::string &argument : arguments)
    argv.push_back(const_cast<char *>(argument.c_str()));
  argv.push_back(nullptr);
  SpawnSettings settings(pipe.write.get());
  pid_t pid = 0;
  int error = 0;
  Cleanup guard([&] {
    error = posix_spawn(&pid, path.c_str(), &settings.actions,
                        &settings.attributes, argv.data(), environ);
    return Cleanup::Target{"", error ? 0 : pid};
  });
  if (error) {
    result.failure = "cannot be started: " + getErrorText(error);
    return result;
  }
  pipe.write.reset();
  Child child(pid);
  if (!child.waitUntil(Clock::now() + limit, pipe.read.get(), result.output)) {
    kill(-pid, SIGKILL);
    // Even a killed program may hang in the kernel.
    constexpr auto kPatience = std::chrono::seconds(10);
    child.waitUntil(Clock::now() + kPatience, pipe.read.get(), result.output);
    auto seconds = std::chrono::duration_cast<std::chrono::seconds>(limit);
    result.failure = "stopped after " + std::to_string(seconds.count()) + " s";
    return result;
  }
  if (child.ending)
    result.failure = describeEnding(*child.ending);
  else
    result.unknownExit = true;
  return result;
}
