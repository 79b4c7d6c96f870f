//===- Hopper.h - Shapes of kernels of WGMMA and TMA ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is the same in every kernel that WGMMA and TMA work for. The limits of a
// chip are not here: they are its target's (Target.h).
//
//===----------------------------------------------------------------------===//

#ifndef MQA_DIALECT_MQA_IR_HOPPER_H
#define MQA_DIALECT_MQA_IR_HOPPER_H

#include "mqa/Dialect/MQA/IR/Target.h"

namespace mlir {
namespace mqa {
namespace hopper {

constexpr int64_t kWarpThreads = 32;
constexpr int64_t kLaneBits = 5;
constexpr int64_t kWarpgroupThreads = kWgmma.threads;
constexpr int64_t kWarpgroupWarps = kWarpgroupThreads / kWarpThreads;
/// A swizzled TMA box and a WGMMA operand start at a multiple of this.
constexpr int64_t kTileAlignment = kTma.alignment;
constexpr int64_t kWgmmaRows = kWgmma.rows;
constexpr int64_t kWgmmaMaxColumns = kWgmma.maxColumns;
/// Bytes of K that one WGMMA instruction takes.
constexpr int64_t kWgmmaKBytes = kWgmma.stepBytes;
constexpr int64_t kMaxSwizzleBytes = kWgmma.maxRowBytes;
constexpr int64_t kMaxBoxDim = kTma.maxBoxDim;
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
} // namespace mqa
} // namespace mlir

#endif // MQA_DIALECT_MQA_IR_HOPPER_H
