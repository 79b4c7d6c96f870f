//===- mqa-lsp-server.cpp - Our dialect in editors ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LLVMTool.h"
#include "mqa/InitAll.h"

#include "mlir/IR/Dialect.h"
#include "mlir/Support/LogicalResult.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"

int main(int argc, char **argv) {
  mqa::tools::startLLVMTool("mqa-lsp-server");
  mlir::DialectRegistry registry;
  mlir::mqa::registerAllDialects(registry);
  return mlir::failed(mlir::MlirLspServerMain(argc, argv, registry));
}
