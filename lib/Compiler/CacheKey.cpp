//===- CacheKey.cpp - All that a bundle depends on ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Compiler/Cache.h"

#include "mqa/Dialect/MQA/IR/Target.h"
#include "mqa/Target/CPUObject.h"
#include "mqa/Target/ExternalTool.h"
#include "mqa/Target/PTX.h"

#include "mlir/Pass/Pass.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/Alignment.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/raw_ostream.h"

#include <link.h>

using namespace mlir;
using namespace mlir::mqa;

//===----------------------------------------------------------------------===//
// Which build
//===----------------------------------------------------------------------===//

namespace {
struct ObjectSearch {
  uintptr_t address;
  /// The build id of the object that has the address; else its file.
  std::string buildId, file;
};
} // namespace

/// The GNU build id among the notes of a segment; "" if there is none.
static std::string findBuildId(StringRef notes, uint64_t align) {
  while (notes.size() >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    memcpy(&note, notes.data(), sizeof(note));
    uint64_t nameBytes = llvm::alignTo(note.n_namesz, align);
    uint64_t bytes =
        sizeof(note) + nameBytes + llvm::alignTo(note.n_descsz, align);
    if (bytes > notes.size())
      return "";
    StringRef name = notes.substr(sizeof(note), note.n_namesz);
    if (note.n_type == NT_GNU_BUILD_ID && name == StringRef("GNU\0", 4))
      return llvm::toHex(notes.substr(sizeof(note) + nameBytes, note.n_descsz));
    notes = notes.drop_front(bytes);
  }
  return "";
}

/// Looks at one loaded object; 1 ends the search.
static int visitObject(dl_phdr_info *info, size_t, void *data) {
  auto &search = *static_cast<ObjectSearch *>(data);
  ArrayRef<ElfW(Phdr)> segments(info->dlpi_phdr, info->dlpi_phnum);
  bool isHere = llvm::any_of(segments, [&](const ElfW(Phdr) & segment) {
    return segment.p_type == PT_LOAD &&
           search.address - (info->dlpi_addr + segment.p_vaddr) <
               segment.p_memsz;
  });
  if (!isHere)
    return 0;
  // The program itself has no name here.
  bool isNamed = info->dlpi_name && *info->dlpi_name;
  search.file = isNamed ? info->dlpi_name : "/proc/self/exe";
  for (const ElfW(Phdr) & segment : segments)
    if (segment.p_type == PT_NOTE && search.buildId.empty())
      search.buildId =
          findBuildId(StringRef(reinterpret_cast<const char *>(info->dlpi_addr +
                                                               segment.p_vaddr),
                                segment.p_memsz),
                      segment.p_align == 8 ? 8 : 4);
  return 1;
}

/// Tells the build of the loaded object that has `address` from others: by its
/// build id, which two paths to one file share; without one, by its file.
/// "" if it cannot be told.
static std::string describeObject(const void *address) {
  ObjectSearch search{reinterpret_cast<uintptr_t>(address), "", ""};
  dl_iterate_phdr(visitObject, &search);
  if (!search.buildId.empty())
    return "build-id:" + search.buildId;
  return describeFile(search.file).value_or("");
}

/// An object of MLIR's own library. Addresses of functions and variables may be
/// stubs or copies in the program, so look at what the library itself writes:
/// the pointer to the table of virtual functions of a pass that is private
/// there.
static const void *getAddressInMLIR() {
  std::unique_ptr<Pass> pass = createCanonicalizerPass();
  const void *table;
  memcpy(&table, pass.get(), sizeof(table));
  return table;
}

/// This code's build, and that of the LLVM and MLIR under it.
static llvm::Expected<std::string> describeCompiler() {
  // Inside its function, so the object that has it is LLVM's library.
  const void *addressInLLVM = &llvm::errs();
  std::string all;
  for (auto [name, address] :
       {std::pair<StringRef, const void *>{
            "the compiler", reinterpret_cast<const void *>(&describeObject)},
        {"LLVM", addressInLLVM},
        {"MLIR", getAddressInMLIR()}}) {
    std::string object = describeObject(address);
    if (object.empty())
      return llvm::createStringError(
          "which build of " + name +
          " this is cannot be told: it has no build id, and its file is gone");
    all += object + ";";
  }
  return all;
}

//===----------------------------------------------------------------------===//
// Key
//===----------------------------------------------------------------------===//

/// The external tool that makes code for `options`; "none" without one.
static llvm::Expected<std::string>
describeTool(const std::optional<std::string> &path) {
  if (!path)
    return "none";
  if (std::optional<std::string> file = describeFile(*path))
    return *file;
  return llvm::createStringError("cannot look at '" + *path + "'");
}

llvm::Expected<std::string> mqa::getCacheKey(StringRef text,
                                             const CompileOptions &options) {
  std::string all;
  llvm::raw_string_ostream os(all);
  // Each part with its length: none can pass for another.
  auto add = [&](StringRef part) { os << part.size() << ":" << part << ";"; };
  llvm::Expected<std::string> compiler = describeCompiler();
  if (!compiler)
    return compiler.takeError();
  std::optional<CPUTarget> cpu;
  if (StringRef(options.target).split(':').first == kCpu) {
    llvm::Expected<CPUTarget> found = CPUTarget::fromName(options.target);
    if (!found)
      return found.takeError();
    cpu = std::move(*found);
  }
  std::optional<std::string> path;
  if (cpu)
    path = findLinker(cpu->triple);
  else if (options.assemble)
    path = findPtxas();
  llvm::Expected<std::string> tool = describeTool(path);
  if (!tool)
    return tool.takeError();
  add(MQA_VERSION);
  add(LLVM_VERSION_STRING);
  add(*compiler);
  add(*tool);
  add(options.target);
  add(options.schedule);
  if (cpu) {
    add(cpu->triple);
    add(cpu->cpu);
    add(cpu->tune);
    add(cpu->getFeatureString());
  }
  add(text);
  return llvm::toHex(llvm::SHA256::hash(llvm::arrayRefFromStringRef(all)),
                     /*LowerCase=*/true);
}
