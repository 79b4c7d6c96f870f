//===- Cache.cpp - Bundles that were compiled before ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Compiler/Cache.h"

#include "mqa/Support/Output.h"
#include "mqa/Target/Bundle.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/SHA256.h"

#include <atomic>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace mlir;
using namespace mlir::mqa;
namespace support = ::mqa::support;

/// An entry: this, its key (64 hexadecimal digits), the SHA-256 of key and
/// contents, and the contents: the size of the host program (8 bytes, little
/// endian; 0 if there is none), the host program, and the bundle.
static constexpr StringLiteral kMagic = "MQACACH3";
static constexpr size_t kKeyBytes = 64, kHashBytes = 32;
static constexpr size_t kHeaderBytes = kMagic.size() + kKeyBytes + kHashBytes;
static constexpr StringLiteral kSuffix = ".mqa-cache";
/// No bundle comes near this. A larger file is no entry.
static constexpr size_t kMaxEntryBytes = size_t(64) << 20;

static std::string hash(StringRef key, StringRef contents) {
  llvm::SHA256 sha;
  sha.update(key);
  sha.update(contents);
  std::array<uint8_t, kHashBytes> digest = sha.final();
  return std::string(digest.begin(), digest.end());
}

static std::string getContents(const CompiledText &compiled) {
  char size[sizeof(uint64_t)];
  llvm::support::endian::write64le(size, compiled.host.size());
  return std::string(size, sizeof(size)) + compiled.host + compiled.output;
}

static std::optional<CompiledText> parseContents(StringRef contents) {
  if (contents.size() < sizeof(uint64_t))
    return std::nullopt;
  uint64_t hostSize = llvm::support::endian::read64le(contents.data());
  contents = contents.drop_front(sizeof(uint64_t));
  if (hostSize > contents.size())
    return std::nullopt;
  CompiledText compiled;
  compiled.host = contents.take_front(hostSize).str();
  compiled.output = contents.drop_front(hostSize).str();
  if (llvm::Error error = checkBundle(compiled.output)) {
    llvm::consumeError(std::move(error));
    return std::nullopt;
  }
  return compiled;
}

static llvm::Error makeError(const Twine &message) {
  return llvm::createStringError(message);
}

/// `what` failed, and errno says why.
static llvm::Error makeSystemError(const Twine &what) {
  return makeError(what + ": " + support::getErrorText(errno));
}

//===----------------------------------------------------------------------===//
// Folder
//===----------------------------------------------------------------------===//

/// Why nothing in a file or folder can be trusted; "" if it can. Group and
/// others count as strangers: who is in a group changes.
static std::string checkOwner(const struct stat &status) {
  if (status.st_uid != geteuid())
    return llvm::formatv("belongs to user {0}, not to user {1}", status.st_uid,
                         geteuid());
  if (status.st_mode & (S_IWGRP | S_IWOTH))
    return llvm::formatv(
        "may be written by others (mode {0})",
        llvm::formatv("{0}{1}{2}{3}", 0, status.st_mode >> 6 & 7,
                      status.st_mode >> 3 & 7, status.st_mode & 7)
            .str());
  return "";
}

BundleCache::~BundleCache() {
  if (descriptor >= 0)
    close(descriptor);
}

