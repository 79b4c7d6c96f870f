//===- MmaSyncLowering.cpp - mqa.mma_sync to ldmatrix and mma.sync --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each of the four warps has 16 of the 64 rows of every A. The accumulator of
// m16n8 lies in a warp's registers as the same columns of WGMMA's do (PTX ISA,
// "Matrix Fragments for mma.m16n8k16"), so a fragment is the same for both.
//
//===----------------------------------------------------------------------===//

#include "MmaSyncLowering.h"
#include "WgmmaLowering.h"

#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace mlir::mqa;

/// Bytes of K that one step takes, of any type: two ldmatrix columns.
static constexpr int64_t kStepBytes = 32;
/// Rows of A that a warp has, and columns of one instruction.
static constexpr int64_t kRows = 16, kColumns = 8;

namespace {
/// Emits the multiplications of one mqa.mma_sync.
class WarpProduct {
public:
  WarpProduct(ConversionPatternRewriter &rewriter, MmaSyncOp op)
      : b(op.getLoc(), rewriter), op(op), i32(b.getI32Type()),
        f32(b.getF32Type()), rowBytes(op.getRowBytes()) {}

  /// The fragments of the results, as structs.
  SmallVector<Value> run(ValueRange as, Value bTile);

private:
  /// Where the lane's rows of a tile lie in shared memory, for ldmatrix.x4.
  struct LaneRows {
    /// What the tile's memref is based on, and the bytes from there to the
    /// tile.
    Value base, offset;
    /// The bytes from the tile to the lane's row, and in there to its 16 bytes
    /// of a step, swizzled.
    Value row, column;
    /// From one chunk of K to the next.
    int64_t chunkBytes;
  };

  Value constant(int64_t value) {
    return LLVM::ConstantOp::create(b, i32, b.getI32IntegerAttr(value));
  }
  Value bit(Value value, int64_t shift) {
    return LLVM::AndOp::create(
        b, LLVM::LShrOp::create(b, value, constant(shift)), constant(1));
  }
  Value times(Value value, int64_t factor) {
    return LLVM::MulOp::create(b, value, constant(factor));
  }
  Value makeOpaque(Value value);
  LaneRows getLaneRows(MemRefType type, Value memref, Value row, Value half,
                       int64_t numRows);
  SmallVector<Value> load(const LaneRows &rows, int64_t first, int64_t chunk,
                          int64_t step);
  SmallVector<Value> getOperands(SmallVector<Value> words);
  void multiply(MutableArrayRef<Value> sums, ArrayRef<Value> a,
                ArrayRef<Value> bOperands);

  ImplicitLocOpBuilder b;
  MmaSyncOp op;
  Type i32, f32;
  int64_t rowBytes;
};
} // namespace

/// `value`, which LLVM must take for another one in every op: else it would
/// read B, whose addresses are the same, once for all of them, and keep it in
/// more registers than there are.
Value WarpProduct::makeOpaque(Value value) {
  return LLVM::InlineAsmOp::create(
             b, i32, value, "mov.b32 $0, $1;", "=r,r",
             /*has_side_effects=*/true, /*is_align_stack=*/false,
             LLVM::TailCallKind::None,
             LLVM::AsmDialectAttr::get(b.getContext(),
                                       LLVM::AsmDialect::AD_ATT),
             /*operand_attrs=*/ArrayAttr())
      .getRes();
}

/// `row` is the lane's row among the first that one ldmatrix.x4 reads, `half`
/// which of the two 16-byte columns of a step it reads.
WarpProduct::LaneRows WarpProduct::getLaneRows(MemRefType type, Value memref,
                                               Value row, Value half,
                                               int64_t numRows) {
  MemRefDescriptor descriptor(memref);
  Value offset =
      LLVM::MulOp::create(b, descriptor.offset(b, op.getLoc()),
                          constant(type.getElementTypeBitWidth() / 8),
                          LLVM::IntegerOverflowFlags::nsw);
  auto layout = cast<StagedLayoutAttr>(type.getLayout());
  int64_t rowsPerLine = layout.getRowsPerLine(), columns = layout.getColumns();
  Value line = row;
  if (rowsPerLine > 1)
    line = LLVM::LShrOp::create(b, row, constant(rowsPerLine / 2));
  Value swizzle = LLVM::AndOp::create(b, line, constant(columns - 1));
  Value column = LLVM::XOrOp::create(b, half, swizzle);
  return {descriptor.alignedPtr(b, op.getLoc()), offset, times(row, rowBytes),
          times(column, 16), numRows * rowBytes};
}

