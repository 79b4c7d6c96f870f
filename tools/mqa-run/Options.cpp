//===- Options.cpp - The command line of mqa-run --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Options.h"
#include "TopkProblem.h"

#include <CLI/CLI.hpp>

#include <chrono>
#include <iostream>
#include <limits>

using namespace mqa::tools;

/// Queries and keys that ranges of 32 bits can count.
static constexpr int64_t kMaxSize = std::numeric_limits<int32_t>::max();

int mqa::tools::parse(int argc, char **argv, Options &options) {
  CLI::App app{"Launches a kernel of a bundle on random data: mqa.logits, "
               "mqa.paged_logits, mqa.topk, mqa.merge_topk, or logits and "
               "top-k in one kernel"};
  app.add_option("bundle", options.bundle, "A file that mqa-compile wrote")
      ->required();
  app.set_version_flag("--version", "mqa-run " MQA_VERSION);
  app.add_flag("--list", options.list,
               "Print what is in the bundle. Launch nothing");
  app.add_option("--seq-len", options.seqLen, "Queries M (default 256)")
      ->check(CLI::Range(int64_t(0), kMaxSize));
  app.add_option("--seq-len-kv", options.seqLenKv, "Keys N (default 4096)")
      ->check(CLI::Range(int64_t(0), kMaxSize));
  app.add_option("--max-seqlen-k", options.maxSeqlenK,
                 "Columns of a compressed output (default N)")
      ->check(CLI::Range(int64_t(0), kMaxSize));
  // Messages of CLI11's transformers have the numbers of the cases too.
  const std::map<std::string, Mask> masks = {{"causal", Mask::Causal},
                                             {"cp", Mask::Cp},
                                             {"full", Mask::Full},
                                             {"random", Mask::Random}};
  std::vector<std::string> maskNames;
  for (const auto &[name, mask] : masks)
    maskNames.push_back(name);
  app.add_option_function<std::string>(
         "--mask",
         [&](const std::string &name) { options.mask = masks.at(name); },
         "The range of each query (cp: context-parallel; default causal)")
      ->check(CLI::IsMember(maskNames));
  app.add_option("--max-key-blocks", options.maxKeyBlocks,
                 "With key blocks: the most that a query has (default 64)")
      ->check(CLI::Range(int64_t(0), kMaxSize / 16));
  std::map<std::string, BlockLists> lists = {
      {"ascending", BlockLists::Ascending}, {"any", BlockLists::Any}};
  app.add_option_function<std::string>(
         "--block-lists",
         [&](const std::string &name) { options.blockLists = lists.at(name); },
         "With key blocks: as models have them (ascending, the default), "
         "or with any order, count, blocks twice and numbers of no block")
      ->check(CLI::IsMember({"ascending", "any"}));
  app.add_flag("--clean", options.clean,
               "Use the kernel that writes -inf outside the ranges");
  app.add_option("--kernel", options.kernel,
                 "The name of the kernel (default: the first kernel of logits "
                 "and top-k, else the first kernel of the bundle)")
      ->excludes("--clean");
  std::vector<std::string> patterns;
  for (const TopkPattern &pattern : getTopkPatterns())
    patterns.push_back(pattern.name);
  app.add_option("--pattern", options.pattern,
                 "Top-k: the distribution of logits (default normal). If the "
                 "kernel computes the logits, scales of keys plant them")
      ->check(CLI::IsMember(patterns));
  app.add_option("--num-lists", options.numLists,
                 "mqa.merge_topk: lists of each query (default 8)")
      ->check(CLI::Range(int64_t(1), int64_t(1) << 20));
  app.add_flag("--cpu", options.cpu,
               "Use the kernel for the CPU, even if the bundle has one for "
               "a GPU");
  app.add_option(
         "--out-stride", options.outStride,
         "Elements from one row of the output to the next (default: its "
         "columns)")
      ->check(CLI::Range(int64_t(0), std::numeric_limits<int64_t>::max()));
  app.add_option("--batch", options.batch,
                 "Paged: sequences (default 16, or as many as --context-lens)")
      ->check(CLI::Range(int64_t(0), kMaxSize));
  app.add_option("--next-n", options.nextN,
                 "Paged: queries of a sequence (the kernel knows the number)")
      ->check(CLI::Range(1, 8));
  app.add_option("--block-kv", options.blockKv,
                 "Paged: keys of a cache block (the kernel knows the number)")
      ->check(CLI::Range(16, 256));
  app.add_option("--context-len", options.contextLen,
                 "Paged: the average length (default 4096). Lengths are drawn "
                 "from 0.7 to 1.3 times the average")
      ->check(CLI::Range(int64_t(0), kMaxSize / 2));
  app.add_option("--context-lens", options.contextLens,
                 "Paged: the length of each sequence: a,b,c")
      ->delimiter(',')
      ->check(CLI::Range(int64_t(0), kMaxSize));
  app.add_option("--rows", options.rows,
                 "Paged, rows that name their sequences: rows of each sequence "
                 "(default: 1 to 8, drawn)")
      ->check(CLI::Range(int64_t(0), kMaxSize / 2));
  app.add_option("--max-context-len", options.maxContextLen,
                 "Paged: columns of the output (default: the longest length)")
      ->check(CLI::Range(int64_t(0), kMaxSize));
  // Else CLI11 takes -1 for the largest number.
  app.add_option("--seed", options.seed, "Seed of the random data")
      ->check(CLI::NonNegativeNumber);
  app.add_flag(
      "--integers", options.integers,
      "Draw small integers, and powers of two as scales: results are exact");
  app.add_flag("--verify", options.verify,
               "Compare the results with a float64 oracle. A kernel of logits "
               "and top-k is compared with the kernel that stores the logits");
  app.add_option("--repeat", options.repeat,
                 "Timed launches; the median is reported")
      ->check(CLI::Range(1, 100000));
  app.add_option("--reruns", options.reruns,
                 "Launch again this many times, and compare the bits")
      ->check(CLI::Range(0, 100000));
  app.add_flag("--json", options.json, "Print one JSON object");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? -1 : 2;
  }
  // Nothing is launched, so nothing says how.
  for (const CLI::Option *option : app.get_options()) {
    std::string name = option->get_name();
    if (options.list && option->count() && name != "bundle" &&
        name != "--list" && name != "--json") {
      std::cerr << "--list takes no option but --json, found " << name << "\n";
      return 2;
    }
  }
  return 0;
}

int64_t mqa::tools::getSize(const char *name, int64_t fixed, int64_t asked,
                            int64_t otherwise) {
  if (fixed < 0)
    return asked < 0 ? otherwise : asked;
  if (asked >= 0 && asked != fixed)
    fatal(std::string(name) + " of this kernel is " + std::to_string(fixed) +
          ", found " + std::to_string(asked));
  return fixed;
}

double mqa::tools::measureHostTime(Device &device, const Device::Work &launch) {
  constexpr int kRounds = 20, kLaunches = 50;
  std::vector<double> times;
  for (int round = 0; round < kRounds; ++round) {
    for (int i = 0; i < kLaunches; ++i) {
      auto start = std::chrono::steady_clock::now();
      launch();
      std::chrono::duration<double, std::micro> elapsed =
          std::chrono::steady_clock::now() - start;
      times.push_back(elapsed.count());
    }
    device.synchronize();
  }
  return getMedian(times);
}
