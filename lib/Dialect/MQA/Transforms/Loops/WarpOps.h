//===- WarpOps.h - What the lanes of a warp do together ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Words and lanes are i32. All lanes of a warp come to these ops together.
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_WARPOPS_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_WARPOPS_H

#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir {
namespace mqa {

inline Value emitWord(ImplicitLocOpBuilder &b, int64_t value) {
  return arith::ConstantIntOp::create(b, static_cast<int32_t>(value), 32);
}

/// A bit for each lane, set where `condition` holds.
inline Value emitBallot(ImplicitLocOpBuilder &b, Value condition) {
  return NVVM::VoteSyncOp::create(b, b.getI32Type(), emitWord(b, -1), condition,
                                  NVVM::VoteSyncKind::ballot);
}

/// How many lanes ahead of `lane` have their bit set.
inline Value countLanesAhead(ImplicitLocOpBuilder &b, Value lane,
                             Value ballot) {
  Value one = emitWord(b, 1);
  Value ahead =
      arith::SubIOp::create(b, arith::ShLIOp::create(b, one, lane), one);
  return math::CtPopOp::create(b, arith::AndIOp::create(b, ballot, ahead));
}

/// The sum of `word` over `lane` and those ahead of it.
inline Value addUpToLane(ImplicitLocOpBuilder &b, Value lane, Value word) {
  Value zero = emitWord(b, 0);
  for (int64_t step = 1; step < shapes::kWarpThreads; step *= 2) {
    auto ahead =
        gpu::ShuffleOp::create(b, word, static_cast<int32_t>(step),
                               shapes::kWarpThreads, gpu::ShuffleMode::UP);
    Value isLane = arith::CmpIOp::create(b, arith::CmpIPredicate::uge, lane,
                                         emitWord(b, step));
    word = arith::AddIOp::create(
        b, word,
        arith::SelectOp::create(b, isLane, ahead.getShuffleResult(), zero));
  }
  return word;
}

/// Over the lanes of a warp, the same value for all of them.
inline Value reduceOverWarp(ImplicitLocOpBuilder &b, Value word,
                            NVVM::ReduxKind kind) {
  return NVVM::ReduxOp::create(b, b.getI32Type(), word, kind, emitWord(b, -1));
}

/// What lane `from`, an i32, has.
inline Value readFromLane(ImplicitLocOpBuilder &b, Value word, Value from) {
  return gpu::ShuffleOp::create(b, word, from,
                                emitWord(b, shapes::kWarpThreads),
                                gpu::ShuffleMode::IDX)
      .getShuffleResult();
}

/// What lanes wrote ahead of it, all lanes see behind it.
inline void syncWarp(ImplicitLocOpBuilder &b) {
  NVVM::SyncWarpOp::create(b, emitWord(b, -1));
}

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_WARPOPS_H
