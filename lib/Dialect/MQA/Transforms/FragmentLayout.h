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

/// The elements of a warpgroup's WGMMA accumulator that one thread holds. The
/// 64 rows are 4 queries x 16 heads, a query for each warp: register 4j + 2i +
/// e is query `warp`, head `row + 8i`, column (key) `8j + column + e`.
class FragmentLayout {
public:
  /// Emits the thread's coordinates at the builder's insertion point.
  FragmentLayout(OpBuilder &b, Location loc);

  static constexpr int64_t kRowHalves = 2;  // i
  static constexpr int64_t kColumnPair = 2; // e
  static constexpr int64_t kColumnsPerQuad = 8;

  Coordinate getQuery() const { return {0, warp, 3}; }
  Coordinate getHead(int64_t half) const { return {8 * half, row, 7}; }
  Coordinate getColumn(int64_t offset) const { return {offset, column, 6}; }

  /// The register that holds the element, if the thread holds it.
  FailureOr<int64_t> getRegister(Coordinate query, Coordinate head,
                                 Coordinate column) const;

  /// Whether the thread's lane number has bit `bit`. The lanes that hold the
  /// same columns, in other rows, differ in bits 2 to 4.
  Value getLaneBit(int64_t bit) const { return laneBits[bit]; }

  /// The coordinate that is `a` where lane bit `bit` is 0 and `a + delta` where
  /// it is 1. Emitted where the layout was, once.
  Coordinate select(Coordinate a, int64_t delta, int64_t bit);

private:
  OpBuilder builder;
  Location loc;
  Value warp, row, column;
  Value laneBits[5], laneBitIndices[5];
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
