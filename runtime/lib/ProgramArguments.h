//===- ProgramArguments.h - Operands of a program's launches ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_PROGRAMARGUMENTS_H
#define MQA_RUNTIME_LIB_PROGRAMARGUMENTS_H

#include "Status.h"
#include "mqa/Program.h"

#include <string>
#include <vector>

namespace mqa::runtime {

/// The arguments of a launch, from the memrefs that a program has.
class ProgramArguments {
public:
  explicit ProgramArguments(const mqa_kernel_info &info) : info(info) {}

  /// `operands` are `size` words, of an operand for each name; they must stay.
  /// Sizes that belong together must agree: a launch is told each once.
  mqa_status read(const std::vector<std::string> &names,
                  const mqa_program_operand *operands, int64_t size);

  mqa_logits_args getLogits() const;
  mqa_paged_logits_args getPagedLogits() const;
  mqa_topk_args getTopk() const;
  mqa_merge_topk_args getMergeTopk() const;

private:
  /// Null if there is none.
  const mqa_program_operand *find(const char *name) const;
  template <typename T> T *getAddress(const char *name) const;
  int64_t getSize(const char *name, int dim) const;
  int64_t getStride(const char *name, int dim = 0) const;
  mqa_status checkSizes() const;
  /// What mqa.logits and mqa.paged_logits both have.
  template <typename Args> Args getInputsAndOut() const;

  const mqa_kernel_info &info;
  const std::vector<std::string> *names = nullptr;
  const mqa_program_operand *operands = nullptr;
};

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_PROGRAMARGUMENTS_H
