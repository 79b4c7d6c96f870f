//===- Shapes.h - Shapes that the kernels of all units share ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A group of consumers is as many warps as work on a tile together, each on its
// own rows. It is a warpgroup where the unit is WGMMA; for mma.sync, whose
// warps need not work together, it is four warps with the same accumulators.
// What a chip may use is not here: that is its target's (Target.h).
//
//===----------------------------------------------------------------------===//

#ifndef MQA_DIALECT_MQA_IR_SHAPES_H
#define MQA_DIALECT_MQA_IR_SHAPES_H

#include "mqa/Dialect/MQA/IR/Target.h"

namespace mlir {
namespace mqa {
namespace shapes {

constexpr int64_t kWarpThreads = 32;
constexpr int64_t kLaneBits = 5;
// Each warp of a group has 16 rows of a tile: all heads of some queries, so
// that a sum over heads never leaves the warp, or some heads of a query that
// several warps share.
constexpr int64_t kWarpRows = 16;
constexpr int64_t kGroupWarps = 4;
constexpr int64_t kGroupThreads = kGroupWarps * kWarpThreads;
constexpr int64_t kGroupRows = kGroupWarps * kWarpRows;
/// Where keys are the rows of a product, its columns come by eights, and are at
/// most so many: a thread has the scores of half as many.
constexpr int64_t kColumnStep = 8, kMaxHeadColumns = 128;
constexpr int64_t kMaxColumnQueries = kMaxHeadColumns / kColumnStep;
/// Heads of each of `queries` queries of such a product, of `heads`: all, or
/// the larger of equal parts, padded.
constexpr int64_t getColumnHeads(int64_t queries, int64_t heads) {
  int64_t parts = (heads * queries + kMaxHeadColumns - 1) / kMaxHeadColumns;
  int64_t part = (heads + parts - 1) / parts;
  return (part + kColumnStep - 1) / kColumnStep * kColumnStep;
}
/// Rows of staged operands are swizzled, so that the unit reads them without
/// bank conflicts: of as many bytes at most. They are padded to whole steps of
/// the unit along K.
constexpr int64_t kMaxSwizzleBytes = 128;
/// Bytes that a swizzle keeps together.
constexpr int64_t kSwizzleUnit = 16;
constexpr int64_t kStepBytes = 32;
/// A swizzled tile starts at a multiple of this: the pattern repeats after it.
constexpr int64_t kTileAlignment = 1024;
/// Registers left to a producer where the chip moves them: address arithmetic
/// and a fill.
constexpr int64_t kProducerRegisters = 32;
/// Those left to a converter, which has several loads under way, and what it
/// makes of them.
constexpr int64_t kConverterRegisters = 56;
// A warp stores this many keys of a row at a time: tiles start where that is
// aligned.
constexpr int64_t kStoreKeys = 32;
/// Queries of a sequence that decoding brings at a time.
constexpr int64_t kMaxNextN = 8;
/// The keys of a block whose maximum may be taken.
constexpr bool isBlockMax(int64_t keys) {
  return keys == 8 || keys == 64 || keys == 128;
}
// What mqa.tile_share and mqa.run_share need of shared memory: a word per warp,
// and their results.
constexpr int64_t kShareBytes = 256;
// What a fused selection needs: a histogram, words of warps, and what there is
// of each row.
constexpr int64_t kSelectionBytes = 9 * 1024;

/// Whether the accumulators and operands of `unit` have these shapes: what has
/// others needs another FragmentLayout.
constexpr bool fits(const MatrixUnit &unit) {
  return unit.threads == kGroupThreads && unit.rows == kGroupRows &&
         unit.stepBytes == kStepBytes && unit.maxRowBytes == kMaxSwizzleBytes;
}
static_assert(fits(kWgmma) && fits(kMmaSync) && fits(kMmaSyncF16));
static_assert(kTma.alignment == kTileAlignment &&
              kCpAsync.alignment == kTileAlignment);

} // namespace shapes
} // namespace mqa
} // namespace mlir

#endif // MQA_DIALECT_MQA_IR_SHAPES_H
