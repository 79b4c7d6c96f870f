//===- TilePlan.cpp - What a schedule means on a chip ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/Transforms/TilePlan.h"
#include "mqa/Dialect/MQA/IR/EnumCases.h"
#include "mqa/Dialect/MQA/IR/MxFormat.h"
#include "mqa/Dialect/MQA/Transforms/KernelFunctions.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

#include <numeric>

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::shapes;

int64_t mqa::getConsumerRegisters(const ChipInfo &chip,
                                  int64_t numConsumerGroups,
                                  int64_t converterGroups) {
  // The block's registers are fixed at launch, in granules per thread;
  // setmaxnreg only moves them from the producer to the consumers. (A producer
  // of a single warp would not help: each quarter of the chip's registers
  // serves each fourth warp, so that a 17th warp costs as much as four.)
  int64_t threads = (numConsumerGroups + 1 + converterGroups) * kGroupThreads;
  int64_t atLaunch =
      llvm::alignDown(chip.registers / threads, chip.registerGranule);
  if (!chip.movesRegisters)
    return std::min<int64_t>(atLaunch, chip.threadRegisters);
  int64_t forOthers =
      kProducerRegisters + converterGroups * kConverterRegisters;
  int64_t forConsumers = atLaunch * threads - forOthers * kGroupThreads;
  int64_t each = forConsumers / (numConsumerGroups * kGroupThreads);
  return std::min<int64_t>(llvm::alignDown(each, chip.registerGranule),
                           chip.threadRegisters);
}

bool mqa::keepsWeights(Rows rows, int64_t headTiles) {
  // Two rows of each head tile; or a quarter of all columns, which are up to
  // 128 for each of them.
  return headTiles <= (hasKeyRows(rows) ? 1 : 4);
}

int64_t mqa::getKeptKeyRegisters(LogitsOpInterface op, const MatrixUnit &unit,
                                 int64_t tileKv) {
  Type type = unit.getOperandType(op.getProductElementType());
  RowChunks chunks = unit.getRowChunks(op.getHeadDim(), type);
  int64_t bytes = type.getIntOrFloatBitWidth() / 8;
  constexpr int64_t kWarpRegisterBytes = kWarpThreads * 4;
  int64_t registers =
      tileKv * chunks.count * chunks.elements * bytes / kWarpRegisterBytes;
  return registers <= MmaSyncOp::kMaxKeptRegisters ? registers : 0;
}

int64_t mqa::getAlignedTileBytes(MemRefType tile) {
  int64_t bytes = tile.getNumElements() * tile.getElementTypeBitWidth() / 8;
  return llvm::alignTo(bytes, kTileAlignment);
}

/// Whether `type` is of words and its rows start at multiples of 16 bytes as
/// far as the type says: a stride that is only known at launch is checked
/// there.
static bool hasTmaRows(Type type) {
  auto shaped = cast<ShapedType>(type);
  int64_t stride = shaped.getShape().back();
  constexpr int64_t kTmaElements = 4;
  if (shaped.getElementTypeBitWidth() != 32 || stride % kTmaElements)
    return false;
  SmallVector<int64_t> strides{stride, 1};
  int64_t offset;
  if (auto memref = dyn_cast<MemRefType>(type))
    if (failed(memref.getStridesAndOffset(strides, offset)))
      return false;
  return ShapedType::isDynamic(strides[0]) || strides[0] % kTmaElements == 0;
}

static int64_t getRingBytes(RingType ring) {
  // One full and one empty barrier of 8 bytes per stage.
  uint64_t slotBytes = 16;
  for (MemRefType tile : ring.getTiles())
    slotBytes += tile.getNumElements() * tile.getElementTypeBitWidth() / 8;
  uint64_t bytes =
      llvm::SaturatingMultiply<uint64_t>(ring.getStages(), slotBytes);
  // Far too many are not counted: several rings' bytes are added up.
  if (bytes > uint64_t(1) << 40)
    return int64_t(1) << 40;
  bytes = ring.getStages() * 16;
  for (MemRefType tile : ring.getTiles()) {
    SmallVector<int64_t> shape{ring.getStages()};
    llvm::append_range(shape, tile.getShape());
    bytes += getAlignedTileBytes(MemRefType::get(shape, tile.getElementType()));
  }
  return bytes;
}

