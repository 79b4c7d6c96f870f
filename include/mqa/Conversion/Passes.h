//===- Passes.h - Conversions out of the mqa dialect ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_CONVERSION_PASSES_H
#define MQA_CONVERSION_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir {
namespace mqa {

#define GEN_PASS_DECL
#include "mqa/Conversion/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "mqa/Conversion/Passes.h.inc"

} // namespace mqa
} // namespace mlir

#endif // MQA_CONVERSION_PASSES_H
