//===- PTX.cpp - Kernels to PTX and cubin ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Target/PTX.h"
#include "CodeGenerators.h"
#include "mqa/Target/ExternalTool.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/GPU/Transforms/Passes.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Support/Program.h"

using namespace mlir;

FailureOr<std::string> mqa::translateToPTX(ModuleOp module) {
  registerCodeGenerators();
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
  auto getArguments = [&](const std::string &input, const std::string &output) {
    return std::vector<std::string>{"-v", ("-arch=" + chip).str(), input, "-o",
                                    output};
  };
  FailureOr<ToolOutput> result = runExternalTool(
      loc,
      {"ptxas", ptxas, ".ptx", getArguments, llvm::ELF::EM_CUDA, std::nullopt},
      ptx);
  if (failed(result))
    return failure();
  reportSlowness(loc, result->log);
  return std::move(result->file);
}
