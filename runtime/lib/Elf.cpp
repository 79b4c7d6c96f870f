//===- Elf.cpp - Reads ELF files ------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Elf.h"

using namespace mqa::runtime;

ElfFile::ElfFile(const std::vector<char> &data, const char *name)
    : data(data), name(name) {
  if (data.size() < sizeof(header))
    refuse("has " + std::to_string(data.size()) +
           " bytes, fewer than an ELF header");
  std::memcpy(&header, data.data(), sizeof(header));
  const unsigned char *identity = header.e_ident;
  if (std::memcmp(identity, ELFMAG, SELFMAG))
    refuse("is not an ELF file");
  if (identity[EI_CLASS] != ELFCLASS64 || identity[EI_DATA] != ELFDATA2LSB ||
      identity[EI_VERSION] != EV_CURRENT)
    refuse("is not a 64-bit little-endian ELF file of version 1");
  segments = readHeaders<Elf64_Phdr>(header.e_phoff, header.e_phnum,
                                     header.e_phentsize, "segment");
  for (const Elf64_Phdr &segment : segments)
    if (!holds(segment.p_offset, segment.p_filesz))
      refuse("has a segment that ends behind it: truncated?");
  for (const Elf64_Shdr &entry : readHeaders<Elf64_Shdr>(
           header.e_shoff, header.e_shnum, header.e_shentsize, "section"))
    if (entry.sh_type != SHT_NOBITS && entry.sh_type != SHT_NULL &&
        !holds(entry.sh_offset, entry.sh_size))
      refuse("has an ELF section that ends behind it: truncated?");
}

/// A table of the file; empty if it has none.
template <typename T>
std::vector<T> ElfFile::readHeaders(uint64_t offset, uint64_t count,
                                    uint64_t entryBytes,
                                    const char *what) const {
  if (count == 0)
    return {};
  if (entryBytes != sizeof(T))
    refuse(std::string("has ") + what + " headers of " +
           std::to_string(entryBytes) + " bytes, expected " +
           std::to_string(sizeof(T)));
  // Counts have 16 bits: no overflow.
  if (!holds(offset, count * sizeof(T)))
    refuse(std::string("has ") + what + " headers behind its end: truncated?");
  std::vector<T> table(count);
  std::memcpy(table.data(), data.data() + offset, count * sizeof(T));
  return table;
}

std::pair<const char *, uint64_t> ElfFile::findLoaded(uint64_t address) const {
  for (const Elf64_Phdr &segment : segments)
    if (segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
        address - segment.p_vaddr < segment.p_filesz) {
      uint64_t within = address - segment.p_vaddr;
      return {data.data() + segment.p_offset + within,
              segment.p_filesz - within};
    }
  return {nullptr, 0};
}

bool ElfFile::isLoaded(uint64_t address, uint64_t size, uint32_t flags) const {
  for (const Elf64_Phdr &segment : segments)
    if (segment.p_type == PT_LOAD && (segment.p_flags & flags) == flags &&
        address >= segment.p_vaddr && size <= segment.p_memsz &&
        address - segment.p_vaddr <= segment.p_memsz - size)
      return true;
  return false;
}
