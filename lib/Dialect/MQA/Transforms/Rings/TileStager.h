//===- TileStager.h - One tile of mqa.logits in rings -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_DIALECT_MQA_TRANSFORMS_RINGS_TILESTAGER_H
#define MQA_DIALECT_MQA_TRANSFORMS_RINGS_TILESTAGER_H

#include "Loops/HeadBlock.h"
#include "mqa/Dialect/MQA/Transforms/TilePlan.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir::mqa {

/// Stages one tile. With key groups, or where not all heads have room, a loop
/// over head blocks goes around what is staged: a slot of either ring is for
/// one of them.
class TileStager {
public:
  TileStager(RewriterBase &b, LogitsOp logits, TilePlan plan)
      : b(b), logits(logits), loc(logits.getLoc()), plan(std::move(plan)) {}

  LogicalResult stage(scf::ForOp outer);

private:
  Value getRanges(Value outRows);
  void createRings(gpu::GPUFuncOp kernel);
  /// What consumers have of a query block: q, and weights and factors of its
  /// logits, which may be null.
  struct Queries {
    Value q, weights, factors;
  };
  Queries putQueries(Value position, const HeadBlock &heads);
  Queries decodeQueries(RingGetOp staged);
  void fitQueries(Queries &queries);
  void permuteQueries(const Queries &queries);
  void putKeys(Value ring, Value position, const HeadBlock &heads,
               ValueRange operands);
  void convertKeys(Value position, const HeadBlock &heads);
  VectorType getTileType() {
    return VectorType::get(
        {plan.schedule.getBlockQ(), plan.schedule.getTileKv()}, b.getF32Type());
  }
  Relu getRelu();
  Value buildTile(Value position, const HeadBlock &heads,
                  const Queries &queries, Value onto,
                  Value scalesOnto = Value());
  Value buildHeadBlocks(Value position);

  RewriterBase &b;
  LogitsOp logits;
  Location loc;
  TilePlan plan;
  /// No scales, no ring of them; and none of keys with block scales where there
  /// are none.
  Value queryRing, keyRing, scaleRing, mxRing, mxScaleRing;
};

} // namespace mlir::mqa

#endif // MQA_DIALECT_MQA_TRANSFORMS_RINGS_TILESTAGER_H