/// What a paged cache asks of a schedule.
static LogicalResult verifyPages(LogitsOpInterface op, ScheduleAttr schedule,
                                 function_ref<InFlightDiagnostic()> emitError) {
  int64_t nextN = op.getNextN(), blockKv = op.getBlockKv();
  if (nextN == 0)
    return success();
  int64_t blockQ = schedule.getBlockQ(), tileKv = schedule.getTileKv();
  if (op.hasRowsOfSequences()) {
    if (!splitsKeys(schedule.getSplit()))
      return emitError() << "rows that name their sequences need split = "
                            "tiles: where a query block begins, only what "
                            "shares the tiles finds";
  } else if (blockQ < nextN || blockQ != schedule.getTileQ()) {
    return emitError() << "the next_n = " << nextN
                       << " queries of a sequence need block_q = tile_q of at "
                          "least as many, found "
                       << blockQ << " and " << schedule.getTileQ();
  }
  if (tileKv % blockKv && blockKv % tileKv)
    return emitError() << "tile_kv must be a multiple or a divisor of the "
                          "cache's block_kv = "
                       << blockKv << ", found " << tileKv;
  return success();
}

/// What keeps `op` from a sum over heads in half precision; "" if nothing does.
static std::string describeNotPacked(LogitsOpInterface op, bool stagesByParts) {
  SmallVector<std::string> wrong;
  if (!op.hasOnlyFiniteScores())
    llvm::raw_string_ostream(wrong.emplace_back()) << op.getInputElementType();
  else if (op.getProductElementType() != op.getInputElementType())
    wrong.push_back(op.getMxFormat()->name.str() + " keys");
  if (const mx::Format *format = op.getQueryFormat())
    wrong.push_back(format->name.str() + " queries");
  if (!isRelu(op.getActivation()))
    wrong.push_back("no relu");
  if (!isSum(op.getHeadReduction()))
    wrong.push_back("head_reduction " +
                    stringifyHeadReduction(op.getHeadReduction()).str());
  if (!op.getWeights())
    wrong.push_back("no weights");
  if (!llvm::is_contained({32, 64, 128}, op.getHeadDim()))
    wrong.push_back("head dim " + std::to_string(op.getHeadDim()));
  if (stagesByParts)
    wrong.push_back("heads by parts");
  return llvm::join(wrong, ", ");
}

/// What products whose rows are keys cannot do; "" if that is nothing.
static std::string describeNotKeyRows(LogitsOpInterface op,
                                      const MatrixUnit &unit, bool packed) {
  SmallVector<std::string> wrong;
  if (!unit.isAsync)
    wrong.push_back(unit.name.str());
  if (packed)
    wrong.push_back("reduction f16");
  if (op.getColumnKeys() > 1)
    wrong.push_back("block_max");
  if (getUnstoredLogits(op))
    wrong.push_back("logits that are selected from in the same kernel");
  return llvm::join(wrong, ", ");
}

/// Whether keys are those of a paged cache: of the op, or of a tile of it.
static bool isPaged(LogitsOpInterface op) {
  return op.getNextN() || op.getK().getDefiningOp<GatherPagesOp>();
}

