//===- EnumCases.h - Questions that each case answers -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Code that asks `== Activation::Relu` takes any new case for the one that is
// left. So code asks here, or has a switch of its own: none has a default, and
// a new case does not compile until somebody has said what it means. Where the
// answer of a new case is neither of the two, the callers need a switch.
//
//===----------------------------------------------------------------------===//

#ifndef MQA_DIALECT_MQA_IR_ENUMCASES_H
#define MQA_DIALECT_MQA_IR_ENUMCASES_H

#include "mqa/Dialect/MQA/IR/MQA.h"

namespace mlir {
namespace mqa {

/// Whether `#mqa.relu` says how it is computed. It is 0 for what is not above
/// 0, which the reduction in half precision and padded heads rely on.
inline bool isRelu(Activation activation) {
  switch (activation) {
  case Activation::Relu:
  case Activation::ReluNanAsZero:
    return true;
  case Activation::None:
    return false;
  }
  llvm_unreachable("unknown activation");
}

/// Whether a score of NaN is 0 behind it. Else NaN must reach the logit.
inline bool dropsNan(Activation activation) {
  switch (activation) {
  case Activation::ReluNanAsZero:
    return true;
  case Activation::Relu:
  case Activation::None:
    return false;
  }
  llvm_unreachable("unknown activation");
}

/// Whether it gives NaN for an infinite score.
inline bool needsFiniteScores(Relu relu) {
  switch (relu) {
  case Relu::AddAbs:
  case Relu::Mixed:
    return true;
  case Relu::Max:
  case Relu::IntegerMax:
    return false;
  }
  llvm_unreachable("unknown relu");
}

/// Whether the terms of heads are added up. Then a term of 0 changes nothing,
/// and a number that all terms are multiplied by may be negative.
inline bool isSum(HeadReduction reduction) {
  switch (reduction) {
  case HeadReduction::Sum:
    return true;
  case HeadReduction::Max:
    return false;
  }
  llvm_unreachable("unknown head reduction");
}

/// Whether two numbers share a register, and queries are scaled to fit.
inline bool isPacked(Reduction reduction) {
  switch (reduction) {
  case Reduction::F32:
    return false;
  case Reduction::F16:
    return true;
  }
  llvm_unreachable("unknown reduction");
}

/// Whether a product's rows are keys, and its columns heads.
inline bool hasKeyRows(Rows rows) {
  switch (rows) {
  case Rows::Heads:
    return false;
  case Rows::Keys:
    return true;
  }
  llvm_unreachable("unknown rows");
}

/// Whether the blocks of the grid may share the keys of a query block.
inline bool splitsKeys(Split split) {
  switch (split) {
  case Split::Tiles:
    return true;
  case Split::Blocks:
    return false;
  }
  llvm_unreachable("unknown split");
}

/// Whether the greatest of the keys with equal logits is the best one.
inline bool prefersGreatest(TieBreak tieBreak) {
  switch (tieBreak) {
  case TieBreak::Smallest:
    return false;
  case TieBreak::Greatest:
    return true;
  }
  llvm_unreachable("unknown tie break");
}

/// As a cut by keys has it.
inline Ties getTies(TieBreak tieBreak) {
  switch (tieBreak) {
  case TieBreak::Smallest:
    return Ties::Smallest;
  case TieBreak::Greatest:
    return Ties::Greatest;
  }
  llvm_unreachable("unknown tie break");
}

/// Whether keys decide, and not the order in which candidates came.
inline bool areByKey(Ties ties) {
  switch (ties) {
  case Ties::Place:
    return false;
  case Ties::Smallest:
  case Ties::Greatest:
    return true;
  }
  llvm_unreachable("unknown ties");
}

/// Whether the greatest key is the best one, where keys decide.
inline bool prefersGreatest(Ties ties) {
  switch (ties) {
  case Ties::Place:
  case Ties::Smallest:
    return false;
  case Ties::Greatest:
    return true;
  }
  llvm_unreachable("unknown ties");
}

/// Whether logits decide where keys stand.
inline bool isByScore(Order order) {
  switch (order) {
  case Order::Score:
    return true;
  case Order::Key:
  case Order::Any:
    return false;
  }
  llvm_unreachable("unknown order");
}

/// Whether keys have to ascend.
inline bool isByKey(Order order) {
  switch (order) {
  case Order::Key:
    return true;
  case Order::Score:
  case Order::Any:
    return false;
  }
  llvm_unreachable("unknown order");
}

inline bool isByKey(SortBy by) {
  switch (by) {
  case SortBy::Key:
    return true;
  case SortBy::Score:
    return false;
  }
  llvm_unreachable("unknown sort");
}

/// Whether an index is a place in a paged cache, which a block table tells.
inline bool needsBlockTable(IndexBase base) {
  switch (base) {
  case IndexBase::Slot:
    return true;
  case IndexBase::Relative:
  case IndexBase::Absolute:
    return false;
  }
  llvm_unreachable("unknown base");
}

/// Whether lanes load and store what they copy, and may convert it; else it is
/// copied as it is, on its own.
inline bool passesRegisters(FillKind kind) {
  switch (kind) {
  case FillKind::TensorMap:
  case FillKind::AsyncChunks:
    return false;
  case FillKind::Chunks:
  case FillKind::Elements:
    return true;
  }
  llvm_unreachable("unknown fill kind");
}

} // namespace mqa
} // namespace mlir

#endif // MQA_DIALECT_MQA_IR_ENUMCASES_H
