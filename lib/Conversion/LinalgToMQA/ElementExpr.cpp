//===- ElementExpr.cpp - What one element of a tensor is ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ElementExpr.h"
#include "ReshapeGroups.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/ScopeExit.h"

using namespace mlir;
using namespace mlir::mqa;

using Kind = ElementExpr::Kind;

bool ElementExpr::isZero() const {
  auto value = dyn_cast_or_null<FloatAttr>(constant);
  return value && value.getValue().isZero();
}

bool ElementExpr::isNegativeInfinity() const {
  auto value = dyn_cast_or_null<FloatAttr>(constant);
  return value && value.getValue().isNegInfinity();
}

bool ElementExpr::isBool(bool wanted) const {
  auto value = dyn_cast_or_null<IntegerAttr>(constant);
  return value && value.getType().isInteger(1) &&
         value.getValue().isOne() == wanted;
}

Type ElementExpr::getType() const {
  switch (kind) {
  case Kind::Leaf:
  case Kind::Scalar:
    return getElementTypeOrSelf(value);
  case Kind::Constant:
    return constant.getType();
  case Kind::Index:
    return value.getType();
  case Kind::Sum:
    return args[0]->getType();
  case Kind::Op:
    return getElementTypeOrSelf(op->getResult(0));
  }
  llvm_unreachable("every kind has a type");
}

Location ElementExpr::getLoc() const {
  if (op)
    return op->getLoc();
  return value ? value.getLoc() : UnknownLoc::get(constant.getContext());
}

ExprRef ElementExpr::make(ElementExpr expr) {
  expr.readsTensor = expr.kind == Kind::Leaf;
  expr.size = 1;
  for (const ExprRef &arg : expr.args) {
    expr.readsTensor |= arg->readsTensor;
    expr.size = llvm::SaturatingAdd(expr.size, arg->size);
  }
  return std::make_shared<const ElementExpr>(std::move(expr));
}

static ExprRef makeConstant(TypedAttr value) {
  ElementExpr expr{Kind::Constant};
  expr.constant = value;
  return ElementExpr::make(std::move(expr));
}

/// A number from outside of the tensors.
static ExprRef makeScalar(Value value) {
  TypedAttr constant;
  if (matchPattern(value, m_Constant(&constant)))
    return makeConstant(constant);
  return ElementExpr::make({Kind::Scalar, value});
}

/// An element of a tensor that is computed by nothing that is known.
ExprRef ExprBuilder::makeLeaf(Value tensor, ArrayRef<int> dims) {
  return ElementExpr::make({Kind::Leaf, tensor, SmallVector<int>(dims)});
}

/// Where the operand of `reshape` is read when its result is at `dims`.
std::optional<SmallVector<int>> ExprBuilder::getSourceDims(Operation *reshape,
                                                           ArrayRef<int> dims) {
  std::optional<ReshapeGroups> groups = getReshapeGroups(reshape);
  if (!groups)
    return std::nullopt;
  auto getShape = [](Value tensor, const ReassociationIndices &group) {
    auto type = cast<RankedTensorType>(tensor.getType());
    return llvm::map_to_vector(group,
                               [&](int64_t i) { return type.getDimSize(i); });
  };
  Value source = reshape->getOperand(0), result = reshape->getResult(0);
  SmallVector<int> inner(cast<RankedTensorType>(source.getType()).getRank(),
                         IndexVariables::kUnit);
  for (const auto &[from, to] : *groups) {
    auto outer = llvm::map_to_vector(to, [&](int64_t i) { return dims[i]; });
    std::optional<int> joined = vars.join(getShape(result, to), outer);
    if (!joined)
      return std::nullopt;
    std::optional<SmallVector<int>> split =
        vars.split(getShape(source, from), *joined);
    if (!split)
      return std::nullopt;
    for (auto [i, dim] : llvm::zip_equal(from, *split))
      inner[i] = dim;
  }
  return inner;
}

ExprRef ExprBuilder::expand(Value tensor, ArrayRef<int> dims) {
  auto key = std::pair(tensor.getAsOpaquePointer(),
                       std::vector<int>(dims.begin(), dims.end()));
  auto found = known.find(key);
  if (found != known.end())
    return found->second;
  auto type = cast<RankedTensorType>(tensor.getType());
  for (auto [size, var] : llvm::zip_equal(type.getShape(), dims))
    vars.noteSize(var, size);
  ExprRef expr = expandOnce(tensor, dims);
  known.emplace(std::move(key), expr);
  tensors[expr.get()].push_back({tensor, SmallVector<int>(dims)});
  // What is not computed is there in any case.
  for (auto [i, var] : llvm::enumerate(dims))
    if (!dimensions.count(var) || expr->kind == Kind::Leaf)
      dimensions[var] = {tensor, i};
  return expr;
}

ArrayRef<TensorElement> ExprBuilder::getTensors(const ExprRef &expr) const {
  auto found = tensors.find(expr.get());
  return found == tensors.end() ? ArrayRef<TensorElement>()
                                : ArrayRef<TensorElement>(found->second);
}

