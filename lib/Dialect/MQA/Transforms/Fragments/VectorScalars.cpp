//===- VectorScalars.cpp - Elements of group-level vectors ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "VectorScalars.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::mqa;

Value VectorScalars::emitCoordinate(Location loc, Coordinate at) {
  Value offset = arith::ConstantIndexOp::create(b, loc, at.offset);
  if (!at.base)
    return offset;
  if (at.offset == 0)
    return at.base;
  return arith::AddIOp::create(b, loc, at.base, offset);
}

FailureOr<Value> VectorScalars::emit(Value vector, const Coordinates &at) {
  if (!isa<VectorType>(vector.getType()))
    return vector;
  for (const Element &element : cache[vector])
    if (element.at == at)
      return element.value;
  Operation *op = vector.getDefiningOp();
  if (!op)
    return emitError(vector.getLoc(),
                     "a vector that is a block argument cannot be distributed");
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(op);
  FailureOr<Value> value = emitUncached(op, at);
  if (succeeded(value))
    cache[vector].push_back({at, *value});
  return value;
}

/// The x of max(x, 0).
static Value getReluOperand(Value vector) {
  auto relu = vector.getDefiningOp<arith::MaximumFOp>();
  return relu && matchPattern(relu.getRhs(), m_AnyZeroFloat()) ? relu.getLhs()
                                                               : Value();
}

FailureOr<Value> VectorScalars::emitPair(Value vector, const Coordinates &at) {
  for (const Element &element : pairs[vector])
    if (element.at == at)
      return element.value;
  Operation *op = vector.getDefiningOp();
  Location loc = vector.getLoc();
  Coordinates next = at;
  ++next.back().offset;
  auto type = VectorType::get({2}, b.getF16Type());
  OpBuilder::InsertionGuard guard(b);
  auto truncate = dyn_cast_or_null<arith::TruncFOp>(op);
  if (truncate && getElementTypeOrSelf(truncate.getIn()).isF32()) {
    // One conversion takes both, and relu with them.
    Value relu = getReluOperand(truncate.getIn());
    Value source = relu ? relu : truncate.getIn();
    FailureOr<Value> low = emit(source, at), high = emit(source, next);
    if (failed(low) || failed(high))
      return failure();
    b.setInsertionPoint(op);
    auto rounding =
        NVVM::FPRoundingModeAttr::get(b.getContext(), NVVM::FPRoundingMode::RN);
    auto noSaturation = NVVM::SaturationModeAttr::get(
        b.getContext(), NVVM::SaturationMode::NONE);
    Value pair = NVVM::ConvertF32x2ToF16x2Op::create(
        b, loc, type, *high, *low, /*random_bits=*/Value(), rounding,
        noSaturation, b.getBoolAttr(static_cast<bool>(relu)));
    pairs[vector].push_back({at, pair});
    return pair;
  }
  if (auto broadcast = dyn_cast_or_null<vector::BroadcastOp>(op)) {
    auto source = dyn_cast<VectorType>(broadcast.getSourceType());
    if (!source || source.getShape().back() == 1) {
      // The same in all columns: one pair does for them, made where the scalar
      // is.
      Coordinates column = at;
      column.back() = Coordinate{};
      if (column != at)
        return emitPair(vector, column);
      FailureOr<Value> scalar = emit(vector, at);
      if (failed(scalar))
        return failure();
      b.setInsertionPointAfterValue(*scalar);
      Value pair = vector::BroadcastOp::create(b, loc, type, *scalar);
      pairs[vector].push_back({at, pair});
      return pair;
    }
  }
  auto maximum = dyn_cast_or_null<arith::MaxNumFOp>(op);
  if (maximum && matchPattern(maximum.getRhs(), m_AnyZeroFloat())) {
    FailureOr<Value> source = emitPair(maximum.getLhs(), at);
    if (failed(source))
      return failure();
    b.setInsertionPoint(op);
    Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
    Value pair = arith::MaxNumFOp::create(b, loc, *source, zero);
    pairs[vector].push_back({at, pair});
    return pair;
  }
  if (auto product = dyn_cast_or_null<arith::MulFOp>(op)) {
    FailureOr<Value> lhs = emitPair(product.getLhs(), at),
                     rhs = emitPair(product.getRhs(), at);
    if (failed(lhs) || failed(rhs))
      return failure();
    b.setInsertionPoint(op);
    return arith::MulFOp::create(b, loc, *lhs, *rhs).getResult();
  }
  return emitError(loc, "cannot be distributed in pairs of f16");
}

