//===- VerifyRoles.cpp - What a kernel must be to have roles --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each role gets a clone of the loop without the ops of the others. That is the
// same kernel only if no role needs what another one computes, and if what
// belongs to no role may be done by all of them.
//
//===----------------------------------------------------------------------===//

#include "SlotFills.h"
#include "SlotOps.h"
#include "WarpRoles.h"

#include "mlir/IR/Dominance.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace mlir::mqa;

namespace {
class RoleVerifier {
public:
  RoleVerifier(gpu::GPUFuncOp kernel, scf::ForOp loop, scf::ForOp cleaning,
               ConsumerGroups groups)
      : kernel(kernel), loop(loop), cleaning(cleaning), groups(groups) {}
  LogicalResult run();

private:
  LogicalResult verifyRings();
  LogicalResult verifyCleaning();
  LogicalResult verifyOtherOps(scf::ForOp within);
  LogicalResult verifySlotUses(Operation *op);
  LogicalResult verifyTileUses(Value logits);
  LogicalResult verifyStore(StoreLogitsOp op);
  LogicalResult verifyTurns(RingGetOp op);
  LogicalResult verifyRelease(RingReleaseOp op);
  LogicalResult verifyMeetings(Operation *op);
  LogicalResult verifyMeet(MeetOp op);

  gpu::GPUFuncOp kernel;
  scf::ForOp loop, cleaning;
  ConsumerGroups groups;
  /// Logits of tiles, and the values of loops that carry them.
  DenseSet<Value> tiles;
};
} // namespace

/// The ops that producers, converters or consumers do, and others do not.
static bool isOfRole(Operation *op) {
  auto own = dyn_cast<RoleOpInterface>(op);
  return own && own.getRole() != Role::Cleaner;
}

static bool hasOnlyReads(Operation *op) {
  return !hasUnknownEffects(op) && !hasEffect<MemoryEffects::Write>(op) &&
         !hasEffect<MemoryEffects::Allocate>(op) &&
         !hasEffect<MemoryEffects::Free>(op);
}

