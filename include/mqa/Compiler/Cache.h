//===- Cache.h - Bundles that were compiled before --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_COMPILER_CACHE_H
#define MQA_COMPILER_CACHE_H

#include "mqa/Compiler/Compile.h"

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"

#include <optional>

namespace mlir {
namespace mqa {

/// A hash of all that a compilation for one target depends on: the text, the
/// options, this build of the compiler and of the LLVM and MLIR it runs on,
/// ptxas or ld, and for a CPU this machine's processor. An error if one of
/// these cannot be told from its other versions.
llvm::Expected<std::string> getCacheKey(StringRef text,
                                        const CompileOptions &options);

/// A folder of bundles and host programs, each pair in a file named by its key.
/// Any number of processes may use it at once: a file appears whole or not at
/// all.
///
/// A bundle is code, so the folder must belong to the caller, and nobody else
/// may write to it. What is not a whole entry of the caller's is no entry.
class BundleCache {
public:
  /// When there is more, the entries that were not used for longest go.
  static constexpr uint64_t kMaxBytes = uint64_t(256) << 20;

  explicit BundleCache(StringRef folder, uint64_t maxBytes = kMaxBytes)
      : folder(folder), maxBytes(maxBytes) {}
  ~BundleCache();
  BundleCache(const BundleCache &) = delete;
  BundleCache &operator=(const BundleCache &) = delete;

  /// What was stored, if it is there. An error if the folder must not be used.
  llvm::Expected<std::optional<CompiledText>> lookUp(StringRef key);

  /// Keeps a bundle, and the host program of the same text. Creates the folder
  /// where there is none.
  llvm::Error store(StringRef key, const CompiledText &compiled);

private:
  llvm::Error open(bool create);
  void evict(StringRef newest);

  std::string folder;
  uint64_t maxBytes;
  /// Of the folder, once it was found to be safe.
  int descriptor = -1;
};

struct CachedText : CompiledText {
  /// Whether nothing was compiled.
  bool fromCache;
};

/// The bundle and the host program of `text`: for each target from the cache in
/// `folder`, or what `compile` gives for that target, which is then kept. So
/// lists of targets share entries. The host program is the same for each
/// target. That something is wrong with the cache is one warning.
FailureOr<CachedText> compileWithCache(
    StringRef folder, StringRef text, const CompileOptions &options,
    llvm::function_ref<FailureOr<CompiledText>(const CompileOptions &)> compile,
    llvm::function_ref<void(const Twine &)> warn);

} // namespace mqa
} // namespace mlir

#endif // MQA_COMPILER_CACHE_H
