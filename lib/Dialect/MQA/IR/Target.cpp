//===- Target.cpp - The chips that kernels are made for -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/Target.h"
#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::mqa;

/// A chip without WGMMA and TMA that kernels use (CUDA C++ Programming Guide,
/// "Compute Capabilities"): a thread may have 255 registers, in steps of 8.
static constexpr ChipInfo makeMmaSyncChip(StringLiteral name,
                                          StringLiteral ptxFeatures,
                                          int64_t sharedKiB, int64_t l2MiB,
                                          const MatrixUnit &unit) {
  return {name,
          ptxFeatures,
          /*blockThreads=*/1024,
          /*registers=*/65536,
          /*threadRegisters=*/248,
          /*registerGranule=*/8,
          /*blockSharedMemory=*/sharedKiB << 10,
          /*l2Bytes=*/l2MiB << 20,
          /*movesRegisters=*/false,
          /*sleepsAtBarriers=*/false,
          /*overlapsLaunches=*/false,
          &unit,
          &kCpAsync};
}

/// All known chips (CUDA C++ Programming Guide, "Compute Capabilities"). Of
/// sm_90a a block may use 227 KiB of shared memory, PTX 8.6 has the TMA load
/// whose destination is this block alone, and more than 240 registers a thread
/// are never left, as the producers have some. The mma.sync of sm_89 has fp8
/// from PTX 8.4 on.
static constexpr ChipInfo kChips[] = {
    makeMmaSyncChip("sm_80", "+ptx80", 163, 40, kMmaSyncF16),
    makeMmaSyncChip("sm_86", "+ptx80", 99, 6, kMmaSyncF16),
    makeMmaSyncChip("sm_89", "+ptx84", 99, 72, kMmaSync),
    {kDefaultChip, "+ptx86", /*blockThreads=*/1024, /*registers=*/65536,
     /*threadRegisters=*/240, /*registerGranule=*/8,
     /*blockSharedMemory=*/232448, /*l2Bytes=*/int64_t(50) << 20,
     /*movesRegisters=*/true, /*sleepsAtBarriers=*/true,
     /*overlapsLaunches=*/true, &kWgmma, &kTma},
    makeMmaSyncChip("sm_120", "+ptx87", 99, 96, kMmaSync),
    {kCpu, "", 0, 0, 0, 0, 0, 0, false, false, false, nullptr, nullptr},
};

Type MatrixUnit::getOperandType(Type input) const {
  bool isFp8 = input.getIntOrFloatBitWidth() == 8;
  switch (fp8) {
  case Fp8Operand::Fp8:
    return input;
  case Fp8Operand::F16:
    return isFp8 ? Float16Type::get(input.getContext()) : input;
  case Fp8Operand::BF16:
    // Such a unit has no f16, and bf16 does not hold its mantissa.
    return isFp8 || input.isBF16() ? BFloat16Type::get(input.getContext())
                                   : Type();
  }
  llvm_unreachable("all kinds are handled");
}

const ChipInfo *ChipInfo::lookUp(StringRef name) {
  const auto *found = llvm::find_if(
      kChips, [&](const ChipInfo &chip) { return chip.name == name; });
  return found == std::end(kChips) ? nullptr : found;
}

std::string ChipInfo::listNames() {
  std::string names;
  for (const ChipInfo &chip : kChips) {
    bool isLast = &chip == &kChips[std::size(kChips) - 1];
    if (!names.empty())
      names += isLast ? " or " : ", ";
    names += chip.name;
  }
  return names;
}

LogicalResult TargetAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 StringRef chip, StringRef features) {
  const ChipInfo *info = ChipInfo::lookUp(chip);
  if (!info)
    return emitError() << "the target must be " << ChipInfo::listNames()
                       << ", found '" << chip << "'";
  if (info->isGpu() && !features.empty())
    return emitError() << "only the target 'cpu' has features, found '"
                       << features << "' of '" << chip << "'";
  return success();
}

const ChipInfo &TargetAttr::getInfo() const {
  return *ChipInfo::lookUp(getChip());
}

bool TargetAttr::hasFeature(StringRef name) const {
  return llvm::is_contained(llvm::split(getFeatures(), ','), name);
}

const MatrixUnit *TargetAttr::getMatrixUnit() const {
  if (getInfo().isGpu())
    return getInfo().matrixUnit;
  if (hasFeature("amx-bf16"))
    return &kAmx;
  if (hasFeature("avx512bf16"))
    return &kAvx512Bf16;
  // Of AArch64, and without a prefix.
  return hasFeature("bf16") ? &kNeonBf16 : nullptr;
}

TargetAttr mqa::getTarget(Operation *op) {
  for (; op; op = op->getParentOp())
    if (auto target = op->getAttrOfType<TargetAttr>(TargetAttr::getAttrName()))
      return target;
  return {};
}

const MatrixUnit *mqa::getCpuMatrixUnit(Operation *op) {
  TargetAttr target = getTarget(op);
  return target && !target.getInfo().isGpu() ? target.getMatrixUnit() : nullptr;
}

FailureOr<const ChipInfo *> mqa::requireGpu(Operation *op) {
  TargetAttr target = getTarget(op);
  if (target && target.getInfo().isGpu())
    return &target.getInfo();
  InFlightDiagnostic error =
      op->emitOpError() << "needs a module whose '" << TargetAttr::getAttrName()
                        << "' (mqa-attach-target) is a GPU, found ";
  if (target)
    return error << target;
  return error << "none";
}
