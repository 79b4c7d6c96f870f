//===- Elf.cpp - Whether an ELF file is whole -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Elf.h"

#include <elf.h>

#include <cstring>

using namespace mqa::runtime;

/// EM_CUDA, which <elf.h> of older systems does not name.
static constexpr uint16_t kCudaMachine = 190;

#if defined(__x86_64__)
static constexpr uint16_t kHostMachine = EM_X86_64;
#elif defined(__aarch64__)
static constexpr uint16_t kHostMachine = EM_AARCH64;
#else
static constexpr uint16_t kHostMachine = EM_NONE;
#endif

namespace {
class ElfFile {
public:
  ElfFile(const std::vector<char> &data, const char *section);
  uint16_t getMachine() const { return header.e_machine; }
  uint16_t getType() const { return header.e_type; }
  /// The segments, each of which the file holds.
  std::vector<Elf64_Phdr> readSegments() const;
  void checkSections() const;
  [[noreturn]] void refuse(const std::string &what) const {
    throw InvalidBundle{std::string("section '") + section + "' " + what};
  }

private:
  bool holds(uint64_t offset, uint64_t size) const {
    return offset <= data.size() && size <= data.size() - offset;
  }
  template <typename T>
  std::vector<T> readTable(uint64_t offset, uint64_t count, uint64_t entryBytes,
                           const char *what) const;

  const std::vector<char> &data;
  const char *section;
  Elf64_Ehdr header;
};
} // namespace

ElfFile::ElfFile(const std::vector<char> &data, const char *section)
    : data(data), section(section) {
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
}

/// A table of the file; empty if it has none.
template <typename T>
std::vector<T> ElfFile::readTable(uint64_t offset, uint64_t count,
                                  uint64_t entryBytes, const char *what) const {
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

std::vector<Elf64_Phdr> ElfFile::readSegments() const {
  auto segments = readTable<Elf64_Phdr>(header.e_phoff, header.e_phnum,
                                        header.e_phentsize, "segment");
  for (const Elf64_Phdr &segment : segments)
    if (!holds(segment.p_offset, segment.p_filesz))
      refuse("has a segment that ends behind it: truncated?");
  return segments;
}

void ElfFile::checkSections() const {
  for (const Elf64_Shdr &entry : readTable<Elf64_Shdr>(
           header.e_shoff, header.e_shnum, header.e_shentsize, "section"))
    if (entry.sh_type != SHT_NOBITS && entry.sh_type != SHT_NULL &&
        !holds(entry.sh_offset, entry.sh_size))
      refuse("has an ELF section that ends behind it: truncated?");
}

/// The loader maps segments one behind the other, and each page of a file.
static void checkLoaded(const ElfFile &file,
                        const std::vector<Elf64_Phdr> &segments) {
  constexpr uint64_t kMaxAddress = uint64_t(1) << 32, kPageBytes = 4096;
  uint64_t end = 0;
  bool isLoaded = false, hasDynamic = false;
  for (const Elf64_Phdr &segment : segments) {
    if (segment.p_type != PT_LOAD)
      continue;
    if (segment.p_memsz < segment.p_filesz || segment.p_memsz > kMaxAddress ||
        segment.p_vaddr > kMaxAddress - segment.p_memsz ||
        segment.p_vaddr < end ||
        (segment.p_vaddr - segment.p_offset) % kPageBytes)
      file.refuse("has a segment that cannot be loaded where it says");
    end = segment.p_vaddr + segment.p_memsz;
    isLoaded = true;
  }
  for (const Elf64_Phdr &dynamic : segments) {
    if (dynamic.p_type != PT_DYNAMIC)
      continue;
    for (const Elf64_Phdr &segment : segments)
      hasDynamic |= segment.p_type == PT_LOAD &&
                    dynamic.p_vaddr >= segment.p_vaddr &&
                    dynamic.p_vaddr - segment.p_vaddr <= segment.p_filesz &&
                    dynamic.p_filesz <=
                        segment.p_filesz - (dynamic.p_vaddr - segment.p_vaddr);
  }
  if (!isLoaded || !hasDynamic)
    file.refuse("has no segments to load");
}

uint16_t mqa::runtime::checkObject(const std::vector<char> &object) {
  ElfFile file(object, "object");
  if (file.getType() != ET_DYN)
    file.refuse("is not a shared object: its ELF type is " +
                std::to_string(file.getType()));
  checkLoaded(file, file.readSegments());
  file.checkSections();
  return file.getMachine();
}

void mqa::runtime::checkCubin(const std::vector<char> &cubin) {
  ElfFile file(cubin, "cubin");
  if (file.getMachine() != kCudaMachine)
    file.refuse("is not for a GPU: its ELF machine is " +
                std::to_string(file.getMachine()));
  file.readSegments();
  file.checkSections();
}

static std::string getMachineName(uint16_t machine) {
  return machine == EM_X86_64    ? "x86-64"
         : machine == EM_AARCH64 ? "aarch64"
                                 : "ELF machine " + std::to_string(machine);
}

mqa_status mqa::runtime::checkMachine(uint16_t machine) {
  if (kHostMachine == EM_NONE || machine == kHostMachine)
    return MQA_SUCCESS;
  return fail(MQA_ERROR_UNSUPPORTED,
              "the bundle is for " + getMachineName(machine) +
                  ", this machine is " + getMachineName(kHostMachine));
}
