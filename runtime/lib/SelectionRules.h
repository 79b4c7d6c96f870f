//===- SelectionRules.h - What ops that select keys share -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_SELECTIONRULES_H
#define MQA_RUNTIME_LIB_SELECTIONRULES_H

#include "OpRules.h"

namespace mqa::runtime {

/// Columns of logits that a kernel of mqa.topk for a GPU can count.
constexpr int64_t kMaxTopkColumns = (int64_t(1) << 31) - (1 << 14);

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
  /// Likewise, with what mqa.topk alone has: bases, and forced keys.
  static void readTopkSelection(Fields &fields, Selection &selection);
  /// How rows are handed to blocks or tasks.
  static void readRows(Fields &fields, bool isCpu, KernelDescription &kernel);

  /// Of rows that belong to sequences, where mqa.topk says so.
  static void readSequences(Fields &fields, KernelDescription &kernel);
  /// Whether `block_table` and `sequence` are there where they must be.
  static void checkTable(const KernelDescription &kernel);
  [[noreturn]] static void refuse(const KernelDescription &kernel,
                                  const char *what);

  /// All that is selected by mqa.topk.
  static Form getTopkForm(const Selection &selection);
};

/// Checks the sizes of a launch whose rows belong to sequences: as many of
/// each, in order, or any. `batch` is that of rows in order.
mqa_status checkSequences(const KernelDescription &kernel,
                          const mqa_topk_args &args, int64_t &batch);
/// Describes the block table of `args`, and which of its lines are those of
/// rows.
void setTable(const mqa_topk_args &args, Tensors &tensors);
/// Checks `k` and scratch, and describes what a launch writes for each query,
/// and reads for each query but its range.
mqa_status describeRows(const KernelDescription &kernel,
                        const mqa_topk_args &args, Tensors &tensors);

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_SELECTIONRULES_H
