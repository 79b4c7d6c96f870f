//===- FragmentLayout.h - Which elements a thread owns ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_FRAGMENTLAYOUT_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_FRAGMENTLAYOUT_H

#include "mlir/Dialect/Vector/IR/VectorOps.h"
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

using Coordinates = SmallVector<Coordinate, 3>;

/// The elements of a consumer group's product that one thread holds. Each of
/// the 4 warps has 16 of its 64 rows: register 4j + 2i + e of lane l is row
/// 8i + l / 4 of its warp, and column 8j + 2 (l mod 4) + e.
class FragmentLayout {
public:
  virtual ~FragmentLayout() = default;

  static constexpr int64_t kRowHalves = 2;  // i
  static constexpr int64_t kColumnPair = 2; // e
  static constexpr int64_t kColumnsPerQuad = 8;
  static constexpr int64_t kHalfRows = 8;
  static constexpr int64_t kQuadLanes = 4;

  /// Checks that the sizes of a contraction are those of this layout, or
  /// reports what is wrong. `maxColumns` is the most columns of the unit.
  virtual LogicalResult verifyShape(vector::ContractionOp contract,
                                    StringRef unit,
                                    int64_t maxColumns) const = 0;
  /// Whether rows are keys, and columns heads of queries; else it is the other
  /// way round.
  virtual bool hasKeyRows() const = 0;
  /// The register of an element of a contraction, if the thread holds it.
  virtual FailureOr<int64_t> getRegister(ArrayRef<Coordinate> at) const = 0;

  /// Whether the thread's lane number has bit `bit`.
  Value getLaneBit(int64_t bit) const { return laneBits[bit]; }
  /// The coordinate that is `a` where lane bit `bit` is 0 and `a + delta` where
  /// it is 1. Emitted where the layout was, once.
  Coordinate select(Coordinate a, int64_t delta, int64_t bit) {
    return add(a, delta, laneBitIndices[bit], 1);
  }

  /// What `select` made a coordinate from: it is `from` where lane bit `bit` is
  /// 0, and `delta` more where it is 1.
  struct Choice {
    Coordinate from;
    int64_t bit;
  };
  /// That of `a`, if it was selected by `delta` last.
  std::optional<Choice> getChoice(const Coordinate &a, int64_t delta) const;

protected:
  /// At the insertion point, where `emitLaneBits` stays.
  FragmentLayout(OpBuilder &b, Location loc) : builder(b), loc(loc) {}
  Value constant(OpBuilder &b, int64_t value);
  void emitLaneBits(OpBuilder &b);
  /// `a` plus `delta` times `times`, which is at most `most`.
  Coordinate add(Coordinate a, int64_t delta, Value times, int64_t most);

  OpBuilder builder;
  Location loc;
  Value lane, laneBits[5], laneBitIndices[5];

private:
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
