//===- DynamicSection.cpp - What an object tells dlopen
//--------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DynamicSection.h"

#include <algorithm>
#include <map>

using namespace mqa::runtime;

namespace {
/// What tells dlopen where everything is.
class DynamicSection {
public:
  explicit DynamicSection(const ElfFile &file);
  /// All of it, as far as kernels may have it.
  void check();

private:
  bool has(int64_t tag) const { return entries.count(tag); }
  /// Of an entry that there must be.
  uint64_t get(int64_t tag, const char *name) const;
  void refuseLoadingMore() const;
  void refuseRunning() const;
  void refuseUncheckedTables() const;
  std::string getString(uint64_t offset) const;
  uint64_t countByGnuHash() const;
  uint64_t countByHash() const;
  void readSymbols();
  void checkSymbol(const Elf64_Sym &symbol) const;
  void checkRelocations(uint64_t address, uint64_t bytes) const;

  const ElfFile &file;
  /// Of a tag that comes twice the loader takes the last.
  std::map<int64_t, uint64_t> entries;
  std::vector<char> strings;
  std::vector<Elf64_Sym> symbols;
};
} // namespace

DynamicSection::DynamicSection(const ElfFile &file) : file(file) {
  for (const Elf64_Phdr &segment : file.getSegments()) {
    if (segment.p_type != PT_DYNAMIC)
      continue;
    // The loader writes addresses into it.
    if (!file.isLoaded(segment.p_vaddr, segment.p_memsz, PF_R | PF_W))
      file.refuse("has a dynamic section that cannot be written to");
    for (const Elf64_Dyn &entry : file.readLoaded<Elf64_Dyn>(
             segment.p_vaddr, segment.p_memsz / sizeof(Elf64_Dyn),
             "its dynamic section")) {
      if (entry.d_tag == DT_NULL)
        return;
      entries[entry.d_tag] = entry.d_un.d_val;
    }
  }
  file.refuse("has a dynamic section without an end");
}

uint64_t DynamicSection::get(int64_t tag, const char *name) const {
  auto found = entries.find(tag);
  if (found == entries.end())
    file.refuse(std::string("has no ") + name + " in its dynamic section");
  return found->second;
}

std::string DynamicSection::getString(uint64_t offset) const {
  if (offset >= strings.size())
    file.refuse("has a name outside of its strings");
  return strings.data() + offset;
}

void DynamicSection::refuseLoadingMore() const {
  for (int64_t tag : {int64_t(DT_NEEDED), int64_t(DT_AUXILIARY),
                      int64_t(DT_FILTER), int64_t(DT_VERNEED)})
    if (has(tag))
      file.refuse("needs the library '" +
                  (tag == DT_VERNEED ? "?" : getString(entries.at(tag))) +
                  "': kernels call nothing");
}

/// Constructors would run in mqa_kernel_load, destructors in
/// mqa_kernel_destroy; no kernel has any.
void DynamicSection::refuseRunning() const {
  for (int64_t tag :
       {DT_INIT, DT_FINI, DT_INIT_ARRAY, DT_FINI_ARRAY, DT_PREINIT_ARRAY})
    if (has(tag))
      file.refuse("has code that runs when it is loaded or closed: kernels run "
                  "when they are launched");
}

/// What the compiler's `ld -shared` does not make of a kernel, and dlopen would
/// read unchecked.
void DynamicSection::refuseUncheckedTables() const {
  constexpr int64_t kRelr = 36;
  uint64_t flags = has(DT_FLAGS) ? entries.at(DT_FLAGS) : 0;
  if (has(DT_TEXTREL) || flags & DF_TEXTREL)
    file.refuse("has relocations of code");
  for (int64_t tag : {int64_t(DT_VERDEF), int64_t(DT_VERSYM), kRelr})
    if (has(tag))
      file.refuse("has a table of the kind " + std::to_string(tag) +
                  ", which no kernel has");
}

