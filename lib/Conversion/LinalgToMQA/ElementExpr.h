//===- ElementExpr.h - What one element of a tensor is ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_CONVERSION_LINALGTOMQA_ELEMENTEXPR_H
#define MQA_LIB_CONVERSION_LINALGTOMQA_ELEMENTEXPR_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

#include <memory>

namespace mlir {
namespace mqa {

struct ElementExpr;
using ExprRef = std::shared_ptr<const ElementExpr>;

/// The element of a tensor at symbolic indices, as a formula: linalg ops on
/// tensors are seen through, however the computation is cut into them.
struct ElementExpr {
  enum class Kind {
    /// An element of a tensor that is not computed by linalg; `value` is the
    /// tensor.
    Leaf,
    /// A number; `constant`.
    Constant,
    /// A variable itself; `dims[0]`.
    Index,
    /// A sum over the variables `dims` of `args[0]`.
    Sum,
    /// `args` by the arith op that `op` is an instance of.
    Op
  };
  Kind kind;
  Value value;
  /// Of a leaf: which variable indexes each dimension; `kUnit`: the only
  /// element of a dimension of one.
  SmallVector<int> dims;
  TypedAttr constant;
  Operation *op = nullptr;
  SmallVector<ExprRef> args;

  static constexpr int kUnit = -1;
  bool isZero() const;
  bool isNegativeInfinity() const;
  bool isLeaf() const { return kind == Kind::Leaf; }
  template <typename OpTy> bool isOp() const { return op && isa<OpTy>(op); }
};

/// Writes formulas. Variables are numbered; those of reductions are made as
/// they come up.
class ExprBuilder {
public:
  /// `numVars` variables are the caller's.
  explicit ExprBuilder(int numVars) : nextVar(numVars) {}
  /// The element of `tensor` at these variables.
  ExprRef expand(Value tensor, ArrayRef<int> dims);

private:
  ExprRef expandLinalg(linalg::LinalgOp op, ArrayRef<int> dims);
  int nextVar;
  int depth = 0, numTensors = 0;
};

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_CONVERSION_LINALGTOMQA_ELEMENTEXPR_H
