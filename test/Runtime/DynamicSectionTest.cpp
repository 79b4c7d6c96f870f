//===- DynamicSectionTest.cpp - Objects that mislead dlopen ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bundles whose object has a dynamic section, or what that leads to, that is
// not so. dlopen would crash over most of them, or run something.
//
//===----------------------------------------------------------------------===//

#include "CpuKernelFixture.h"
#include "HandMade.h"

#include <elf.h>

#include <cstring>
#include <sys/mman.h>

using namespace mqa::test;

namespace {
/// An object to be altered.
class Object {
public:
  explicit Object(const char *path = MQA_FAKE_TASK) : data(readFile(path)) {}

  template <typename T> T read(size_t at) const {
    T value;
    std::memcpy(&value, &data.at(at + sizeof(T) - 1) - sizeof(T) + 1,
                sizeof(T));
    return value;
  }
  template <typename T> void write(size_t at, T value) {
    std::memcpy(&data.at(at + sizeof(T) - 1) - sizeof(T) + 1, &value,
                sizeof(T));
  }
  /// Where in the file a segment's header is.
  size_t findSegment(uint32_t type) const;
  /// Where in the file an entry of the dynamic section is.
  size_t findEntry(int64_t tag) const;
  uint64_t getValue(int64_t tag) const {
    return read<Elf64_Dyn>(findEntry(tag)).d_un.d_val;
  }
  /// Where the table is that an entry names: it is in the first segment, whose
  /// addresses are offsets.
  size_t findTable(int64_t tag) const { return getValue(tag); }
  void setEntry(int64_t tag, int64_t newTag, uint64_t value) {
    write(findEntry(tag), Elf64_Dyn{newTag, {value}});
  }
  void setValue(int64_t tag, uint64_t value) { setEntry(tag, tag, value); }

  std::string data;
};
} // namespace

size_t Object::findSegment(uint32_t type) const {
  auto header = read<Elf64_Ehdr>(0);
  for (size_t i = 0; i < header.e_phnum; ++i) {
    size_t at = header.e_phoff + i * sizeof(Elf64_Phdr);
    if (read<Elf64_Phdr>(at).p_type == type)
      return at;
  }
  ADD_FAILURE() << "no segment of type " << type;
  return 0;
}

size_t Object::findEntry(int64_t tag) const {
  auto segment = read<Elf64_Phdr>(findSegment(PT_DYNAMIC));
  for (size_t i = 0; i < segment.p_filesz; i += sizeof(Elf64_Dyn))
    if (read<Elf64_Dyn>(segment.p_offset + i).d_tag == tag)
      return segment.p_offset + i;
  ADD_FAILURE() << "no entry " << tag;
  return 0;
}

static void expectObjectRefused(const Object &object,
                                const std::string &message,
                                const std::string &what) {
  expectRefused(makeBundle(makeCpuManifest(), "object", object.data),
                "section 'object' " + message, what);
}

constexpr uint64_t kOdd[] = {UINT64_C(1) << 30, UINT64_C(1) << 40, UINT64_MAX};

TEST(DynamicSectionTest, AddressesOutside) {
  std::pair<int64_t, const char *> cases[] = {
      {DT_STRTAB, "has strings outside"},
      {DT_SYMTAB, "has symbols outside"},
      {DT_GNU_HASH, "has a hash table outside"},
      {DT_JMPREL, "has relocations outside"},
      {DT_PLTGOT, "has a DT_PLTGOT outside"}};
  for (auto [tag, message] : cases)
    for (uint64_t value : kOdd) {
      Object object;
      object.setValue(tag, value);
      expectObjectRefused(object, message, std::to_string(tag));
    }
}

