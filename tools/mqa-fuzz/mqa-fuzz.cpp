//===- mqa-fuzz.cpp - Mutated IR through the parser and the passes --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every run parses a mutated input and, where it is valid, runs one pass or
// pipeline over it. A diagnostic is a good end; a crash, or a run over the time
// limit, is a finding. Each run has a process of its own: MLIR's parser and its
// reader of bytecode do not stand every input, and may corrupt memory before
// they crash, or instead. Such a crash counts apart.
//
//===----------------------------------------------------------------------===//

#include "LLVMTool.h"
#include "Mutator.h"
#include "mqa/InitAll.h"

#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"

#include <limits>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace mlir;
namespace cl = llvm::cl;

static constexpr const char *kName = "mqa-fuzz";

static cl::list<std::string> inputFiles(cl::Positional, cl::OneOrMore,
                                        cl::desc("<MLIR files>"));
static cl::opt<unsigned> numRuns("mqa-runs", cl::desc("Runs (default 10000)"),
                                 cl::init(10000));
static cl::opt<unsigned long long>
    firstSeed("mqa-seed", cl::desc("Seed of the first run"), cl::init(0));
static cl::opt<unsigned> timeLimit("mqa-time-limit",
                                   cl::desc("Seconds of one run (default 20)"),
                                   cl::init(20));
static cl::opt<std::string>
    findingsDir("mqa-findings", cl::desc("Where inputs that crash are written"),
                cl::init("."));

/// Every pass of ours where it is nested, and both ways down.
static const char *const kPipelines[] = {
    "mqa-to-nvvm",
    "mqa-to-cpu",
    "mqa-attach-target,mqa-select-schedule",
    "mqa-bufferize",
    "mqa-attach-target,mqa-tile-logits",
    "mqa-attach-target,gpu.module(gpu.func(mqa-stage-tiles))",
    "mqa-attach-target,gpu.module(gpu.func(mqa-specialize-warps))",
    "gpu.module(gpu.func(mqa-prefetch-block-ids))",
    "gpu.module(gpu.func(mqa-vectorize-tiles))",
    "gpu.module(gpu.func(mqa-distribute-vectors))",
    "gpu.module(gpu.func(mqa-tighten-slots))",
    "gpu.module(gpu.func(mqa-expand-row-ops))",
    "gpu.module(gpu.func(mqa-expand-fit-queries))",
    "gpu.module(gpu.func(mqa-expand-tile-share))",
    "mqa-attach-target,gpu.module(gpu.func(mqa-lower-rings))",
    "gpu.module(gpu.func(mqa-overlap-launches))",
    "mqa-attach-target,gpu.module(convert-mqa-to-nvvm)",
    "func.func(mqa-raise)",
    "func.func(mqa-tile-tasks)",
    "func.func(mqa-outline-tasks)",
    "func.func(convert-mqa-to-linalg)",
    "func.func(mqa-vectorize-linalg)",
    "func.func(mqa-expand-fp8)",
    "canonicalize",
};

namespace {
/// What a child tells its parent, also when it dies.
struct Progress {
  unsigned parsed, passed;
  /// Whether the run under way has its IR.
  bool hasParsed;
};

struct Case {
  std::string input;
  const char *pipeline;
};
} // namespace

static std::string toBytecode(const std::string &text,
                              const DialectRegistry &registry) {
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.allowUnregisteredDialects();
  ScopedDiagnosticHandler silence(&context, [](Diagnostic &) {});
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
  std::string bytes;
  if (module) {
    llvm::raw_string_ostream stream(bytes);
    (void)writeBytecodeToFile(*module, stream);
  }
  return bytes;
}

static Case makeCase(const ::mqa::fuzz::Mutator &mutator, uint64_t seed,
                     const DialectRegistry &registry) {
  std::mt19937_64 random(seed);
  Case result;
  result.pipeline = kPipelines[random() % std::size(kPipelines)];
  if (random() % 8 == 0)
    result.input =
        mutator.mutateBytes(toBytecode(mutator.pick(random), registry), random);
  else
    result.input = mutator.mutateText(random);
  return result;
}

static void runCase(const Case &test, const DialectRegistry &registry,
                    Progress &progress) {
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.allowUnregisteredDialects();
  ScopedDiagnosticHandler silence(&context, [](Diagnostic &) {});
  OwningOpRef<ModuleOp> module =
      parseSourceString<ModuleOp>(test.input, &context);
  if (!module)
    return;
  ++progress.parsed;
  progress.hasParsed = true;
  PassManager pm(&context);
  if (failed(parsePassPipeline(test.pipeline, pm)))
    llvm::report_fatal_error("cannot parse the pipeline of a run");
  progress.passed += succeeded(pm.run(*module));
}

