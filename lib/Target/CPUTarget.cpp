//===- CPUTarget.cpp - The processor for which code is made ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Target/CPUObject.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/AArch64TargetParser.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/X86TargetParser.h"

using namespace mlir;
using namespace mlir::mqa;

/// What LLVM may use for a kernel: vectors, conversions, integer arithmetic,
/// and the matrix tiles that kernels ask for by themselves. The list only
/// limits what LLVM is told; what the bundle requires is read from the
/// subtarget. A name that is missing here costs speed. One that is there keeps
/// the bundle from machines without it, so keys or transactions, which nothing
/// uses, are not.
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
    "avx512bf16",   "avx512fp16", "avx512vpopcntdq",
    "amx-tile",     "amx-bf16"};
/// Without vectors of a length that is not known.
static constexpr StringLiteral kAArch64Features[] = {
    "fp-armv8", "neon", "dotprod", "fullfp16", "bf16", "i8mm"};

static ArrayRef<StringLiteral> getKnownFeatures(const llvm::Triple &triple) {
  if (triple.isX86())
    return kX86Features;
  return triple.isAArch64() ? ArrayRef<StringLiteral>(kAArch64Features)
                            : ArrayRef<StringLiteral>();
}

/// What every processor of the architecture has, and code cannot do without.
static bool isInAll(StringRef feature) {
  static const llvm::StringSet<> names = {"cmov", "cx8",  "fxsr",     "mmx",
                                          "sse",  "sse2", "fp-armv8", "neon"};
  return names.contains(feature);
}

/// Adds or removes an instruction set, with those that it needs, or that need
/// it: LLVM would turn these on again.
static void setFeature(CPUTarget &target, StringRef feature, bool isOn) {
  llvm::Triple triple(target.triple);
  llvm::StringMap<bool> has;
  for (const std::string &name : target.features)
    has[name] = true;
  has[feature] = isOn;
  // Of AArch64's, none needs another one but those that all have.
  if (triple.isX86())
    llvm::X86::updateImpliedFeatures(feature, isOn, has);
  target.features.clear();
  for (StringLiteral name : getKnownFeatures(triple))
    if (has.lookup(name))
      target.features.push_back(name.str());
}

CPUTarget CPUTarget::getHost() {
  CPUTarget target;
  target.triple = llvm::sys::getDefaultTargetTriple();
  target.tune = llvm::sys::getHostCPUName().str();
  llvm::Triple triple(target.triple);
  // The architecture's first version, which every machine has. The name of the
  // host's processor would bring all that such a processor can have.
  target.cpu = triple.isX86() ? "x86-64" : "generic";
  llvm::StringMap<bool> has = llvm::sys::getHostCPUFeatures();
  for (StringLiteral name : getKnownFeatures(triple))
    if (has.lookup(name))
      target.features.push_back(name.str());
  return target;
}

/// The processor of that name; nothing if LLVM knows none.
static std::optional<CPUTarget> lookUpProcessor(StringRef name) {
  CPUTarget target;
  target.tune = name.str();
  if (llvm::X86::parseArchX86(name, /*Only64Bit=*/true) != llvm::X86::CK_None) {
    target.triple = "x86_64-unknown-linux-gnu";
    target.cpu = "x86-64";
    SmallVector<StringRef> own;
    llvm::X86::getFeaturesForCPU(name, own);
    // LLVM's list has neither what all of them have, nor what an instruction
    // set in it brings with it.
    own.push_back("sse2");
    llvm::StringMap<bool> has;
    for (StringRef feature : own) {
      has[feature] = true;
      llvm::X86::updateImpliedFeatures(feature, /*Enabled=*/true, has);
    }
    for (StringLiteral feature : kX86Features)
      if (has.lookup(feature))
        target.features.push_back(feature.str());
    return target;
  }
  target.triple = "aarch64-unknown-linux-gnu";
  target.cpu = "generic";
  if (name == "aarch64") {
    target.tune = target.cpu;
    target.features = {"fp-armv8", "neon"};
    return target;
  }
  std::optional<llvm::AArch64::CpuInfo> info = llvm::AArch64::parseCpu(name);
  if (!info)
    return std::nullopt;
  std::vector<StringRef> has;
  llvm::AArch64::getExtensionFeatures(info->getImpliedExtensions(), has);
  for (StringLiteral feature : kAArch64Features)
    if (llvm::is_contained(has, ("+" + feature).str()))
      target.features.push_back(feature.str());
  return target;
}

llvm::Expected<CPUTarget> CPUTarget::parse(StringRef spec) {
  SmallVector<StringRef> parts;
  spec.split(parts, ':');
  CPUTarget target = getHost();
  if (parts.front() != "native") {
    std::optional<CPUTarget> found = lookUpProcessor(parts.front());
    if (!found)
      return llvm::createStringError(
          "must name 'native', or a processor of x86-64 or AArch64 as LLVM "
          "does ('x86-64-v3', 'sapphirerapids', 'aarch64', 'neoverse-v1'), "
          "found '" +
          parts.front() + "'");
    target = std::move(*found);
  }
  ArrayRef<StringLiteral> known = getKnownFeatures(llvm::Triple(target.triple));
  for (StringRef part : ArrayRef<StringRef>(parts).drop_front()) {
    bool adds = part.starts_with("+");
    StringRef feature = part.drop_front(part.empty() ? 0 : 1);
    if ((!adds && !part.starts_with("-")) || isInAll(feature) ||
        !llvm::is_contained(known, feature)) {
      SmallVector<StringRef> names;
      for (StringLiteral name : known)
        if (!isInAll(name))
          names.push_back(name);
      return llvm::createStringError(
          "must add or remove instruction sets of " + parts.front() +
          " as ':+NAME' or ':-NAME' (" + llvm::join(names, ", ") +
          "), found '" + part + "'");
    }
    setFeature(target, feature, adds);
  }
  return target;
}

llvm::Expected<CPUTarget> CPUTarget::fromName(StringRef target) {
  auto [cpu, spec] = target.split(':');
  return cpu == target ? getHost() : parse(spec);
}

std::string CPUTarget::getFeatureString() const {
  std::string all;
  for (StringLiteral name : getKnownFeatures(llvm::Triple(triple)))
    all += ((hasFeature(name) ? "+" : "-") + name + ",").str();
  return all;
}

SmallVector<int64_t> CPUTarget::getRegisterTile() const {
  // 32 registers of 16 elements, or 16 of 8: accumulators, the key's columns,
  // and the query's broadcast element.
  if (hasFeature("avx512f"))
    return {8, 32};
  return {4, 16};
}

/// Whether a feature of a subtarget is about which instructions there are, and
/// not about how fast they are.
static bool isInstructionSet(const llvm::Triple &triple, StringRef name) {
  if (!triple.isX86())
    return llvm::is_contained(kAArch64Features, name);
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
