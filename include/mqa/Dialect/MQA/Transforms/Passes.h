//===- Passes.h - Passes over the mqa dialect -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_DIALECT_MQA_TRANSFORMS_PASSES_H
#define MQA_DIALECT_MQA_TRANSFORMS_PASSES_H

#include "mqa/Dialect/MQA/IR/Target.h"

#include "mlir/Pass/Pass.h"

namespace mlir {
namespace mqa {

#define GEN_PASS_DECL
#include "mqa/Dialect/MQA/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "mqa/Dialect/MQA/Transforms/Passes.h.inc"

} // namespace mqa
} // namespace mlir

#endif // MQA_DIALECT_MQA_TRANSFORMS_PASSES_H
