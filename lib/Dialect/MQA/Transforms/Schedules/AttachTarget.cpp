//===- AttachTarget.cpp - Says which chip a module is for -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/IR/Target.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQAATTACHTARGETPASS
#include "mqa/Dialect/MQA/Transforms/Passes/MQAAttachTargetPass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

namespace {
struct AttachTargetPass : mqa::impl::MQAAttachTargetPassBase<AttachTargetPass> {
  using MQAAttachTargetPassBase::MQAAttachTargetPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    StringRef name = TargetAttr::getAttrName();
    auto target = TargetAttr::getChecked([&] { return module.emitError(); },
                                         &getContext(), StringRef(chip),
                                         StringRef(features));
    if (!target)
      return signalPassFailure();
    auto before = module->getAttrOfType<TargetAttr>(name);
    if (before && before != target) {
      module.emitError() << "is for " << before << ", not for " << target;
      return signalPassFailure();
    }
    module->setAttr(name, target);
  }
};
} // namespace
