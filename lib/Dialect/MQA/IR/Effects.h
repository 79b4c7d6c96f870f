//===- Effects.h - What ops do with memory ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_IR_EFFECTS_H
#define MQA_LIB_DIALECT_MQA_IR_EFFECTS_H

#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mlir {
namespace mqa {

using EffectList =
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>;

inline void addRead(EffectList &effects, OpOperand &operand) {
  effects.emplace_back(MemoryEffects::Read::get(), &operand,
                       SideEffects::DefaultResource::get());
}

inline void addReads(EffectList &effects, MutableOperandRange operands) {
  for (OpOperand &operand : operands)
    addRead(effects, operand);
}

inline void addWrite(EffectList &effects, OpOperand &operand) {
  effects.emplace_back(MemoryEffects::Write::get(), &operand,
                       SideEffects::DefaultResource::get());
}

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_IR_EFFECTS_H
