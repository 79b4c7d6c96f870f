//===- TilePlan.h - What a schedule means on Hopper -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one place that knows the limits of sm_90a. A schedule says sizes; the
// plan derives bytes, threads and registers from them, or says which limit is
// broken.
//
//===----------------------------------------------------------------------===//

#ifndef MQA_DIALECT_MQA_TRANSFORMS_TILEPLAN_H
#define MQA_DIALECT_MQA_TRANSFORMS_TILEPLAN_H

#include "mqa/Dialect/MQA/IR/MQA.h"

namespace mlir {
namespace mqa {

/// Limits and shapes of sm_90a (CUDA C++ Programming Guide, "Compute
/// Capabilities"; PTX ISA, "wgmma" and "Tensor map").
namespace hopper {
constexpr int64_t kWarpThreads = 32;
constexpr int64_t kLaneBits = 5;
constexpr int64_t kWarpgroupThreads = 128;
constexpr int64_t kWarpgroupWarps = kWarpgroupThreads / kWarpThreads;
constexpr int64_t kMaxThreads = 1024;
constexpr int64_t kRegisters = 65536;
constexpr int64_t kMaxThreadRegisters = 240;
/// setmaxnreg and the launch both hand out registers in steps of 8 a thread.
constexpr int64_t kRegisterGranule = 8;
/// 227 KiB: what one block may use.
constexpr int64_t kSharedMemoryBytes = 232448;
/// A swizzled TMA box and a WGMMA operand start at a multiple of this.
constexpr int64_t kTileAlignment = 1024;
constexpr int64_t kWgmmaRows = 64;
constexpr int64_t kWgmmaMaxColumns = 256;
/// Bytes of K that one WGMMA instruction takes.
constexpr int64_t kWgmmaKBytes = 32;
constexpr int64_t kMaxSwizzleBytes = 128;
constexpr int64_t kMaxBoxDim = 256;
/// Registers left to the producer warpgroup: address arithmetic and a fill.
constexpr int64_t kProducerRegisters = 32;
// Each warp of a warpgroup has 16 rows of a WGMMA: all heads of some queries,
// so that a sum over heads never leaves the warp, or some heads of a query that
// several warps share.
constexpr int64_t kWarpRows = 16;
// A warp stores this many keys of a row at a time: tiles start where that is
// aligned.
constexpr int64_t kStoreKeys = 32;
// What mqa.tile_share needs of shared memory: a sum per warp, and its results.
constexpr int64_t kShareBytes = 256;
} // namespace hopper

/// How the rows of q and k lie in shared memory: WGMMA reads rows of one
/// swizzle, so others are cut into chunks, zero behind their end.
struct RowChunks {
  /// Chunks of a row, and elements of a chunk.
  int64_t count, elements;
};

/// The widest chunks that waste nothing, but for rounding up to 32 bytes, which
/// one WGMMA takes.
RowChunks getRowChunks(int64_t headDim, Type elementType);

struct TilePlan {
  /// Computes the plan of `schedule` for `op`, or reports the broken limit.
  static FailureOr<TilePlan> get(LogitsOpInterface op, ScheduleAttr schedule,
                                 function_ref<InFlightDiagnostic()> emitError);

  ScheduleAttr schedule;
  /// Heads that are staged at a time, all or some of those that share keys, and
  /// how many times that is. Staged by parts, queries and keys of a part come
  /// together, once per key tile.
  int64_t blockHeads = 0, numHeadBlocks = 1;
  bool stagesByParts = false;
  /// Query block: q in head tiles, and weights where there are any, of
  /// `blockHeads` heads.
  RingType queryRing;
  /// Where a slot's elements of q come from: (group, head tile, [chunk,] warp,
  /// head, query, d) to (query, head, d); and those of k: ([chunk,] key, d) to
  /// (key, d).
  AffineMap queryMap, keyMap;
  /// Whether TMA can load weights: their rows are a multiple of 16 bytes, and
  /// staged whole; and scales: they are contiguous, as those of groups are not.
  bool loadsWeightsByTma = false, loadsScalesByTma = false;
  /// Key stages: `tile_kv` rows of k, and of k_scale. The scales have a ring of
  /// their own, as a tile of k is used up earlier; null where there are none.
  RingType keyRing, scaleRing;
  /// Threads of a block: the consumer warpgroups, then one warpgroup of a
  /// producer warp and three that clean rows, where that is asked for.
  int64_t numThreads;
  /// Registers a consumer thread may use after setmaxnreg.
  int64_t consumerRegisters;
  /// Ring buffers and barriers.
  int64_t sharedMemoryBytes;
};

/// Registers of a consumer thread when `numWarpgroups` consumer warpgroups and
/// one producer warpgroup share a block.
int64_t getConsumerRegisters(int64_t numWarpgroups);

/// Whether a thread keeps its weights of all `headTiles` in registers; else it
/// reads those of each head tile when it needs them.
bool keepsWeights(int64_t headTiles);

/// Bytes that `tile` takes in a ring, aligned as WGMMA and TMA need it.
int64_t getAlignedTileBytes(MemRefType tile);

} // namespace mqa
} // namespace mlir

#endif // MQA_DIALECT_MQA_TRANSFORMS_TILEPLAN_H
