//===- DeviceBuilder.h - What the threads of a kernel do --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Short names for what code of a kernel consists of: words (i32) are what
// memory holds, and what is counted is an index.
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_DEVICEBUILDER_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_DEVICEBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir {
namespace mqa {

class DeviceBuilder : public ImplicitLocOpBuilder {
public:
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;

  /// Null: those are the first of the block.
  Value thread;

  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(*this, value);
  }
  Value word(int64_t value) {
    return arith::ConstantIntOp::create(*this, value, 32);
  }
  Value real(float value) {
    return arith::ConstantOp::create(*this, getF32FloatAttr(value));
  }
  Value toWord(Value value) {
    return arith::IndexCastOp::create(*this, getI32Type(), value);
  }
  Value toIndex(Value value) {
    return arith::IndexCastOp::create(*this, getIndexType(), value);
  }
  Value add(Value lhs, Value rhs) {
    return arith::AddIOp::create(*this, lhs, rhs);
  }
  Value sub(Value lhs, Value rhs) {
    return arith::SubIOp::create(*this, lhs, rhs);
  }
  Value mul(Value lhs, int64_t rhs) {
    return arith::MulIOp::create(*this, lhs, index(rhs));
  }
  Value ceilDiv(Value value, int64_t divisor) {
    return arith::DivUIOp::create(*this, add(value, index(divisor - 1)),
                                  index(divisor));
  }
  Value compare(arith::CmpIPredicate predicate, Value lhs, Value rhs) {
    return arith::CmpIOp::create(*this, predicate, lhs, rhs);
  }
  Value both(Value lhs, Value rhs) {
    return arith::AndIOp::create(*this, lhs, rhs);
  }
  /// The number of this thread among those that execute this.
  Value getThread() {
    return thread ? thread : gpu::ThreadIdOp::create(*this, gpu::Dimension::x);
  }
  /// All threads that execute this wait for each other.
  void barrier() { gpu::BarrierOp::create(*this); }
  /// What is written ahead of it, other blocks of the grid see that see what is
  /// written behind it; and the other way around.
  void fence() {
    LLVM::FenceOp::create(*this, LLVM::AtomicOrdering::acq_rel, "device");
  }

  void ifTrue(Value condition, function_ref<void()> body) {
    auto guarded =
        scf::IfOp::create(*this, condition, /*withElseRegion=*/false);
    InsertionGuard guard(*this);
    setInsertionPointToStart(guarded.thenBlock());
    body();
  }
  /// The results of `yes` where `condition` holds, and else those of `no`.
  SmallVector<Value> choose(Value condition, TypeRange types,
                            function_ref<SmallVector<Value>()> yes,
                            function_ref<SmallVector<Value>()> no) {
    auto choice =
        scf::IfOp::create(*this, types, condition, /*withElseRegion=*/true);
    InsertionGuard guard(*this);
    setInsertionPointToStart(choice.thenBlock());
    scf::YieldOp::create(*this, yes());
    setInsertionPointToStart(choice.elseBlock());
    scf::YieldOp::create(*this, no());
    return llvm::to_vector_of<Value>(choice.getResults());
  }
  void byFirstThread(function_ref<void()> body) {
    ifTrue(compare(arith::CmpIPredicate::eq, getThread(), index(0)), body);
  }
  void forEach(Value begin, Value end, Value step,
               function_ref<void(Value)> body) {
    auto loop = scf::ForOp::create(*this, begin, end, step);
    InsertionGuard guard(*this);
    setInsertionPointToStart(loop.getBody());
    body(loop.getInductionVar());
  }
};

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_DEVICEBUILDER_H
