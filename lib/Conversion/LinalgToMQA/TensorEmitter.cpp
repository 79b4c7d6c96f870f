//===- TensorEmitter.cpp - Tensors of the elements that formulas say ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TensorEmitter.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <set>

using namespace mlir;
using namespace mlir::mqa;
using llvm::BitVector;
using Kind = ElementExpr::Kind;

static SmallVector<int> flatten(const DimGroups &groups) {
  SmallVector<int> all;
  for (const SmallVector<int> &group : groups)
    llvm::append_range(all, group);
  return all;
}

static SmallVector<int> getSorted(const DimGroups &groups) {
  SmallVector<int> all = flatten(groups);
  llvm::sort(all);
  return all;
}

bool TensorEmitter::haveSizes(ArrayRef<int> atoms, const ExprBuilder &exprs) {
  return llvm::all_of(atoms, [&](int atom) {
    return !ShapedType::isDynamic(exprs.vars.getSize(atom)) ||
           exprs.getDimension(atom).first || exprs.getSize(atom);
  });
}

/// Which variables index each dimension.
static DimGroups getAtomGroups(const TensorElement &element,
                               const IndexVariables &vars) {
  return llvm::map_to_vector(element.dims,
                             [&](int var) { return vars.getAtoms(var); });
}

/// Whether an index is always 0, though there are more.
static bool readsOneOfMany(const TensorElement &element,
                           const DimGroups &groups) {
  auto type = cast<RankedTensorType>(element.tensor.getType());
  return llvm::any_of(llvm::zip_equal(type.getShape(), groups), [](auto pair) {
    return std::get<1>(pair).empty() && std::get<0>(pair) != 1;
  });
}

/// Whether dimensions of the tensor may be taken apart, joined and exchanged.
static bool canRelayout(const TensorElement &element, const DimGroups &groups) {
  auto type = cast<RankedTensorType>(element.tensor.getType());
  return !type.getEncoding() && !readsOneOfMany(element, groups);
}

/// The tensor of the program that a computation of a tensor indexed by
/// `allowed` reads in the place of `expr`; null if there is none.
static const TensorElement *findInput(const ExprRef &expr,
                                      const BitVector &allowed,
                                      const ExprBuilder &exprs) {
  // What reads no tensor is computed anew.
  if (!expr->readsTensor)
    return nullptr;
  for (const TensorElement &element : exprs.getTensors(expr)) {
    DimGroups groups = getAtomGroups(element, exprs.vars);
    SmallVector<int> atoms = flatten(groups);
    std::set<int> distinct(atoms.begin(), atoms.end());
    bool isReadAsItIs = llvm::all_of(
        groups, [](const SmallVector<int> &group) { return group.size() < 2; });
    if (distinct.size() == atoms.size() &&
        (isReadAsItIs || canRelayout(element, groups)) &&
        llvm::all_of(atoms, [&](int atom) { return allowed.test(atom); }) &&
        TensorEmitter::haveSizes(atoms, exprs))
      return &element;
  }
  return nullptr;
}

bool TensorEmitter::canCompute(const ExprRef &expr, const BitVector &allowed,
                               const ExprBuilder &exprs, FreeVariables &free) {
  if (findInput(expr, allowed, exprs))
    return true;
  if (!expr->isSmall())
    return false;
  switch (expr->kind) {
  case Kind::Leaf:
  case Kind::Sum:
    return false;
  case Kind::Scalar:
  case Kind::Constant:
    return true;
  case Kind::Index:
    return free.isSubset(expr, allowed) &&
           haveSizes(exprs.vars.getAtoms(expr->dims), exprs);
  case Kind::Op:
    return llvm::all_of(expr->args, [&](const ExprRef &arg) {
      return canCompute(arg, allowed, exprs, free);
    });
  }
  llvm_unreachable("every kind is handled");
}

Value TensorEmitter::fill(ArrayRef<OpFoldResult> sizes, Value number) {
  Value empty = tensor::EmptyOp::create(b, loc, sizes, number.getType());
  return linalg::FillOp::create(b, loc, number, empty).getResult(0);
}

OpFoldResult TensorEmitter::getSize(int atom) {
  if (int64_t size = vars.getSize(atom); !ShapedType::isDynamic(size))
    return b.getIndexAttr(size);
  if (auto [tensor, dim] = exprs.getDimension(atom); tensor)
    return tensor::getMixedSize(b, loc, tensor, dim);
  return exprs.getSize(atom);
}

