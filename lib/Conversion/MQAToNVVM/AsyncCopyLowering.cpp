//===- AsyncCopyLowering.cpp - cp.async, and barriers before Hopper -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AsyncCopyLowering.h"
#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Conversion/NVGPUToNVVM/NVGPUToNVVM.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"

using namespace mlir;
using namespace mlir::mqa;

namespace {
struct AsyncCopyLowering : ConvertOpToLLVMPattern<AsyncCopyOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult
  matchAndRewrite(AsyncCopyOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    MemRefType source = op.getSource().getType();
    Value from = getStridedElementPtr(
        rewriter, loc, source, adaptor.getSource(), adaptor.getSourceIndices());
    Value to =
        getStridedElementPtr(rewriter, loc, op.getTarget().getType(),
                             adaptor.getTarget(), adaptor.getTargetIndex());
    auto global = LLVM::LLVMPointerType::get(
        rewriter.getContext(),
        static_cast<unsigned>(NVVM::NVVMMemorySpace::Global));
    if (from.getType() != global)
      from = LLVM::AddrSpaceCastOp::create(rewriter, loc, global, from);
    Type i32 = rewriter.getI32Type();
    Value elementBytes = LLVM::ConstantOp::create(
        rewriter, loc, i32,
        rewriter.getI32IntegerAttr(source.getElementTypeBitWidth() / 8));
    Value bytes =
        LLVM::MulOp::create(rewriter, loc, adaptor.getCount(), elementBytes);
    constexpr uint32_t kBytes = 16;
    NVVM::CpAsyncOp::create(rewriter, loc, to, from, kBytes,
                            NVVM::LoadCacheModifierKind::CG, bytes);
    rewriter.eraseOp(op);
    return success();
  }
};

/// The address of barrier `index` of a group.
template <typename Pattern>
static Value getBarrier(const Pattern &pattern,
                        ConversionPatternRewriter &rewriter, Location loc,
                        Type groupType, Value group, Value index) {
  MemRefType memref = nvgpu::getMBarrierMemrefType(
      rewriter.getContext(), cast<nvgpu::MBarrierGroupType>(groupType));
  return pattern.getStridedElementPtr(rewriter, loc, memref, group, index);
}

struct AsyncArriveLowering : ConvertOpToLLVMPattern<AsyncArriveOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  using ConvertOpToLLVMPattern::getStridedElementPtr;

  LogicalResult
  matchAndRewrite(AsyncArriveOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Value barrier =
        getBarrier(*this, rewriter, op.getLoc(), op.getBarriers().getType(),
                   adaptor.getBarriers(), adaptor.getIndex());
    // The thread is counted among those that arrive.
    NVVM::CpAsyncMBarrierArriveOp::create(rewriter, op.getLoc(), barrier,
                                          /*noinc=*/true);
    rewriter.eraseOp(op);
    return success();
  }
};

/// Upstream's lowering is `mbarrier.try_wait`, which sm_90 brought.
struct TestWaitLowering
    : ConvertOpToLLVMPattern<nvgpu::MBarrierTryWaitParityOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  using ConvertOpToLLVMPattern::getStridedElementPtr;

  LogicalResult
  matchAndRewrite(nvgpu::MBarrierTryWaitParityOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value barrier = getBarrier(*this, rewriter, loc, op.getBarriers().getType(),
                               adaptor.getBarriers(), adaptor.getMbarId());
    Type i32 = rewriter.getI32Type();
    Value address = LLVM::PtrToIntOp::create(rewriter, loc, i32, barrier);
    Value parity =
        LLVM::ZExtOp::create(rewriter, loc, i32, adaptor.getPhaseParity());
    constexpr StringLiteral kLoop =
        "{\n\t.reg .pred done;\n"
        "AGAIN:\n\t"
        "mbarrier.test_wait.parity.shared.b64 done, [$0], $1;\n\t"
        "@!done bra AGAIN;\n\t}";
    LLVM::InlineAsmOp::create(
        rewriter, loc, TypeRange(), ValueRange{address, parity}, kLoop,
        "r,r,~{memory}",
        /*has_side_effects=*/true, /*is_align_stack=*/false,
        LLVM::TailCallKind::None,
        LLVM::AsmDialectAttr::get(rewriter.getContext(),
                                  LLVM::AsmDialect::AD_ATT),
        /*operand_attrs=*/ArrayAttr());
    rewriter.eraseOp(op);
    return success();
  }
};
} // namespace

void mqa::populateAsyncCopyToNVVMPatterns(const LLVMTypeConverter &converter,
                                          const ChipInfo &chip,
                                          RewritePatternSet &patterns) {
  patterns.add<AsyncCopyLowering, AsyncArriveLowering>(converter);
  if (!chip.sleepsAtBarriers)
    patterns.add<TestWaitLowering>(converter, /*benefit=*/2);
}
