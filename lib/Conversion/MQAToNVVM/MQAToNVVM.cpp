//===- MQAToNVVM.cpp - From fragments to the NVVM dialect -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AsyncCopyLowering.h"
#include "MemoryLowering.h"
#include "MmaSyncLowering.h"
#include "WgmmaLowering.h"
#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/GPUToNVVM/GPUToNVVMPass.h"
#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/NVGPUToNVVM/NVGPUToNVVM.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/Vector/Transforms/VectorRewritePatterns.h"
#include "mlir/Pass/Pass.h"
#include "llvm/Support/DebugLog.h"

#define DEBUG_TYPE "convert-mqa-to-nvvm"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_CONVERTMQATONVVMPASS
#include "mqa/Conversion/Passes/ConvertMQAToNVVMPass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

namespace {
/// Of one kernel's parameters, as its signature is converted: which are tensor
/// maps, and which of those load keys of a paged cache.
struct TensorMaps {
  SmallVector<unsigned> all, ofCache;
  /// Where the sizes of `out` are: its columns, of `columnKeys` keys each, have
  /// as many keys as a sequence may have, and each sequence has `nextN` rows.
  unsigned outSizes = 0;
  int64_t nextN = 1, keyBytes = 0, columnKeys = 1;
};
} // namespace

static TensorMaps getTensorMaps(gpu::GPUFuncOp kernel) {
  TensorMaps maps;
  auto attr = kernel->getAttrOfType<KernelAttr>(KernelAttr::getAttrName());
  unsigned position = 0;
  bool ofRows = false;
  for (auto [i, type] : llvm::enumerate(kernel.getArgumentTypes())) {
    auto map = dyn_cast<nvgpu::TensorMapDescriptorType>(type);
    if (map)
      maps.all.push_back(position);
    // A memref is passed as two pointers, offset, sizes and strides.
    auto memref = dyn_cast<MemRefType>(type);
    auto operand =
        kernel.getArgAttrOfType<OperandAttr>(i, OperandAttr::getAttrName());
    StringRef name = operand ? operand.getName() : "";
    if (memref && name == "out")
      maps.outSizes = position + 3;
    if (attr && attr.isPaged()) {
      if (map && (name == "k" || name == "k_scale"))
        maps.ofCache.push_back(position);
      ofRows |= name == "sequence";
      if (name == "q")
        maps.nextN = operand.getTensorType().getDimSize(1);
      if (name == "k")
        maps.keyBytes = operand.getTensorType().getDimSize(2) *
                        operand.getTensorType().getElementTypeBitWidth() / 8;
    }
    position += memref ? 3 + 2 * memref.getRank() : 1;
  }
  if (attr && attr.isPaged())
    maps.columnKeys = std::max<int64_t>(attr.getBlockMax(), 1);
  if (ofRows) {
    // The keys of many rows of one sequence are read again and again; those of
    // a few rows, once for all of them.
    maps.nextN = attr.getRowsPerSequence();
    if (!maps.nextN)
      maps.ofCache.clear();
  }
  return maps;
}

/// Keys that may be more than the L2 cache holds are the first to leave it:
/// they are read once, while the logits, which are read next, can stay. As few
/// as fit may stay too.
static void setCacheHints(LLVM::LLVMFuncOp func, const TensorMaps &maps,
                          const ChipInfo &chip) {
  if (maps.ofCache.empty() || maps.outSizes == 0)
    return;
  LDBG() << func.getName() << ": keys may be the first to leave the cache";
  // What `createpolicy.fractional.L2::...` of everything gives, as in CUTLASS's
  // TMA::CacheHintSm90.
  constexpr int64_t kEvictNormal = 0x1000000000000000,
                    kEvictFirst = 0x12F0000000000000;
  Location loc = func.getLoc();
  OpBuilder b = OpBuilder::atBlockBegin(&func.getBody().front());
  Type i64 = b.getI64Type();
  auto constant = [&](int64_t value) -> Value {
    return LLVM::ConstantOp::create(b, loc, b.getI64IntegerAttr(value));
  };
  auto getSize = [&](unsigned i) -> Value {
    return LLVM::SExtOp::create(b, loc, i64,
                                func.getArgument(maps.outSizes + i));
  };
  Value cells = LLVM::MulOp::create(b, loc, getSize(0), getSize(1));
  Value fits = LLVM::ICmpOp::create(
      b, loc, LLVM::ICmpPredicate::sle, cells,
      constant(chip.l2Bytes / std::max<int64_t>(maps.keyBytes, 1) * maps.nextN /
               maps.columnKeys));
  Value hint = LLVM::SelectOp::create(b, loc, fits, constant(kEvictNormal),
                                      constant(kEvictFirst));
  func.walk([&](NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp op) {
    auto map = dyn_cast<BlockArgument>(op.getTmaDescriptor());
    if (map && llvm::is_contained(maps.ofCache, map.getArgNumber()))
      op.getL2CacheHintMutable().assign(hint);
  });
}

