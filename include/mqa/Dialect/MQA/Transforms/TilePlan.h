//===- TilePlan.h - What a schedule means on a chip -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A schedule says sizes. The plan derives bytes, threads and registers from
// them, or says which limit of the target a schedule breaks.
//
//===----------------------------------------------------------------------===//

#ifndef MQA_DIALECT_MQA_TRANSFORMS_TILEPLAN_H
#define MQA_DIALECT_MQA_TRANSFORMS_TILEPLAN_H

#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

namespace mlir {
namespace mqa {

struct TilePlan {
  /// Computes the plan of `schedule` for `op` on `chip`, a GPU, or reports the
  /// broken limit.
  static FailureOr<TilePlan> get(LogitsOpInterface op, const ChipInfo &chip,
                                 ScheduleAttr schedule,
                                 function_ref<InFlightDiagnostic()> emitError);

  ScheduleAttr schedule;
  /// Heads that are staged at a time (a head block), and the number of head
  /// blocks. A head block has all or some of the heads that share keys.
  /// If there are several, the queries and the keys of a head block are staged
  /// together, once per key tile.
  int64_t blockHeads = 0, numHeadBlocks = 1;
  bool stagesByParts = false;
  /// Whether `k_scale` multiplies what is combined of all head blocks, and not
  /// what each of them has.
  bool scalesLast = false;
  /// The ring of a query block: q in head tiles, and weights if there are any,
  /// for `blockHeads` heads. Of queries with block scales: their bytes and
  /// words, weights if there are any, and then what consumers make of these: q,
  /// weights and factors (mqa.decode_queries).
  RingType queryRing;
  /// The tile of q in the ring.
  MemRefType queryTile;
  /// Whether TMA can load weights (their rows are a multiple of 16 bytes, and
  /// are staged whole) and scales (they are contiguous; those of groups are
  /// not).
  bool loadsWeightsByTma = false, loadsScalesByTma = false;
  /// Likewise for words of block scales of queries.
  bool loadsQScaleByTma = false;
  /// Key stages: `tile_kv` rows of k, and of k_scale. The scales have a ring of
  /// their own, because a tile of k is used up earlier. Their ring is null if
  /// there are no scales, or if the key ring has both (`decodesInRegisters`).
  RingType keyRing, scaleRing;
  /// Of keys with block scales, what the key and scale stages are converted
  /// from: `tile_kv` rows of bytes, and words of block scales. Rings of their
  /// own, so that two producers load them. Null for other keys, and where
  /// consumers decode them.
  RingType mxRing, mxScaleRing;
  /// Whether keys are MXFP4 that consumers decode into the registers of a
  /// product's rows: the key ring then has packed keys, and their words of
  /// block scales. Queries are permuted.
  bool decodesInRegisters = false;
  /// Threads of a block: the consumer groups, then one group of warps for
  /// producers and cleaners. Of keys with block scales that are converted
  /// between rings, `converterGroups` groups of converters are behind them.
  int64_t numThreads, converterGroups = 0;
  /// Registers that a consumer thread may use. On a chip that moves registers,
  /// this is the number after setmaxnreg.
  int64_t consumerRegisters;
  /// Ring buffers and barriers.
  int64_t sharedMemoryBytes;
};

/// Registers of a consumer thread when `numConsumerGroups` consumer groups, one
/// group of the producers and `converterGroups` of converters share a block of
/// `chip`.
int64_t getConsumerRegisters(const ChipInfo &chip, int64_t numConsumerGroups,
                             int64_t converterGroups);

/// Whether a thread keeps its weights of all `headTiles` in registers; else it
/// reads those of each head tile when it needs them.
bool keepsWeights(Rows rows, int64_t headTiles);

/// Registers in which a thread of a unit that is not asynchronous keeps its
/// part of a tile of keys for all head tiles; 0 if that is too much, and they
/// are read again for each.
int64_t getKeptKeyRegisters(LogitsOpInterface op, const MatrixUnit &unit,
                            int64_t tileKv);

/// Bytes that `tile` takes in a ring, aligned as WGMMA and TMA need it.
int64_t getAlignedTileBytes(MemRefType tile);

} // namespace mqa
} // namespace mlir

#endif // MQA_DIALECT_MQA_TRANSFORMS_TILEPLAN_H
