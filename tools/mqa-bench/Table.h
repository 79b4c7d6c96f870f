//===- Table.h - Tables that fit a terminal ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_MQA_BENCH_TABLE_H
#define MQA_TOOLS_MQA_BENCH_TABLE_H

#include <string>
#include <vector>

namespace mqa::tools {

/// Lines of a table are no longer, unless all columns are asked for.
constexpr int kMaxColumns = 100;

/// The end of a name, which tells kernels apart, if the name is longer than
/// `width`.
std::string shorten(const std::string &name, int width);

struct Column {
  std::string title;
  /// That of the longest cell that is expected.
  int width;
  /// Only where all columns are asked for.
  bool isExtra = false;
};

/// A table in Markdown. Its first column has names; numbers are aligned to the
/// right. The word WRONG is in colour on a terminal.
class Table {
public:
  /// `names`: all of the first column, whose title is "kernel".
  Table(const std::vector<std::string> &names, std::vector<Column> columns,
        bool hasAll);

  /// As many cells as columns, behind the name. Empty: a dash.
  std::string formatHead() const;
  std::string formatRow(const std::string &name,
                        const std::vector<std::string> &cells) const;

  void printHead() const;
  void printRow(const std::string &name,
                const std::vector<std::string> &cells) const;

private:
  std::string formatLine(const std::string &name,
                         const std::vector<std::string> &cells) const;

  std::vector<Column> columns;
  bool hasAll;
  int nameWidth;
};

} // namespace mqa::tools

#endif // MQA_TOOLS_MQA_BENCH_TABLE_H
