//===- GridShare.h - An equal share of work for each block ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What mqa.tile_share and mqa.run_share expand to: each thread counts the tiles
// of some neighbouring pieces of work; a scan over the threads tells it where
// its pieces begin; the threads whose pieces hold the share's first or last
// tile say so in shared memory.
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_EXPANSIONS_GRIDSHARE_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_EXPANSIONS_GRIDSHARE_H

#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir {
namespace mqa {

class GridShare {
protected:
  GridShare(gpu::GPUFuncOp kernel, Operation *op, int64_t blockCost,
            int64_t numThreads)
      : kernel(kernel), b(op), loc(op->getLoc()), blockCost(blockCost),
        numThreads(numThreads) {}

  /// The first and the last position of a share of all.
  struct Share {
    Value first, last, count;
  };

  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  Value add(Value lhs, Value rhs) {
    return arith::AddIOp::create(b, loc, lhs, rhs);
  }
  Value sub(Value lhs, Value rhs) {
    return arith::SubIOp::create(b, loc, lhs, rhs);
  }
  Value compare(arith::CmpIPredicate predicate, Value lhs, Value rhs) {
    return arith::CmpIOp::create(b, loc, predicate, lhs, rhs);
  }
  Value select(Value condition, Value lhs, Value rhs) {
    return arith::SelectOp::create(b, loc, condition, lhs, rhs);
  }
  Value isIn(Value tile, Value first, Value count) {
    return arith::AndIOp::create(
        b, loc, compare(arith::CmpIPredicate::sge, tile, first),
        compare(arith::CmpIPredicate::slt, tile, add(first, count)));
  }
  Value ceilDiv(Value lhs, Value rhs) {
    return arith::DivUIOp::create(b, loc, sub(add(lhs, rhs), constant(1)), rhs);
  }
  Value toI32(Value value) {
    return arith::IndexCastOp::create(b, loc, b.getI32Type(), value);
  }
  Value toIndex(Value value) {
    return arith::IndexCastOp::create(b, loc, b.getIndexType(), value);
  }
  Value addOverWarp(Value value);
  /// The value of lane 0, so that ptxas knows it to be the same in the whole
  /// warp: the loops that it bounds then count, and address, in uniform
  /// registers.
  Value emitUniform(Value value);
  Value allocate(int64_t size);
  /// How many tiles `keys` keys are.
  Value countTilesOf(Value keys, int64_t tileKv);
  /// The length of a piece with that many tiles, with the gap behind it.
  Value getLength(Value tiles);
  /// The sum of `own` over the threads before this one, and over all. `sums`
  /// has a word of each warp.
  std::pair<Value, Value> scan(Value own, Value thread, Value sums);
  int64_t getNumWarps() const;
  Share getShare(Value total, Value share, Value numShares);

  gpu::GPUFuncOp kernel;
  IRRewriter b;
  Location loc;
  int64_t blockCost, numThreads;
};

/// Replaces the op; `numThreads` threads execute the kernel.
void expandRunShare(gpu::GPUFuncOp kernel, RunShareOp op, int64_t numThreads);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_EXPANSIONS_GRIDSHARE_H
