//===- StoreVectorizer.h - One store of logits as vectors -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_STOREVECTORIZER_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_STOREVECTORIZER_H

#include "VectorizeStore.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Dominance.h"

namespace mlir {
namespace mqa {

/// Writes one consumer group's store. Vectors are indexed [query, key].
class StoreVectorizer {
public:
  StoreVectorizer(IRRewriter &b, StoreLogitsOp op)
      : b(b), op(op), loc(op.getLoc()), ranges(Ranges::get(b, op.getRanges())),
        queries(op.getLogits().getType().getDimSize(0)),
        keys(op.getLogits().getType().getDimSize(1)) {}
  void run();

private:
  VectorType getIndexType() {
    return VectorType::get({queries, keys}, b.getIndexType());
  }
  Value broadcast(Value perQuery);
  /// One value for all keys of all queries.
  Value broadcastAll(Value value) {
    return vector::BroadcastOp::create(b, loc, getIndexType(), value);
  }
  /// Moves the insertion point down to where `value` is defined, if it is not
  /// yet. Both are seen by `op`, so that one is behind the other.
  void moveBehind(Value value) {
    DominanceInfo dominance;
    if (!dominance.properlyDominates(value, &*b.getInsertionPoint()))
      b.setInsertionPointAfterValue(value);
  }
  Value readOutside(Value memref, function_ref<Value()> read);
  Value countFromTile(Value perQuery);
  Value compareKeys(arith::CmpIPredicate predicate, Value perQuery,
                    int64_t ahead);

  // StoreKeyBlocks.cpp
  Value getColumns();
  Value readBlocks();
  Value getKeysOfColumns();
  Value seesKeys(Value columnKeys);

  // VectorizeStore.cpp
  void filter(FilteredRowsOp rows, Value firstRow, Value logits, Value mask);
  void writeWords(WordRowsOp rows, Value firstRow, Value logits, Value mask);
  void write(Value logits, Value out, Value firstRow, Value firstColumn,
             Value mask);

  // StoreMaxima.cpp
  Value takeMaxima(Value logits, Value mask);
  Value compareBlocks(arith::CmpIPredicate predicate, Value block,
                      Value perQuery);
  void writeMaxima(Value logits, Value mask);

  IRRewriter &b;
  StoreLogitsOp op;
  Location loc;
  Ranges ranges;
  int64_t queries, keys;
  /// Of the ranges, counted from the tile's first key, and the tile's keys,
  /// counted likewise.
  Value starts, ends, key;
};

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_STOREVECTORIZER_H
