//===- CompileModuleTest.cpp - Programs by the C++ API --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Compiler/Compile.h"
#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/InitAll.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace mlir::mqa;

namespace {
/// Logits in a loop, on tensors.
constexpr const char *kProgram = R"mlir(
func.func @sums(%q: tensor<4x1x16xbf16>, %k: tensor<8x16xbf16>, %ke: tensor<4xi32>, %sum: tensor<4x8xf32>, %n: index) -> tensor<4x8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %e = tensor.empty() : tensor<4x8xf32>
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%acc = %sum) -> tensor<4x8xf32> {
    %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<4x1x16xbf16>, tensor<8x16xbf16>, tensor<4xi32>) outs(%e : tensor<4x8xf32>) {clean} -> tensor<4x8xf32>
    %1 = linalg.add ins(%0, %acc : tensor<4x8xf32>, tensor<4x8xf32>) outs(%acc : tensor<4x8xf32>) -> tensor<4x8xf32>
    scf.yield %1 : tensor<4x8xf32>
  }
  return %r : tensor<4x8xf32>
})mlir";

constexpr const char *kKernel = R"mlir(
func.func @kernel(%q: tensor<4x1x16xbf16>, %k: tensor<8x16xbf16>, %ke: tensor<4xi32>, %out: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<4x1x16xbf16>, tensor<8x16xbf16>, tensor<4xi32>) outs(%out : tensor<4x8xf32>) {clean} -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
})mlir";

class CompileModuleTest : public ::testing::Test {
protected:
  CompileModuleTest() {
    DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
  }

  /// The bundle; `host` as `compileModule` sets it.
  std::string compile(StringRef text, OwningOpRef<ModuleOp> *host) {
    auto module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module);
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      diagnostics.push_back(diagnostic.str());
      return success();
    });
    CompileOptions options;
    options.target = "cpu:x86-64";
    std::string bundle;
    llvm::raw_string_ostream os(bundle);
    EXPECT_TRUE(succeeded(compileModule(*module, options, os, host)));
    return bundle;
  }

  MLIRContext context;
  std::vector<std::string> diagnostics;
};

TEST_F(CompileModuleTest, ProgramHasHost) {
  OwningOpRef<ModuleOp> host;
  std::string bundle = compile(kProgram, &host);
  EXPECT_NE(bundle.find("sums_logits"), std::string::npos);
  EXPECT_TRUE(diagnostics.empty()) << diagnostics.front();
  ASSERT_TRUE(host);
  EXPECT_TRUE(succeeded(verify(*host)));
  // The op is a call where it stood, and nothing of its kernel is left.
  auto kernel = host->lookupSymbol<func::FuncOp>("sums_logits");
  ASSERT_TRUE(kernel);
  auto launch = kernel->getAttrOfType<LaunchAttr>(LaunchAttr::getAttrName());
  ASSERT_TRUE(launch);
  EXPECT_EQ(launch.getKernel(), "sums_logits");
  EXPECT_EQ(launch.getFunction(), "mqa_logits_launch");
  EXPECT_TRUE(kernel.isExternal());
  unsigned calls = 0;
  host->walk([&](Operation *op) {
    EXPECT_FALSE(isa<KernelOpInterface>(op));
    if (auto call = dyn_cast<func::CallOp>(op))
      calls += call.getCallee() == "sums_logits";
  });
  EXPECT_EQ(calls, 1u);
  EXPECT_TRUE(host->getOps<ModuleOp>().empty());
}

TEST_F(CompileModuleTest, HostThatNobodyWantsIsAWarning) {
  compile(kProgram, nullptr);
  ASSERT_EQ(diagnostics.size(), 1u);
  EXPECT_EQ(diagnostics[0], "the host program, which launches the kernels, is "
                            "not kept");
}

TEST_F(CompileModuleTest, KernelFunctionsHaveNoHost) {
  OwningOpRef<ModuleOp> host;
  EXPECT_NE(compile(kKernel, &host).find("kernel"), std::string::npos);
  EXPECT_FALSE(host);
  EXPECT_TRUE(diagnostics.empty()) << diagnostics.front();
}
} // namespace
