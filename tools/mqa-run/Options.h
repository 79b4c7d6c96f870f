//===- Options.h - The command line of mqa-run ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_MQA_RUN_OPTIONS_H
#define MQA_TOOLS_MQA_RUN_OPTIONS_H

#include "Session.h"

#include <nlohmann/json_fwd.hpp>

namespace mqa::tools {

struct Options {
  std::string bundle, kernel;
  int64_t seqLen = -1, seqLenKv = -1, maxSeqlenK = -1, outStride = 0;
  int64_t maxKeyBlocks = -1;
  BlockLists blockLists = BlockLists::Ascending;
  Mask mask = Mask::Causal;
  bool clean = false, verify = false, json = false, integers = false;
  bool cpu = false, list = false;
  int64_t batch = -1, nextN = -1, contextLen = -1, blockKv = -1;
  int64_t maxContextLen = -1, rows = -1;
  /// Of ops that select: how logits are distributed.
  std::string pattern;
  /// Of mqa.merge_topk.
  int64_t numLists = -1;
  std::vector<int64_t> contextLens;
  uint64_t seed = 0;
  int repeat = 1, reruns = 0;
};

/// Reads the command line. Exit codes: 0 success, 1 an error or a wrong result,
/// 2 the command line; -1: there is nothing more to do.
int parse(int argc, char **argv, Options &options);

/// A size that the kernel fixes, or the one asked for.
int64_t getSize(const char *name, int64_t fixed, int64_t asked,
                int64_t otherwise);

/// Median microseconds that the host takes for `launch`, one after the other
/// with room in the queue.
double measureHostTime(Device &device, const Device::Work &launch);

/// Runs a kernel that selects; adds to the report. False: a result was wrong.
bool runTopk(Device &device, const LoadedKernel &kernel, const Options &options,
             nlohmann::json &report);

/// Runs a kernel of logits and top-k on a problem; with --verify, beside its
/// companion of the bundle. Adds to the report. False: a result was wrong.
bool runFused(Device &device, const mqa_bundle *bundle,
              const LoadedKernel &kernel, const Options &options,
              Problem &problem, nlohmann::json &report);

/// Prints what runTopk and runFused report.
void printTopk(const nlohmann::json &report);

/// The last line of either report.
void printResult(bool pass);

} // namespace mqa::tools

#endif // MQA_TOOLS_MQA_RUN_OPTIONS_H
