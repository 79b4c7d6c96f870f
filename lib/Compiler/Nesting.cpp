//===- Nesting.cpp - Text that MLIR's parser can stand --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Compiler/Compile.h"

#include "mlir/IR/Diagnostics.h"

using namespace mlir;

/// Where the string or the comment at the start of `text` ends.
static size_t skipQuoted(StringRef text) {
  if (text.starts_with("//"))
    return std::min(text.find('\n'), text.size());
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\\')
      ++i;
    else if (text[i] == '"' || text[i] == '\n')
      return i + 1;
  }
  return text.size();
}

LogicalResult mqa::checkNesting(MLIRContext *context, StringRef text,
                                StringRef name) {
  // A level takes MLIR's parser, verifier and printer up to 2 KiB of stack.
  constexpr int kMaxDepth = 256;
  int depth = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    StringRef rest = text.substr(i);
    if (rest.starts_with("\"") || rest.starts_with("//")) {
      i += skipQuoted(rest) - 1;
      continue;
    }
    // Neither opens nor closes anything.
    if (rest.starts_with("->") || rest.starts_with("<=") ||
        rest.starts_with(">=")) {
      ++i;
      continue;
    }
    if (StringRef("([{<").contains(text[i]))
      ++depth;
    else if (StringRef(")]}>").contains(text[i]))
      depth = std::max(0, depth - 1);
    if (depth <= kMaxDepth)
      continue;
    StringRef before = text.take_front(i);
    size_t line = before.count('\n') + 1;
    size_t column = before.size() - (before.rfind('\n') + 1) + 1;
    return emitError(FileLineColLoc::get(context, name, line, column))
           << "brackets are nested more than " << kMaxDepth << " deep";
  }
  return success();
}
