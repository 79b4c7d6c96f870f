//===- Elf.h - Reads ELF files ----------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The loaders believe what an ELF file says of itself: where its tables end
// behind the file, dlopen dies of SIGBUS, and the CUDA driver, which is given
// no size, reads what lies behind. So both kinds of code are read first.
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_ELF_H
#define MQA_RUNTIME_LIB_ELF_H

#include "Bundle.h"

#include <elf.h>

#include <cstring>

namespace mqa::runtime {

/// A whole ELF file for a 64-bit little-endian machine: its headers, segments
/// and sections lie inside of it. What else it says is not looked at.
class ElfFile {
public:
  /// Throws InvalidBundle unless `data`, which must outlive this object and is
  /// the section `name` of a bundle, is such a file.
  ElfFile(const std::vector<char> &data, const char *name);

  uint16_t getMachine() const { return header.e_machine; }
  uint16_t getType() const { return header.e_type; }
  /// Not of a temporary, whose segments go with it.
  const std::vector<Elf64_Phdr> &getSegments() const & { return segments; }
  void getSegments() const && = delete;

  /// The bytes of the file that are loaded to `address`, up to the end of their
  /// segment: null and 0 where there are none.
  std::pair<const char *, uint64_t> findLoaded(uint64_t address) const;
  /// Whether all of these addresses belong to one loaded segment that has the
  /// flags.
  bool isLoaded(uint64_t address, uint64_t size, uint32_t flags = 0) const;
  /// A table that is loaded from the file; throws where a part of it is not.
  template <typename T>
  std::vector<T> readLoaded(uint64_t address, uint64_t count,
                            const char *what) const {
    auto [begin, bytes] = findLoaded(address);
    if (!begin || count > bytes / sizeof(T))
      refuse(std::string("has ") + what + " outside of what is loaded of it");
    std::vector<T> table(count);
    if (count)
      std::memcpy(table.data(), begin, count * sizeof(T));
    return table;
  }

  [[noreturn]] void refuse(const std::string &what) const {
    throw InvalidBundle{std::string("section '") + name + "' " + what};
  }

private:
  bool holds(uint64_t offset, uint64_t size) const {
    return offset <= data.size() && size <= data.size() - offset;
  }
  template <typename T>
  std::vector<T> readHeaders(uint64_t offset, uint64_t count,
                             uint64_t entryBytes, const char *what) const;

  const std::vector<char> &data;
  const char *name;
  Elf64_Ehdr header;
  std::vector<Elf64_Phdr> segments;
};

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_ELF_H
