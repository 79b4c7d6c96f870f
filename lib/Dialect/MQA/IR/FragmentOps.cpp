//===- FragmentOps.cpp - Verifiers and effects of level 6 -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Effects.h"
#include "MemorySpaces.h"
#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/MemRef/Utils/MemRefUtils.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace mlir::mqa;

/// Of the ops that multiply 64 x K by N x K.
template <typename Op>
static LogicalResult verifyProduct(Op op, MemRefType a, MemRefType b,
                                   FragmentType fragment) {
  for (auto [name, type] :
       {std::pair<StringRef, MemRefType>{"a", a}, {"b", b}}) {
    if (failed(verifyStaged(op, name, type)))
      return failure();
    if (!memref::isStaticShapeAndContiguousRowMajor(type))
      return op.emitOpError()
             << "operand '" << name << "' must be contiguous, found " << type;
  }
  int64_t chunks = op.getChunks();
  int64_t rows = a.getNumElements() / a.getShape().back();
  if (a.getElementType() != b.getElementType() || rows % chunks ||
      (chunks > 1 && a.getDimSize(0) != chunks))
    return op.emitOpError() << "operands must have as many chunks of the same "
                               "type, found "
                            << a << " and " << b;
  rows /= chunks;
  VectorType tile = fragment.getTile();
  if (a.getShape().back() != b.getShape().back())
    return op.emitOpError()
           << "operands must agree in K, found " << a.getShape().back()
           << " and " << b.getShape().back();
  if (!llvm::is_contained({32, 64, 128}, op.getRowBytes()))
    return op.emitOpError()
           << "rows must be 32, 64 or 128 bytes (one swizzle), found "
           << op.getRowBytes();
  int64_t columns = b.getShape().take_back(2)[0];
  if (rows != 64 || columns != tile.getDimSize(1))
    return op.emitOpError() << "of " << rows << " x " << columns
                            << " rows does not give the fragment " << tile;
  return success();
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

LogicalResult WgmmaOp::verify() {
  return verifyProduct(*this, getA().getType(), getB().getType(),
                       getResult().getType());
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
    if (cast<MemRefType>(a.getType()).getShape() !=
        cast<MemRefType>(first).getShape())
      return emitOpError() << "all A must have the same shape, found "
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