/// One run in a process of its own; how that ended.
static int runApart(const ::mqa::fuzz::Mutator &mutator, uint64_t seed,
                    const DialectRegistry &registry, Progress &progress) {
  progress.hasParsed = false;
  pid_t child = fork();
  if (child < 0) {
    llvm::errs() << "error: cannot fork\n";
    exit(1);
  }
  int status = 0;
  if (child) {
    waitpid(child, &status, 0);
    return status;
  }
  // What a dying run prints is not for the table.
  if (!freopen("/dev/null", "w", stderr))
    _exit(1);
  // A run that needs that much has gone wrong, and shall not take the machine
  // with it.
  rlimit memory{rlim_t(6) << 30, rlim_t(6) << 30}, core{0, 0};
#ifndef __SANITIZE_ADDRESS__ // It reserves terabytes that it does not use.
  setrlimit(RLIMIT_AS, &memory);
#else
  (void)memory;
#endif
  setrlimit(RLIMIT_CORE, &core);
  alarm(timeLimit);
  runCase(makeCase(mutator, seed, registry), registry, progress);
  _exit(0);
}

static std::vector<std::string> readCorpus() {
  std::vector<std::string> corpus;
  for (const std::string &path : inputFiles) {
    auto buffer = llvm::MemoryBuffer::getFile(path);
    if (!buffer) {
      llvm::errs() << "error: cannot read '" << path
                   << "': " << buffer.getError().message() << "\n";
      exit(1);
    }
    SmallVector<StringRef> parts;
    (*buffer)->getBuffer().split(parts, "// -----");
    for (StringRef part : parts)
      if (!part.trim().empty())
        corpus.push_back(part.str());
  }
  return corpus;
}

/// Exit codes: 0 no findings, 1 findings or an error, 2 the command line.
static int parseOptions(int argc, char **argv) {
  std::string errors;
  llvm::raw_string_ostream errorStream(errors);
  if (!cl::ParseCommandLineOptions(
          argc, argv, "Runs mutated MLIR through the MQA compiler\n",
          &errorStream)) {
    llvm::errs() << errors;
    return 2;
  }
  auto refuse = [](const llvm::Twine &message) {
    llvm::WithColor::error(llvm::errs(), kName) << message << "\n";
    return 2;
  };
  if (numRuns == 0)
    return refuse("--mqa-runs must be at least 1, found 0");
  // alarm(0) would be no limit.
  if (timeLimit == 0)
    return refuse("--mqa-time-limit must be at least 1, found 0");
  uint64_t lastFirst = std::numeric_limits<uint64_t>::max() - (numRuns - 1);
  if (firstSeed > lastFirst)
    return refuse("--mqa-seed must be at most " + llvm::Twine(lastFirst) +
                  " for " + llvm::Twine(numRuns) + " runs, found " +
                  llvm::Twine(firstSeed));
  return 0;
}

int main(int argc, char **argv) {
  ::mqa::tools::startLLVMTool(kName);
  if (int code = parseOptions(argc, argv))
    return code;
  DialectRegistry registry;
  mlir::mqa::registerAllDialects(registry);
  mlir::mqa::registerAllPasses();
  ::mqa::fuzz::Mutator mutator(readCorpus());

  auto *progress = static_cast<Progress *>(
      mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE,
           MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  if (progress == MAP_FAILED) {
    llvm::errs() << "error: no shared memory\n";
    return 1;
  }
  unsigned findings = 0, parserCrashes = 0;
  for (unsigned run = 0; run < numRuns; ++run) {
    uint64_t seed = firstSeed + run;
    int status = runApart(mutator, seed, registry, *progress);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
      continue;
    if (!progress->hasParsed) {
      ++parserCrashes;
      continue;
    }
    ++findings;
    Case found = makeCase(mutator, seed, registry);
    std::string path =
        findingsDir + "/finding-" + std::to_string(seed) + ".mlir";
    if (!::mqa::tools::writeToolOutput(kName, path, found.input))
      return 1;
    bool isTime = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
    llvm::outs() << "FINDING: seed " << seed << ", " << found.pipeline << ", "
                 << (isTime ? "over the time limit"
                     : WIFSIGNALED(status)
                         ? "signal " + std::to_string(WTERMSIG(status))
                         : "exit " + std::to_string(WEXITSTATUS(status)))
                 << ", input in " << path << "\n";
  }
  llvm::outs() << "fuzz: " << numRuns << " runs (seeds from " << firstSeed
               << "), " << progress->parsed << " parsed, " << progress->passed
               << " compiled, " << findings << " findings; " << parserCrashes
               << " crashes of MLIR's parser and reader\n";
  return findings ? 1 : 0;
}
