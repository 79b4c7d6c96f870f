//===- CPUTarget.cpp - The processor for which code is made ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Target/CPUObject.h"

#include "llvm/ADT/StringSet.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"

using namespace mlir;
using namespace mlir::mqa;

/// What LLVM may use for a kernel without being asked by an intrinsic: vectors,
/// conversions, and integer arithmetic. The list only limits what LLVM is told;
/// what the bundle requires is read from the subtarget. A name that is missing
/// here costs speed. One that is there keeps the bundle from machines without
/// it, so keys, transactions or matrix tiles, which nothing uses, are not.
static constexpr StringLiteral kX86Features[] = {
    "cmov",         "cx8",        "fxsr",
    "mmx",          "sse",        "sse2",
    "sse3",         "ssse3",      "sse4.1",
    "sse4.2",       "popcnt",     "crc32",
    "cx16",         "sahf",       "avx",
    "avx2",         "f16c",       "fma",
    "bmi",          "bmi2",       "lzcnt",
    "movbe",        "gfni",       "avxvnni",
    "avxneconvert", "avxifma",    "avx512f",
    "avx512bw",     "avx512cd",   "avx512dq",
    "avx512vl",     "avx512vbmi", "avx512vbmi2",
    "avx512ifma",   "avx512vnni", "avx512bitalg",
    "avx512bf16",   "avx512fp16", "avx512vpopcntdq"};

CPUTarget CPUTarget::getHost() {
  CPUTarget target;
  target.triple = llvm::sys::getDefaultTargetTriple();
  target.tune = llvm::sys::getHostCPUName().str();
  target.registerTile = {4, 16};
  if (!llvm::Triple(target.triple).isX86()) {
    // The architecture's first version, which every machine has.
    target.cpu = "generic";
    return target;
  }
  // The name of the host's processor would bring all that such a processor can
  // have; this one brings only what every x86-64 has.
  target.cpu = "x86-64";
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  for (StringRef name : kX86Features)
    target.features += ((features.lookup(name) ? "+" : "-") + name + ",").str();
  // 32 registers of 16 elements, or 16 of 8: accumulators, the key's columns,
  // and the query's broadcast element.
  if (features.lookup("avx512f"))
    target.registerTile = {8, 32};
  return target;
}

/// Whether a feature of a subtarget is about which instructions there are, and
/// not about how fast they are.
static bool isInstructionSet(const llvm::Triple &triple, StringRef name) {
  if (!triple.isX86())
    return name == "fp-armv8" || name == "neon";
  static const llvm::StringSet<> names = {
#define X86_FEATURE(ENUM, STR) STR,
#include "llvm/TargetParser/X86TargetParser.def"
  };
  // LLVM's list of such features, which has a property of the operating
  // system's calling convention among them.
  return name != "vzeroupper" && names.contains(name);
}

SmallVector<std::string>
mqa::getRequiredFeatures(const llvm::TargetMachine &machine) {
  SmallVector<std::string> required;
  for (const llvm::SubtargetFeatureKV &feature :
       machine.getMCSubtargetInfo()->getEnabledProcessorFeatures())
    if (isInstructionSet(machine.getTargetTriple(), feature.Key))
      required.push_back(feature.Key);
  return required;
}