SmallVector<Element> VectorScalars::unpackPairs(Location loc,
                                                ArrayRef<Element> pairs) {
  SmallVector<Element> elements;
  for (const Element &pair : pairs) {
    for (int64_t i = 0; i < 2; ++i) {
      Value half = vector::ExtractOp::create(b, loc, pair.value, i);
      Coordinates at = pair.at;
      at.back().offset += i;
      elements.push_back({at, half});
    }
  }
  return elements;
}

FailureOr<Value> VectorScalars::emitContraction(vector::ContractionOp op,
                                                const Coordinates &at) {
  if (!hasRegisters(op))
    return op.emitError("only a contraction that the written value comes from "
                        "can be distributed");
  FailureOr<int64_t> index = layout.getRegister(at);
  if (failed(index))
    return op.emitError("an element of this contraction is read by a thread "
                        "that does not hold it");
  return registers.lookup(op)[*index];
}

FailureOr<Value> VectorScalars::emitBroadcast(vector::BroadcastOp op,
                                              const Coordinates &at) {
  auto source = dyn_cast<VectorType>(op.getSourceType());
  if (!source)
    return op.getSource();
  Coordinates inner(at.end() - source.getRank(), at.end());
  for (auto [dim, coordinate] : llvm::enumerate(inner))
    if (source.getDimSize(dim) == 1)
      coordinate = Coordinate{};
  return emit(op.getSource(), inner);
}

/// Unit dims come and go; the others keep their order.
FailureOr<Value> VectorScalars::emitShapeCast(vector::ShapeCastOp op,
                                              const Coordinates &at) {
  Coordinates others;
  for (auto [coordinate, size] :
       llvm::zip_equal(at, op.getResultVectorType().getShape()))
    if (size != 1)
      others.push_back(coordinate);
  ArrayRef<int64_t> shape = op.getSourceVectorType().getShape();
  auto isUnit = [](int64_t size) { return size == 1; };
  auto isOther = [](int64_t size) { return size != 1; };
  if (!llvm::equal(llvm::make_filter_range(shape, isOther),
                   llvm::make_filter_range(op.getResultVectorType().getShape(),
                                           isOther)))
    return op.emitError("only a shape_cast of unit dims can be distributed");
  Coordinates inner;
  size_t next = 0;
  for (int64_t size : shape)
    inner.push_back(isUnit(size) ? Coordinate{} : others[next++]);
  return emit(op.getSource(), inner);
}

/// The element is in what is inserted or in what it is inserted into. Where the
/// thread decides which, both are computed.
FailureOr<Value> VectorScalars::emitInsertion(vector::InsertStridedSliceOp op,
                                              const Coordinates &at) {
  VectorType source = op.getSourceVectorType();
  if (source.getRank() != 1 || op.getDestVectorType().getRank() != 1)
    return op.emitError("only an insertion of 1-D vectors can be distributed");
  const Coordinate &own = at.front();
  int64_t size = source.getDimSize(0),
          first = cast<IntegerAttr>(op.getOffsets()[0]).getInt();
  if (std::optional<FragmentLayout::Choice> choice =
          layout.getChoice(own, size)) {
    Coordinate other = choice->from;
    other.offset += size;
    FailureOr<Value> lower = emit(op.getResult(), {choice->from}),
                     upper = emit(op.getResult(), {other});
    if (failed(lower) || failed(upper))
      return failure();
    return arith::SelectOp::create(
               b, op.getLoc(), layout.getLaneBit(choice->bit), *upper, *lower)
        .getResult();
  }
  int64_t last = own.offset + own.maxBase;
  if (last < first || own.offset >= first + size)
    return emit(op.getDest(), at);
  if (own.offset < first || last >= first + size)
    return op.emitError("threads need elements of both vectors, and no bit of "
                        "a lane's number says which");
  Coordinate inSource = own;
  inSource.offset -= first;
  return emit(op.getValueToStore(), {inSource});
}

