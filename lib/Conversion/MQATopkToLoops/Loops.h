//===- Loops.h - Loops and index arithmetic, in few words -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_CONVERSION_MQATOPKTOLOOPS_LOOPS_H
#define MQA_LIB_CONVERSION_MQATOPKTOLOOPS_LOOPS_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::mqa {

/// What writes code with these.
class LoopWriter {
public:
  explicit LoopWriter(ImplicitLocOpBuilder &b) : b(b) {}

protected:
  using Body = function_ref<SmallVector<Value>(Value, ValueRange)>;

  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  Value add(Value x, Value y) { return arith::AddIOp::create(b, x, y); }
  Value sub(Value x, Value y) { return arith::SubIOp::create(b, x, y); }
  Value min(Value x, Value y) { return arith::MinSIOp::create(b, x, y); }
  Value max(Value x, Value y) { return arith::MaxSIOp::create(b, x, y); }
  Value compare(arith::CmpIPredicate predicate, Value x, Value y) {
    return arith::CmpIOp::create(b, predicate, x, y);
  }
  Value select(Value condition, Value x, Value y) {
    return arith::SelectOp::create(b, condition, x, y);
  }
  Value load(Value memref, ValueRange at) {
    return memref::LoadOp::create(b, memref, at);
  }
  /// An element of i32, as an index.
  Value loadIndex(Value memref, ValueRange at) {
    return arith::IndexCastOp::create(b, b.getIndexType(), load(memref, at));
  }
  /// An element of f32 or of 16 bits, as an f32.
  Value loadF32(Value memref, ValueRange at) {
    Value element = load(memref, at);
    if (element.getType().isF32())
      return element;
    return arith::ExtFOp::create(b, b.getF32Type(), element);
  }
  void store(Value value, Value memref, ValueRange at) {
    memref::StoreOp::create(b, value, memref, at);
  }
  Value getSize(Value memref, int64_t dim) {
    return memref::DimOp::create(b, memref, dim);
  }

  /// A loop from `from` to `to`. `body` gets its counter and what it carries,
  /// and returns the latter for the next step.
  SmallVector<Value> forEach(Value from, Value to, int64_t step,
                             ValueRange carried, Body body) {
    auto loop = scf::ForOp::create(b, from, to, constant(step), carried);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    SmallVector<Value> next =
        body(loop.getInductionVar(), loop.getRegionIterArgs());
    // A loop that carries nothing has its terminator.
    if (!carried.empty())
      scf::YieldOp::create(b, next);
    return loop.getResults();
  }
  void forEach(Value count, function_ref<void(Value)> body) {
    forEach(constant(0), count, 1, {}, [&](Value i, ValueRange) {
      body(i);
      return SmallVector<Value>();
    });
  }

  ImplicitLocOpBuilder &b;
};

} // namespace mlir::mqa

#endif // MQA_LIB_CONVERSION_MQATOPKTOLOOPS_LOOPS_H
