//===- Fp8.h - f8E4M3FN on the host -----------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_COMMON_FP8_H
#define MQA_TOOLS_COMMON_FP8_H

#include <cstdint>

namespace mqa::tools {

/// The largest finite value.
constexpr float kFp8Max = 448.0f;

float decodeFp8(uint8_t bits);

/// Rounds to nearest even; what is too large becomes the largest finite value.
uint8_t encodeFp8(float value);

} // namespace mqa::tools

#endif // MQA_TOOLS_COMMON_FP8_H
