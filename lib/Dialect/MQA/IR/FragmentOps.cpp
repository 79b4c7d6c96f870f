//===- FragmentOps.cpp - Verifiers and effects of level 6 -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Effects.h"
#include "MemorySpaces.h"
#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace mlir::mqa;

/// How the memory of an operand is a matrix, or reports that it is none.
template <typename Op>
static FailureOr<StagedLayoutAttr::Matrix> getMatrix(Op op, StringRef name,
                                                     MemRefType type) {
  if (failed(verifyStaged(op, name, type)) ||
      failed(verifyStagedLayout(op, name, type)))
    return failure();
  auto layout = cast<StagedLayoutAttr>(type.getLayout());
  FailureOr<StagedLayoutAttr::Matrix> matrix = layout.getMatrix();
  if (failed(matrix))
    return op.emitOpError()
           << "operand '" << name
           << "' must have memory that is K-major, found " << layout;
  if (layout.getColumns() == 0)
    return op.emitOpError() << "operand '" << name
                            << "' must have swizzled rows, found " << layout;
  return matrix;
}

/// Of the ops that multiply 64 x K by N x K.
template <typename Op>
static LogicalResult verifyProduct(Op op, MemRefType a, MemRefType b,
                                   FragmentType fragment) {
  FailureOr<StagedLayoutAttr::Matrix> left = getMatrix(op, "a", a);
  if (failed(left))
    return failure();
  FailureOr<StagedLayoutAttr::Matrix> right = getMatrix(op, "b", b);
  if (failed(right))
    return failure();
  if (a.getElementType() != b.getElementType() || left->chunks != right->chunks)
    return op.emitOpError() << "operands must have as many chunks of the same "
                               "type, found "
                            << a << " and " << b;
  if (left->rowElements != right->rowElements)
    return op.emitOpError()
           << "operands must agree in K, found rows of " << left->rowElements
           << " and " << right->rowElements;
  if (VectorType tile = fragment.getTile();
      left->rows != shapes::kGroupRows || right->rows != tile.getDimSize(1))
    return op.emitOpError() << "of " << left->rows << " x " << right->rows
                            << " rows does not give the fragment " << tile;
  return success();
}

/// Of an op whose operands are verified.
static StagedLayoutAttr getLayout(MemRefType type) {
  return cast<StagedLayoutAttr>(type.getLayout());
}

void AsyncCopyOp::getEffects(EffectList &effects) {
  addRead(effects, getSourceMutable());
  addWrite(effects, getTargetMutable());
}

LogicalResult AsyncCopyOp::verify() {
  if (failed(verifyGlobal(*this, "source", getSource())))
    return failure();
  if (Type element = getSource().getType().getElementType();
      !element.isIntOrFloat() || element.getIntOrFloatBitWidth() % 8 ||
      128 % element.getIntOrFloatBitWidth())
    return emitOpError() << "elements must be 1, 2, 4, 8 or 16 bytes, found "
                         << element;
  MemRefType source = getSource().getType(), target = getTarget().getType();
  if (source.getElementType() != target.getElementType() ||
      !source.getElementType().isIntOrFloat())
    return emitOpError() << "cannot copy elements of " << source << " to "
                         << target;
  if (!gpu::GPUDialect::hasWorkgroupMemoryAddressSpace(target) ||
      !target.getLayout().isIdentity())
    return emitOpError() << "target must be contiguous in workgroup memory, "
                            "found "
                         << target;
  if (static_cast<int64_t>(getSourceIndices().size()) != source.getRank())
    return emitOpError() << "needs an index for each of the "
                         << source.getRank()
                         << " dimensions of its source, found "
                         << getSourceIndices().size();
  return success();
}

LogicalResult AsyncArriveOp::verify() {
  if (isa<nvgpu::MBarrierGroupType>(getBarriers().getType()))
    return success();
  return emitOpError() << "needs an !nvgpu.mbarrier.group, found "
                       << getBarriers().getType();
}

int64_t WgmmaOp::getChunks() {
  return getLayout(getB().getType()).getMatrix()->chunks;
}

int64_t WgmmaOp::getRowBytes() {
  return getLayout(getB().getType()).getSwizzleBytes();
}

LogicalResult WgmmaOp::verify() {
  MemRefType b = getB().getType();
  if (auto a = dyn_cast<MemRefType>(getA().getType()))
    return verifyProduct(*this, a, b, getResult().getType());
  VectorType rows = cast<OperandFragmentType>(getA().getType()).getTile();
  FailureOr<StagedLayoutAttr::Matrix> columns = getMatrix(*this, "b", b);
  if (failed(columns))
    return failure();
  int64_t elements = columns->chunks * columns->rowElements;
  if (rows.getElementType() != b.getElementType() ||
      rows.getDimSize(1) != elements)
    return emitOpError() << "operands must agree in K and type, found " << rows
                         << " and " << b;
  if (VectorType tile = getResult().getType().getTile();
      columns->rows != tile.getDimSize(1))
    return emitOpError() << "of " << columns->rows
                         << " rows of 'b' does not give the fragment " << tile;
  return success();
}

LogicalResult PackOperandOp::verify() {
  int64_t expected = getOperand().getType().getNumRegisters();
  if (static_cast<int64_t>(getRegisters().size()) != expected)
    return emitOpError() << "of " << getOperand().getType() << " needs "
                         << expected << " registers, found "
                         << getRegisters().size();
  return success();
}

int64_t MmaSyncOp::getChunks() {
  return getLayout(getB().getType()).getMatrix()->chunks;
}

int64_t MmaSyncOp::getRowBytes() {
  return getLayout(getB().getType()).getSwizzleBytes();
}

void MmaSyncOp::getEffects(EffectList &effects) {
  addReads(effects, getAsMutable());
  addRead(effects, getBMutable());
}

LogicalResult MmaSyncOp::verify() {
  if (getAs().empty() || getAs().size() != getFragments().size())
    return emitOpError() << "needs a result for each of its A, one or more, "
                            "found "
                         << getFragments().size() << " and " << getAs().size();
  Type first = getAs().front().getType();
  for (auto [a, fragment] : llvm::zip_equal(getAs(), getFragments())) {
    if (a.getType() != first)
      return emitOpError() << "all A must have the same type, found "
                           << a.getType() << " and " << first;
    if (failed(verifyProduct(*this, cast<MemRefType>(a.getType()),
                             getB().getType(),
                             cast<FragmentType>(fragment.getType()))))
      return failure();
  }
  if (getNumColumns() % 16)
    return emitOpError() << "needs a multiple of 16 columns, found "
                         << getNumColumns();
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
