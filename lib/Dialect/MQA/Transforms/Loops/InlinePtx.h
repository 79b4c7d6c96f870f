//===- InlinePtx.h - Instructions that LLVM does not look into --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_INLINEPTX_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_INLINEPTX_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir {
namespace mqa {

/// Inline PTX of one result, which also writes memory if it `hasEffects`.
inline Value emitPtx(ImplicitLocOpBuilder &b, Type type, ValueRange operands,
                     StringRef text, StringRef constraints, bool hasEffects) {
  return LLVM::InlineAsmOp::create(
             b, type, operands, text, constraints, hasEffects,
             /*is_align_stack=*/false, LLVM::TailCallKind::None,
             LLVM::AsmDialectAttr(), /*operand_attrs=*/ArrayAttr())
      .getRes();
}

/// The number of this thread, an index, which LLVM must take for another one
/// each time. What follows from it is then computed where it is needed: LLVM
/// would compute all of it ahead of a loop over rows, and ptxas spill it.
inline Value readThread(ImplicitLocOpBuilder &b) {
  Value word = emitPtx(b, b.getI32Type(), {}, "mov.u32 $0, %tid.x;", "=r",
                       /*hasEffects=*/true);
  return arith::IndexCastOp::create(b, b.getIndexType(), word);
}

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_INLINEPTX_H