TEST(DynamicSectionTest, Sizes) {
  std::tuple<int64_t, uint64_t, const char *> cases[] = {
      {DT_STRSZ, UINT64_C(1) << 30, "has strings outside"},
      {DT_STRSZ, UINT64_MAX, "has strings outside"},
      {DT_STRSZ, 0, "has strings without an end"},
      {DT_STRSZ, 3, "has strings without an end"},
      {DT_STRSZ, 1, "has a name outside of its strings"},
      {DT_SYMENT, 16, "has symbols of another size"},
      {DT_PLTRELSZ, 23, "has half a relocation"},
      {DT_PLTRELSZ, UINT64_C(24) << 30, "has relocations outside"},
      {DT_PLTREL, DT_REL, "has relocations of calls that are not of the kind"}};
  for (auto [tag, value, message] : cases) {
    Object object;
    object.setValue(tag, value);
    expectObjectRefused(object, message, std::to_string(tag));
  }
}

TEST(DynamicSectionTest, EntriesThatMustBe) {
  for (auto [tag, name] : {std::pair(int64_t(DT_STRTAB), "DT_STRTAB"),
                           {int64_t(DT_STRSZ), "DT_STRSZ"},
                           {int64_t(DT_SYMTAB), "DT_SYMTAB"},
                           {int64_t(DT_SYMENT), "DT_SYMENT"},
                           {int64_t(DT_PLTREL), "DT_PLTREL"},
                           {int64_t(DT_JMPREL), "DT_JMPREL"},
                           {int64_t(DT_PLTRELSZ), "DT_PLTRELSZ"}}) {
    Object object;
    object.setEntry(tag, DT_DEBUG, 0);
    expectObjectRefused(
        object, "has no " + std::string(name) + " in its dynamic section",
        name);
  }
  Object object;
  object.setEntry(DT_GNU_HASH, DT_DEBUG, 0);
  expectObjectRefused(object, "exports nothing: it has no hash table", "hash");
}

TEST(DynamicSectionTest, EntriesThatMustNotBe) {
  const char *needs = "needs the library '", *runs = "has code that runs when ";
  const char *code = "has relocations of code";
  const char *table = "has a table of the kind ";
  constexpr int64_t kRelr = 36;
  std::tuple<int64_t, uint64_t, const char *> cases[] = {
      {DT_NEEDED, 1, needs},
      {DT_AUXILIARY, 1, needs},
      {DT_FILTER, 1, needs},
      {DT_VERNEED, 0x200, needs},
      {DT_INIT, 0x1000, runs},
      {DT_FINI, 0x1000, runs},
      {DT_INIT_ARRAY, 0, runs},
      {DT_FINI_ARRAY, 0, runs},
      {DT_TEXTREL, 0, code},
      {DT_FLAGS, DF_TEXTREL, code},
      {DT_VERDEF, 0x200, table},
      {DT_VERSYM, 0x200, table},
      {kRelr, 0x200, table},
      {DT_NEEDED, 1 << 20, "has a name outside"},
      {DT_SONAME, 1 << 20, "has a name outside"},
      {DT_RPATH, 1 << 20, "has a name outside"},
      {DT_RUNPATH, UINT64_MAX, "has a name outside"}};
  for (auto [tag, value, message] : cases) {
    Object object;
    object.setEntry(DT_PLTGOT, tag, value);
    expectObjectRefused(object, message, std::to_string(tag));
  }
  // What does nothing.
  for (int64_t tag : {int64_t(DT_SONAME), int64_t(DT_DEBUG), int64_t(DT_FLAGS),
                      int64_t(DT_FLAGS_1), int64_t(0x60001234)}) {
    Object object;
    object.setEntry(DT_PLTGOT, tag, 1);
    expectLoads(makeBundle(makeCpuManifest(), "object", object.data));
  }
}

