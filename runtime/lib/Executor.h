//===- Executor.h - Tasks on threads of the caller's ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_EXECUTOR_H
#define MQA_RUNTIME_LIB_EXECUTOR_H

#include "SpareList.h"
#include "TaskRunner.h"

namespace mqa::runtime {

/// Runs tasks as an mqa_executor wants them, and trusts it in nothing that can
/// be checked: a task is run once or not at all, no worker has two at a time,
/// and what went wrong is an error of the run.
class CallersExecutor final : public TaskRunner {
public:
  explicit CallersExecutor(const mqa_executor &executor);
  ~CallersExecutor() override;

  /// What is wrong with it before it has run anything.
  static mqa_status check(const mqa_executor &executor);

  int getNumThreads() const override { return executor.num_threads; }
  mqa_status run(int64_t count, const Task &task) override;

private:
  class Run;
  const mqa_executor executor;
  SpareList<Run> spare;
};

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_EXECUTOR_H
