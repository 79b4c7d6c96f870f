//===- OperandLayouts.cpp - How matrix units want their operands ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one place that says it, for all units: whoever stages a tile asks here,
// and whoever multiplies it compares.
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::shapes;

RowChunks MatrixUnit::getRowChunks(int64_t rowSize, Type element) const {
  int64_t elementBytes = element.getIntOrFloatBitWidth() / 8;
  int64_t rowBytes = llvm::alignTo(rowSize * elementBytes, stepBytes);
  int64_t chunkBytes = maxRowBytes;
  while (rowBytes % chunkBytes)
    chunkBytes /= 2;
  return {rowBytes / chunkBytes, chunkBytes / elementBytes};
}

StagedLayoutAttr MatrixUnit::getOperandLayout(OperandRole role,
                                              ArrayRef<int64_t> tile,
                                              Type element) const {
  constexpr int64_t kColumnBits = 128;
  MLIRContext *context = element.getContext();
  int64_t inner = tile.size() - 1;
  RowChunks chunks = getRowChunks(tile.back(), element);
  SmallVector<int64_t> shape, dims;
  auto add = [&](int64_t size, int64_t dim) {
    shape.push_back(size);
    dims.push_back(dim);
  };
  // Rows of one swizzle have no dim of chunks.
  if (chunks.count > 1)
    add(chunks.count, inner);
  switch (role) {
  case OperandRole::Keys:
    add(tile[0], 0);
    break;
  case OperandRole::QueryColumns:
    add(tile[0], 0);
    add(tile[1], 1);
    break;
  case OperandRole::QueryRows: {
    // A warp has all heads of some queries, so that a sum over heads never
    // leaves it; or, with the others, some heads of a query that they share.
    int64_t queries = tile[0];
    int64_t sharers = queries < kGroupWarps ? kGroupWarps / queries : 1;
    int64_t warpQueries = queries * sharers / kGroupWarps;
    add(kGroupWarps / sharers, 0);
    if (sharers > 1)
      add(sharers, 1);
    add(kWarpRows / warpQueries, 1);
    add(warpQueries, 0);
    break;
  }
  }
  add(chunks.elements, inner);
  return StagedLayoutAttr::get(context, shape, dims,
                               kColumnBits / element.getIntOrFloatBitWidth());
}
