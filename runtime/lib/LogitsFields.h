//===- LogitsFields.h - What kernels of logits have in common ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_LOGITSFIELDS_H
#define MQA_RUNTIME_LIB_LOGITSFIELDS_H

#include "OpRules.h"

namespace mqa::runtime {

/// The rules that hold for mqa.logits and mqa.paged_logits alike.
class LogitsOpRules : public OpRules {
public:
  using OpRules::OpRules;
  void readFields(Fields &fields, bool isCpu,
                  KernelDescription &kernel) const final;
  bool isOptional(Operand operand) const final;
  Form getForm(const KernelDescription &kernel) const final;
  mqa_status checkForGpu(const KernelDescription &kernel,
                         const Tensors &tensors) const final;

  /// The fields of readFields but `parameters`.
  void readLogits(Fields &fields, bool isCpu, KernelDescription &kernel) const;
  /// Whether types of the parameters fit each other.
  static void checkTypes(const KernelDescription &kernel);

  /// The sizes of key blocks, where each query has its own.
  static void readKeyBlocks(Fields &fields, KernelDescription &kernel);

  /// What sizes and parameters say of each other.
  virtual void checkSizes(Fields &, KernelDescription &) const {}

private:
  /// The sizes that only this op has.
  virtual void readSizes(Fields &fields, KernelDescription &kernel) const = 0;
  virtual Form getFormOfSizes(const KernelDescription &kernel) const = 0;
  /// What a launch on a GPU divides by.
  void readLaunch(Fields &fields, KernelDescription &kernel) const;
};

const LogitsOpRules &getLogitsOpRules();
const LogitsOpRules &getPagedLogitsOpRules();

/// Checks the sizes of a launch, and describes its operands. Those that the
/// kernel does not have are described too: `out` of one that does not store its
/// logits still has rows and columns.
mqa_status describeLogits(const KernelDescription &kernel,
                          const mqa_logits_args &args, Tensors &tensors);
mqa_status describeLogits(const KernelDescription &kernel,
                          const mqa_paged_logits_args &args, Tensors &tensors);

/// Checks the sizes of key blocks, of which each of so many rows has its
/// own, and describes their operands; and says how many columns there are.
template <typename ArgsT>
mqa_status describeKeyBlocks(const KernelDescription &kernel, const ArgsT &args,
                             int64_t rows, int64_t &columns, Tensors &tensors) {
  int64_t blocks = args.max_key_blocks;
  MQA_RETURN_IF_FAILED(
      checkSize("max_key_blocks", blocks, kernel.maxKeyBlocks));
  columns = kernel.countKeyBlockColumns(blocks);
  MQA_RETURN_IF_FAILED(
      checkSize("max_key_blocks * key_block_size", columns, kernel.numColumns));
  tensors.set(Operand::KeyBlocks, args.key_blocks, MQA_I32, rows,
              args.key_blocks_stride, {blocks});
  tensors.set(Operand::NumKeyBlocks, args.num_key_blocks, MQA_I32, rows, 1, {});
  return MQA_SUCCESS;
}

/// Checks what was described, where there is work. Operands without an element
/// may be null.
mqa_status checkLogits(const KernelDescription &kernel,
                       const mqa_logits_args &args, const Tensors &tensors,
                       unsigned unread = 0);
mqa_status checkLogits(const KernelDescription &kernel,
                       const mqa_paged_logits_args &args,
                       const Tensors &tensors, unsigned unread = 0);

/// Elements from row to row of `out` that a kernel for a GPU can count.
int64_t getMaxOutStride(const KernelDescription &kernel);

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_LOGITSFIELDS_H
