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

#include <optional>

using namespace mlir;
using namespace mlir::mqa;

namespace {
/// Of the eight tile registers, four are accumulators, and two rows and two
/// columns of tiles are multiplied: each is used twice.
constexpr int64_t kTiles = 2;
/// Blocks of columns that follow each other without a loop.
constexpr int64_t kMaxUnrolled = 4;

/// All tiles of an operand have one shape: a function configures each register
/// once.
struct TileShape {
  explicit TileShape(const PairContraction &contraction)
      : rows(getTileSize(contraction.numRows, kAmx.rows)),
        columns(contraction.hasTiles()
                    ? contraction.tileColumns
                    : getTileSize(contraction.numColumns, kAmx.maxColumns)),
        pairs(contraction.hasTiles()
                  ? contraction.tilePairs
                  : getTileSize(contraction.numPairs, kAmx.stepBytes / 4)) {}

  int64_t rows, columns, pairs;
};

/// Up to two by two tiles of the result.
class AmxBlock {
public:
  AmxBlock(OpBuilder &b, Location loc, const PairContraction &contraction,
           TileShape shape, Value row, int64_t numRows, Value column,
           int64_t numColumns)
      : b(b), loc(loc), contraction(contraction), shape(shape), row(row),
        column(column), rowTiles(numRows / shape.rows),
        columnTiles(numColumns / shape.columns) {}
  /// Multiplies. Of the block ahead of this one, which may be null, a tile is
  /// stored where the accumulator of this block's starts: a store waits for the
  /// products of its tile, while those of other tiles go on.
  void multiply(AmxBlock *previous);
  /// Stores the tiles from `first` on.
  void store(size_t first = 0);

private:
  amx::TileType getType(int64_t rows, int64_t columns, Type element) {
    return amx::TileType::get({rows, columns}, element);
  }
  Value getRow(int64_t i) { return offsetBy(b, loc, row, i * shape.rows); }
  Value getColumn(int64_t j) {
    return offsetBy(b, loc, column, j * shape.columns);
  }
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  Value load(Value memref, ValueRange indices, amx::TileType type) {
    return amx::TileLoadOp::create(b, loc, type, memref, indices);
  }
  Value loadColumns(int64_t pair, int64_t j);
  Value startSum(int64_t i, int64_t j, amx::TileType type);
  void storeSum(size_t tile);

  OpBuilder &b;
  Location loc;
  const PairContraction &contraction;
  TileShape shape;
  Value row, column;
  int64_t rowTiles, columnTiles;
  SmallVector<Value> sums;
};
} // namespace

/// The tile of columns j at pair `pair`.
Value AmxBlock::loadColumns(int64_t pair, int64_t j) {
  amx::TileType type = getType(shape.pairs, 2 * shape.columns, b.getBF16Type());
  Value first = getColumn(j);
  if (!contraction.hasTiles()) {
    Value element = b.createOrFold<arith::MulIOp>(loc, first, constant(2));
    return load(contraction.columns, {constant(pair), element}, type);
  }
  Value tile =
      b.createOrFold<arith::DivUIOp>(loc, first, constant(shape.columns));
  Value zero = constant(0);
  return load(contraction.columns,
              {constant(pair / shape.pairs), tile, zero, zero}, type);
}

Value AmxBlock::startSum(int64_t i, int64_t j, amx::TileType type) {
  if (contraction.zero)
    return amx::TileZeroOp::create(b, loc, type);
  return load(contraction.out, {getRow(i), getColumn(j)}, type);
}

void AmxBlock::storeSum(size_t tile) {
  int64_t i = tile / columnTiles, j = tile % columnTiles;
  amx::TileStoreOp::create(b, loc, contraction.out,
                           ValueRange{getRow(i), getColumn(j)}, sums[tile]);
}

void AmxBlock::store(size_t first) {
  for (size_t tile = first; tile < sums.size(); ++tile)
    storeSum(tile);
}

void AmxBlock::multiply(AmxBlock *previous) {
  amx::TileType sumType = getType(shape.rows, shape.columns, b.getF32Type()),
                rowType = getType(shape.rows, 2 * shape.pairs, b.getBF16Type());
  for (int64_t k = 0; k < contraction.numPairs; k += shape.pairs) {
    SmallVector<Value> columns(columnTiles);
    for (int64_t i = 0; i < rowTiles; ++i) {
      Value rows =
          load(contraction.rows, {getRow(i), constant(2 * k)}, rowType);
      for (int64_t j = 0; j < columnTiles; ++j) {
        if (!columns[j])
          columns[j] = loadColumns(k, j);
        size_t tile = i * columnTiles + j;
        if (tile == sums.size()) {
          if (previous && tile < previous->sums.size())
            previous->storeSum(tile);
          sums.push_back(startSum(i, j, sumType));
        }
        sums[tile] = amx::TileMulFOp::create(b, loc, sumType, rows, columns[j],
                                             sums[tile]);
      }
    }
    if (k == 0 && previous)
      previous->store(sums.size());
  }
}

void mqa::buildAmxContraction(OpBuilder &b, Location loc,
                              const PairContraction &contraction) {
  TileShape shape(contraction);
  int64_t columnStep = kTiles * shape.columns;
  auto makeBlock = [&](Value row, int64_t rows, Value column, int64_t columns) {
    return AmxBlock(b, loc, contraction, shape, row, rows, column, columns);
  };
  forEachBlock(b, loc, contraction.numRows, kTiles * shape.rows,
               [&](Value row, int64_t rows) {
                 if (contraction.numColumns > kMaxUnrolled * columnStep)
                   return forEachBlock(
                       b, loc, contraction.numColumns, columnStep,
                       [&](Value column, int64_t columns) {
                         AmxBlock block = makeBlock(row, rows, column, columns);
                         block.multiply(/*previous=*/nullptr);
                         block.store();
                       });
                 std::optional<AmxBlock> previous;
                 for (int64_t first = 0; first < contraction.numColumns;
                      first += columnStep) {
                   Value column = arith::ConstantIndexOp::create(b, loc, first);
                   AmxBlock block = makeBlock(
                       row, rows, column,
                       std::min(columnStep, contraction.numColumns - first));
                   block.multiply(previous ? &*previous : nullptr);
                   previous.emplace(std::move(block));
                 }
                 previous->store();
               });
}
