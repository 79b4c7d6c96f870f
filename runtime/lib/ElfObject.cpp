//===- ElfObject.cpp - A shared object, before and after it is loaded -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ElfObject.h"

#include <elf.h>

#include <cstring>
#include <optional>
#include <string>

using namespace mqa::runtime;

#if defined(__x86_64__)
static constexpr int kMachine = EM_X86_64;
#elif defined(__aarch64__)
static constexpr int kMachine = EM_AARCH64;
#else
static constexpr int kMachine = EM_NONE;
#endif

static std::string getMachineName(int machine) {
  switch (machine) {
  case EM_X86_64:
    return "x86-64";
  case EM_AARCH64:
    return "AArch64";
  default:
    return "ELF machine " + std::to_string(machine);
  }
}

static mqa_status invalid(const std::string &message) {
  return fail(MQA_ERROR_INVALID_BUNDLE, "bundle: the object " + message);
}

namespace {
/// Reads from a file in memory; nothing where the file ends before.
class Elf {
public:
  explicit Elf(const std::vector<char> &file) : file(file) {}

  mqa_status readHeaders();
  mqa_status checkDynamic() const;
  const std::vector<Elf64_Phdr> &getSegments() const { return segments; }

private:
  template <typename T> bool read(uint64_t offset, T &value) const {
    if (offset > file.size() || sizeof(T) > file.size() - offset)
      return false;
    std::memcpy(&value, file.data() + offset, sizeof(T));
    return true;
  }
  /// Where in the file an address of the loaded object is.
  std::optional<uint64_t> toOffset(uint64_t address) const {
    for (const Elf64_Phdr &segment : segments)
      if (segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
          address - segment.p_vaddr < segment.p_filesz)
        return segment.p_offset + (address - segment.p_vaddr);
    return std::nullopt;
  }
  std::string readString(uint64_t address) const;
  mqa_status checkRelocations(uint64_t table, uint64_t bytes,
                              uint64_t symbolTable, uint64_t strings) const;

  const std::vector<char> &file;
  std::vector<Elf64_Phdr> segments;
};
} // namespace

mqa_status Elf::readHeaders() {
  Elf64_Ehdr header;
  if (!read(0, header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
    return invalid("is no ELF file");
  if (header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_ident[EI_DATA] != ELFDATA2LSB || header.e_type != ET_DYN)
    return invalid("is no shared object of 64 bits, little-endian");
  if (header.e_machine != kMachine)
    return fail(MQA_ERROR_UNSUPPORTED,
                "the bundle is for " + getMachineName(header.e_machine) +
                    ", this machine is " + getMachineName(kMachine));
  for (uint64_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    if (header.e_phentsize != sizeof(segment) || header.e_phoff > file.size() ||
        !read(header.e_phoff + i * sizeof(segment), segment))
      return invalid("has no whole table of segments: truncated?");
    // What is mapped behind the end of a file cannot be touched.
    if ((segment.p_type == PT_LOAD || segment.p_type == PT_DYNAMIC) &&
        (segment.p_offset > file.size() ||
         segment.p_filesz > file.size() - segment.p_offset))
      return invalid("ends before its segments: truncated?");
    segments.push_back(segment);
  }
  return MQA_SUCCESS;
}

std::string Elf::readString(uint64_t address) const {
  std::optional<uint64_t> offset = toOffset(address);
  if (!offset)
    return "?";
  const char *begin = file.data() + *offset;
  return std::string(begin, strnlen(begin, file.size() - *offset));
}

mqa_status Elf::checkRelocations(uint64_t table, uint64_t bytes,
                                 uint64_t symbolTable, uint64_t strings) const {
  for (uint64_t i = 0; i < bytes / sizeof(Elf64_Rela); ++i) {
    std::optional<uint64_t> at = toOffset(table + i * sizeof(Elf64_Rela));
    Elf64_Rela relocation;
    if (!at || !read(*at, relocation))
      return invalid("has relocations outside of its segments");
    uint64_t index = ELF64_R_SYM(relocation.r_info);
    if (index == 0)
      continue;
    at = toOffset(symbolTable + index * sizeof(Elf64_Sym));
    Elf64_Sym symbol;
    if (!at || !read(*at, symbol))
      return invalid("has symbols outside of its segments");
    if (symbol.st_shndx == SHN_UNDEF)
      return invalid("needs the symbol '" +
                     readString(strings + symbol.st_name) +
                     "' of the host program: kernels call nothing");
  }
  return MQA_SUCCESS;
}

mqa_status Elf::checkDynamic() const {
  uint64_t symbols = 0, strings = 0;
  uint64_t table = 0, tableBytes = 0, calls = 0, callBytes = 0;
  std::optional<uint64_t> needed;
  for (const Elf64_Phdr &segment : segments) {
    if (segment.p_type != PT_DYNAMIC)
      continue;
    Elf64_Dyn entry;
    for (uint64_t at = 0;
         at + sizeof(entry) <= segment.p_filesz &&
         read(segment.p_offset + at, entry) && entry.d_tag != DT_NULL;
         at += sizeof(entry)) {
      uint64_t value = entry.d_un.d_val;
      switch (entry.d_tag) {
      case DT_SYMTAB:
        symbols = value;
        break;
      case DT_STRTAB:
        strings = value;
        break;
      case DT_RELA:
        table = value;
        break;
      case DT_RELASZ:
        tableBytes = value;
        break;
      case DT_JMPREL:
        calls = value;
        break;
      case DT_PLTRELSZ:
        callBytes = value;
        break;
      case DT_NEEDED:
        needed = value;
        break;
      default:
        break;
      }
    }
  }
  if (!symbols || !strings)
    return invalid("exports nothing");
  if (needed)
    return invalid("needs the library '" + readString(strings + *needed) +
                   "': kernels call nothing");
  MQA_RETURN_IF_FAILED(checkRelocations(table, tableBytes, symbols, strings));
  return checkRelocations(calls, callBytes, symbols, strings);
}

mqa_status mqa::runtime::checkSelfContained(const std::vector<char> &object) {
  Elf elf(object);
  MQA_RETURN_IF_FAILED(elf.readHeaders());
  return elf.checkDynamic();
}

bool mqa::runtime::isLoadedAt(const std::vector<char> &object,
                              const char *base) {
  Elf elf(object);
  if (elf.readHeaders())
    return false;
  for (const Elf64_Phdr &segment : elf.getSegments())
    if (segment.p_type == PT_LOAD && !(segment.p_flags & PF_W) &&
        std::memcmp(base + segment.p_vaddr, object.data() + segment.p_offset,
                    segment.p_filesz) != 0)
      return false;
  return true;
}
