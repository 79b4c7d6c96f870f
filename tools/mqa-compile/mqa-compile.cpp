//===- mqa-compile.cpp - From MLIR text to a bundle -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LLVMTool.h"
#include "Terminal.h"
#include "mqa/Compiler/Cache.h"
#include "mqa/Compiler/Compile.h"
#include "mqa/Dialect/MQA/Transforms/Passes.h"
#include "mqa/Dialect/MQA/Transforms/ScheduleTable.h"
#include "mqa/InitAll.h"
#include "mqa/Support/Cleanup.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/Threading.h"
#include "llvm/Support/WithColor.h"

#include <chrono>
#include <mutex>
#include <pthread.h>

using namespace mlir;
using namespace mlir::mqa;
namespace cl = llvm::cl;

static constexpr const char *kName = "mqa-compile";

static cl::OptionCategory category("mqa-compile options");
static cl::opt<std::string> inputFile(cl::Positional, cl::desc("<input.mlir>"),
                                      cl::init("-"), cl::cat(category));
static cl::opt<std::string> outputFile("o", cl::desc("Output file"),
                                       cl::value_desc("file"), cl::init("-"),
                                       cl::cat(category));
static const std::string targetHelp(
    ChipInfo::listNames() +
    " (this machine's), or cpu:PROCESSOR[:+FEATURE|:-FEATURE]... by LLVM's "
    "names. Several targets, separated by ',', make one bundle; the runtime "
    "takes the best kernel for its device");
static cl::opt<std::string> target("target", cl::desc(targetHelp),
                                   cl::value_desc("targets"),
                                   cl::init(kDefaultChip.str()),
                                   cl::cat(category));
static cl::opt<EmitKind> emit(
    "emit", cl::desc("What to write"), cl::init(EmitKind::Bundle),
    cl::values(clEnumValN(EmitKind::Bundle, "bundle",
                          "what mqa-run and the runtime load (default)"),
               clEnumValN(EmitKind::PTX, "ptx", "the kernels' PTX"),
               clEnumValN(EmitKind::Cubin, "cubin",
                          "the kernels' machine code (needs ptxas)"),
               clEnumValN(EmitKind::MLIR, "mlir", "the last level of MLIR")),
    cl::cat(category));
static cl::opt<std::string> scheduleOption(
    "mqa-schedule",
    cl::desc("The schedule of every op that has none: 'exact' (default), "
             "'fast' (heads summed in half precision), or for instance "
             "'block_q = 8, block_kv = 256, tile_kv = 128, stages = 2'"),
    cl::cat(category));

static cl::opt<std::string> cacheFolder(
    "mqa-cache",
    cl::desc("A folder that keeps bundles. If it has the result already, "
             "nothing is compiled"),
    cl::value_desc("folder"), cl::cat(category));
static cl::opt<bool>
    printTime("mqa-time",
              cl::desc("Print to standard error how long the compilation "
                       "took, from the text in memory to the bundle in memory"),
              cl::cat(category));

static cl::opt<bool>
    noCubin("mqa-no-cubin",
            cl::desc("Leave machine code out of a bundle for GPUs. The driver "
                     "then compiles the bundle's PTX"),
            cl::cat(category));

static cl::opt<std::string> hostFile(
    "mqa-host",
    cl::desc("Write the host program to this file, as MLIR: what is left of "
             "a module that has more than kernel functions. mqa-opt "
             "--mqa-bind-kernels makes it launch the kernels"),
    cl::value_desc("file"), cl::cat(category));

static cl::opt<bool> search(
    "mqa-search",
    cl::desc("Compile every schedule worth measuring. -o names a folder, which "
             "gets a bundle for each schedule (for mqa-bench search)"),
    cl::cat(category));

//===----------------------------------------------------------------------===//
// Command line
//===----------------------------------------------------------------------===//

/// Exit codes: 0 success, 1 the input is at fault, 2 the command line is.
static int usageError(const llvm::Twine &message) {
  llvm::WithColor::error(llvm::errs(), kName) << message << "\n";
  return 2;
}

