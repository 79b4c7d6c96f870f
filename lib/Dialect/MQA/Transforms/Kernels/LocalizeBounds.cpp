//===- LocalizeBounds.cpp - Tiles whose bounds count from their own keys --===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/KeyBlocks.h"
#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/TypeSwitch.h"

#include <numeric>

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQALOCALIZEBOUNDSPASS
#include "mqa/Dialect/MQA/Transforms/Passes/MQALocalizeBoundsPass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

static const remark::RemarkOpts kBoundsRemark =
    remark::RemarkOpts::name("localize").category("mqa-localize-bounds");

//===----------------------------------------------------------------------===//
// Bounds
//===----------------------------------------------------------------------===//

/// A new tensor or memref, of which each element is what `map` makes of that
/// element of `bounds`. `bounds` are i32, and `map` works on i64, where nothing
/// overflows; what it returns must fit i32.
static Value mapBounds(ImplicitLocOpBuilder &b, Value bounds,
                       function_ref<Value(ImplicitLocOpBuilder &, Value)> map) {
  auto type = cast<ShapedType>(bounds.getType());
  bool isTensor = isa<RankedTensorType>(type);
  SmallVector<Value> sizes;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (type.isDynamicDim(dim))
      sizes.push_back(isTensor ? b.createOrFold<tensor::DimOp>(bounds, dim)
                               : b.createOrFold<memref::DimOp>(bounds, dim));
  Value init =
      isTensor ? Value(tensor::EmptyOp::create(b, type.getShape(),
                                               type.getElementType(), sizes))
               : Value(memref::AllocOp::create(
                     b, MemRefType::get(type.getShape(), type.getElementType()),
                     sizes));
  AffineMap identity = b.getMultiDimIdentityMap(type.getRank());
  SmallVector<utils::IteratorType> iterators(type.getRank(),
                                             utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      b, isTensor ? TypeRange(init.getType()) : TypeRange(), bounds, init,
      ArrayRef<AffineMap>{identity, identity}, iterators,
      [&](OpBuilder &inner, Location loc, ValueRange elements) {
        ImplicitLocOpBuilder body(loc, inner);
        Value wide =
            arith::ExtSIOp::create(body, body.getI64Type(), elements.front());
        Value narrow =
            arith::TruncIOp::create(body, body.getI32Type(), map(body, wide));
        linalg::YieldOp::create(body, narrow);
      });
  return isTensor ? generic.getResult(0) : init;
}

static Value createI64(ImplicitLocOpBuilder &b, int64_t value) {
  return arith::ConstantOp::create(b, b.getI64IntegerAttr(value));
}

/// `bounds` counted from key `first`; null stays null, which is key 0, and the
/// ranges that begin there begin ahead of the tile.
static Value countFrom(ImplicitLocOpBuilder &b, Value bounds, Value first) {
  if (!bounds)
    return Value();
  Value offset = arith::IndexCastOp::create(b, b.getI64Type(), first);
  return mapBounds(b, bounds, [&](ImplicitLocOpBuilder &body, Value bound) {
    // A bound below 0 counts as 0, and none is above the greatest i32.
    Value least = createI64(body, 0),
          greatest = createI64(body, std::numeric_limits<int32_t>::max());
    Value shifted = arith::SubIOp::create(body, bound, offset);
    Value clamped = arith::MaxSIOp::create(body, shifted, least);
    return arith::MinSIOp::create(body, clamped, greatest).getResult();
  });
}

//===----------------------------------------------------------------------===//
// Multiples
//===----------------------------------------------------------------------===//

namespace {
/// Finds numbers that divide indices.
class DivisorFinder {
public:
  /// The greatest number that is known to divide `value`; 0 if that is 0.
  int64_t get(Value value) {
    // A value may be used several times, and its own operands again.
    auto [entry, isNew] = known.try_emplace(value, 1);
    if (!isNew)
      return entry->second;
    int64_t result = compute(value);
    return known[value] = result;
  }

private:
  int64_t get(OpFoldResult value) {
    std::optional<int64_t> constant = getConstantIntValue(value);
    return constant ? clamp(*constant) : get(cast<Value>(value));
  }
  /// So that products do not overflow.
  static int64_t clamp(int64_t number) {
    constexpr int64_t kMost = int64_t(1) << 30;
    return std::abs(number) <= kMost ? std::abs(number) : 1;
  }
  int64_t compute(Value value);
  int64_t getInLoop(BlockArgument argument);
  int64_t get(affine::AffineApplyOp apply);

