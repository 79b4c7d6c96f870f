//===- ExpandToBF16.cpp - fp8 to bf16 by bits or by table -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Extensions.h"
#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::mqa;

namespace {
/// bf16 is the upper half of f32, and holds all of fp8.
struct ExpandByF32 : OpRewritePattern<arith::ExtFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::ExtFOp op,
                                PatternRewriter &b) const override {
    if (failed(matchFp8Extension(op, b.getBF16Type(), b)))
      return failure();
    Location loc = op.getLoc();
    auto like = [&](Type element) {
      return withElementType(op.getType(), element);
    };
    Type i32 = like(b.getI32Type());
    Value f32 = arith::ExtFOp::create(b, loc, like(b.getF32Type()), op.getIn());
    Value bits = arith::BitcastOp::create(b, loc, i32, f32);
    bits = arith::ShRUIOp::create(
        b, loc, bits, createScalarOrSplatConstant(b, loc, i32, int64_t(16)));
    bits = arith::TruncIOp::create(b, loc, like(b.getI16Type()), bits);
    b.replaceOpWithNewOp<arith::BitcastOp>(op, op.getType(), bits);
    return success();
  }
};

/// Vectors of 64 bytes by AVX-512 VBMI. The lower seven bits of an element are
/// its magnitude: of each of the 128, a table has the lower byte of bf16, and
/// another one the upper byte. The eighth bit is the sign.
constexpr int64_t kBytes = 64;

/// 64 elements at a time.
class ExpandByTable : public OpRewritePattern<arith::ExtFOp> {
public:
  ExpandByTable(MLIRContext *context)
      : OpRewritePattern(context, /*benefit=*/2) {}
  LogicalResult matchAndRewrite(arith::ExtFOp op,
                                PatternRewriter &b) const override;

private:
  static Value expand(OpBuilder &b, Location loc, FloatType type, Value bytes);
};

/// 64 elements, of which those at even and at odd places become a vector each.
/// Bytes are looked up as they lie, and words of them put together: elements
/// that stay in order are brought to their places first, and then interleaved,
/// by shuffles, which wait for the port that the tables need.
class ExpandDeinterleaved : public OpRewritePattern<arith::ExtFOp> {
public:
  ExpandDeinterleaved(MLIRContext *context)
      : OpRewritePattern(context, /*benefit=*/3) {}
  LogicalResult matchAndRewrite(arith::ExtFOp op,
                                PatternRewriter &b) const override;
};
} // namespace

/// The lower or upper bytes of all magnitudes, as two vectors.
static std::pair<Value, Value> getTable(OpBuilder &b, Location loc,
                                        FloatType type, bool isUpper) {
  SmallVector<int8_t> bytes;
  for (int64_t code = 0; code < 2 * kBytes; ++code) {
    APFloat value(type.getFloatSemantics(), APInt(8, code));
    bool losesInfo;
    value.convert(APFloat::BFloat(), APFloat::rmNearestTiesToEven, &losesInfo);
    uint64_t bits = value.bitcastToAPInt().getZExtValue();
    bytes.push_back(static_cast<int8_t>(isUpper ? bits >> 8 : bits));
  }
  auto vector = VectorType::get(kBytes, b.getI8Type());
  auto get = [&](ArrayRef<int8_t> part) -> Value {
    return arith::ConstantOp::create(b, loc, vector,
                                     DenseElementsAttr::get(vector, part));
  };
  ArrayRef<int8_t> all(bytes);
  return {get(all.take_front(kBytes)), get(all.drop_front(kBytes))};
}

