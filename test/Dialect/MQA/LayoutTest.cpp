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

#include "Fragments/HeadRowsLayout.h"
#include "Fragments/KeyRowsLayout.h"
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

static StagedLayoutAttr getRows(int64_t rows, int64_t size, int64_t unit) {
  return StagedLayoutAttr::get(&getContext(), {rows, size}, {0, 1}, unit);
}

namespace {
/// Where a layout has an element, in elements, in a tile that begins at 0.
class Places {
public:
  explicit Places(StagedLayoutAttr layout) {
    AffineMap affine = layout.getAffineMap();
    AffineExpr zero = getAffineConstantExpr(0, &getContext());
    map = affine.replaceDimsAndSymbols({}, zero, affine.getNumDims(), 0);
  }
  int64_t operator()(ArrayRef<int64_t> indices) const {
    return map.compose(indices)[0];
  }

private:
  AffineMap map;
};
} // namespace

/// How the matrix unit of `chip` wants an operand.
static StagedLayoutAttr getOperand(StringRef chip, OperandRole role,
                                   ArrayRef<int64_t> tile, Type type) {
  return ChipInfo::lookUp(chip)->matrixUnit->getOperandLayout(role, tile, type);
}

TEST(LayoutTest, DescriptorFields) {
  for (auto [rowBytes, mode] :
       {std::pair<int64_t, uint64_t>{128, 1}, {64, 2}, {32, 3}}) {
    uint64_t bits = getMatrixDescriptorBits(getRows(64, rowBytes, 16));
    EXPECT_EQ(getMatrixDescriptorBits(getRows(64, rowBytes / 2, 8)), bits)
        << "of 16 bits";
    EXPECT_EQ(bits >> 62, mode) << "128, 64 or 32 bytes";
    EXPECT_EQ((bits >> 32) & 0x3fff, uint64_t(8 * rowBytes / 16))
        << "from 8 rows to the next 8";
    EXPECT_EQ((bits >> 16) & 0x3fff, 1u) << "not used";
    EXPECT_EQ((bits >> 49) & 7, 0u) << "tiles start at a multiple of 1024";
    EXPECT_EQ(bits & 0x3fff, 0u) << "room for the address";
  }
}

// Each 16 bytes of each key, which stay together, for every D and type: where
// the layout has them, TMA has written them as a part of a swizzled box of
// rows, and WGMMA reads them through the descriptor of its step of K.
TEST(LayoutTest, TmaWritesWhatWgmmaReads) {
  for (Type type : getInputTypes())
    for (int64_t headDim = 16; headDim <= 256; headDim += 16)
      for (int64_t numRows : {kGroupRows, int64_t(96), int64_t(256)}) {
        int64_t elementBytes = type.getIntOrFloatBitWidth() / 8;
        StagedLayoutAttr layout = getOperand(kDefaultChip, OperandRole::Keys,
                                             {numRows, headDim}, type);
        ASSERT_TRUE(layout.fits(type));
        int64_t rowBytes = layout.getSwizzleBytes();
        int64_t inRow = layout.getShape().back();
        ASSERT_EQ(inRow * elementBytes, rowBytes);
        ASSERT_TRUE(rowBytes == 32 || rowBytes == 64 || rowBytes == 128);
        SmallVector<int64_t> tile = layout.getTileShape();
        ASSERT_EQ(tile[0], numRows);
        ASSERT_GE(tile[1], headDim);
        ASSERT_LT((tile[1] - headDim) * elementBytes, kStepBytes)
            << "no step of K without an element";
        Places getPlace(layout);
        uint64_t bits = getMatrixDescriptorBits(layout);
        int64_t stride = ((bits >> 32) & 0x3fff) * 16;
        for (int64_t row = 0; row < numRows; ++row)
          for (int64_t d = 0; d < tile[1]; d += layout.getSwizzle()) {
            int64_t chunk = d / inRow * numRows * rowBytes;
            ASSERT_EQ(chunk % (8 * rowBytes), 0) << "a swizzle atom";
            int64_t byte = d % inRow * elementBytes;
            int64_t place = getPlace({row, d}) * elementBytes;
            int64_t written = swizzle(chunk + row * rowBytes + byte, rowBytes);
            int64_t start = chunk + byte / kStepBytes * kStepBytes;
            int64_t read = swizzle(start + row / 8 * stride +
                                       row % 8 * rowBytes + byte % kStepBytes,
                                   rowBytes);
            ASSERT_EQ(written, place) << "D " << headDim << " row " << row;
            ASSERT_EQ(read, place) << "D " << headDim << " row " << row;
          }
      }
}

