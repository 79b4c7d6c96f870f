//===- MQA.h - The mqa dialect ----------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_DIALECT_MQA_IR_MQA_H
#define MQA_DIALECT_MQA_IR_MQA_H

#include "mqa/Dialect/MQA/IR/MxFormat.h"
#include "mqa/Dialect/MQA/IR/Target.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/TilingInterface.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

#include "mqa/Dialect/MQA/IR/MQADialect.h.inc"
#include "mqa/Dialect/MQA/IR/MQAEnums.h.inc"

namespace mlir {
namespace mqa {
class KernelOpInterface;
class TopkOp;
} // namespace mqa
} // namespace mlir

#define GET_ATTRDEF_CLASSES
#include "mqa/Dialect/MQA/IR/MQAAttrs.h.inc"

#include "mqa/Dialect/MQA/IR/MQAInterfaces.h.inc"

#define GET_TYPEDEF_CLASSES
#include "mqa/Dialect/MQA/IR/MQATypes.h.inc"

namespace mlir {
namespace mqa {

/// No operand or result of `op` has a negative size.
LogicalResult verifyNoNegativeSizes(Operation *op);

/// The results of an op with these outputs, of which some may be null: an op on
/// tensors has one for each, and one on memrefs none.
SmallVector<Type> getResultTypesOf(ArrayRef<Value> outputs);
inline Type getResultTypeOf(Value output) {
  SmallVector<Type> types = getResultTypesOf(output);
  return types.empty() ? Type() : types.front();
}

/// MLIR's reader of bytecode makes types of negative sizes, and functions and
/// most ops take them. What passes make of ours would not.
template <typename ConcreteType>
class NoNegativeSizes
    : public OpTrait::TraitBase<ConcreteType, NoNegativeSizes> {
public:
  static LogicalResult verifyTrait(Operation *op) {
    return verifyNoNegativeSizes(op);
  }
};

} // namespace mqa
} // namespace mlir

#define GET_OP_CLASSES
#include "mqa/Dialect/MQA/IR/MQAOps.h.inc"

#endif // MQA_DIALECT_MQA_IR_MQA_H
