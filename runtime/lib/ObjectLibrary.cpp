//===- ObjectLibrary.cpp - A shared object loaded from memory -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ObjectLibrary.h"
#include "Elf.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>

using namespace mqa::runtime;

static mqa_status systemError(const std::string &what) {
  return fail(MQA_ERROR_SYSTEM, what + ": " + std::strerror(errno));
}

namespace {
/// A file in memory, while it is needed: what is mapped of it stays.
class MemoryFile {
public:
  ~MemoryFile() {
    if (descriptor >= 0)
      close(descriptor);
  }
  mqa_status write(const std::vector<char> &data);

  int descriptor = -1;
};
} // namespace

mqa_status MemoryFile::write(const std::vector<char> &data) {
  descriptor = memfd_create("mqa-kernel", MFD_CLOEXEC);
  if (descriptor < 0)
    return systemError("memfd_create");
  for (size_t written = 0; written < data.size();) {
    ssize_t count =
        ::write(descriptor, data.data() + written, data.size() - written);
    if (count < 0 && errno != EINTR)
      return systemError("write to a memory file");
    written += std::max<ssize_t>(count, 0);
  }
  return MQA_SUCCESS;
}

/// A path of the file that no library has: dlopen takes a library that has the
/// path for the one that is meant, and descriptors have the numbers of others
/// that were closed. Each bit of the number of the load is written as "/" or
/// "/.", which are the same to the kernel.
static std::string makePath(int descriptor) {
  static std::atomic<uint64_t> numLoads{1};
  std::string path = "/proc/self/fd";
  for (uint64_t bits = numLoads++; bits; bits >>= 1)
    path += bits & 1 ? "/." : "/";
  return path + "/" + std::to_string(descriptor);
}

/// That the file can be opened by its path, where dlopen only says "cannot
/// open": there may be no /proc, or no more descriptors.
static mqa_status checkPath(const std::string &path) {
  int opened = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (opened >= 0) {
    close(opened);
    return MQA_SUCCESS;
  }
  if (errno == ENOENT || errno == ENOTDIR)
    return fail(MQA_ERROR_SYSTEM, "a CPU kernel is loaded through "
                                  "/proc/self/fd: /proc is not mounted");
  return systemError("cannot open a memory file");
}

/// Whether what was loaded at `base` is `object`: the same bytes in every part
/// of it that is not written to.
static bool isLoadedAt(const std::vector<char> &object, const char *base) {
  ElfFile file(object, "object");
  for (const Elf64_Phdr &segment : file.getSegments())
    if (segment.p_type == PT_LOAD && !(segment.p_flags & PF_W) &&
        std::memcmp(base + segment.p_vaddr, object.data() + segment.p_offset,
                    segment.p_filesz) != 0)
      return false;
  return true;
}

static bool isObject(void *library, const std::vector<char> &object) {
  link_map *map = nullptr;
  return dlinfo(library, RTLD_DI_LINKMAP, &map) == 0 &&
         isLoadedAt(object, reinterpret_cast<const char *>(map->l_addr));
}

ObjectLibrary::~ObjectLibrary() {
  if (library)
    dlclose(library);
}

mqa_status ObjectLibrary::open(const std::vector<char> &object) {
  MemoryFile file;
  MQA_RETURN_IF_FAILED(file.write(object));
  // Another copy of this runtime in the process counts its own loads.
  for (int attempt = 0; attempt < 64; ++attempt) {
    std::string path = makePath(file.descriptor);
    MQA_RETURN_IF_FAILED(checkPath(path));
    if (void *other = dlopen(path.c_str(), RTLD_NOW | RTLD_NOLOAD)) {
      dlclose(other);
      continue;
    }
    errno = 0;
    library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library)
      return fail(errno == ENOMEM || errno == EMFILE || errno == ENFILE
                      ? MQA_ERROR_SYSTEM
                      : MQA_ERROR_INVALID_BUNDLE,
                  std::string("bundle: the object cannot be loaded: ") +
                      dlerror());
    if (isObject(library, object))
      return MQA_SUCCESS;
    dlclose(library);
    library = nullptr;
  }
  return fail(MQA_ERROR_SYSTEM,
              "dlopen gives other libraries for the paths of a memory file");
}

void *ObjectLibrary::find(const char *symbol) const {
  return dlsym(library, symbol);
}
