//===- OperandRules.h - What the operands of a public op are ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_IR_OPERANDRULES_H
#define MQA_LIB_DIALECT_MQA_IR_OPERANDRULES_H

#include "mqa/Dialect/MQA/IR/MQA.h"

namespace mlir {
namespace mqa {

/// What one operand must look like: a name for each dimension (dimensions of
/// the same name agree between operands; a digit is the size itself), and its
/// possible element types.
struct OperandRule {
  StringRef name, dims;
  SmallVector<Type> elementTypes;
  /// Leading dimensions of a memref that may have any stride; the others are
  /// contiguous.
  unsigned numStrided;
};

/// What each of the data operands of an op must look like, in their order.
SmallVector<OperandRule> getOperandRules(LogitsOp op);
SmallVector<OperandRule> getOperandRules(PagedLogitsOp op);
SmallVector<OperandRule> getOperandRules(TopkOp op);
SmallVector<OperandRule> getOperandRules(MergeTopkOp op);
SmallVector<OperandRule> getOperandRules(KernelOpInterface op);

/// Those of q and k.
SmallVector<Type> getInputTypes(Builder &b);

/// What q is of: beside its scales, of a format with block scales.
SmallVector<Type> getQueryTypes(LogitsOpInterface op);

/// What k and k_scale are of: block scales are words, or typed.
SmallVector<Type> getKeyTypes(LogitsOpInterface op);
SmallVector<Type> getKeyScaleTypes(LogitsOpInterface op);
/// Block scales: words of four, or typed ones.
SmallVector<Type> getBlockScaleTypes(Builder &b);
/// Whether `scales`, which may be null, are typed: then they have one dimension
/// more, of the four scales of a word.
bool areTypedScales(Value scales);

/// What keys with block scales ask of an op whose operands have the right
/// ranks. `keysAt` says where the bytes of a key were found.
LogicalResult verifyMxKeys(LogitsOpInterface op, StringRef keysAt);

/// Queries that are nothing without block scales have some. Ahead of the types
/// of other operands, which depend on that.
LogicalResult verifyQueryScales(LogitsOpInterface op);

/// What queries with block scales ask of an op likewise.
LogicalResult verifyMxQueries(LogitsOpInterface op, StringRef keysAt);

/// Kind, rank, element type and sizes of `operands`, of which those that are
/// left out are null. The last one that is there says whether they are all
/// tensors or all memrefs.
LogicalResult verifyOperands(Operation *op, ValueRange operands,
                             ArrayRef<OperandRule> rules);

/// Memrefs are contiguous where the rules want it.
LogicalResult verifyLayouts(Operation *op, ValueRange operands,
                            ArrayRef<OperandRule> rules);

/// Layouts, and an op on tensors has a result, and no other one. One of the
/// operands is `out`.
LogicalResult verifyMemory(Operation *op, ValueRange operands,
                           ArrayRef<OperandRule> rules, Value result);

/// H and D are what the ops are defined for. `headsAt` and `headDimAt` say
/// where they were found.
LogicalResult verifyHeads(Operation *op, StringRef headsAt, int64_t numHeads,
                          StringRef headDimAt, int64_t headDim);

/// What 'block_max' asks of an op of logits, which may have 'key_offset'.
LogicalResult verifyBlockMax(Operation *op, std::optional<int64_t> blockMax,
                             Value keyOffset);

/// "`what` must be `allowed`, found `size`".
LogicalResult emitSizeError(Operation *op, StringRef what, const Twine &allowed,
                            int64_t size);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_IR_OPERANDRULES_H
