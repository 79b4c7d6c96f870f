//===- KernelOps.cpp - Verifiers and effects of the kernel ops ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mqa;

#define GET_OP_CLASSES
#include "mqa/Dialect/MQA/IR/MQAOps.cpp.inc"

using EffectList =
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>;

static void addRead(EffectList &effects, OpOperand &operand) {
  effects.emplace_back(MemoryEffects::Read::get(), &operand,
                       SideEffects::DefaultResource::get());
}

static void addWrite(EffectList &effects, OpOperand &operand) {
  effects.emplace_back(MemoryEffects::Write::get(), &operand,
                       SideEffects::DefaultResource::get());
}

void KeyRangeOp::getEffects(EffectList &effects) {
  addRead(effects, getKsMutable());
  addRead(effects, getKeMutable());
}

void TileShareOp::getEffects(EffectList &effects) {
  addRead(effects, getKsMutable());
  addRead(effects, getKeMutable());
  // A barrier: neither removed nor moved.
  effects.emplace_back(MemoryEffects::Write::get(),
                       SideEffects::DefaultResource::get());
}

Value RowBlockOp::getViewSource() { return getSource(); }

LogicalResult RowBlockOp::verify() {
  MemRefType source = getSource().getType(), result = getResult().getType();
  SmallVector<int64_t> sourceStrides, resultStrides;
  int64_t sourceOffset, resultOffset;
  if (failed(source.getStridesAndOffset(sourceStrides, sourceOffset)) ||
      failed(result.getStridesAndOffset(resultStrides, resultOffset)) ||
      sourceStrides != resultStrides || resultOffset != 0 ||
      source.getMemorySpace() != result.getMemorySpace() ||
      source.getDimSize(1) != result.getDimSize(1))
    return emitOpError() << "result must be a block of rows of " << source
                         << " at offset 0, found " << result;
  return success();
}

void CleanRowsOp::getEffects(EffectList &effects) {
  addRead(effects, getKsMutable());
  addRead(effects, getKeMutable());
  addWrite(effects, getOutMutable());
}

LogicalResult CleanRowsOp::verify() {
  if (!getThread() != !getNumThreads())
    return emitOpError("'thread' and 'num_threads' come together");
  return success();
}

//===----------------------------------------------------------------------===//
// Rings
//===----------------------------------------------------------------------===//

LogicalResult RingPutOp::verify() {
  ArrayRef<MemRefType> tiles = getRing().getType().getTiles();
  if (tiles.size() != getSources().size())
    return emitOpError() << "needs one source per tile of the ring: expected "
                         << tiles.size() << ", found " << getSources().size();
  for (auto [i, source, tile] : llvm::enumerate(getSources(), tiles)) {
    auto type = cast<MemRefType>(source.getType());
    int64_t boxDims = tile.getRank() - type.getRank();
    if (boxDims < 0 || boxDims > type.getRank() ||
        type.getElementType() != tile.getElementType())
      return emitOpError() << "source " << i << " is " << type
                           << ", which does not fit the ring's tile " << tile;
    for (auto [dim, size] : llvm::enumerate(type.getShape())) {
      int64_t room = tile.getDimSize(boxDims + dim);
      if (static_cast<int64_t>(dim) < boxDims)
        room *= tile.getDimSize(dim);
      if (!ShapedType::isDynamic(size) && size > room)
        return emitOpError()
               << "source " << i << " is larger than the ring's "
               << "tile in dimension " << dim << ": " << size << " > " << room;
    }
  }
  return success();
}

