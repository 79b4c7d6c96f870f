//===- LayoutTest.cpp - Every element of every layout ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Models of the hardware, written down from the PTX ISA, against what the
// compiler makes of them: where TMA writes an element and where WGMMA reads it,
// and which element of the result each register holds. A wrong swizzle gives
// the same wrong answer every time, so reruns do not find it.
//
//===----------------------------------------------------------------------===//

#include "Fragments/FragmentLayout.h"
#include "WgmmaLowering.h"
#include "mqa/Dialect/MQA/Transforms/ScheduleTable.h"
#include "mqa/Dialect/MQA/Transforms/TilePlan.h"
#include "mqa/InitAll.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FormatVariadic.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::shapes;

static MLIRContext &getContext() {
  static MLIRContext *context = [] {
    DialectRegistry registry;
    registerAllDialects(registry);
    auto *result = new MLIRContext(registry);
    result->loadAllAvailableDialects();
    return result;
  }();
  return *context;
}

static SmallVector<Type> getInputTypes() {
  MLIRContext *context = &getContext();
  return {Float8E4M3FNType::get(context), Float8E5M2Type::get(context),
          BFloat16Type::get(context), Float16Type::get(context)};
}

//===----------------------------------------------------------------------===//
// Shared memory
//===----------------------------------------------------------------------===//

/// PTX ISA, "Swizzling modes": bits 4.. of an address are exchanged by those
/// from bit 7 on, as many as the row has groups of 16 bytes.
static int64_t swizzle(int64_t address, int64_t rowBytes) {
  int64_t groups = rowBytes / 16;
  return address ^ (((address >> 7) & (groups - 1)) << 4);
}

TEST(LayoutTest, DescriptorFields) {
  for (auto [rowBytes, mode] :
       {std::pair<int64_t, uint64_t>{128, 1}, {64, 2}, {32, 3}}) {
    uint64_t bits = getMatrixDescriptorBits(rowBytes);
    EXPECT_EQ(bits >> 62, mode) << "128, 64 or 32 bytes";
    EXPECT_EQ((bits >> 32) & 0x3fff, uint64_t(8 * rowBytes / 16))
        << "from 8 rows to the next 8";
    EXPECT_EQ((bits >> 16) & 0x3fff, 1u) << "not used";
    EXPECT_EQ((bits >> 49) & 7, 0u) << "tiles start at a multiple of 1024";
    EXPECT_EQ(bits & 0x3fff, 0u) << "room for the address";
  }
}

// Each byte of each row, for every D and type: written by TMA as a swizzled box
// of rows, read by WGMMA through the descriptor of its step of K.
TEST(LayoutTest, TmaWritesWhatWgmmaReads) {
  for (Type type : getInputTypes())
    for (int64_t headDim = 16; headDim <= 256; headDim += 16) {
      int64_t elementBytes = type.getIntOrFloatBitWidth() / 8;
      RowChunks chunks = getRowChunks(headDim, type);
      int64_t rowBytes = chunks.elements * elementBytes;
      ASSERT_TRUE(rowBytes == 32 || rowBytes == 64 || rowBytes == 128);
      ASSERT_GE(chunks.count * chunks.elements, headDim);
      ASSERT_LT(chunks.count * rowBytes - headDim * elementBytes, kStepBytes)
          << "no step of K without an element";
      uint64_t bits = getMatrixDescriptorBits(rowBytes);
      int64_t stride = ((bits >> 32) & 0x3fff) * 16;
      for (int64_t numRows : {kGroupRows, int64_t(96), int64_t(256)})
        for (int64_t chunk = 0; chunk < chunks.count; ++chunk) {
          int64_t tile = chunk * numRows * rowBytes;
          ASSERT_EQ(tile % (8 * rowBytes), 0) << "a swizzle atom";
          for (int64_t row = 0; row < numRows; ++row)
            for (int64_t byte = 0; byte < rowBytes; ++byte) {
              int64_t written = swizzle(tile + row * rowBytes + byte, rowBytes);
              int64_t step = byte / kStepBytes;
              int64_t start = tile + step * kStepBytes;
              int64_t read = swizzle(start + row / 8 * stride +
                                         row % 8 * rowBytes + byte % kStepBytes,
                                     rowBytes);
              ASSERT_EQ(written, read)
                  << "D " << headDim << " row " << row << " byte " << byte;
            }
        }
    }
}

//===----------------------------------------------------------------------===//
// Registers
//===----------------------------------------------------------------------===//

/// The value of integer arithmetic on the thread's number, by folding.
static int64_t evaluate(Value value, int64_t thread) {
  Operation *op = value.getDefiningOp();
  if (isa<gpu::ThreadIdOp>(op))
    return thread;
  // Of the first lane of the warp, which is all that the layout shuffles.
  if (auto shuffle = dyn_cast<gpu::ShuffleOp>(op))
    return evaluate(shuffle.getValue(), thread / kWarpThreads * kWarpThreads);
  SmallVector<Attribute> operands;
  for (Value operand : op->getOperands())
    operands.push_back(
        IntegerAttr::get(operand.getType(), evaluate(operand, thread)));
  SmallVector<OpFoldResult> results;
  if (failed(op->fold(operands, results)) || results.empty()) {
    ADD_FAILURE() << "cannot evaluate " << op->getName().getStringRef().str();
    return -1;
  }
  if (auto same = dyn_cast<Value>(results[0]))
    return evaluate(same, thread);
  return cast<IntegerAttr>(cast<Attribute>(results[0])).getInt();
}

