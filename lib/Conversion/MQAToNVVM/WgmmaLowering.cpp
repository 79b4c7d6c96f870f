//===- WgmmaLowering.cpp - Patterns for WGMMA ops -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WgmmaLowering.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::mqa;

LLVM::LLVMStructType mqa::getAccumulatorType(FragmentType type) {
  Type f32 = Float32Type::get(type.getContext());
  return LLVM::LLVMStructType::getLiteral(
      type.getContext(), SmallVector<Type>(type.getNumRegisters(), f32));
}

LLVM::LLVMStructType mqa::getOperandType(OperandFragmentType type) {
  Type i32 = IntegerType::get(type.getContext(), 32);
  return LLVM::LLVMStructType::getLiteral(
      type.getContext(), SmallVector<Type>(type.getNumRegisters(), i32));
}

uint64_t mqa::getMatrixDescriptorBits(StagedLayoutAttr layout) {
  // PTX ISA, "Matrix descriptor": offsets are in units of 16 bytes; the leading
  // dimension's offset is not used by a swizzled K-major tile.
  uint64_t rowBytes = layout.getSwizzleBytes();
  uint64_t swizzle = rowBytes == 128 ? 1 : rowBytes == 64 ? 2 : 3;
  uint64_t leading = 1, stride = 8 * rowBytes / 16;
  return swizzle << 62 | stride << 32 | leading << 16;
}

static NVVM::WGMMATypes getInputType(MemRefType type) {
  return llvm::TypeSwitch<Type, NVVM::WGMMATypes>(type.getElementType())
      .Case([](Float8E4M3FNType) { return NVVM::WGMMATypes::e4m3; })
      .Case([](Float8E5M2Type) { return NVVM::WGMMATypes::e5m2; })
      .Case([](BFloat16Type) { return NVVM::WGMMATypes::bf16; })
      .Default([](Type) { return NVVM::WGMMATypes::f16; });
}

namespace {
struct WgmmaLowering : ConvertOpToLLVMPattern<WgmmaOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  static Value constant(OpBuilder &b, Location loc, Type type, uint64_t value) {
    return LLVM::ConstantOp::create(
        b, loc, type, b.getIntegerAttr(type, static_cast<int64_t>(value)));
  }

  /// The low half of a tile's descriptor: its address in units of 16 bytes, and
  /// the leading offset.
  Value getAddressWord(ConversionPatternRewriter &rewriter, Location loc,
                       MemRefType type, Value memref) const {
    Type i32 = rewriter.getI32Type();
    // Shared memory has 32-bit addresses: base and offset are added as such,
    // not as pointers, which have 64 bits.
    MemRefDescriptor descriptor(memref);
    Value address = LLVM::PtrToIntOp::create(
        rewriter, loc, i32, descriptor.alignedPtr(rewriter, loc));
    // An offset counts elements.
    Value offset = descriptor.offset(rewriter, loc);
    int64_t elementBytes = type.getElementTypeBitWidth() / 8;
    if (elementBytes != 1)
      offset = LLVM::MulOp::create(rewriter, loc, offset,
                                   constant(rewriter, loc, i32, elementBytes));
    address = LLVM::AddOp::create(rewriter, loc, address, offset);
    address = LLVM::LShrOp::create(rewriter, loc, address,
                                   constant(rewriter, loc, i32, 4));
    uint64_t layout =
        getMatrixDescriptorBits(cast<StagedLayoutAttr>(type.getLayout()));
    Value word =
        LLVM::AddOp::create(rewriter, loc, address,
                            constant(rewriter, loc, i32, layout & 0xffffffff));
    // Each step of K has a descriptor of its own. LLVM would compute those of
    // all tiles of q before the loop, which takes a register or two for each.
    auto asmDialect = LLVM::AsmDialectAttr::get(rewriter.getContext(),
                                                LLVM::AsmDialect::AD_ATT);
    return LLVM::InlineAsmOp::create(
               rewriter, loc, i32, word, "mov.b32 $0, $1;", "=r,r",
               /*has_side_effects=*/true, /*is_align_stack=*/false,
               LLVM::TailCallKind::None, asmDialect,
               /*operand_attrs=*/ArrayAttr())
        .getRes();
  }