/// The lower and the upper bytes of 64 elements.
static std::pair<Value, Value> lookUp(OpBuilder &b, Location loc,
                                      FloatType type, Value bytes) {
  auto vector = cast<VectorType>(bytes.getType());
  auto look = [&](bool isUpper) -> Value {
    auto [first, second] = getTable(b, loc, type, isUpper);
    return LLVM::CallIntrinsicOp::create(
               b, loc, vector,
               b.getStringAttr("llvm.x86.avx512.vpermi2var.qi.512"),
               ValueRange{first, bytes, second})
        .getResults();
  };
  Value sign = createScalarOrSplatConstant(b, loc, vector, int64_t(0x80));
  Value lower = look(/*isUpper=*/false);
  Value upper =
      arith::OrIOp::create(b, loc, look(/*isUpper=*/true),
                           arith::AndIOp::create(b, loc, bytes, sign));
  return {lower, upper};
}

/// Whether vectors may be looked up.
static bool hasTables(Operation *op) {
  TargetAttr target = getTarget(op);
  return target && target.hasFeature("avx512vbmi");
}

/// 64 bf16 of 64 bytes.
Value ExpandByTable::expand(OpBuilder &b, Location loc, FloatType type,
                            Value bytes) {
  // An unpack works on each 16 bytes of a register: 8 bytes of the first half
  // beside 8 of the second make both of its results come out in order.
  SmallVector<int64_t> halves;
  for (int64_t lane = 0; lane < kBytes / 16; ++lane)
    for (int64_t half = 0; half < 2; ++half)
      for (int64_t i = 0; i < 8; ++i)
        halves.push_back(half * kBytes / 2 + lane * 8 + i);
  bytes = vector::ShuffleOp::create(b, loc, bytes, bytes, halves);
  auto [lower, upper] = lookUp(b, loc, type, bytes);
  SmallVector<Value> results;
  auto bf16 = VectorType::get(kBytes / 2, b.getBF16Type());
  for (int64_t half = 0; half < 2; ++half) {
    SmallVector<int64_t> unpacked;
    for (int64_t lane = 0; lane < kBytes / 16; ++lane)
      for (int64_t i = 0; i < 8; ++i) {
        unpacked.push_back(lane * 16 + half * 8 + i);
        unpacked.push_back(kBytes + lane * 16 + half * 8 + i);
      }
    Value words = vector::ShuffleOp::create(b, loc, lower, upper, unpacked);
    results.push_back(vector::BitCastOp::create(b, loc, bf16, words));
  }
  auto whole = VectorType::get(kBytes, b.getBF16Type());
  Value result = arith::ConstantOp::create(b, loc, b.getZeroAttr(whole));
  for (int64_t half = 0; half < 2; ++half)
    result = vector::InsertStridedSliceOp::create(
        b, loc, results[half], result, ArrayRef<int64_t>{half * kBytes / 2},
        ArrayRef<int64_t>{1});
  return result;
}

LogicalResult ExpandByTable::matchAndRewrite(arith::ExtFOp op,
                                             PatternRewriter &b) const {
  if (failed(matchFp8Extension(op, b.getBF16Type(), b)))
    return failure();
  auto inType = dyn_cast<VectorType>(op.getIn().getType());
  if (!inType || inType.isScalable() || inType.getNumElements() % kBytes)
    return b.notifyMatchFailure(op, "not vectors of 64");
  if (!hasTables(op))
    return b.notifyMatchFailure(op, "the target has no such tables");
  Location loc = op.getLoc();
  auto outType = cast<VectorType>(op.getType());
  int64_t count = inType.getNumElements();
  auto flat = [&](Type element) { return VectorType::get(count, element); };
  Value bytes =
      arith::BitcastOp::create(b, loc, inType.clone(b.getI8Type()), op.getIn());
  bytes = b.createOrFold<vector::ShapeCastOp>(loc, flat(b.getI8Type()), bytes);
  auto type = cast<FloatType>(inType.getElementType());
  Value result;
  if (count == kBytes) {
    result = expand(b, loc, type, bytes);
  } else {
    result = arith::ConstantOp::create(
        b, loc, b.getZeroAttr(flat(outType.getElementType())));
    for (int64_t i = 0; i < count; i += kBytes) {
      Value part = vector::ExtractStridedSliceOp::create(
          b, loc, bytes, ArrayRef<int64_t>{i}, ArrayRef<int64_t>{kBytes},
          ArrayRef<int64_t>{1});
      result = vector::InsertStridedSliceOp::create(
          b, loc, expand(b, loc, type, part), result, ArrayRef<int64_t>{i},
          ArrayRef<int64_t>{1});
    }
  }
  b.replaceOpWithNewOp<vector::ShapeCastOp>(op, outType, result);
  return success();
}

