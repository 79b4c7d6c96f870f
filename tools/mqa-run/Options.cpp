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
  CLI::App app{"Launches a compiled mqa.logits, mqa.paged_logits, mqa.topk or "
               "mqa.merge_topk, or logits and top-k in one kernel, on random "
               "data"};
  app.add_option("bundle", options.bundle, "What mqa-compile wrote")
      ->required();
  app.set_version_flag("--version", "mqa-run " MQA_VERSION);
  app.add_flag("--list", options.list,
               "Print what is in the bundle, and launch nothing");
  app.add_option("--seq-len", options.seqLen, "Queries M (default 256)")
      ->check(CLI::Range(int64_t(0), kMaxSize));
  app.add_option("--seq-len-kv", options.seqLenKv, "Keys N (default 4096)")
      ->check(CLI::Range(int64_t(0), kMaxSize));
  app.add_option("--max-seqlen-k", options.maxSeqlenK,
                 "Columns of a compressed output (default N)")
      ->check(CLI::Range(int64_t(0), kMaxSize));
  std::map<std::string, Mask> masks = {{"causal", Mask::Causal},
                                       {"cp", Mask::Cp},
                                       {"full", Mask::Full},
                                       {"random", Mask::Random}};
  app.add_option("--mask", options.mask,
                 "Range of keys per query: causal, cp, full or random")
      ->transform(CLI::CheckedTransformer(masks).description("MASK"));
  app.add_flag("--clean", options.clean,
               "Use the kernel that writes -inf outside the ranges");
  app.add_option("--kernel", options.kernel,
                 "The kernel of this name (default: the bundle's first that "
                 "computes logits and selects by them, else its first)")
      ->excludes("--clean");
  std::vector<std::string> patterns;
  for (const TopkPattern &pattern : getTopkPatterns())
    patterns.push_back(pattern.name);
  app.add_option("--pattern", options.pattern,
                 "Top-k: the distribution of logits (default normal); planted "
                 "by scales where the kernel computes them")
      ->check(CLI::IsMember(patterns));
  app.add_option("--num-lists", options.numLists,
                 "Merge: lists of each query (default 8)")
      ->check(CLI::Range(int64_t(1), int64_t(1) << 20));
  app.add_flag("--cpu", options.cpu,
               "Use the kernel for the CPU, where there is one for a GPU too");
  app.add_option(
         "--out-stride", options.outStride,
         "Elements from row to row of the output (default: its columns)")
      ->check(CLI::Range(int64_t(0), std::numeric_limits<int64_t>::max()));
  app.add_option("--batch", options.batch,
                 "Paged: sequences (default 16, or as many as --context-lens)")
      ->check(CLI::Range(int64_t(0), kMaxSize));
  app.add_option("--next-n", options.nextN,
                 "Paged: queries of a sequence, which the kernel knows")
      ->check(CLI::Range(1, 8));
  app.add_option("--block-kv", options.blockKv,
                 "Paged: keys of a cache block, which the kernel knows")
      ->check(CLI::Range(16, 256));
  app.add_option("--context-len", options.contextLen,
                 "Paged: average length; they are drawn from 0.7 to 1.3 times "
                 "it (default 4096)")
      ->check(CLI::Range(int64_t(0), kMaxSize / 2));
  app.add_option("--context-lens", options.contextLens,
                 "Paged: the length of each sequence, a,b,c")
      ->delimiter(',')
      ->check(CLI::Range(int64_t(0), kMaxSize));
  app.add_option("--max-context-len", options.maxContextLen,
                 "Paged: columns of the output (default: the longest length)")
      ->check(CLI::Range(int64_t(0), kMaxSize));
  // Else CLI11 takes -1 for the largest number.
  app.add_option("--seed", options.seed, "Seed of the random data")
      ->check(CLI::NonNegativeNumber);
  app.add_flag("--integers", options.integers,
               "Small integers and scales of powers of two: exact");
  app.add_flag("--verify", options.verify,
               "Compare with a float64 oracle; of logits and top-k in one "
               "kernel, that kernel with the one that stores the logits");
  app.add_option("--repeat", options.repeat,
                 "Timed launches; the median is reported")
      ->check(CLI::Range(1, 100000));
  app.add_option("--reruns", options.reruns,
                 "Launch this often again and compare the bits")
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
