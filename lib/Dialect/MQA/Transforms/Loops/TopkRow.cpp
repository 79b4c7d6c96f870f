//===- TopkRow.cpp - One row of a kernel of mqa.topk ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TopkRow.h"
#include "PersistentLoops.h"
#include "mqa/Dialect/MQA/IR/Ranges.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::mqa;
using arith::CmpIPredicate;

static Value constant(ImplicitLocOpBuilder &b, int64_t value) {
  return arith::ConstantIndexOp::create(b, value);
}

static Value compare(ImplicitLocOpBuilder &b, CmpIPredicate predicate,
                     Value lhs, Value rhs) {
  return arith::CmpIOp::create(b, predicate, lhs, rhs);
}

/// The element of an i32 memref at `indices`, as an index.
static Value loadIndex(ImplicitLocOpBuilder &b, Value memref,
                       ValueRange indices) {
  return arith::IndexCastOp::create(b, b.getIndexType(),
                                    memref::LoadOp::create(b, memref, indices));
}

TopkRow::TopkRow(ImplicitLocOpBuilder &b, TopkOp op, Value row)
    : op(op), row(row) {
  logits = getRowBlock(b, b.getLoc(), op.getLogits(), row, b.getIndexAttr(1));
  findRange(b);
}

void TopkRow::findRange(ImplicitLocOpBuilder &b) {
  Ranges ranges = Ranges::get(b, op);
  Value columns = memref::DimOp::create(b, logits, 1);
  if (op.hasKeyBlocks()) {
    keyBlocks =
        getRowBlock(b, b.getLoc(), op.getKeyBlocks(), row, b.getIndexAttr(1));
    std::tie(firstColumn, endColumn) =
        ranges.loadBlockColumns(b, b.getLoc(), row, keyBlocks, columns);
    length = arith::SubIOp::create(b, endColumn, firstColumn);
    firstKey = firstColumn;
    keyOfColumn0 = constant(b, 0);
    return;
  }
  firstKey = ranges.loadStart(b, b.getLoc(), row);
  std::tie(firstColumn, endColumn) =
      ranges.loadColumns(b, b.getLoc(), row, columns);
  length = arith::SubIOp::create(b, endColumn, firstColumn);
  keyOfColumn0 = ranges.areCompressed() ? firstKey : constant(b, 0);
}

/// `value`, a float or a vector of them, as f32.
static Value extend(ImplicitLocOpBuilder &b, Value value) {
  Type type = value.getType(), f32 = b.getF32Type();
  if (auto vector = dyn_cast<VectorType>(type))
    f32 = vector.clone(f32);
  return type == f32 ? value : arith::ExtFOp::create(b, f32, value);
}

Value TopkRow::loadLogit(ImplicitLocOpBuilder &b, Value column) const {
  return extend(
      b, memref::LoadOp::create(b, logits, ValueRange{constant(b, 0), column}));
}

Value TopkRow::getMisalignment(ImplicitLocOpBuilder &b, Value column,
                               int64_t size) const {
  Value address = memref::ExtractAlignedPointerAsIndexOp::create(b, logits);
  int64_t bytes =
      cast<MemRefType>(logits.getType()).getElementTypeBitWidth() / 8;
  Value element = arith::DivUIOp::create(b, address, constant(b, bytes));
  return arith::RemUIOp::create(b, arith::AddIOp::create(b, element, column),
                                constant(b, size));
}

Value TopkRow::loadVector(ImplicitLocOpBuilder &b, Value column,
                          int64_t size) const {
  auto type = cast<MemRefType>(logits.getType());
  return extend(
      b, vector::LoadOp::create(
             b, VectorType::get(size, type.getElementType()), logits,
             ValueRange{constant(b, 0), column},
             /*nontemporal=*/false,
             llvm::MaybeAlign(size * type.getElementTypeBitWidth() / 8)));
}

