//===- FloatEnvironment.h - Arithmetic while compiling ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_COMPILER_FLOATENVIRONMENT_H
#define MQA_COMPILER_FLOATENVIRONMENT_H

#include <cfenv>

namespace mlir::mqa {

/// For its lifetime, this thread rounds to nearest, keeps subnormals, and masks
/// floating-point exceptions: LLVM computes costs, and folds some constants, on
/// the host. Then the caller has its own environment back, flags included.
/// (The runtime has the same for kernels; neither layer includes the other.)
class FloatEnvironment {
public:
  FloatEnvironment() {
    std::fegetenv(&callers);
    std::fesetenv(FE_DFL_ENV);
  }
  ~FloatEnvironment() { std::fesetenv(&callers); }
  FloatEnvironment(const FloatEnvironment &) = delete;

private:
  std::fenv_t callers;
};

} // namespace mlir::mqa

#endif // MQA_COMPILER_FLOATENVIRONMENT_H
