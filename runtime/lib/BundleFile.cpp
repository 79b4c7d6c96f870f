//===- BundleFile.cpp - Bundles from files and from memory ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Bundle.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

using namespace mqa::runtime;

namespace {
class File {
public:
  /// Opens without waiting for the other end of a FIFO.
  explicit File(const char *path)
      : descriptor(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {}
  ~File() {
    if (descriptor >= 0)
      close(descriptor);
  }
  File(const File &) = delete;
  bool isOpen() const { return descriptor >= 0; }
  bool getStatus(struct stat &status) const {
    return fstat(descriptor, &status) == 0;
  }
  /// Bytes that were read: fewer than `size` where the file ends; -1 with errno
  /// set.
  ssize_t readAll(char *data, size_t size) const;

private:
  int descriptor;
};

/// Unlike those of a vector, they are written once, by what reads a file.
struct Bytes {
  std::unique_ptr<char[]> data;
  size_t size = 0;
};
} // namespace

ssize_t File::readAll(char *data, size_t size) const {
  size_t done = 0;
  while (done < size) {
    ssize_t count = read(descriptor, data + done, size - done);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return -1;
    if (count == 0)
      break;
    done += count;
  }
  return static_cast<ssize_t>(done);
}

/// What a file is that is not a regular one.
static const char *getKind(mode_t mode) {
  return S_ISDIR(mode)                    ? "a directory"
         : S_ISFIFO(mode)                 ? "a FIFO"
         : S_ISCHR(mode) || S_ISBLK(mode) ? "a device"
                                          : "a socket";
}

/// The bytes of a file that has the header of a bundle.
static mqa_status readFile(const std::string &path, Bytes &bytes) {
  auto systemError = [&] {
    int error = errno;
    return fail(MQA_ERROR_SYSTEM,
                "cannot read '" + path + "': " + std::strerror(error));
  };
  File file(path.c_str());
  struct stat status;
  if (!file.isOpen() || !file.getStatus(status))
    return systemError();
  if (!S_ISREG(status.st_mode))
    throw InvalidBundle{std::string("it is ") + getKind(status.st_mode) +
                        ", not a regular file"};
  char header[kHeaderBytes];
  ssize_t count = file.readAll(header, kHeaderBytes);
  if (count < 0)
    return systemError();
  // A file may be shorter by now than it was.
  uint64_t size = count < static_cast<ssize_t>(kHeaderBytes)
                      ? static_cast<uint64_t>(count)
                      : static_cast<uint64_t>(status.st_size);
  checkHeader(header, size);
  bytes.data.reset(new char[size]);
  std::memcpy(bytes.data.get(), header, kHeaderBytes);
  count = file.readAll(bytes.data.get() + kHeaderBytes, size - kHeaderBytes);
  if (count < 0)
    return systemError();
  bytes.size = kHeaderBytes + count;
  return MQA_SUCCESS;
}

mqa_status mqa::runtime::readBundle(const void *data, size_t size,
                                    BundleParts &parts) {
  try {
    parts = parseBundle(static_cast<const char *>(data), size);
    return MQA_SUCCESS;
  } catch (const InvalidBundle &error) {
    return fail(MQA_ERROR_INVALID_BUNDLE, "bundle: " + error.message);
  }
}

mqa_status mqa::runtime::readBundle(const std::string &path,
                                    BundleParts &parts) {
  try {
    Bytes bytes;
    MQA_RETURN_IF_FAILED(readFile(path, bytes));
    parts = parseBundle(bytes.data.get(), bytes.size);
    return MQA_SUCCESS;
  } catch (const InvalidBundle &error) {
    return fail(MQA_ERROR_INVALID_BUNDLE,
                "bundle '" + path + "': " + error.message);
  }
}