  DenseMap<Value, int64_t> known;
};
} // namespace

/// Of the variable of a loop, its start and its step.
int64_t DivisorFinder::getInLoop(BlockArgument argument) {
  auto loop = dyn_cast<LoopLikeOpInterface>(argument.getOwner()->getParentOp());
  auto variables = loop ? loop.getLoopInductionVars() : std::nullopt;
  auto starts = loop ? loop.getLoopLowerBounds() : std::nullopt;
  auto steps = loop ? loop.getLoopSteps() : std::nullopt;
  if (!variables || !starts || !steps)
    return 1;
  for (auto [variable, start, step] :
       llvm::zip_equal(*variables, *starts, *steps))
    if (variable == argument)
      return std::gcd(get(start), get(step));
  return 1;
}

int64_t DivisorFinder::get(affine::AffineApplyOp apply) {
  AffineMap map = apply.getAffineMap();
  Builder b(apply.getContext());
  SmallVector<AffineExpr> dims, symbols;
  for (auto [i, operand] : llvm::enumerate(apply.getMapOperands())) {
    bool isDim = i < map.getNumDims();
    AffineExpr expr = isDim ? b.getAffineDimExpr(i)
                            : b.getAffineSymbolExpr(i - map.getNumDims());
    (isDim ? dims : symbols).push_back(expr * get(operand));
  }
  return clamp(map.getResult(0)
                   .replaceDimsAndSymbols(dims, symbols)
                   .getLargestKnownDivisor());
}

int64_t DivisorFinder::compute(Value value) {
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)))
    return clamp(constant.getSExtValue());
  if (auto argument = dyn_cast<BlockArgument>(value))
    return getInLoop(argument);
  return TypeSwitch<Operation *, int64_t>(value.getDefiningOp())
      .Case<arith::IndexCastOp, arith::IndexCastUIOp>(
          [&](auto cast) { return get(cast.getIn()); })
      .Case([&](arith::MulIOp op) {
        return clamp(get(op.getLhs()) * get(op.getRhs()));
      })
      .Case<arith::AddIOp, arith::SubIOp>(
          [&](auto op) { return std::gcd(get(op.getLhs()), get(op.getRhs())); })
      .Case([&](affine::AffineApplyOp apply) { return get(apply); })
      .Default(int64_t(1));
}

