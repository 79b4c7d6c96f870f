//===- Output.cpp - Writes files ------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Support/Output.h"
#include "mqa/Support/Cleanup.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

using namespace mqa::support;

std::string mqa::support::getErrorText(int number) {
  return std::error_code(number, std::generic_category()).message();
}

static std::string describe(int number) {
  return number ? getErrorText(number) : std::string();
}

int mqa::support::writeAll(int descriptor, std::string_view data) {
  // Linux writes at most 2 GiB at once.
  constexpr size_t kMaxBytes = size_t(1) << 30;
  while (!data.empty()) {
    ssize_t written =
        write(descriptor, data.data(), std::min(data.size(), kMaxBytes));
    if (written >= 0) {
      data.remove_prefix(written);
      continue;
    }
    if (errno == EAGAIN) {
      // Whoever gave us this pipe does not wait for it; we do.
      pollfd ready{descriptor, POLLOUT, 0};
      if (poll(&ready, 1, -1) < 0 && errno != EINTR)
        return errno;
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

//===----------------------------------------------------------------------===//
// What a path means
//===----------------------------------------------------------------------===//

static bool startsWith(const std::string &text, std::string_view prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

/// The number of this process's descriptor that `path` names.
static std::optional<int> getDescriptor(const std::string &path) {
  std::string own = "/proc/" + std::to_string(getpid()) + "/fd/";
  for (const std::string &folder :
       {std::string("/dev/fd/"), std::string("/proc/self/fd/"),
        std::string("/proc/thread-self/fd/"), own}) {
    if (!startsWith(path, folder))
      continue;
    const char *digits = path.c_str() + folder.size();
    char *end;
    errno = 0;
    long number = strtol(digits, &end, 10);
    if (*digits >= '0' && *digits <= '9' && !*end && !errno &&
        number <= INT_MAX)
      return static_cast<int>(number);
  }
  return std::nullopt;
}

static std::string getFolder(const std::string &path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash + 1);
}

/// Where a chain of symbolic links ends; the end need not exist. A descriptor
/// is an end: what /proc shows as its target may have moved.
static std::string followLinks(std::string path) {
  constexpr int kMaxLinks = 40;
  for (int i = 0; i < kMaxLinks; ++i) {
    if (startsWith(path, "/proc/") || getDescriptor(path))
      return path;
    char target[PATH_MAX];
    ssize_t size = readlink(path.c_str(), target, sizeof(target));
    if (size < 0 || size == sizeof(target))
      return path;
    std::string next(target, size);
    path = next[0] == '/' ? next : getFolder(path) + next;
  }
  return path;
}

//===----------------------------------------------------------------------===//
// Ways to write
//===----------------------------------------------------------------------===//

/// Closes `descriptor`, which some file systems use to report what they could
/// not write. An earlier error counts more.
static int closeAfter(int error, int descriptor) {
  int closed = close(descriptor) ? errno : 0;
  return error ? error : closed == EINTR ? 0 : closed;
}

/// A new empty file in `folder`, in `path`. `guard` removes it if a signal ends
/// the tool.
static int createTemporary(const std::string &folder, mode_t mode,
                           std::string &path, std::optional<Cleanup> &guard) {
  static std::atomic<unsigned> counter{0};
  constexpr int kMaxTries = 100;
  for (int i = 0; i < kMaxTries; ++i) {
    path = folder + ".mqa-" + std::to_string(getpid()) + "-" +
           std::to_string(counter++) + ".tmp";
    int file = -1, error = 0;
    guard.emplace([&] {
      file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
      error = errno;
      return file < 0 ? Cleanup::Target{} : Cleanup::Target{path, 0};
    });
    errno = error;
    if (file >= 0 || error != EEXIST)
      return file;
  }
  return -1;
}

/// Whether the temporary file became like the old one.
static bool copyOwnerAndMode(int file, const struct stat &old) {
  struct stat status;
  if (fstat(file, &status))
    return false;
  bool same = status.st_uid == old.st_uid && status.st_gid == old.st_gid;
  return (same || !fchown(file, old.st_uid, old.st_gid)) &&
         !fchmod(file, old.st_mode & 0777);
}

/// Replaces `path` in one step. Nothing if it cannot be replaced by its like,
/// else the error number.
static std::optional<int> replace(const std::string &path,
                                  const struct stat *old,
                                  std::string_view data) {
  std::string temporary;
  std::optional<Cleanup> guard;
  int file =
      createTemporary(getFolder(path), old ? 0600 : 0666, temporary, guard);
  if (file < 0)
    return old ? std::nullopt : std::optional<int>(errno);
  if (old && !copyOwnerAndMode(file, *old)) {
    close(file);
    unlink(temporary.c_str());
    return std::nullopt;
  }
  if (int error = closeAfter(writeAll(file, data), file)) {
    unlink(temporary.c_str());
    return error;
  }
  if (!rename(temporary.c_str(), path.c_str()))
    return 0;
  // A mount point, or another's file in a sticky folder.
  int error = errno;
  unlink(temporary.c_str());
  return old ? std::nullopt : std::optional<int>(error);
}

/// Writes over a regular file that keeps its identity. Its space is reserved
/// first, so that a full disk is seen while the old bytes are there.
static int overwrite(int file, const struct stat &old, std::string_view data) {
  auto size = static_cast<off_t>(data.size());
  if (size && fallocate(file, 0, 0, size) &&
      (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)) {
    int error = errno;
    (void)!ftruncate(file, old.st_size);
    return error;
  }
  if (int error = writeAll(file, data))
    return error;
  return ftruncate(file, size) ? errno : 0;
}

static int writeDescriptor(int descriptor, std::string_view data) {
  // Its copy is closed, so that errors of closing are seen.
  int copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
  if (copy < 0)
    return errno;
  return closeAfter(writeAll(copy, data), copy);
}

std::string mqa::support::writeOutput(const std::string &path,
                                      std::string_view data) {
  if (path == "-")
    return describe(writeDescriptor(STDOUT_FILENO, data));
  std::string target = followLinks(path);
  if (std::optional<int> descriptor = getDescriptor(target))
    return describe(writeDescriptor(*descriptor, data));
  struct stat old;
  if (stat(target.c_str(), &old)) {
    if (errno != ENOENT || target.empty())
      return describe(errno);
    return describe(*replace(target, nullptr, data));
  }
  // Asks whether we may write, which replacing would not.
  int file = open(target.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY);
  if (file < 0)
    return describe(errno);
  if (!S_ISREG(old.st_mode))
    return describe(closeAfter(writeAll(file, data), file));
  if (old.st_nlink == 1 && !startsWith(target, "/proc/"))
    if (std::optional<int> error = replace(target, &old, data)) {
      close(file);
      return describe(*error);
    }
  return describe(closeAfter(overwrite(file, old, data), file));
}
