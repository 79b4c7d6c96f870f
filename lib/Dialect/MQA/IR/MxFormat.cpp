//===- MxFormat.cpp - Vectors with block scales as they lie in memory -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/MxFormat.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/Support/ErrorHandling.h"

using namespace mlir;
using namespace mlir::mqa;

static constexpr mx::Format kFormats[] = {{"MXFP4", mx::Element::F4E2M1FN, 4},
                                          {"MXFP8", mx::Element::F8E4M3FN, 8}};

/// Bytes are nothing but pairs of fp4. Numbers of fp8 are vectors of their own,
/// unless they have block scales.
static bool isOf(mx::Element element, Type type, Type scale) {
  switch (element) {
  case mx::Element::F4E2M1FN:
    return type.isInteger(8) || isa<Float4E2M1FNType>(type);
  case mx::Element::F8E4M3FN:
    return isa<Float8E4M3FNType>(type) && scale &&
           (scale.isInteger(32) || isa<Float8E8M0FNUType>(scale));
  }
  llvm_unreachable("unknown element");
}

const mx::Format *mx::getFormat(Type element, Type scale) {
  for (const Format &format : kFormats)
    if (isOf(format.element, element, scale))
      return &format;
  return nullptr;
}

bool mx::isTyped(Type element) {
  return isa<Float4E2M1FNType, Float8E8M0FNUType>(element);
}

int64_t mx::getPackedCount(Type element) {
  if (isa<Float4E2M1FNType>(element))
    return 2;
  return isa<Float8E8M0FNUType>(element) ? kBlocksOfWord : 1;
}

/// Divides what is static by `count`. Whoever passes what is dynamic passes a
/// multiple.
static bool divide(MutableArrayRef<int64_t> numbers, int64_t count) {
  for (int64_t &number : numbers) {
    if (ShapedType::isDynamic(number))
      continue;
    if (number % count)
      return false;
    number /= count;
  }
  return true;
}

ShapedType mx::getPackedType(ShapedType type) {
  Type element = type.getElementType();
  if (!isTyped(element) || !type.hasRank() || type.getRank() == 0)
    return {};
  int64_t count = getPackedCount(element);
  bool isScale = isa<Float8E8M0FNUType>(element);
  SmallVector<int64_t> shape(type.getShape());
  // Nobody knows whether a dynamic number of elements is whole bytes.
  if (ShapedType::isDynamic(shape.back()) ||
      (isScale ? shape.back() != count : shape.back() % count != 0))
    return {};
  shape.back() /= count;
  if (isScale)
    shape.pop_back();
  Type packed = IntegerType::get(type.getContext(), isScale ? 32 : 8);
  if (auto tensor = dyn_cast<RankedTensorType>(type))
    return tensor.getEncoding() ? ShapedType()
                                : RankedTensorType::get(shape, packed);
  auto memref = dyn_cast<MemRefType>(type);
  SmallVector<int64_t> strides;
  int64_t offset;
  if (!memref || failed(memref.getStridesAndOffset(strides, offset)) ||
      strides.back() != 1)
    return {};
  if (memref.getLayout().isIdentity())
    return MemRefType::get(shape, packed, MemRefLayoutAttrInterface(),
                           memref.getMemorySpace());
  strides.pop_back();
  if (!divide(strides, count) || !divide(offset, count))
    return {};
  if (!isScale)
    strides.push_back(1);
  return MemRefType::get(
      shape, packed, StridedLayoutAttr::get(type.getContext(), offset, strides),
      memref.getMemorySpace());
}

Type mx::Format::getProductType(Type query) const {
  switch (element) {
  case Element::F4E2M1FN:
    return query;
  case Element::F8E4M3FN:
    // fp8 has no exponents left for a second power of two.
    return query.getIntOrFloatBitWidth() == 8
               ? Float16Type::get(query.getContext())
               : query;
  }
  llvm_unreachable("unknown element");
}

Type mx::Format::getInputType(MLIRContext *context, Type key) const {
  switch (element) {
  case Element::F4E2M1FN:
    if (!key)
      return Float8E4M3FNType::get(context);
    // The elements of f8E5M2 have two bits too few.
    return isa<Float8E5M2Type>(key) ? Float16Type::get(context) : key;
  case Element::F8E4M3FN:
    // Of the types of 16 bits, bf16 has room for the most powers of two.
    if (!key)
      return BFloat16Type::get(context);
    return key.getIntOrFloatBitWidth() == 8 ? Float16Type::get(context) : key;
  }
  llvm_unreachable("unknown element");
}