/// Four 8 x 16-byte matrices, from row `first` of the tile on.
SmallVector<Value> WarpProduct::load(const LaneRows &rows, int64_t first,
                                     int64_t chunk, int64_t step) {
  Value column =
      LLVM::XOrOp::create(b, rows.column, constant(step * kStepBytes));
  // What is the same for all tiles comes first, and what is a constant last: an
  // address is then a register of few, and an immediate of the instruction.
  auto advance = [&](Value pointer, LLVM::GEPArg bytes) -> Value {
    return LLVM::GEPOp::create(b, pointer.getType(), b.getI8Type(), pointer,
                               bytes);
  };
  Value pointer =
      advance(rows.base, LLVM::AddOp::create(b, rows.row, column).getResult());
  pointer = advance(pointer, rows.offset);
  pointer = advance(pointer, static_cast<int32_t>(first * rowBytes +
                                                  chunk * rows.chunkBytes));
  auto words = LLVM::LLVMStructType::getLiteral(b.getContext(),
                                                SmallVector<Type>(4, i32));
  Value loaded = NVVM::LdMatrixOp::create(
      b, words, pointer, /*num=*/4, NVVM::MMALayout::row,
      NVVM::LdStMatrixShapeAttr::get(b.getContext(), 8, 8),
      NVVM::LdStMatrixEltType::B16);
  SmallVector<Value> result;
  for (int64_t i = 0; i < 4; ++i)
    result.push_back(LLVM::ExtractValueOp::create(b, loaded, i));
  return result;
}

/// The operands of an instruction, made of words as ldmatrix has read them.
SmallVector<Value> WarpProduct::getOperands(SmallVector<Value> words) {
  if (!isa<Float16Type>(op.getB().getType().getElementType()))
    return words;
  auto pair = VectorType::get(2, b.getF16Type());
  for (Value &word : words)
    word = LLVM::BitcastOp::create(b, pair, word);
  return words;
}

/// sums += A * B^T of 16 x 8.
void WarpProduct::multiply(MutableArrayRef<Value> sums, ArrayRef<Value> a,
                           ArrayRef<Value> bOperands) {
  Type element = op.getB().getType().getElementType();
  auto result = LLVM::LLVMStructType::getLiteral(b.getContext(),
                                                 SmallVector<Type>(4, f32));
  Value product;
  if (element.getIntOrFloatBitWidth() == 8) {
    // Upstream's op has no fp8. The instruction is one of the whole warp: as
    // one with a side effect it stays where it is.
    StringRef name = isa<Float8E5M2Type>(element) ? "e5m2" : "e4m3";
    std::string assembly =
        ("mma.sync.aligned.m16n8k32.row.col.f32." + name + "." + name +
         ".f32 {$0, $1, $2, $3}, {$4, $5, $6, $7}, "
         "{$8, $9}, {$10, $11, $12, $13};")
            .str();
    SmallVector<Value> operands(a);
    llvm::append_range(operands, bOperands);
    llvm::append_range(operands, sums);
    product =
        LLVM::InlineAsmOp::create(
            b, result, operands, assembly, "=f,=f,=f,=f,r,r,r,r,r,r,f,f,f,f",
            /*has_side_effects=*/true, /*is_align_stack=*/false,
            LLVM::TailCallKind::None,
            LLVM::AsmDialectAttr::get(b.getContext(), LLVM::AsmDialect::AD_ATT),
            /*operand_attrs=*/ArrayAttr())
            .getRes();
  } else {
    auto type =
        isa<BFloat16Type>(element) ? NVVM::MMATypes::bf16 : NVVM::MMATypes::f16;
    product = NVVM::MmaOp::create(
        b, result, a, bOperands, sums, ArrayRef<int64_t>{kRows, kColumns, 16},
        /*b1Op=*/std::nullopt, /*intOverflow=*/std::nullopt,
        std::array{type, type},
        std::array{NVVM::MMALayout::row, NVVM::MMALayout::col});
  }
  for (int64_t i = 0; i < 4; ++i)
    sums[i] = LLVM::ExtractValueOp::create(b, product, i);
}