LogicalResult ExpandDeinterleaved::matchAndRewrite(arith::ExtFOp op,
                                                   PatternRewriter &b) const {
  auto parts = op.getIn().getDefiningOp<vector::DeinterleaveOp>();
  if (!parts)
    return b.notifyMatchFailure(op, "not of elements at even or odd places");
  VectorType inType = parts.getSourceVectorType();
  if (inType.isScalable() || inType.getShape() != ArrayRef<int64_t>(kBytes))
    return b.notifyMatchFailure(op, "not from a vector of 64");
  if (!hasTables(op))
    return b.notifyMatchFailure(op, "the target has no such tables");
  // Both places are looked up together.
  for (Operation *user : parts->getUsers()) {
    auto extension = dyn_cast<arith::ExtFOp>(user);
    if (!extension || failed(matchFp8Extension(extension, b.getBF16Type(), b)))
      return b.notifyMatchFailure(op, "of elements that are used otherwise");
  }
  b.setInsertionPoint(parts);
  Location loc = op.getLoc();
  auto type = cast<FloatType>(inType.getElementType());
  Value bytes = arith::BitcastOp::create(b, loc, inType.clone(b.getI8Type()),
                                         parts.getSource());
  auto [lower, upper] = lookUp(b, loc, type, bytes);
  auto words = VectorType::get(kBytes / 2, b.getI16Type());
  lower = vector::BitCastOp::create(b, loc, words, lower);
  upper = vector::BitCastOp::create(b, loc, words, upper);
  auto constant = [&](int64_t value) {
    return createScalarOrSplatConstant(b, loc, words, value);
  };
  // a | (b & mask), in one instruction. LLVM would make a shuffle of bytes of
  // the two ops, which takes longer.
  auto dwords = VectorType::get(kBytes / 4, b.getI32Type());
  auto join = [&](Value shifted, Value other, int64_t mask) -> Value {
    constexpr int32_t kOrAnd = 0xf8;
    SmallVector<Value> operands;
    for (Value operand : {shifted, other, Value(constant(mask))})
      operands.push_back(vector::BitCastOp::create(b, loc, dwords, operand));
    operands.push_back(arith::ConstantIntOp::create(b, loc, kOrAnd, 32));
    Value joined =
        LLVM::CallIntrinsicOp::create(
            b, loc, dwords, b.getStringAttr("llvm.x86.avx512.pternlog.d.512"),
            operands)
            .getResults();
    return vector::BitCastOp::create(
        b, loc, VectorType::get(kBytes / 2, b.getBF16Type()), joined);
  };
  // The element at the lower place of each word, and the one at the upper.
  Value values[] = {
      join(arith::ShLIOp::create(b, loc, upper, constant(8)), lower, 0xff),
      join(arith::ShRUIOp::create(b, loc, lower, constant(8)), upper, 0xff00)};
  for (auto [result, value] : llvm::zip_equal(parts->getResults(), values))
    for (Operation *user : llvm::make_early_inc_range(result.getUsers()))
      b.replaceOp(user, value);
  b.eraseOp(parts);
  return success();
}

void mqa::populateExpandToBF16Patterns(RewritePatternSet &patterns) {
  patterns.add<ExpandByF32, ExpandByTable, ExpandDeinterleaved>(
      patterns.getContext());
}
