//===- Steps.h - Kernels that are two, one behind the other ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_DIALECT_MQA_IR_STEPS_H
#define MQA_DIALECT_MQA_IR_STEPS_H

#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/StringRef.h"

namespace mlir {
namespace mqa {

/// An attribute of a module: for each kernel function that mqa-split-topk has
/// split, by its name, the names of the kernels that are launched in its place,
/// in order.
inline constexpr llvm::StringLiteral kStepsAttrName = "mqa.steps";

/// Whether `value` is what `mqa.steps` has to be: a dictionary of pairs of
/// names, each of which is there once.
inline bool isStepsAttr(Attribute value) {
  auto steps = dyn_cast<DictionaryAttr>(value);
  llvm::SmallDenseSet<Attribute> seen;
  return steps && llvm::all_of(steps, [&](NamedAttribute entry) {
           auto names = dyn_cast<ArrayAttr>(entry.getValue());
           return names && names.size() == 2 &&
                  llvm::all_of(names, [&](Attribute name) {
                    return isa<StringAttr>(name) && seen.insert(name).second;
                  });
         });
}

} // namespace mqa
} // namespace mlir

#endif // MQA_DIALECT_MQA_IR_STEPS_H
