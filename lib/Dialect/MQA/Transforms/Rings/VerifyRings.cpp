//===- VerifyRings.cpp - What rings must be to be lowered -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RingLowering.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mqa;

/// Bytes of a memref, as far as they can be counted.
static uint64_t countBytes(MemRefType type) {
  uint64_t bytes = type.getElementType().isIntOrFloat()
                       ? llvm::divideCeil(type.getElementTypeBitWidth(), 8)
                       : sizeof(uint64_t);
  for (int64_t size : type.getShape())
    bytes = llvm::SaturatingMultiply<uint64_t>(bytes, size);
  return bytes;
}

LogicalResult mqa::verifyRingBytes(gpu::GPUFuncOp kernel,
                                   ArrayRef<RingCreateOp> creates,
                                   const ChipInfo &chip) {
  uint64_t total = 0;
  for (BlockArgument variable : kernel.getWorkgroupAttributions())
    total = llvm::SaturatingAdd(
        total, countBytes(cast<MemRefType>(variable.getType())));
  for (RingCreateOp op : creates) {
    uint64_t slot = 2 * sizeof(uint64_t);
    for (MemRefType tile : op.getRing().getType().getTiles())
      slot = llvm::SaturatingAdd(slot, countBytes(tile));
    uint64_t stages = op.getRing().getType().getStages();
    total = llvm::SaturatingMultiplyAdd(slot, stages, total);
    if (total > static_cast<uint64_t>(chip.blockSharedMemory))
      return op.emitOpError() << "needs more shared memory than the "
                              << chip.blockSharedMemory << " bytes of a block";
  }
  return success();
}

LogicalResult mqa::verifyRings(gpu::GPUFuncOp kernel,
                               ArrayRef<RingCreateOp> creates) {
  DenseI32ArrayAttr size = kernel.getKnownBlockSizeAttr();
  if (size && (size[1] != 1 || size[2] != 1))
    return kernel.emitOpError("must have its threads in x alone: warps and "
                              "lanes that use rings are counted there");
  for (RingCreateOp op : creates) {
    if (op->getBlock() != &kernel.getBody().front())
      return op.emitOpError("must be at the top of the kernel");
    for (Operation *user : op->getUsers())
      if (!isRingOp(user))
        return op.emitOpError("is used by '")
               << user->getName() << "', which is no op on rings";
    for (MemRefType tile : op.getRing().getType().getTiles())
      if (tile.getNumElements() == 0 ||
          !gpu::GPUDialect::hasWorkgroupMemoryAddressSpace(tile))
        return op.emitOpError()
               << "must have tiles of some elements in workgroup memory, found "
               << tile;
  }
  WalkResult result = kernel.walk([&](gpu::DynamicSharedMemoryOp op) {
    op.emitOpError("is beside rings, which take all dynamic shared memory");
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

/// By elements, lanes fill matrices and vectors as they are.
static LogicalResult verifyElements(FillTileOp op) {
  MemRefType type = op.getTileType();
  if (type.getRank() <= 2 && type.getLayout().isIdentity())
    return success();
  return op.emitOpError() << "by elements fills matrices and vectors that have "
                             "no #mqa.staged layout, found "
                          << type;
}

static LogicalResult verifyFill(FillTileOp op, const ChipInfo &chip) {
  const CopyEngine &engine = *chip.copyEngine;
  switch (op.getKind()) {
  case FillKind::TensorMap:
    if (engine.usesTensorMaps)
      return success();
    return op.emitOpError() << "by tensor_map needs tensor maps, but the copy "
                               "engine of "
                            << chip.name << " is " << engine.name;
  case FillKind::AsyncChunks:
  case FillKind::Chunks:
    return success();
  case FillKind::Elements:
    return verifyElements(op);
  }
  llvm_unreachable("no other kinds");
}

LogicalResult mqa::verifyFills(ArrayRef<SlotFills> slots,
                               const ChipInfo &chip) {
  for (const SlotFills &slot : slots)
    for (FillTileOp op : slot.fills)
      if (failed(verifyFill(op, chip)))
        return failure();
  return success();
}

LogicalResult
mqa::verifyProducers(gpu::GPUFuncOp kernel, ArrayRef<RingCreateOp> creates,
                     const llvm::MapVector<Value, Arrivals> &arrivals,
                     const ChipInfo &chip) {
  DenseI32ArrayAttr size = kernel.getKnownBlockSizeAttr();
  int64_t threads = size ? size[0] : chip.blockThreads;
  for (RingCreateOp op : creates) {
    int64_t producers = op.getProducers();
    if (arrivals.lookup(op.getRing()).ofTensorMaps && producers != 1)
      return op.emitOpError() << "is filled by tensor maps, whose copies one "
                                 "warp starts, but has "
                              << producers << " 'producers'";
    if (producers > threads / shapes::kWarpThreads)
      return op.emitOpError()
             << "has " << producers << " 'producers', but a block has "
             << threads / shapes::kWarpThreads << " warps";
  }
  return success();
}

LogicalResult mqa::verifyLaunches(ModuleOp module) {
  WalkResult result = module.walk([](gpu::LaunchFuncOp launch) {
    auto kernel = SymbolTable::lookupNearestSymbolFrom<gpu::GPUFuncOp>(
        launch, launch.getKernelAttr());
    if (!kernel)
      return WalkResult::advance();
    for (auto [i, operand, type] :
         llvm::enumerate(launch.getKernelOperands(), kernel.getArgumentTypes()))
      if (isa<nvgpu::TensorMapDescriptorType>(type) &&
          operand.getType() != type) {
        InFlightDiagnostic error = launch.emitOpError()
                                   << "passes " << operand.getType()
                                   << " as argument " << i
                                   << ", which would become a tensor map";
        error.attachNote(kernel.getLoc()) << "of this kernel";
        return WalkResult::interrupt();
      }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}
