//===- ElfTest.cpp - Code of a bundle that is not whole -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bundles whose object or cubin is cut off, or says of itself what is not so.
//
//===----------------------------------------------------------------------===//

#include "HandMade.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <cstring>

using namespace mqa::test;

static void expectObjectRefused(const std::string &object,
                                const std::string &message,
                                const std::string &what) {
  expectRefused(makeBundle(makeCpuManifest(), "object", object), message, what);
}

// Of such a file, dlopen would map pages that are not there.
TEST(ElfTest, TruncatedObjects) {
  std::string object = readFakeTask();
  expectLoads(makeBundle(makeCpuManifest(), "object", object));
  for (size_t i = 1; i <= 200; ++i) {
    size_t size = object.size() * i / 201;
    expectObjectRefused(object.substr(0, size), "section 'object' ",
                        std::to_string(size));
  }
  for (size_t size : {1, 4, 16, 63, 64, 65})
    expectObjectRefused(object.substr(0, size), "section 'object' ",
                        std::to_string(size));
  expectObjectRefused(object.substr(0, object.size() - 1),
                      "section headers behind its end: truncated?", "last");
}

/// The fake task with `value` at byte `at`.
template <typename T> static std::string alterObject(size_t at, T value) {
  std::string object = readFakeTask();
  std::memcpy(object.data() + at, &value, sizeof(T));
  return object;
}

TEST(ElfTest, ElfHeaders) {
  using Header = Elf64_Ehdr;
  auto expect = [](size_t at, auto value, const char *message) {
    expectObjectRefused(alterObject(at, value), message,
                        std::to_string(at) + ": " + std::to_string(value));
  };
  for (size_t i = 0; i < 4; ++i)
    expect(i, 'x', "section 'object' is not an ELF file");
  for (size_t i : {EI_CLASS, EI_DATA, EI_VERSION})
    for (char value : {0, 3, 127})
      expect(i, value, "is not a 64-bit little-endian ELF file of version 1");
  for (uint16_t type : {ET_NONE, ET_REL, ET_EXEC, ET_CORE})
    expect(offsetof(Header, e_type), type, "is not a shared object: its ELF");
  for (uint64_t offset :
       {UINT64_C(1) << 20, UINT64_C(1) << 63, UINT64_MAX, UINT64_MAX - 55}) {
    expect(offsetof(Header, e_phoff), offset, "segment headers behind its end");
    expect(offsetof(Header, e_shoff), offset, "section headers behind its end");
  }
  for (uint16_t size : {0, 1, 32, 55, 57, 65535}) {
    expect(offsetof(Header, e_phentsize), size, "has segment headers of ");
    expect(offsetof(Header, e_shentsize), size, "has section headers of ");
  }
  expect(offsetof(Header, e_phnum), uint16_t(0), "has no segments to load");
  expect(offsetof(Header, e_phnum), uint16_t(65535), "section 'object' has ");
  expect(offsetof(Header, e_shnum), uint16_t(65535), "behind its end");
}

TEST(ElfTest, ElfTables) {
  std::string object = readFakeTask();
  Elf64_Ehdr header;
  std::memcpy(&header, object.data(), sizeof(header));
  const uint64_t odd[] = {object.size() + 1, UINT64_C(1) << 40, UINT64_MAX};
  const char *truncated = "that ends behind it: truncated?";
  for (int i = 0; i < header.e_phnum; ++i) {
    size_t at = header.e_phoff + i * sizeof(Elf64_Phdr);
    Elf64_Phdr segment;
    std::memcpy(&segment, object.data() + at, sizeof(segment));
    std::string what = "segment " + std::to_string(i);
    for (uint64_t value : odd) {
      expectObjectRefused(
          alterObject(at + offsetof(Elf64_Phdr, p_filesz), value), truncated,
          what);
      expectObjectRefused(
          alterObject(at + offsetof(Elf64_Phdr, p_offset), value), truncated,
          what);
    }
    if (segment.p_type == PT_DYNAMIC || segment.p_type == PT_GNU_RELRO)
      expectObjectRefused(
          alterObject(at + offsetof(Elf64_Phdr, p_vaddr), UINT64_C(1) << 30),
          "has a segment outside of those that are loaded", what);
    if (segment.p_type != PT_LOAD)
      continue;
    for (size_t field :
         {offsetof(Elf64_Phdr, p_vaddr), offsetof(Elf64_Phdr, p_memsz)})
      for (uint64_t value : {UINT64_MAX, UINT64_C(1) << 33})
        expectObjectRefused(alterObject(at + field, value),
                            "cannot be loaded where it says", what);
  }
  for (int i = 1; i < header.e_shnum; ++i) {
    size_t at = header.e_shoff + i * sizeof(Elf64_Shdr);
    Elf64_Shdr section;
    std::memcpy(&section, object.data() + at, sizeof(section));
    if (section.sh_type == SHT_NOBITS)
      continue;
    expectObjectRefused(
        alterObject(at + offsetof(Elf64_Shdr, sh_size), UINT64_C(1) << 40),
        truncated, "section " + std::to_string(i));
  }
}

TEST(ElfTest, AnObjectForAnotherMachine) {
  std::string object =
      alterObject(offsetof(Elf64_Ehdr, e_machine), uint16_t(EM_RISCV));
  mqa_bundle *bundle = nullptr;
  ASSERT_EQ(load(makeBundle(makeCpuManifest(), "object", object), &bundle),
            MQA_SUCCESS)
      << "its kernels can be described";
  mqa_kernel *kernel = nullptr;
  EXPECT_EQ(mqa_kernel_load(bundle, nullptr, 1, &kernel),
            MQA_ERROR_UNSUPPORTED);
  EXPECT_EQ(std::string(mqa_last_error())
                .find("the bundle is for ELF machine "
                      "243, this machine is "),
            0u)
      << mqa_last_error();
  mqa_bundle_destroy(bundle);
}

TEST(ElfTest, Cubins) {
  constexpr uint16_t kCudaMachine = 190;
  auto makeCubin = [](const std::string &cubin) {
    return makeBundle(makeGpuManifest(), "cubin", cubin);
  };
  // As far as the runtime looks, this is one.
  std::string cubin =
      alterObject(offsetof(Elf64_Ehdr, e_machine), kCudaMachine);
  expectLoads(makeCubin(cubin));
  expectRefused(makeCubin("x"), "section 'cubin' has 1 bytes, fewer", "x");
  expectRefused(makeCubin(std::string(100, 'x')), "is not an ELF file", "xx");
  expectRefused(makeCubin(readFakeTask()), "'cubin' is not for a GPU: its ELF",
                "for the CPU");
  for (size_t i = 1; i < 20; ++i)
    expectRefused(makeCubin(cubin.substr(0, cubin.size() * i / 20)),
                  "section 'cubin' ", "truncated cubin");
}
