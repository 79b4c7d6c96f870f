//===- KeyRowsLayout.h - Products whose rows are keys -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_KEYROWSLAYOUT_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_KEYROWSLAYOUT_H

#include "FragmentLayout.h"

namespace mlir {
namespace mqa {

/// Products [key, query, head] whose rows are 64 keys: row 8i + l / 4 of a warp
/// is key `16 warp + 8i + l / 4`. Columns are heads, query by query. So a
/// thread has two keys and, of each query, a quarter of the heads; the other
/// three lanes of its quad have the rest.
class KeyRowsLayout : public FragmentLayout {
public:
  /// Emits the thread's coordinates at the builder's insertion point. A product
  /// has `numHeads` heads, a multiple of 8, of each of `numQueries` queries.
  KeyRowsLayout(OpBuilder &b, Location loc, int64_t numQueries,
                int64_t numHeads);

  LogicalResult verifyShape(vector::ContractionOp contract, StringRef unit,
                            int64_t maxColumns) const override;
  bool hasKeyRows() const override { return true; }
  FailureOr<int64_t> getRegister(ArrayRef<Coordinate> at) const override;

  /// The number of the thread's lane in its quad: which quarter it has.
  Value getQuadLane() const { return quadLane; }
  int64_t getNumQueries() const { return numQueries; }
  int64_t getHeads() const { return numHeads; }
  Coordinate getKey(int64_t half) const {
    return {half * kHalfRows, key, kRows - kHalfRows - 1};
  }
  Coordinate getQuery(int64_t query) const { return {query, Value(), 0}; }
  Coordinate getHead(int64_t offset) const { return {offset, head, 6}; }
  /// Whether a thread is the first of the two that differ in bit `bit` of the
  /// lane number. Emitted where the layout was.
  Value isFirstOf(int64_t bit);

private:
  static constexpr int64_t kRows = 64;

  int64_t numQueries, numHeads;
  Value key, quadLane, head;
};

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_KEYROWSLAYOUT_H
