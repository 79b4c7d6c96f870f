//===- SharedObject.cpp - What dlopen relies on in an object --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SharedObject.h"
#include "DynamicSection.h"

using namespace mqa::runtime;

#if defined(__x86_64__)
static constexpr uint16_t kHostMachine = EM_X86_64;
#elif defined(__aarch64__)
static constexpr uint16_t kHostMachine = EM_AARCH64;
#else
static constexpr uint16_t kHostMachine = EM_NONE;
#endif

static constexpr uint64_t kPageBytes = 4096;

//===----------------------------------------------------------------------===//
// Segments
//===----------------------------------------------------------------------===//

/// The loader maps segments one behind the other, and each page of a file.
static void checkLoadSegments(const ElfFile &file) {
  constexpr uint64_t kMaxAddress = uint64_t(1) << 32;
  uint64_t end = 0;
  bool hasAny = false;
  for (const Elf64_Phdr &segment : file.getSegments()) {
    if (segment.p_type != PT_LOAD)
      continue;
    if (segment.p_memsz < segment.p_filesz || segment.p_memsz > kMaxAddress ||
        segment.p_vaddr > kMaxAddress - segment.p_memsz ||
        segment.p_vaddr < end ||
        (segment.p_vaddr - segment.p_offset) % kPageBytes)
      file.refuse("has a segment that cannot be loaded where it says");
    end = segment.p_vaddr + segment.p_memsz;
    hasAny = true;
  }
  if (!hasAny)
    file.refuse("has no segments to load");
}

/// How much of a segment must be part of one that is loaded.
static uint64_t getInnerBytes(const Elf64_Phdr &segment) {
  if (segment.p_type != PT_GNU_RELRO)
    return segment.p_memsz;
  // Whole pages are protected, of which the last begins in the segment.
  uint64_t end = segment.p_vaddr + segment.p_memsz;
  uint64_t last = end - end % kPageBytes - kPageBytes;
  return last > segment.p_vaddr && last < end ? last - segment.p_vaddr + 1 : 0;
}

/// The others are parts of those, which the loader and unwinders read there.
static void checkInnerSegments(const ElfFile &file) {
  int numDynamic = 0;
  for (const Elf64_Phdr &segment : file.getSegments()) {
    if (segment.p_type == PT_TLS)
      file.refuse("has thread-local variables: kernels have none");
    if (segment.p_type == PT_LOAD || segment.p_type == PT_NULL ||
        segment.p_type == PT_GNU_STACK)
      continue;
    if (!file.isLoaded(segment.p_vaddr, getInnerBytes(segment)))
      file.refuse("has a segment outside of those that are loaded");
    numDynamic += segment.p_type == PT_DYNAMIC;
  }
  if (numDynamic != 1)
    file.refuse("has " + std::to_string(numDynamic) +
                " dynamic segments, expected 1");
}

uint16_t mqa::runtime::checkSharedObject(const std::vector<char> &object) {
  ElfFile file(object, "object");
  if (file.getType() != ET_DYN)
    file.refuse("is not a shared object: its ELF type is " +
                std::to_string(file.getType()));
  checkLoadSegments(file);
  checkInnerSegments(file);
  checkDynamicSection(file);
  return file.getMachine();
}

//===----------------------------------------------------------------------===//
// The machine
//===----------------------------------------------------------------------===//

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
