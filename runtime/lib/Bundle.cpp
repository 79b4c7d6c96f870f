//===- Bundle.cpp - Parses and checks one part of a bundle ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Elf.h"
#include "Manifest.h"
#include "SharedObject.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>

using namespace mqa::runtime;

static constexpr char kMagic[] = "MQABNDL1";
static constexpr size_t kMagicBytes = 8;

namespace {
struct Header {
  uint64_t manifestBytes;
  uint32_t manifestCrc;
};
} // namespace

template <typename T> static T readLittleEndian(const char *data) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i)
    value |= static_cast<T>(static_cast<unsigned char>(data[i])) << (8 * i);
  return value;
}

static uint32_t checksum(const char *data, size_t size) {
  return static_cast<uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef *>(data), size));
}

/// The header of a part that ends within `size` bytes.
static Header readHeader(const char *data, uint64_t size) {
  if (size < kHeaderBytes)
    throw InvalidBundle{"not an MQA bundle: it has " + std::to_string(size) +
                        " bytes, fewer than a header"};
  // The last character is the version of the layout.
  if (std::memcmp(data, kMagic, kMagicBytes - 1))
    throw InvalidBundle{std::string("not an MQA bundle: it does not start "
                                    "with ") +
                        kMagic};
  if (data[kMagicBytes - 1] != kMagic[kMagicBytes - 1])
    throw InvalidBundle{"layout " + std::string(data, kMagicBytes) +
                        "; this runtime, mqa " MQA_VERSION ", reads " + kMagic};
  if (size > kMaxBundleBytes)
    throw InvalidBundle{"it has " + std::to_string(size) +
                        " bytes, a bundle has at most " +
                        std::to_string(kMaxBundleBytes)};
  Header header{readLittleEndian<uint64_t>(data + 8),
                readLittleEndian<uint32_t>(data + 16)};
  if (readLittleEndian<uint32_t>(data + 20) != 0)
    throw InvalidBundle{"reserved header field is not 0"};
  if (header.manifestBytes > size - kHeaderBytes)
    throw InvalidBundle{"the manifest ends behind the file: truncated?"};
  if (header.manifestBytes > kMaxManifestBytes)
    throw InvalidBundle{"the manifest has " +
                        std::to_string(header.manifestBytes) +
                        " bytes, at most " + std::to_string(kMaxManifestBytes) +
                        " are allowed"};
  return header;
}

/// Whether another part, or what is left of one, starts here; or nothing.
static bool startsLikePart(const char *data, uint64_t size) {
  return !std::memcmp(data, kMagic, std::min<uint64_t>(size, kMagicBytes - 1));
}

void mqa::runtime::checkHeader(const char *data, uint64_t size) {
  (void)readHeader(data, size);
}

/// Where `bundle` keeps a section; null if its target has none of that name.
static std::vector<char> *findSection(Bundle &bundle, const std::string &name) {
  if (bundle.target == "cpu")
    return name == "object" ? &bundle.object : nullptr;
  return name == "ptx"     ? &bundle.ptx
         : name == "cubin" ? &bundle.cubin
                           : nullptr;
}

/// The sections, which follow the manifest; the size of all.
static uint64_t readSections(const std::vector<Section> &sections,
                             const char *data, uint64_t size, Bundle &bundle) {
  uint64_t end = 0;
  for (const Section &section : sections) {
    std::vector<char> *target = findSection(bundle, section.name);
    if (!target)
      throw InvalidBundle{"unknown section '" + section.name +
                          "' for target '" + bundle.target + "'"};
    if (!target->empty())
      throw InvalidBundle{"section '" + section.name + "' comes twice"};
    if (section.offset > size || section.size > size - section.offset)
      throw InvalidBundle{"section '" + section.name +
                          "' ends behind the file: truncated?"};
    const char *begin = data + section.offset;
    if (checksum(begin, section.size) != section.crc32)
      throw InvalidBundle{"section '" + section.name +
                          "' is altered: its checksum differs"};
    target->assign(begin, begin + section.size);
    end = section.offset + section.size;
  }
  return end;
}

static void checkCubin(const std::vector<char> &cubin) {
  // EM_CUDA, which <elf.h> of older systems does not name.
  constexpr uint16_t kCudaMachine = 190;
  ElfFile file(cubin, "cubin");
  if (file.getMachine() != kCudaMachine)
    file.refuse("is not for a GPU: its ELF machine is " +
                std::to_string(file.getMachine()));
}

/// As far as that does not need the loaders of the code.
static void checkCode(Bundle &bundle) {
  if (bundle.object.empty() && bundle.ptx.empty() && bundle.cubin.empty())
    throw InvalidBundle{"holds no code for target '" + bundle.target + "'"};
  if (!bundle.object.empty())
    bundle.objectMachine = checkSharedObject(bundle.object);
  if (!bundle.cubin.empty())
    checkCubin(bundle.cubin);
  if (bundle.ptx.empty())
    return;
  if (std::memchr(bundle.ptx.data(), 0, bundle.ptx.size()))
    throw InvalidBundle{"section 'ptx' has a null character"};
  // The driver reads PTX as a string.
  bundle.ptx.push_back('\0');
}

uint64_t mqa::runtime::parsePart(const char *data, uint64_t size,
                                 Bundle &bundle) {
  Header header = readHeader(data, size);
  const char *manifest = data + kHeaderBytes;
  const char *sections = manifest + header.manifestBytes;
  if (checksum(manifest, header.manifestBytes) != header.manifestCrc)
    throw InvalidBundle{"the manifest is altered: its checksum differs"};
  uint64_t start = kHeaderBytes + header.manifestBytes;
  uint64_t end =
      start +
      readSections(readManifest(parseManifestText(manifest, sections), bundle),
                   sections, size - start, bundle);
  if (!startsLikePart(data + end, size - end))
    throw InvalidBundle{std::to_string(size - end) +
                        " bytes behind the last section are under no checksum"};
  checkCode(bundle);
  return end;
}
