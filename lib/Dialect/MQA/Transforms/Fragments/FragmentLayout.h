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

/// The elements of a consumer group's accumulator that one thread holds. Each
/// of the 4 warps has 16 rows, heads x P queries: register 4j + 2i + e of lane
/// l is row 8i + l / 4 of its warp: query `P * warp + (l / 4) mod P`, head
/// `(8i + l / 4) / P`; its column (key) is `8j + 2 (l mod 4) + e`. Where V = 2
/// or 4 warps share a query (P = 1), it is query `warp / V`, head
/// `16 (warp mod V) + 8i + l / 4`.
class FragmentLayout {
public:
  /// Emits the thread's coordinates at the builder's insertion point. A WGMMA
  /// has `numQueries` queries: 1, 2, 4, 8, 16 or 32.
  FragmentLayout(OpBuilder &b, Location loc, int64_t numQueries);

  static constexpr int64_t kRowHalves = 2;  // i
  static constexpr int64_t kColumnPair = 2; // e
  static constexpr int64_t kColumnsPerQuad = 8;

  int64_t getNumQueries() const { return numQueries; }
  /// Heads of a WGMMA: both halves of a thread are heads of the same query.
  int64_t getHeads() const { return kRows / numQueries; }
  /// Warps that have heads of the same query.
  int64_t getQueryWarps() const { return numQueries < 4 ? 4 / numQueries : 1; }
  /// The thread's warp among them, the same in all lanes; null if alone.
  Value getQueryWarp() const { return queryWarp; }
  Coordinate getQuery() const { return {0, query, numQueries - 1}; }
  Coordinate getHead(int64_t half) const {
    return {half * getHalfHeads(), head, getHeads() - getHalfHeads() - 1};
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
  /// How many columns apart the elements of lanes are that differ in bit `bit`,
  /// once each lane has a part of the columns of its heads' sums; 0 for lanes
  /// of other queries.
  int64_t getColumnStep(int64_t bit) const;

  /// Whether a thread is the first of those that differ in these bits of the
  /// lane number, and, with `ofWarps`, in the warp of a query. Emitted where
  /// the layout was.
  Value isFirstOf(ArrayRef<int64_t> bits, bool ofWarps);

  /// As i32, a bit for each lane of the warp whose query is this thread's, and
  /// for those of them that are ahead of it. Emitted where the layout was,
  /// once.
  struct QueryLanes {
    Value all, ahead;
  };
  QueryLanes getQueryLanes();

  /// The coordinate that is `a` where lane bit `bit` is 0 and `a + delta` where
  /// it is 1. Emitted where the layout was, once.
  Coordinate select(Coordinate a, int64_t delta, int64_t bit);
  /// The coordinate `a + delta * getQueryWarp()`, likewise.
  Coordinate selectByWarp(Coordinate a, int64_t delta);

private:
  OpBuilder builder;
  static constexpr int64_t kRows = 64, kHalfRows = 8;

  /// Heads of the same query from one of a thread's rows to the other.
  int64_t getHalfHeads() const {
    return std::min<int64_t>(getHeads() / 2, kHalfRows);
  }
  Coordinate add(Coordinate a, int64_t delta, Value times, int64_t most);

  Location loc;
  int64_t numQueries;
  Value query, head, column, queryWarp;
  Value lane, laneBits[5], laneBitIndices[5];
  QueryLanes queryLanes;
  /// What was selected so far, so that equal coordinates share one value.
  struct Selected {
    Value from;
    int64_t delta;
    Value times, to;
  };
  SmallVector<Selected> selected;
};

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_FRAGMENTLAYOUT_H
