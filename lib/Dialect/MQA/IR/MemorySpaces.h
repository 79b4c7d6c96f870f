//===- MemorySpaces.h - Where the operands of ops lie -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_IR_MEMORYSPACES_H
#define MQA_LIB_DIALECT_MQA_IR_MEMORYSPACES_H

#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"

namespace mlir {
namespace mqa {

/// Global memory of the device, or the default space, which on a CPU is all
/// there is. A space that is a number means another thing to each target.
inline bool isGlobalMemory(BaseMemRefType type) {
  auto space = dyn_cast_or_null<gpu::AddressSpaceAttr>(type.getMemorySpace());
  return !type.getMemorySpace() ||
         (space && space.getValue() == gpu::AddressSpace::Global);
}

/// `operand`, which may be left out (null), lies in global memory.
inline LogicalResult verifyGlobal(Operation *op, StringRef name,
                                  Value operand) {
  auto type =
      operand ? dyn_cast<BaseMemRefType>(operand.getType()) : BaseMemRefType();
  if (!type || isGlobalMemory(type))
    return success();
  return op->emitOpError() << "operand '" << name
                           << "' must lie in global memory (the default memory "
                              "space or #gpu.address_space<global>), found "
                           << type.getMemorySpace();
}

/// A tile that the matrix unit reads.
inline LogicalResult verifyStaged(Operation *op, StringRef name,
                                  MemRefType type) {
  if (!type.hasStaticShape())
    return op->emitOpError() << "operand '" << name
                             << "' must have a static shape, found " << type;
  if (!gpu::GPUDialect::hasWorkgroupMemoryAddressSpace(type))
    return op->emitOpError()
           << "operand '" << name << "' must lie in workgroup memory, found "
           << type;
  return success();
}

/// A tile that says where its elements lie.
inline LogicalResult verifyStagedLayout(Operation *op, StringRef name,
                                        MemRefType type) {
  auto layout = dyn_cast<StagedLayoutAttr>(type.getLayout());
  if (!layout)
    return op->emitOpError()
           << "operand '" << name
           << "' must have the layout #mqa.staged, found " << type;
  if (!layout.fits(type.getElementType()))
    return op->emitOpError()
           << "operand '" << name
           << "' must have as many elements in 16 bytes as its swizzle says, "
              "found "
           << type;
  return success();
}

/// Rows of bytes, each in one piece and as long as it is wide.
inline LogicalResult verifyPackedKeys(Operation *op, StringRef name,
                                      MemRefType type) {
  SmallVector<int64_t> strides;
  int64_t offset;
  if (succeeded(type.getStridesAndOffset(strides, offset)) && strides[1] == 1 &&
      strides[0] == type.getDimSize(1))
    return success();
  return op->emitOpError()
         << "operand '" << name
         << "' must have rows of packed keys behind each other, found " << type;
}

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_IR_MEMORYSPACES_H