/// A bundle in the folder `outputFile` for each schedule of the module's first
/// op that computes logits, which others of its kind get, too.
static LogicalResult compileCandidates(ModuleOp module,
                                       const CompileOptions &options) {
  // Plans of schedules count bytes.
  PassManager pack(module.getContext());
  pack.addPass(createMQAPackMxTypesPass());
  if (failed(pack.run(module)))
    return failure();
  LogitsOpInterface first;
  module.walk([&](LogitsOpInterface op) {
    first = op;
    return WalkResult::interrupt();
  });
  if (!first)
    return module.emitError(
        "has no function with an mqa.logits or mqa.paged_logits "
        "to compile");
  if (std::error_code error =
          llvm::sys::fs::create_directories(outputFile.getValue()))
    return module.emitError("cannot create the folder '")
           << outputFile << "': " << error.message();
  auto schedules = enumerateSchedules(first, *ChipInfo::lookUp(options.target));
  for (auto [i, schedule] : llvm::enumerate(schedules)) {
    ::mqa::tools::showProgress("schedule " + std::to_string(i + 1) + " of " +
                               std::to_string(schedules.size()));
    OwningOpRef<ModuleOp> candidate(module.clone());
    candidate->walk([&](LogitsOpInterface op) {
      if (op->getName() == first->getName())
        op.setScheduleAttr(schedule);
    });
    std::string output;
    llvm::raw_string_ostream os(output);
    // Where ptxas was there and warns, the kernel spills or waits for each
    // WGMMA: not worth the device's time.
    bool isSlow = false;
    {
      ScopedDiagnosticHandler handler(
          module.getContext(), [&](Diagnostic &diagnostic) {
            bool isPtxas =
                diagnostic.getSeverity() == DiagnosticSeverity::Warning &&
                StringRef(diagnostic.str()).starts_with("ptxas:");
            isSlow |= isPtxas;
            return success(isPtxas);
          });
      OwningOpRef<ModuleOp> host;
      if (failed(compileModule(*candidate, options, os, &host)))
        return failure();
    }
    ::mqa::tools::hideProgress();
    if (isSlow) {
      llvm::outs() << "left out, spills or serialises WGMMA: " << schedule
                   << "\n";
      continue;
    }
    SmallString<128> path(outputFile.getValue());
    llvm::sys::path::append(path, "h" + llvm::Twine(first.getNumHeads()) +
                                      "_d" + llvm::Twine(first.getHeadDim()) +
                                      "_" + llvm::Twine(i) + ".mqa");
    if (!::mqa::tools::writeToolOutput(kName, path, output))
      return failure();
    llvm::outs() << path << ": " << schedule << "\n";
  }
  return success();
}

/// Whether as many threads may be started as there are processors: where they
/// may not, MLIR's pool of threads would end the program.
static bool canStartThreads() {
  auto wait = [](void *mutex) -> void * {
    std::lock_guard<std::mutex> lock(*static_cast<std::mutex *>(mutex));
    return nullptr;
  };
  std::mutex mutex;
  SmallVector<pthread_t> threads(
      llvm::hardware_concurrency().compute_thread_count());
  size_t count = 0;
  {
    // So that all of them are there at once.
    std::lock_guard<std::mutex> lock(mutex);
    while (count < threads.size() &&
           !pthread_create(&threads[count], nullptr, wait, &mutex))
      ++count;
  }
  for (pthread_t thread : ArrayRef(threads).take_front(count))
    pthread_join(thread, nullptr);
  return count == threads.size();
}

/// What the options ask for of the text in `input`, in memory: a failure leaves
/// an old output file as it was. A search writes its files itself.
static FailureOr<CompiledText>
compileInput(std::unique_ptr<llvm::MemoryBuffer> input,
             const CompileOptions &options) {
  DialectRegistry registry;
  registerAllDialects(registry);
  MLIRContext context(registry, canStartThreads()
                                    ? MLIRContext::Threading::ENABLED
                                    : MLIRContext::Threading::DISABLED);
  // The whole module behind one line of an error helps nobody.
  context.printOpOnDiagnostic(false);
  llvm::SourceMgr sourceMgr;
  SourceMgrDiagnosticHandler diagnostics(sourceMgr, &context);
  StringRef text = input->getBuffer(), name = input->getBufferIdentifier();
  sourceMgr.AddNewSourceBuffer(std::move(input), llvm::SMLoc());
  if (failed(checkNesting(&context, text, name)))
    return failure();
  OwningOpRef<ModuleOp> module =
      parseSourceFile<ModuleOp>(sourceMgr, ParserConfig(&context));
  if (!module)
    return failure();
  if (!search)
    return compileToText(*module, options);
  if (failed(compileCandidates(*module, options)))
    return failure();
  return CompiledText();
}

/// As `compileInput`; from the cache, what is there.
static FailureOr<CompiledText>
useCache(std::unique_ptr<llvm::MemoryBuffer> input,
         const CompileOptions &options, bool &cached) {
  StringRef text = input->getBuffer(), name = input->getBufferIdentifier();
  FailureOr<CachedText> result = compileWithCache(
      cacheFolder, text, options,
      [&](const CompileOptions &one) {
        // `compileInput` keeps the buffer only while it compiles.
        return compileInput(llvm::MemoryBuffer::getMemBufferCopy(text, name),
                            one);
      },
      [](const Twine &message) {
        llvm::WithColor::warning(llvm::errs(), kName) << message << "\n";
      });
  if (failed(result))
    return failure();
  cached = result->fromCache;
  return CompiledText(std::move(*result));
}

