//===- PTX.cpp - Kernels to PTX and cubin ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Target/PTX.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/GPU/Transforms/Passes.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"

using namespace mlir;

FailureOr<std::string> mqa::translateToPTX(ModuleOp module) {
  PassManager pm(module.getContext());
  GpuModuleToBinaryPassOptions options;
  options.compilationTarget = "isa";
  pm.addPass(createGpuModuleToBinaryPass(options));
  if (failed(pm.run(module)))
    return failure();
  auto binaries = llvm::to_vector(module.getOps<gpu::BinaryOp>());
  if (binaries.size() != 1 || binaries.front().getObjects().size() != 1)
    return module.emitError()
           << "expected one gpu.module with kernels, found " << binaries.size();
  auto object = cast<gpu::ObjectAttr>(binaries.front().getObjects()[0]);
  // The serializer ends the string for C.
  return object.getObject().getValue().rtrim('\0').str();
}

std::optional<std::string> mqa::findPtxas() {
  if (auto path = llvm::sys::findProgramByName("ptxas"))
    return *path;
  StringRef toolkit = "/usr/local/cuda/bin";
  if (auto path = llvm::sys::findProgramByName("ptxas", toolkit))
    return *path;
  return std::nullopt;
}

/// A fresh temporary file's path, or an error at `loc`.
static FailureOr<SmallString<128>> makeTemporary(Location loc,
                                                 StringRef suffix) {
  SmallString<128> path;
  if (std::error_code error =
          llvm::sys::fs::createTemporaryFile("mqa", suffix, path))
    return emitError(loc) << "cannot create a temporary file: "
                          << error.message();
  return path;
}

static FailureOr<std::string> readFile(Location loc, StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return emitError(loc) << "cannot read '" << path
                          << "': " << buffer.getError().message();
  return (*buffer)->getBuffer().str();
}

/// Spilled bytes that do no harm: what a kernel's outer loop keeps while its
/// key loop has all registers, and reads again once per query block.
static constexpr int64_t kHarmlessSpill = 128;

/// The number before `what` in a line of ptxas' log; 0 if it is not there.
static int64_t getBytes(StringRef line, StringRef what) {
  StringRef before = line.take_front(line.find(what)).rtrim();
  int64_t bytes = 0;
  before.take_back(before.size() - before.find_last_of(" ,") - 1)
      .getAsInteger(10, bytes);
  return bytes;
}

/// Reports those lines of ptxas' log which mean a slow kernel.
static void reportSlowness(Location loc, StringRef log) {
  SmallVector<StringRef> lines;
  log.split(lines, '\n');
  for (StringRef line : lines) {
    bool spills = line.contains("bytes spill stores") &&
                  getBytes(line, "bytes spill loads") > kHarmlessSpill;
    // C7510 and C7512 say that WGMMA is serialised, as information only.
    if (spills || line.contains("warning") || line.contains("(C75"))
      emitWarning(loc) << "ptxas: " << line.trim();
  }
}

FailureOr<std::string> mqa::assemblePTX(Location loc, StringRef ptxas,
                                        StringRef chip, StringRef ptx) {
  FailureOr<SmallString<128>> input = makeTemporary(loc, "ptx");
  FailureOr<SmallString<128>> output = makeTemporary(loc, "cubin");
  FailureOr<SmallString<128>> logPath = makeTemporary(loc, "log");
  llvm::scope_exit cleanUp([&] {
    for (const auto &path : {input, output, logPath})
      if (succeeded(path))
        llvm::sys::fs::remove(*path);
  });
  if (failed(input) || failed(output) || failed(logPath))
    return failure();
  {
    std::error_code error;
    llvm::raw_fd_ostream os(*input, error);
    os << ptx;
    os.close();
    if (error || os.has_error())
      return emitError(loc) << "cannot write '" << *input << "'";
  }
  std::string arch = ("-arch=" + chip).str();
  std::optional<StringRef> redirects[] = {StringRef(), StringRef(*logPath),
                                          StringRef(*logPath)};
  std::string message;
  int exitCode = llvm::sys::ExecuteAndWait(
      ptxas, {ptxas, "-v", arch, *input, "-o", *output}, std::nullopt,
      redirects, /*SecondsToWait=*/120, /*MemoryLimit=*/0, &message);
  FailureOr<std::string> log = readFile(loc, *logPath);
  if (failed(log))
    return failure();
  if (exitCode)
    return emitError(loc) << "ptxas failed: " << message << *log;
  reportSlowness(loc, *log);
  return readFile(loc, *output);
}
