//===- Bundle.cpp - Writes what the runtime loads -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Target/Bundle.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Support/CRC.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/EndianStream.h"

using namespace mlir;

static constexpr llvm::StringLiteral kMagic = "MQABNDL1";
/// Behind the magic: the manifest's size and checksum, and a 0.
static constexpr size_t kHeaderBytes = 16;

static uint32_t checksum(llvm::StringRef data) {
  return llvm::crc32(llvm::arrayRefFromStringRef(data));
}

void mqa::writeBundle(BundleContents bundle, llvm::raw_ostream &os) {
  llvm::json::Array sections;
  int64_t offset = 0;
  for (const auto &[name, data] : bundle.sections) {
    sections.push_back(llvm::json::Object{
        {"name", name},
        {"offset", offset},
        {"size", static_cast<int64_t>(data.size())},
        {"crc32", static_cast<int64_t>(checksum(data))},
    });
    offset += data.size();
  }
  bundle.manifest["sections"] = std::move(sections);
  std::string manifest;
  llvm::raw_string_ostream(manifest)
      << llvm::formatv("{0:2}", llvm::json::Value(std::move(bundle.manifest)));

  llvm::support::endian::Writer writer(os, llvm::endianness::little);
  os << kMagic;
  writer.write<uint64_t>(manifest.size());
  writer.write<uint32_t>(checksum(manifest));
  writer.write<uint32_t>(0);
  os << manifest;
  for (const auto &section : bundle.sections)
    os << section.second;
}

//===----------------------------------------------------------------------===//
// Reading back
//===----------------------------------------------------------------------===//

/// Checks one entry of "sections" and takes its bytes off `rest`.
static llvm::Error takeSection(const llvm::json::Value &value, uint64_t &offset,
                               llvm::StringRef &rest,
                               mqa::BundleContents &contents) {
  const llvm::json::Object *section = value.getAsObject();
  std::optional<int64_t> at, size, crc;
  std::optional<llvm::StringRef> name;
  if (section) {
    name = section->getString("name");
    at = section->getInteger("offset");
    size = section->getInteger("size");
    crc = section->getInteger("crc32");
  }
  if (!name || !at || !size || !crc || *at != static_cast<int64_t>(offset) ||
      *size < 0 || static_cast<uint64_t>(*size) > rest.size())
    return llvm::createStringError("a section is not where it should be");
  if (checksum(rest.take_front(*size)) != static_cast<uint64_t>(*crc))
    return llvm::createStringError("the checksum of a section is wrong");
  contents.sections.push_back({name->str(), rest.take_front(*size).str()});
  rest = rest.drop_front(*size);
  offset += *size;
  return llvm::Error::success();
}

static llvm::Expected<mqa::BundleContents> readBundle(llvm::StringRef bundle) {
  using namespace llvm::support;
  if (!bundle.consume_front(kMagic) || bundle.size() < kHeaderBytes)
    return llvm::createStringError("not a bundle");
  uint64_t size = endian::read64le(bundle.data());
  uint32_t crc = endian::read32le(bundle.data() + 8);
  llvm::StringRef rest = bundle.drop_front(kHeaderBytes);
  if (size > rest.size() || checksum(rest.take_front(size)) != crc)
    return llvm::createStringError("the manifest is not whole");
  llvm::Expected<llvm::json::Value> manifest =
      llvm::json::parse(rest.take_front(size));
  if (!manifest)
    return manifest.takeError();
  llvm::json::Object *object = manifest->getAsObject();
  const llvm::json::Array *sections =
      object ? object->getArray("sections") : nullptr;
  if (!sections)
    return llvm::createStringError("the manifest has no sections");
  rest = rest.drop_front(size);
  uint64_t offset = 0;
  mqa::BundleContents contents;
  for (const llvm::json::Value &section : *sections)
    if (llvm::Error error = takeSection(section, offset, rest, contents))
      return error;
  if (!rest.empty())
    return llvm::createStringError("there are bytes behind the sections");
  contents.manifest = std::move(*object);
  return contents;
}

llvm::Error mqa::checkBundle(llvm::StringRef bundle) {
  return readBundle(bundle).takeError();
}

/// What tells a part from others: the target, and of a CPU, of which there may
/// be several, the machine and what is needed of it.
static std::string getPartKey(const mqa::BundleContents &contents) {
  std::string key = contents.manifest.getString("target").value_or("").str();
  llvm::SmallVector<std::string> features;
  if (const auto *list = contents.manifest.getArray("cpu_features"))
    for (const llvm::json::Value &feature : *list)
      features.push_back(feature.getAsString().value_or("").str());
  llvm::sort(features);
  for (const std::string &feature : features)
    key += "," + feature;
  for (const auto &[name, bytes] : contents.sections)
    if (name == "object")
      key += ":" + bytes.substr(offsetof(llvm::ELF::Elf64_Ehdr, e_machine), 2);
  return key;
}

std::string mqa::joinBundles(llvm::ArrayRef<std::string> bundles) {
  llvm::SmallVector<BundleContents> parts;
  llvm::StringSet<> keys;
  for (const std::string &bundle : bundles) {
    BundleContents contents = llvm::cantFail(readBundle(bundle));
    // No machine would ever take the second of two that need the same.
    if (keys.insert(getPartKey(contents)).second)
      parts.push_back(std::move(contents));
  }
  std::string joined;
  llvm::raw_string_ostream os(joined);
  for (auto [i, part] : llvm::enumerate(parts)) {
    if (int64_t behind = parts.size() - i - 1)
      part.manifest["parts_behind"] = behind;
    writeBundle(std::move(part), os);
  }
  return joined;
}