Value TensorEmitter::expandShape(Value tensor,
                                 ArrayRef<ReassociationIndices> groups,
                                 ArrayRef<OpFoldResult> sizes) {
  SmallVector<int64_t> shape =
      decomposeMixedValues(SmallVector<OpFoldResult>(sizes)).first;
  // A dimension is static exactly if all that it is expanded to are.
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<int64_t> before(type.getShape());
  for (auto [size, group] : llvm::zip(before, groups)) {
    size = 1;
    for (int64_t i : group)
      size = ShapedType::isDynamic(shape[i]) || ShapedType::isDynamic(size)
                 ? ShapedType::kDynamic
                 : size * shape[i];
  }
  if (type.getShape() != ArrayRef(before))
    tensor = tensor::CastOp::create(
        b, loc, RankedTensorType::get(before, type.getElementType()), tensor);
  return tensor::ExpandShapeOp::create(
      b, loc, RankedTensorType::get(shape, type.getElementType()), tensor,
      groups, sizes);
}

Value TensorEmitter::find(const ExprRef &expr, const DimGroups &groups) {
  SmallVector<int> wanted = getSorted(groups);
  const TensorElement *found = nullptr;
  for (const TensorElement &element : exprs.getTensors(expr)) {
    DimGroups has = getAtomGroups(element, vars);
    if (!canRelayout(element, has) || !haveSizes(flatten(has), exprs) ||
        getSorted(has) != wanted)
      continue;
    if (has == groups)
      return element.tensor;
    if (!found)
      found = &element;
  }
  return found ? relayout(found->tensor, getAtomGroups(*found, vars), groups)
               : Value();
}

Value TensorEmitter::relayout(Value tensor, const DimGroups &from,
                              const DimGroups &to) {
  if (from == to)
    return tensor;
  // Blocks stay together on the way: dimensions that are wanted as they are,
  // and of the others the single variables.
  DimGroups blocks;
  SmallVector<ReassociationIndices> expansion;
  SmallVector<OpFoldResult> sizes;
  bool expands = false, hasUnits = false;
  for (auto [i, group] : llvm::enumerate(from)) {
    ReassociationIndices indices;
    bool isWhole = group.size() < 2 || llvm::is_contained(to, group);
    for (size_t j = 0; j < (isWhole ? 1 : group.size()); ++j) {
      indices.push_back(blocks.size());
      blocks.push_back(isWhole ? group : SmallVector<int>{group[j]});
      sizes.push_back(isWhole ? tensor::getMixedSize(b, loc, tensor, i)
                              : getSize(group[j]));
    }
    expands |= !isWhole;
    hasUnits |= group.empty();
    expansion.push_back(indices);
  }
  if (expands)
    tensor = expandShape(tensor, expansion, sizes);
  // Dimensions of one go with the next, the last ones with the one before.
  if (hasUnits) {
    DimGroups wide;
    SmallVector<ReassociationIndices> collapse;
    ReassociationIndices pending;
    for (auto [i, block] : llvm::enumerate(blocks)) {
      pending.push_back(i);
      if (block.empty())
        continue;
      collapse.push_back(pending);
      wide.push_back(block);
      pending.clear();
    }
    if (!collapse.empty())
      llvm::append_range(collapse.back(), pending);
    tensor = tensor::CollapseShapeOp::create(b, loc, tensor, collapse);
    blocks = wide;
  }
  // The order, and what is one dimension in the end.
  SmallVector<int64_t> permutation;
  SmallVector<ReassociationIndices> collapse, units;
  SmallVector<OpFoldResult> lastSizes;
  bool collapses = false, addsUnits = false;
  for (const SmallVector<int> &group : to) {
    ReassociationIndices indices;
    for (size_t taken = 0; taken < group.size();) {
      const auto *block = llvm::find_if(blocks, [&](const auto &block) {
        return block.front() == group[taken];
      });
      indices.push_back(permutation.size());
      permutation.push_back(block - blocks.begin());
      taken += block->size();
    }
    collapses |= indices.size() > 1;
    addsUnits |= indices.empty();
    if (!indices.empty())
      collapse.push_back(indices);
  }
  if (!llvm::is_sorted(permutation)) {
    SmallVector<OpFoldResult> before = tensor::getMixedSizes(b, loc, tensor),
                              after;
    for (int64_t dim : permutation)
      after.push_back(before[dim]);
    Value empty =
        tensor::EmptyOp::create(b, loc, after, getElementTypeOrSelf(tensor));
    tensor = linalg::TransposeOp::create(b, loc, tensor, empty, permutation)
                 ->getResult(0);
  }
  if (collapses)
    tensor = tensor::CollapseShapeOp::create(b, loc, tensor, collapse);
  if (!addsUnits)
    return tensor;
  ReassociationIndices pending;
  int64_t dim = 0;
  for (auto [i, group] : llvm::enumerate(to)) {
    pending.push_back(i);
    lastSizes.push_back(group.empty()
                            ? OpFoldResult(b.getIndexAttr(1))
                            : tensor::getMixedSize(b, loc, tensor, dim++));
    if (group.empty())
      continue;
    units.push_back(pending);
    pending.clear();
  }
  if (!units.empty())
    llvm::append_range(units.back(), pending);
  return expandShape(tensor, units, lastSizes);
}

