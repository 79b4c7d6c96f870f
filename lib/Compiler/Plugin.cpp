//===- Plugin.cpp - The dialect and its passes for a stock mlir-opt -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Conversion/Passes.h"
#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/IR/RuntimeVerification.h"
#include "mqa/Dialect/MQA/Transforms/BufferizableOpInterfaceImpl.h"
#include "mqa/Dialect/MQA/Transforms/Passes.h"
#include "mqa/Dialect/MQA/Transforms/ShardingInterfaceImpl.h"
#include "mqa/Pipelines/Pipelines.h"

#include "mlir/Pass/PassRegistry.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"

using namespace mlir;

/// mlir-opt has upstream's dialects and passes already: only ours are added.
extern "C" LLVM_ATTRIBUTE_WEAK DialectPluginLibraryInfo
mlirGetDialectPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "MQA", MQA_VERSION,
          [](DialectRegistry *registry) {
            // mqa-opt has it, and a second one ends the program.
            if (registry->getDialectAllocator("mqa"))
              return;
            registry->insert<mqa::MQADialect>();
            mqa::registerBufferizableOpInterfaceExternalModels(*registry);
            mqa::registerRuntimeVerifiableOpInterfaceExternalModels(*registry);
            mqa::registerShardingInterfaceExternalModels(*registry);
          }};
}

extern "C" LLVM_ATTRIBUTE_WEAK PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "MQA", MQA_VERSION, [] {
            if (PassPipelineInfo::lookup("mqa-to-nvvm"))
              return;
            mqa::registerMQATransformsPasses();
            mqa::registerMQAConversionPasses();
            mqa::registerPipelines();
          }};
}
