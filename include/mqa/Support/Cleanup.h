//===- Cleanup.h - What a signal must not leave behind ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_SUPPORT_CLEANUP_H
#define MQA_SUPPORT_CLEANUP_H

#include <list>
#include <string>
#include <sys/types.h>

namespace mqa::support {

/// For the start of a tool's `main`, before there are threads. On SIGHUP,
/// SIGINT and SIGTERM everything under a `Cleanup` goes, and then the tool ends
/// by that signal. A library does not call this: signals are its host's.
void cleanUpOnSignals();

/// A temporary file or folder, or a running program, for as long as the object
/// lives. Does nothing where `cleanUpOnSignals` was not called.
class Cleanup {
public:
  struct Target {
    /// A file or a folder with all that is in it; "" for none.
    std::string path;
    /// 0 for none.
    pid_t processGroup = 0;
  };

  /// `create` makes the target and returns it. No signal is handled between
  /// the two.
  template <typename Create> explicit Cleanup(Create create) {
    begin();
    Target target = create();
    end(std::move(target));
  }
  ~Cleanup();
  Cleanup(const Cleanup &) = delete;
  Cleanup &operator=(const Cleanup &) = delete;

private:
  void begin();
  void end(Target target);

  bool registered = false;
  std::list<Target>::iterator entry;
};

} // namespace mqa::support

#endif // MQA_SUPPORT_CLEANUP_H