/// Opens the folder if it is there. What is looked at is the open folder, and
/// all files are opened relative to it: a path may lead elsewhere later.
llvm::Error BundleCache::open(bool create) {
  if (descriptor >= 0)
    return llvm::Error::success();
  // It may hold what others should not read.
  if (create)
    if (std::error_code error = llvm::sys::fs::create_directories(
            folder, /*IgnoreExisting=*/true, llvm::sys::fs::owner_all))
      return makeError("cannot create '" + folder + "': " + error.message());
  int opened = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (opened < 0 && errno == ENOENT && !create)
    return llvm::Error::success();
  if (opened < 0)
    return makeSystemError("cannot open '" + folder + "'");
  struct stat status;
  std::string wrong =
      fstat(opened, &status) ? "cannot be looked at" : checkOwner(status);
  if (!wrong.empty()) {
    close(opened);
    return makeError("'" + folder + "' " + wrong);
  }
  descriptor = opened;
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Entries
//===----------------------------------------------------------------------===//

static std::string getName(StringRef key) { return (key + kSuffix).str(); }

/// The bytes of an open file that is the caller's own; else nothing.
static std::optional<std::string> readOwnFile(int file) {
  struct stat status;
  if (fstat(file, &status) || !S_ISREG(status.st_mode) ||
      !checkOwner(status).empty() ||
      static_cast<uint64_t>(status.st_size) > kMaxEntryBytes)
    return std::nullopt;
  std::string bytes(status.st_size, '\0');
  size_t filled = 0;
  while (filled < bytes.size()) {
    ssize_t size = read(file, bytes.data() + filled, bytes.size() - filled);
    if (size < 0 && errno == EINTR)
      continue;
    if (size <= 0)
      return std::nullopt;
    filled += size;
  }
  return bytes;
}

llvm::Expected<std::optional<CompiledText>> BundleCache::lookUp(StringRef key) {
  if (llvm::Error error = open(/*create=*/false))
    return error;
  if (descriptor < 0)
    return std::nullopt;
  // A FIFO or a device does not hold us up, and a link is not followed.
  int file = openat(descriptor, getName(key).c_str(),
                    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (file < 0)
    return std::nullopt;
  llvm::scope_exit cleanUp([&] { close(file); });
  std::optional<std::string> bytes = readOwnFile(file);
  if (!bytes)
    return std::nullopt;
  StringRef entry = *bytes;
  if (!entry.consume_front(kMagic) || !entry.consume_front(key) ||
      entry.size() < kHashBytes)
    return std::nullopt;
  StringRef contents = entry.drop_front(kHashBytes);
  if (hash(key, contents) != entry.take_front(kHashBytes))
    return std::nullopt;
  std::optional<CompiledText> compiled = parseContents(contents);
  // Used now: it goes last.
  if (compiled)
    futimens(file, nullptr);
  return compiled;
}

llvm::Error BundleCache::store(StringRef key, const CompiledText &compiled) {
  assert(key.size() == kKeyBytes);
  std::string contents = getContents(compiled);
  if (contents.size() > kMaxEntryBytes - kHeaderBytes)
    return makeError("bundle and host program have " + Twine(contents.size()) +
                     " bytes, more than an entry may have (" +
                     Twine(kMaxEntryBytes - kHeaderBytes) + ")");
  if (llvm::Error error = open(/*create=*/true))
    return error;
  static std::atomic<unsigned> counter{0};
  std::string name = getName(key);
  std::string temporary = llvm::formatv(
      ".mqa-{0}-{1}-{2}.tmp", getpid(), counter++,
      std::chrono::steady_clock::now().time_since_epoch().count());
  int file = openat(descriptor, temporary.c_str(),
                    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                    S_IRUSR | S_IWUSR);
  if (file < 0)
    return makeSystemError("cannot create a file in '" + folder + "'");
  int error = support::writeAll(
      file, (kMagic + key + hash(key, contents) + contents).str());
  if (close(file) && !error)
    error = errno;
  if (!error &&
      renameat(descriptor, temporary.c_str(), descriptor, name.c_str()))
    error = errno;
  if (error) {
    unlinkat(descriptor, temporary.c_str(), 0);
    return makeError("cannot write '" + folder + "/" + name +
                     "': " + support::getErrorText(error));
  }
  evict(name);
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Size
//===----------------------------------------------------------------------===//

/// A file that a process did not live to rename.
static bool isLeftOver(StringRef name, const struct stat &status) {
  constexpr time_t kSeconds = 3600;
  return name.starts_with(".mqa-") && name.ends_with(".tmp") &&
         status.st_mtime + kSeconds < time(nullptr);
}

void BundleCache::evict(StringRef newest) {
  int copy = openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *listing = copy < 0 ? nullptr : fdopendir(copy);
  if (!listing) {
    if (copy >= 0)
      close(copy);
    return;
  }
  struct Entry {
    std::pair<time_t, long> used;
    uint64_t bytes;
    std::string name;
  };
  SmallVector<Entry> entries;
  uint64_t total = 0;
  while (dirent *found = readdir(listing)) {
    StringRef name = found->d_name;
    struct stat status;
    if (fstatat(descriptor, found->d_name, &status, AT_SYMLINK_NOFOLLOW) ||
        !S_ISREG(status.st_mode))
      continue;
    if (isLeftOver(name, status))
      unlinkat(descriptor, found->d_name, 0);
    if (!name.ends_with(kSuffix))
      continue;
    total += status.st_size;
    if (name != newest)
      entries.push_back({{status.st_mtim.tv_sec, status.st_mtim.tv_nsec},
                         static_cast<uint64_t>(status.st_size),
                         name.str()});
  }
  closedir(listing);
  llvm::sort(entries, [](const Entry &left, const Entry &right) {
    return left.used < right.used;
  });
  for (const Entry &entry : entries) {
    if (total <= maxBytes)
      break;
    if (!unlinkat(descriptor, entry.name.c_str(), 0))
      total -= entry.bytes;
  }
}

//===----------------------------------------------------------------------===//
// Compiling with it
//===----------------------------------------------------------------------===//

FailureOr<CachedText> mlir::mqa::compileWithCache(
    StringRef folder, StringRef text, const CompileOptions &options,
    llvm::function_ref<FailureOr<CompiledText>(const CompileOptions &)> compile,
    llvm::function_ref<void(const Twine &)> warn) {
  BundleCache cache(folder);
  bool usable = true, fromCache = true;
  auto doWithout = [&](llvm::Error error) {
    usable = false;
    warn("the cache is not used: " + llvm::toString(std::move(error)));
  };
  // For one target.
  auto compileOne = [&](const CompileOptions &one) -> FailureOr<CompiledText> {
    std::string name;
    if (llvm::Expected<std::string> key = getCacheKey(text, one))
      name = *key;
    else
      doWithout(key.takeError());
    if (usable) {
      llvm::Expected<std::optional<CompiledText>> found = cache.lookUp(name);
      if (!found)
        doWithout(found.takeError());
      else if (*found)
        return std::move(**found);
    }
    fromCache = false;
    FailureOr<CompiledText> compiled = compile(one);
    if (failed(compiled) || !usable)
      return compiled;
    if (llvm::Error error = cache.store(name, *compiled))
      warn("not kept in the cache: " + llvm::toString(std::move(error)));
    return compiled;
  };

  llvm::Expected<SmallVector<CompileTarget>> targets =
      parseTargets(options.target);
  if (!targets) {
    // The compiler says what is wrong.
    llvm::consumeError(targets.takeError());
    FailureOr<CompiledText> compiled = compile(options);
    if (failed(compiled))
      return failure();
    return CachedText{std::move(*compiled), /*fromCache=*/false};
  }
  SmallVector<std::string> bundles;
  std::string host;
  for (const CompileTarget &target : *targets) {
    FailureOr<CompiledText> compiled =
        compileOne(options.forTarget(target, *targets));
    if (failed(compiled))
      return failure();
    bundles.push_back(std::move(compiled->output));
    host = std::move(compiled->host);
  }
  return CachedText{{joinBundles(bundles), std::move(host)}, fromCache};
}
