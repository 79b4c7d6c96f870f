//===- MemoryLowering.h - Addresses of tiles and rows -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_CONVERSION_MQATONVVM_MEMORYLOWERING_H
#define MQA_LIB_CONVERSION_MQATONVVM_MEMORYLOWERING_H

#include "mqa/Dialect/MQA/IR/MQA.h"

namespace mlir {
class LLVMTypeConverter;
class RewritePatternSet;
namespace gpu {
class GPUModuleOp;
} // namespace gpu

namespace mqa {
/// Nothing in the module has the name of its dynamic shared memory.
LogicalResult verifyDynamicMemory(gpu::GPUModuleOp module);

/// Dynamic shared memory, mqa.layout_cast, mqa.row_block, and atomic additions
/// in shared memory to LLVM.
void populateMemoryToNVVMPatterns(const LLVMTypeConverter &converter,
                                  RewritePatternSet &patterns);
} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_CONVERSION_MQATONVVM_MEMORYLOWERING_H
