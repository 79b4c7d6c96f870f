//===- AllOrNothing.cpp - Passes that change nothing if they fail ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AllOrNothing.h"

#include "mlir/IR/OpDefinition.h"
#include "llvm/Support/DebugLog.h"

#define DEBUG_TYPE "mqa-all-or-nothing"

using namespace mlir;

LogicalResult mqa::changeOrRestore(Operation *op,
                                   function_ref<LogicalResult()> change) {
  assert(op->hasTrait<OpTrait::IsIsolatedFromAbove>() &&
         "a copy would use values of others");
  Operation *backup = op->clone();
  LogicalResult result = change();
  if (failed(result)) {
    LDBG() << "restores '" << op->getName() << "'";
    op->setAttrs(backup->getAttrDictionary());
    for (auto [changed, old] :
         llvm::zip_equal(op->getRegions(), backup->getRegions()))
      changed.takeBody(old);
  }
  backup->destroy();
  return result;
}
