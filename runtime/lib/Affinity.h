//===- Affinity.h - The processors that a thread may run on -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_AFFINITY_H
#define MQA_RUNTIME_LIB_AFFINITY_H

#include <vector>

namespace mqa::runtime {

/// A set of processors.
class Affinity {
public:
  /// Where this thread may run, and the threads that it starts.
  static Affinity getOfThread();

  /// At least 1. All processors of the machine where the set is not known.
  int count() const;
  bool operator==(const Affinity &other) const { return words == other.words; }

private:
  /// A bit each, as the system has them; none: not known.
  std::vector<unsigned long> words;
};

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_AFFINITY_H
