//===- CpuPeak.h - What a CPU's arithmetic can do ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_MQA_BENCH_CPUPEAK_H
#define MQA_TOOLS_MQA_BENCH_CPUPEAK_H

#include "ThreadPool.h"

#include <string>
#include <vector>

namespace mqa::tools {

/// Arithmetic of one kind. It multiplies values that stay in registers or
/// tiles, and adds the products to accumulators that do not depend on each
/// other: no kernel with the same instructions is faster.
struct PeakUnit {
  const char *name;
  /// Whether this machine has it and lets this process use it.
  bool (*isUsable)();
  /// Runs on the calling thread and returns the sum of all accumulators, which
  /// is kPeakSum for each operation.
  double (*run)(int64_t iterations);
  /// Multiplications and additions of an iteration.
  int64_t operations;
};

/// Operands are 1 and 2 times 1/2 and 1/4, each product as often as the others:
/// exact in every unit while an accumulator stays below 2^22.
constexpr double kPeakSum = 0.28125;

/// The last is plain C++, which every machine runs.
const std::vector<PeakUnit> &getPeakUnits();

/// The unit of this name, or the fastest that this machine has. Ends the
/// program if the machine lacks it.
const PeakUnit &choosePeakUnit(const std::string &name);

/// Some milliseconds of a unit's work, on one thread or on all of a pool.
class PeakLoop {
public:
  PeakLoop(const PeakUnit &unit, runtime::ThreadPool &pool);

  void launchOneThread() const { unit.run(oneThread * kIterations); }
  void launch() const;
  double getOneThreadOperations() const {
    return static_cast<double>(oneThread * kIterations) * unit.operations;
  }
  double getOperations() const {
    return getOneThreadOperations() * pool.getNumThreads();
  }

private:
  /// Of a task, a small part of a launch: a thread that others hold up leaves
  /// its share to the rest, as it does in a kernel.
  static constexpr int64_t kIterations = 4096;

  const PeakUnit &unit;
  runtime::ThreadPool &pool;
  /// Tasks for each thread.
  int64_t oneThread = 1;
};

} // namespace mqa::tools

#endif // MQA_TOOLS_MQA_BENCH_CPUPEAK_H
