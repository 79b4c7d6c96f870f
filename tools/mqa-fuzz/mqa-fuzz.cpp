//===- mqa-fuzz.cpp - Mutated IR through the parser and the passes --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every run parses an input, mostly a mutated one, and, where it is valid, runs
// passes over it: one, a pipeline, or some in another order than they are meant
// to come in. A diagnostic is a good end. A crash, a run over the time limit,
// IR that a pass left invalid although it succeeded, and a failure without a
// diagnostic are findings, where one of our passes is to blame: those of MLIR's
// own count apart, unless a pipeline of ours as it is led there. Each run has a
// process of its own: MLIR's parser and its reader of bytecode do not stand
// every input, and may corrupt memory before they crash, or instead. Such a
// crash counts apart.
//
//===----------------------------------------------------------------------===//

#include "LLVMTool.h"
#include "Mutator.h"
#include "PassOrders.h"
#include "mqa/InitAll.h"

#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassInstrumentation.h"
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
    findingsDir("mqa-findings",
                cl::desc("The folder for inputs that crash a pass"),
                cl::init("."));

namespace {
/// What a child tells its parent, also when it dies.
struct Progress {
  unsigned parsed, passed;
  /// Whether the run under way has its IR.
  bool hasParsed;
  /// The pass that it is in, or was in last.
  char pass[64];
};

struct Case {
  std::string input, pipeline;
};

/// How a run ends that is a finding without a signal.
enum Exit { kInvalidIR = 10, kNoDiagnostic = 11 };

/// Notes where a run is, and verifies the whole module after each pass that
/// succeeded: a pass over one function may break what is around it.
class Observer : public PassInstrumentation {
public:
  explicit Observer(Progress &progress) : progress(progress) {}

  void runBeforePass(Pass *pass, Operation *) override {
    if (!pass->getArgument().empty())
      snprintf(progress.pass, sizeof(progress.pass), "%s",
               pass->getArgument().str().c_str());
  }
  void runAfterPass(Pass *pass, Operation *op) override {
    if (pass->getArgument().empty())
      return;
    // A pass that failed may leave anything behind.
    while (Operation *parent = hasFailed ? nullptr : op->getParentOp())
      op = parent;
    if (failed(verify(op)))
      _exit(kInvalidIR);
  }
  void runAfterPassFailed(Pass *, Operation *) override { hasFailed = true; }

private:
  Progress &progress;
  bool hasFailed = false;
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

static Case makeCase(const ::mqa::fuzz::Mutator &mutator,
                     const ::mqa::fuzz::PassOrders &orders, uint64_t seed,
                     const DialectRegistry &registry) {
  std::mt19937_64 random(seed);
  Case result;
  result.pipeline = orders.draw(random);
  // Valid as it is: what passes do to each other's results needs no change.
  if (random() % 4 == 0)
    result.input = mutator.pick(random);
  else if (random() % 8 == 0)
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
  unsigned errors = 0;
  ScopedDiagnosticHandler silence(&context, [&](Diagnostic &diagnostic) {
    errors += diagnostic.getSeverity() == DiagnosticSeverity::Error;
  });
  OwningOpRef<ModuleOp> module =
      parseSourceString<ModuleOp>(test.input, &context);
  if (!module)
    return;
  errors = 0;
  ++progress.parsed;
  progress.hasParsed = true;
  PassManager pm(&context);
  if (failed(parsePassPipeline(test.pipeline, pm)))
    llvm::report_fatal_error("cannot parse the pipeline of a run");
  pm.enableVerifier(false);
  pm.addInstrumentation(std::make_unique<Observer>(progress));
  if (succeeded(pm.run(*module)))
    ++progress.passed;
  else if (errors == 0)
    _exit(kNoDiagnostic);
}

/// One run in a process of its own; how that ended.
static int runApart(const ::mqa::fuzz::Mutator &mutator,
                    const ::mqa::fuzz::PassOrders &orders, uint64_t seed,
                    const DialectRegistry &registry, Progress &progress) {
  progress.hasParsed = false;
  progress.pass[0] = 0;
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
  runCase(makeCase(mutator, orders, seed, registry), registry, progress);
  _exit(0);
}

/// What is wrong with a run that ended so.
static std::string describe(int status) {
  if (WIFSIGNALED(status))
    return WTERMSIG(status) == SIGALRM
               ? "over the time limit"
               : "signal " + std::to_string(WTERMSIG(status));
  switch (WEXITSTATUS(status)) {
  case kInvalidIR:
    return "invalid IR after success";
  case kNoDiagnostic:
    return "failure without a diagnostic";
  default:
    return "exit " + std::to_string(WEXITSTATUS(status));
  }
}

/// Whether `text` is a single pass or pipeline of ours.
static bool isOurPass(StringRef text) {
  return text.contains("mqa-") && !text.contains(',');
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
  ::mqa::fuzz::PassOrders orders;

  auto *progress = static_cast<Progress *>(
      mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE,
           MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  if (progress == MAP_FAILED) {
    llvm::errs() << "error: no shared memory\n";
    return 1;
  }
  unsigned findings = 0, parserCrashes = 0, findingsOfMLIR = 0;
  for (unsigned run = 0; run < numRuns; ++run) {
    uint64_t seed = firstSeed + run;
    int status = runApart(mutator, orders, seed, registry, *progress);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
      continue;
    if (!progress->hasParsed) {
      ++parserCrashes;
      continue;
    }
    Case found = makeCase(mutator, orders, seed, registry);
    bool isOurs = isOurPass(progress->pass) || isOurPass(found.pipeline);
    ++(isOurs ? findings : findingsOfMLIR);
    std::string path =
        findingsDir + "/finding-" + std::to_string(seed) + ".mlir";
    if (!::mqa::tools::writeToolOutput(kName, path, found.input))
      return 1;
    llvm::outs() << (isOurs ? "FINDING" : "in MLIR's own pass") << ": seed "
                 << seed << ", " << describe(status) << " in '"
                 << progress->pass << "' of '" << found.pipeline
                 << "', input in " << path << "\n";
    llvm::outs().flush();
  }
  llvm::outs() << "fuzz: " << numRuns << " runs (seeds from " << firstSeed
               << "), " << progress->parsed << " parsed, " << progress->passed
               << " compiled, " << findings << " findings; " << parserCrashes
               << " crashes of MLIR's parser and reader, " << findingsOfMLIR
               << " findings in its own passes\n";
  return findings ? 1 : 0;
}
