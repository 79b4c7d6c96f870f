//===- Terminal.cpp - What only a person at a terminal sees ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Terminal.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <sys/ioctl.h>
#include <unistd.h>

using namespace mqa::tools;

/// Whether there is a line to remove.
static bool isShown = false;

bool mqa::tools::isTerminal(int descriptor) {
  const char *kind = std::getenv("TERM");
  return isatty(descriptor) && kind && std::string(kind) != "dumb";
}

/// A line that wraps would not be overwritten.
static size_t getColumns() {
  winsize size = {};
  bool isKnown =
      ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
  return isKnown ? size.ws_col - 1 : 79;
}

void mqa::tools::showProgress(const std::string &text) {
  using Clock = std::chrono::steady_clock;
  static const bool isWanted = isTerminal(STDERR_FILENO);
  static Clock::time_point last;
  // Nobody reads faster.
  constexpr std::chrono::milliseconds kPause(50);
  if (!isWanted || (isShown && Clock::now() - last < kPause))
    return;
  static const int registered = std::atexit(hideProgress);
  (void)registered;
  last = Clock::now();
  isShown = true;
  std::fprintf(stderr, "\r\033[K%s\r", text.substr(0, getColumns()).c_str());
  std::fflush(stderr);
}

void mqa::tools::hideProgress() {
  if (!isShown)
    return;
  isShown = false;
  std::fputs("\r\033[K", stderr);
  std::fflush(stderr);
}

std::string mqa::tools::paint(const std::string &text, Paint color) {
  const char *noColor = std::getenv("NO_COLOR");
  if (!isTerminal(STDOUT_FILENO) || (noColor && *noColor))
    return text;
  return (color == Paint::Good ? "\033[32m" : "\033[31m") + text + "\033[0m";
}
