//===- RingLowering.h - Rings to buffers, mbarriers, copies -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_RINGLOWERING_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_RINGLOWERING_H

#include "SlotFills.h"
#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "llvm/ADT/MapVector.h"

namespace mlir {
namespace mqa {

/// What a ring became.
struct LoweredRing {
  RingType type;
  /// One memref of `stages` tiles per tile type.
  SmallVector<Value> buffers;
  Value full, empty;
  /// Whether who gets a slot need not have got it in the round before: it then
  /// does not know that this round is over, and could take its phase of the
  /// full barrier, which has the same parity, for the one after the next.
  bool changesHands;
  /// Who arrives when a slot is filled.
  Arrivals arrivals;
  /// Threads that fill a slot together: those of its producer warps.
  int64_t threads;
};

/// Slot and phase of a position.
struct Slot {
  Value index;
  /// 0 in the first round through the ring, 1 in the second, and so on.
  Value parity;
};

/// The layout of a ring's tile. Tiles without one (scales, weights) are read by
/// plain loads.
inline StagedLayoutAttr getLayout(MemRefType tile) {
  return StagedLayoutAttr::of(tile);
}

/// Whether a matrix unit may read `tile` of `ring`: consumers get it, and its
/// type says how it lies.
inline bool isOperand(Value ring, MemRefType tile) {
  auto create = ring.getDefiningOp<RingCreateOp>();
  return (!create || create.getReader() == Role::Consumer) &&
         isa<StagedLayoutAttr>(tile.getLayout());
}

/// `value` if it is an argument that a launch passes to a kernel, else null.
BlockArgument getKernelArgument(Value value);

/// Whether the elements of a row of `memref` lie behind each other.
bool hasContiguousRows(Value memref);

/// Bytes that a lane copies at a time, where there are no tensor maps.
constexpr int64_t kChunkBytes = 16;

/// Row `row` of `source` as a matrix, whose address may need 64 bits.
Value takeRow(OpBuilder &b, Location loc, Value source, Value row);

/// Of key `key` of block `block` of a paged cache whose blocks have
/// `pageBlocks` such blocks of `blockKeys` keys: the cache block, and the place
/// in it. Below zero, a block is in no cache block.
std::pair<Value, Value> findInPage(OpBuilder &b, Location loc, Value block,
                                   Value key, int64_t pageBlocks,
                                   int64_t blockKeys);

/// Copies the blocks that fill a tile, of a matrix or of pages, as lane `lane`
/// of `numLanes`, into a flat memref of which element `first` is the slot's
/// first. False, and does nothing, if the source is something else, or if the
/// lanes do not come out even.
bool copyByBlocks(OpBuilder &b, Location loc, FillTileOp op, Value lane,
                  int64_t numLanes, Value flat, Value first);

/// Whether `tile` is whole blocks, or one part of a block, whose keys lie
/// behind each other in both. Blocks have keys.
bool isOfBlocks(MemRefType tile, GatherBlocksOp blocks);

/// Each slot is filled by ways that the chip has. What lanes copy by elements
/// is a matrix or vector as it is.
LogicalResult verifyFills(ArrayRef<SlotFills> slots, const ChipInfo &chip);

/// A slot is filled by one warp where tensor maps fill it, and by no more warps
/// than the block has.
LogicalResult verifyProducers(gpu::GPUFuncOp kernel,
                              ArrayRef<RingCreateOp> creates,
                              const llvm::MapVector<Value, Arrivals> &arrivals,
                              const ChipInfo &chip);

/// Rings are made at the top of the kernel, used by nothing but ring ops, and
/// all of the shared memory whose size is given at launch is theirs.
LogicalResult verifyRings(gpu::GPUFuncOp kernel,
                          ArrayRef<RingCreateOp> creates);

/// Buffers and barriers of all rings must fit a block, beside what else it has
/// of shared memory. What is far too large is not multiplied out: sizes of IR
/// may be any.
LogicalResult verifyRingBytes(gpu::GPUFuncOp kernel,
                              ArrayRef<RingCreateOp> creates,
                              const ChipInfo &chip);

/// Launches pass what a kernel's arguments were; the caller has to make tensor
/// maps of some of them.
LogicalResult verifyLaunches(ModuleOp module);

/// How the tensor map of an argument loads it: in which boxes, and which dims
/// of the argument those of a box are.
struct TensorMapRecipe {
  MemRefType box;
  /// Of the box's rows; 0 where they are not swizzled.
  int64_t swizzleBytes = 0;
  SmallVector<int64_t> dims;
  /// Of key blocks: keys of one, and how many of these a box has.
  int64_t blockKv = 0, blockRows = 0;
  /// How many of them a cache block has; 0 where they are those of a matrix.
  int64_t pageBlocks = 0;
};

/// The lowering of one kernel's rings. Its maps and loads have files of their
/// own.
class RingLowering {
public:
  explicit RingLowering(gpu::GPUFuncOp kernel)
      : kernel(kernel), b(kernel.getContext()), loc(kernel.getLoc()) {}
  LogicalResult run();

private:
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  LogicalResult verify(ArrayRef<RingCreateOp> creates,
                       ArrayRef<RingGetOp> gets);
  void create(RingCreateOp op);
  gpu::BarrierOp findBarrier();
  void initBarriers();
  Slot getSlot(const LoweredRing &ring, Value position);
  Value getTile(const LoweredRing &ring, unsigned tile, Value slot,
                MemRefType type);
  void wait(Value barriers, Slot slot, Value parity);
  void waitForEmpty(const LoweredRing &ring, Slot slot);
  bool usesTensorMaps() const { return chip->copyEngine->usesTensorMaps; }
  LogicalResult makeTensorMaps(ArrayRef<FillTileOp> fills);
  LogicalResult checkSources(ArrayRef<FillTileOp> fills);
  Value isFirstLane();
  Value chooseLane(const SlotFills &fills);
  void syncWarp() {
    Value all = arith::ConstantIntOp::create(b, loc, -1, 32);
    NVVM::SyncWarpOp::create(b, loc, all);
  }
  void load(const LoweredRing &ring, FillTileOp op, memref::SubViewOp view,
            Slot slot);
  SmallVector<Value> spreadBlockIds(GatherBlocksOp pages, MemRefType tile);
  void loadPages(const LoweredRing &ring, FillTileOp op, GatherBlocksOp pages,
                 ValueRange blockIds, Slot slot);
  void loadBox(const LoweredRing &ring, unsigned tile, MemRefType box,
               ArrayRef<int64_t> at, ArrayRef<int64_t> sizes, Slot slot,
               Value tensorMap, ArrayRef<Value> coordinates);
  void copyByLanes(Value tile, Value source, int64_t threads);
  Value loadInLane(Value source, ArrayRef<Value> indices);
  Value loadScaleInLane(GatherBlocksOp pages, Value position);
  void arrive(Value barriers, Slot slot) {
    nvgpu::MBarrierArriveOp::create(
        b, loc, nvgpu::MBarrierTokenType::get(b.getContext()), barriers,
        slot.index);
  }
  void fill(const SlotFills &fills);
  void startTensorMaps(const LoweredRing &ring, const SlotFills &fills,
                       const DenseMap<Operation *, SmallVector<Value>> &ids,
                       Slot slot);
  void fillByChunks(const LoweredRing &ring, FillTileOp op, Value lane,
                    Slot slot);
  void commit(const LoweredRing &ring, const SlotFills &fills, Slot slot);
  void fenceAsyncProxy();
  Value getOwnLane(const LoweredRing &ring);
  void get(RingGetOp op);
  void release(RingReleaseOp op);

  gpu::GPUFuncOp kernel;
  const ChipInfo *chip = nullptr;
  IRRewriter b;
  Location loc;
  SmallVector<SlotFills> slots;
  llvm::MapVector<Value, Arrivals> arrivals;
  DenseMap<Value, LoweredRing> rings;
  llvm::MapVector<Value, TensorMapRecipe> recipes;
  SmallVector<std::pair<RingCreateOp, LoweredRing>> created;
  Value sharedMemory;
  int64_t sharedMemoryBytes = 0;
};

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_RINGLOWERING_H
