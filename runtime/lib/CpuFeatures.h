//===- CpuFeatures.h - What the processor can do ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_CPUFEATURES_H
#define MQA_RUNTIME_LIB_CPUFEATURES_H

#include "Status.h"

#include <array>
#include <cstdint>
#include <vector>

namespace mqa::runtime {

/// What the processor and the operating system say of themselves. Tests have
/// others than this machine's, of any architecture.
struct CpuIdentity {
  enum class Machine { X86_64, AArch64, Other };

  Machine machine = Machine::Other;
  /// x86-64: registers eax, ebx, ecx, edx of CPUID; zeros where there is no
  /// such leaf.
  std::array<uint32_t, 4> (*readCpuid)(uint32_t leaf,
                                       uint32_t subleaf) = nullptr;
  /// x86-64: the register states that the operating system saves (XCR0); 0
  /// where it says nothing.
  uint64_t savedStates = 0;
  /// AArch64: AT_HWCAP and AT_HWCAP2 of Linux.
  std::array<uint64_t, 2> capabilities{};
  /// Asks the operating system to let this process use the state of this
  /// number; 0, or an errno.
  int (*requestState)(int state) = nullptr;

  static CpuIdentity getHost();
};

enum class FeatureState {
  Present,
  Absent,
  /// The processor has it, and the operating system does not save its
  /// registers.
  NotEnabled,
  /// No feature that this runtime knows.
  Unknown
};

/// Looks for an instruction set by LLVM's name, as a bundle lists it.
FeatureState findCpuFeature(const std::string &name,
                            const CpuIdentity &identity);

/// Refuses a kernel whose list has a feature that this machine lacks.
mqa_status checkCpuFeatures(const std::string &kernel,
                            const std::vector<std::string> &features,
                            const CpuIdentity &identity);

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_CPUFEATURES_H
