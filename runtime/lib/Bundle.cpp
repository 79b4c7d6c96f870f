//===- Bundle.cpp - Parses and checks bundles -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Manifest.h"

#include <zlib.h>

#include <cstring>

using namespace mqa::runtime;

static constexpr char kMagic[] = "MQABNDL1";
static constexpr size_t kHeaderBytes = 24;

static mqa_status invalid(const std::string &message) {
  return fail(MQA_ERROR_INVALID_BUNDLE, "bundle: " + message);
}

template <typename T> static T readLittleEndian(const unsigned char *data) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i)
    value |= static_cast<T>(data[i]) << (8 * i);
  return value;
}

static uint32_t checksum(const unsigned char *data, size_t size) {
  return static_cast<uint32_t>(crc32_z(0, data, size));
}

static mqa_status readSection(Reader &reader, const json &section,
                              const unsigned char *data, size_t size,
                              Bundle &bundle) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  std::string name = reader.string(section, "name");
  uint64_t offset = reader.integer(section, "offset", 0, kMax);
  uint64_t length = reader.integer(section, "size", 1, kMax);
  uint64_t crc =
      reader.integer(section, "crc32", 0, std::numeric_limits<uint32_t>::max());
  if (!reader.error.empty())
    return invalid(reader.error);
  if (offset > size || length > size - offset)
    return invalid("section '" + name + "' ends behind the file: truncated?");
  const unsigned char *begin = data + offset;
  if (checksum(begin, length) != crc)
    return invalid("section '" + name + "' is altered: its checksum differs");
  std::vector<char> *target = name == "ptx"      ? &bundle.ptx
                              : name == "cubin"  ? &bundle.cubin
                              : name == "object" ? &bundle.object
                                                 : nullptr;
  if (!target)
    return invalid("unknown section '" + name + "'");
  target->assign(begin, begin + length);
  return MQA_SUCCESS;
}

mqa_status mqa::runtime::parseBundle(const void *data, size_t size,
                                     std::shared_ptr<const Bundle> &result) {
  auto *bytes = static_cast<const unsigned char *>(data);
  if (size < kHeaderBytes || std::memcmp(bytes, kMagic, 8) != 0)
    return invalid("not an MQA bundle (or of another version): it does not "
                   "start with " +
                   std::string(kMagic));
  uint64_t manifestBytes = readLittleEndian<uint64_t>(bytes + 8);
  uint32_t manifestCrc = readLittleEndian<uint32_t>(bytes + 16);
  if (readLittleEndian<uint32_t>(bytes + 20) != 0)
    return invalid("reserved header field is not 0");
  if (manifestBytes > size - kHeaderBytes)
    return invalid("the manifest ends behind the file: truncated?");
  const unsigned char *manifestBegin = bytes + kHeaderBytes;
  if (checksum(manifestBegin, manifestBytes) != manifestCrc)
    return invalid("the manifest is altered: its checksum differs");
  json manifest = json::parse(manifestBegin, manifestBegin + manifestBytes,
                              /*cb=*/nullptr, /*allow_exceptions=*/false);
  if (!manifest.is_object())
    return invalid("the manifest is not a JSON object");

  auto bundle = std::make_shared<Bundle>();
  Reader reader;
  readManifest(reader, manifest, *bundle);
  if (!reader.error.empty())
    return invalid(reader.error);
  const unsigned char *sections = manifestBegin + manifestBytes;
  size_t sectionBytes = size - kHeaderBytes - manifestBytes;
  for (const json &section : reader.array(manifest, "sections"))
    MQA_RETURN_IF_FAILED(
        readSection(reader, section, sections, sectionBytes, *bundle));
  if (bundle->target == "cpu" ? bundle->object.empty() : bundle->ptx.empty())
    return invalid("holds no code for target '" + bundle->target + "'");
  // The driver reads PTX as a string.
  if (!bundle->ptx.empty())
    bundle->ptx.push_back('\0');
  result = std::move(bundle);
  return MQA_SUCCESS;
}