/// Whether `value`, an index, is known to be a multiple of `factor`.
static bool isMultipleOf(Value value, int64_t factor) {
  return DivisorFinder().get(value) % factor == 0;
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

/// Why `op` stays a tile.
static LogicalResult leave(Operation *op, StringRef reason) {
  remark::missed(op->getLoc(), kBoundsRemark)
      << "still a tile: " + reason.str();
  return failure();
}

/// `count` columns of `table` (rows x columns) from column `first` on.
static Value takeColumns(ImplicitLocOpBuilder &b, Value table,
                         OpFoldResult first, OpFoldResult count) {
  bool isTensor = isa<RankedTensorType>(table.getType());
  SmallVector<OpFoldResult> sizes =
      isTensor ? tensor::getMixedSizes(b, b.getLoc(), table)
               : memref::getMixedSizes(b, b.getLoc(), table);
  sizes[1] = count;
  SmallVector<OpFoldResult> offsets{b.getIndexAttr(0), first},
      strides(2, b.getIndexAttr(1));
  if (isTensor)
    return tensor::ExtractSliceOp::create(b, table, offsets, sizes, strides);
  return memref::SubViewOp::create(b, table, offsets, sizes, strides);
}

/// A tile of the columns of whole blocks has these blocks alone.
template <typename OpTy>
static LogicalResult localizeBlocks(ImplicitLocOpBuilder &b, OpTy op) {
  Value first = op.getKeyOffset();
  int64_t size = *op.getKeyBlockSize(), columns = op.getOutType().getDimSize(1);
  if (ShapedType::isDynamic(columns) || columns % size ||
      !isMultipleOf(first, size))
    return leave(op, "'key_offset' and the number of columns are not known to "
                     "be multiples of the keys of a block, " +
                         std::to_string(size));
  Value list = op.getKeyBlocks();
  std::optional<int64_t> listed = countKeyBlockColumns(
      cast<ShapedType>(list.getType()).getDimSize(1), size);
  APInt constant;
  if (listed && !ShapedType::isDynamic(*listed) &&
      matchPattern(first, m_ConstantInt(&constant)) &&
      constant.sgt(*listed - columns))
    return leave(op, "its columns end behind those of 'key_blocks'");
  Value block = getValueOrCreateConstantIndexOp(
      b, b.getLoc(),
      affine::makeComposedFoldedAffineApply(
          b, b.getLoc(), b.getAffineDimExpr(0).floorDiv(size), {first}));
  op.getKeyBlocksMutable().assign(
      takeColumns(b, list, block, b.getIndexAttr(columns / size)));
  // A number of blocks beyond the list counts as the list's length.
  Value length = b.createOrFold<arith::IndexCastOp>(
      b.getI64Type(), isa<RankedTensorType>(op.getKeyBlocks().getType())
                          ? b.createOrFold<tensor::DimOp>(list, 1)
                          : b.createOrFold<memref::DimOp>(list, 1));
  Value counts = mapBounds(
      b, op.getNumKeyBlocks(), [&](ImplicitLocOpBuilder &body, Value count) {
        return arith::MinSIOp::create(body, count, length).getResult();
      });
  op.getNumKeyBlocksMutable().assign(countFrom(b, counts, block));
  op.getKeyOffsetMutable().clear();
  return success();
}

static LogicalResult localize(ImplicitLocOpBuilder &b, LogitsOp op) {
  if (op.getRanges())
    return leave(op, "'ranges' are those of a kernel");
  if (op.hasCompressedRows())
    return leave(op, "a key's column in a 'compressed' row depends on where "
                     "the whole range begins");
  if (op.hasKeyBlocks())
    return localizeBlocks(b, op);
  Value first = op.getKeyOffset();
  Value ks = countFrom(b, op.getKs(), first),
        ke = countFrom(b, op.getKe(), first);
  if (ks)
    op.getKsMutable().assign(ks);
  op.getKeMutable().assign(ke);
  op.getKeyOffsetMutable().clear();
  return success();
}

static LogicalResult localize(ImplicitLocOpBuilder &b, PagedLogitsOp op) {
  if (op.hasKeyBlocks())
    return localizeBlocks(b, op);
  Value offset = op.getKeyOffset(), table = op.getBlockTable();
  int64_t blockKv = op.getBlockKv();
  if (!isMultipleOf(offset, blockKv))
    return leave(op, "'key_offset' is not known to be a multiple of the keys "
                     "of a cache block, " +
                         std::to_string(blockKv));
  // No column is left of a table that ends ahead of the tile.
  AffineExpr first, count;
  bindDims(b.getContext(), first, count);
  OpFoldResult all = isa<RankedTensorType>(table.getType())
                         ? tensor::getMixedSize(b, b.getLoc(), table, 1)
                         : memref::getMixedSize(b, b.getLoc(), table, 1);
  OpFoldResult column = affine::makeComposedFoldedAffineApply(
      b, b.getLoc(), first.floorDiv(blockKv), {offset});
  column = affine::makeComposedFoldedAffineMin(
      b, b.getLoc(), AffineMap::get(2, 0, {first, count}, b.getContext()),
      {column, all});
  OpFoldResult left = affine::makeComposedFoldedAffineApply(
      b, b.getLoc(), count - first, {column, all});
  op.getContextLensMutable().assign(countFrom(b, op.getContextLens(), offset));
  op.getBlockTableMutable().assign(takeColumns(b, table, column, left));
  op.getKeyOffsetMutable().clear();
  return success();
}

static LogicalResult localize(ImplicitLocOpBuilder &b, MergeTopkOp op) {
  Value numKeys =
      arith::IndexCastOp::create(b, b.getI64Type(), op.getNumKeys());
  op.getKeMutable().assign(
      mapBounds(b, op.getKe(), [&](ImplicitLocOpBuilder &body, Value bound) {
        return arith::MinSIOp::create(body, bound, numKeys).getResult();
      }));
  op.getNumKeysMutable().clear();
  return success();
}

namespace {
struct LocalizeBoundsPass
    : mqa::impl::MQALocalizeBoundsPassBase<LocalizeBoundsPass> {
  void runOnOperation() override {
    getOperation()->walk([](KernelOpInterface op) {
      if (!op.isTile())
        return;
      ImplicitLocOpBuilder b(op.getLoc(), op);
      TypeSwitch<Operation *>(op).Case<LogitsOp, PagedLogitsOp, MergeTopkOp>(
          [&](auto tile) { (void)localize(b, tile); });
    });
  }
};
} // namespace