SmallVector<Value> WarpProduct::run(ValueRange as, Value bTile) {
  constexpr int64_t kAllRows = 64;
  MemRefType aType = cast<MemRefType>(op.getAs().front().getType());
  int64_t columns = op.getNumColumns();
  Value thread = NVVM::ThreadIdXOp::create(b, i32);
  Value lane = LLVM::AndOp::create(b, thread, constant(31));
  if (op.getKeyRegisters() > MmaSyncOp::kMaxKeptRegisters)
    lane = makeOpaque(lane);
  Value warp = LLVM::AndOp::create(
      b, LLVM::LShrOp::create(b, thread, constant(5)), constant(3));
  Value inMatrix = LLVM::AndOp::create(b, lane, constant(7));
  // ldmatrix.x4 takes the addresses of matrix i from lanes 8i to 8i + 7. Of A:
  // two times 8 rows, then the same of the second 16 bytes; of B: both 16 bytes
  // of 8 keys, then those of the next 8.
  Value aRow = LLVM::AddOp::create(b, times(bit(lane, 3), 8), inMatrix);
  aRow = LLVM::AddOp::create(b, times(warp, kRows), aRow);
  Value bRow = LLVM::AddOp::create(b, times(bit(lane, 4), 8), inMatrix);
  SmallVector<LaneRows> aRows;
  for (Value a : as)
    aRows.push_back(getLaneRows(aType, a, aRow, bit(lane, 4), kAllRows));
  LaneRows bRows =
      getLaneRows(op.getB().getType(), bTile, bRow, bit(lane, 3), columns);

  Value zero = LLVM::ConstantOp::create(b, f32, b.getF32FloatAttr(0.0));
  SmallVector<SmallVector<Value>> sums(as.size(),
                                       SmallVector<Value>(columns / 2, zero));
  for (int64_t chunk = 0; chunk < op.getChunks(); ++chunk)
    for (int64_t step = 0; step < rowBytes / kStepBytes; ++step) {
      SmallVector<SmallVector<Value>> aOperands;
      for (const LaneRows &rows : aRows)
        aOperands.push_back(getOperands(load(rows, 0, chunk, step)));
      for (int64_t first = 0; first < columns; first += 2 * kColumns) {
        SmallVector<Value> keys = getOperands(load(bRows, first, chunk, step));
        for (auto [i, own] : llvm::enumerate(aOperands))
          for (int64_t half = 0; half < 2; ++half) {
            int64_t tile = first / kColumns + half;
            auto into = MutableArrayRef(sums[i]).slice(4 * tile, 4);
            multiply(into, own, ArrayRef(keys).slice(2 * half, 2));
          }
      }
    }
  SmallVector<Value> fragments;
  Type fragmentType =
      getAccumulatorType(cast<FragmentType>(op.getResults().front().getType()));
  for (SmallVector<Value> &own : sums) {
    Value fragment = LLVM::PoisonOp::create(b, fragmentType);
    for (auto [i, sum] : llvm::enumerate(own))
      fragment = LLVM::InsertValueOp::create(b, fragment, sum, i);
    fragments.push_back(fragment);
  }
  return fragments;
}

namespace {
struct MmaSyncLowering : ConvertOpToLLVMPattern<MmaSyncOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult
  matchAndRewrite(MmaSyncOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOp(
        op, WarpProduct(rewriter, op).run(adaptor.getAs(), adaptor.getB()));
    return success();
  }
};
} // namespace

void mqa::populateMmaSyncToNVVMPatterns(const LLVMTypeConverter &converter,
                                        RewritePatternSet &patterns) {
  patterns.add<MmaSyncLowering>(converter);
}