static void setKernelAttributes(LLVM::LLVMFuncOp func,
                                ArrayRef<unsigned> tensorMaps) {
  Builder b(func.getContext());
  auto bytes = LLVM::LLVMArrayType::get(b.getI8Type(), 128);
  for (unsigned i : tensorMaps) {
    func.setArgAttr(i, LLVM::LLVMDialect::getByValAttrName(),
                    TypeAttr::get(bytes));
    func.setArgAttr(i, NVVM::NVVMDialect::getGridConstantAttrName(),
                    b.getUnitAttr());
    func.setArgAttr(i, LLVM::LLVMDialect::getAlignAttrName(),
                    b.getI64IntegerAttr(64));
  }
  // ptxas ignores setmaxnreg unless it knows how many registers a block may
  // have (warning C7508): known_block_size became nvvm.maxntid, this is the
  // other half.
  StringRef minBlocks = NVVM::NVVMDialect::getMinctasmAttrName();
  if (!func->hasAttr(minBlocks))
    func->setAttr(minBlocks, b.getI32IntegerAttr(1));
}

/// What LLVM makes PTX for; a module that has targets keeps them.
static void attachNVVMTarget(gpu::GPUModuleOp module, const ChipInfo &chip) {
  if (module.getTargetsAttr())
    return;
  Builder b(module.getContext());
  Attribute target = NVVM::NVVMTargetAttr::get(b.getContext(), /*optLevel=*/3,
                                               /*triple=*/"nvptx64-nvidia-cuda",
                                               chip.name, chip.ptxFeatures);
  module.setTargetsAttr(b.getArrayAttr(target));
}

