//===- mqa-bench.cpp - Tables of checked and timed cells ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Cpu.h"
#include "CpuPeak.h"
#include "EdgeCases.h"
#include "Paged.h"
#include "Prefill.h"
#include "RandomCases.h"
#include "Session.h"
#include "Topk.h"
#include "mqa/Support/Output.h"

#include <CLI/CLI.hpp>

#include <limits>
#include <new>

using namespace mqa::tools;

static constexpr const char *kWideHelp =
    "All columns, in lines of more than 100 characters";

int main(int argc, char **argv) {
  mqa::support::guardStandardStreams("mqa-bench");
  CLI::App app{
      "Measures bundles, and checks the result of every kernel that it "
      "times"};
  app.require_subcommand(1);
  app.set_version_flag("--version", "mqa-bench " MQA_VERSION);
  const CLI::Range positive(1, 1000000), counts(0, 1000000);
  // Queries and keys that ranges of 32 bits can count.
  const CLI::Range sizes(int64_t(1),
                         int64_t(std::numeric_limits<int32_t>::max()));

  PrefillOptions prefill;
  CLI::App *prefillCommand = app.add_subcommand(
      "prefill",
      "The prefill table on a GPU, against the ceiling of the same run");
  prefillCommand->add_option("bundles", prefill.bundles, "Bundles for the GPU")
      ->required();
  prefillCommand
      ->add_option("--ceiling", prefill.ceiling, "Cubin or PTX of ceiling.mlir")
      ->required();
  prefillCommand->add_option("--peer", prefill.peer,
                             "Times to compare with (peer_h100.json)");
  prefillCommand
      ->add_option("--max-keys", prefill.maxKeys,
                   "The longest sequence of keys")
      ->check(sizes);
  prefillCommand->add_option("--repeat", prefill.repeat, "Interleaved rounds")
      ->check(CLI::Range(1, 1000));
  prefillCommand->add_option("--json", prefill.json,
                             "Also write the rows to this file");
  prefillCommand->add_flag("--wide", prefill.wide, kWideHelp);

  PagedOptions paged;
  CLI::App *pagedCommand = app.add_subcommand(
      "paged", "The paged table on a GPU, against the copy of the same run");
  pagedCommand->add_option("bundles", paged.bundles, "Bundles for the GPU")
      ->required();
  pagedCommand
      ->add_option("--ceiling", paged.ceiling, "Cubin or PTX of ceiling.mlir")
      ->required();
  pagedCommand->add_option("--peer", paged.peer,
                           "Times to compare with (peer_h100.json)");
  pagedCommand->add_option("--repeat", paged.repeat, "Interleaved rounds")
      ->check(CLI::Range(1, 1000));
  pagedCommand->add_option("--json", paged.json,
                           "Also write the rows to this file");
  pagedCommand->add_flag("--wide", paged.wide, kWideHelp);

  PrefillOptions search;
  search.maxKeys = 16384;
  search.repeat = 7;
  CLI::App *searchCommand = app.add_subcommand(
      "search",
      "Measures the bundles of mqa-compile --mqa-search on the prefill "
      "table, and writes the best schedules");
  searchCommand->add_option("bundles", search.bundles, "Bundles for the GPU")
      ->required();
  searchCommand
      ->add_option("--ceiling", search.ceiling, "Cubin or PTX of ceiling.mlir")
      ->required();
  searchCommand
      ->add_option("--table", search.table,
                   "The winners go to this file, as entries of schedules.json")
      ->required();
  searchCommand
      ->add_option("--max-keys", search.maxKeys, "The longest sequence of keys")
      ->check(sizes);
  searchCommand->add_option("--repeat", search.repeat, "Interleaved rounds")
      ->check(CLI::Range(1, 1000));
  searchCommand->add_option("--json", search.json,
                            "Also write all rows to this file");
  searchCommand->add_flag("--wide", search.wide, kWideHelp);

  TopkOptions topk;
  CLI::App *topkCommand = app.add_subcommand(
      "topk", "The table of mqa.topk (against the copy of the same run on a "
              "GPU, against std::nth_element on a CPU), and of logits and "
              "top-k in one kernel (against the logits alone)");
  topkCommand->add_option("bundles", topk.bundles, "Bundles for any target")
      ->required();
  topkCommand->add_option("--ceiling", topk.ceiling,
                          "Cubin or PTX of ceiling.mlir. A GPU and logits in "
                          "memory need it");
  auto *pattern = topkCommand->add_option(
      "--pattern", topk.pattern,
      "The distribution of logits (default normal), as in mqa-run --pattern. "
      "If the kernel computes the logits, scales of keys plant them");
  topkCommand
      ->add_flag_callback(
          "--ascending", [&] { topk.pattern = "ascending"; },
          "Logits that ascend along the keys")
      ->excludes(pattern);
  topkCommand->add_option("--max-keys", topk.maxKeys, "The longest row")
      ->check(sizes);
  topkCommand->add_option("--repeat", topk.repeat, "Interleaved rounds")
      ->check(CLI::Range(1, 1000));
  topkCommand->add_option("--json", topk.json,
                          "Also write the rows to this file");
  topkCommand->add_flag("--wide", topk.wide, kWideHelp);

  RandomOptions random;
  CLI::App *randomCommand = app.add_subcommand(
      "random",
      "Random small shapes: checks each result, and runs each again to compare "
      "the bits");
  randomCommand->add_option("bundles", random.bundles, "Bundles for any target")
      ->required();
  randomCommand->add_option("--cases", random.cases, "Shapes for each kernel")
      ->check(positive);
  randomCommand->add_option("--reruns", random.reruns, "Reruns for each shape")
      ->check(counts);
  randomCommand
      ->add_option("--large-reruns", random.largeReruns,
                   "Reruns of one problem of 2048 x 8192 for each kernel "
                   "(default 0: none)")
      ->check(counts);
  // Else CLI11 takes -1 for the largest number.
  randomCommand->add_option("--seed", random.seed, "Seed of shapes and data")
      ->check(CLI::NonNegativeNumber);
  randomCommand->add_option("--json", random.json,
                            "Also write the counts to this file");

  EdgeOptions edges;
  CLI::App *edgesCommand = app.add_subcommand(
      "edges", "Edge cases by name: checks each result, and runs each again to "
               "compare the bits, also in graphs and on two streams");
  edgesCommand->add_option("bundles", edges.bundles, "Bundles for any target")
      ->required();
  edgesCommand
      ->add_option("--reruns", edges.reruns, "Reruns for each way to launch")
      ->check(counts);
  edgesCommand->add_option(
      "--late-copy", edges.lateCopy,
      "Cubin or PTX of late_copy.mlir: run each case also behind that kernel");
  edgesCommand->add_flag("--large", edges.large,
                         "Also an output of more than 2^31 elements");
  edgesCommand->add_flag("--verbose", edges.verbose, "Print every case");
  edgesCommand->add_option("--json", edges.json,
                           "Also write the counts to this file");

  CpuOptions cpu;
  CLI::App *cpuCommand = app.add_subcommand(
      "cpu", "The table of logits on a CPU, against the first bundle, a plain "
             "C++ loop nest, the peak of the same run and its reads of memory");
  cpuCommand->add_option("bundles", cpu.bundles, "Bundles for the CPU")
      ->required();
  cpuCommand
      ->add_option("--shapes", cpu.shapes,
                   "Queries and keys, MxN,... (default " +
                       std::string(kCpuShapes) + ")")
      ->check([](const std::string &shapes) {
        std::vector<CpuCell> cells;
        return parseCpuCells(shapes, {}, cells);
      });
  cpuCommand
      ->add_option_function<std::string>(
          "--mask",
          [&](const std::string &name) {
            cpu.mask = name == "full" ? Mask::Full : Mask::Causal;
          },
          "Ranges (default: both; for at most 8 queries, full alone)")
      ->check(CLI::IsMember(std::vector<std::string>{"full", "causal"}));
  std::vector<std::string> units;
  for (const PeakUnit &unit : getPeakUnits())
    units.push_back(unit.name);
  cpuCommand
      ->add_option("--peak", cpu.peak,
                   "The arithmetic whose peak is measured (default: the "
                   "fastest that this machine has)")
      ->check(CLI::IsMember(units));
  cpuCommand->add_option("--repeat", cpu.repeat, "Interleaved rounds")
      ->check(CLI::Range(1, 1000));
  cpuCommand
      ->add_option("--threads", cpu.threads,
                   "Threads (default 0: one for each core)")
      ->check(CLI::Range(0, 4096));
  cpuCommand->add_option("--json", cpu.json,
                         "Also write the rows to this file");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    if (*prefillCommand)
      return runPrefill(prefill);
    if (*pagedCommand)
      return runPaged(paged);
    if (*topkCommand)
      return runTopkTable(topk);
    if (*searchCommand)
      return runPrefill(search);
    if (*edgesCommand)
      return runEdges(edges);
    if (*randomCommand)
      return runRandom(random);
    return runCpu(cpu);
  } catch (const std::bad_alloc &) {
    fatal("out of memory: a problem does not fit this machine");
  } catch (const std::exception &error) {
    fatal(error.what());
  }
}
