//===- Launch.cpp - What the dialect puts on host programs ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Launch.h"

#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace mlir::mqa;

LogicalResult LaunchAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 StringRef kernel, StringRef function,
                                 ArrayAttr operands) {
  if (kernel.empty() || function.empty())
    return emitError() << "a launch names its kernel and a function of the "
                          "runtime";
  for (Attribute operand : operands)
    if (!isa<StringAttr>(operand))
      return emitError() << "operands of a launch are names, found " << operand;
  return success();
}

LogicalResult mqa::verifyLaunch(Operation *op, Attribute value) {
  StringRef name = LaunchAttr::getAttrName();
  auto func = dyn_cast<FunctionOpInterface>(op);
  if (!func)
    return op->emitOpError()
           << "has '" << name << "', which is an attribute of functions";
  auto launch = dyn_cast<LaunchAttr>(value);
  if (!launch)
    return op->emitOpError() << "attribute '" << name
                             << "' must be a #mqa.launch, found " << value;
  // Lowerings to LLVM make several arguments of a memref.
  size_t numOperands = launch.getOperands().size();
  if (func.getNumArguments() < numOperands)
    return op->emitOpError()
           << "has " << func.getNumArguments() << " arguments, but its '"
           << name << "' has " << numOperands << " operands";
  return success();
}

LogicalResult mqa::verifyKernels(Operation *op) {
  if (op->hasTrait<OpTrait::SymbolTable>())
    return success();
  return op->emitOpError() << "has '" << LaunchAttr::getKernelsAttrName()
                           << "', which is an attribute of modules";
}