/// Whether formulas are made of `op`.
static bool isKnown(Operation *op) {
  return isa_and_nonnull<arith::ArithDialect, math::MathDialect>(
             op->getDialect()) &&
         op->getNumResults() == 1 && op->getNumRegions() == 0 && isPure(op);
}

/// `args` by `op`; a constant if all of them are.
static ExprRef makeOp(Operation *op, SmallVector<ExprRef> args) {
  SmallVector<Attribute> constants;
  for (const ExprRef &arg : args)
    if (arg->isConstant())
      constants.push_back(arg->constant);
  SmallVector<OpFoldResult> folded;
  if (!args.empty() && constants.size() == op->getNumOperands() &&
      !isa<ShapedType>(op->getResult(0).getType()) &&
      succeeded(op->fold(constants, folded)) && folded.size() == 1)
    if (auto value =
            dyn_cast_or_null<TypedAttr>(dyn_cast<Attribute>(folded[0])))
      return makeConstant(value);
  ElementExpr expr{Kind::Op};
  expr.op = op;
  expr.args = std::move(args);
  return ElementExpr::make(std::move(expr));
}

ExprRef ExprBuilder::expandElementwise(Operation *op, ArrayRef<int> dims) {
  if (!isKnown(op) || !op->hasTrait<OpTrait::Elementwise>())
    return nullptr;
  SmallVector<ExprRef> args;
  for (Value operand : op->getOperands()) {
    bool isTensor = isa<RankedTensorType>(operand.getType());
    if (isa<ShapedType>(operand.getType()) && !isTensor)
      return nullptr;
    args.push_back(isTensor ? expand(operand, dims) : makeScalar(operand));
  }
  return makeOp(op, std::move(args));
}

ExprRef ExprBuilder::expandOnce(Value tensor, ArrayRef<int> dims) {
  // More than any such computation has: whatever it is, it is not ours.
  int maxDepth = limit == Limit::Deep ? 320 : 96,
      maxTensors = limit == Limit::Deep ? 2048 : 512;
  DenseElementsAttr constant;
  if (matchPattern(tensor, m_Constant(&constant)) && constant.isSplat())
    return makeConstant(cast<TypedAttr>(constant.getSplatValue<Attribute>()));
  auto result = dyn_cast<OpResult>(tensor);
  if (!result)
    return makeLeaf(tensor, dims);
  if (depth >= maxDepth || ++numTensors > maxTensors) {
    wasCut = true;
    return makeLeaf(tensor, dims);
  }
  Operation *op = result.getOwner();
  ++depth;
  llvm::scope_exit leave([&] { --depth; });
  if (auto cast = dyn_cast<tensor::CastOp>(op))
    if (isa<RankedTensorType>(cast.getSource().getType()))
      return expand(cast.getSource(), dims);
  if (auto fill = dyn_cast<linalg::FillOp>(op))
    return makeScalar(fill.getInputs()[0]);
  if (auto splat = dyn_cast<tensor::SplatOp>(op))
    return makeScalar(splat.getInput());
  if (isa<linalg::LinalgOp>(op))
    return expandLinalg(result, dims);
  if (auto inner = getSourceDims(op, dims))
    return expand(op->getOperand(0), *inner);
  if (ExprRef expr = expandElementwise(op, dims))
    return expr;
  if (!isa<tensor::ReshapeOp, tensor::CollapseShapeOp, tensor::ExpandShapeOp>(
          op))
    return makeLeaf(tensor, dims);
  // The operand is read somewhere.
  ElementExpr leaf{Kind::Leaf, tensor, SmallVector<int>(dims)};
  leaf.op = op;
  leaf.why = "has sizes that are not known to be those of its operand";
  SmallVector<int> inner;
  if (auto type = dyn_cast<RankedTensorType>(op->getOperand(0).getType())) {
    for (int64_t size : type.getShape())
      inner.push_back(vars.add(size));
    leaf.args.push_back(expand(op->getOperand(0), inner));
  }
  return ElementExpr::make(std::move(leaf));
}

namespace mlir {
namespace mqa {
/// Reads the body of an op of linalg.
class BodyReader {
public:
  BodyReader(ExprBuilder &builder, OpResult result)
      : builder(builder), op(cast<linalg::LinalgOp>(result.getOwner())),
        init(*op.getDpsInitOperand(result.getResultNumber())),
        accumulator(op.getBlock()->getArgument(init.getOperandNumber())),
        yielded(op.getBlock()->getTerminator()->getOperand(
            result.getResultNumber())) {}
  /// The result's element at `dims`; null, and `why`, if it cannot be told.
  ExprRef read(ArrayRef<int> dims);
  /// The elements of inputs from which that at `dims` is computed.
  SmallVector<ExprRef> readInputs();
  StringRef why;

private:
  bool setLoops(ArrayRef<int> dims);
  ExprRef readOperand(OpOperand &operand);
  ExprRef readValue(Value value);
  bool readBody();
  ExprRef readSum();

  ExprBuilder &builder;
  linalg::LinalgOp op;
  OpOperand &init;
  Value accumulator, yielded;
  /// The variable of each loop, and those that are not the result's.
  SmallVector<int> loops, reduced;
  DenseMap<Value, ExprRef> body;
};
} // namespace mqa
} // namespace mlir

