//===- HeadBlock.h - The heads that are staged together ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_HEADBLOCK_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_HEADBLOCK_H

#include "mqa/Dialect/MQA/IR/MQA.h"

namespace mlir {
namespace mqa {

/// What is staged together: all heads, or some of a key group's.
struct HeadBlock {
  /// Null without groups.
  Value group;
  /// Null for all heads.
  Value firstHead;
  OpFoldResult numHeads;

  static HeadBlock getAll(LogitsOp logits);
  /// Block `index` of those of at most `size` heads, counted over all groups.
  static HeadBlock get(OpBuilder &b, LogitsOp logits, int64_t size,
                       Value index);

  /// These heads of q or weights.
  Value getHeads(OpBuilder &b, Location loc, Value operand) const;
  /// What is theirs of k or k_scale.
  Value getKeys(OpBuilder &b, Location loc, Value operand) const;
};

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_HEADBLOCK_H
