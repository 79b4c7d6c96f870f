//===- LogitsOp.cpp - mqa.logits: verifier, effects, canonicalisation -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace mlir::mqa;

SmallVector<Value> LogitsOp::getDataOperands() {
  return {getQ(),  getK(),  getKScale(), getWeights(),
          getKs(), getKe(), getOut()};
}

OpFoldResult LogitsOp::getNumSequenceKeys(OpBuilder &b) {
  if (getNumKeys())
    return getAsOpFoldResult(getNumKeys());
  if (isa<MemRefType>(getK().getType()))
    return memref::getMixedSize(b, getLoc(), getK(), 0);
  return tensor::getMixedSize(b, getLoc(), getK(), 0);
}

ArrayRef<StringRef> LogitsOp::getDataOperandNames() {
  static const StringRef names[] = {"q",  "k",  "k_scale", "weights",
                                    "ks", "ke", "out"};
  return names;
}

/// What the op is defined for.
static constexpr int64_t kMaxHeads = 128, kMaxHeadDim = 256,
                         kHeadDimMultiple = 16;

//===----------------------------------------------------------------------===//
// Verifier
//===----------------------------------------------------------------------===//

namespace {
/// What one operand must look like: a name for each dimension (dimensions of
/// the same name agree between operands), and its possible element types.
struct OperandRule {
  StringRef dims;
  SmallVector<Type> elementTypes;
};
} // namespace

static StringRef formatDims(StringRef dims, SmallVectorImpl<char> &storage) {
  for (auto [i, dim] : llvm::enumerate(dims)) {
    if (i)
      storage.push_back('x');
    storage.push_back(dim);
  }
  return StringRef(storage.data(), storage.size());
}

/// Everything inside a row of a memref operand must be contiguous: TMA boxes
/// and vector loads step by one element there. Of scales that are one to a row,
/// nothing is inside.
static LogicalResult verifyRowLayout(Operation *op, StringRef name,
                                     MemRefType type) {
  SmallVector<int64_t> strides;
  int64_t offset;
  if (failed(type.getStridesAndOffset(strides, offset)))
    return op->emitOpError() << "operand '" << name
                             << "' must have a strided layout, found " << type;
  bool isScale = name == "k_scale" && type.getRank() == 1;
  int64_t firstInner = type.getRank() == 1 && !isScale ? 0 : 1;
  int64_t expected = 1;
  for (int64_t i = type.getRank() - 1; i >= firstInner; --i) {
    if (strides[i] != expected)
      return op->emitOpError()
             << "operand '" << name << "' must be contiguous inside a row: "
             << "stride of dimension " << i << " must be " << expected
             << ", found "
             << (ShapedType::isDynamic(strides[i]) ? Twine("a dynamic one")
                                                   : Twine(strides[i]));
    if (i > firstInner)
      expected *= type.getDimSize(i);
  }
  return success();
}

/// What each data operand of `op` must look like. With groups, k has three
/// dims.
static SmallVector<OperandRule> getOperandRules(LogitsOp op) {
  Builder b(op.getContext());
  auto key = dyn_cast<ShapedType>(op.getK().getType());
  bool grouped = key && key.hasRank() && key.getRank() == 3;
  return {
      {"MHD",
       {b.getType<Float8E4M3FNType>(), b.getType<Float8E5M2Type>(),
        b.getBF16Type(), b.getF16Type()}},
      {grouped ? "NGD" : "ND", {getElementTypeOrSelf(op.getQ())}},
      {grouped ? "NG" : "N", {b.getF32Type()}},
      {"MH", {b.getF32Type(), b.getBF16Type()}},
      {"M", {b.getI32Type()}},
      {"M", {b.getI32Type()}},
      {op.getCompressed() ? "MS" : "MN",
       {b.getF32Type(), b.getBF16Type(), b.getF16Type()}},
  };
}

