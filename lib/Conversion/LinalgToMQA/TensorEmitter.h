//===- TensorEmitter.h - Tensors of the elements that formulas say -*- C++ -*-//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_CONVERSION_LINALGTOMQA_TENSOREMITTER_H
#define MQA_LIB_CONVERSION_LINALGTOMQA_TENSOREMITTER_H

#include "Contraction.h"

namespace mlir {
namespace mqa {

/// For each dimension of a tensor, the variables without parts that index it
/// together: none for a dimension of one.
using DimGroups = SmallVector<SmallVector<int>>;

/// Makes tensors in front of an op: those that the program has already are
/// reshaped and transposed, and the rest is computed.
class TensorEmitter {
public:
  TensorEmitter(OpBuilder &b, Location loc, ExprBuilder &exprs)
      : b(b), loc(loc), exprs(exprs), vars(exprs.vars) {}

  /// Whether `compute` can make a tensor of `expr` indexed by `allowed`.
  static bool canCompute(const ExprRef &expr, const llvm::BitVector &allowed,
                         const ExprBuilder &exprs, FreeVariables &free);
  /// Whether the size of each of these variables is known, or is that of a
  /// tensor.
  static bool haveSizes(ArrayRef<int> atoms, const ExprBuilder &exprs);

  /// A tensor of the program with the element `expr`, with these dimensions;
  /// null if there is none.
  Value find(const ExprRef &expr, const DimGroups &groups);
  /// A new tensor, whose element `combine` makes of the values of `values`.
  Value
  compute(ArrayRef<ExprRef> values, const DimGroups &groups, Type elementType,
          llvm::function_ref<Value(OpBuilder &, ArrayRef<Value>)> combine);
  /// `tensor` with other dimensions for the same variables.
  Value relayout(Value tensor, const DimGroups &from, const DimGroups &to);
  /// A new tensor of these sizes, of which each element is `number`.
  Value fill(ArrayRef<OpFoldResult> sizes, Value number);
  OpFoldResult getSize(int atom);

private:
  struct Body;
  void addInputs(const ExprRef &expr, Body &body);
  Value emit(const ExprRef &expr, Body &body, OpBuilder &inner);
  Value expandShape(Value tensor, ArrayRef<ReassociationIndices> groups,
                    ArrayRef<OpFoldResult> sizes);

  OpBuilder &b;
  Location loc;
  ExprBuilder &exprs;
  IndexVariables &vars;
};

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_CONVERSION_LINALGTOMQA_TENSOREMITTER_H
