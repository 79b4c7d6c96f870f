//===- MxOperands.cpp - Operands with block scales ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/MxOperands.h"

#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace mlir::mqa;

LogicalResult mqa::verifyPackedOperands(KernelOpInterface op) {
  for (auto [value, name] :
       llvm::zip_equal(op.getDataOperands(), op.getDataOperandNames())) {
    if (!value || !mx::isTyped(getElementTypeOrSelf(value)))
      continue;
    Type element = getElementTypeOrSelf(value);
    return op->emitOpError()
           << "operand '" << name << "' of " << element
           << " must be packed into "
           << (mx::getPackedCount(element) == 2 ? "bytes" : "words")
           << " first (mqa-pack-mx-types)";
  }
  return success();
}
