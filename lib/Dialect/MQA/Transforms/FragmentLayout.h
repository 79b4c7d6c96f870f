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

/// The elements of a warpgroup's WGMMA accumulator that one thread holds. Each
/// of the 4 warps has 16 rows, heads x P queries: register 4j + 2i + e of lane
/// l is row 8i + l / 4 of its warp: query `P * warp + (l / 4) mod P`, head
/// `(8i + l / 4) / P`; its column (key) is `8j + 2 (l mod 4) + e`.
class FragmentLayout {
public:
  /// Emits the thread's coordinates at the builder's insertion point. A warp
  /// has `warpQueries` queries: 1, 2, 4 or 8.
  FragmentLayout(OpBuilder &b, Location loc, int64_t warpQueries);

  static constexpr int64_t kRowHalves = 2;  // i
  static constexpr int64_t kColumnPair = 2; // e
  static constexpr int64_t kColumnsPerQuad = 8;

  int64_t getWarpQueries() const { return warpQueries; }
  /// Heads of a WGMMA: both halves of a thread are heads of the same query.
  int64_t getHeads() const { return kRowHalves * kHalfRows / warpQueries; }
  Coordinate getQuery() const { return {0, query, 4 * warpQueries - 1}; }
  Coordinate getHead(int64_t half) const {
    return {half * getHeads() / 2, head, getHeads() / 2 - 1};
  }
  Coordinate getColumn(int64_t offset) const { return {offset, column, 6}; }

  /// The register that holds the element, if the thread holds it.
  FailureOr<int64_t> getRegister(Coordinate query, Coordinate head,
                                 Coordinate column) const;

  /// Whether the thread's lane number has bit `bit`. The lanes that hold the
  /// same columns of the same query, of other heads, differ in the bits from
  /// `getFirstHeadBit()` to 4.
  Value getLaneBit(int64_t bit) const { return laneBits[bit]; }
  int64_t getFirstHeadBit() const;

  /// The coordinate that is `a` where lane bit `bit` is 0 and `a + delta` where
  /// it is 1. Emitted where the layout was, once.
  Coordinate select(Coordinate a, int64_t delta, int64_t bit);

private:
  OpBuilder builder;
  static constexpr int64_t kHalfRows = 8;

  Location loc;
  int64_t warpQueries;
  Value query, head, column;
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
