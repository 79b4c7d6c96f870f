//===- ElementExpr.h - What one element of a tensor is ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_CONVERSION_LINALGTOMQA_ELEMENTEXPR_H
#define MQA_LIB_CONVERSION_LINALGTOMQA_ELEMENTEXPR_H

#include "IndexVariables.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

#include <map>
#include <memory>
#include <vector>

namespace mlir {
namespace mqa {

struct ElementExpr;
using ExprRef = std::shared_ptr<const ElementExpr>;

/// The element of a tensor at symbolic indices, as a formula: linalg ops and
/// reshapes of tensors are seen through, however the computation is cut into
/// them.
struct ElementExpr {
  enum class Kind {
    /// An element of a tensor, at the variables `dims`, that is not seen
    /// through; `value` is the tensor. If an op of linalg computes the tensor,
    /// `why` says what hides the op's formula, and `args` are elements of the
    /// op's inputs.
    Leaf,
    /// A number that is the same for all elements; `value`.
    Scalar,
    /// A number; `constant`.
    Constant,
    /// A variable itself; `dims[0]`.
    Index,
    /// A sum over the variables `dims` of `args[0]`; `op` is the op of linalg.
    /// If `why` says that it does not start from 0, `args[1]` is the start.
    Sum,
    /// `args` by `op`.
    Op
  };
  Kind kind;
  Value value = {};
  SmallVector<int> dims = {};
  TypedAttr constant = {};
  Operation *op = nullptr;
  SmallVector<ExprRef> args = {};
  StringRef why = {};
  /// Nodes of the formula, those counted again that it has several times; and
  /// whether any is an element of a tensor. `make` sets them.
  unsigned size = 1;
  bool readsTensor = false;

  static ExprRef make(ElementExpr expr);
  static ExprRef makeConstant(TypedAttr value);
  /// A number from outside of the tensors.
  static ExprRef makeScalar(Value value);
  /// `args` by `op`; a constant if all of them are.
  static ExprRef makeOp(Operation *op, SmallVector<ExprRef> args);
  /// Whether formulas are made of `op`.
  static bool isKnown(Operation *op);
  /// A formula that is walked without notes of what was seen is this small: one
  /// that uses its own parts again is huge as a tree.
  bool isSmall() const { return size <= 1024; }
  bool isConstant() const { return kind == Kind::Constant; }
  bool isZero() const;
  bool isNegativeInfinity() const;
  /// Whether it is this constant of i1.
  bool isBool(bool value) const;
  template <typename OpTy> bool isOp() const {
    return kind == Kind::Op && isa<OpTy>(op);
  }
  /// The element's type.
  Type getType() const;
  /// Where the program says it.
  Location getLoc() const;
};

/// A tensor, and the variables at which it is read.
struct TensorElement {
  Value tensor;
  SmallVector<int> dims;
};

/// Writes formulas, with variables that reductions and reshapes add.
class ExprBuilder {
public:
  /// How far formulas go. `Deep` has room for sums that are written term by
  /// term, one for each of 128 heads.
  enum class Limit { Usual, Deep };

  explicit ExprBuilder(Limit limit = Limit::Usual) : limit(limit) {}
  /// The element of `tensor` at these variables.
  ExprRef expand(Value tensor, ArrayRef<int> dims);
  /// Tensors that have `expr` as an element, what is computed first at the
  /// front.
  ArrayRef<TensorElement> getTensors(const ExprRef &expr) const;
  /// A tensor that has a dimension with the index `var`: the tensor, and which
  /// dimension; null if there is none.
  std::pair<Value, int64_t> getDimension(int var) const {
    return dimensions.lookup(var);
  }
  /// The number that an op of the program takes as the size of a dimension with
  /// the index `var`; null if there is none.
  Value getSize(int var) const { return sizes.lookup(var); }
  /// Whether a formula was longer than the limit.
  bool isCut() const { return wasCut; }
  IndexVariables vars;

private:
  ExprRef expandOnce(Value tensor, ArrayRef<int> dims);
  ExprRef expandLinalg(OpResult result, ArrayRef<int> dims);
  ExprRef expandElementwise(Operation *op, ArrayRef<int> dims);
  ExprRef makeLeaf(Value tensor, ArrayRef<int> dims);
  std::optional<SmallVector<int>> getSourceDims(Operation *reshape,
                                                ArrayRef<int> dims);
  void noteDimensions(Value tensor, ArrayRef<int> dims, bool isLeaf);
  friend class BodyReader;

  /// The same element is the same formula.
  std::map<std::pair<const void *, std::vector<int>>, ExprRef> known;
  DenseMap<const ElementExpr *, SmallVector<TensorElement>> tensors;
  DenseMap<int, std::pair<Value, int64_t>> dimensions;
  DenseMap<int, Value> sizes;
  Limit limit;
  bool wasCut = false;
  int depth = 0, numTensors = 0;
};

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_CONVERSION_LINALGTOMQA_ELEMENTEXPR_H
