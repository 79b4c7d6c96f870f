//===- MxFormat.cpp - Vectors with block scales as they lie in memory -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/MxFormat.h"

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/Support/ErrorHandling.h"

using namespace mlir;
using namespace mlir::mqa;

static constexpr mx::Format kFormats[] = {{"MXFP4", mx::Element::F4E2M1FN, 4},
                                          {"MXFP8", mx::Element::F8E4M3FN, 8}};

/// Bytes are nothing but pairs of fp4. Numbers of fp8 are vectors of their own,
/// unless their scales are words.
static bool isOf(mx::Element element, Type type, Type scale) {
  switch (element) {
  case mx::Element::F4E2M1FN:
    return type.isInteger(8);
  case mx::Element::F8E4M3FN:
    return isa<Float8E4M3FNType>(type) && scale && scale.isInteger(32);
  }
  llvm_unreachable("unknown element");
}

const mx::Format *mx::getFormat(Type element, Type scale) {
  for (const Format &format : kFormats)
    if (isOf(format.element, element, scale))
      return &format;
  return nullptr;
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
