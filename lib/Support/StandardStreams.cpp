//===- StandardStreams.cpp - Standard output and error of a tool ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Support/Output.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <unistd.h>

/// Puts a descriptor in each place of 0 to 2 that is closed. It cannot be used
/// in the stream's direction: whoever writes to closed output shall see that.
static void fillStandardDescriptors() {
  for (int descriptor = 0; descriptor <= 2; ++descriptor)
    if (fcntl(descriptor, F_GETFD) < 0 && errno == EBADF)
      // The lowest number that is free is this one.
      (void)!open("/dev/null", descriptor ? O_RDONLY : O_WRONLY);
}

/// Runs at exit with the tool's exit code and its name.
static void checkStreams(int code, void *toolName) {
  errno = 0;
  bool outFailed = std::fflush(stdout) || std::ferror(stdout);
  int number = errno;
  bool errFailed = std::fflush(stderr) || std::ferror(stderr);
  if (code || !(outFailed || errFailed))
    return;
  if (outFailed) {
    std::string reason =
        number ? ": " + mqa::support::getErrorText(number) : std::string();
    std::fprintf(stderr, "%s: error: cannot write to standard output%s\n",
                 static_cast<const char *>(toolName), reason.c_str());
  }
  _exit(1);
}

void mqa::support::guardStandardStreams(const char *toolName) {
  fillStandardDescriptors();
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  on_exit(checkStreams, const_cast<char *>(toolName));
}
