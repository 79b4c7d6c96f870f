//===- FragmentLayout.h - Which elements a thread owns ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_FRAGMENTLAYOUT_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_FRAGMENTLAYOUT_H

#include "mlir/IR/Builders.h"

namespace mlir {
namespace mqa {

/// One coordinate of an element: `base` (absent means 0) depends on the thread
/// and is at most `maxBase`; `offset` is known at compile time.
struct Coordinate {
  int64_t offset = 0;
  Value base;
  int64_t maxBase = 0;

  bool operator==(const Coordinate &other) const {
    return offset == other.offset && base == other.base;
  }
};

/// The elements of a warpgroup's 64 x N WGMMA accumulator that one thread
/// holds: register 4j + 2i + e is row `row + 8i`, column `8j + column + e`.
class FragmentLayout {
public:
  /// Emits the thread's coordinates at the builder's insertion point.
  FragmentLayout(OpBuilder &b, Location loc);

  static constexpr int64_t kRowHalves = 2;  // i
  static constexpr int64_t kColumnPair = 2; // e
  static constexpr int64_t kColumnsPerQuad = 8;
  static constexpr int64_t kQuadLanes = 4;

  Coordinate getRow(int64_t half) const { return {8 * half, row, 55}; }
  Coordinate getColumn(int64_t offset) const { return {offset, column, 6}; }

  /// The register that holds the element, if the thread holds it.
  FailureOr<int64_t> getRegister(Coordinate row, int64_t columnOffset) const;

  /// Bit `index` (0 or 1) of the thread's place in its quad, the four lanes
  /// that share their rows: as i1 and as index.
  Value getQuadBit(int64_t index) const { return quadBits[index]; }
  Value getQuadBitAsIndex(int64_t index) const { return quadBitIndices[index]; }

  /// The coordinate that is `a` where the quad bit is 0 and `a + delta` where
  /// it is 1. Emitted where the layout was, once.
  Coordinate select(Coordinate a, int64_t delta, int64_t bit);

private:
  OpBuilder builder;
  Location loc;
  Value row, column;
  Value quadBits[2], quadBitIndices[2];
  /// What `select` made so far, so that equal coordinates share one value.
  struct Selected {
    Value from;
    int64_t delta, bit;
    Value to;
  };
  SmallVector<Selected> selected;
};

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_FRAGMENTLAYOUT_H
