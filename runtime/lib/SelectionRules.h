//===- SelectionRules.h - What ops that select keys share -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_SELECTIONRULES_H
#define MQA_RUNTIME_LIB_SELECTIONRULES_H

#include "OpRules.h"

namespace mqa::runtime {

/// Of ops whose results are rows of `indices`.
class SelectionRules : public OpRules {
public:
  using OpRules::OpRules;

  /// Rows are padded even where there is no key.
  bool hasWork(const KernelDescription &,
               const Tensors &tensors) const override {
    return tensors[Operand::Indices].sizes[0] > 0;
  }
  /// Not persistent: a block has its rows, and ends.
  int64_t getGrid(const KernelDescription &kernel, const Tensors &tensors,
                  int) const override {
    return ceilDiv(tensors[Operand::Indices].sizes[0], kernel.blockQueries);
  }
  std::pair<int64_t, int64_t> getTasks(const KernelDescription &kernel,
                                       const Tensors &tensors) const override {
    return {ceilDiv(tensors[Operand::Indices].sizes[0], kernel.taskQueries), 1};
  }

protected:
  ~SelectionRules() = default;

  /// How many keys are selected, and in which order.
  static void readSelection(Fields &fields, Selection &selection);
  /// How rows are handed to blocks or tasks.
  static void readRows(Fields &fields, bool isCpu, KernelDescription &kernel);
};

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_SELECTIONRULES_H
