//===- BytecodeTest.cpp - Bytecode says of which version it is ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Files of earlier versions are in IR/bytecode.mlir; here are those of later
// ones.
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/Bytecode.h"
#include "mqa/InitAll.h"

#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace mlir::mqa;

namespace {
class BytecodeTest : public ::testing::Test {
protected:
  BytecodeTest() {
    DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
  }

  /// A module with an op of ours, written as if by `version`.
  std::string write(std::optional<uint64_t> version) {
    auto module = parseSourceString<ModuleOp>(
        "func.func @f(%n: index) -> tensor<?x4xf32> {"
        "  %0 = mqa.unstored_logits(%n) : tensor<?x4xf32>"
        "  return %0 : tensor<?x4xf32> }",
        &context);
    BytecodeWriterConfig config;
    if (version)
      config.setDialectVersion("mqa",
                               std::make_unique<BytecodeVersion>(*version));
    std::string bytes;
    llvm::raw_string_ostream os(bytes);
    EXPECT_TRUE(succeeded(writeBytecodeToFile(*module, os, config)));
    return bytes;
  }

  /// What is said of it; "" if it is read.
  std::string read(const std::string &bytes) {
    std::string error;
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      error += diagnostic.str() + "\n";
    });
    auto module = parseSourceString<ModuleOp>(bytes, &context);
    EXPECT_EQ(!module, !error.empty());
    return error;
  }

  MLIRContext context;
};
} // namespace

TEST_F(BytecodeTest, OwnVersion) {
  EXPECT_EQ(read(write(std::nullopt)), "");
  EXPECT_EQ(write(std::nullopt), write(BytecodeVersion::kCurrent));
}

TEST_F(BytecodeTest, VersionsBefore) {
  for (uint64_t version = 1; version < BytecodeVersion::kCurrent; ++version)
    EXPECT_EQ(read(write(version)), "") << version;
}

TEST_F(BytecodeTest, UnknownVersions) {
  for (uint64_t version :
       {uint64_t(0), BytecodeVersion::kCurrent + 1, uint64_t(1) << 40}) {
    std::string error = read(write(version));
    EXPECT_NE(error.find("the mqa dialect is of bytecode version " +
                         std::to_string(version) +
                         ", but this compiler reads versions 1 to "),
              std::string::npos)
        << error;
  }
}
