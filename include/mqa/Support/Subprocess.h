//===- Subprocess.h - Runs another program ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_SUPPORT_SUBPROCESS_H
#define MQA_SUPPORT_SUBPROCESS_H

#include <chrono>
#include <string>
#include <vector>

namespace mqa::support {

struct ProgramResult {
  /// "" for exit code 0; else what happened: "exit code 1", "signal 9
  /// (Killed)", "stopped after 120 s", "cannot be started: ...".
  std::string failure;
  /// Another part of the process took the exit code, or SIGCHLD is ignored.
  /// Then `failure` is empty, and only the program's files tell how it went.
  bool unknownExit = false;
  /// What it wrote to standard output and standard error, at most 1 MiB.
  std::string output;
};

/// Runs the program in the file `path` and waits for its end, at most `limit`.
/// Changes nothing in this process: no signal handler, no timer, no mask. The
/// program gets default signal handlers and an empty mask, no open descriptors
/// but its standard streams, nothing to read, and a process group of its own.
ProgramResult runProgram(const std::string &path,
                         const std::vector<std::string> &arguments,
                         std::chrono::milliseconds limit);

} // namespace mqa::support

#endif // MQA_SUPPORT_SUBPROCESS_H
