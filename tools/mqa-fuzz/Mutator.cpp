//===- Mutator.cpp - Small changes to MLIR text and bytecode --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Mutator.h"

#include <cctype>

using namespace mqa::fuzz;

static std::vector<std::string> split(const std::string &text,
                                      bool (*belongs)(char, char)) {
  std::vector<std::string> parts;
  for (char c : text) {
    if (parts.empty() || !belongs(parts.back().back(), c))
      parts.emplace_back();
    parts.back().push_back(c);
  }
  return parts;
}

static bool isWord(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.';
}

static bool isSameToken(char last, char next) {
  // The x of a shape separates its sizes: `4x8xf32` is five tokens.
  if (last == 'x' || next == 'x')
    return false;
  return isWord(last) && isWord(next);
}

static bool isSameLine(char last, char) { return last != '\n'; }

static std::string join(const std::vector<std::string> &parts) {
  std::string text;
  for (const std::string &part : parts)
    text += part;
  return text;
}

void Mutator::changeTokens(std::string &text, std::mt19937_64 &random) const {
  static const char *const numbers[] = {
      "0",   "1",   "-1",  "2",   "3",    "4",          "7",
      "8",   "16",  "31",  "32",  "33",   "64",         "96",
      "127", "128", "129", "256", "4096", "2147483647", "9223372036854775807",
      "?"};
  static const char *const words[] = {
      "f32",   "bf16", "f16", "f8E4M3FN", "f8E5M2",  "i32",    "index",
      "none",  "true", "max", "mixed",    "blocks",  "memref", "tensor",
      "clean", "i1",   "f64", "vector",   "strided", "offset", "integer_max"};
  std::vector<std::string> tokens = split(text, isSameToken);
  if (tokens.empty())
    return;
  std::string &token = tokens[random() % tokens.size()];
  switch (random() % 6) {
  case 0:
    token.clear();
    break;
  case 1:
    token += token;
    break;
  case 2:
    std::swap(token, tokens[random() % tokens.size()]);
    break;
  case 3: {
    std::vector<std::string> others = split(pick(random), isSameToken);
    if (!others.empty())
      token = others[random() % others.size()];
    break;
  }
  default: {
    // Numbers are what passes compute with: half of all changes.
    std::vector<std::string *> candidates;
    bool wantsNumber = random() % 4 != 0;
    for (std::string &candidate : tokens)
      if (!!std::isdigit(static_cast<unsigned char>(candidate[0])) ==
              wantsNumber &&
          isWord(candidate[0]))
        candidates.push_back(&candidate);
    if (candidates.empty())
      return;
    *candidates[random() % candidates.size()] =
        wantsNumber ? numbers[random() % std::size(numbers)]
                    : words[random() % std::size(words)];
  }
  }
  text = join(tokens);
}

void Mutator::changeLines(std::string &text, std::mt19937_64 &random) const {
  std::vector<std::string> lines = split(text, isSameLine);
  if (lines.empty())
    return;
  std::string &line = lines[random() % lines.size()];
  switch (random() % 3) {
  case 0:
    line.clear();
    break;
  case 1:
    line += line;
    break;
  case 2:
    std::swap(line, lines[random() % lines.size()]);
    break;
  }
  text = join(lines);
}

std::string Mutator::mutateText(std::mt19937_64 &random) const {
  std::string text = pick(random);
  for (size_t i = 0, e = 1 + random() % 4; i < e; ++i) {
    if (random() % 5 == 0)
      changeLines(text, random);
    else
      changeTokens(text, random);
  }
  return text;
}

std::string Mutator::mutateBytes(std::string bytes,
                                 std::mt19937_64 &random) const {
  for (size_t i = 0, e = 1 + random() % 4; i < e && !bytes.empty(); ++i) {
    if (random() % 16 == 0)
      bytes.resize(random() % bytes.size());
    else
      bytes[random() % bytes.size()] = static_cast<char>(random());
  }
  return bytes;
}
