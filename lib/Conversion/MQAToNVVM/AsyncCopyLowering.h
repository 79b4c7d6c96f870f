//===- AsyncCopyLowering.h - cp.async, and barriers before Hopper -*- C++ -*-=//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_CONVERSION_MQATONVVM_ASYNCCOPYLOWERING_H
#define MQA_LIB_CONVERSION_MQATONVVM_ASYNCCOPYLOWERING_H

#include "mqa/Dialect/MQA/IR/Target.h"

namespace mlir {
class LLVMTypeConverter;
class RewritePatternSet;

namespace mqa {
/// mqa.async_copy and mqa.async_arrive to NVVM, and waits for barriers as the
/// chip has them.
void populateAsyncCopyToNVVMPatterns(const LLVMTypeConverter &converter,
                                     const ChipInfo &chip,
                                     RewritePatternSet &patterns);
} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_CONVERSION_MQATONVVM_ASYNCCOPYLOWERING_H
