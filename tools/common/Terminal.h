//===- Terminal.h - What only a person at a terminal sees -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_COMMON_TERMINAL_H
#define MQA_TOOLS_COMMON_TERMINAL_H

#include <string>

namespace mqa::tools {

/// Whether a person looks at what is written to a file descriptor.
bool isTerminal(int descriptor);

/// Writes a line to standard error that the next one overwrites, where that is
/// a terminal. At the end of the program the line is gone.
void showProgress(const std::string &text);
/// Removes the line: to be called ahead of other output.
void hideProgress();

enum class Paint { Good, Bad };

/// In colour where standard output is a terminal, and NO_COLOR is not set.
std::string paint(const std::string &text, Paint color);

} // namespace mqa::tools

#endif // MQA_TOOLS_COMMON_TERMINAL_H
