//===- DecodeFp8.h - fp8 to f16, in words -----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_DECODEFP8_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_DECODEFP8_H

#include "mlir/IR/Builders.h"

namespace mlir {
namespace mqa {

/// The vector<Nxf8E4M3FN> or vector<Nxf8E5M2> `bytes` as vector<Nxf16>, which
/// is exact, for N of a multiple of 4. By integer instructions that every GPU
/// has, as the one that converts came with sm_89.
Value decodeFp8(OpBuilder &b, Location loc, Value bytes);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_DECODEFP8_H
