//===- VerifySlots.cpp - What slots must be to have one role each ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each role does its ops in the order of the code. No role then waits forever,
// if the code does not that one thread would execute: of all ops that wait, the
// first one waits for what comes ahead of it, and all of that is done.
//
//===----------------------------------------------------------------------===//

#include "SlotFills.h"
#include "SlotOps.h"

#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace mlir::mqa;

void mqa::addSlotOps(Operation *slot, llvm::SetVector<Operation *> &ops) {
  SmallVector<Operation *> worklist{slot};
  while (!worklist.empty())
    for (Operation *user : worklist.pop_back_val()->getUsers()) {
      if (user->hasTrait<OpTrait::IsTerminator>())
        user = user->getParentOp();
      if (!isa<RoleOpInterface>(user) && ops.insert(user))
        worklist.push_back(user);
    }
}

bool mqa::writesSlotsAlone(Operation *op) {
  std::optional<SmallVector<MemoryEffects::EffectInstance>> effects =
      getEffectsRecursively(op);
  return effects && llvm::all_of(*effects, [](const auto &effect) {
           if (isa<MemoryEffects::Read>(effect.getEffect()))
             return true;
           Value written = effect.getValue();
           while (written) {
             auto view = written.getDefiningOp<ViewLikeOpInterface>();
             if (!view)
               break;
             written = view.getViewSource();
           }
           return isa<MemoryEffects::Write>(effect.getEffect()) && written &&
                  written.getDefiningOp<RingAcquireOp>();
         });
}

/// Ops on a slot have its role, and no other.
static LogicalResult verifyRole(RoleOpInterface slot,
                                DenseMap<Operation *, Role> &roles) {
  llvm::SetVector<Operation *> ops;
  addSlotOps(slot, ops);
  Role role = slot.getRole();
  auto emitError = [&](Operation *op, Role other) {
    InFlightDiagnostic error = op->emitOpError()
                               << "is of role " << stringifyRole(other)
                               << ", but uses a slot of role "
                               << stringifyRole(role);
    error.attachNote(slot.getLoc()) << "which is this one's";
    return error;
  };
  SmallVector<Operation *> users(slot->getUsers());
  for (Operation *op : ops) {
    auto [it, isNew] = roles.try_emplace(op, role);
    if (!isNew && it->second != role)
      return emitError(op, it->second);
    llvm::append_range(users, op->getUsers());
    if (op->isAncestor(slot))
      return slot.emitOpError("leads to a result of what is around it, which "
                              "is of no one role");
    op->walk([&](RoleOpInterface nested) { users.push_back(nested); });
  }
  for (Operation *user : users)
    if (auto own = dyn_cast<RoleOpInterface>(user);
        own && own.getRole() != role)
      return emitError(user, own.getRole());
  return success();
}

/// A get waits for what fills its slot, which must not come behind it.
static LogicalResult verifyOrder(RingGetOp get) {
  for (Operation *user : get.getRing().getUsers()) {
    bool isOfSlot = isa<RingPutOp, RingCommitOp>(user) &&
                    user->getOperand(1) == get.getPosition();
    if (!isOfSlot || user->getBlock() != get->getBlock() ||
        user->isBeforeInBlock(get))
      continue;
    InFlightDiagnostic error =
        get.emitOpError("waits for a slot that is only filled behind it");
    error.attachNote(user->getLoc()) << "here";
    return error;
  }
  return success();
}

/// Each thread of a role has other iterations: none may be of whole warps.
static LogicalResult verifyForall(scf::ForallOp op) {
  if (!op.getOutputs().empty())
    return op.emitOpError("that threads share must have no results");
  WalkResult result = op.getBody()->walk([&](Operation *nested) {
    if (!isa<RoleOpInterface, scf::ForallOp>(nested))
      return WalkResult::advance();
    InFlightDiagnostic error = op.emitOpError("that threads share must have no "
                                              "op of a role, and no other "
                                              "scf.forall, in it");
    error.attachNote(nested->getLoc()) << "this one";
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

LogicalResult mqa::verifySlots(gpu::GPUFuncOp kernel, scf::ForOp loop) {
  if (failed(findSlotFills(kernel)))
    return failure();
  DenseMap<Operation *, Role> roles;
  WalkResult result = loop.walk([&](Operation *op) {
    LogicalResult verified = success();
    if (auto get = dyn_cast<RingGetOp>(op)) {
      verified = verifyOrder(get);
      // A consumer's slots have rules of their own.
      if (succeeded(verified) && get.getRole() != Role::Consumer)
        verified = verifyRole(get, roles);
    } else if (auto acquire = dyn_cast<RingAcquireOp>(op)) {
      verified = verifyRole(acquire, roles);
    } else if (auto forall = dyn_cast<scf::ForallOp>(op)) {
      verified = verifyForall(forall);
    }
    return failed(verified) ? WalkResult::interrupt() : WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}
