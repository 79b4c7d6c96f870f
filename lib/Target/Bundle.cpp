//===- Bundle.cpp - Writes what the runtime loads -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Target/Bundle.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CRC.h"
#include "llvm/Support/EndianStream.h"

using namespace mlir;

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
  os << "MQABNDL1";
  writer.write<uint64_t>(manifest.size());
  writer.write<uint32_t>(checksum(manifest));
  writer.write<uint32_t>(0);
  os << manifest;
  for (const auto &section : bundle.sections)
    os << section.second;
}
