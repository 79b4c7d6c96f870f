//===- WgmmaLowering.h - Patterns for WGMMA ops -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_CONVERSION_MQATONVVM_WGMMALOWERING_H
#define MQA_LIB_CONVERSION_MQATONVVM_WGMMALOWERING_H

#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/LLVMIR/LLVMTypes.h"

namespace mlir {
class LLVMTypeConverter;

namespace mqa {
/// The struct of f32 in which NVVM holds an accumulator.
LLVM::LLVMStructType getAccumulatorType(FragmentType type);

/// The registers of an operand, as words.
LLVM::LLVMStructType getOperandType(OperandFragmentType type);

/// mqa.wgmma, mqa.wgmma_wait and mqa.unpack_fragment to NVVM.
void populateWgmmaToNVVMPatterns(const LLVMTypeConverter &converter,
                                 RewritePatternSet &patterns);

/// The constant part of the shared-memory matrix descriptor of a K-major tile
/// that lies as `layout` says: swizzle mode and offset between groups of eight
/// rows.
uint64_t getMatrixDescriptorBits(StagedLayoutAttr layout);
} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_CONVERSION_MQATONVVM_WGMMALOWERING_H