//===----------------------------------------------------------------------===//
// Symbols
//===----------------------------------------------------------------------===//

/// DT_HASH: chains of symbols, which end with 0.
uint64_t DynamicSection::countByHash() const {
  const char *what = "a hash table";
  uint64_t address = get(DT_HASH, "DT_HASH");
  auto sizes = file.readLoaded<uint32_t>(address, 2, what);
  uint64_t numBuckets = sizes[0], numSymbols = sizes[1];
  auto table =
      file.readLoaded<uint32_t>(address, 2 + numBuckets + numSymbols, what);
  const uint32_t *chains = table.data() + 2 + numBuckets;
  std::vector<bool> seen(numSymbols);
  for (uint64_t bucket = 0; bucket < numBuckets; ++bucket)
    for (uint64_t i = table[2 + bucket]; i; i = chains[i]) {
      // A chain that joins another may have no end.
      if (i >= numSymbols || seen[i])
        file.refuse("has a hash table that leads astray");
      seen[i] = true;
    }
  return numSymbols;
}

/// DT_GNU_HASH: a Bloom filter of 64-bit words, then for each bucket its first
/// symbol, then a word for each symbol, of which the lowest bit ends a bucket.
uint64_t DynamicSection::countByGnuHash() const {
  uint64_t address = get(DT_GNU_HASH, "DT_GNU_HASH");
  // How long it is, it does not say.
  auto words = file.readLoaded<uint32_t>(
      address, file.findLoaded(address).second / sizeof(uint32_t),
      "a hash table");
  auto read = [&](uint64_t i) {
    if (i >= words.size())
      file.refuse("has a hash table outside of what is loaded of it");
    return words[i];
  };
  uint64_t numBuckets = read(0), firstSymbol = read(1), filterWords = read(2);
  // glibc asserts it.
  if (filterWords == 0 || filterWords & (filterWords - 1))
    file.refuse("has a hash table that leads astray");
  uint64_t bucketsAt = 4 + 2 * filterWords, chainsAt = bucketsAt + numBuckets;
  uint64_t last = 0;
  for (uint64_t i = bucketsAt; i < chainsAt; ++i) {
    uint64_t bucket = read(i);
    if (bucket && bucket < firstSymbol)
      file.refuse("has a hash table that leads astray");
    last = std::max(last, bucket);
  }
  if (last == 0)
    return firstSymbol;
  // Every other bucket ends where this one does, or earlier.
  while (!(read(chainsAt + last - firstSymbol) & 1))
    ++last;
  return last + 1;
}

void DynamicSection::readSymbols() {
  if (!has(DT_HASH) && !has(DT_GNU_HASH))
    file.refuse("exports nothing: it has no hash table");
  uint64_t count = 0;
  if (has(DT_HASH))
    count = countByHash();
  if (has(DT_GNU_HASH))
    count = std::max(count, countByGnuHash());
  if (get(DT_SYMENT, "DT_SYMENT") != sizeof(Elf64_Sym))
    file.refuse("has symbols of another size than ELF's");
  symbols =
      file.readLoaded<Elf64_Sym>(get(DT_SYMTAB, "DT_SYMTAB"), count, "symbols");
  for (const Elf64_Sym &symbol : symbols)
    checkSymbol(symbol);
}

void DynamicSection::checkSymbol(const Elf64_Sym &symbol) const {
  std::string name = getString(symbol.st_name);
  if (symbol.st_shndx == SHN_UNDEF)
    return;
  int type = ELF64_ST_TYPE(symbol.st_info);
  // Its function would choose among others, in dlsym.
  if (type == STT_GNU_IFUNC)
    file.refuse("has the symbol '" + name + "', which is chosen when loaded");
  if ((type == STT_FUNC || name.rfind("mqa_task_", 0) == 0) &&
      !file.isLoaded(symbol.st_value, 1, PF_X))
    file.refuse("has the function '" + name + "' outside of its code");
}