// mma.sync reads rows by ldmatrix, of 16 bytes each: of every chip that has it,
// from where the same swizzle has put them (PTX ISA, "ldmatrix").
TEST(LayoutTest, AllUnitsReadTheSameKeys) {
  for (StringRef chip : {"sm_80", "sm_86", "sm_89", "sm_120"})
    for (int64_t headDim : {16, 48, 64, 80, 128, 256}) {
      Type type = BFloat16Type::get(&getContext());
      EXPECT_EQ(
          getOperand(chip, OperandRole::Keys, {64, headDim}, type),
          getOperand(kDefaultChip, OperandRole::Keys, {64, headDim}, type));
    }
}

// The maps between indices and memory undo each other, and no two elements have
// the same place.
TEST(LayoutTest, EveryElementHasAPlace) {
  auto get = [](ArrayRef<int64_t> shape, ArrayRef<int64_t> dims, int64_t unit) {
    return StagedLayoutAttr::get(&getContext(), shape, dims, unit);
  };
  for (StagedLayoutAttr layout :
       {get({64, 128}, {0, 1}, 16), get({8, 128}, {0, 1}, 0),
        get({3, 5, 4, 2, 8, 16}, {1, 2, 0, 1, 0, 2}, 8),
        get({2, 2, 4, 4, 64}, {1, 0, 1, 0, 2}, 16),
        get({4, 2, 3, 32}, {1, 0, 1, 1}, 16), get({32, 64}, {1, 0}, 16)}) {
    AffineMap toMemory = layout.getMemoryMap(), toTile = layout.getTileMap();
    SmallVector<int64_t> tile = layout.getTileShape();
    Places getPlace(layout);
    int64_t numElements = layout.getNumElements();
    std::vector<bool> taken(numElements, false);
    for (int64_t i = 0; i < numElements; ++i) {
      SmallVector<int64_t> indices(tile.size());
      int64_t rest = i;
      for (size_t dim = tile.size(); dim-- > 0; rest /= tile[dim])
        indices[dim] = rest % tile[dim];
      SmallVector<int64_t> memory = llvm::to_vector(toMemory.compose(indices));
      EXPECT_EQ(llvm::to_vector(toTile.compose(memory)), indices);
      int64_t place = getPlace(indices), linear = 0;
      for (auto [at, size] : llvm::zip_equal(memory, layout.getShape()))
        linear = linear * size + at;
      if (int64_t unit = layout.getSwizzle())
        linear =
            swizzle(linear / unit * 16, layout.getSwizzleBytes()) / 16 * unit +
            linear % unit;
      ASSERT_EQ(place, linear);
      ASSERT_FALSE(taken[place]);
      taken[place] = true;
    }
  }
}

