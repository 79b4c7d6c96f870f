//===- MxFormat.cpp - Keys with block scales as they lie in memory --------===//
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

/// Bytes are nothing but pairs of fp4. Numbers of fp8 are keys of their own,
/// unless their scales are words.
static bool isOf(mx::Element element, Type key, Type scale) {
  switch (element) {
  case mx::Element::F4E2M1FN:
    return key.isInteger(8);
  case mx::Element::F8E4M3FN:
    return isa<Float8E4M3FNType>(key) && scale && scale.isInteger(32);
  }
  llvm_unreachable("unknown element");
}

const mx::Format *mx::getFormat(Type key, Type scale) {
  for (const Format &format : kFormats)
    if (isOf(format.element, key, scale))
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
