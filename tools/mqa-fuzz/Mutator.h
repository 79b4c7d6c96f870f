//===- Mutator.h - Small changes to MLIR text and bytecode ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_MQA_FUZZ_MUTATOR_H
#define MQA_TOOLS_MQA_FUZZ_MUTATOR_H

#include <random>
#include <string>
#include <vector>

namespace mqa::fuzz {

/// Changes inputs in ways that often still parse: numbers become others that
/// are at some limit, tokens and lines go, come twice, or come from another
/// input. The same generator gives the same text.
class Mutator {
public:
  explicit Mutator(std::vector<std::string> corpus)
      : corpus(std::move(corpus)) {}

  /// One of the inputs, with one to four changes.
  std::string mutateText(std::mt19937_64 &random) const;
  /// `bytes` with one to four of them changed, or cut off.
  std::string mutateBytes(std::string bytes, std::mt19937_64 &random) const;

  const std::string &pick(std::mt19937_64 &random) const {
    return corpus[random() % corpus.size()];
  }

private:
  void changeTokens(std::string &text, std::mt19937_64 &random) const;
  void changeLines(std::string &text, std::mt19937_64 &random) const;

  std::vector<std::string> corpus;
};

} // namespace mqa::fuzz

#endif // MQA_TOOLS_MQA_FUZZ_MUTATOR_H