// A part's elements are where the tile has them.
TEST(LayoutTest, PartsAreRunsOfMemory) {
  Type type = Float8E4M3FNType::get(&getContext());
  for (int64_t tileQ : {1, 2, 4, 8, 16, 32}) {
    StagedLayoutAttr headTile = getOperand(kDefaultChip, OperandRole::QueryRows,
                                           {tileQ, 64 / tileQ, 160}, type);
    StagedLayoutAttr tile = headTile.getRepeated({2, 3}, {0, 1});
    FailureOr<StagedLayoutAttr> group =
        tile.getPart({tileQ, 3 * 64 / tileQ, 160});
    ASSERT_TRUE(succeeded(group));
    EXPECT_EQ(*group, headTile.getRepeated({3}, {1}));
    FailureOr<StagedLayoutAttr> part = group->getPart({tileQ, 64 / tileQ, 160});
    ASSERT_TRUE(succeeded(part));
    EXPECT_EQ(*part, headTile);
    Places inTile(tile), inPart(*part);
    for (int64_t q = 0; q < tileQ; ++q)
      for (int64_t h = 0; h < 64 / tileQ; ++h)
        for (int64_t d = 0; d < 160; d += 37)
          ASSERT_EQ(inTile({q + tileQ, h + 2 * 64 / tileQ, d}),
                    5 * headTile.getNumElements() + inPart({q, h, d}));
    EXPECT_TRUE(failed(tile.getPart({tileQ, 64 / tileQ, 16})));
    EXPECT_TRUE(failed(tile.getPart({2 * tileQ, 64 / tileQ, 160})));
    EXPECT_TRUE(failed(tile.getPart({tileQ, 0, 160})));
  }
}

// Of a dim that parts share, each has as many behind each other.
TEST(LayoutTest, PartsOfOneDim) {
  Type type = Float8E4M3FNType::get(&getContext());
  StagedLayoutAttr tile =
      getOperand(kDefaultChip, OperandRole::Keys, {192, 128}, type);
  StagedLayoutAttr expected =
      getOperand(kDefaultChip, OperandRole::Keys, {64, 128}, type);
  FailureOr<StagedLayoutAttr> part = tile.getPart({64, 128});
  ASSERT_TRUE(succeeded(part));
  EXPECT_EQ(*part, expected);
  Places inTile(tile), inPart(*part);
  for (int64_t row = 0; row < 64; row += 7)
    for (int64_t d = 0; d < 128; d += 19)
      ASSERT_EQ(inTile({row + 128, d}),
                2 * expected.getNumElements() + inPart({row, d}));
  EXPECT_TRUE(failed(tile.getPart({5, 128}))) << "no whole number of parts";
  EXPECT_TRUE(failed(tile.getPart({3, 128}))) << "of less than a swizzle";
  EXPECT_TRUE(failed(tile.getPart({192, 64}))) << "of rows";
  // Rows of two chunks are not behind each other.
  StagedLayoutAttr chunks =
      getOperand(kDefaultChip, OperandRole::Keys, {192, 128},
                 BFloat16Type::get(&getContext()));
  EXPECT_TRUE(failed(chunks.getPart({64, 128})));
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
    HeadRowsLayout layout(b, module->getLoc(), numQueries);
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
            layout.getRegister({layout.getQuery(), layout.getHead(half), c});
        ASSERT_TRUE(succeeded(found));
        EXPECT_EQ(*found, r);
      }
    }
  }
}

// The same where rows are keys: column n of the product is head n mod H of
// query n / H.
TEST(LayoutTest, EveryRegisterOfKeyRows) {
  for (auto [numQueries, heads] :
       {std::pair<int64_t, int64_t>{1, 64}, {2, 64}, {4, 24}, {16, 8}}) {
    OwningOpRef<ModuleOp> module =
        ModuleOp::create(UnknownLoc::get(&getContext()));
    OpBuilder b(module->getBodyRegion());
    KeyRowsLayout layout(b, module->getLoc(), numQueries, heads);
    for (int64_t thread = 0; thread < kGroupThreads; ++thread) {
      auto at = [&](Coordinate c) {
        return c.offset + (c.base ? evaluate(c.base, thread) : 0);
      };
      int64_t warp = thread / 32, lane = thread % 32;
      for (int64_t r = 0; r < numQueries * heads / 2; ++r) {
        int64_t half = r / 2 % 2, column = 8 * (r / 4) + 2 * (lane % 4) + r % 2;
        Coordinate key = layout.getKey(half);
        Coordinate query = layout.getQuery(column / heads);
        Coordinate head = layout.getHead(8 * (r / 4) % heads + r % 2);
        EXPECT_EQ(at(key), 16 * warp + 8 * half + lane / 4);
        EXPECT_LE(at(key) - key.offset, key.maxBase);
        EXPECT_EQ(at(head), column % heads);
        EXPECT_LE(at(head) - head.offset, head.maxBase);
        FailureOr<int64_t> found = layout.getRegister({key, query, head});
        ASSERT_TRUE(succeeded(found));
        EXPECT_EQ(*found, r);
        EXPECT_TRUE(failed(layout.getRegister({head, query, key})));
      }
    }
  }
}