/// Whether there is a host program if one is wanted; that there is one that
/// nobody wants is a warning.
static bool checkHost(const CompiledText &compiled) {
  if (compiled.host.empty() && !hostFile.empty()) {
    llvm::WithColor::error(llvm::errs(), kName)
        << "the input has kernel functions alone, and no host program for "
           "--mqa-host\n";
    return false;
  }
  if (!compiled.host.empty() && hostFile.empty())
    llvm::WithColor::warning(llvm::errs(), kName)
        << "the host program, which launches the kernels, is not kept "
           "(--mqa-host=FILE writes it)\n";
  return true;
}

/// Whether the command line has an option that is not ours: LLVM's change the
/// code, and are not part of the cache's key.
static bool hasForeignOption() {
  for (auto &[name, option] : cl::getRegisteredOptions())
    if (option->getNumOccurrences() &&
        !llvm::is_contained(option->Categories, &category))
      return true;
  return false;
}

/// Exit code of a wrong use of the options; 0 if all is well.
static int checkOptions() {
  llvm::Expected<SmallVector<CompileTarget>> targets = parseTargets(target);
  if (!targets)
    return usageError("--target " + llvm::toString(targets.takeError()));
  bool isGpu = targets->front().isGpu();
  if (targets->size() > 1 && (search || emit != EmitKind::Bundle))
    return usageError("--emit and --mqa-search take one target, found '" +
                      target + "'");
  if (!isGpu && (emit == EmitKind::PTX || emit == EmitKind::Cubin))
    return usageError("--emit=ptx and --emit=cubin need a GPU as --target, "
                      "found '" +
                      target + "'");
  if (noCubin && emit != EmitKind::Bundle)
    return usageError("--mqa-no-cubin is for bundles: it takes no --emit");
  if (search && (!isGpu || emit != EmitKind::Bundle || outputFile == "-"))
    return usageError(
        "--mqa-search writes bundles for a GPU: it needs -o FOLDER "
        "and takes neither --emit nor --target=cpu");
  if (!cacheFolder.empty() && (search || emit != EmitKind::Bundle))
    return usageError("--mqa-cache keeps bundles: it takes neither --emit nor "
                      "--mqa-search");
  if (!cacheFolder.empty() && hasForeignOption())
    return usageError("--mqa-cache takes no options of LLVM beside it");
  if (!hostFile.empty() && search)
    return usageError("--mqa-host does not take --mqa-search");
  bool isBinary = emit == EmitKind::Bundle || emit == EmitKind::Cubin;
  if (isBinary && !outputFile.getNumOccurrences() &&
      llvm::sys::Process::StandardOutIsDisplayed())
    return usageError("the output is binary and would go to the terminal: "
                      "give -o FILE, or -o - if you want that");
  return 0;
}

int main(int argc, char **argv) {
  ::mqa::support::cleanUpOnSignals();
  llvm::InitLLVM init(argc, argv, /*InstallPipeSignalExitHandler=*/false);
  // Behind LLVM's, which takes a file that is too large for a crash.
  ::mqa::tools::startLLVMTool(kName);
  cl::HideUnrelatedOptions(category);
  std::string errors;
  llvm::raw_string_ostream errorStream(errors);
  if (!cl::ParseCommandLineOptions(
          argc, argv,
          "Compiles kernel functions, or a program with ops of mqa among "
          "others, to a bundle that mqa-run and the runtime load\n",
          &errorStream)) {
    llvm::errs() << errors;
    return 2;
  }
  if (int code = checkOptions())
    return code;
  std::string message;
  std::unique_ptr<llvm::MemoryBuffer> input =
      openInputFile(inputFile, &message);
  if (!input) {
    llvm::WithColor::error(llvm::errs(), kName) << message << "\n";
    return 1;
  }
  CompileOptions options;
  options.target = target;
  options.schedule = scheduleOption;
  options.emit = emit;
  options.assemble = !noCubin;
  auto start = std::chrono::steady_clock::now();
  bool cached = false;
  FailureOr<CompiledText> compiled =
      cacheFolder.empty() ? compileInput(std::move(input), options)
                          : useCache(std::move(input), options, cached);
  if (failed(compiled) || !checkHost(*compiled))
    return 1;
  std::chrono::duration<double, std::milli> elapsed =
      std::chrono::steady_clock::now() - start;
  if (printTime)
    llvm::errs() << (cached ? "from the cache" : "compiled") << " in "
                 << llvm::format("%.1f", elapsed.count()) << " ms\n";
  if (!hostFile.empty() &&
      !::mqa::tools::writeToolOutput(kName, hostFile, compiled->host))
    return 1;
  return !search &&
         !::mqa::tools::writeToolOutput(kName, outputFile, compiled->output);
}
