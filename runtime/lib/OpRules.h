//===- OpRules.h - All that differs from op to op ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The rules of an op are an object of its own, in a file of its own: which
// fields its kernels have in a manifest, which operands, what a launch checks,
// and how its work is divided. The rest of the runtime asks them.
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_OPRULES_H
#define MQA_RUNTIME_LIB_OPRULES_H

#include "Arguments.h"
#include "Manifest.h"

#include <utility>

namespace mqa::runtime {

/// How many dimensions an operand may have; {0, 0}: the op has no such operand.
using Ranks = std::pair<int, int>;

/// What tells one kernel from another of its name: a field and its value.
using Form = std::vector<std::pair<const char *, int64_t>>;

class OpRules {
public:
  constexpr OpRules(mqa_op op, const char *name, const char *launchFunction)
      : op(op), name(name), launchFunction(launchFunction) {}

  const mqa_op op;
  /// As a manifest has it.
  const char *const name;
  /// The function of the C API that launches its kernels.
  const char *const launchFunction;

  // The manifest.

  /// All fields but `name` and `op`; throws InvalidBundle.
  virtual void readFields(Fields &fields, bool isCpu,
                          KernelDescription &kernel) const = 0;
  virtual Ranks getRanks(Operand operand,
                         const KernelDescription &kernel) const = 0;
  virtual bool isOptional(Operand operand) const = 0;
  /// Whether the number of keys may be a parameter.
  virtual bool takesIndex(const KernelDescription &kernel,
                          bool isCpu) const = 0;
  virtual Form getForm(const KernelDescription &kernel) const = 0;

  // Launches.

  /// Whether anything is written.
  virtual bool hasWork(const KernelDescription &kernel,
                       const Tensors &tensors) const = 0;
  /// Bytes of the caller's memory that a launch on a GPU works in.
  virtual size_t getScratchSize(const KernelDescription &,
                                int64_t /*numQueries*/, int64_t /*numColumns*/,
                                int /*numMultiprocessors*/) const {
    return 0;
  }
  /// Whether that memory must be zero before the first launch.
  virtual bool needsZeroedScratch(const KernelDescription &) const {
    return false;
  }
  /// What only GPU kernels ask of arguments.
  virtual mqa_status checkForGpu(const KernelDescription &,
                                 const Tensors &) const {
    return MQA_SUCCESS;
  }
  /// Blocks of a launch on a GPU.
  virtual int64_t getGrid(const KernelDescription &kernel,
                          const Tensors &tensors,
                          int numMultiprocessors) const = 0;
  /// Tasks of a launch on a CPU: along queries, and along keys.
  virtual std::pair<int64_t, int64_t>
  getTasks(const KernelDescription &kernel, const Tensors &tensors) const = 0;

protected:
  ~OpRules() = default;
};

/// In the order of mqa_op.
const OpRules &getLogitsRules();
const OpRules &getPagedLogitsRules();
const OpRules &getTopkRules();
const OpRules &getMergeTopkRules();
const OpRules &getLogitsTopkRules();
const OpRules &getPagedLogitsTopkRules();

inline int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_OPRULES_H
