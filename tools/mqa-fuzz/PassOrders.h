//===- PassOrders.h - Orders in which a run's passes come -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_MQA_FUZZ_PASSORDERS_H
#define MQA_TOOLS_MQA_FUZZ_PASSORDERS_H

#include <random>
#include <string>
#include <vector>

namespace mqa::fuzz {

/// Draws pipelines from everything that MLIR's registry has: a new pass needs
/// no entry here. To be made after the passes are registered and after the
/// command line is parsed. The same generator gives the same pipeline.
class PassOrders {
public:
  PassOrders();

  /// The text of a pipeline of a module: one registered pass or pipeline, or
  /// the steps of a pipeline with changes, or some passes in any order.
  std::string draw(std::mt19937_64 &random) const;

private:
  using Steps = std::vector<std::string>;

  const std::string &pick(std::mt19937_64 &random) const {
    return entries[random() % entries.size()];
  }
  Steps drawChangedSteps(std::mt19937_64 &random) const;

  /// Each registered pass, nested where it runs, and each pipeline.
  Steps entries;
  /// The passes of each registered pipeline, one by one.
  std::vector<Steps> pipelines;
};

} // namespace mqa::fuzz

#endif // MQA_TOOLS_MQA_FUZZ_PASSORDERS_H
