//===- HeadRowsLayout.h - Products whose rows are heads ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_HEADROWSLAYOUT_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_HEADROWSLAYOUT_H

#include "FragmentLayout.h"

namespace mlir {
namespace mqa {

/// Products [query, head, key] whose rows are heads of P queries for each warp:
/// row 8i + l / 4 of a warp is query `P * warp + (l / 4) mod P`, head
/// `(8i + l / 4) / P`. Where V = 2 or 4 warps share a query (P = 1), it is
/// query `warp / V`, head `16 (warp mod V) + 8i + l / 4`. Columns are keys.
class HeadRowsLayout : public FragmentLayout {
public:
  /// Emits the thread's coordinates at the builder's insertion point. A product
  /// has `numQueries` queries: 1, 2, 4, 8, 16 or 32.
  HeadRowsLayout(OpBuilder &b, Location loc, int64_t numQueries);

  LogicalResult verifyShape(vector::ContractionOp contract, StringRef unit,
                            int64_t maxColumns) const override;
  bool hasKeyRows() const override { return false; }
  FailureOr<int64_t> getRegister(ArrayRef<Coordinate> at) const override;

  int64_t getNumQueries() const { return numQueries; }
  /// Heads of a product: both halves of a thread are heads of the same query.
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

  /// The lanes that hold the same columns of the same query, of other heads,
  /// differ in the bits from this one to 4.
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

  /// The coordinate `a + delta * getQueryWarp()`. Emitted where the layout was,
  /// once.
  Coordinate selectByWarp(Coordinate a, int64_t delta) {
    return add(a, delta, queryWarp, getQueryWarps() - 1);
  }

private:
  static constexpr int64_t kRows = 64;

  /// Heads of the same query from one of a thread's rows to the other.
  int64_t getHalfHeads() const {
    return std::min<int64_t>(getHeads() / 2, kHalfRows);
  }

  int64_t numQueries;
  Value query, head, column, queryWarp;
  QueryLanes queryLanes;
};

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_HEADROWSLAYOUT_H