FailureOr<TilePlan>
TilePlan::get(LogitsOpInterface op, const ChipInfo &chip, ScheduleAttr schedule,
              function_ref<InFlightDiagnostic()> emitError) {
  MLIRContext *context = op->getContext();
  if (failed(verifyPages(op, schedule, emitError)))
    return failure();
  int64_t headDim = op.getHeadDim(), groupHeads = op.getGroupHeads();
  int64_t heads = groupHeads;
  if (schedule.getBlockHeads())
    heads = std::min(heads, schedule.getBlockHeads());
  int64_t tileKv = schedule.getTileKv();
  int64_t queryGroups = schedule.getQueryGroups();
  int64_t numConsumerGroups = schedule.getConsumerGroups();
  int64_t queryWarps = schedule.getQueryWarps();
  int64_t warpQueries = queryWarps * schedule.getTileQ() / kGroupWarps;
  int64_t tileHeads = schedule.getTileHeads(heads);
  int64_t headTiles = llvm::divideCeil(heads, tileHeads);
  bool areKeys = hasKeyRows(schedule.getRows());
  int64_t columns = areKeys ? schedule.getTileQ() * tileHeads : tileKv;

  const MatrixUnit &unit = *chip.matrixUnit;
  if (areKeys && tileKv > chip.copyEngine->maxBoxDim)
    return emitError() << "tile_kv is " << tileKv << " keys, but "
                       << chip.copyEngine->name << " copies at most "
                       << chip.copyEngine->maxBoxDim << " rows at a time";
  if (!areKeys && tileKv > unit.maxColumns)
    return emitError() << "tile_kv is " << tileKv
                       << " accumulator columns, but " << unit.name
                       << " has at most " << unit.maxColumns;
  // A consumer group takes the maximum of a block from one tile.
  if (tileKv % op.getColumnKeys())
    return emitError() << "tile_kv must be a multiple of block_max = "
                       << op.getColumnKeys() << ", found " << tileKv;
  if (schedule.getBlockQ() > kWarpThreads)
    return emitError() << "block_q is " << schedule.getBlockQ()
                       << ", but a warp reads the ranges of a block at once: "
                          "at most "
                       << kWarpThreads;
  if (schedule.getStages() < 2)
    return emitError() << "stages is " << schedule.getStages()
                       << ", but loads overlap with work only from 2 on";
  if (schedule.getStages() < schedule.getKeyGroups())
    return emitError() << "stages is " << schedule.getStages() << ", but "
                       << schedule.getKeyGroups()
                       << " consumer groups work on a stage each";

  // Groups of heads go one after another, each with its own keys.
  bool stagesByParts = op.hasKeyGroups() || heads < groupHeads;
  if (stagesByParts && schedule.getKeyGroups() > 1)
    return emitError() << "consumer groups cannot take turns (block_kv = "
                       << schedule.getBlockKv()
                       << " is not tile_kv = " << tileKv
                       << ") at keys that are staged for a part of the heads "
                          "at a time";
  // A maximum of some heads may not be multiplied by a scale that may be
  // negative: only that of all heads is, or of all of a key group.
  bool scalesLast = !isSum(op.getHeadReduction()) && heads < groupHeads &&
                    op.getKScale() && !op.hasMxKeys();
  if (scalesLast && op.getNumGroups() > 1)
    return emitError() << "head_reduction "
                       << stringifyHeadReduction(op.getHeadReduction())
                       << " with a 'k_scale' for each key group needs all of "
                       << groupHeads
                       << " heads of a group at once, found block_heads = "
                       << heads;
  // The rows of one product lie behind each other where no chunks do.
  RowChunks chunks = unit.getRowChunks(
      headDim, unit.getOperandType(op.getProductElementType()));
  if (areKeys && tileKv > kGroupRows && (stagesByParts || chunks.count > 1))
    return emitError() << "rows of keys need tile_kv = " << kGroupRows
                       << " for heads by parts and for keys of more than "
                       << unit.maxRowBytes << " bytes, found " << tileKv;

  // 2 rows of each head tile are added up in a thread: with the conversions and
  // the lanes 20 roundings to 11 bits, which keeps the error below 1e-3.
  constexpr int64_t kMaxPackedTiles = 8;
  bool packed = isPacked(schedule.getReduction());
  Type operandType = unit.getOperandType(op.getProductElementType());
  std::string notPacked = describeNotPacked(op, stagesByParts);
  if (packed && !notPacked.empty())
    return emitError() << "reduction f16 is for f8E4M3FN, relu, weights, a "
                          "sum over the heads, a head dim of 32, 64 or 128 "
                          "and all heads at once, "
                          "found "
                       << notPacked;
  if (std::string not_ = areKeys ? describeNotKeyRows(op, unit, packed) : "";
      !not_.empty())
    return emitError() << "rows of keys are for WGMMA, and for logits that are "
                          "summed in f32 and stored one by one, found "
                       << not_;
  if (packed && !unit.isAsync)
    return emitError() << "reduction f16 scales queries for WGMMA, which "
                       << chip.name << " has not";
  if (packed && queryWarps > 1)
    return emitError() << "reduction f16 needs warps with queries of their "
                          "own (tile_q of at least 4), found tile_q = "
                       << schedule.getTileQ();
  if (packed && headTiles > kMaxPackedTiles)
    return emitError() << "reduction f16 adds up at most " << kMaxPackedTiles
                       << " head tiles, but tile_q = " << schedule.getTileQ()
                       << " makes " << headTiles << " of " << heads << " heads";

  TilePlan plan;
  plan.schedule = schedule;
  plan.blockHeads = heads;
  plan.numHeadBlocks = op.getNumGroups() * llvm::divideCeil(groupHeads, heads);
  plan.stagesByParts = stagesByParts;
  plan.scalesLast = scalesLast;
  // Converting is what a paged cache waits for: two groups take tiles in turn,
  // and each has the same slots of the rings. Else many queries share what is
  // converted, and consumers need the registers.
  if (op.hasMxKeys())
    plan.converterGroups = isPaged(op) && !stagesByParts ? 2 : 1;
  // Rows of a product may come from registers, and consumers decode them there.
  const mx::Format *format = op.getMxFormat();
  plan.decodesInRegisters = format && areKeys && !stagesByParts &&
                            format->element == mx::Element::F4E2M1FN &&
                            isa<Float8E4M3FNType>(operandType) &&
                            mx::isDecodedInRegisters(headDim);
  if (plan.decodesInRegisters)
    plan.converterGroups = 0;
  int64_t turns = std::max<int64_t>(plan.converterGroups, 1);
  plan.numThreads =
      (numConsumerGroups + 1 + plan.converterGroups) * kGroupThreads;
  if (plan.numThreads > chip.blockThreads)
    return emitError() << numConsumerGroups
                       << " consumer groups and a producer "
                       << "are " << plan.numThreads
                       << " threads, but a block has at most "
                       << chip.blockThreads;

  plan.consumerRegisters =
      getConsumerRegisters(chip, numConsumerGroups, plan.converterGroups);
  // A thread has two rows of each head tile: their weights, and a sum per
  // column that it holds, in f16 two columns in a register. Then addresses.
  int64_t accumulators = schedule.getAccumulators() * columns / 2;
  int64_t sums = packed ? tileKv / 8 : tileKv / 4;
  // Two keys of each query, of which it has a quarter of the heads: even and
  // odd ones.
  if (areKeys)
    sums = 4 * schedule.getTileQ();
  // And one sum of each for a product that is stored with the last one.
  int64_t products = areKeys ? tileKv / kGroupRows : 1;
  bool joins = plan.decodesInRegisters && schedule.getTileQ() == 1;
  if (schedule.getAccumulators() > 1)
    sums += 2 * schedule.getTileQ() * (products - 1);
  else if (joins && products > 1)
    sums += 2;
  // The sums of the heads before, of which a thread has a share.
  if (stagesByParts)
    sums += schedule.getTileQ() * tileKv / kGroupThreads;
  bool keeps = keepsWeights(schedule.getRows(), headTiles);
  int64_t weights = keeps ? 2 * headTiles : 2;
  if (areKeys && keeps)
    weights = columns / 4;
  int64_t others = 8;
  // A unit that does not read shared memory itself has its operands, and their
  // addresses, in registers.
  if (!unit.isAsync)
    others += 4 * schedule.getAccumulators() + 8 +
              getKeptKeyRegisters(op, unit, tileKv);
  // What is decoded of two keys of a product, and of the next one, and the
  // bytes of a key.
  if (plan.decodesInRegisters)
    others += std::min<int64_t>(products, 2) * headDim / 8 + headDim / 32;
  int64_t needed = accumulators + sums + weights + others;
  if (needed > plan.consumerRegisters)
    return emitError() << "a consumer thread needs " << needed << " registers ("
                       << accumulators << " accumulators, " << sums << " sums, "
                       << weights << " weights), but " << numConsumerGroups
                       << " consumer groups leave it "
                       << plan.consumerRegisters;

  // ptxas compiles no instruction that does not fit what the threads have at
  // launch: its accumulator, descriptors, and what is live beside it.
  constexpr int64_t kBesideAccumulator = 26;
  int64_t atLaunch = chip.registers / plan.numThreads;
  if (unit.isAsync && columns / 2 + kBesideAccumulator > atLaunch)
    return emitError() << "an instruction of " << unit.name << " needs "
                       << columns / 2 + kBesideAccumulator << " registers, but "
                       << plan.numThreads << " threads have " << atLaunch
                       << " each at launch";

  Type f32 = Float32Type::get(context);
  auto workgroup =
      gpu::AddressSpaceAttr::get(context, gpu::AddressSpace::Workgroup);
  auto tile = [&](ArrayRef<int64_t> shape, Type type) {
    return MemRefType::get(shape, type, MemRefLayoutAttrInterface{}, workgroup);
  };
  // The lanes of a warp read weights of several queries at a time: with rows a
  // bit longer, from different banks.
  constexpr int64_t kBankPadding = 4;
  int64_t weightColumns =
      headTiles * tileHeads + (warpQueries > 1 && !areKeys ? kBankPadding : 0);
  // TMA fills slots from multiples of 128 bytes on. (64 rows have enough.)
  constexpr int64_t kSlotWords = 32;
  while (areKeys && schedule.getBlockQ() * weightColumns % kSlotWords)
    weightColumns += kColumnStep;
  auto staged = [&](StagedLayoutAttr layout) {
    return MemRefType::get(layout.getTileShape(), operandType, layout,
                           workgroup);
  };
  // Each group of queries has its head tiles behind each other.
  StagedLayoutAttr headTile = unit.getOperandLayout(
      areKeys ? OperandRole::QueryColumns : OperandRole::QueryRows,
      {schedule.getTileQ(), tileHeads, headDim}, operandType);
  plan.queryTile =
      staged(headTile.getRepeated({queryGroups, headTiles}, {0, 1}));
  SmallVector<MemRefType> queryTiles;
  SmallVector<int64_t> perHead{schedule.getBlockQ(), weightColumns};
  if (op.hasMxQueries()) {
    SmallVector<int64_t> rows(plan.queryTile.getShape());
    rows.back() = op.getQueryRow();
    queryTiles = {tile(rows, getElementTypeOrSelf(op.getQ())),
                  tile(perHead, IntegerType::get(context, 32))};
    plan.loadsQScaleByTma =
        !stagesByParts && hasTmaRows(op.getQScale().getType());
  } else {
    queryTiles = {plan.queryTile};
  }
  if (op.getWeights()) {
    queryTiles.push_back(tile(perHead, f32));
    plan.loadsWeightsByTma =
        !stagesByParts && hasTmaRows(op.getWeights().getType());
  }
  if (op.hasMxQueries())
    queryTiles.append({plan.queryTile, tile(perHead, f32),
                       tile({2, schedule.getBlockQ()}, f32)});
  plan.queryRing =
      RingType::get(context, schedule.getQueryStages(), queryTiles);
  // Neighbouring lanes read what lies behind each other: no swizzle.
  MemRefType keyTile =
      plan.decodesInRegisters
          ? tile({tileKv, headDim / 2}, IntegerType::get(context, 8))
          : staged(unit.getOperandLayout(OperandRole::Keys, {tileKv, headDim},
                                         operandType));
  SmallVector<MemRefType> keyTiles{keyTile};
  // Consumers that decode need both at the same time, and for as long.
  if (plan.decodesInRegisters)
    keyTiles.push_back(tile({tileKv}, IntegerType::get(context, 32)));
  plan.keyRing = RingType::get(
      context, llvm::alignTo(schedule.getStages(), turns), keyTiles);
  plan.sharedMemoryBytes =
      getRingBytes(plan.queryRing) + getRingBytes(plan.keyRing) + kShareBytes;
  if (op.getKScale()) {
    auto scales = dyn_cast<MemRefType>(op.getKScale().getType());
    plan.loadsScalesByTma =
        !op.hasKeyGroups() &&
        (!scales || scales.getStridesAndOffset().first[0] == 1);
  }
  if (op.getKScale() && !plan.decodesInRegisters) {
    // As many for each set of consumer groups that takes stages in turn.
    int64_t scaleStages = llvm::alignTo(
        schedule.getStages(), std::lcm(schedule.getKeyGroups(), turns));
    plan.scaleRing = RingType::get(context, scaleStages, {tile({tileKv}, f32)});
    plan.sharedMemoryBytes += getRingBytes(plan.scaleRing);
  }
  if (plan.converterGroups) {
    // A thread reads whole rows: neighbours would read from the same banks
    // without a swizzle. Both i8 and fp8 are bytes.
    Type bytes = getElementTypeOrSelf(op.getK());
    int64_t rowBytes = format->getBytes(headDim);
    MemRefType packed = tile({tileKv, rowBytes}, bytes);
    if (llvm::isPowerOf2_64(rowBytes) && rowBytes > kSwizzleUnit)
      packed = MemRefType::get(packed.getShape(), bytes,
                               StagedLayoutAttr::get(context, packed.getShape(),
                                                     {0, 1}, kSwizzleUnit),
                               workgroup);
    // Queries that share keys need them less often than a paged cache has them.
    constexpr int64_t kMxStages = 3;
    int64_t stages = llvm::alignTo(schedule.getStages(), turns);
    if (!isPaged(op))
      stages = std::min(stages, kMxStages);
    plan.mxRing = RingType::get(context, stages, {packed});
    plan.mxScaleRing = RingType::get(
        context, stages, {tile({tileKv}, IntegerType::get(context, 32))});
    plan.sharedMemoryBytes +=
        getRingBytes(plan.mxRing) + getRingBytes(plan.mxScaleRing);
  }
  if (getUnstoredLogits(op))
    plan.sharedMemoryBytes += kSelectionBytes;
  // Of mqa.fit_queries: an exponent per head and two factors per query.
  if (packed)
    plan.sharedMemoryBytes +=
        4 * schedule.getBlockQ() * (headTiles * tileHeads + 2);
  // Of a sum over warps: a partial sum of each of a consumer group's warps for
  // each key.
  if (queryWarps > 1)
    plan.sharedMemoryBytes += 4 * numConsumerGroups * kGroupWarps * tileKv;
  if (plan.sharedMemoryBytes > chip.blockSharedMemory)
    return emitError() << "the rings take " << plan.sharedMemoryBytes
                       << " bytes of shared memory, but a block has "
                       << chip.blockSharedMemory;
  return plan;
}
