//===- Arguments.h - The operands of one launch, checked --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_ARGUMENTS_H
#define MQA_RUNTIME_LIB_ARGUMENTS_H

#include "Bundle.h"

#include <array>
#include <initializer_list>

namespace mqa::runtime {

/// One operand as the kernels see it: outermost dimension first.
struct Tensor {
  const char *name;
  const void *data;
  mqa_element_type elementType;
  int rank;
  std::array<int64_t, kMaxRank> sizes, strides;

  int getElementBytes() const {
    return mqa::runtime::getElementBytes(elementType);
  }
};

/// The operands of one launch.
class Tensors {
public:
  Tensor &operator[](Operand operand) {
    return tensors[static_cast<int>(operand)];
  }
  const Tensor &operator[](Operand operand) const {
    return tensors[static_cast<int>(operand)];
  }
  /// Rows of so many elements, `stride` apart; the dimensions of a row follow.
  void set(Operand operand, const void *data, mqa_element_type type,
           int64_t rows, int64_t stride, std::initializer_list<int64_t> row);

  /// What a kernel is given that takes it as a number.
  int64_t numKeys = 0;
  /// The most multiprocessors that the launch may use, 0 for those that the
  /// process allows.
  int maxMultiprocessors = 0;
  /// Whether that holds for a kernel that has a block for each row, too, since
  /// it is launched in the place of one that would keep to it.
  bool limitsRows = false;
  /// Bytes of the caller's that Operand::Scratch has.
  size_t scratchSize = 0;

private:
  std::array<Tensor, kNumOperands> tensors{};
};

/// Checks how many multiprocessors a launch asks for, and notes them.
mqa_status setMaxMultiprocessors(int count, Tensors &tensors);

/// Checks a size of the launch; `expected` is -1 where any is right.
mqa_status checkSize(const char *name, int64_t size, int64_t expected);

/// Checks addresses and strides of the operands that `kernel` has. `unread` are
/// those that the launch does not look at, a bit for each.
mqa_status checkTensors(const KernelDescription &kernel, const Tensors &tensors,
                        unsigned unread);
constexpr unsigned getBit(Operand operand) {
  return 1u << static_cast<int>(operand);
}

/// Checks the address of an operand and how far its rows are apart, which the
/// argument `strideName` says; null: rows lie one behind the other.
mqa_status checkTensor(const Tensor &tensor, const char *strideName);

/// What a kernel that selects writes must not be what it reads, nor be written
/// twice.
mqa_status checkOutputs(const KernelDescription &kernel,
                        const Tensors &tensors);

/// Whether `kernel` is of the op with these rules.
mqa_status checkOp(const KernelDescription &kernel, const OpRules &rules);

/// Whether anything is written.
bool hasWork(const KernelDescription &kernel, const Tensors &tensors);

/// Checks what every target requires of the arguments and describes them; in
/// the file of each op.
mqa_status checkArguments(const KernelDescription &kernel,
                          const mqa_logits_args &args, Tensors &tensors);
mqa_status checkArguments(const KernelDescription &kernel,
                          const mqa_paged_logits_args &args, Tensors &tensors);
mqa_status checkArguments(const KernelDescription &kernel,
                          const mqa_topk_args &args, Tensors &tensors);
mqa_status checkArguments(const KernelDescription &kernel,
                          const mqa_merge_topk_args &args, Tensors &tensors);
mqa_status checkArguments(const KernelDescription &kernel,
                          const mqa_logits_args &args,
                          const mqa_topk_args &selection, Tensors &tensors);
mqa_status checkArguments(const KernelDescription &kernel,
                          const mqa_paged_logits_args &args,
                          const mqa_topk_args &selection, Tensors &tensors);

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_ARGUMENTS_H
