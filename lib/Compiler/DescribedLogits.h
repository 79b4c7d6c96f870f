//===- DescribedLogits.h - The text of an op that C describes ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_COMPILER_DESCRIBEDLOGITS_H
#define MQA_LIB_COMPILER_DESCRIBEDLOGITS_H

#include "mqa/Compiler.h"

#include "mlir/Support/LLVM.h"
#include "llvm/Support/Error.h"

#include <string>

namespace mlir {
namespace mqa {

/// A function with one mqa.logits or mqa.paged_logits, as MLIR text; or why
/// `op` cannot be written. The verifier checks what the text says.
llvm::Expected<std::string>
writeDescribedLogits(const mqa_logits_description &op);
llvm::Expected<std::string>
writeDescribedLogits(const mqa_paged_logits_description &op);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_COMPILER_DESCRIBEDLOGITS_H
