//===- Candidates.cpp - What the threads of a block do together -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Candidates.h"
#include "Kernels/WorkgroupMemory.h"
#include "Loops/InlinePtx.h"
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
  // Who builds a kernel with scratch of its own has another way for most rows.
  // What these ops need is then not computed ahead of all rows.
  thread =
      toWord(CandidateScratch::isShared(kernel)
                 ? readThread(*this)
                 : Value(gpu::ThreadIdOp::create(*this, gpu::Dimension::x)));
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

/// The scratch that the builder of `kernel` uses, too; or null.
static Value findShared(gpu::GPUFuncOp kernel, StringRef name) {
  for (unsigned i = 0, e = kernel.getNumWorkgroupAttributions(); i < e; ++i)
    if (kernel.getWorkgroupAttributionAttr(i, name))
      return kernel.getWorkgroupAttributions()[i];
  return {};
}

bool CandidateScratch::isShared(gpu::GPUFuncOp kernel) {
  return static_cast<bool>(findShared(kernel, kSharedAttrName));
}

Value CandidateScratch::getHistogram(BlockBuilder &b) {
  if (!histogram)
    histogram = findShared(kernel, kSharedAttrName);
  return get(histogram, kNumBins, b.getLoc());
}

Value CandidateScratch::share(gpu::GPUFuncOp kernel, Location loc) {
  if (Value shared = findShared(kernel, kSharedAttrName))
    return shared;
  Builder b(kernel.getContext());
  Value variable = addWorkgroupVariable(kernel, kNumBins, b.getI32Type(), loc);
  kernel.setWorkgroupAttributionAttr(kernel.getNumWorkgroupAttributions() - 1,
                                     b.getStringAttr(kSharedAttrName),
                                     b.getUnitAttr());
  return variable;
}

Value CandidateScratch::getCutWords(BlockBuilder &b) {
  return get(cutWords, 2 * shapes::kWarpThreads, b.getLoc());
}

Value CandidateScratch::getAppendWords(BlockBuilder &b) {
  return get(appendWords, 2 * shapes::kWarpThreads, b.getLoc());
}
