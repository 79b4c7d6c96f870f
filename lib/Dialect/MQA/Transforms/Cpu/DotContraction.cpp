//===- DotContraction.cpp - Products of pairs in vector registers ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PairContraction.h"
#include "mqa/Dialect/MQA/IR/Target.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"

using namespace mlir;
using namespace mlir::mqa;

namespace {
/// 16 accumulators hide the latency of the instruction; two vectors of columns
/// and a pair that is broadcast are in registers beside them.
constexpr int64_t kRows = 8, kVectors = 2;

class DotBlock {
public:
  DotBlock(OpBuilder &b, Location loc, const PairContraction &contraction,
           const MatrixUnit &unit, Value row, int64_t numRows, Value column,
           int64_t numColumns)
      : b(b), loc(loc), contraction(contraction), unit(unit),
        numLanes(unit.maxColumns), row(row), column(column), numRows(numRows),
        numColumns(numColumns),
        numVectors((numColumns + numLanes - 1) / numLanes) {}
  void build();

private:
  int64_t countLanes(int64_t j) {
    return std::min(numLanes, numColumns - j * numLanes);
  }
  Value loadColumns(Value memref, Value i, int64_t j, int64_t perColumn);
  Value broadcastPair(Value i, Value pair);
  Value multiply(Value sum, Value rows, Value columns);
  SmallVector<Value> addPair(Value pair, ValueRange sums);

  OpBuilder &b;
  Location loc;
  const PairContraction &contraction;
  const MatrixUnit &unit;
  int64_t numLanes;
  Value row, column;
  int64_t numRows, numColumns, numVectors;
};
} // namespace

/// Vector j of row i of a memref that has `perColumn` elements a column. Lanes
/// behind the last column are zero, and not read.
Value DotBlock::loadColumns(Value memref, Value i, int64_t j,
                            int64_t perColumn) {
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  Value first = b.createOrFold<arith::MulIOp>(
      loc, offsetBy(b, loc, column, j * numLanes),
      arith::ConstantIndexOp::create(b, loc, perColumn));
  auto type = VectorType::get(countLanes(j) * perColumn, element);
  Value part =
      vector::LoadOp::create(b, loc, type, memref, ValueRange{i, first});
  auto whole = VectorType::get(numLanes * perColumn, element);
  if (type == whole)
    return part;
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(whole));
  return vector::InsertStridedSliceOp::create(
      b, loc, part, zero, ArrayRef<int64_t>{0}, ArrayRef<int64_t>{1});
}

/// A pair of row i in each lane.
Value DotBlock::broadcastPair(Value i, Value pair) {
  auto i32 = b.getI32Type();
  Value first = b.createOrFold<arith::MulIOp>(
      loc, pair, arith::ConstantIndexOp::create(b, loc, 2));
  Value value =
      vector::LoadOp::create(b, loc, VectorType::get(2, b.getBF16Type()),
                             contraction.rows, ValueRange{i, first});
  value = vector::BitCastOp::create(b, loc, VectorType::get(1, i32), value);
  value = vector::ExtractOp::create(b, loc, value, ArrayRef<int64_t>{0});
  value = vector::BroadcastOp::create(b, loc, VectorType::get(numLanes, i32),
                                      value);
  return vector::BitCastOp::create(
      b, loc, VectorType::get(2 * numLanes, b.getBF16Type()), value);
}

/// sum + rows . columns, a pair of each in each lane.
Value DotBlock::multiply(Value sum, Value rows, Value columns) {
  if (&unit == &kAvx512Bf16)
    return x86vector::DotBF16Op::create(b, loc, sum.getType(), sum, rows,
                                        columns);
  return LLVM::CallIntrinsicOp::create(
             b, loc, sum.getType(),
             b.getStringAttr("llvm.aarch64.neon.bfdot.v4f32.v8bf16"),
             ValueRange{sum, rows, columns})
      .getResults();
}

SmallVector<Value> DotBlock::addPair(Value pair, ValueRange sums) {
  SmallVector<Value> columns, results;
  for (int64_t j = 0; j < numVectors; ++j)
    columns.push_back(loadColumns(contraction.columns, pair, j, 2));
  for (int64_t i = 0; i < numRows; ++i) {
    Value rows = broadcastPair(offsetBy(b, loc, row, i), pair);
    for (int64_t j = 0; j < numVectors; ++j)
      results.push_back(multiply(sums[i * numVectors + j], rows, columns[j]));
  }
  return results;
}

void DotBlock::build() {
  auto type = VectorType::get(numLanes, b.getF32Type());
  SmallVector<Value> sums;
  for (int64_t i = 0; i < numRows; ++i)
    for (int64_t j = 0; j < numVectors; ++j)
      sums.push_back(
          contraction.zero
              ? arith::ConstantOp::create(b, loc, b.getZeroAttr(type))
                    .getResult()
              : loadColumns(contraction.out, offsetBy(b, loc, row, i), j, 1));
  auto constant = [&](int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  };
  auto loop = scf::ForOp::create(
      b, loc, constant(0), constant(contraction.numPairs), constant(1), sums);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    scf::YieldOp::create(
        b, loc, addPair(loop.getInductionVar(), loop.getRegionIterArgs()));
  }
  for (int64_t i = 0; i < numRows; ++i)
    for (int64_t j = 0; j < numVectors; ++j) {
      Value sum = loop.getResult(i * numVectors + j);
      if (countLanes(j) != numLanes)
        sum = vector::ExtractStridedSliceOp::create(
            b, loc, sum, ArrayRef<int64_t>{0}, ArrayRef<int64_t>{countLanes(j)},
            ArrayRef<int64_t>{1});
      vector::StoreOp::create(
          b, loc, sum, contraction.out,
          ValueRange{offsetBy(b, loc, row, i),
                     offsetBy(b, loc, column, j * numLanes)});
    }
}

void mqa::buildDotContraction(OpBuilder &b, Location loc,
                              const PairContraction &contraction,
                              const MatrixUnit &unit) {
  forEachBlock(
      b, loc, contraction.numRows, kRows, [&](Value row, int64_t rows) {
        forEachBlock(b, loc, contraction.numColumns, kVectors * unit.maxColumns,
                     [&](Value column, int64_t columns) {
                       DotBlock(b, loc, contraction, unit, row, rows, column,
                                columns)
                           .build();
                     });
      });
}
