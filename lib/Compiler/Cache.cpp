//===- Cache.cpp - Bundles that were compiled before ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Compiler/Cache.h"

#include "mqa/Target/CPUObject.h"
#include "mqa/Target/PTX.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/raw_ostream.h"

#include <dlfcn.h>

using namespace mlir;
using namespace mlir::mqa;

/// In front of an entry's bundle: this, and the bundle's SHA-256.
static constexpr StringLiteral kMagic = "MQACACH1";
static constexpr size_t kHashBytes = 32;

static std::string hash(StringRef data) {
  std::array<uint8_t, kHashBytes> digest =
      llvm::SHA256::hash(llvm::arrayRefFromStringRef(data));
  return std::string(digest.begin(), digest.end());
}

/// What tells one version of a file from another without reading it.
static std::string describeFile(StringRef path) {
  llvm::sys::fs::file_status status;
  if (llvm::sys::fs::status(path, status))
    return path.str();
  auto time = status.getLastModificationTime().time_since_epoch().count();
  return (path + ":" + Twine(status.getSize()) + ":" + Twine(time)).str();
}

/// The program or library that this code is in.
static std::string describeCompiler() {
  Dl_info info;
  if (!dladdr(reinterpret_cast<void *>(&describeCompiler), &info))
    return MQA_VERSION;
  return MQA_VERSION ":" + describeFile(info.dli_fname);
}

std::string BundleCache::getKey(StringRef text, const CompileOptions &options) {
  std::string all;
  llvm::raw_string_ostream os(all);
  // Each part with its length: none can pass for another.
  auto add = [&](StringRef part) { os << part.size() << ":" << part << ";"; };
  add(describeCompiler());
  add(LLVM_VERSION_STRING);
  add(options.target);
  add(options.schedule);
  if (options.target == "cpu") {
    CPUTarget host = CPUTarget::getHost();
    add(host.cpu);
    add(host.tune);
    add(host.features);
  } else if (std::optional<std::string> ptxas = findPtxas()) {
    add(describeFile(*ptxas));
  }
  add(text);
  return llvm::toHex(hash(all), /*LowerCase=*/true);
}

std::string BundleCache::getPath(StringRef key) const {
  SmallString<256> path(folder);
  llvm::sys::path::append(path, key + ".mqa-cache");
  return path.str().str();
}

std::optional<std::string> BundleCache::lookUp(StringRef key) const {
  auto buffer = llvm::MemoryBuffer::getFile(getPath(key), /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return std::nullopt;
  StringRef entry = (*buffer)->getBuffer();
  if (!entry.consume_front(kMagic) || entry.size() < kHashBytes)
    return std::nullopt;
  StringRef bundle = entry.drop_front(kHashBytes);
  if (hash(bundle) != entry.take_front(kHashBytes))
    return std::nullopt;
  return bundle.str();
}

llvm::Error BundleCache::store(StringRef key, StringRef bundle) const {
  if (std::error_code error = llvm::sys::fs::create_directories(folder))
    return llvm::createStringError(error, "cannot create '%s'", folder.c_str());
  // Through a temporary file that is renamed when it is complete.
  return llvm::writeToOutput(getPath(key), [&](llvm::raw_ostream &file) {
    file << kMagic << hash(bundle) << bundle;
    return llvm::Error::success();
  });
}
