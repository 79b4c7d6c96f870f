//===- KeyBlocks.h - How many columns key blocks have -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_DIALECT_MQA_IR_KEYBLOCKS_H
#define MQA_DIALECT_MQA_IR_KEYBLOCKS_H

#include "mlir/IR/BuiltinTypeInterfaces.h"
#include "llvm/Support/CheckedArithmetic.h"

namespace mlir {
namespace mqa {

/// Columns of a row that lists `blocks` key blocks: one for each of the `size`
/// keys of each block. Dynamic if `blocks` is; none if 64 bits cannot hold the
/// number.
inline std::optional<int64_t> countKeyBlockColumns(int64_t blocks,
                                                   int64_t size) {
  if (ShapedType::isDynamic(blocks))
    return ShapedType::kDynamic;
  return llvm::checkedMul(blocks, size);
}

} // namespace mqa
} // namespace mlir

#endif // MQA_DIALECT_MQA_IR_KEYBLOCKS_H
