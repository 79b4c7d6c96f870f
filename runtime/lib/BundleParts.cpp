//===- BundleParts.cpp - Bundles of several targets -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OpRules.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <unordered_map>

using namespace mqa::runtime;

std::string mqa::runtime::listNames(const std::vector<std::string> &names) {
  std::string list;
  for (size_t i = 0; i < names.size(); ++i)
    list += (i == 0 ? "" : i + 1 == names.size() ? " and " : ", ") + names[i];
  return list;
}

/// What two kernels of one name do not have in common, though a caller must be
/// able to take either; null if there is nothing. How they are launched is
/// their own.
static const char *findDifference(const KernelDescription &a,
                                  const KernelDescription &b) {
  if (a.rules != b.rules)
    return "op";
  Form left = a.rules->getForm(a), right = b.rules->getForm(b);
  auto other = std::mismatch(left.begin(), left.end(), right.begin()).first;
  if (other != left.end())
    return other->first;
  for (int i = 0; i < kNumOperands; ++i) {
    // What a launch works in is its own too.
    if (static_cast<Operand>(i) == Operand::Scratch)
      continue;
    const Parameter *ofA = a.find(static_cast<Operand>(i));
    const Parameter *ofB = b.find(static_cast<Operand>(i));
    if (!ofA != !ofB || (ofA && (ofA->elementType != ofB->elementType ||
                                 ofA->rank != ofB->rank)))
      return "parameters";
  }
  return nullptr;
}

/// Whether a machine may have to choose between the two: a CPU's parts may be
/// for other instruction sets, or for another architecture.
static bool isForSame(const Bundle &a, const Bundle &b) {
  auto getFeatures = [](const Bundle &bundle) {
    return std::set<std::string>(bundle.cpuFeatures.begin(),
                                 bundle.cpuFeatures.end());
  };
  return a.target == b.target && a.objectMachine == b.objectMachine &&
         getFeatures(a) == getFeatures(b);
}

/// Whether `part` may stand behind `others`.
static void checkPart(const BundleParts &others, const Bundle &part) {
  std::unordered_map<std::string_view, const KernelDescription *> kernels;
  for (const KernelDescription &kernel : part.kernels)
    kernels.emplace(kernel.name, &kernel);
  for (const auto &other : others) {
    if (isForSame(*other, part))
      throw InvalidBundle{"another part is for the same target"};
    for (const KernelDescription &kernel : other->kernels) {
      auto same = kernels.find(kernel.name);
      if (same == kernels.end())
        continue;
      if (const char *field = findDifference(*same->second, kernel))
        throw InvalidBundle{"kernel '" + kernel.name + "' has other " + field +
                            " than for target '" + other->target + "'"};
    }
  }
}

BundleParts mqa::runtime::parseBundle(const char *data, uint64_t size) {
  BundleParts parts;
  uint64_t end = 0, numExpected = 1;
  do {
    auto part = std::make_shared<Bundle>();
    try {
      end += parsePart(data + end, size - end, *part);
      checkPart(parts, *part);
    } catch (const InvalidBundle &error) {
      if (parts.empty())
        throw;
      std::string target =
          part->target.empty() ? "" : " (" + part->target + ")";
      throw InvalidBundle{"part " + std::to_string(parts.size() + 1) + target +
                          ": " + error.message};
    }
    parts.push_back(std::move(part));
    numExpected = std::max<uint64_t>(numExpected,
                                     parts.size() + parts.back()->partsBehind);
  } while (end < size);
  if (parts.size() < numExpected)
    throw InvalidBundle{"it has " + std::to_string(parts.size()) + " of " +
                        std::to_string(numExpected) + " parts: truncated?"};
  return parts;
}
