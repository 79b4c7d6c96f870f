//===- TaskRunner.h - Who runs the tasks of a launch ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_TASKRUNNER_H
#define MQA_RUNTIME_LIB_TASKRUNNER_H

#include "Status.h"

#include <cstdint>
#include <functional>

namespace mqa::runtime {

/// Threads, of whomever they are.
class TaskRunner {
public:
  /// Task `i`, as worker `worker`: no two tasks of a run have the same worker
  /// at the same time.
  using Task = std::function<void(int64_t i, int worker)>;

  /// For which a worker's number must do.
  static constexpr int kMaxThreads = 4096;

  virtual ~TaskRunner() = default;

  /// Workers are numbered from 0 up to it.
  virtual int getNumThreads() const = 0;

  /// Calls task(i, worker) for 0 <= i < count, in any order, with floating
  /// point as FloatEnvironment has it, and returns when all are done. Several
  /// threads may call it at once: runs share the threads.
  virtual mqa_status run(int64_t count, const Task &task) = 0;
};

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_TASKRUNNER_H
