//===- Cache.h - Bundles that were compiled before --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_COMPILER_CACHE_H
#define MQA_COMPILER_CACHE_H

#include "mqa/Compiler/Compile.h"

#include "llvm/Support/Error.h"

#include <optional>

namespace mlir {
namespace mqa {

/// A folder of bundles, each in a file named by what it was compiled from. Any
/// number of processes may use it at once: a file appears whole or not at all.
class BundleCache {
public:
  explicit BundleCache(StringRef folder) : folder(folder) {}

  /// A hash of all that a bundle depends on: the text, the options, this build
  /// of the compiler, LLVM, ptxas, and for a CPU this machine's processor.
  static std::string getKey(StringRef text, const CompileOptions &options);

  /// The bundle, if it is there and its checksum is right.
  std::optional<std::string> lookUp(StringRef key) const;

  /// Creates the folder where there is none.
  llvm::Error store(StringRef key, StringRef bundle) const;

private:
  std::string getPath(StringRef key) const;
  std::string folder;
};

} // namespace mqa
} // namespace mlir

#endif // MQA_COMPILER_CACHE_H
