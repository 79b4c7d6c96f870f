//===- FloatEnvironment.h - The arithmetic that kernels rely on -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_FLOATENVIRONMENT_H
#define MQA_RUNTIME_LIB_FLOATENVIRONMENT_H

#include <cfenv>

namespace mqa::runtime {

/// For its lifetime, this thread rounds to nearest, keeps subnormals, and masks
/// floating-point exceptions. Then it has its own environment back, flags
/// included.
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

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_FLOATENVIRONMENT_H
