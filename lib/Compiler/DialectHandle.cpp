//===- DialectHandle.cpp - The dialect in MLIR's C API --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa-c/Dialect.h"

#include "mqa/Conversion/Passes.h"
#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/Transforms/Passes.h"
#include "mqa/Pipelines/Pipelines.h"

#include "mlir/CAPI/Registration.h"
#include "mlir/Pass/PassRegistry.h"

using namespace mlir;

MLIR_DEFINE_CAPI_DIALECT_REGISTRATION(MQA, mqa, mqa::MQADialect)

void mqaRegisterPasses() {
  // A pipeline must not be registered twice.
  static const bool once = [] {
    if (PassPipelineInfo::lookup("mqa-to-nvvm"))
      return true;
    mqa::registerMQATransformsPasses();
    mqa::registerMQAConversionPasses();
    mqa::registerPipelines();
    return true;
  }();
  (void)once;
}