/// Products are of the chip's own unit, or of one that it has as well.
static LogicalResult verifyProducts(gpu::GPUModuleOp module,
                                    const ChipInfo &chip) {
  const MatrixUnit &unit = *chip.matrixUnit;
  WalkResult result = module.walk([&](Operation *op) {
    if (isa<WgmmaOp, WgmmaWaitOp>(op) && !unit.isAsync) {
      op->emitOpError() << "needs WGMMA, which " << chip.name << " has not";
      return WalkResult::interrupt();
    }
    if (auto product = dyn_cast<MmaSyncOp>(op)) {
      Type element = product.getB().getType().getElementType();
      if (unit.getOperandType(element) != element) {
        op->emitOpError() << "multiplies " << element << ", which " << unit.name
                          << " of " << chip.name << " does not";
        return WalkResult::interrupt();
      }
    }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

/// A staged tile is a descriptor of its memory: ops that would take it for one
/// of the tile must be gone.
static LogicalResult verifyStagedTiles(gpu::GPUModuleOp module) {
  auto isStaged = [](Type type) {
    auto memref = dyn_cast<MemRefType>(type);
    return memref && isa<StagedLayoutAttr>(memref.getLayout());
  };
  WalkResult result = module.walk([&](Operation *op) {
    if (isa<LayoutCastOp, WgmmaOp, MmaSyncOp, BranchOpInterface>(op) ||
        (llvm::none_of(op->getOperandTypes(), isStaged) &&
         llvm::none_of(op->getResultTypes(), isStaged)))
      return WalkResult::advance();
    op->emitOpError("is of a staged tile, and must be lowered by "
                    "mqa-lower-layouts");
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

static void addTypeConversions(LLVMTypeConverter &converter) {
  configureGpuToNVVMTypeConverter(converter);
  converter.addConversion(
      [](FragmentType type) -> Type { return getAccumulatorType(type); });
  converter.addConversion(
      [](OperandFragmentType type) -> Type { return getOperandType(type); });
  converter.addConversion([&](MemRefType type) -> std::optional<Type> {
    auto layout = dyn_cast<StagedLayoutAttr>(type.getLayout());
    if (!layout)
      return std::nullopt;
    return converter.convertType(layout.getMemoryType(type));
  });
  converter.addConversion([&](nvgpu::MBarrierTokenType type) -> Type {
    return IntegerType::get(type.getContext(), 64);
  });
  converter.addConversion([&](nvgpu::MBarrierGroupType type) -> Type {
    return converter.convertType(
        nvgpu::getMBarrierMemrefType(type.getContext(), type));
  });
  converter.addConversion([](nvgpu::TensorMapDescriptorType type) -> Type {
    return LLVM::LLVMPointerType::get(type.getContext());
  });
}

/// Upstream's conversions leave the annotation of a loop on its branch, but not
/// where the translation to LLVM IR looks for it.
static void annotateLoops(gpu::GPUModuleOp module) {
  auto annotate = [](auto branch) {
    StringRef name = LLVM::LoopAnnotationAttr::name;
    auto attr = dyn_cast_if_present<LLVM::LoopAnnotationAttr>(
        branch->getDiscardableAttr(name));
    if (!attr)
      return;
    branch->removeDiscardableAttr(name);
    branch.setLoopAnnotationAttr(attr);
  };
  module.walk([&](LLVM::BrOp branch) { annotate(branch); });
  module.walk([&](LLVM::CondBrOp branch) { annotate(branch); });
}

namespace {
struct ConvertMQAToNVVMPass
    : mqa::impl::ConvertMQAToNVVMPassBase<ConvertMQAToNVVMPass> {
  void runOnOperation() override {
    gpu::GPUModuleOp module = getOperation();
    MLIRContext *context = &getContext();
    FailureOr<const ChipInfo *> chip = requireGpu(module);
    if (failed(chip))
      return signalPassFailure();
    if (failed(verifyDynamicMemory(module)) ||
        failed(verifyProducts(module, **chip)) ||
        failed(verifyStagedTiles(module)))
      return signalPassFailure();
    llvm::StringMap<TensorMaps> tensorMaps;
    for (auto kernel : module.getOps<gpu::GPUFuncOp>())
      if (kernel.isKernel())
        tensorMaps[kernel.getName()] = getTensorMaps(kernel);

    // 32-bit indices halve the registers of address arithmetic; what may be
    // larger goes through mqa.row_block and tensor maps.
    LowerToLLVMOptions options(context);
    options.overrideIndexBitwidth(32);
    LLVMTypeConverter converter(context, options);
    addTypeConversions(converter);
    RewritePatternSet patterns(context);
    populateWgmmaToNVVMPatterns(converter, patterns);
    populateMmaSyncToNVVMPatterns(converter, patterns);
    populateAsyncCopyToNVVMPatterns(converter, **chip, patterns);
    populateMemoryToNVVMPatterns(converter, patterns);
    populateNVGPUToNVVMConversionPatterns(converter, patterns);
    populateGpuToNVVMConversionPatterns(converter, patterns);
    populateGpuSubgroupReduceOpLoweringPattern(converter, patterns);
    populateFinalizeMemRefToLLVMConversionPatterns(converter, patterns);
    vector::populateVectorFromElementsUnrollPatterns(patterns);
    vector::populateVectorInsertExtractStridedSliceTransforms(patterns);
    populateVectorToLLVMConversionPatterns(converter, patterns);
    arith::populateArithToLLVMConversionPatterns(converter, patterns);
    // Before upstream's patterns for a GPU, which call libdevice: a machine
    // without a CUDA toolkit has none.
    populateMathToLLVMConversionPatterns(converter, patterns,
                                         /*approximateLog1p=*/false,
                                         PatternBenefit(2));
    cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
    ub::populateUBToLLVMConversionPatterns(converter, patterns);

    ConversionTarget target(*context);
    configureGpuToNVVMConversionLegality(target);
    target.addLegalOp<gpu::GPUModuleOp>();
    target.addLegalOp<UnrealizedConversionCastOp, LLVM::FAbsOp>();
    if (failed(applyFullConversion(module, target, std::move(patterns))))
      return signalPassFailure();
    annotateLoops(module);
    for (auto func : module.getOps<LLVM::LLVMFuncOp>()) {
      auto it = tensorMaps.find(func.getName());
      if (it == tensorMaps.end())
        continue;
      setKernelAttributes(func, it->second.all);
      setCacheHints(func, it->second, **chip);
    }
    attachNVVMTarget(module, **chip);
  }
};
} // namespace
