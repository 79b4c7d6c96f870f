//===- Candidates.cpp - What the threads of a block do together -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Candidates.h"
#include "Kernels/WorkgroupMemory.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::mqa;
using arith::CmpIPredicate;

BlockBuilder::BlockBuilder(gpu::GPUFuncOp kernel, int64_t numThreads,
                           Operation *op)
    : ImplicitLocOpBuilder(op->getLoc(), op), kernel(kernel),
      numThreads(numThreads), numWarps(numThreads / shapes::kWarpThreads) {
  thread = toWord(gpu::ThreadIdOp::create(*this, gpu::Dimension::x));
  lane =
      arith::AndIOp::create(*this, thread, constant(shapes::kWarpThreads - 1));
  warp = arith::ShRUIOp::create(*this, thread, constant(shapes::kLaneBits));
}

Value BlockBuilder::constant(int64_t value) {
  return arith::ConstantIntOp::create(*this, static_cast<int32_t>(value), 32);
}

Value BlockBuilder::index(int64_t value) {
  return arith::ConstantIndexOp::create(*this, value);
}

Value BlockBuilder::toIndex(Value word) {
  return arith::IndexCastOp::create(*this, getIndexType(), word);
}

Value BlockBuilder::toWord(Value index) {
  return arith::IndexCastOp::create(*this, getI32Type(), index);
}

Value BlockBuilder::load(Value memref, Value word) {
  return memref::LoadOp::create(*this, memref, toIndex(word));
}

void BlockBuilder::store(Value value, Value memref, Value word) {
  memref::StoreOp::create(*this, value, memref, toIndex(word));
}

Value BlockBuilder::ballot(Value condition) {
  return NVVM::VoteSyncOp::create(*this, getI32Type(), constant(-1), condition,
                                  NVVM::VoteSyncKind::ballot);
}

Value BlockBuilder::countBits(Value word) {
  return math::CtPopOp::create(*this, word);
}

Value BlockBuilder::countLanesAhead(Value ballot) {
  Value one = constant(1);
  Value ahead = sub(arith::ShLIOp::create(*this, one, lane), one);
  return countBits(arith::AndIOp::create(*this, ballot, ahead));
}

Value BlockBuilder::addUpToLane(Value word) {
  Value zero = constant(0);
  for (int64_t step = 1; step < shapes::kWarpThreads; step *= 2) {
    auto ahead =
        gpu::ShuffleOp::create(*this, word, static_cast<int32_t>(step),
                               shapes::kWarpThreads, gpu::ShuffleMode::UP);
    Value isLane = compare(CmpIPredicate::uge, lane, constant(step));
    word = add(word, select(isLane, ahead.getShuffleResult(), zero));
  }
  return word;
}

Value BlockBuilder::reduce(Value word, NVVM::ReduxKind kind) {
  return NVVM::ReduxOp::create(*this, getI32Type(), word, kind, constant(-1));
}

Value BlockBuilder::sumOverWarps(Value words, Value start,
                                 function_ref<Value(Value warp)> isWanted) {
  // A lane for each warp: there are at most as many.
  Value zero = constant(0), at = lane, isWarp;
  if (numWarps < shapes::kWarpThreads) {
    isWarp = compare(CmpIPredicate::ult, lane, constant(numWarps));
    at = select(isWarp, lane, zero);
  }
  Value word = load(words, add(start, at));
  Value wanted = isWanted(lane);
  if (isWarp)
    wanted = arith::AndIOp::create(*this, wanted, isWarp);
  return reduce(select(wanted, word, zero), NVVM::ReduxKind::ADD);
}

void BlockBuilder::publish(Value word, Value words, Value start) {
  Value isFirst = compare(CmpIPredicate::eq, lane, constant(0));
  auto first = scf::IfOp::create(*this, isFirst, /*withElseRegion=*/false);
  InsertionGuard guard(*this);
  setInsertionPointToStart(first.thenBlock());
  store(word, words, add(start, warp));
}

Value CandidateScratch::get(Value &buffer, int64_t size, Location loc) {
  if (!buffer)
    buffer = addWorkgroupVariable(
        kernel, size, IntegerType::get(kernel.getContext(), 32), loc);
  return buffer;
}

Value CandidateScratch::getHistogram(BlockBuilder &b) {
  return get(histogram, kNumBins, b.getLoc());
}

Value CandidateScratch::getCutWords(BlockBuilder &b) {
  return get(cutWords, 2 * shapes::kWarpThreads, b.getLoc());
}

Value CandidateScratch::getAppendWords(BlockBuilder &b) {
  return get(appendWords, 2 * shapes::kWarpThreads, b.getLoc());
}