Value TopkRow::loadLogits(ImplicitLocOpBuilder &b, Value column,
                          int64_t size) const {
  auto f32s = VectorType::get(size, b.getF32Type());
  Value isWhole = arith::AndIOp::create(
      b, compare(b, CmpIPredicate::sge, column, firstColumn),
      compare(b, CmpIPredicate::sle,
              arith::AddIOp::create(b, column, constant(b, size)), endColumn));
  auto load = scf::IfOp::create(b, TypeRange(f32s), isWhole,
                                /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(load.thenBlock());
  scf::YieldOp::create(b, loadVector(b, column, size));
  b.setInsertionPointToStart(load.elseBlock());
  SmallVector<Value> elements;
  Value nan = arith::ConstantOp::create(
      b, b.getF32FloatAttr(std::numeric_limits<float>::quiet_NaN()));
  for (int64_t i = 0; i < size; ++i) {
    Value at = arith::AddIOp::create(b, column, constant(b, i));
    Value isInside = arith::AndIOp::create(
        b, compare(b, CmpIPredicate::sge, at, firstColumn),
        compare(b, CmpIPredicate::slt, at, endColumn));
    auto one = scf::IfOp::create(b, TypeRange(b.getF32Type()), isInside,
                                 /*withElseRegion=*/true);
    OpBuilder::InsertionGuard inner(b);
    b.setInsertionPointToStart(one.thenBlock());
    scf::YieldOp::create(b, loadLogit(b, at));
    b.setInsertionPointToStart(one.elseBlock());
    scf::YieldOp::create(b, nan);
    elements.push_back(one.getResult(0));
  }
  scf::YieldOp::create(
      b, Value(vector::FromElementsOp::create(b, f32s, elements)));
  return load.getResult(0);
}

Value TopkRow::isForced(ImplicitLocOpBuilder &b, Value column) const {
  Value first = arith::AddIOp::create(
      b, firstColumn,
      arith::MinSIOp::create(b, length, constant(b, op.getForceFirst())));
  Value last = arith::SubIOp::create(
      b, endColumn,
      arith::MinSIOp::create(b, length, constant(b, op.getForceLast())));
  Value isFirst = arith::AndIOp::create(
      b, compare(b, CmpIPredicate::sge, column, firstColumn),
      compare(b, CmpIPredicate::slt, column, first));
  Value isLast =
      arith::AndIOp::create(b, compare(b, CmpIPredicate::sge, column, last),
                            compare(b, CmpIPredicate::slt, column, endColumn));
  return arith::OrIOp::create(b, isFirst, isLast);
}

/// The line of the block table that the row's keys are in.
Value TopkRow::getSequence(ImplicitLocOpBuilder &b) const {
  if (op.getSequence())
    return loadIndex(b, op.getSequence(), row);
  return arith::DivUIOp::create(b, row, constant(b, op.getRowsOfSequence()));
}

Value TopkRow::getKeyOfColumn(ImplicitLocOpBuilder &b, Value column) const {
  return Ranges::get(b, op).loadKeyOfColumn(b, b.getLoc(), keyBlocks, column);
}

/// Of keys outside of the table, nothing is read.
Value TopkRow::getSlot(ImplicitLocOpBuilder &b, Value key) const {
  Value table = op.getBlockTable(), blockKv = constant(b, *op.getBlockKv());
  Value sequence = getSequence(b);
  Value block = arith::DivUIOp::create(b, key, blockKv);
  Value isThere = compare(b, CmpIPredicate::ult, sequence,
                          memref::DimOp::create(b, table, 0));
  // Any number may stand in a list of blocks.
  if (op.hasKeyBlocks())
    isThere =
        arith::AndIOp::create(b, isThere,
                              compare(b, CmpIPredicate::ult, block,
                                      memref::DimOp::create(b, table, 1)));
  auto entry = scf::IfOp::create(b, TypeRange(b.getIndexType()), isThere,
                                 /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(entry.thenBlock());
    Value line = getRowBlock(b, b.getLoc(), table, sequence, b.getIndexAttr(1));
    scf::YieldOp::create(b, loadIndex(b, line, {constant(b, 0), block}));
    b.setInsertionPointToStart(entry.elseBlock());
    scf::YieldOp::create(b, constant(b, 0));
  }
  return arith::AddIOp::create(
      b, arith::MulIOp::create(b, entry.getResult(0), blockKv),
      arith::RemUIOp::create(b, key, blockKv));
}

Value TopkRow::getIndex(ImplicitLocOpBuilder &b, Value key) const {
  Value index = key;
  switch (op.getBase()) {
  case IndexBase::Absolute:
    if (op.hasKeyBlocks())
      index = getKeyOfColumn(b, key);
    break;
  case IndexBase::Relative:
    if (!op.hasKeyBlocks())
      index = arith::SubIOp::create(b, key, firstKey);
    break;
  case IndexBase::Slot:
    index = getSlot(b, op.hasKeyBlocks() ? getKeyOfColumn(b, key) : key);
    break;
  }
  if (op.getOffset())
    index = arith::AddIOp::create(b, index, loadIndex(b, op.getOffset(), row));
  return arith::IndexCastOp::create(b, b.getI32Type(), index);
}
