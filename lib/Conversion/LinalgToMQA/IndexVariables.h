//===- IndexVariables.h - The variables that index tensors ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_CONVERSION_LINALGTOMQA_INDEXVARIABLES_H
#define MQA_LIB_CONVERSION_LINALGTOMQA_INDEXVARIABLES_H

#include "mlir/IR/BuiltinTypes.h"

#include <optional>
#include <vector>

namespace mlir {
namespace mqa {

/// Index variables, by number. A variable may count through others, its parts,
/// of which the last is the fastest: a reshape makes one dimension of several,
/// or several of one.
class IndexVariables {
public:
  /// Stands for the index of a dimension of one.
  static constexpr int kUnit = -1;

  int add(int64_t size = ShapedType::kDynamic);
  unsigned count() const { return variables.size(); }

  /// How many values `var` has; `kDynamic` if that is not known.
  int64_t getSize(int var) const {
    return var == kUnit ? 1 : variables[var].size;
  }
  /// Says what the type of a tensor says of the size of `var`.
  void noteSize(int var, int64_t size);
  /// Whether two types disagree about a size, or a size is negative.
  bool disagree() const { return isContradictory; }

  /// The variables without parts that `var` counts through. A variable with one
  /// value counts through none.
  SmallVector<int> getAtoms(int var) const;
  SmallVector<int> getAtoms(ArrayRef<int> vars) const;

  /// One variable for dimensions of `shape` at `vars`; nothing if it is not
  /// known how they count, or if one of several elements is read at 0 alone.
  std::optional<int> join(ArrayRef<int64_t> shape, ArrayRef<int> vars);
  /// The other way round: the variables of dimensions of `shape` that `var`
  /// counts through.
  std::optional<SmallVector<int>> split(ArrayRef<int64_t> shape, int var);

private:
  struct Variable {
    int64_t size;
    SmallVector<int, 2> parts;
  };
  int flatten(ArrayRef<int> vars);
  void propagateSizes();
  std::optional<SmallVector<int>> align(ArrayRef<int64_t> shape,
                                        SmallVector<int> atoms);

  std::vector<Variable> variables;
  bool isContradictory = false;
};

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_CONVERSION_LINALGTOMQA_INDEXVARIABLES_H