/// What the body of a new op reads.
struct TensorEmitter::Body {
  SmallVector<int> loops;
  SmallVector<OpFoldResult> sizes;
  BitVector allowed;
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  DenseMap<const ElementExpr *, unsigned> inputOf;
  DenseMap<const ElementExpr *, Value> values;
};

void TensorEmitter::addInputs(const ExprRef &expr, Body &body) {
  if (body.inputOf.count(expr.get()))
    return;
  const TensorElement *element = findInput(expr, body.allowed, exprs);
  if (!element) {
    for (const ExprRef &arg : expr->args)
      addInputs(arg, body);
    return;
  }
  // A dimension for each variable.
  DimGroups from, to;
  for (int var : element->dims) {
    from.push_back(vars.getAtoms(var));
    if (from.back().empty())
      to.push_back({});
    for (int atom : from.back())
      to.push_back({atom});
  }
  SmallVector<AffineExpr> at;
  for (const SmallVector<int> &group : to) {
    const int *loop =
        group.empty() ? nullptr : llvm::find(body.loops, group.front());
    at.push_back(loop ? b.getAffineDimExpr(loop - body.loops.begin())
                      : b.getAffineConstantExpr(0));
  }
  body.inputOf[expr.get()] = body.inputs.size();
  body.inputs.push_back(relayout(element->tensor, from, to));
  body.maps.push_back(AffineMap::get(body.loops.size(), 0, at, b.getContext()));
}

Value TensorEmitter::emit(const ExprRef &expr, Body &body, OpBuilder &inner) {
  if (Value known = body.values.lookup(expr.get()))
    return known;
  if (expr->kind == Kind::Scalar)
    return expr->value;
  if (expr->kind == Kind::Constant)
    return arith::ConstantOp::create(inner, loc, expr->constant);
  if (expr->kind == Kind::Index) {
    // Of several variables, the last is the fastest.
    Value index;
    for (int atom : vars.getAtoms(expr->dims)) {
      int64_t loop = llvm::find(body.loops, atom) - body.loops.begin();
      Value next = linalg::IndexOp::create(inner, loc, loop);
      if (index) {
        index = arith::MulIOp::create(
            inner, loc, index,
            getValueOrCreateConstantIndexOp(inner, loc, body.sizes[loop]));
        next = arith::AddIOp::create(inner, loc, index, next);
      }
      index = next;
    }
    if (!index)
      index = arith::ConstantIndexOp::create(inner, loc, 0);
    return body.values[expr.get()] = index;
  }
  SmallVector<Value> args;
  for (const ExprRef &arg : expr->args)
    args.push_back(emit(arg, body, inner));
  OperationState state(loc, expr->op->getName());
  state.addOperands(args);
  state.addTypes(expr->getType());
  state.addAttributes(expr->op->getAttrDictionary().getValue());
  return body.values[expr.get()] = inner.create(state)->getResult(0);
}

Value TensorEmitter::compute(
    ArrayRef<ExprRef> values, const DimGroups &groups, Type elementType,
    llvm::function_ref<Value(OpBuilder &, ArrayRef<Value>)> combine) {
  Body body;
  body.loops = flatten(groups);
  body.allowed.resize(vars.count());
  DimGroups single;
  for (int atom : body.loops) {
    body.allowed.set(atom);
    single.push_back({atom});
    body.sizes.push_back(getSize(atom));
  }
  for (const ExprRef &value : values)
    addInputs(value, body);
  Value empty = tensor::EmptyOp::create(b, loc, body.sizes, elementType);
  body.maps.push_back(b.getMultiDimIdentityMap(body.loops.size()));
  SmallVector<utils::IteratorType> iterators(body.loops.size(),
                                             utils::IteratorType::parallel);
  Value result =
      linalg::GenericOp::create(
          b, loc, empty.getType(), body.inputs, empty, body.maps, iterators,
          [&](OpBuilder &inner, Location, ValueRange args) {
            for (auto [expr, input] : body.inputOf)
              body.values[expr] = args[input];
            SmallVector<Value> elements;
            for (const ExprRef &value : values)
              elements.push_back(emit(value, body, inner));
            linalg::YieldOp::create(inner, loc, combine(inner, elements));
          })
          .getResult(0);
  return relayout(result, single, groups);
}
