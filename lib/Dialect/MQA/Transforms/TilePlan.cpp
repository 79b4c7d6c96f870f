//===- TilePlan.cpp - What a schedule means on Hopper ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/Transforms/TilePlan.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::hopper;

int64_t mqa::getConsumerRegisters(int64_t numWarpgroups) {
  // The block's registers are fixed at launch, in granules per thread;
  // setmaxnreg only moves them from the producer to the consumers.
  int64_t threads = (numWarpgroups + 1) * kWarpgroupThreads;
  int64_t atLaunch = llvm::alignDown(kRegisters / threads, kRegisterGranule);
  int64_t forConsumers =
      atLaunch * threads - kProducerRegisters * kWarpgroupThreads;
  int64_t each = forConsumers / (numWarpgroups * kWarpgroupThreads);
  return std::min<int64_t>(llvm::alignDown(each, kRegisterGranule),
                           kMaxThreadRegisters);
}

int64_t mqa::getAlignedTileBytes(MemRefType tile) {
  int64_t bytes = tile.getNumElements() * tile.getElementTypeBitWidth() / 8;
  return llvm::alignTo(bytes, kTileAlignment);
}

static int64_t getRingBytes(RingType ring) {
  // One full and one empty barrier of 8 bytes per stage.
  int64_t bytes = ring.getStages() * 16;
  for (MemRefType tile : ring.getTiles()) {
    SmallVector<int64_t> shape{ring.getStages()};
    llvm::append_range(shape, tile.getShape());
    bytes += getAlignedTileBytes(MemRefType::get(shape, tile.getElementType()));
  }
  return bytes;
}

ScheduleAttr TilePlan::getDefaultSchedule(LogitsOp op) {
  // 128 accumulator columns: what the registers of four warpgroups hold with
  // the weights beside it. A lane that ends with two logits (H = 32: four
  // queries) needs more, which three warpgroups have.
  int64_t warpgroups = op.getNumHeads() == 64 ? 4 : 3;
  return ScheduleAttr::get(op.getContext(), /*block_q=*/128 / op.getNumHeads(),
                           /*block_kv=*/warpgroups * kWgmmaRows, warpgroups,
                           /*stages=*/4);
}

FailureOr<TilePlan>
TilePlan::get(LogitsOp op, ScheduleAttr schedule,
              function_ref<InFlightDiagnostic()> emitError) {
  MLIRContext *context = op.getContext();
  int64_t heads = op.getNumHeads(), headDim = op.getHeadDim();
  int64_t blockQ = schedule.getBlockQ(), blockKv = schedule.getBlockKv();
  int64_t warpgroups = schedule.getWarpgroups();

  int64_t columns = blockQ * heads;
  if (columns > kWgmmaMaxColumns)
    return emitError() << "block_q * H is " << columns
                       << " accumulator columns, but WGMMA has at most "
                       << kWgmmaMaxColumns;
  if (blockKv != warpgroups * kWgmmaRows)
    return emitError() << "block_kv is " << blockKv << ", but " << warpgroups
                       << " warpgroups take " << kWgmmaRows
                       << " keys each: " << warpgroups * kWgmmaRows;
  if (blockKv > kMaxBoxDim)
    return emitError() << "block_kv is " << blockKv
                       << ", but a TMA box has at most " << kMaxBoxDim
                       << " rows";
  if (schedule.getStages() < 2)
    return emitError() << "stages is " << schedule.getStages()
                       << ", but loads overlap with work only from 2 on";

  TilePlan plan;
  plan.schedule = schedule;
  plan.numThreads = (warpgroups + 1) * kWarpgroupThreads;
  if (plan.numThreads > kMaxThreads)
    return emitError() << warpgroups << " consumer warpgroups and a producer "
                       << "are " << plan.numThreads
                       << " threads, but a block has at most " << kMaxThreads;

  plan.consumerRegisters = getConsumerRegisters(warpgroups);
  // Accumulators, this thread's share of the weights, and addresses.
  int64_t accumulators = columns / 2, weights = columns / 4;
  constexpr int64_t kOtherRegisters = 16;
  int64_t needed = accumulators + weights + kOtherRegisters;
  if (needed > plan.consumerRegisters)
    return emitError() << "a consumer thread needs " << needed << " registers ("
                       << accumulators << " accumulators, " << weights
                       << " weights), but " << warpgroups
                       << " warpgroups leave it " << plan.consumerRegisters;

  Type f8 = op.getQueryType().getElementType();
  Type f32 = Float32Type::get(context);
  auto workgroup =
      gpu::AddressSpaceAttr::get(context, gpu::AddressSpace::Workgroup);
  auto tile = [&](ArrayRef<int64_t> shape, Type type) {
    return MemRefType::get(shape, type, MemRefLayoutAttrInterface{}, workgroup);
  };
  constexpr int64_t kQueryStages = 2;
  plan.queryRing = RingType::get(
      context, kQueryStages,
      {tile({blockQ, heads, headDim}, f8), tile({blockQ, heads}, f32)});
  plan.keyRing =
      RingType::get(context, schedule.getStages(),
                    {tile({blockKv, headDim}, f8), tile({blockKv}, f32)});
  plan.sharedMemoryBytes =
      getRingBytes(plan.queryRing) + getRingBytes(plan.keyRing);
  if (plan.sharedMemoryBytes > kSharedMemoryBytes)
    return emitError() << "the rings take " << plan.sharedMemoryBytes
                       << " bytes of shared memory, but a block has "
                       << kSharedMemoryBytes;
  return plan;
}