//===----------------------------------------------------------------------===//
// Relocations
//===----------------------------------------------------------------------===//

/// Whether a relocation stores the address of a symbol or of a place in the
/// object, which is all that kernels need. What it is for a machine that is not
/// this one is no matter: there the object is not loaded.
static bool isAddress(uint16_t machine, [[maybe_unused]] uint32_t type) {
#if defined(__x86_64__)
  if (machine == EM_X86_64)
    return type == R_X86_64_64 || type == R_X86_64_GLOB_DAT ||
           type == R_X86_64_JUMP_SLOT || type == R_X86_64_RELATIVE ||
           type == R_X86_64_NONE;
#elif defined(__aarch64__)
  if (machine == EM_AARCH64)
    return type == R_AARCH64_ABS64 || type == R_AARCH64_GLOB_DAT ||
           type == R_AARCH64_JUMP_SLOT || type == R_AARCH64_RELATIVE ||
           type == R_AARCH64_NONE;
#endif
  return true;
}

void DynamicSection::checkRelocations(uint64_t address, uint64_t bytes) const {
  if (bytes % sizeof(Elf64_Rela))
    file.refuse("has half a relocation");
  if (bytes == 0)
    return;
  for (const Elf64_Rela &relocation : file.readLoaded<Elf64_Rela>(
           address, bytes / sizeof(Elf64_Rela), "relocations")) {
    uint32_t type = ELF64_R_TYPE(relocation.r_info);
    if (!isAddress(file.getMachine(), type))
      file.refuse("has a relocation of the type " + std::to_string(type) +
                  ", which no kernel has");
    if (!file.isLoaded(relocation.r_offset, sizeof(uint64_t), PF_W))
      file.refuse("has a relocation of what cannot be written to");
    uint64_t index = ELF64_R_SYM(relocation.r_info);
    if (index == 0) {
      // The end of a table is an address too.
      if (type && !file.isLoaded(relocation.r_addend, 0))
        file.refuse("has a relocation that points outside of it");
      continue;
    }
    if (index >= symbols.size())
      file.refuse("has a relocation to a symbol that there is not");
    if (symbols[index].st_shndx == SHN_UNDEF)
      file.refuse("needs the symbol '" + getString(symbols[index].st_name) +
                  "' of the host program: kernels call nothing");
  }
}

void DynamicSection::check() {
  strings = file.readLoaded<char>(get(DT_STRTAB, "DT_STRTAB"),
                                  get(DT_STRSZ, "DT_STRSZ"), "strings");
  if (strings.empty() || strings.back() != '\0')
    file.refuse("has strings without an end");
  for (int64_t tag : {DT_SONAME, DT_RPATH, DT_RUNPATH})
    if (has(tag))
      (void)getString(entries.at(tag));
  refuseLoadingMore();
  refuseRunning();
  refuseUncheckedTables();
  readSymbols();
  if (has(DT_PLTGOT) && !file.isLoaded(entries.at(DT_PLTGOT), 0))
    file.refuse("has a DT_PLTGOT outside of what is loaded of it");
  if (has(DT_RELA)) {
    if (get(DT_RELAENT, "DT_RELAENT") != sizeof(Elf64_Rela))
      file.refuse("has relocations of another size than ELF's");
    checkRelocations(entries.at(DT_RELA), get(DT_RELASZ, "DT_RELASZ"));
  }
  // glibc looks for the table where there is its kind.
  if (has(DT_JMPREL) || has(DT_PLTREL)) {
    if (get(DT_PLTREL, "DT_PLTREL") != DT_RELA)
      file.refuse("has relocations of calls that are not of the kind DT_RELA");
    checkRelocations(get(DT_JMPREL, "DT_JMPREL"),
                     get(DT_PLTRELSZ, "DT_PLTRELSZ"));
  }
}

void mqa::runtime::checkDynamicSection(const ElfFile &file) {
  DynamicSection(file).check();
}
