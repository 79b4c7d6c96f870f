//===- EmitLogits.h - The op of logits that were found ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_CONVERSION_LINALGTOMQA_EMITLOGITS_H
#define MQA_LIB_CONVERSION_LINALGTOMQA_EMITLOGITS_H

#include "MatchLogits.h"

namespace mlir {
namespace mqa {

/// An mqa.logits with its operands, and its result as a tensor of this type.
Value emitLogits(OpBuilder &b, Location loc, LogitsMatch &match,
                 RankedTensorType type);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_CONVERSION_LINALGTOMQA_EMITLOGITS_H
