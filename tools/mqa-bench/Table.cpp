//===- Table.cpp - Tables that fit a terminal -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Table.h"

#include "Terminal.h"

#include <algorithm>
#include <cstdio>

using namespace mqa::tools;

std::string mqa::tools::shorten(const std::string &name, int width) {
  const std::string dots = "...";
  auto size = static_cast<size_t>(std::max(width, 4));
  if (name.size() <= size)
    return name;
  return dots + name.substr(name.size() - (size - dots.size()));
}

Table::Table(const std::vector<std::string> &names, std::vector<Column> own,
             bool hasAll)
    : columns(std::move(own)), hasAll(hasAll),
      nameWidth(static_cast<int>(std::string("kernel").size())) {
  for (const std::string &name : names)
    nameWidth = std::max(nameWidth, static_cast<int>(name.size()));
  // "| name |", and " cell |" for each column.
  int others = 4;
  for (Column &column : columns) {
    column.width =
        std::max(column.width, static_cast<int>(column.title.size()));
    if (hasAll || !column.isExtra)
      others += column.width + 3;
  }
  if (!hasAll)
    nameWidth = std::min(nameWidth, kMaxColumns - others);
}

static std::string pad(const std::string &text, int width, bool toTheRight) {
  std::string spaces(std::max(0, width - static_cast<int>(text.size())), ' ');
  std::string shown = text == "WRONG" ? paint(text, Paint::Bad) : text;
  return toTheRight ? spaces + shown : shown + spaces;
}

std::string Table::formatLine(const std::string &name,
                              const std::vector<std::string> &cells) const {
  std::string line = "| ";
  line += pad(name, nameWidth, /*toTheRight=*/false) + " |";
  for (size_t i = 0; i < columns.size(); ++i)
    if (hasAll || !columns[i].isExtra)
      line += " " +
              pad(cells[i].empty() ? "-" : cells[i], columns[i].width,
                  /*toTheRight=*/true) +
              " |";
  return line + "\n";
}

std::string Table::formatHead() const {
  std::vector<std::string> titles;
  for (const Column &column : columns)
    titles.push_back(column.title);
  return formatLine("kernel", titles) +
         formatLine("---", std::vector<std::string>(columns.size(), "--:"));
}

std::string Table::formatRow(const std::string &name,
                             const std::vector<std::string> &cells) const {
  return formatLine(shorten(name, nameWidth), cells);
}

void Table::printHead() const {
  hideProgress();
  std::fputs(formatHead().c_str(), stdout);
  std::fflush(stdout);
}

void Table::printRow(const std::string &name,
                     const std::vector<std::string> &cells) const {
  hideProgress();
  std::fputs(formatRow(name, cells).c_str(), stdout);
  std::fflush(stdout);
}
