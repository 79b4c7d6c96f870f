//===- LaunchedPairs.cpp - Pairs of ops that are one launch ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A pair that was fused on tensors may have been bufferized since, with copies
// for either op, and with other ops between the two.
//
//===----------------------------------------------------------------------===//

#include "LaunchedPairs.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;
using namespace mlir::mqa;

/// What memory `value` is a view of.
static Value getRoot(Value value) {
  while (auto view = value.getDefiningOp<ViewLikeOpInterface>())
    value = view.getViewSource();
  return value;
}

/// The first op between `first` and `last`, which stand in one block, that may
/// change memory that was there ahead of `first`.
static Operation *findWriteBetween(Operation *first, Operation *last) {
  for (Operation *op = first->getNextNode(); op != last;
       op = op->getNextNode()) {
    auto effects = getEffectsRecursively(op);
    if (!effects)
      return op;
    // Memory that was made between the two.
    auto isNew = [&](Value value) {
      Value root = value ? getRoot(value) : Value();
      Operation *made = root ? root.getDefiningOp() : nullptr;
      return made && hasEffect<MemoryEffects::Allocate>(made, root) &&
             (op->isProperAncestor(made) ||
              (made->getBlock() == first->getBlock() &&
               first->isBeforeInBlock(made)));
    };
    for (const MemoryEffects::EffectInstance &effect : *effects)
      if (!isa<MemoryEffects::Read, MemoryEffects::Allocate>(
              effect.getEffect()) &&
          !isNew(effect.getValue()))
        return op;
  }
  return nullptr;
}

/// What `value` has the elements of: bufferization may have made a copy for
/// each op that reads it.
static Value getOriginal(Value value) {
  // Memrefs may be copied to each other.
  SmallPtrSet<Operation *, 8> seen;
  while (Operation *op = value.getDefiningOp()) {
    if (!seen.insert(op).second)
      return value;
    if (isa<memref::CastOp, memref::ReinterpretCastOp>(op)) {
      value = op->getOperand(0);
    } else if (auto branch = dyn_cast<scf::IfOp>(op)) {
      // Where there is no copy, it is the memref itself.
      unsigned number = cast<OpResult>(value).getResultNumber();
      value = branch.elseYield().getOperand(number);
    } else {
      auto isCopy = [&](Operation *user) {
        auto copy = dyn_cast<memref::CopyOp>(user);
        return copy && copy.getTarget() == value &&
               copy->getBlock() == op->getBlock();
      };
      auto user = llvm::find_if(value.getUsers(), isCopy);
      if (!isa<memref::AllocOp>(op) || user == value.getUsers().end())
        return value;
      value = cast<memref::CopyOp>(*user).getSource();
    }
  }
  return value;
}

/// What both ops of a pair have is the same.
static LogicalResult verifyShared(KernelOpInterface op, TopkOp topk) {
  for (auto [value, name] :
       llvm::zip_equal(op.getDataOperands(), op.getDataOperandNames()))
    for (auto [other, otherName] :
         llvm::zip_equal(topk.getDataOperands(), TopkOp::getDataOperandNames()))
      // A pair with a paged cache needs the table, and the sequence of a row,
      // for slots alone.
      if (name == otherName && (value || other) &&
          ((name != "block_table" && name != "sequence") || other) &&
          (!value || !other || getOriginal(value) != getOriginal(other)))
        return topk.emitOpError("operand '")
               << name << "' must be that of the " << op->getName()
               << " with which it is fused";
  return success();
}

FailureOr<KernelFunction> mqa::getLaunched(KernelOpInterface op) {
  auto logits = dyn_cast<LogitsOpInterface>(*op);
  if (!logits || !getUnstoredLogits(logits))
    return KernelFunction{op, {}};
  TopkOp topk = getFusedTopk(logits);
  if (!topk)
    return op->emitOpError("writes logits that are not stored, and no "
                           "mqa.topk selects from them");
  std::string reason = explainNotFused(logits, topk);
  // What explains it asks for no effects at all between the two.
  bool isInBlock = topk->getBlock() == op->getBlock();
  Operation *write = isInBlock ? findWriteBetween(op, topk) : nullptr;
  if (!isInBlock || write) {
    InFlightDiagnostic error = topk.emitOpError("cannot be one kernel with ")
                               << op->getName() << ": ";
    if (!isInBlock)
      return error << reason;
    return error << "'" << write->getName()
                 << "', which stands between the two ops, may change what "
                    "they read";
  }
  if (failed(verifyShared(op, topk)))
    return failure();
  return KernelFunction{op, topk};
}