/// Rings are of the kernel, and used in the loop only: what is outside of it is
/// done by all warps.
LogicalResult RoleVerifier::verifyRings() {
  WalkResult result = kernel.walk([&](Operation *op) {
    if (!isOfRole(op))
      return WalkResult::advance();
    if (!loop->isProperAncestor(op)) {
      op->emitOpError("must be in the loop over rings to have a role");
      return WalkResult::interrupt();
    }
    if (isRingOp(op) && !op->getOperand(0).getDefiningOp<RingCreateOp>()) {
      op->emitOpError("must be of a ring that an mqa.ring_create makes");
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

/// The loop that cleans moves to where the loop over rings is.
LogicalResult RoleVerifier::verifyCleaning() {
  if (!cleaning)
    return success();
  if (!cleaning->use_empty())
    return cleaning.emitOpError("that cleans has results that are used");
  SetVector<Value> used;
  getUsedValuesDefinedAbove(cleaning.getRegion(), used);
  used.insert(cleaning->operand_begin(), cleaning->operand_end());
  // It changes places with what is between the loops.
  bool isAhead = cleaning->isBeforeInBlock(loop);
  Operation *end = isAhead ? loop : cleaning;
  for (Operation *op = isAhead ? cleaning : loop; op != end;
       op = op->getNextNode()) {
    if (op == cleaning || op == loop || isa<TileShareOp, RunShareOp>(op))
      continue;
    WalkResult result = op->walk([&](Operation *nested) {
      return nested->hasTrait<OpTrait::HasRecursiveMemoryEffects>() ||
                     hasOnlyReads(nested)
                 ? WalkResult::advance()
                 : WalkResult::interrupt();
    });
    if (!result.wasInterrupted())
      continue;
    InFlightDiagnostic error = cleaning.emitOpError(
        "that cleans would change places with what may do more than compute "
        "and read");
    error.attachNote(op->getLoc()) << "this";
    return error;
  }
  DominanceInfo dominance(kernel);
  for (Value value : used)
    if (!dominance.properlyDominates(value, loop))
      return cleaning.emitOpError("that cleans uses what is only computed "
                                  "behind the loop over rings");
  return verifyOtherOps(cleaning);
}

/// What has no role is done by every one: it may only compute and read. What
/// writes slots is of their role.
LogicalResult RoleVerifier::verifyOtherOps(scf::ForOp within) {
  auto verify = [&](Operation *op) {
    if (isa<MeetOp>(op))
      return WalkResult::skip();
    bool isCleaning = within == cleaning && isa<CleanRowsOp>(op);
    if (isCleaning || isOfRole(op) ||
        op->hasTrait<OpTrait::HasRecursiveMemoryEffects>() ||
        hasOnlyReads(op) || (within == loop && writesSlotsAlone(op)))
      return WalkResult::advance();
    op->emitOpError("is of no role, and may do more than compute and read: "
                    "not every role may execute it");
    return WalkResult::interrupt();
  };
  return failure(
      within.getBody()->walk<WalkOrder::PreOrder>(verify).wasInterrupted());
}

/// What consumers get, or compute for themselves, is theirs alone.
LogicalResult RoleVerifier::verifySlotUses(Operation *op) {
  for (Operation *user : op->getUsers())
    if (!isa<DecodeQueriesOp, FitQueriesOp, PermuteQueriesOp, TileLogitsOp>(
            user))
      return op->emitOpError("is used by '")
             << user->getName()
             << "', which is no part of a consumer's role before "
                "mqa-vectorize-tiles";
  return success();
}

/// Logits go to stores and to other tiles, also by loops that add them up. All
/// of those become as narrow as the queries of one consumer group.
LogicalResult RoleVerifier::verifyTileUses(Value logits) {
  if (!tiles.insert(logits).second)
    return success();
  for (OpOperand &use : logits.getUses()) {
    Operation *user = use.getOwner();
    if (isa<TileLogitsOp, StoreLogitsOp>(user))
      continue;
    auto carrying = dyn_cast<scf::ForOp>(user->getParentOp());
    if (!isa<scf::YieldOp>(user) || !carrying || carrying == loop)
      return emitError(logits.getLoc(), "logits of a tile are used by '")
             << user->getName()
             << "'; they may be stored, added to, or carried by a loop inside "
                "of that over rings";
    unsigned index = use.getOperandNumber();
    // It is narrowed, too.
    DenseElementsAttr init;
    if (!matchPattern(carrying.getInitArgs()[index], m_Constant(&init)) ||
        !init.isSplat())
      return carrying.emitOpError("that carries tiles must begin with a "
                                  "constant that is the same for each key");
    if (failed(verifyTileUses(carrying.getResult(index))) ||
        failed(verifyTileUses(carrying.getRegionIterArg(index))))
      return failure();
  }
  return success();
}

LogicalResult RoleVerifier::verifyStore(StoreLogitsOp op) {
  if (!tiles.contains(op.getLogits()))
    return op.emitOpError("must be of the logits of an mqa.tile_logits");
  return success();
}

bool mqa::countsIterations(Value position, scf::ForOp keys) {
  if (auto sum = position.getDefiningOp<arith::AddIOp>()) {
    if (keys.isDefinedOutsideOfLoop(sum.getLhs()))
      return countsIterations(sum.getRhs(), keys);
    return keys.isDefinedOutsideOfLoop(sum.getRhs()) &&
           countsIterations(sum.getLhs(), keys);
  }
  if (isa_and_nonnull<arith::IndexCastOp, arith::IndexCastUIOp>(
          position.getDefiningOp()))
    return countsIterations(position.getDefiningOp()->getOperand(0), keys);
  Value past = position;
  APInt step;
  if (auto division = position.getDefiningOp<arith::DivUIOp>()) {
    if (division.getRhs() != keys.getStep())
      return false;
    past = division.getLhs();
  } else if (!matchPattern(keys.getStep(), m_ConstantInt(&step)) || step != 1) {
    return false;
  }
  auto difference = past.getDefiningOp<arith::SubIOp>();
  if (difference)
    return difference.getLhs() == keys.getInductionVar() &&
           difference.getRhs() == keys.getLowerBound();
  return past == keys.getInductionVar() &&
         matchPattern(keys.getLowerBound(), m_Zero());
}

/// Whether two values are the same at the same time: computed alike, or carried
/// by one loop that they begin with and go on in alike. `equal` has what is
/// under way of the latter.
static bool areEqual(Value lhs, Value rhs, DenseMap<Value, Value> &equal) {
  if (lhs == rhs)
    return true;
  Operation *left = lhs.getDefiningOp(), *right = rhs.getDefiningOp();
  auto isEqual = [&](Value l, Value r) { return areEqual(l, r, equal); };
  if (left && right) {
    if (cast<OpResult>(lhs).getResultNumber() !=
            cast<OpResult>(rhs).getResultNumber() ||
        left->getNumRegions() != 0 || !isMemoryEffectFree(left))
      return false;
    return OperationEquivalence::isEquivalentTo(
        left, right, [&](Value l, Value r) { return success(isEqual(l, r)); },
        /*markEquivalent=*/nullptr, OperationEquivalence::IgnoreLocations);
  }
  auto l = dyn_cast<BlockArgument>(lhs), r = dyn_cast<BlockArgument>(rhs);
  auto carrying =
      l ? dyn_cast<scf::ForOp>(l.getOwner()->getParentOp()) : scf::ForOp();
  if (!l || !r || !carrying || l.getOwner() != r.getOwner() ||
      l == carrying.getInductionVar() || r == carrying.getInductionVar())
    return false;
  auto [it, isNew] = equal.try_emplace(lhs, rhs);
  if (!isNew)
    return it->second == rhs;
  return isEqual(carrying.getTiedLoopInit(l)->get(),
                 carrying.getTiedLoopInit(r)->get()) &&
         isEqual(carrying.getTiedLoopYieldedValue(l)->get(),
                 carrying.getTiedLoopYieldedValue(r)->get());
}

/// Consumer groups take turns at iterations, as they do at a ring's slots: each
/// gets one slot in each iteration, and nothing goes from one to the next.
LogicalResult RoleVerifier::verifyTurns(RingGetOp op) {
  if (groups.keyGroups == 1 || op->getParentOp() == loop)
    return success();
  auto keys = dyn_cast<scf::ForOp>(op->getParentOp());
  if (!keys || !countsIterations(op.getPosition(), keys))
    return op.emitOpError("position must follow from the loop's key, so that "
                          "consumer groups can take turns");
  if (keys->getParentOp() != loop || keys.getNumRegionIterArgs() > 0 ||
      keys.getBody()->getOps<StoreLogitsOp>().empty())
    return op.emitOpError(
        "must be in a loop over keys that stores logits and "
        "carries nothing, so that consumer groups can take turns");
  for (auto other : keys.getBody()->getOps<RingGetOp>()) {
    if (other.getRole() != Role::Consumer)
      continue;
    if (other != op && other.getRing() == op.getRing())
      return op.emitOpError("is not the only one of its ring in an iteration, "
                            "so that consumer groups cannot take turns");
    // Turns are those of one position.
    DenseMap<Value, Value> equal;
    if (!areEqual(other.getPosition(), op.getPosition(), equal))
      return op.emitOpError("position must be that of the loop's other rings, "
                            "so that consumer groups can take turns");
  }
  return success();
}

/// The readers of a slot that are counted are those that release it: either
/// all, in each iteration of the loop over rings, or those whose turn it is.
LogicalResult RoleVerifier::verifyRelease(RingReleaseOp op) {
  if (groups.keyGroups == 1)
    return success();
  for (Operation *user : op.getRing().getUsers())
    if (auto get = dyn_cast<RingGetOp>(user);
        get && get->getParentOfType<scf::ForOp>() !=
                   op->getParentOfType<scf::ForOp>()) {
      InFlightDiagnostic error = op.emitOpError(
          "must be in the loop that gets the slots of its ring, so that "
          "consumer groups can take turns");
      error.attachNote(get->getLoc()) << "one is got here";
      return error;
    }
  return success();
}

/// All consumers come to it, and meet there.
LogicalResult RoleVerifier::verifyMeetings(Operation *op) {
  if (groups.keyGroups == 1 || op->getParentOfType<scf::ForOp>() == loop)
    return success();
  return op->emitOpError(
      "is of all consumer groups, and must not be in a loop that "
      "they take turns at");
}

/// In a loop that consumer groups take turns at, they come to it in different
/// iterations, and meet only where all of them would.
LogicalResult RoleVerifier::verifyMeet(MeetOp op) {
  if (groups.keyGroups == 1 || op.getMeeting() || op->getParentOp() == loop)
    return success();
  return op.emitOpError("is of all consumer groups, and needs 'meeting' in a "
                        "loop that they take turns at");
}

LogicalResult RoleVerifier::run() {
  if (!loop->use_empty())
    return kernel.emitOpError("reads a result of the loop over rings");
  if (failed(verifyRings()) || failed(verifyCleaning()) ||
      failed(verifySlots(kernel, loop)))
    return failure();
  auto verify = [&](Operation *op) -> LogicalResult {
    if (auto tile = dyn_cast<TileLogitsOp>(op))
      return verifyTileUses(tile.getLogits());
    // A converter's slots have no readers that take turns.
    if (hasRole(op, Role::Converter))
      return success();
    if (auto get = dyn_cast<RingGetOp>(op); get && failed(verifyTurns(get)))
      return failure();
    if (auto release = dyn_cast<RingReleaseOp>(op))
      return verifyRelease(release);
    if (isa<DecodeQueriesOp, FitQueriesOp, PermuteQueriesOp>(op) &&
        failed(verifyMeetings(op)))
      return failure();
    if (auto meet = dyn_cast<MeetOp>(op))
      return verifyMeet(meet);
    return isa<RingGetOp, FitQueriesOp>(op) ? verifySlotUses(op) : success();
  };
  WalkResult result = loop.walk([&](Operation *op) {
    return failed(verify(op)) ? WalkResult::interrupt() : WalkResult::advance();
  });
  // When it is known what the logits of tiles are.
  if (!result.wasInterrupted())
    result = loop.walk([&](StoreLogitsOp op) {
      return failed(verifyStore(op)) ? WalkResult::interrupt()
                                     : WalkResult::advance();
    });
  if (result.wasInterrupted())
    return failure();
  return verifyOtherOps(loop);
}

LogicalResult mqa::verifyRoles(gpu::GPUFuncOp kernel, scf::ForOp loop,
                               scf::ForOp cleaning, ConsumerGroups groups) {
  return RoleVerifier(kernel, loop, cleaning, groups).run();
}
