//===- LaunchABI.cpp - How a host program calls kernels -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LaunchABI.h"
#include "mqa/Dialect/MQA/IR/OperandStrides.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::mqa;

/// `type` as an argument of a kernel has it: any strides of the leading
/// `numStrided` dimensions, at any offset, in the default memory space. Whether
/// scales that are one to a key are contiguous stays as it is, because a
/// kernel for contiguous ones is quicker.
static MemRefType getArgumentType(MemRefType type, unsigned numStrided) {
  auto [strides, offset] = type.getStridesAndOffset();
  for (int64_t i = 0, e = std::min<int64_t>(numStrided, type.getRank()); i < e;
       ++i)
    if (type.getRank() > 1 || strides[i] != 1)
      strides[i] = ShapedType::kDynamic;
  return MemRefType::get(
      type.getShape(), type.getElementType(),
      StridedLayoutAttr::get(type.getContext(), ShapedType::kDynamic, strides));
}

static int64_t getNumStrided(KernelOpInterface op, StringRef name) {
  ArrayRef<StringRef> names = op.getDataOperandNames();
  return getNumStridedDims(op)[llvm::find(names, name) - names.begin()];
}

/// The number of keys that a launch is told, apart from its memrefs.
static Value getNumKeys(const KernelFunction &kernel) {
  KernelOpInterface op = kernel.op;
  if (!kernel.topk)
    return op.getNumKeysOperand();
  // How many keys a paged cache may have for a row follows from no operand.
  auto logits = cast<LogitsOpInterface>(op.getOperation());
  UnstoredLogitsOp unstored = getUnstoredLogits(logits);
  return isa<PagedLogitsOp>(*logits) && !logits.hasKeyBlocks() &&
                 unstored.getShapedType().isDynamicDim(1)
             ? unstored.getSizes().back()
             : Value();
}

SmallVector<LaunchOperand>
mqa::getLaunchOperands(const KernelFunction &kernel) {
  SmallVector<LaunchOperand> operands;
  for (auto [value, name] :
       llvm::zip_equal(kernel.getDataOperands(), kernel.getDataOperandNames()))
    if (value)
      operands.push_back(
          {name, value,
           getArgumentType(
               cast<MemRefType>(value.getType()),
               getNumStrided(cast<KernelOpInterface>(kernel.getOwner(name)),
                             name))});
  if (Value numKeys = getNumKeys(kernel))
    operands.push_back({"num_keys", numKeys, numKeys.getType()});
  return operands;
}

std::string mqa::getShortName(const KernelFunction &kernel) {
  KernelOpInterface op = kernel.op;
  std::string name = op->getName().stripDialect().str();
  return kernel.topk ? name + "_topk" : name;
}

LaunchAttr mqa::getLaunch(const KernelFunction &kernel, StringRef name,
                          ArrayRef<LaunchOperand> operands) {
  KernelOpInterface op = kernel.op;
  Builder b(op->getContext());
  auto names = llvm::map_to_vector(
      operands, [](const LaunchOperand &operand) { return operand.name; });
  return LaunchAttr::get(b.getContext(), name,
                         "mqa_" + getShortName(kernel) + "_launch",
                         b.getStrArrayAttr(names));
}

Value mqa::castForLaunch(OpBuilder &b, Location loc, Value value, Type type) {
  auto from = dyn_cast<MemRefType>(value.getType());
  if (from && from.getMemorySpace()) {
    auto inDefault = MemRefType::get(from.getShape(), from.getElementType(),
                                     from.getLayout());
    value = memref::MemorySpaceCastOp::create(b, loc, inDefault, value);
  }
  if (value.getType() != type)
    value = memref::CastOp::create(b, loc, type, value);
  return value;
}