  /// The descriptor of a tile's rows from `byte` of them on.
  Value getDescriptor(ConversionPatternRewriter &rewriter, Location loc,
                      MemRefType type, Value addressWord, int64_t byte) const {
    Type i32 = rewriter.getI32Type(), i64 = rewriter.getI64Type();
    if (byte)
      addressWord = LLVM::AddOp::create(
          rewriter, loc, addressWord, constant(rewriter, loc, i32, byte / 16));
    Value low = LLVM::ZExtOp::create(rewriter, loc, i64, addressWord);
    uint64_t layout =
        getMatrixDescriptorBits(cast<StagedLayoutAttr>(type.getLayout()));
    return LLVM::OrOp::create(
        rewriter, loc, low,
        constant(rewriter, loc, i64, layout & 0xffffffff00000000));
  }

  /// The byte of B's memory at which step `i` of K begins, in the first row of
  /// its chunk; rows of the next chunk lie behind those of this one.
  static int64_t getStepByte(WgmmaOp op, int64_t i, int64_t rows) {
    int64_t stepsOfChunk = op.getRowBytes() / shapes::kStepBytes;
    return i / stepsOfChunk * rows * op.getRowBytes() +
           i % stepsOfChunk * shapes::kStepBytes;
  }

  /// With A in registers. One piece of assembly, so that nothing comes between
  /// the fence and the instructions that read the registers.
  Value lowerRegisters(WgmmaOp op, OpAdaptor adaptor,
                       ConversionPatternRewriter &rewriter) const {
    Location loc = op.getLoc();
    MemRefType bType = op.getB().getType();
    auto operand = cast<OperandFragmentType>(op.getA().getType());
    FragmentType fragment = op.getResult().getType();
    int64_t columns = fragment.getTile().getDimSize(1);
    int64_t numOutputs = fragment.getNumRegisters(),
            numRegisters = operand.getNumRegisters();
    constexpr int64_t kStepRegisters = 4;
    SmallVector<Value> inputs;
    std::string constraints;
    for (int64_t i = 0; i < numOutputs; ++i)
      constraints += i ? ",=f" : "=f";
    for (int64_t i = 0; i < numRegisters; ++i) {
      inputs.push_back(
          LLVM::ExtractValueOp::create(rewriter, loc, adaptor.getA(), i));
      constraints += ",r";
    }
    Value b = getAddressWord(rewriter, loc, bType, adaptor.getB());
    for (int64_t i = 0; i < numRegisters / kStepRegisters; ++i) {
      inputs.push_back(
          getDescriptor(rewriter, loc, bType, b, getStepByte(op, i, columns)));
      constraints += ",l";
    }

    auto getList = [](int64_t first, int64_t count) {
      std::string list;
      for (int64_t i = 0; i < count; ++i)
        list += (i ? ", $" : "$") + std::to_string(first + i);
      return "{" + list + "}";
    };
    NVVM::WGMMATypes input = getInputType(bType);
    bool isNarrow = bType.getElementTypeBitWidth() == 8;
    std::string type = NVVM::stringifyWGMMATypes(input).str();
    std::string instruction =
        "wgmma.mma_async.sync.aligned.m64n" + std::to_string(columns) +
        (isNarrow ? "k32" : "k16") + ".f32." + type + "." + type + " ";
    // The first step does not add to what the registers had before.
    std::string assembly = "{ .reg .pred first, next; setp.ne.b32 first, 0, 0; "
                           "setp.ne.b32 next, 1, 0; "
                           "wgmma.fence.sync.aligned; ";
    int64_t descriptors = numOutputs + numRegisters;
    for (int64_t i = 0; i < numRegisters / kStepRegisters; ++i)
      assembly += instruction + getList(0, numOutputs) + ", " +
                  getList(numOutputs + i * kStepRegisters, kStepRegisters) +
                  ", $" + std::to_string(descriptors + i) + ", " +
                  (i ? "next" : "first") + ", 1, 1" + (isNarrow ? "" : ", 0") +
                  "; ";
    assembly += "}";
    return LLVM::InlineAsmOp::create(
               rewriter, loc, getAccumulatorType(fragment), inputs, assembly,
               constraints, /*has_side_effects=*/true,
               /*is_align_stack=*/false, LLVM::TailCallKind::None,
               LLVM::AsmDialectAttr::get(rewriter.getContext(),
                                         LLVM::AsmDialect::AD_ATT),
               /*operand_attrs=*/ArrayAttr())
        .getRes();
  }

