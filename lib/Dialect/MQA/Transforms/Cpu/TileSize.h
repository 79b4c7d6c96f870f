//===- TileSize.h - Sizes of tiles that are full ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_DIALECT_MQA_TRANSFORMS_CPU_TILESIZE_H
#define MQA_DIALECT_MQA_TRANSFORMS_CPU_TILESIZE_H

#include <algorithm>
#include <cstdint>

namespace mlir::mqa {

/// The largest divisor of `size` that is at most `limit`: tiles are full.
inline int64_t getTileSize(int64_t size, int64_t limit) {
  int64_t tile = std::min(size, limit);
  while (size % tile)
    --tile;
  return tile;
}

} // namespace mlir::mqa

#endif // MQA_DIALECT_MQA_TRANSFORMS_CPU_TILESIZE_H
