//===- TerminalTest.cpp - Units, and tables that fit a terminal -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Table.h"
#include "Units.h"

#include <gtest/gtest.h>

#include <sstream>

using namespace mqa::tools;

TEST(UnitsTest, TimesHaveTheUnitThatSuitsThem) {
  EXPECT_EQ(formatTime(3.2), "3.20 us");
  EXPECT_EQ(formatTime(85.34), "85.3 us");
  EXPECT_EQ(formatTime(999.4), "999 us");
  EXPECT_EQ(formatTime(999.6), "1.00 ms");
  EXPECT_EQ(formatTime(25392.5), "25.4 ms");
  EXPECT_EQ(formatTime(999499), "999 ms");
  EXPECT_EQ(formatTime(1.07e6), "1.07 s");
  EXPECT_EQ(formatTime(123.4e6), "123 s");
}

TEST(UnitsTest, NoRateIsZero) {
  EXPECT_EQ(formatRate(163.9), "164 GFLOP/s");
  EXPECT_EQ(formatRate(2194.3), "2194 GFLOP/s");
  EXPECT_EQ(formatRate(1.31e6), "1310 TFLOP/s");
  EXPECT_EQ(formatRate(0.0042), "4.20 MFLOP/s");
  EXPECT_EQ(formatBandwidth(0.0931), "93.1 MB/s");
  EXPECT_EQ(formatBandwidth(1.94), "1.94 GB/s");
  EXPECT_EQ(formatBandwidth(3010), "3010 GB/s");
}

TEST(UnitsTest, ATableHasOneUnit) {
  EXPECT_EQ(TimeUnit(/*isCpu=*/true).format(25392.6), "25.393");
  EXPECT_STREQ(TimeUnit(true).name, "ms");
  EXPECT_EQ(TimeUnit(/*isCpu=*/false).format(25392.5), "25392.5");
}

static std::vector<std::string> getLines(const std::string &text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);)
    lines.push_back(line);
  return lines;
}

TEST(TableTest, ItIsMarkdownAndAligned) {
  Table table({"a", "longer"}, {{"M", 4}, {"error", 8}}, /*hasAll=*/false);
  EXPECT_EQ(table.formatHead(), "| kernel |    M |    error |\n"
                                "| ---    |  --: |      --: |\n");
  EXPECT_EQ(table.formatRow("a", {"12", ""}), "| a      |   12 |        - |\n");
}

TEST(TableTest, ExtraColumnsAreThereOnDemand) {
  std::vector<Column> columns = {{"M", 4}, {"GB/s", 5, true}, {"us", 3}};
  EXPECT_EQ(Table({}, columns, false).formatRow("a", {"1", "2", "3"}),
            "| a      |    1 |   3 |\n");
  EXPECT_EQ(Table({}, columns, true).formatRow("a", {"1", "2", "3"}),
            "| a      |    1 |     2 |   3 |\n");
}

TEST(TableTest, LinesFit100Columns) {
  // Wide enough that the longest name does not fit; then all columns.
  std::string name(60, 'x');
  name += "_fast clean";
  std::vector<Column> columns(6, Column{"column", 8});
  columns.push_back({"extra", 20, true});
  std::vector<std::string> cells(7, "12345678");
  Table table({"short", name}, columns, /*hasAll=*/false);
  for (const std::string &text :
       {table.formatHead(), table.formatRow(name, cells),
        table.formatRow("short", cells)})
    for (const std::string &line : getLines(text))
      EXPECT_EQ(line.size(), size_t(kMaxColumns)) << line;
  // What differs between kernels is at the end of their names.
  EXPECT_NE(table.formatRow(name, cells).find("...xxxx"), std::string::npos);
  EXPECT_NE(table.formatRow(name, cells).find("_fast clean |"),
            std::string::npos);
  Table all({name}, columns, /*hasAll=*/true);
  EXPECT_NE(all.formatRow(name, cells).find("| " + name + " |"),
            std::string::npos);
}

TEST(TableTest, NamesAreShortenedAtTheirBeginning) {
  EXPECT_EQ(shorten("h64_d128", 8), "h64_d128");
  EXPECT_EQ(shorten("h64_d128", 7), "...d128");
}
