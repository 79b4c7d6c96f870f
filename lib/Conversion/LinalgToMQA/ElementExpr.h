//===- ElementExpr.h - What one element of a tensor is ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_CONVERSION_LINALGTOMQA_ELEMENTEXPR_H
#define MQA_LIB_CONVERSION_LINALGTOMQA_ELEMENTEXPR_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

#include <map>
#include <memory>
#include <optional>
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
  Value value = {};
  /// Of a leaf: which variable indexes each dimension; `kUnit`: the only
  /// element of a dimension of one.
  SmallVector<int> dims = {};
  /// Of a leaf of which a dimension is to be expanded to several first:
  /// reassociation and shape of that; else empty.
  SmallVector<ReassociationIndices> expansion = {};
  SmallVector<int64_t> expandedShape = {};
  TypedAttr constant = {};
  Operation *op = nullptr;
  SmallVector<ExprRef> args = {};

  static constexpr int kUnit = -1;
  bool isZero() const;
  bool isNegativeInfinity() const;
  bool isTrue() const;
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
  /// A variable and how many values it has, if that is known.
  struct Factor {
    int var;
    int64_t size;
    bool operator==(const Factor &other) const {
      return var == other.var && size == other.size;
    }
  };
  using Factors = SmallVector<Factor, 2>;

  ExprRef expandOnce(Value tensor, ArrayRef<int> dims);
  ExprRef expandLinalg(linalg::LinalgOp op, ArrayRef<int> dims);
  ExprRef makeLeaf(Value tensor, ArrayRef<int> dims);
  int flatten(ArrayRef<Factor> factors);
  Factors unflatten(Factor dim) const;
  std::optional<int> joinDims(ArrayRef<int64_t> shape, ArrayRef<int> dims);
  std::optional<SmallVector<int>> splitDim(ArrayRef<int64_t> shape,
                                           int dim) const;
  std::optional<SmallVector<int>> getSourceDims(Operation *reshape,
                                                ArrayRef<int> dims);

  /// The same element is the same formula.
  std::map<std::pair<const void *, std::vector<int>>, ExprRef> known;
  /// Variables that count through several, the last of which is the fastest; of
  /// at most one the size is not known.
  DenseMap<int, Factors> flattened;
  int nextVar;
  int depth = 0, numTensors = 0;
};

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_CONVERSION_LINALGTOMQA_ELEMENTEXPR_H
