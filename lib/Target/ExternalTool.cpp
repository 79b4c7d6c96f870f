//===- ExternalTool.cpp - ptxas and ld ------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Target/ExternalTool.h"

#include "mqa/Support/Output.h"
#include "mqa/Support/Subprocess.h"
#include "mqa/Support/TemporaryFolder.h"

#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Object/ELF.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace mlir::mqa;
namespace support = ::mqa::support;

/// The first lines of what a tool said, in one: ": a; b".
static std::string summarize(StringRef log) {
  constexpr size_t kMaxLines = 3, kMaxBytes = 500;
  SmallVector<StringRef> lines, said;
  log.split(lines, '\n');
  for (StringRef line : lines)
    if (!line.trim().empty() && said.size() < kMaxLines)
      said.push_back(line.trim());
  std::string all = llvm::join(said, "; ");
  return all.empty() ? all : ": " + all.substr(0, kMaxBytes);
}

/// What is wrong with an output; "" if it is an ELF file for the machine and of
/// the type, in which all parts lie where its headers say.
static std::string checkElf(StringRef bytes, const ExternalTool &tool) {
  using Elf = llvm::object::ELF64LE;
  if (!bytes.starts_with(llvm::ELF::ElfMagic))
    return "it is no ELF file";
  auto file = llvm::object::ELFFile<Elf>::create(bytes);
  if (!file)
    return llvm::toString(file.takeError());
  const auto &header = file->getHeader();
  if (header.e_machine != tool.machine)
    return "it is for ELF machine " + std::to_string(header.e_machine) +
           ", expected " + std::to_string(tool.machine);
  if (tool.elfType && header.e_type != *tool.elfType)
    return "its ELF type is " + std::to_string(header.e_type) + ", expected " +
           std::to_string(*tool.elfType);
  auto segments = file->program_headers();
  if (!segments)
    return llvm::toString(segments.takeError());
  auto isInside = [&](uint64_t offset, uint64_t size) {
    return offset <= bytes.size() && size <= bytes.size() - offset;
  };
  for (const auto &segment : *segments)
    if (!isInside(segment.p_offset, segment.p_filesz))
      return "a segment ends behind the file";
  auto sections = file->sections();
  if (!sections)
    return llvm::toString(sections.takeError());
  for (const auto &section : *sections)
    if (section.sh_type != llvm::ELF::SHT_NOBITS &&
        !isInside(section.sh_offset, section.sh_size))
      return "a section ends behind the file";
  return sections->empty() ? "it has no sections" : "";
}

FailureOr<ToolOutput> mlir::mqa::runExternalTool(Location loc,
                                                 const ExternalTool &tool,
                                                 StringRef input) {
  constexpr std::chrono::seconds kTimeLimit(120);
  support::TemporaryFolder folder;
  if (!folder.getError().empty())
    return emitError(loc) << folder.getError();
  std::string inputPath = folder.getPath(("input" + tool.inputSuffix).str());
  std::string outputPath = folder.getPath("output");
  std::string error = support::writeOutput(inputPath, input);
  if (!error.empty())
    return emitError(loc) << "cannot write '" << inputPath << "': " << error;
  support::ProgramResult result = support::runProgram(
      tool.path.str(), tool.getArguments(inputPath, outputPath), kTimeLimit);
  if (!result.failure.empty())
    return emitError(loc) << tool.name << " failed ('" << tool.path
                          << "'): " << result.failure
                          << summarize(result.output);
  auto buffer = llvm::MemoryBuffer::getFile(outputPath, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false,
                                            /*IsVolatile=*/true);
  std::string wrong = !buffer ? buffer.getError().message()
                      : (*buffer)->getBufferSize() == 0
                          ? "it is empty"
                          : checkElf((*buffer)->getBuffer(), tool);
  if (!wrong.empty())
    return emitError(loc) << tool.name << " ('" << tool.path << "') ended "
                          << (result.unknownExit ? "with an unknown exit code"
                                                 : "with exit code 0")
                          << ", but its output cannot be used: " << wrong
                          << summarize(result.output);
  return ToolOutput{(*buffer)->getBuffer().str(), std::move(result.output)};
}

std::optional<std::string> mlir::mqa::describeFile(StringRef path) {
  SmallString<256> real;
  llvm::sys::fs::file_status status;
  if (llvm::sys::fs::real_path(path, real) ||
      llvm::sys::fs::status(real, status))
    return std::nullopt;
  auto time = status.getLastModificationTime().time_since_epoch().count();
  return (real + ":" + Twine(status.getSize()) + ":" + Twine(time)).str();
}
