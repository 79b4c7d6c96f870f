//===- TargetTest.cpp - Plans ask the chip for its limits -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Chips that do not exist: a known one with one limit changed. A plan or a
// schedule that had that limit as a constant of its own would not notice.
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/EnumCases.h"
#include "mqa/Dialect/MQA/Transforms/ScheduleTable.h"
#include "mqa/Dialect/MQA/Transforms/TilePlan.h"
#include "mqa/InitAll.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace mlir::mqa;

namespace {
class TargetTest : public ::testing::Test {
protected:
  TargetTest() {
    DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
    module = parseSourceString<ModuleOp>(
        R"mlir(func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %w: memref<?x64xf32>, %r: memref<?xi32>, %out: memref<?x?xf32>) {
          mqa.logits ins(%q, %k, none, %w, %r, %r : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>)
          return
        })mlir",
        &context);
    module->walk([&](LogitsOp found) { op = found; });
  }

  /// Which limit of `chip` the known chip's schedule breaks; empty if none.
  std::string getBrokenLimit(const ChipInfo &chip) {
    std::string message;
    ScopedDiagnosticHandler handler(
        &context, [&](Diagnostic &diagnostic) { message = diagnostic.str(); });
    ScheduleAttr schedule =
        lookUpSchedule(op, known, "exact", /*areSelected=*/false);
    EXPECT_TRUE(schedule);
    (void)TilePlan::get(op, chip, schedule, [&] { return op.emitError(); });
    return message;
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  LogitsOp op;
  const ChipInfo &known = *ChipInfo::lookUp(kDefaultChip);
};
} // namespace

TEST_F(TargetTest, TheKnownChipHasRoomForItsSchedule) {
  EXPECT_EQ(getBrokenLimit(known), "");
}

TEST_F(TargetTest, SharedMemoryIsTheChips) {
  ChipInfo chip = known;
  chip.blockSharedMemory = 99 * 1024;
  EXPECT_NE(getBrokenLimit(chip).find("but a block has 101376"),
            std::string::npos);
  ScheduleAttr derived = deriveSchedule(op, chip, Reduction::F32);
  ASSERT_TRUE(derived);
  FailureOr<TilePlan> plan =
      TilePlan::get(op, chip, derived, [&] { return op.emitError(); });
  ASSERT_TRUE(succeeded(plan));
  EXPECT_LE(plan->sharedMemoryBytes, chip.blockSharedMemory);
  EXPECT_NE(derived, deriveSchedule(op, known, Reduction::F32));
  for (ScheduleAttr schedule : enumerateSchedules(op, chip))
    EXPECT_TRUE(fitsSchedule(op, chip, schedule));
}

// A search looks at keys as rows where the unit is WGMMA, which alone has them.
TEST_F(TargetTest, SearchesKeysAsRows) {
  auto countKeyRows = [&](const ChipInfo &chip) {
    return llvm::count_if(
        enumerateSchedules(op, chip),
        [](ScheduleAttr schedule) { return hasKeyRows(schedule.getRows()); });
  };
  EXPECT_GE(countKeyRows(known), 4);
  EXPECT_EQ(countKeyRows(*ChipInfo::lookUp("sm_80")), 0);
}

TEST_F(TargetTest, ThreadsAreTheChips) {
  ChipInfo chip = known;
  chip.blockThreads = 512;
  EXPECT_NE(getBrokenLimit(chip).find("but a block has at most 512"),
            std::string::npos);
}

TEST_F(TargetTest, RegistersAreTheChips) {
  ChipInfo chip = known;
  chip.registers /= 2;
  EXPECT_LT(getConsumerRegisters(chip, 4, 0),
            getConsumerRegisters(known, 4, 0));
  EXPECT_NE(getBrokenLimit(chip).find("consumer groups leave it"),
            std::string::npos);
}

TEST_F(TargetTest, ColumnsAreTheMatrixUnits) {
  MatrixUnit unit = *known.matrixUnit;
  unit.maxColumns = 64;
  ChipInfo chip = known;
  chip.matrixUnit = &unit;
  EXPECT_NE(getBrokenLimit(chip).find("WGMMA has at most 64"),
            std::string::npos);
}

TEST_F(TargetTest, SchedulesAreOfTheirChip) {
  ChipInfo chip = known;
  chip.name = "another";
  EXPECT_FALSE(lookUpSchedule(op, chip, "exact", /*areSelected=*/false));
}
