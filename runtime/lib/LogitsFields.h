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

private:
  /// The sizes that only this op has.
  virtual void readSizes(Fields &fields, KernelDescription &kernel) const = 0;
  virtual Form getFormOfSizes(const KernelDescription &kernel) const = 0;
  /// What a launch on a GPU divides by.
  void readLaunch(Fields &fields, KernelDescription &kernel) const;
};

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_LOGITSFIELDS_H
