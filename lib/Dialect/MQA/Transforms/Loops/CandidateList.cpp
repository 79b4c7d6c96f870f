//===- CandidateList.cpp - The list of a kernel that selects --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CandidateList.h"
#include "InlinePtx.h"
#include "PersistentLoops.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::mqa;
using arith::CmpIPredicate;

Value CandidateList::constant(int64_t value) {
  return arith::ConstantIndexOp::create(b, value);
}

CandidateList::CandidateList(ImplicitLocOpBuilder &b, int64_t numSelected,
                             Ties ties, int64_t numThreads, Value codes,
                             Value keys)
    : numThreads(numThreads),
      capacity(cast<MemRefType>(codes.getType()).getDimSize(0)), codes(codes),
      keys(keys), thread(gpu::ThreadIdOp::create(b, gpu::Dimension::x)), b(b),
      numSelected(numSelected), ties(ties) {}

static Value getDynamicMemory(ImplicitLocOpBuilder &b, int64_t start,
                              int64_t size) {
  auto workgroup =
      gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  Value memory = gpu::DynamicSharedMemoryOp::create(
      b, MemRefType::get({ShapedType::kDynamic}, b.getI8Type(),
                         MemRefLayoutAttrInterface{}, workgroup));
  auto type = MemRefType::get({size}, b.getI32Type(),
                              MemRefLayoutAttrInterface{}, workgroup);
  return memref::ViewOp::create(
      b, type, memory, arith::ConstantIndexOp::create(b, start), ValueRange());
}

void CandidateList::create() {
  codes = getDynamicMemory(b, 0, capacity);
  keys = getDynamicMemory(b, capacity * sizeof(int32_t), capacity);
  thread = gpu::ThreadIdOp::create(b, gpu::Dimension::x);
}

Value CandidateList::getMemory() const {
  return getDynamicMemory(b, 0, 2 * capacity);
}

CandidateList::Phase::Phase(CandidateList &list)
    : list(list), before(list.thread) {
  list.thread = readThread(list.b);
}

void CandidateList::forEach(Value end, function_ref<void(Value)> body) const {
  auto loop = scf::ForOp::create(b, thread, end,
                                 arith::ConstantIndexOp::create(b, numThreads));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

CandidateList::State
CandidateList::append(const State &state,
                      function_ref<AppendCandidatesOp(const State &)> build) {
  Type index = b.getIndexType(), f32 = b.getF32Type();
  auto appended = build(state);
  auto choose = scf::IfOp::create(b, TypeRange{index, f32}, appended.getFits(),
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(choose.thenBlock());
  scf::YieldOp::create(b, ValueRange{appended.getNewCount(), state.threshold});
  b.setInsertionPointToStart(choose.elseBlock());
  Value threshold = CutCandidatesOp::create(b, f32, codes, keys, state.count,
                                            numSelected, ties);
  auto again = build({constant(numSelected), threshold});
  scf::YieldOp::create(b, ValueRange{again.getNewCount(), threshold});
  return {choose.getResult(0), choose.getResult(1)};
}

Value CandidateList::cut(Value count) {
  Value most = constant(numSelected);
  Value isLong = arith::CmpIOp::create(b, CmpIPredicate::ugt, count, most);
  auto cut = scf::IfOp::create(b, isLong, /*withElseRegion=*/false);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(cut.thenBlock());
    CutCandidatesOp::create(b, b.getF32Type(), codes, keys, count, numSelected,
                            ties);
  }
  return arith::MinUIOp::create(b, count, most);
}

void CandidateList::write(Value indices, Value values, Value row, Value count,
                          function_ref<SmallVector<Value>(Value place)> read) {
  Value zero = constant(0);
  Location loc = b.getLoc();
  indices = getRowBlock(b, loc, indices, row, b.getIndexAttr(1));
  if (values)
    values = getRowBlock(b, loc, values, row, b.getIndexAttr(1));
  Value none = arith::ConstantIntOp::create(b, -1, 32);
  Value least = arith::ConstantOp::create(
      b, b.getF32FloatAttr(-std::numeric_limits<float>::infinity()));
  forEach(constant(numSelected), [&](Value i) {
    Value isSelected = arith::CmpIOp::create(b, CmpIPredicate::ult, i, count);
    SmallVector<Type> types{b.getI32Type()};
    SmallVector<Value> padding{none};
    if (values) {
      types.push_back(b.getF32Type());
      padding.push_back(least);
    }
    auto chosen = scf::IfOp::create(b, types, isSelected,
                                    /*withElseRegion=*/true);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(chosen.thenBlock());
      scf::YieldOp::create(b, read(i));
      b.setInsertionPointToStart(chosen.elseBlock());
      scf::YieldOp::create(b, padding);
    }
    memref::StoreOp::create(b, chosen.getResult(0), indices,
                            ValueRange{zero, i});
    if (values)
      memref::StoreOp::create(b, chosen.getResult(1), values,
                              ValueRange{zero, i});
  });
}
