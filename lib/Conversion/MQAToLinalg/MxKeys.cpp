//===- MxKeys.cpp - Keys and queries with block scales on a CPU -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// As on a GPU, a key's greatest block scale is taken out, and multiplies its
// logit: with it, an element may be more than an f32 can be where its logit is
// not.
//
//===----------------------------------------------------------------------===//

#include "LogitsToLinalg.h"
#include "mqa/Dialect/MQA/IR/EnumCases.h"
#include "mqa/Dialect/MQA/IR/MxFolding.h"

using namespace mlir;
using namespace mlir::mqa;
using utils::IteratorType;

static Value createInt(OpBuilder &b, Location loc, uint32_t value) {
  return arith::ConstantIntOp::create(b, loc, static_cast<int32_t>(value), 32);
}

Value LogitsToLinalg::loadBlockScales(Value n) {
  auto gather = op.getKScale().getDefiningOp<GatherPagesOp>();
  if (!gather)
    return memref::LoadOp::create(b, loc, op.getKScale(), n);
  return loadFromCache(gather, n);
}

/// The bytes of a word, as far as there are blocks.
SmallVector<Value> LogitsToLinalg::getBlockScales(Value word) {
  SmallVector<Value> scales;
  for (int64_t i = 0; i < headDim / mx::kBlock; ++i)
    scales.push_back(arith::AndIOp::create(
        b, loc, arith::ShRUIOp::create(b, loc, word, createInt(b, loc, 8 * i)),
        createInt(b, loc, 0xff)));
  return scales;
}

static Value getGreatest(OpBuilder &b, Location loc, ArrayRef<Value> scales) {
  Value greatest = scales.front();
  for (Value scale : scales.drop_front())
    greatest = arith::MaxUIOp::create(b, loc, greatest, scale);
  return greatest;
}

/// The f32 whose exponent has these bits; zero where they are not positive.
static Value makePower(OpBuilder &b, Location loc, Value exponent,
                       Value otherwise) {
  Value bits = arith::ShLIOp::create(b, loc, exponent, createInt(b, loc, 23));
  Value isNormal = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sgt,
                                         exponent, createInt(b, loc, 0));
  bits = arith::SelectOp::create(b, loc, isNormal, bits, otherwise);
  return arith::BitcastOp::create(b, loc, b.getF32Type(), bits);
}

void LogitsToLinalg::storeGreatestScale(Value n, Value scales, Value column) {
  // 2^-127 is subnormal, and byte 255 has the exponent of NaN and of infinity.
  constexpr uint32_t kLeast = 0x00400000, kNaN = 0x7fc00000;
  Value byte = getGreatest(b, loc, getBlockScales(loadBlockScales(n)));
  Value power = makePower(b, loc, byte, createInt(b, loc, kLeast));
  Value isNaN = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, byte,
                                      createInt(b, loc, mx::kScaleNaN));
  Value nan =
      arith::BitcastOp::create(b, loc, b.getF32Type(), createInt(b, loc, kNaN));
  Value scale = arith::SelectOp::create(b, loc, isNaN, nan, power);
  memref::StoreOp::create(b, loc, scale, scales, column);
}

/// `element`, an f32, times `factor`, as an element of `type`.
static Value scaleTo(OpBuilder &b, Location loc, Type type, Value element,
                     Value factor) {
  element = arith::MulFOp::create(b, loc, element, factor);
  return type.isF32() ? element
                      : arith::TruncFOp::create(b, loc, type, element);
}

/// Decodes `bytes`, pairs of f4E2M1FN, into the rows of even and odd elements.
static void decodeFp4Block(OpBuilder &b, Location loc, Value bytes,
                           ArrayRef<Value> targets, Value factor) {
  Type type = getElementTypeOrSelf(targets.front());
  SmallVector<AffineMap> maps(3, b.getMultiDimIdentityMap(1));
  linalg::GenericOp::create(
      b, loc, ValueRange{bytes}, targets, maps, IteratorType::parallel,
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        Value byte =
            arith::ExtUIOp::create(nested, loc, nested.getI32Type(), args[0]);
        SmallVector<Value> elements;
        for (uint32_t parity : {0, 1}) {
          // An element's three bits, as the last of an exponent and the first
          // of a mantissa, are 2^-126 of its magnitude.
          auto moveField = [&](uint32_t mask, uint32_t by) -> Value {
            Value field = arith::AndIOp::create(
                nested, loc, byte,
                createInt(nested, loc, mask << (4 * parity)));
            return arith::ShLIOp::create(
                nested, loc, field, createInt(nested, loc, by - 4 * parity));
          };
          Value bits = arith::OrIOp::create(nested, loc, moveField(7, 22),
                                            moveField(8, 28));
          Value element =
              arith::BitcastOp::create(nested, loc, nested.getF32Type(), bits);
          elements.push_back(scaleTo(nested, loc, type, element, factor));
        }
        linalg::YieldOp::create(nested, loc, elements);
      });
}

static void decodeFp8Block(OpBuilder &b, Location loc, Value source,
                           Value target, Value factor) {
  Type type = getElementTypeOrSelf(target);
  SmallVector<AffineMap> maps(2, b.getMultiDimIdentityMap(1));
  linalg::GenericOp::create(
      b, loc, ValueRange{source}, ValueRange{target}, maps,
      IteratorType::parallel,
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        Value element =
            arith::ExtFOp::create(nested, loc, nested.getF32Type(), args[0]);
        Value scaled = scaleTo(nested, loc, type, element, factor);
        linalg::YieldOp::create(nested, loc, scaled);
      });
}