LogicalResult RingGetOp::verify() {
  ArrayRef<MemRefType> tiles = getRing().getType().getTiles();
  if (tiles.size() != getNumResults())
    return emitOpError() << "returns one tile per tile of the ring: expected "
                         << tiles.size() << ", found " << getNumResults();
  for (auto [i, result, tile] : llvm::enumerate(getTiles(), tiles)) {
    auto type = cast<MemRefType>(result.getType());
    // A slot is a view into the ring: same shape, some offset.
    if (type.getShape() != tile.getShape() ||
        type.getElementType() != tile.getElementType() ||
        type.getMemorySpace() != tile.getMemorySpace())
      return emitOpError() << "result " << i << " must be a view of " << tile
                           << ", found " << type;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Tiles and fragments
//===----------------------------------------------------------------------===//

/// A tile that the matrix unit reads.
static LogicalResult verifyStaged(Operation *op, StringRef name,
                                  MemRefType type) {
  if (!type.hasStaticShape())
    return op->emitOpError() << "operand '" << name
                             << "' must have a static shape, found " << type;
  if (!gpu::GPUDialect::hasWorkgroupMemoryAddressSpace(type))
    return op->emitOpError()
           << "operand '" << name << "' must lie in workgroup memory, found "
           << type;
  return success();
}

void FitQueriesOp::getEffects(EffectList &effects) {
  for (OpOperand *operand : {&getQMutable(), &getWeightsMutable()}) {
    addRead(effects, *operand);
    addWrite(effects, *operand);
  }
}

LogicalResult FitQueriesOp::verify() {
  if (!getThread() != !getNumThreads())
    return emitOpError("'thread' and 'num_threads' come together");
  for (auto [name, type] :
       {std::pair<StringRef, MemRefType>{"q", getQ().getType()},
        {"weights", getWeights().getType()},
        {"factors", getFactors().getType()}})
    if (failed(verifyStaged(*this, name, type)))
      return failure();
  int64_t queries = 4 * getQ().getType().getDimSize(0);
  ArrayRef<int64_t> factors = getFactors().getType().getShape();
  if (getWeights().getType().getDimSize(0) != queries || factors[0] != 2 ||
      factors[1] != queries)
    return emitOpError() << "of " << queries
                         << " queries needs as many rows of "
                         << "'weights' and 2 x " << queries
                         << " factors, found " << getWeights().getType()
                         << " and " << getFactors().getType();
  return success();
}

void TileLogitsOp::getEffects(EffectList &effects) {
  for (OpOperand *operand :
       {&getQMutable(), &getKMutable(), &getKScaleMutable(),
        &getWeightsMutable(), &getKsMutable(), &getKeMutable()})
    addRead(effects, *operand);
  for (OpOperand &operand : getFactorsMutable())
    addRead(effects, operand);
  addWrite(effects, getOutMutable());
}

LogicalResult TileLogitsOp::verify() {
  MemRefType q = getQ().getType(), k = getK().getType();
  std::pair<StringRef, MemRefType> staged[] = {
      {"q", q},
      {"k", k},
      {"k_scale", getKScale().getType()},
      {"weights", getWeights().getType()}};
  for (auto [name, type] : staged) {
    if (failed(verifyStaged(*this, name, type)))
      return failure();
  }
  if (q.getDimSize(2) != 4 || q.getDimSize(3) != 16)
    return emitOpError() << "'q' must have head tiles of 4 queries x 16 heads, "
                            "found "
                         << q;
  if (k.getDimSize(2) != q.getDimSize(4))
    return emitOpError() << "head dim of 'k' is " << k.getDimSize(2)
                         << ", but 'q' has " << q.getDimSize(4);
  if (getKScale().getType().getShape() != k.getShape().take_front(2))
    return emitOpError() << "'k_scale' must have the keys of 'k', found "
                         << getKScale().getType() << " and " << k;
  MemRefType weights = getWeights().getType();
  if (weights.getDimSize(0) != 4 * q.getDimSize(0) ||
      static_cast<int64_t>(llvm::divideCeil(weights.getDimSize(1), 16)) !=
          q.getDimSize(1))
    return emitOpError() << "'weights' must have the queries and heads of 'q', "
                            "found "
                         << weights << " and " << q;
  return success();
}

LogicalResult WgmmaOp::verify() {
  MemRefType a = getA().getType(), b = getB().getType();
  for (auto [name, type] :
       {std::pair<StringRef, MemRefType>{"a", a}, {"b", b}}) {
    if (failed(verifyStaged(*this, name, type)))
      return failure();
  }
  int64_t rows = a.getNumElements() / a.getShape().back();
  VectorType tile = getResult().getType().getTile();
  if (a.getShape().back() != b.getShape().back())
    return emitOpError() << "operands must agree in K, found "
                         << a.getShape().back() << " and "
                         << b.getShape().back();
  if (!llvm::is_contained({32, 64, 128}, a.getShape().back()))
    return emitOpError()
           << "rows must be 32, 64 or 128 bytes (one swizzle), found "
           << a.getShape().back();
  if (rows != 64 || b.getDimSize(0) != tile.getDimSize(1))
    return emitOpError() << "of " << rows << " x " << b.getDimSize(0)
                         << " rows does not give the fragment " << tile;
  return success();
}

LogicalResult UnpackFragmentOp::verify() {
  int64_t expected = getFragment().getType().getNumRegisters();
  if (static_cast<int64_t>(getNumResults()) != expected)
    return emitOpError() << "of " << getFragment().getType() << " has "
                         << expected << " registers, found " << getNumResults()
                         << " results";
  return success();
}

ParseResult UnpackFragmentOp::parse(OpAsmParser &parser,
                                    OperationState &result) {
  OpAsmParser::UnresolvedOperand fragment;
  FragmentType type;
  if (parser.parseOperand(fragment) ||
      parser.parseOptionalAttrDict(result.attributes) ||
      parser.parseColonType(type) ||
      parser.resolveOperand(fragment, type, result.operands))
    return failure();
  // One f32 per register follows from the fragment; it is not spelled out.
  Type f32 = parser.getBuilder().getF32Type();
  result.addTypes(SmallVector<Type>(type.getNumRegisters(), f32));
  return success();
}

void UnpackFragmentOp::print(OpAsmPrinter &printer) {
  printer << ' ' << getFragment();
  printer.printOptionalAttrDict((*this)->getAttrs());
  printer << " : " << getFragment().getType();
}
