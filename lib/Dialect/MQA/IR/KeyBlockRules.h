//===- KeyBlockRules.h - What ops ask of key blocks -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Verification of 'key_blocks', 'num_key_blocks' and 'key_block_size', which
// mqa.logits, mqa.paged_logits and mqa.topk have alike.
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_IR_KEYBLOCKRULES_H
#define MQA_LIB_DIALECT_MQA_IR_KEYBLOCKRULES_H

#include "OperandRules.h"
#include "mqa/Dialect/MQA/IR/KeyBlocks.h"

namespace mlir {
namespace mqa {

/// What an op has of blocks, it has whole, and nothing that does not go with
/// blocks: none of `others`.
template <typename OpTy>
LogicalResult verifyKeyBlocks(OpTy op,
                              ArrayRef<std::pair<bool, StringRef>> others) {
  if (!op.getKeyBlocks() != !op.getNumKeyBlocks() ||
      !op.getKeyBlocks() != !op.getKeyBlockSize())
    return op.emitOpError(
        "has 'key_blocks', 'num_key_blocks' and 'key_block_size' together");
  if (!op.hasKeyBlocks())
    return success();
  for (auto [isThere, name] : others)
    if (isThere)
      return op.emitOpError() << "with 'key_blocks' has no " << name;
  int64_t size = *op.getKeyBlockSize();
  if (size != 8 && size != 16)
    return emitSizeError(op, "'key_block_size'", "8 or 16", size);
  return success();
}

/// A row of `type`, the operand `name`, has at most a column for each key of
/// its blocks; a tile has some.
template <typename OpTy>
LogicalResult verifyBlockColumns(OpTy op, StringRef name, ShapedType type) {
  if (!op.hasKeyBlocks())
    return success();
  int64_t columns = type.getDimSize(1);
  int64_t blocks = cast<ShapedType>(op.getKeyBlocks().getType()).getDimSize(1);
  int64_t size = *op.getKeyBlockSize();
  std::optional<int64_t> most = countKeyBlockColumns(blocks, size);
  if (!most || ShapedType::isDynamic(*most) || ShapedType::isDynamic(columns) ||
      columns <= *most)
    return success();
  return op.emitOpError() << "dimension 1 of '" << name << "' is " << columns
                          << ", but must be at most " << *most << ": " << size
                          << " columns for each of the " << blocks
                          << " blocks of a row of 'key_blocks'";
}

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_IR_KEYBLOCKRULES_H