LogicalResult LogitsOp::verify() {
  SmallVector<OperandRule> rules = getOperandRules(*this);
  SmallVector<Value> operands = getDataOperands();
  ArrayRef<StringRef> names = getDataOperandNames();

  bool isTensor = isa<RankedTensorType>(getOut().getType());
  struct KnownDim {
    char name;
    int64_t size;
    StringRef operand;
  };
  SmallVector<KnownDim> known;
  for (auto [value, name, rule] : llvm::zip_equal(operands, names, rules)) {
    if (!value)
      continue;
    Type type = value.getType();
    if (!isa<RankedTensorType, MemRefType>(type))
      return emitOpError() << "operand '" << name
                           << "' must be a ranked tensor or a memref, found "
                           << type;
    if (isa<RankedTensorType>(type) != isTensor)
      return emitOpError()
             << "operands must be all tensors or all memrefs: 'out' is "
             << getOut().getType() << " and '" << name << "' is " << type;
    auto shaped = cast<ShapedType>(type);
    SmallVector<char> storage;
    if (shaped.getRank() != static_cast<int64_t>(rule.dims.size()))
      return emitOpError() << "operand '" << name << "' must have shape "
                           << formatDims(rule.dims, storage) << " (rank "
                           << rule.dims.size() << "), found rank "
                           << shaped.getRank();
    if (!llvm::is_contained(rule.elementTypes, shaped.getElementType())) {
      InFlightDiagnostic error = emitOpError();
      error << "operand '" << name << "' must have element type ";
      llvm::interleave(
          rule.elementTypes, [&](Type type) { error << type; },
          [&] { error << " or "; });
      return error << ", found " << shaped.getElementType();
    }
    for (auto [dim, size] : llvm::zip_equal(rule.dims, shaped.getShape())) {
      if (ShapedType::isDynamic(size))
        continue;
      auto *it =
          llvm::find_if(known, [dim = dim](auto &k) { return k.name == dim; });
      if (it == known.end())
        known.push_back({dim, size, name});
      else if (it->size != size)
        return emitOpError()
               << "dimension " << Twine(dim) << " of '" << name << "' is "
               << size << ", but '" << it->operand << "' has " << it->size;
    }
  }

  auto emitSizeError = [&](StringRef what, StringRef allowed, int64_t size) {
    return emitOpError() << what << " must be " << allowed << ", found "
                         << (ShapedType::isDynamic(size)
                                 ? Twine("a dynamic one")
                                 : Twine(size));
  };
  // A dynamic size is negative.
  if (getNumHeads() < 1 || getNumHeads() > kMaxHeads)
    return emitSizeError("number of heads H (dimension 1 of 'q')",
                         "from 1 to 128", getNumHeads());
  if (getHeadDim() < 1 || getHeadDim() > kMaxHeadDim ||
      getHeadDim() % kHeadDimMultiple)
    return emitSizeError("head dim D (dimension 2 of 'q')",
                         "a multiple of 16 up to 256", getHeadDim());
  if (getNumGroups() < 1 || getNumHeads() % getNumGroups())
    return emitSizeError("number of key groups G (dimension 1 of 'k')",
                         ("a divisor of H = " + Twine(getNumHeads())).str(),
                         getNumGroups());
  if (getNumKeys() && !getCompressed())
    return emitOpError("has 'num_keys', which is for tiles of a 'compressed' "
                       "op");
  for (auto [value, name] : llvm::zip_equal(operands, names))
    if (auto memref =
            value ? dyn_cast<MemRefType>(value.getType()) : MemRefType())
      if (failed(verifyRowLayout(*this, name, memref)))
        return failure();

  if (isTensor && !getResult())
    return emitOpError() << "on tensors must have a result of type "
                         << getOut().getType();
  if (!isTensor && getResult())
    return emitOpError() << "on memrefs writes 'out' and has no result";
  return success();
}

//===----------------------------------------------------------------------===//
// Effects, shapes
//===----------------------------------------------------------------------===//

void LogitsOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  if (!isa<MemRefType>(getOut().getType()))
    return;
  for (OpOperand *input : getDpsInputOperands())
    if (isa<MemRefType>(input->get().getType()))
      effects.emplace_back(MemoryEffects::Read::get(), input,
                           SideEffects::DefaultResource::get());
  effects.emplace_back(MemoryEffects::Write::get(), &getOutMutable(),
                       SideEffects::DefaultResource::get());
}

LogicalResult
LogitsOp::reifyResultShapes(OpBuilder &b,
                            ReifiedRankedShapedTypeDims &reifiedReturnShapes) {
  reifiedReturnShapes.resize(getNumResults());
  if (getResult())
    reifiedReturnShapes[0] = tensor::getMixedSizes(b, getLoc(), getOut());
  return success();
}

//===----------------------------------------------------------------------===//
// Canonicalisation
//===----------------------------------------------------------------------===//

LogicalResult LogitsOp::fold(FoldAdaptor adaptor,
                             SmallVectorImpl<OpFoldResult> &results) {
  // An op on no query or no key leaves `out` as it is.
  if (getResult() && llvm::is_contained(getOutType().getShape(), 0)) {
    results.push_back(getOut());
    return success();
  }
  if (getKeyOffset() && matchPattern(adaptor.getKeyOffset(), m_Zero())) {
    getKeyOffsetMutable().clear();
    return success();
  }
  return memref::foldMemRefCast(*this);
}

namespace {
/// mqa.logits(tensor.cast(x)) -> mqa.logits(x), where the cast only forgot
/// static sizes: a kernel for known sizes is never worse.
struct FoldTensorCast : OpRewritePattern<LogitsOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(LogitsOp op,
                                PatternRewriter &rewriter) const override {
    bool changed = false;
    Value newOut;
    rewriter.startOpModification(op);
    for (OpOperand &operand : op->getOpOperands()) {
      auto cast = operand.get().getDefiningOp<tensor::CastOp>();
      if (!cast || !tensor::canFoldIntoConsumerOp(cast))
        continue;
      changed = true;
      if (op.isDpsInit(&operand))
        newOut = cast.getSource();
      operand.set(cast.getSource());
    }
    if (!changed) {
      rewriter.cancelOpModification(op);
      return rewriter.notifyMatchFailure(op, "no operand is a foldable cast");
    }
    if (newOut) {
      Type oldType = op.getResult().getType();
      op.getResult().setType(cast<RankedTensorType>(newOut.getType()));
      rewriter.setInsertionPointAfter(op);
      auto castBack = tensor::CastOp::create(rewriter, op.getLoc(), oldType,
                                             op.getResult());
      rewriter.replaceAllUsesExcept(op.getResult(), castBack, castBack);
    }
    rewriter.finalizeOpModification(op);
    return success();
  }
};

/// On memrefs, an op on no query or no key does nothing.
struct EraseEmpty : OpRewritePattern<LogitsOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(LogitsOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getResult() || !llvm::is_contained(op.getOutType().getShape(), 0))
      return rewriter.notifyMatchFailure(op, "may have work to do");
    rewriter.eraseOp(op);
    return success();
  }
};
} // namespace

void LogitsOp::getCanonicalizationPatterns(RewritePatternSet &results,
                                           MLIRContext *context) {
  results.add<FoldTensorCast, EraseEmpty>(context);
}
