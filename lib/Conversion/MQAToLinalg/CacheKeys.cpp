//===- CacheKeys.cpp - Where a key and its scale lie ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LogitsToLinalg.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mqa;

/// Number `number` of a list of so many, or the nearest that there is.
static Value clampNumber(OpBuilder &b, Location loc, Value number,
                         Value count) {
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  Value last = arith::SubIOp::create(b, loc, count, one);
  return arith::MinSIOp::create(
      b, loc, arith::MaxSIOp::create(b, loc, number, zero), last);
}

/// The page and the place in it of key `slot` of a block of a paged cache, or
/// of a sequence whose pages the gather has.
std::pair<Value, Value> LogitsToLinalg::findInPages(GatherPagesOp gather,
                                                    Value block, Value slot) {
  int64_t count = gather.getPageBlocks();
  // The sign goes along with the shift.
  Value page =
      arith::ShRSIOp::create(b, loc, block, constant(llvm::Log2_64(count)));
  Value inPage = arith::AndIOp::create(b, loc, block, constant(count - 1));
  slot = add(
      arith::MulIOp::create(b, loc, inPage, constant(gather.getBlockKeys())),
      slot);
  if (Value pages = gather.getPages()) {
    page = clampNumber(b, loc, page, memref::DimOp::create(b, loc, pages, 1));
    page = memref::LoadOp::create(b, loc, pages, ValueRange{constant(0), page});
    page = arith::IndexCastOp::create(b, loc, b.getIndexType(), page);
  }
  Value numPages = memref::DimOp::create(b, loc, gather.getCache(), 0);
  return {clampNumber(b, loc, page, numPages), slot};
}

/// The block and the slot of the cache that have key n of a gather; of a
/// matrix, the row. The number of no block must not lead out of either.
std::pair<Value, Value> LogitsToLinalg::findInCache(GatherPagesOp gather,
                                                    Value n) {
  Value key = add(gather.getFirst(), n);
  Value blockKv = constant(gather.getBlockKeys());
  Value block = arith::DivUIOp::create(b, loc, key, blockKv);
  Value id = memref::LoadOp::create(b, loc, gather.getTable(),
                                    ValueRange{constant(0), block});
  id = arith::IndexCastOp::create(b, loc, b.getIndexType(), id);
  Value slot = arith::RemUIOp::create(b, loc, key, blockKv);
  if (gather.isPaged() && gather.getBlockSize())
    return findInPages(gather, id, slot);
  // Of a matrix, a row.
  if (!gather.isPaged())
    id = add(arith::MulIOp::create(b, loc, id, blockKv), slot);
  Value numRows = memref::DimOp::create(b, loc, gather.getCache(), 0);
  Value last = sub(numRows, constant(1));
  id = min(max(id, constant(0)), last);
  return {id, slot};
}

Value LogitsToLinalg::getKey(Value n) {
  auto gather = op.getK().getDefiningOp<GatherPagesOp>();
  if (!gather)
    return getRow(op.getK(), n);
  auto [block, slot] = findInCache(gather, n);
  Value rows = getRow(gather.getCache(), block);
  return gather.isPaged() ? getRow(rows, slot) : rows;
}

Value LogitsToLinalg::loadFromCache(GatherPagesOp scales, Value n) {
  auto [block, slot] = findInCache(scales, n);
  SmallVector<Value> indices{block};
  if (scales.isPaged())
    indices.push_back(slot);
  return memref::LoadOp::create(b, loc, scales.getCache(), indices);
}

bool LogitsToLinalg::needsScaleScratch() {
  return op.hasMxKeys() ||
         (op.getKScale() && op.getKScale().getDefiningOp<GatherPagesOp>());
}

void LogitsToLinalg::copyScale(Value n, Value scales, Value column) {
  if (op.hasMxKeys())
    return storeGreatestScale(n, scales, column);
  auto gather = op.getKScale().getDefiningOp<GatherPagesOp>();
  Value scale = loadFromCache(gather, n);
  memref::StoreOp::create(b, loc, scale, scales, column);
}
