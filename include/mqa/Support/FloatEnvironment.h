//===- FloatEnvironment.h - Arithmetic as at a program's start --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_SUPPORT_FLOATENVIRONMENT_H
#define MQA_SUPPORT_FLOATENVIRONMENT_H

#include <cfenv>

namespace mqa::support {

/// For its lifetime, this thread rounds to nearest, keeps subnormals, and masks
/// floating-point exceptions. Then it has its own environment back, flags
/// included.
///
/// Kernels of a CPU rely on it, and so does the compiler: LLVM computes costs,
/// and folds some constants, on the host.
///
/// fenv is enough: the C standard has only rounding and exceptions in it, but
/// fenv_t holds the whole control word of the machine, and the default
/// environment of glibc and of musl is that of a program's start, which flushes
/// no subnormals. A test holds them to it.
class FloatEnvironment {
public:
  FloatEnvironment() {
    std::fegetenv(&own);
    std::fesetenv(FE_DFL_ENV);
  }
  ~FloatEnvironment() { std::fesetenv(&own); }
  FloatEnvironment(const FloatEnvironment &) = delete;

private:
  std::fenv_t own;
};

} // namespace mqa::support

#endif // MQA_SUPPORT_FLOATENVIRONMENT_H
