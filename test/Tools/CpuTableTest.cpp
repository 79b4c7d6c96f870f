//===- CpuTableTest.cpp - What the table for a CPU is made of -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuBaseline.h"
#include "CpuPeak.h"
#include "CpuRead.h"
#include "CpuRows.h"
#include "Rounds.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace mqa::tools;
using mqa::runtime::ThreadPool;

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

static std::vector<CpuCell> parse(const std::string &shapes,
                                  std::optional<Mask> mask = {}) {
  std::vector<CpuCell> cells;
  EXPECT_EQ(parseCpuCells(shapes, mask, cells), "");
  return cells;
}

TEST(CpuCellsTest, EachShapeHasTheMasksThatSuitIt) {
  std::vector<CpuCell> expected = {
      {9, 20, Mask::Full}, {9, 20, Mask::Causal}, {8, 131072, Mask::Full}};
  EXPECT_EQ(parse("9x20,8x131072"), expected);
  expected = {{9, 20, Mask::Causal}, {1, 2147483647, Mask::Causal}};
  EXPECT_EQ(parse("9x20,1x2147483647", Mask::Causal), expected);
  expected = {{9, 20, Mask::Full}, {1, 5, Mask::Full}};
  EXPECT_EQ(parse("9x20,1x5", Mask::Full), expected);
  EXPECT_EQ(parse(kCpuShapes).size(), 11u);
}

TEST(CpuCellsTest, WrongShapesAreRefused) {
  for (const char *shape : {"",
                            "x",
                            "3",
                            "3x",
                            "x3",
                            "0x3",
                            "3x0",
                            "-3x4",
                            "3x-4",
                            "3 x4",
                            " 3x4",
                            "3x4 ",
                            "3x4x5",
                            "3X4",
                            "2147483648x1",
                            "1x2147483648",
                            "99999999999999999999x1",
                            "3.0x4",
                            "+3x4",
                            "0x10"}) {
    std::vector<CpuCell> cells;
    std::string error = parseCpuCells(shape, {}, cells);
    EXPECT_NE(error.find("found '" + std::string(shape) + "' in"),
              std::string::npos)
        << shape << ": " << error;
  }
  for (const char *shapes : {",3x4", "3x4,", "3x4,,5x6", "3x4;5x6"}) {
    std::vector<CpuCell> cells;
    EXPECT_NE(parseCpuCells(shapes, {}, cells), "") << shapes;
  }
}

//===----------------------------------------------------------------------===//
// Figures
//===----------------------------------------------------------------------===//

TEST(CpuFiguresTest, SharesAndRatios) {
  CpuYardsticks yardsticks;
  yardsticks.peakOneThread = 100;
  yardsticks.peak = 400;
  yardsticks.memory = 20;
  yardsticks.loopNest = 90000;
  // 6 GFLOP in 100 and 30 ms; 120 MB of keys.
  CpuFigures figures =
      getCpuFigures(6e9, 1.2e8, {100e3, 30e3}, {200e3, 120e3}, yardsticks);
  EXPECT_DOUBLE_EQ(figures.rateOneThread, 60);
  EXPECT_DOUBLE_EQ(figures.rate, 200);
  EXPECT_DOUBLE_EQ(figures.shareOneThread, 0.6);
  EXPECT_DOUBLE_EQ(figures.share, 0.5);
  EXPECT_DOUBLE_EQ(figures.keyRate, 4);
  EXPECT_DOUBLE_EQ(figures.readShare, 0.2);
  EXPECT_DOUBLE_EQ(figures.boundShare, 0.5);
  EXPECT_DOUBLE_EQ(figures.toFirst, 4);
  EXPECT_DOUBLE_EQ(figures.toLoopNest, 0.9);

  // A buffer of the keys' size says what reads of them can be, if there is one.
  yardsticks.keys = 5;
  figures = getCpuFigures(6e9, 1.2e8, {100e3, 30e3}, {30e3, 30e3}, yardsticks);
  EXPECT_DOUBLE_EQ(figures.readShare, 0.8);
  EXPECT_DOUBLE_EQ(figures.boundShare, 0.8);
  EXPECT_DOUBLE_EQ(figures.toFirst, 1);
}

TEST(CpuFiguresTest, WhatWasNotMeasuredIsZero) {
  CpuFigures figures = getCpuFigures(6e9, 0, {100e3, 0}, {0, 0}, {});
  EXPECT_DOUBLE_EQ(figures.rateOneThread, 60);
  for (double value : {figures.rate, figures.shareOneThread, figures.share,
                       figures.keyRate, figures.readShare, figures.boundShare,
                       figures.toFirst, figures.toLoopNest})
    EXPECT_EQ(value, 0);
}

TEST(CpuFiguresTest, GeometricMean) {
  EXPECT_EQ(getGeometricMean({}), 0);
  EXPECT_DOUBLE_EQ(getGeometricMean({std::log(2.0), std::log(8.0)}), 4);
}

