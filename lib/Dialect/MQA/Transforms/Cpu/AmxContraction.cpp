//===- AmxContraction.cpp - Products of pairs by AMX tiles ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PairContraction.h"
#include "TileSize.h"
#include "mqa/Dialect/MQA/IR/Target.h"

#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::mqa;

namespace {
/// Of the eight tile registers, four are accumulators, and two rows and two
/// columns of tiles are multiplied: each is used twice.
constexpr int64_t kTiles = 2;

/// All tiles of an operand have one shape: a function configures each register
/// once.
struct TileShape {
  explicit TileShape(const PairContraction &contraction)
      : rows(getTileSize(contraction.numRows, kAmx.rows)),
        columns(getTileSize(contraction.numColumns, kAmx.maxColumns)),
        pairs(getTileSize(contraction.numPairs, kAmx.stepBytes / 4)) {}

  int64_t rows, columns, pairs;
};

class AmxBlock {
public:
  AmxBlock(OpBuilder &b, Location loc, const PairContraction &contraction,
           TileShape shape, Value row, int64_t rowTiles, Value column,
           int64_t columnTiles)
      : b(b), loc(loc), contraction(contraction), shape(shape), row(row),
        column(column), rowTiles(rowTiles), columnTiles(columnTiles) {}
  void build();

private:
  amx::TileType getType(int64_t rows, int64_t columns, Type element) {
    return amx::TileType::get({rows, columns}, element);
  }
  Value getRow(int64_t i) { return offsetBy(b, loc, row, i * shape.rows); }
  Value getColumn(int64_t j) {
    return offsetBy(b, loc, column, j * shape.columns);
  }
  Value load(Value memref, Value i, Value j, amx::TileType type) {
    return amx::TileLoadOp::create(b, loc, type, memref, ValueRange{i, j});
  }

  OpBuilder &b;
  Location loc;
  const PairContraction &contraction;
  TileShape shape;
  Value row, column;
  int64_t rowTiles, columnTiles;
};
} // namespace

void AmxBlock::build() {
  amx::TileType sumType = getType(shape.rows, shape.columns, b.getF32Type()),
                rowType = getType(shape.rows, 2 * shape.pairs, b.getBF16Type()),
                columnType =
                    getType(shape.pairs, 2 * shape.columns, b.getBF16Type());
  SmallVector<Value> sums;
  for (int64_t i = 0; i < rowTiles; ++i)
    for (int64_t j = 0; j < columnTiles; ++j)
      sums.push_back(
          contraction.zero
              ? amx::TileZeroOp::create(b, loc, sumType).getResult()
              : load(contraction.out, getRow(i), getColumn(j), sumType));
  Value two = arith::ConstantIndexOp::create(b, loc, 2);
  for (int64_t k = 0; k < contraction.numPairs; k += shape.pairs) {
    Value pair = arith::ConstantIndexOp::create(b, loc, k),
          element = arith::ConstantIndexOp::create(b, loc, 2 * k);
    SmallVector<Value> columns(columnTiles);
    for (int64_t i = 0; i < rowTiles; ++i) {
      Value rows = load(contraction.rows, getRow(i), element, rowType);
      for (int64_t j = 0; j < columnTiles; ++j) {
        if (!columns[j])
          columns[j] =
              load(contraction.columns, pair,
                   b.createOrFold<arith::MulIOp>(loc, getColumn(j), two),
                   columnType);
        Value &sum = sums[i * columnTiles + j];
        sum = amx::TileMulFOp::create(b, loc, sumType, rows, columns[j], sum);
      }
    }
  }
  for (int64_t i = 0; i < rowTiles; ++i)
    for (int64_t j = 0; j < columnTiles; ++j)
      amx::TileStoreOp::create(b, loc, contraction.out,
                               ValueRange{getRow(i), getColumn(j)},
                               sums[i * columnTiles + j]);
}

void mqa::buildAmxContraction(OpBuilder &b, Location loc,
                              const PairContraction &contraction) {
  TileShape shape(contraction);
  forEachBlock(b, loc, contraction.numRows, kTiles * shape.rows,
               [&](Value row, int64_t rows) {
                 forEachBlock(b, loc, contraction.numColumns,
                              kTiles * shape.columns,
                              [&](Value column, int64_t columns) {
                                AmxBlock(b, loc, contraction, shape, row,
                                         rows / shape.rows, column,
                                         columns / shape.columns)
                                    .build();
                              });
               });
}