FailureOr<Value> VectorScalars::emitUncached(Operation *op,
                                             const Coordinates &at) {
  if (auto read = dyn_cast<vector::TransferReadOp>(op))
    return emitRead(read, at);
  if (auto gather = dyn_cast<GatherColumnsOp>(op))
    return emitGather(gather, at);
  if (auto contract = dyn_cast<vector::ContractionOp>(op))
    return emitContraction(contract, at);
  if (auto broadcast = dyn_cast<vector::BroadcastOp>(op))
    return emitBroadcast(broadcast, at);
  if (auto cast = dyn_cast<vector::ShapeCastOp>(op))
    return emitShapeCast(cast, at);
  if (auto transpose = dyn_cast<vector::TransposeOp>(op)) {
    Coordinates source(at.size());
    for (auto [i, dim] : llvm::enumerate(transpose.getPermutation()))
      source[dim] = at[i];
    return emit(transpose.getVector(), source);
  }
  if (auto insert = dyn_cast<vector::InsertStridedSliceOp>(op))
    return emitInsertion(insert, at);
  if (isa<vector::StepOp>(op))
    return emitCoordinate(op->getLoc(), at[0]);
  DenseElementsAttr constant;
  if (matchPattern(op, m_Constant(&constant)) && constant.isSplat())
    return arith::ConstantOp::create(
               b, op->getLoc(),
               cast<TypedAttr>(constant.getSplatValue<Attribute>()))
        .getResult();
  if (OpTrait::hasElementwiseMappableTraits(op) && op->getNumResults() == 1)
    return emitElementwise(op, at);
  return op->emitError("'")
         << op->getName() << "' cannot be distributed over a consumer group";
}

FailureOr<Value> VectorScalars::emitElementwise(Operation *op,
                                                const Coordinates &at) {
  SmallVector<Value> operands;
  for (Value operand : op->getOperands()) {
    FailureOr<Value> scalar = emit(operand, at);
    if (failed(scalar))
      return failure();
    operands.push_back(*scalar);
  }
  OperationState state(op->getLoc(), op->getName());
  state.addOperands(operands);
  state.addTypes(getElementTypeOrSelf(op->getResult(0).getType()));
  state.addAttributes(op->getAttrs());
  return b.create(state)->getResult(0);
}

FailureOr<Value> VectorScalars::emitGather(GatherColumnsOp op,
                                           const Coordinates &at) {
  Location loc = op.getLoc();
  FailureOr<Value> column = emit(op.getColumns(), at),
                   mask = emit(op.getMask(), at);
  if (failed(column) || failed(mask))
    return failure();
  Value row = emitCoordinate(loc, at[0]);
  auto guarded = scf::IfOp::create(
      b, loc, *mask,
      [&](OpBuilder &nested, Location loc) {
        Value loaded = memref::LoadOp::create(nested, loc, op.getBase(),
                                              ValueRange{row, *column});
        scf::YieldOp::create(nested, loc, loaded);
      },
      [&](OpBuilder &nested, Location loc) {
        scf::YieldOp::create(nested, loc, op.getPadding());
      });
  return guarded.getResult(0);
}

FailureOr<Value> VectorScalars::emitRead(vector::TransferReadOp read,
                                         const Coordinates &at) {
  Location loc = read.getLoc();
  auto type = dyn_cast<MemRefType>(read.getBase().getType());
  if (!type || type.getElementType() != read.getVectorType().getElementType() ||
      !read.getPermutationMap().isMinorIdentity() || read.getMask() ||
      read.getTransferRank() != type.getRank())
    return read.emitError("only an unmasked read of a whole memref can be "
                          "distributed");
  SmallVector<Value> indices;
  Value inBounds;
  for (auto [dim, coordinate] : llvm::enumerate(at)) {
    Value index = arith::AddIOp::create(b, loc, read.getIndices()[dim],
                                        emitCoordinate(loc, coordinate));
    indices.push_back(index);
    if (read.isDimInBounds(dim))
      continue;
    Value size = memref::DimOp::create(b, loc, read.getBase(), dim);
    Value inside =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, index, size);
    inBounds =
        inBounds ? arith::AndIOp::create(b, loc, inBounds, inside) : inside;
  }
  auto load = [&](OpBuilder &builder) -> Value {
    return memref::LoadOp::create(builder, loc, read.getBase(), indices);
  };
  if (!inBounds)
    return load(b);
  auto guarded = scf::IfOp::create(
      b, loc, inBounds,
      [&](OpBuilder &nested, Location loc) {
        scf::YieldOp::create(nested, loc, load(nested));
      },
      [&](OpBuilder &nested, Location loc) {
        scf::YieldOp::create(nested, loc, read.getPadding());
      });
  return guarded.getResult(0);
}
