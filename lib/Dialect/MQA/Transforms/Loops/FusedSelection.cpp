//===- FusedSelection.cpp - Selection in a kernel of logits ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FusedSelection.h"

#include "Kernels/WorkgroupMemory.h"
#include "ListSelection.h"
#include "RowSelection.h"
#include "mqa/Dialect/MQA/IR/EnumCases.h"

using namespace mlir;
using namespace mlir::mqa;
using arith::CmpIPredicate;

std::unique_ptr<FusedSelection> FusedSelection::create(LogitsOpInterface logits,
                                                       TopkOp op, Value scratch,
                                                       const TilePlan &plan) {
  // Keys in the order of their logits are sorted in lists.
  if (logits.getNextN() && !isByScore(op.getOrder()))
    return std::make_unique<RowSelection>(op, scratch, plan, logits.getNextN());
  return std::make_unique<ListSelection>(
      op, scratch, plan,
      logits.getNextN() ? logits.getNextN() : plan.schedule.getBlockQ());
}

FusedSelection::FusedSelection(TopkOp op, Value scratch, const TilePlan &plan,
                               int64_t blockRows)
    : op(op), scratch(scratch), blockRows(blockRows),
      tableRows(plan.schedule.getBlockQ()), tileKv(plan.schedule.getTileKv()),
      numSelected(op.getNumSelected()),
      numThreads(plan.schedule.getConsumerGroups() * shapes::kGroupThreads),
      ties(getTies(op.getTieBreak())) {}

Value FusedSelection::addVariable(OpBuilder &b, int64_t size, Type type) {
  Operation *parent = b.getInsertionBlock()->getParentOp();
  auto kernel = dyn_cast<gpu::GPUFuncOp>(parent);
  if (!kernel)
    kernel = parent->getParentOfType<gpu::GPUFuncOp>();
  return addWorkgroupVariable(kernel, size, type, op.getLoc());
}

void FusedSelection::allocate(OpBuilder &builder, Value) {
  DeviceBuilder b(op.getLoc(), builder);
  answer = addVariable(b, 1, b.getI32Type());
  gridBlock = gpu::BlockIdOp::create(b, gpu::Dimension::x);
  gridSize = gpu::GridDimOp::create(b, gpu::Dimension::x);
}

MeetOp FusedSelection::meet(DeviceBuilder &b, Value meeting, Value key,
                            Value end, function_ref<void()> body) {
  auto together = MeetOp::create(b, meeting, key, end, /*num_threads=*/0,
                                 /*turns=*/1, tileKv);
  OpBuilder::InsertionGuard guard(b);
  b.createBlock(&together.getBody());
  body();
  return together;
}

/// Updates one of the counters of a query block; returns what it was.
Value FusedSelection::update(DeviceBuilder &b, const QueryBlock &block,
                             arith::AtomicRMWKind kind, Value value,
                             int64_t counter) {
  return memref::AtomicRMWOp::create(
      b, kind, b.toWord(value), scratch,
      ValueRange{b.add(getCounters(b, block), b.index(counter))});
}

/// Tells the other blocks of the grid that this one is done with its part of
/// the query block; returns whether all are.
Value FusedSelection::arrive(DeviceBuilder &b, const QueryBlock &block,
                             function_ref<void()> tellMore) {
  b.barrier();
  b.byFirstThread([&] {
    b.fence();
    tellMore();
    Value size = b.sub(block.end, block.begin);
    Value done = b.toIndex(
        update(b, block, arith::AtomicRMWKind::addi, size, /*counter=*/0));
    Value isLast = b.compare(CmpIPredicate::eq, b.add(done, size),
                             b.sub(block.hi, block.lo));
    memref::StoreOp::create(b,
                            arith::ExtUIOp::create(b, b.getI32Type(), isLast),
                            answer, b.index(0));
  });
  b.barrier();
  Value isLast = b.compare(
      CmpIPredicate::ne,
      memref::LoadOp::create(b, answer, ValueRange{b.index(0)}), b.word(0));
  b.fence();
  b.barrier();
  return isLast;
}

void FusedSelection::selectByLast(DeviceBuilder &b, const QueryBlock &block,
                                  function_ref<Value()> shareOut,
                                  function_ref<void()> select) {
  meet(b, Value(), Value(), Value(), [&] {
    auto choose =
        scf::IfOp::create(b, TypeRange(b.getI1Type()), isWhole(b, block),
                          /*withElseRegion=*/true);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(choose.thenBlock());
      scf::YieldOp::create(b, Value(arith::ConstantIntOp::create(b, true, 1)));
      b.setInsertionPointToStart(choose.elseBlock());
      scf::YieldOp::create(b, shareOut());
    }
    b.ifTrue(choose.getResult(0), select);
  });
}

void FusedSelection::resetCounters(DeviceBuilder &b, const QueryBlock &block) {
  b.byFirstThread([&] {
    Value own = getCounters(b, block);
    for (int64_t i = 0; i < 3; ++i)
      memref::StoreOp::create(b, b.word(0), scratch, b.add(own, b.index(i)));
  });
}