bool BodyReader::setLoops(ArrayRef<int> dims) {
  constexpr int kUnset = -2;
  loops.assign(op.getNumLoops(), kUnset);
  AffineMap map = op.getMatchingIndexingMap(&init);
  bool isPermutation = true;
  for (auto [expr, dim] : llvm::zip_equal(map.getResults(), dims)) {
    auto loop = dyn_cast<AffineDimExpr>(expr);
    if (loop && loops[loop.getPosition()] == kUnset)
      loops[loop.getPosition()] = dim;
    else
      isPermutation = false;
  }
  for (int &var : loops)
    if (var == kUnset) {
      var = builder.vars.add();
      reduced.push_back(var);
    }
  return isPermutation;
}

ExprRef BodyReader::readOperand(OpOperand &operand) {
  if (!isa<RankedTensorType>(operand.get().getType()))
    return isa<ShapedType>(operand.get().getType()) ? nullptr
                                                    : makeScalar(operand.get());
  SmallVector<int> at;
  for (AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults()) {
    auto loop = dyn_cast<AffineDimExpr>(expr);
    auto zero = dyn_cast<AffineConstantExpr>(expr);
    if (!loop && !(zero && zero.getValue() == 0))
      return nullptr;
    at.push_back(loop ? loops[loop.getPosition()] : IndexVariables::kUnit);
  }
  return builder.expand(operand.get(), at);
}

ExprRef BodyReader::readValue(Value value) {
  if (ExprRef found = body.lookup(value))
    return found;
  auto argument = dyn_cast<BlockArgument>(value);
  ExprRef expr;
  if (argument && argument.getOwner() == op.getBlock())
    expr = readOperand(op->getOpOperand(argument.getArgNumber()));
  else if (matchPattern(value, m_Constant()) ||
           value.getParentBlock() != op.getBlock())
    expr = makeScalar(value);
  if (!expr && why.empty())
    why = "reads an input through a map that is not understood";
  return body[value] = expr;
}

bool BodyReader::readBody() {
  // A formula is walked recursively.
  constexpr size_t kMaxOps = 64;
  if (op.getBlock()->getOperations().size() > kMaxOps) {
    why = "has a very long body";
    return false;
  }
  for (Operation &inner : op.getBlock()->without_terminator()) {
    if (auto index = dyn_cast<linalg::IndexOp>(inner)) {
      body[index] = ElementExpr::make(
          {Kind::Index, index.getResult(), {loops[index.getDim()]}});
      continue;
    }
    if (!isKnown(&inner)) {
      why = "has an op in its body that is not understood";
      return false;
    }
    if (isa<arith::ConstantOp>(inner))
      continue;
    SmallVector<ExprRef> args;
    for (Value operand : inner.getOperands()) {
      if (!reduced.empty() && operand == accumulator)
        continue;
      ExprRef arg = readValue(operand);
      if (!arg)
        return false;
      args.push_back(arg);
    }
    body[inner.getResult(0)] = makeOp(&inner, std::move(args));
  }
  return true;
}

/// out + x, onto zero.
ExprRef BodyReader::readSum() {
  auto sum = yielded.getDefiningOp<arith::AddFOp>();
  if (!sum || (sum.getLhs() == accumulator) == (sum.getRhs() == accumulator) ||
      !accumulator.hasOneUse()) {
    why = "is a reduction that is not a sum";
    return nullptr;
  }
  ExprRef term =
      readValue(sum.getLhs() == accumulator ? sum.getRhs() : sum.getLhs());
  ExprRef start = readOperand(init);
  if (!term)
    return nullptr;
  if (!start)
    return nullptr;
  ElementExpr expr{Kind::Sum, Value(), reduced};
  expr.op = op;
  expr.args = {term};
  if (!start->isZero()) {
    expr.args.push_back(start);
    expr.why = "is a sum that does not start from 0";
  }
  return ElementExpr::make(std::move(expr));
}

ExprRef BodyReader::read(ArrayRef<int> dims) {
  if (!setLoops(dims)) {
    why = "has a result whose map is no permutation";
    return nullptr;
  }
  if (!readBody())
    return nullptr;
  return reduced.empty() ? readValue(yielded) : readSum();
}

SmallVector<ExprRef> BodyReader::readInputs() {
  SmallVector<ExprRef> inputs;
  for (OpOperand *operand : op.getDpsInputOperands())
    if (ExprRef input = readOperand(*operand))
      inputs.push_back(input);
  return inputs;
}

ExprRef ExprBuilder::expandLinalg(OpResult result, ArrayRef<int> dims) {
  auto op = cast<linalg::LinalgOp>(result.getOwner());
  if (!op.hasPureTensorSemantics())
    return makeLeaf(result, dims);
  BodyReader reader(*this, result);
  if (ExprRef expr = reader.read(dims))
    return expr;
  ElementExpr leaf{Kind::Leaf, result, SmallVector<int>(dims)};
  leaf.op = op;
  leaf.args = reader.readInputs();
  leaf.why = reader.why;
  return ElementExpr::make(std::move(leaf));
}
