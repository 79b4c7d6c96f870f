//===- CombineHeads.h - How the terms of heads become one -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A term is what a head has for a query and a key: its score, activated and
// weighted. All levels and both targets combine terms by what is here; between
// level 3 and level 6, the kind of a vector.multi_reduction says how.
//
//===----------------------------------------------------------------------===//

#ifndef MQA_DIALECT_MQA_IR_COMBINEHEADS_H
#define MQA_DIALECT_MQA_IR_COMBINEHEADS_H

#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

#include <limits>

namespace mlir {
namespace mqa {

/// As vector ops call it. NaN of one term is NaN of all.
inline vector::CombiningKind getCombiningKind(HeadReduction reduction) {
  switch (reduction) {
  case HeadReduction::Sum:
    return vector::CombiningKind::ADD;
  case HeadReduction::Max:
    return vector::CombiningKind::MAXIMUMF;
  }
  llvm_unreachable("unknown head reduction");
}

/// The term that changes no other: a reduction begins with it, and heads that
/// are padding have it.
inline double getNeutralTerm(HeadReduction reduction) {
  switch (reduction) {
  case HeadReduction::Sum:
    return 0.0;
  case HeadReduction::Max:
    return -std::numeric_limits<double>::infinity();
  }
  llvm_unreachable("unknown head reduction");
}

/// Whether terms are combined so.
inline bool combinesHeads(vector::CombiningKind kind) {
  return kind == vector::CombiningKind::ADD ||
         kind == vector::CombiningKind::MAXIMUMF;
}

/// Whether a reduction that combines terms begins with neutral ones.
inline bool isNeutralTerm(vector::CombiningKind kind, Value value) {
  return kind == vector::CombiningKind::ADD
             ? matchPattern(value, m_AnyZeroFloat())
             : matchPattern(value, m_NegInfFloat());
}

/// Both terms as one. It does not matter which zero is the greater one.
inline Value combineTerms(OpBuilder &b, Location loc,
                          vector::CombiningKind kind, Value lhs, Value rhs) {
  arith::FastMathFlagsAttr flags;
  if (kind == vector::CombiningKind::MAXIMUMF)
    flags = arith::FastMathFlagsAttr::get(b.getContext(),
                                          arith::FastMathFlags::nsz);
  return vector::makeArithReduction(b, loc, kind, lhs, rhs, flags);
}

} // namespace mqa
} // namespace mlir

#endif // MQA_DIALECT_MQA_IR_COMBINEHEADS_H