TEST(CpuRowsTest, ARowHasItsShapeAndItsVerdict) {
  Format format;
  format.input = MQA_BF16;
  Problem problem =
      makeProblem({9, 4, 16, 20}, Mask::Causal, 1, /*wide=*/false, format);
  CpuVerdict verdict;
  CpuRow row{"name", "cpu", verdict, {2, 1}, {}};
  row.figures.toFirst = 3;
  CpuCell cell{9, 20, Mask::Causal};
  nlohmann::json fields = makeCpuRow(row, problem, cell, {});
  EXPECT_EQ(fields["kernel"], "name");
  EXPECT_EQ(fields["input_type"], "bf16");
  EXPECT_EQ(fields["seq_len"], 9);
  EXPECT_EQ(fields["seq_len_kv"], 20);
  EXPECT_EQ(fields["mask"], "causal");
  EXPECT_EQ(fields["one_thread_us"], 2.0);
  EXPECT_EQ(fields["time_us"], 1.0);
  EXPECT_EQ(fields["ratio_to_first"], 3.0);
  EXPECT_EQ(fields["pass"], true);
  // Threads must not change a bit.
  row.verdict.changedBytes = 1;
  EXPECT_EQ(makeCpuRow(row, problem, cell, {})["pass"], false);
  row.verdict.changedBytes = 0;
  row.verdict.check.elementErrors = 1;
  EXPECT_EQ(makeCpuRow(row, problem, cell, {})["pass"], false);
}

//===----------------------------------------------------------------------===//
// What is measured beside kernels
//===----------------------------------------------------------------------===//

TEST(CpuPeakTest, EveryUnitDoesTheOperationsThatItCounts) {
  int usable = 0;
  for (const PeakUnit &unit : getPeakUnits()) {
    if (!unit.isUsable())
      continue;
    ++usable;
    for (int64_t iterations : {0, 1, 64})
      EXPECT_EQ(unit.run(iterations),
                kPeakSum * unit.operations * static_cast<double>(iterations))
          << unit.name << ", " << iterations;
    EXPECT_EQ(&choosePeakUnit(unit.name), &unit);
  }
  EXPECT_GE(usable, 1);
  EXPECT_TRUE(choosePeakUnit("").isUsable());
}

TEST(CpuPeakTest, AUnitThatIsNotHereIsRefused) {
  EXPECT_EXIT(choosePeakUnit("none"), ::testing::ExitedWithCode(1),
              "error: --peak: this machine has no 'none'");
}

TEST(CpuPeakTest, AllThreadsDoAsMuchAsOneEach) {
  static int64_t iterations;
  iterations = 0;
  const PeakUnit unit = {"counted", [] { return true; },
                         [](int64_t count) {
                           __atomic_fetch_add(&iterations, count,
                                              __ATOMIC_RELAXED);
                           return 0.0;
                         },
                         /*operations=*/10};
  ThreadPool pool;
  ASSERT_EQ(pool.start(3), MQA_SUCCESS);
  PeakLoop loop(unit, pool);
  iterations = 0;
  loop.launchOneThread();
  EXPECT_EQ(loop.getOneThreadOperations(), 10.0 * iterations);
  int64_t one = iterations;
  loop.launch();
  EXPECT_EQ(iterations, 4 * one);
  EXPECT_EQ(loop.getOperations(), 30.0 * one);
}

TEST(CpuReadTest, EveryLineIsReadOnce) {
  std::unique_ptr<Device> device = Device::create("cpu");
  ThreadPool pool;
  ASSERT_EQ(pool.start(2), MQA_SUCCESS);
  // Fewer lines than a piece, odd ones, and many pieces.
  for (int64_t lines : {1, 2, 3, 5, 63, 64, 65, 1000, 70001}) {
    MemoryRead read(*device, pool, lines * 64, lines * 64);
    uint64_t numbers = 8 * lines;
    for (int i = 0; i < 2; ++i) {
      read.launch();
      EXPECT_EQ(read.getSum(), numbers * (numbers - 1) / 2) << lines;
    }
    EXPECT_EQ(read.getBytes(), lines * 64);
  }
}

TEST(CpuReadTest, PartsFollowEachOther) {
  std::unique_ptr<Device> device = Device::create("cpu");
  ThreadPool pool;
  ASSERT_EQ(pool.start(2), MQA_SUCCESS);
  MemoryRead read(*device, pool, /*bytes=*/3 * 64 - 1, /*partBytes=*/64);
  EXPECT_EQ(read.getBufferBytes(), 3 * 64);
  for (uint64_t part : {0, 1, 2, 0}) {
    read.launch();
    EXPECT_EQ(read.getSum(), 8 * (8 * part) + 28) << part;
  }
  EXPECT_GT(getCacheBytes(), 0);
}

TEST(CpuBaselineTest, AnEstimateGrowsWithTheOperations) {
  // A clock that counts its calls: no time passes.
  class Steps final : public Device {
  public:
    std::string getName() const override { return "steps"; }
    std::unique_ptr<Buffer> allocate(size_t) override { return nullptr; }
    void synchronize() override {}
    std::vector<double> timeQueue(const std::vector<Work> &works) override {
      for (const Work &work : works)
        work();
      return std::vector<double>(works.size(), 5);
    }
  } device;
  mqa_kernel_info info{};
  info.num_heads = 4;
  info.head_dim = 16;
  info.num_groups = 1;
  info.logits_type = MQA_F32;
  info.weights_type = MQA_F32;
  // 4 queries and 64 keys.
  double operations = 2.0 * 4 * 16 * 4 * 64;
  EXPECT_DOUBLE_EQ(estimateCpuBaseline(device, info, operations), 5);
  EXPECT_DOUBLE_EQ(estimateCpuBaseline(device, info, 3 * operations), 15);
}