void LogitsToLinalg::decodeMxKey(Value n, Value target) {
  decodeMxRow(*op.getMxFormat(), getBlockScales(loadBlockScales(n)), getKey(n),
              target);
}

/// Elements of a key, or of a head, without the greatest of its block scales.
void LogitsToLinalg::decodeMxRow(const mx::Format &format,
                                 ArrayRef<Value> scales, Value source,
                                 Value target) {
  Value greatest = getGreatest(b, loc, scales);
  auto view = [&](Value row, int64_t from, int64_t count,
                  int64_t stride = 1) -> Value {
    return memref::SubViewOp::create(
        b, loc, row, ArrayRef<OpFoldResult>{b.getIndexAttr(from)},
        ArrayRef<OpFoldResult>{b.getIndexAttr(count)},
        ArrayRef<OpFoldResult>{b.getIndexAttr(stride)});
  };
  // The factor of a block, times 2^`up`.
  auto makeFactor = [&](Value scale, uint32_t up) {
    Value less = arith::SubIOp::create(b, loc, greatest, scale);
    Value exponent = arith::SubIOp::create(
        b, loc, createInt(b, loc, mx::kScaleBias + up), less);
    return makePower(b, loc, exponent, createInt(b, loc, 0));
  };
  int64_t blockBytes = format.getBlockBytes();
  for (auto [i, scale] : llvm::enumerate(scales)) {
    int64_t first = i * mx::kBlock;
    switch (format.element) {
    case mx::Element::F4E2M1FN: {
      Value factor = makeFactor(scale, /*up=*/mx::kScaleBias - 1);
      Value bytes = view(source, i * blockBytes, blockBytes);
      SmallVector<Value> targets;
      for (int64_t parity : {0, 1})
        targets.push_back(view(target, first + parity, blockBytes, 2));
      decodeFp4Block(b, loc, bytes, targets, factor);
      break;
    }
    case mx::Element::F8E4M3FN: {
      Value factor = makeFactor(scale, /*up=*/0);
      decodeFp8Block(b, loc, view(source, first, mx::kBlock),
                     view(target, first, mx::kBlock), factor);
      break;
    }
    }
  }
}

/// Decodes head h of query m; returns its greatest block scale.
Value LogitsToLinalg::decodeHead(Value m, Value h, Value target) {
  Value word = memref::LoadOp::create(b, loc, op.getQScale(), ValueRange{m, h});
  SmallVector<Value> scales = getBlockScales(word);
  decodeMxRow(*op.getQueryFormat(), scales, getRow(getRow(op.getQ(), m), h),
              getRow(target, h));
  Value greatest = getGreatest(b, loc, scales);
  if (dropsNan(op.getActivation()) && !op.hasOnlyFiniteScores()) {
    // The head's weight will be 0, which makes NaN of a score that an infinite
    // key has made infinite, while NaN counts as 0.
    Value isNaN =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, greatest,
                              createInt(b, loc, mx::kScaleNaN));
    onlyIf(isNaN, [&] {
      auto type = cast<FloatType>(getElementTypeOrSelf(target));
      Value nan = arith::ConstantOp::create(
          b, loc,
          b.getFloatAttr(type, APFloat::getQNaN(type.getFloatSemantics())));
      memref::StoreOp::create(b, loc, nan, target, ValueRange{h, constant(0)});
    });
  }
  return greatest;
}

/// weights[h] = weight of head h * 2^(greatest[h] - 127 - e), and 2^e becomes
/// the two factors.
void LogitsToLinalg::foldWeights(Value greatest, Value weights, Value factors) {
  Value numHeads = constant(op.getNumHeads());
  auto load = [&](Value memref, Value h) -> Value {
    return memref::LoadOp::create(b, loc, memref, h);
  };
  // The greatest exponent of all.
  Value zero = constant(0), one = constant(1);
  auto heads =
      scf::ForOp::create(b, loc, zero, numHeads, one,
                         ValueRange{createInt(b, loc, mx::kNoExponent)});
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(heads.getBody());
    Value h = heads.getInductionVar();
    Value own =
        mx::emitWeightExponent(b, loc, load(weights, h), load(greatest, h));
    scf::YieldOp::create(b, loc,
                         ValueRange{arith::MaxSIOp::create(
                             b, loc, heads.getRegionIterArg(0), own)});
  }
  Value ofRow = mx::emitQueryExponent(b, loc, heads.getResult(0));
  auto [first, second] = mx::emitFactors(b, loc, ofRow);
  memref::StoreOp::create(b, loc, first, factors, zero);
  memref::StoreOp::create(b, loc, second, factors, one);
  // A score is NaN where a block scale is.
  double ofNaN = dropsNan(op.getActivation())
                     ? 0.0
                     : std::numeric_limits<double>::quiet_NaN();
  forEach(numHeads, [&](Value h) {
    Value weight = mx::emitFoldedWeight(b, loc, load(weights, h),
                                        load(greatest, h), ofRow, ofNaN);
    memref::StoreOp::create(b, loc, weight, weights, h);
  });
}

void LogitsToLinalg::decodeMxQuery(Value m, Value target, Value weights,
                                   Value factors) {
  Value greatest = allocate({op.getNumHeads()}, b.getI32Type());
  forEach(constant(op.getNumHeads()), [&](Value h) {
    memref::StoreOp::create(b, loc, decodeHead(m, h, target), greatest, h);
  });
  if (op.getWeights())
    decode(getRow(op.getWeights(), m), weights);
  else
    fill(weights, 1.0);
  foldWeights(greatest, weights, factors);
}
