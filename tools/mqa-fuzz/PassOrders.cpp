//===- PassOrders.cpp - Orders in which a run's passes come ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PassOrders.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/raw_ostream.h"

using namespace mqa::fuzz;
using llvm::StringRef;

/// All registered passes and pipelines, sorted. MLIR shows its registry only as
/// options of a command line.
static std::vector<std::string> getRegisteredNames() {
  // The options stay known to the command line, so they may not go.
  static mlir::PassPipelineCLParser options("", "All registered passes");
  std::vector<std::string> names;
  for (const auto &entry : llvm::cl::getRegisteredOptions()) {
    StringRef name = entry.first;
    if (mlir::PassInfo::lookup(name) || mlir::PassPipelineInfo::lookup(name))
      names.push_back(name.str());
  }
  llvm::sort(names);
  return names;
}

/// The passes of an entry of the registry as text, without the module around.
static std::string print(const mlir::PassRegistryEntry &entry) {
  mlir::OpPassManager pm("builtin.module",
                         mlir::OpPassManager::Nesting::Implicit);
  auto fail = [](const llvm::Twine &message) -> llvm::LogicalResult {
    llvm::report_fatal_error(message);
  };
  (void)entry.addToPipeline(pm, /*options=*/"", fail);
  std::string text;
  llvm::raw_string_ostream stream(text);
  pm.printAsTextualPipeline(stream);
  StringRef inner = text;
  inner.consume_front("builtin.module(");
  inner.consume_back(")");
  return inner.str();
}

/// Appends each pass in `text` by itself, in the nests that it is in: of
/// `a,f(b,c)`, the steps are `a`, `f(b)` and `f(c)`.
static void flatten(StringRef text, const std::string &before,
                    const std::string &behind,
                    std::vector<std::string> &steps) {
  while (!text.empty()) {
    int depth = 0;
    size_t end = 0;
    for (; end < text.size() && (depth || text[end] != ','); ++end) {
      depth += text[end] == '(' || text[end] == '{';
      depth -= text[end] == ')' || text[end] == '}';
    }
    StringRef step = text.take_front(end);
    text = text.drop_front(std::min(end + 1, text.size()));
    size_t open = step.find_first_of("({");
    if (open != StringRef::npos && step[open] == '(')
      flatten(step.slice(open + 1, step.size() - 1),
              before + step.take_front(open + 1).str(), ")" + behind, steps);
    else
      steps.push_back(before + step.str() + behind);
  }
}

/// Ends the program where `text` is no pipeline: the steps of a pipeline must
/// be registered too.
static void verify(const std::string &text) {
  mlir::OpPassManager pm("builtin.module");
  if (failed(mlir::parsePassPipeline(text, pm)))
    llvm::report_fatal_error("cannot parse the pipeline of a run");
}

PassOrders::PassOrders() {
  for (const std::string &name : getRegisteredNames()) {
    if (const auto *info = mlir::PassPipelineInfo::lookup(name)) {
      entries.push_back(name);
      flatten(print(*info), "", "", pipelines.emplace_back());
      continue;
    }
    std::string text = print(*mlir::PassInfo::lookup(name));
    // A kernel is not in the module itself.
    if (StringRef(text).starts_with("gpu.func("))
      text = "gpu.module(" + text + ")";
    entries.push_back(text);
  }
  for (const std::string &entry : entries)
    verify(entry);
  for (const Steps &steps : pipelines)
    for (const std::string &step : steps)
      verify(step);
}

/// The first steps of a pipeline, some left out, some in the place of others,
/// and up to two passes behind them.
PassOrders::Steps PassOrders::drawChangedSteps(std::mt19937_64 &random) const {
  Steps steps = pipelines[random() % pipelines.size()];
  steps.resize(1 + random() % steps.size());
  llvm::erase_if(steps,
                 [&](const std::string &) { return random() % 12 == 0; });
  if (!steps.empty() && random() % 2)
    std::swap(steps[random() % steps.size()], steps[random() % steps.size()]);
  for (unsigned i = random() % 3; i > 0; --i)
    steps.push_back(pick(random));
  return steps;
}

/// `text` on a module that is for a GPU, as most passes need it to be; whole
/// pipelines say for what.
static std::string addTarget(const std::string &text) {
  return mlir::PassPipelineInfo::lookup(text) ? text
                                              : "mqa-attach-target," + text;
}

std::string PassOrders::draw(std::mt19937_64 &random) const {
  switch (random() % 4) {
  case 0:
    return llvm::join(drawChangedSteps(random), ",");
  case 1: {
    Steps steps;
    for (unsigned i = 2 + random() % 7; i > 0; --i)
      steps.push_back(pick(random));
    return addTarget(llvm::join(steps, ","));
  }
  default:
    return addTarget(pick(random));
  }
}
