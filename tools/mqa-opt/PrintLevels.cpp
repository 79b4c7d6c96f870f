//===- PrintLevels.cpp - A file for each level of a kernel ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PrintLevels.h"

#include "mqa/Support/Output.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <atomic>
#include <mutex>

using namespace mlir;

namespace {
/// A level of docs/design.md, and the pass that leads to it.
struct Level {
  StringLiteral name, pass;
  /// Whether a kernel of this level is for a GPU: in a module of its own.
  bool isGpu;
};
} // namespace

static constexpr Level kLevels[] = {
    {"2-schedule", "mqa-select-schedule", false},
    {"3-tiled", "mqa-tile-logits", true},
    {"3-tiled", "mqa-tile-topk", true},
    {"4-rings", "mqa-stage-tiles", true},
    {"5-vectors", "mqa-vectorize-tiles", true},
    {"6-registers", "mqa-distribute-vectors", true},
    {"7-nvvm", "convert-mqa-to-nvvm", true},
    // Those of a CPU, which have no numbers there.
    {"2-tasks", "mqa-tile-tasks", false},
    {"3-linalg", "convert-mqa-to-linalg", false},
    {"4-vectors", "mqa-vectorize-linalg", false},
    {"5-llvm", "convert-linalg-to-loops", false},
};

/// A module with nothing but `kernel` in it, so that passes can go on from
/// there. Only what encloses the kernel is read: other threads have its
/// neighbours.
static OwningOpRef<Operation *> isolate(Operation *kernel) {
  Operation *copy = kernel->clone();
  for (Operation *parent = kernel->getParentOp(); parent;
       parent = parent->getParentOp()) {
    Operation *outer = parent->cloneWithoutRegions();
    outer->getRegion(0).emplaceBlock().push_back(copy);
    copy = outer;
  }
  return copy;
}

/// What may be part of a file's name.
static std::string getFileName(StringRef kernel, StringRef level) {
  std::string name = (kernel + "." + level + ".mlir").str();
  for (char &c : name)
    if (!llvm::isAlnum(c) && !StringRef("_-.$").contains(c))
      c = '_';
  return name;
}

namespace {
class LevelPrinter : public PassInstrumentation {
public:
  explicit LevelPrinter(StringRef folder) : folder(folder) {}

  void runBeforePass(Pass *pass, Operation *op) override;
  void runAfterPass(Pass *pass, Operation *op) override;

private:
  void printAll(Pass *pass, Operation *op,
                function_ref<StringRef(FunctionOpInterface)> getLevel);
  void print(FunctionOpInterface kernel, StringRef level);

  std::string folder;
  /// Passes run on several kernels at a time.
  std::mutex mutex;
  /// Of the functions that were there before the first pass.
  llvm::StringMap<StringRef> levels;
  std::atomic<bool> hasFailed = false;
};
} // namespace

/// The functions that come ahead of the first pass; those that passes make are
/// no kernels.
void LevelPrinter::runBeforePass(Pass *pass, Operation *op) {
  {
    std::lock_guard lock(mutex);
    if (!levels.empty() && !isa<FunctionOpInterface>(op))
      return;
  }
  printAll(pass, op, [&](FunctionOpInterface kernel) -> StringRef {
    std::lock_guard lock(mutex);
    bool isOp = !kernel->getParentOfType<gpu::GPUModuleOp>();
    auto [entry, isNew] =
        levels.try_emplace(kernel.getName(), isOp ? "1-op" : "0-input");
    return isNew ? entry->second : StringRef();
  });
}

/// A kernel stays on a level until another pass leads to the next one.
void LevelPrinter::runAfterPass(Pass *pass, Operation *op) {
  printAll(pass, op, [&](FunctionOpInterface kernel) -> StringRef {
    std::lock_guard lock(mutex);
    auto entry = levels.find(kernel.getName());
    if (entry == levels.end())
      return {};
    bool isGpu = static_cast<bool>(kernel->getParentOfType<gpu::GPUModuleOp>());
    for (const Level &next : kLevels)
      if (next.pass == pass->getArgument() && next.isGpu == isGpu)
        entry->second = next.name;
    return entry->second;
  });
}

void LevelPrinter::print(FunctionOpInterface kernel, StringRef level) {
  std::string text;
  llvm::raw_string_ostream os(text);
  isolate(kernel)->print(os, OpPrintingFlags().assumeVerified());
  os << '\n';
  SmallString<128> path(folder);
  llvm::sys::path::append(path, getFileName(kernel.getName(), level));
  std::lock_guard lock(mutex);
  // One message is enough.
  if (hasFailed)
    return;
  std::error_code code = llvm::sys::fs::create_directories(folder);
  std::string error = code
                          ? code.message()
                          : ::mqa::support::writeOutput(path.str().str(), text);
  if (error.empty())
    return;
  hasFailed = true;
  kernel->emitError() << "cannot write '" << path << "': " << error;
}

void LevelPrinter::printAll(
    Pass *pass, Operation *op,
    function_ref<StringRef(FunctionOpInterface)> getLevel) {
  // A pipeline that the pass manager runs on what is inside is no pass.
  if (pass->getArgument().empty())
    return;
  op->walk<WalkOrder::PreOrder>([&](FunctionOpInterface kernel) {
    if (kernel.isExternal())
      return WalkResult::skip();
    StringRef level = getLevel(kernel);
    if (!level.empty())
      print(kernel, level);
    return WalkResult::skip();
  });
  if (hasFailed)
    signalPassFailure(pass);
}

std::unique_ptr<PassInstrumentation>
mqa::tools::createLevelPrinter(StringRef folder) {
  return std::make_unique<LevelPrinter>(folder);
}
