//===- LinalgBody.cpp - Formulas of what an op of linalg computes ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ElementExpr.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::mqa;
using Kind = ElementExpr::Kind;

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
    return isa<ShapedType>(operand.get().getType())
               ? nullptr
               : ElementExpr::makeScalar(operand.get());
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
  if (argument && argument.getOwner() == op.getBlock()) {
    OpOperand &operand = op->getOpOperand(argument.getArgNumber());
    // What another loop has written there is not what was there first.
    if (op.isDpsInit(&operand) &&
        !op.getMatchingIndexingMap(&operand).isPermutation())
      why = "reads a result while it is computed";
    else
      expr = readOperand(operand);
  } else if (matchPattern(value, m_Constant()) ||
             value.getParentBlock() != op.getBlock())
    expr = ElementExpr::makeScalar(value);
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
    if (!ElementExpr::isKnown(&inner)) {
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
    body[inner.getResult(0)] = ElementExpr::makeOp(&inner, std::move(args));
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
