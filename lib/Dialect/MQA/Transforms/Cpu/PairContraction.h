//===- PairContraction.h - Products of pairs of bf16 ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_DIALECT_MQA_TRANSFORMS_CPU_PAIRCONTRACTION_H
#define MQA_DIALECT_MQA_TRANSFORMS_CPU_PAIRCONTRACTION_H

#include "mqa/Dialect/MQA/IR/Target.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::mqa {

/// out[m, n] += sum over k and v of rows[m, k, v] * columns[k, n, v]. There are
/// two v. The operands are bf16, and `out` is f32. The columns may lie in tiles
/// of k and n, [K, N, k, n, v], where `rows` is [m, K, k, v] and `out` is
/// [m, N, n].
struct PairContraction {
  /// Fails if `op` is something else, or not on memrefs of static shape whose
  /// pairs and rows are contiguous.
  static FailureOr<PairContraction> match(linalg::GenericOp op);

  bool hasTiles() const { return tilePairs != 0; }

  /// As memrefs [m, 2 * k] and [k, 2 * n] of bf16, and [m, n] of f32. In tiles,
  /// `columns` is [K, N, k, 2 * n].
  Value rows, columns, out;
  int64_t numRows, numColumns, numPairs;
  /// Of a tile of `columns`; 0 if these lie in no tiles.
  int64_t tilePairs, tileColumns;
  /// What fills `out` with zeros ahead of the op, so that the sum need not
  /// read it; null if nothing does.
  linalg::FillOp zero;
};

/// Writes the contraction as AMX tiles, or as dot products in the vector
/// registers of `unit`, at the insertion point. The caller erases the op, and
/// its fill.
void buildAmxContraction(OpBuilder &b, Location loc,
                         const PairContraction &contraction);
void buildDotContraction(OpBuilder &b, Location loc,
                         const PairContraction &contraction,
                         const MatrixUnit &unit);

/// Calls `body` with the offset and the size of each block of `step`: full ones
/// in a loop, and the rest of `size` behind it.
void forEachBlock(OpBuilder &b, Location loc, int64_t size, int64_t step,
                  function_ref<void(Value, int64_t)> body);

/// base + offset.
Value offsetBy(OpBuilder &b, Location loc, Value base, int64_t offset);

} // namespace mlir::mqa

#endif // MQA_DIALECT_MQA_TRANSFORMS_CPU_PAIRCONTRACTION_H
