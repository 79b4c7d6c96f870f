//===- PackedLogits.h - One op as linalg on pairs of bf16 -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_CONVERSION_MQATOLINALG_PACKEDLOGITS_H
#define MQA_CONVERSION_MQATOLINALG_PACKEDLOGITS_H

#include "LogitsToLinalg.h"
#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/IR/Target.h"

namespace mlir::mqa {

/// Writes one op for a matrix unit. PackedOperands.cpp has what brings queries
/// and keys to where products take them, PackedLogits.cpp the products and
/// their sums.
class PackedLogits final : public LogitsToLinalg {
public:
  PackedLogits(IRRewriter &b, LogitsOp op, const MatrixUnit &unit);

private:
  /// Keys that are multiplied at once, lanes of a vector of f32, and queries of
  /// which there is scratch at once: these fit the second cache.
  static constexpr int64_t kBlockKeys = 32, kLanes = 16, kQueries = 16;
  /// Pairs of a tile of AMX.
  static constexpr int64_t kTilePairs = kAmx.stepBytes / 4;
  static_assert(kAmx.maxColumns == kLanes);

  void writeLogits(Value lo, Value hi) override;
  void allocateScratch();
  void decodeKeys(Value first, Value end);
  bool canDeinterleave();
  void decodePairs(Value source, Value target);
  void prefetchKey(Value n);
  void transposeQuery(Value slot);
  void packQuery(Value m, Value slot);
  void copyWeights(Value m, Value slot);
  Value selectHead(OpBuilder &nested, Value value, double neutral);
  void multiply(Value slot, Value n, Value g);
  void scoreBlock(Value slot, Value n, Value g);
  void addGroup(Value g, Value first, Value from, Value to);
  void scoreQuery(Value slot, Value first, Value from, Value to);
  void writeBlockOfQueries(Value firstQuery, Value endQuery, Value lo,
                           Value hi);
  Value allocateBytes(int64_t bytes) {
    return allocate({bytes}, b.getI8Type());
  }
  Value viewAs(Value bytes, ArrayRef<int64_t> shape, Type elementType);

  int64_t chunkKeys, numSlots, paddedHeads, rowHeads;
  /// bf16: keys [G, N, D] and [G, N, D / 2, 2].
  Value keys, keyPairs;
  /// Whether a query's pairs lie in tiles, each of which is contiguous: as AMX
  /// reads them fastest.
  bool hasTiles;
  /// Whether of each 64 elements of a row, those at even places lie ahead of
  /// those at odd ones, in queries as in keys: products are the same.
  bool deinterleaves;
  /// Heads of a query [H, D] in bf16, and the same bytes as pairs of d
  /// [H, D / 2] in i32; of each query these transposed [M, D / 2, H], and again
  /// as bf16 [M, D / 2, H, 2]. In tiles: [M, D / 32, H / 16, 16, 16], and
  /// [M, D / 32, H / 16, 16, 16, 2].
  Value queryRows, queryRowPairs, queryPairs, queries;
  /// f32: weights [M, G, H / G], scores of a block of keys [n, H / G], and
  /// their sums: of keys [N], and of groups those [N].
  Value weights, scores, sums, totals;
  /// The op's scales, or scratch [N] for those that need it.
  Value scales;
  /// Of queries with block scales: what was taken out of the weights of each
  /// [M, 2].
  Value factors;
};

} // namespace mlir::mqa

#endif // MQA_CONVERSION_MQATOLINALG_PACKEDLOGITS_H