// Heads that are columns lie query by query, chunk behind chunk, whatever their
// number: all of them, or equal parts.
TEST(LayoutTest, HeadsThatAreColumns) {
  Type type = BFloat16Type::get(&getContext());
  for (int64_t queries : {1, 2, 4, 8, 16})
    for (int64_t heads = 1; heads <= 128; ++heads) {
      int64_t part = getColumnHeads(queries, heads);
      int64_t parts = llvm::divideCeil(heads, part);
      EXPECT_LE(part * queries, kMaxHeadColumns);
      EXPECT_EQ(part % kColumnStep, 0);
      EXPECT_EQ(getColumnHeads(queries, part * parts), part)
          << "of what is staged";
      StagedLayoutAttr layout = getOperand(
          kDefaultChip, OperandRole::QueryColumns, {queries, part, 128}, type);
      FailureOr<StagedLayoutAttr::Matrix> matrix = layout.getMatrix();
      ASSERT_TRUE(succeeded(matrix));
      EXPECT_EQ(matrix->rows, queries * part);
      EXPECT_EQ(matrix->chunks, 2);
      Places getPlace(layout);
      for (int64_t d : {0, 64}) {
        int64_t row = (queries - 1) * part + part - 1;
        int64_t index = (d / 64 * queries * part + row) * 64;
        EXPECT_EQ(getPlace({queries - 1, part - 1, d}),
                  swizzle(index * 2, 128) / 2);
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
      MemRefType tile = plan->queryRing.getTiles()[0];
      auto layout = cast<StagedLayoutAttr>(tile.getLayout());
      int64_t warpQueries = schedule.getTileQ() / kGroupWarps;
      int64_t tileHeads = kWarpRows / warpQueries;
      ASSERT_EQ(tile.getDimSize(0), schedule.getBlockQ());
      ASSERT_GE(tile.getDimSize(1), plan->blockHeads);
      ASSERT_EQ(tile.getDimSize(1) % tileHeads, 0);
      // The first element of each row of the first chunk: rows of a head tile,
      // chunk behind chunk, head tile behind head tile, group behind group.
      int64_t inRow = layout.getShape().back();
      Places getPlace(layout);
      int64_t numTiles = tile.getDimSize(1) / tileHeads;
      int64_t tileSize = kGroupRows * tile.getDimSize(2);
      for (int64_t query = 0; query < tile.getDimSize(0); ++query)
        for (int64_t head = 0; head < tile.getDimSize(1); ++head) {
          int64_t inGroup = query % schedule.getTileQ();
          int64_t row = inGroup / warpQueries * kWarpRows +
                        head % tileHeads * warpQueries + inGroup % warpQueries;
          int64_t index =
              query / schedule.getTileQ() * numTiles + head / tileHeads;
          int64_t expected = index * tileSize + row * inRow;
          int64_t elementBytes = tile.getElementTypeBitWidth() / 8;
          ASSERT_EQ(getPlace({query, head, 0}),
                    swizzle(expected * elementBytes, inRow * elementBytes) /
                        elementBytes);
        }
    }
  }
}