TEST(DynamicSectionTest, Segments) {
  Object object;
  size_t at = object.findSegment(PT_DYNAMIC);
  auto segment = object.read<Elf64_Phdr>(at);
  for (size_t i = 0; i < segment.p_filesz; i += sizeof(Elf64_Dyn))
    if (object.read<Elf64_Dyn>(segment.p_offset + i).d_tag == DT_NULL)
      object.write(segment.p_offset + i, Elf64_Dyn{DT_DEBUG, {0}});
  expectObjectRefused(object, "has a dynamic section without an end", "");
  object = Object();
  object.write(at + offsetof(Elf64_Phdr, p_type), uint32_t(PT_NOTE));
  expectObjectRefused(object, "has 0 dynamic segments, expected 1", "");
  object = Object();
  object.write(object.findSegment(PT_GNU_STACK), segment);
  expectObjectRefused(object, "has 2 dynamic segments, expected 1", "");
  object = Object();
  object.write(at + offsetof(Elf64_Phdr, p_vaddr), object.getValue(DT_STRTAB));
  object.write(at + offsetof(Elf64_Phdr, p_memsz), uint64_t(16));
  expectObjectRefused(object, "has a dynamic section that cannot be written to",
                      "");
  object = Object();
  object.write(at + offsetof(Elf64_Phdr, p_type), uint32_t(PT_TLS));
  expectObjectRefused(object, "has thread-local variables", "");
}

TEST(DynamicSectionTest, Symbols) {
  Object object;
  size_t at = object.findTable(DT_SYMTAB) + sizeof(Elf64_Sym);
  const auto good = object.read<Elf64_Sym>(at);
  auto expect = [&](const Elf64_Sym &symbol, const char *message) {
    object.write(at, symbol);
    expectObjectRefused(object, message, "");
  };
  Elf64_Sym symbol = good;
  symbol.st_name = 1 << 20;
  expect(symbol, "has a name outside of its strings");
  for (uint64_t value : {UINT64_C(0), UINT64_C(1) << 40, UINT64_MAX}) {
    symbol = good;
    symbol.st_value = value;
    expect(symbol, "has the function 'mqa_task_");
    symbol.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT);
    expect(symbol, "has the function 'mqa_task_");
  }
  symbol = good;
  symbol.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_GNU_IFUNC);
  expect(symbol, "has the symbol 'mqa_task_");
}

TEST(DynamicSectionTest, GnuHashTables) {
  for (auto [word, value, message] :
       {std::tuple(0, UINT32_MAX, "has a hash table outside"),
        {0, UINT32_C(1) << 20, "has a hash table outside"},
        {1, UINT32_MAX, "has a hash table that leads astray"},
        {2, UINT32_C(0), "has a hash table that leads astray"},
        {2, UINT32_C(3), "has a hash table that leads astray"},
        {2, UINT32_C(1) << 31, "has a hash table outside"}}) {
    Object object;
    object.write(object.findTable(DT_GNU_HASH) + 4 * word, value);
    expectObjectRefused(object, message, std::to_string(word));
  }
  // A chain that goes on, through the symbols.
  Object object;
  size_t table = object.findTable(DT_GNU_HASH);
  size_t chains = table + 16 + 8 * object.read<uint32_t>(table + 8) +
                  4 * object.read<uint32_t>(table);
  for (size_t at = chains; at < object.findTable(DT_SYMTAB); at += 4)
    object.write(at, object.read<uint32_t>(at) & ~UINT32_C(1));
  mqa_bundle *bundle = nullptr;
  EXPECT_EQ(load(makeBundle(makeCpuManifest(), "object", object.data), &bundle),
            MQA_ERROR_INVALID_BUNDLE);
}

TEST(DynamicSectionTest, HashTables) {
  const Object good(MQA_FAKE_OTHER_TASK);
  expectLoads(makeBundle(makeCpuManifest(), "object", good.data));
  size_t table = good.findTable(DT_HASH);
  uint32_t numBuckets = good.read<uint32_t>(table);
  uint32_t numSymbols = good.read<uint32_t>(table + 4);
  for (auto [word, value, message] :
       {std::tuple(0u, UINT32_MAX, "has a hash table outside"),
        {1u, UINT32_MAX, "has a hash table outside"},
        {1u, 0u, "has a hash table that leads astray"}}) {
    Object object = good;
    object.write(table + 4 * word, value);
    expectObjectRefused(object, message, std::to_string(word));
  }
  for (uint32_t i = 0; i < numBuckets + numSymbols; ++i)
    for (uint32_t value : {numSymbols, UINT32_MAX}) {
      Object object = good;
      object.write(table + 8 + 4 * i, value);
      mqa_bundle *bundle = nullptr;
      // A word that no bucket leads to does no harm.
      if (load(makeBundle(makeCpuManifest(), "object", object.data), &bundle) !=
          MQA_SUCCESS) {
        EXPECT_NE(std::string(mqa_last_error()).find("leads astray"),
                  std::string::npos);
      }
      mqa_bundle_destroy(bundle);
    }
  // Chains that are rings.
  Object object = good;
  for (uint32_t i = 0; i < numSymbols; ++i)
    object.write(table + 8 + 4 * (numBuckets + i), i);
  expectObjectRefused(object, "has a hash table that leads astray", "rings");
}

