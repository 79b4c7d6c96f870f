//===- LogitCode.h - Numbers that are ordered as logits are -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The code of a logit is an unsigned number of 32 bits that grows with it:
//
//   logit      -inf      ...  -0, +0     ...  +inf      forced    NaN
//   code       007fffff  ...  80000000   ...  ff800000  ffffffff  0
//
// So a selection by bits of the code is one by logits.
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_LOGITCODE_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_LOGITCODE_H

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir {
namespace mqa {

/// The code of a key that goes before all others.
constexpr int32_t kForcedCode = -1;

/// That of -inf, the least of all logits but NaN.
constexpr int32_t kInfinityCode = 0x007fffff;

/// The code, an i32, of `logit`, an f32.
Value emitCode(ImplicitLocOpBuilder &b, Value logit);

/// The f32 that has `code`; NaN where none has it.
Value emitLogit(ImplicitLocOpBuilder &b, Value code);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_LOGITCODE_H
