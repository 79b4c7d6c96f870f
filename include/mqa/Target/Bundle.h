//===- Bundle.h - Writes what the runtime loads -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TARGET_BUNDLE_H
#define MQA_TARGET_BUNDLE_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

#include <string>
#include <utility>

namespace mlir {
namespace mqa {

/// A bundle for one target: a manifest and named sections of bytes ("ptx",
/// "cubin", "object"). docs/bundle.md describes the format.
struct BundleContents {
  /// "version", "target", "kernels", ...: all but "sections".
  llvm::json::Object manifest;
  llvm::SmallVector<std::pair<std::string, std::string>> sections;
};

/// Writes `bundle` in the format that the runtime reads.
void writeBundle(BundleContents bundle, llvm::raw_ostream &os);

/// One bundle of several, each whole, in their order; of those for CPUs that
/// need the same instruction sets, the first one. Each part says how many are
/// behind it, so that none is lost unnoticed.
std::string joinBundles(llvm::ArrayRef<std::string> bundles);

/// Whether the bytes are a bundle for one target, whole and with right
/// checksums. What the manifest says of the kernels is for the runtime to
/// check.
llvm::Error checkBundle(llvm::StringRef bundle);

} // namespace mqa
} // namespace mlir

#endif // MQA_TARGET_BUNDLE_H
