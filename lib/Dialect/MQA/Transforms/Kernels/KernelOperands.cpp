//===- KernelOperands.cpp - Types that a launch has operands of -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelFunctionChecks.h"
#include "mqa/Dialect/MQA/IR/KeyBlocks.h"
#include "mqa/Dialect/MQA/IR/MxOperands.h"

#include "llvm/ADT/TypeSwitch.h"

#include <limits>

using namespace mlir;
using namespace mlir::mqa;

/// A launch has the address of the first element, and strides of its own, from
/// row to row and from scale to scale. A type that knows better could not be
/// held against it.
static LogicalResult verifyLayout(Operation *op, StringRef name,
                                  MemRefType type) {
  if (type.getMemorySpace())
    return op->emitOpError()
           << "operand '" << name
           << "' of a kernel must lie in the default memory space, found "
           << type.getMemorySpace();
  auto [strides, offset] = type.getStridesAndOffset();
  if (offset != 0 && !ShapedType::isDynamic(offset))
    return op->emitOpError()
           << "operand '" << name
           << "' of a kernel must have the offset 0 or a dynamic one ('?'), "
              "found "
           << offset;
  int64_t row = 1;
  for (int64_t size : type.getShape().drop_front())
    row = ShapedType::isDynamic(size) ? size : row * size;
  if (strides[0] == row || ShapedType::isDynamic(strides[0]))
    return success();
  InFlightDiagnostic error = op->emitOpError();
  error << "operand '" << name
        << "' of a kernel must be contiguous or have a dynamic stride ('?') in "
           "dimension 0, found "
        << strides[0];
  if (!ShapedType::isDynamic(row))
    error << " where " << row << " is contiguous";
  return error;
}

/// The runtime counts with 32 bits, and kernels step past the last key by at
/// most one stage.
static constexpr int64_t kMaxSize =
    std::numeric_limits<int32_t>::max() - int64_t(1024);

static LogicalResult verifySizes(Operation *op, StringRef name,
                                 ShapedType type) {
  for (auto [dim, size] : llvm::enumerate(type.getShape()))
    if (size > kMaxSize)
      return op->emitOpError()
             << "dimension " << dim << " of '" << name << "' must be at most "
             << kMaxSize << " in a kernel, found " << size;
  return success();
}

/// Of key blocks, a launch says how many there are; the columns of `name`
/// follow.
static LogicalResult verifyBlockColumns(Operation *op, StringRef name,
                                        ShapedType type, Value keyBlocks,
                                        int64_t size) {
  int64_t columns = type.getDimSize(1);
  int64_t blocks = cast<ShapedType>(keyBlocks.getType()).getDimSize(1);
  bool isWhole = ShapedType::isDynamic(columns) ||
                 (ShapedType::isDynamic(blocks)
                      ? columns % size == 0
                      : countKeyBlockColumns(blocks, size) == columns);
  if (!isWhole)
    return op->emitOpError()
           << "dimension 1 of '" << name << "' of a kernel must be " << size
           << " columns for each of a row's blocks, found " << columns;
  if (blocks > kMaxSize / size)
    return op->emitOpError()
           << "dimension 1 of 'key_blocks' must be at most " << kMaxSize / size
           << " in a kernel, found " << blocks;
  return success();
}

/// A kernel that selects steps further past the last column: the runtime has
/// the same limit (TopkRules.cpp).
static LogicalResult verifyColumns(TopkOp op) {
  constexpr int64_t kMaxColumns = (int64_t(1) << 31) - (1 << 14);
  auto type = cast<ShapedType>(op.getLogits().getType());
  int64_t columns = type.getDimSize(1);
  if (columns > kMaxColumns)
    return op.emitOpError() << "dimension 1 of 'logits' must be at most "
                            << kMaxColumns << " in a kernel, found " << columns;
  if (!op.hasKeyBlocks())
    return success();
  return verifyBlockColumns(op, "logits", type, op.getKeyBlocks(),
                            *op.getKeyBlockSize());
}

template <typename OpTy> static LogicalResult verifyColumns(OpTy op) {
  if (!op.hasKeyBlocks())
    return success();
  return verifyBlockColumns(op, "out", op.getOutType(), op.getKeyBlocks(),
                            *op.getKeyBlockSize());
}

static LogicalResult verifyColumns(Operation *op) {
  return TypeSwitch<Operation *, LogicalResult>(op)
      .Case<LogitsOp, PagedLogitsOp, TopkOp>(
          [](auto each) { return verifyColumns(each); })
      .Default(success());
}

LogicalResult mqa::verifyKernelOperands(KernelFunction kernel) {
  if (failed(verifyPackedOperands(kernel.op)) ||
      failed(verifyColumns(kernel.op.getOperation())))
    return failure();
  for (auto [value, name] : llvm::zip_equal(kernel.getDataOperands(),
                                            kernel.getDataOperandNames())) {
    if (!value)
      continue;
    Operation *op = kernel.getOwner(name);
    if (failed(verifySizes(op, name, cast<ShapedType>(value.getType()))))
      return failure();
    if (auto memref = dyn_cast<MemRefType>(value.getType()))
      if (failed(verifyLayout(op, name, memref)))
        return failure();
  }
  if (TopkOp topk = kernel.topk)
    return verifySizes(topk, "logits",
                       cast<ShapedType>(topk.getLogits().getType()));
  return success();
}