// Of every thread and register: the row and column that the PTX ISA gives them
// ("Register Fragments for wgmma.mma_async.m64nNk..": D).
TEST(LayoutTest, EveryRegisterOfEveryThread) {
  for (int64_t numQueries : {1, 2, 4, 8, 16, 32}) {
    OwningOpRef<ModuleOp> module =
        ModuleOp::create(UnknownLoc::get(&getContext()));
    OpBuilder b(module->getBodyRegion());
    FragmentLayout layout(b, module->getLoc(), numQueries);
    int64_t heads = kGroupRows / numQueries;
    constexpr int64_t kColumns = 128;
    for (int64_t thread = 0; thread < kGroupThreads; ++thread) {
      auto at = [&](Coordinate c) {
        return c.offset + (c.base ? evaluate(c.base, thread) : 0);
      };
      int64_t warp = thread / 32, lane = thread % 32;
      int64_t query = at(layout.getQuery());
      for (int64_t half = 0; half < FragmentLayout::kRowHalves; ++half) {
        // Rows of a warp are its heads x its queries; warps that share a query
        // have its heads one after the other.
        int64_t row = 8 * half + lane / 4;
        if (numQueries >= kGroupWarps) {
          int64_t warpQueries = numQueries / kGroupWarps;
          EXPECT_EQ(query, warp * warpQueries + row % warpQueries);
          EXPECT_EQ(at(layout.getHead(half)), row / warpQueries);
        } else {
          int64_t rowOfAll = warp * kWarpRows + row;
          EXPECT_EQ(query, rowOfAll / heads);
          EXPECT_EQ(at(layout.getHead(half)), rowOfAll % heads);
        }
      }
      for (int64_t r = 0; r < kColumns / 2; ++r) {
        int64_t half = r / 2 % 2, column = 8 * (r / 4) + 2 * (lane % 4) + r % 2;
        Coordinate c = layout.getColumn(8 * (r / 4) + r % 2);
        EXPECT_EQ(at(c), column);
        FailureOr<int64_t> found =
            layout.getRegister(layout.getQuery(), layout.getHead(half), c);
        ASSERT_TRUE(succeeded(found));
        EXPECT_EQ(*found, r);
      }
    }
  }
}

//===----------------------------------------------------------------------===//
// Staged queries
//===----------------------------------------------------------------------===//

// For every H and several D: a slot has each head of each query once, in the
// row of the WGMMA where the registers are taken for it.
TEST(LayoutTest, EveryHeadOfEveryQueryHasARow) {
  for (int64_t heads = 1; heads <= 128; ++heads) {
    for (int64_t headDim : {32, 48, 128, 208}) {
      std::string text = llvm::formatv(
          R"mlir(func.func @f(%q: memref<?x{0}x{1}xbf16>, %k: memref<?x{1}xbf16>, %r: memref<?xi32>, %out: memref<?x?xf32>) {{
          mqa.logits ins(%q, %k, none, none, %r, %r : memref<?x{0}x{1}xbf16>, memref<?x{1}xbf16>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>)
          return
        })mlir",
          heads, headDim);
      auto module = parseSourceString<ModuleOp>(text, &getContext());
      ASSERT_TRUE(module);
      LogitsOp op;
      module->walk([&](LogitsOp found) { op = found; });
      ScheduleAttr schedule =
          deriveSchedule(op, *ChipInfo::lookUp(kDefaultChip), Reduction::F32);
      ASSERT_TRUE(schedule) << heads << " x " << headDim;
      FailureOr<TilePlan> plan =
          TilePlan::get(op, *ChipInfo::lookUp(kDefaultChip), schedule,
                        [&] { return op.emitError(); });
      ASSERT_TRUE(succeeded(plan));
      ArrayRef<int64_t> shape = plan->queryRing.getTiles()[0].getShape();
      int64_t warpQueries = schedule.getTileQ() / kGroupWarps;
      SmallVector<int64_t> index(shape.size(), 0);
      int64_t paddedHeads = shape[1] * kWarpRows / warpQueries;
      ASSERT_GE(paddedHeads, plan->blockHeads);
      std::vector<int> seen(schedule.getBlockQ() * paddedHeads, 0);
      // The first element of each row of the first chunk.
      size_t rank = shape.size();
      for (index[0] = 0; index[0] < shape[0]; ++index[0])
        for (index[1] = 0; index[1] < shape[1]; ++index[1])
          for (int64_t row = 0; row < kGroupRows; ++row) {
            int64_t inWarp = row % kWarpRows;
            index[rank - 4] = row / kWarpRows;
            index[rank - 3] = inWarp / warpQueries;
            index[rank - 2] = inWarp % warpQueries;
            SmallVector<int64_t> source =
                llvm::to_vector(plan->queryMap.compose(index));
            int64_t query = index[0] * schedule.getTileQ() +
                            row / kWarpRows * warpQueries +
                            inWarp % warpQueries;
            int64_t head =
                index[1] * (kWarpRows / warpQueries) + inWarp / warpQueries;
            ASSERT_EQ(source[0], query);
            ASSERT_EQ(source[1], head);
            ASSERT_EQ(source[2], 0);
            ++seen[query * paddedHeads + head];
          }
      for (int count : seen)
        ASSERT_EQ(count, 1);
    }
  }
}