  LogicalResult
  matchAndRewrite(WgmmaOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    MLIRContext *context = rewriter.getContext();
    auto aType = dyn_cast<MemRefType>(op.getA().getType());
    if (!aType) {
      rewriter.replaceOp(op, lowerRegisters(op, adaptor, rewriter));
      return success();
    }
    MemRefType bType = op.getB().getType();
    Value a = getAddressWord(rewriter, loc, aType, adaptor.getA());
    Value b = getAddressWord(rewriter, loc, bType, adaptor.getB());
    FragmentType fragment = op.getResult().getType();

    using namespace NVVM;
    auto shape = MMAShapeAttr::get(
        context, shapes::kGroupRows, fragment.getTile().getDimSize(1),
        shapes::kStepBytes * 8 / aType.getElementTypeBitWidth());
    auto input = WGMMATypesAttr::get(context, getInputType(aType));
    auto f32 = WGMMATypesAttr::get(context, WGMMATypes::f32);
    auto scaleIn = WGMMAScaleInAttr::get(context, WGMMAScaleIn::one);
    auto row = MMALayoutAttr::get(context, MMALayout::row);
    auto col = MMALayoutAttr::get(context, MMALayout::col);
    Type accumulatorType = getAccumulatorType(fragment);
    Value accumulator = LLVM::UndefOp::create(rewriter, loc, accumulatorType);
    int64_t stepsOfChunk = op.getRowBytes() / shapes::kStepBytes;
    int64_t columns = fragment.getTile().getDimSize(1);
    for (int64_t i = 0, e = op.getChunks() * stepsOfChunk; i < e; ++i) {
      Value descriptorA = getDescriptor(rewriter, loc, aType, a,
                                        getStepByte(op, i, shapes::kGroupRows));
      Value descriptorB =
          getDescriptor(rewriter, loc, bType, b, getStepByte(op, i, columns));
      auto scaleOut = WGMMAScaleOutAttr::get(
          context, i == 0 ? WGMMAScaleOut::zero : WGMMAScaleOut::one);
      accumulator = WgmmaMmaAsyncOp::create(
          rewriter, loc, accumulatorType, accumulator, descriptorA, descriptorB,
          shape, input, input, f32, scaleOut, scaleIn, scaleIn, row, col,
          MMAIntOverflowAttr());
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
    if (Value operand = adaptor.getOperand())
      for (int64_t i = 0, e = op.getOperand().getType().getNumRegisters();
           i < e; ++i) {
        registers.push_back(
            LLVM::ExtractValueOp::create(rewriter, loc, operand, i));
        inputs += ",r";
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

struct PackOperandLowering : ConvertOpToLLVMPattern<PackOperandOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult
  matchAndRewrite(PackOperandOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value operand = LLVM::UndefOp::create(
        rewriter, loc, getOperandType(op.getOperand().getType()));
    for (auto [i, value] : llvm::enumerate(adaptor.getRegisters()))
      operand = LLVM::InsertValueOp::create(rewriter, loc, operand, value, i);
    rewriter.replaceOp(op, operand);
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
  patterns.add<PackOperandLowering, UnpackFragmentLowering, WgmmaLowering,
               WgmmaWaitLowering>(converter);
}
