//===- MemoryLowering.cpp - Addresses of tiles and rows -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MemoryLowering.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::mqa;

static constexpr StringLiteral kDynamicMemory = "mqa_dynamic_shared_memory";

/// Upstream's lowering would take over, whose memory is aligned to less.
LogicalResult mqa::verifyDynamicMemory(gpu::GPUModuleOp module) {
  Operation *other = module.lookupSymbol(kDynamicMemory);
  if (!other)
    return success();
  WalkResult result = module.walk([&](gpu::DynamicSharedMemoryOp op) {
    InFlightDiagnostic error = op.emitOpError()
                               << "becomes '" << kDynamicMemory
                               << "', a name that the module has";
    error.attachNote(other->getLoc()) << "of this";
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

namespace {
/// gpu.dynamic_shared_memory, but aligned as swizzled tiles need it: upstream's
/// lowering aligns to 128 bytes.
struct DynamicSharedMemoryLowering
    : ConvertOpToLLVMPattern<gpu::DynamicSharedMemoryOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult
  matchAndRewrite(gpu::DynamicSharedMemoryOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    auto module = op->getParentOfType<gpu::GPUModuleOp>();
    auto pointerType = LLVM::LLVMPointerType::get(
        rewriter.getContext(),
        static_cast<unsigned>(NVVM::NVVMMemorySpace::Shared));
    if (!module.lookupSymbol(kDynamicMemory)) {
      OpBuilder::InsertionGuard guard(rewriter);
      rewriter.setInsertionPointToStart(module.getBody());
      LLVM::GlobalOp::create(
          rewriter, loc, LLVM::LLVMArrayType::get(rewriter.getI8Type(), 0),
          /*isConstant=*/false, LLVM::Linkage::External, kDynamicMemory,
          Attribute(), shapes::kTileAlignment, pointerType.getAddressSpace());
    }
    Value base =
        LLVM::AddressOfOp::create(rewriter, loc, pointerType, kDynamicMemory);
    auto type = cast<MemRefType>(op.getResultMemref().getType());
    auto descriptor = MemRefDescriptor::poison(
        rewriter, loc, getTypeConverter()->convertType(type));
    auto constant = [&](int64_t value) {
      return createIndexAttrConstant(rewriter, loc, getIndexType(), value);
    };
    descriptor.setAllocatedPtr(rewriter, loc, base);
    descriptor.setAlignedPtr(rewriter, loc, base);
    descriptor.setOffset(rewriter, loc, constant(0));
    // How much there is, is only known at launch.
    descriptor.setSize(rewriter, loc, 0, constant(0));
    descriptor.setStride(rewriter, loc, 0, constant(1));
    rewriter.replaceOp(op, {descriptor});
    return success();
  }
};

/// mqa.layout_cast: the tile is described as its memory.
struct LayoutCastLowering : ConvertOpToLLVMPattern<LayoutCastOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult
  matchAndRewrite(LayoutCastOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOp(op, adaptor.getSource());
    return success();
  }
};

/// mqa.row_block: the one address that needs 64 bits, where an index has 32.
struct RowBlockLowering : ConvertOpToLLVMPattern<RowBlockOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult
  matchAndRewrite(RowBlockOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    MemRefDescriptor source(adaptor.getSource());
    Type i64 = rewriter.getI64Type();
    auto extend = [&](Value value) -> Value {
      if (value.getType() == i64)
        return value;
      return LLVM::SExtOp::create(rewriter, loc, i64, value);
    };
    Value stride = source.stride(rewriter, loc, 0);
    Value elements = LLVM::AddOp::create(
        rewriter, loc, extend(source.offset(rewriter, loc)),
        LLVM::MulOp::create(rewriter, loc, extend(adaptor.getRow()),
                            extend(stride)));
    Value base = source.alignedPtr(rewriter, loc);
    Value start = LLVM::GEPOp::create(
        rewriter, loc, base.getType(),
        getTypeConverter()->convertType(op.getType().getElementType()), base,
        elements);
    auto result = MemRefDescriptor::poison(
        rewriter, loc, getTypeConverter()->convertType(op.getType()));
    result.setAllocatedPtr(rewriter, loc, start);
    result.setAlignedPtr(rewriter, loc, start);
    result.setOffset(rewriter, loc,
                     createIndexAttrConstant(rewriter, loc, getIndexType(), 0));
    result.setSize(rewriter, loc, 0, adaptor.getNumRows());
    result.setStride(rewriter, loc, 0, stride);
    for (int64_t dim = 1; dim < op.getType().getRank(); ++dim) {
      result.setSize(rewriter, loc, dim, source.size(rewriter, loc, dim));
      result.setStride(rewriter, loc, dim, source.stride(rewriter, loc, dim));
    }
    rewriter.replaceOp(op, {result});
    return success();
  }
};

/// memref.atomic_rmw in shared memory, without an order: barriers have one.
/// Upstream's lowering orders all memory by each of them.
struct WorkgroupAtomicLowering : ConvertOpToLLVMPattern<memref::AtomicRMWOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult
  matchAndRewrite(memref::AtomicRMWOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    MemRefType type = op.getMemRefType();
    std::optional<LLVM::AtomicBinOp> kind = getKind(op.getKind());
    if (!kind || !gpu::GPUDialect::hasWorkgroupMemoryAddressSpace(type))
      return rewriter.notifyMatchFailure(
          op, "is none of integers in shared memory");
    Value address = getStridedElementPtr(
        rewriter, op.getLoc(), type, adaptor.getMemref(), adaptor.getIndices());
    rewriter.replaceOpWithNewOp<LLVM::AtomicRMWOp>(
        op, *kind, address, adaptor.getValue(), LLVM::AtomicOrdering::monotonic,
        /*syncscope=*/"block");
    return success();
  }

private:
  static std::optional<LLVM::AtomicBinOp> getKind(arith::AtomicRMWKind kind) {
    switch (kind) {
    case arith::AtomicRMWKind::addi:
      return LLVM::AtomicBinOp::add;
    case arith::AtomicRMWKind::ori:
      return LLVM::AtomicBinOp::_or;
    case arith::AtomicRMWKind::mins:
      return LLVM::AtomicBinOp::min;
    default:
      return std::nullopt;
    }
  }
};
} // namespace

void mqa::populateMemoryToNVVMPatterns(const LLVMTypeConverter &converter,
                                       RewritePatternSet &patterns) {
  patterns.add<DynamicSharedMemoryLowering, WorkgroupAtomicLowering>(
      converter, /*benefit=*/2);
  patterns.add<LayoutCastLowering, RowBlockLowering>(converter);
}
