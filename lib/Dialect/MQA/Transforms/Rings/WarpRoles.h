//===- WarpRoles.h - The roles of a specialised kernel's warps --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_WARPROLES_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_WARPROLES_H

#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir {
namespace mqa {

/// Whether warps of `role` alone execute `op`.
inline bool hasRole(Operation *op, Role role) {
  auto own = dyn_cast<RoleOpInterface>(op);
  return own && own.getRole() == role;
}

/// How the consumer groups share a block of queries and keys: along the
/// queries, along the keys, and the queries of one of them; and how many groups
/// of converters are behind them and the producers.
struct ConsumerGroups {
  int64_t queryGroups, keyGroups, tileQueries;
  int64_t converterGroups;

  int64_t getConsumerGroups() const { return queryGroups * keyGroups; }
};

/// Reports what of `kernel` cannot be done by roles that each have a clone of
/// `loop`, the loop over rings, or by one that has `cleaning`.
LogicalResult verifyRoles(gpu::GPUFuncOp kernel, scf::ForOp loop,
                          scf::ForOp cleaning, ConsumerGroups groups);

/// Whether `position` is one more in each iteration of `keys`: something that
/// does not change, plus (key - first key) / step.
bool countsIterations(Value position, scf::ForOp keys);

/// What is needed to write each role's clone of the loop. Those of consumers,
/// producers and converters have files of their own. Of a kernel that
/// `verifyRoles` accepts.
class WarpRoles {
public:
  WarpRoles(gpu::GPUFuncOp kernel, scf::ForOp loop, scf::ForOp cleaning,
            ConsumerGroups groups, const ChipInfo &chip)
      : rewriter(kernel.getContext()), loc(loop.getLoc()), loop(loop),
        cleaning(cleaning), groups(groups), chip(chip),
        numConsumerGroups(groups.getConsumerGroups()) {}

  LogicalResult run();

private:
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(rewriter, loc, value);
  }
  Value compare(arith::CmpIPredicate predicate, Value lhs, int64_t rhs) {
    return arith::CmpIOp::create(rewriter, loc, predicate, lhs, constant(rhs));
  }
  /// Clones the loop at the insertion point without the ops of other roles, and
  /// without what is done to their slots.
  scf::ForOp cloneWithout(function_ref<bool(RoleOpInterface)> isForeign);
  void setRegisters(int64_t count);
  Value getUniform(Value number);
  void buildConsumers(Value threadId);
  void takeTurns(scf::ForOp keys, Value position, Value turn, int64_t turns);
  void takeTurnsAtGets(const SetVector<Operation *> &keyLoops, Value turn,
                       int64_t turns);
  SmallVector<scf::ForOp> findConverterLoops();
  /// The rows of the block from which on those of a query group are.
  Value getFirstRow(Value queryGroup) {
    return arith::MulIOp::create(rewriter, loc, queryGroup,
                                 constant(groups.tileQueries));
  }
  void skipWithoutQueries(StoreLogitsOp op, Value rows);
  void narrowTile(TileLogitsOp op, Value queryGroup);
  void narrowStore(StoreLogitsOp op, Value queryGroup);
  void narrowCarriedTiles(scf::ForOp outer);
  void buildRole(Value threadId, int64_t first, int64_t count,
                 function_ref<void(Value own)> body);
  void loadFirstBlockAlone(scf::ForOp producer);
  std::pair<Value, int64_t> findWideRing();
  SetVector<Value> findRingsBeside(Value wide);
  void fillInTurn(scf::ForOp producer, const SetVector<Value> &rings,
                  int64_t turn);
  void buildProducer(Value threadId, int64_t first, int64_t numWarps,
                     const SetVector<Value> &own);
  std::pair<Value, int64_t> findRingOfTurns(const SetVector<Value> &rings,
                                            int64_t maxTurns);
  void buildProducersInTurn(Value threadId, int64_t first, Value ring,
                            int64_t turns);
  void buildCopiers(Value threadId, int64_t first, Value wide,
                    SetVector<Value> others);
  int64_t buildProducers(Value threadId, int64_t first);
  int64_t buildSharedProducers(Value threadId, int64_t first, int64_t numWarps);
  void buildConverter(Value threadId, int64_t first);
  void shareLoops(scf::ForOp role, Value own, int64_t count);
  void buildOthers(Value threadId, int64_t first);
  void buildCleaner(Value threadId, int64_t first, int64_t count);

  IRRewriter rewriter;
  Location loc;
  /// The loop over tiles, and the one that cleans, if there is one.
  scf::ForOp loop, cleaning;
  ConsumerGroups groups;
  const ChipInfo &chip;
  int64_t numConsumerGroups;
  /// Whether a role's condition is read from a lane, so that ptxas knows it to
  /// be the same in the whole warp. It then keeps what is the same in uniform
  /// registers, and lets go of what brings diverged lanes together.
  bool rolesAreUniform = false;
};

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_WARPROLES_H
