//===- MmaSyncLowering.h - mqa.mma_sync to NVVM -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_CONVERSION_MQATONVVM_MMASYNCLOWERING_H
#define MQA_LIB_CONVERSION_MQATONVVM_MMASYNCLOWERING_H

#include "mqa/Dialect/MQA/IR/MQA.h"

namespace mlir {
class LLVMTypeConverter;

namespace mqa {
/// mqa.mma_sync to ldmatrix and mma.sync.
void populateMmaSyncToNVVMPatterns(const LLVMTypeConverter &converter,
                                   RewritePatternSet &patterns);
} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_CONVERSION_MQATONVVM_MMASYNCLOWERING_H
