//===- WgmmaLowering.cpp - Patterns for WGMMA ops -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WgmmaLowering.h"
#include "mqa/Dialect/MQA/Transforms/TilePlan.h"

#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace mlir::mqa;

LLVM::LLVMStructType mqa::getAccumulatorType(FragmentType type) {
  Type f32 = Float32Type::get(type.getContext());
  return LLVM::LLVMStructType::getLiteral(
      type.getContext(), SmallVector<Type>(type.getNumRegisters(), f32));
}

uint64_t mqa::getMatrixDescriptorBits(int64_t rowBytes) {
  // PTX ISA, "Matrix descriptor": offsets are in units of 16 bytes; the leading
  // dimension's offset is not used by a swizzled K-major tile.
  uint64_t swizzle = rowBytes == 128 ? 1 : rowBytes == 64 ? 2 : 3;
  uint64_t leading = 1, stride = 8 * rowBytes / 16;
  return swizzle << 62 | stride << 32 | leading << 16;
}

namespace {
struct WgmmaLowering : ConvertOpToLLVMPattern<WgmmaOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  /// The descriptor of a tile: its address in units of 16 bytes, and its
  /// layout.
  Value getDescriptor(ConversionPatternRewriter &rewriter, Location loc,
                      MemRefType type, Value memref) const {
    Type i32 = rewriter.getI32Type(), i64 = rewriter.getI64Type();
    auto constant = [&](Type type, uint64_t value) -> Value {
      return LLVM::ConstantOp::create(
          rewriter, loc, type,
          rewriter.getIntegerAttr(type, static_cast<int64_t>(value)));
    };
    // Shared memory has 32-bit addresses: base and offset are added as such,
    // not as pointers, which have 64 bits.
    MemRefDescriptor descriptor(memref);
    Value address = LLVM::PtrToIntOp::create(
        rewriter, loc, i32, descriptor.alignedPtr(rewriter, loc));
    address = LLVM::AddOp::create(rewriter, loc, address,
                                  descriptor.offset(rewriter, loc));
    address = LLVM::LShrOp::create(rewriter, loc, address, constant(i32, 4));
    address =
        LLVM::AndOp::create(rewriter, loc, address, constant(i32, 0x3fff));
    address = LLVM::ZExtOp::create(rewriter, loc, i64, address);
    uint64_t layout = getMatrixDescriptorBits(type.getShape().back());
    return LLVM::OrOp::create(rewriter, loc, address, constant(i64, layout));
  }

  LogicalResult
  matchAndRewrite(WgmmaOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    MLIRContext *context = rewriter.getContext();
    MemRefType aType = op.getA().getType(), bType = op.getB().getType();
    Value a = getDescriptor(rewriter, loc, aType, adaptor.getA());
    Value b = getDescriptor(rewriter, loc, bType, adaptor.getB());
    FragmentType fragment = op.getResult().getType();

    using namespace NVVM;
    auto shape = MMAShapeAttr::get(context, hopper::kWgmmaRows,
                                   fragment.getTile().getDimSize(1),
                                   hopper::kWgmmaKBytes);
    auto e4m3 = WGMMATypesAttr::get(context, WGMMATypes::e4m3);
    auto f32 = WGMMATypesAttr::get(context, WGMMATypes::f32);
    auto scaleIn = WGMMAScaleInAttr::get(context, WGMMAScaleIn::one);
    auto row = MMALayoutAttr::get(context, MMALayout::row);
    auto col = MMALayoutAttr::get(context, MMALayout::col);
    Value step = LLVM::ConstantOp::create(
        rewriter, loc, rewriter.getI64Type(),
        rewriter.getI64IntegerAttr(hopper::kWgmmaKBytes / 16));

    Type accumulatorType = getAccumulatorType(fragment);
    Value accumulator = LLVM::UndefOp::create(rewriter, loc, accumulatorType);
    int64_t steps = aType.getShape().back() / hopper::kWgmmaKBytes;
    for (int64_t i = 0; i < steps; ++i) {
      if (i > 0) {
        // Both operands are K-major: 32 bytes on inside the swizzled row.
        a = LLVM::AddOp::create(rewriter, loc, a, step);
        b = LLVM::AddOp::create(rewriter, loc, b, step);
      }
      auto scaleOut = WGMMAScaleOutAttr::get(
          context, i == 0 ? WGMMAScaleOut::zero : WGMMAScaleOut::one);
      accumulator = WgmmaMmaAsyncOp::create(
          rewriter, loc, accumulatorType, accumulator, a, b, shape, e4m3, e4m3,
          f32, scaleOut, scaleIn, scaleIn, row, col, MMAIntOverflowAttr());
    }
    rewriter.replaceOp(op, accumulator);
    return success();
  }
};

struct WgmmaWaitLowering : ConvertOpToLLVMPattern<WgmmaWaitOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult
  matchAndRewrite(WgmmaWaitOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    // nvvm.wgmma.wait.group takes no registers, so LLVM could read them before
    // it. Passing them through ties them to it, and costs no instruction.
    Location loc = op.getLoc();
    int64_t count = op.getFragment().getType().getNumRegisters();
    SmallVector<Value> registers;
    std::string outputs, inputs;
    for (int64_t i = 0; i < count; ++i) {
      registers.push_back(LLVM::ExtractValueOp::create(
          rewriter, loc, adaptor.getFragment(), i));
      outputs += (i ? ",=f" : "=f");
      inputs += "," + std::to_string(i);
    }
    std::string assembly = "wgmma.wait_group.sync.aligned " +
                           std::to_string(op.getPending()) + ";";
    auto wait = LLVM::InlineAsmOp::create(
        rewriter, loc, getAccumulatorType(op.getFragment().getType()),
        registers, assembly, outputs + inputs, /*has_side_effects=*/true,
        /*is_align_stack=*/false, LLVM::TailCallKind::None,
        LLVM::AsmDialectAttr::get(rewriter.getContext(),
                                  LLVM::AsmDialect::AD_ATT),
        /*operand_attrs=*/ArrayAttr());
    rewriter.replaceOp(op, wait.getRes());
    return success();
  }
};

struct UnpackFragmentLowering : ConvertOpToLLVMPattern<UnpackFragmentOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult
  matchAndRewrite(UnpackFragmentOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    SmallVector<Value> registers;
    for (int64_t i = 0, e = op.getNumResults(); i < e; ++i)
      registers.push_back(LLVM::ExtractValueOp::create(
          rewriter, op.getLoc(), adaptor.getFragment(), i));
    rewriter.replaceOp(op, registers);
    return success();
  }
};
} // namespace

void mqa::populateWgmmaToNVVMPatterns(const LLVMTypeConverter &converter,
                                      RewritePatternSet &patterns) {
  patterns.add<UnpackFragmentLowering, WgmmaLowering, WgmmaWaitLowering>(
      converter);
}
