//===- ExpandKeyBlocks.h - Chosen key blocks tile by tile -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_CONVERSION_MQATOLINALG_EXPANDKEYBLOCKS_H
#define MQA_LIB_CONVERSION_MQATOLINALG_EXPANDKEYBLOCKS_H

#include "mqa/Dialect/MQA/IR/MQA.h"

namespace mlir {
namespace mqa {

/// Replaces an op on memrefs with 'key_blocks' by tiles of mqa.logits for each
/// query, as far as it has blocks.
void expandKeyBlocks(IRRewriter &b, LogitsOpInterface op);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_CONVERSION_MQATOLINALG_EXPANDKEYBLOCKS_H