TEST(DynamicSectionTest, Relocations) {
  const Object good;
  size_t at = good.findTable(DT_JMPREL);
  const auto call = good.read<Elf64_Rela>(at);
  uint32_t type = ELF64_R_TYPE(call.r_info);
#ifdef __x86_64__
  constexpr uint32_t kRelative = R_X86_64_RELATIVE,
                     kChosen = R_X86_64_IRELATIVE;
#else
  constexpr uint32_t kRelative = R_AARCH64_RELATIVE,
                     kChosen = R_AARCH64_IRELATIVE;
#endif
  auto expect = [&](const Elf64_Rela &relocation, const char *message) {
    Object object = good;
    object.write(at, relocation);
    expectObjectRefused(object, message, "");
  };
  Elf64_Rela altered = call;
  for (uint64_t offset :
       {UINT64_C(0), UINT64_C(0x1000), UINT64_C(1) << 40, UINT64_MAX - 3}) {
    altered.r_offset = offset;
    expect(altered, "has a relocation of what cannot be written to");
  }
  altered = call;
  altered.r_info = ELF64_R_INFO(UINT64_C(1) << 31, type);
  expect(altered, "has a relocation to a symbol that there is not");
  altered.r_info = ELF64_R_INFO(0, kChosen);
  expect(altered, "has a relocation of the type ");
  altered.r_info = ELF64_R_INFO(0, kRelative);
  for (int64_t addend : {INT64_C(1) << 40, INT64_C(-1)}) {
    altered.r_addend = addend;
    expect(altered, "has a relocation that points outside of it");
  }
}

// Every byte of what dlopen reads of an object: whatever is there, there is an
// answer. What is not refused is loaded.
TEST(DynamicSectionTest, AlteredBytes) {
  for (const char *path : {MQA_FAKE_TASK, MQA_FAKE_OTHER_TASK}) {
    const Object good(path);
    auto dynamic = good.read<Elf64_Phdr>(good.findSegment(PT_DYNAMIC));
    auto first = good.read<Elf64_Phdr>(good.findSegment(PT_LOAD));
    int loaded = 0;
    // Where it was, if a child ends.
    auto *place = static_cast<std::pair<size_t, int> *>(
        mmap(nullptr, sizeof(std::pair<size_t, int>), PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    ASSERT_NE(place, MAP_FAILED);
    EXPECT_EQ(
        runInChild([&]() -> std::string {
          auto alter = [&](size_t at, int change) {
            *place = {at, change};
            Object object = good;
            object.data[at] = static_cast<char>(object.data[at] ^ change);
            mqa_bundle *bundle = nullptr;
            mqa_kernel *kernel = nullptr;
            if (!load(makeBundle(makeCpuManifest(), "object", object.data),
                      &bundle) &&
                !mqa_kernel_load(bundle, nullptr, 1, &kernel))
              ++loaded;
            mqa_kernel_destroy(kernel);
            mqa_bundle_destroy(bundle);
          };
          for (int change : {0x01, 0x08, 0x80, 0xff}) {
            for (size_t at = 0; at < first.p_filesz; ++at)
              alter(at, change);
            for (size_t at = 0; at < dynamic.p_filesz; ++at)
              alter(dynamic.p_offset + at, change);
          }
          return loaded ? "" : "nothing was loaded";
        }),
        "")
        << "byte " << place->first << " ^ " << place->second;
    munmap(place, sizeof(*place));
  }
}
