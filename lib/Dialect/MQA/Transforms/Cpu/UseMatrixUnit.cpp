//===- UseMatrixUnit.cpp - Contractions by the matrix unit of a CPU -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PairContraction.h"
#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/IR/Target.h"

#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "llvm/Support/DebugLog.h"

#define DEBUG_TYPE "mqa-use-matrix-unit"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQAUSEMATRIXUNITPASS
#include "mqa/Dialect/MQA/Transforms/Passes/MQAUseMatrixUnitPass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

//===----------------------------------------------------------------------===//
// Which contractions
//===----------------------------------------------------------------------===//

/// The loops that index the dims of an operand; empty if something else does.
static SmallVector<unsigned> getLoops(AffineMap map) {
  SmallVector<unsigned> loops;
  for (AffineExpr result : map.getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(result);
    if (!dim)
      return {};
    loops.push_back(dim.getPosition());
  }
  return loops;
}

/// Whether the last dims of the memref, from `dim` on, are contiguous.
static bool isContiguousFrom(MemRefType type, unsigned dim) {
  SmallVector<int64_t> strides;
  int64_t offset;
  if (failed(type.getStridesAndOffset(strides, offset)))
    return false;
  int64_t expected = 1;
  for (unsigned i = type.getRank(); i-- > dim;) {
    if (strides[i] != expected)
      return false;
    expected *= type.getDimSize(i);
  }
  return true;
}

/// The fill with zeros of `out` that is the last thing ahead of `op`, but for
/// what touches no memory.
static linalg::FillOp findZeroFill(linalg::GenericOp op, Value out) {
  for (Operation *before = op->getPrevNode(); before;
       before = before->getPrevNode()) {
    if (auto fill = dyn_cast<linalg::FillOp>(before)) {
      bool isZero = matchPattern(fill.getInputs()[0], m_PosZeroFloat());
      return isZero && fill.getOutputs()[0] == out ? fill : nullptr;
    }
    if (!isMemoryEffectFree(before))
      return {};
  }
  return {};
}

/// Joins the dims of each group.
static Value joinDims(OpBuilder &b, Location loc, Value operand,
                      ArrayRef<ReassociationIndices> groups) {
  return memref::CollapseShapeOp::create(b, loc, operand, groups);
}

/// Whether the body is c + f32(a) * f32(b), and nothing else: products of bf16
/// that are rounded are others.
static bool addsExactProducts(linalg::GenericOp op) {
  Block &body = *op.getBlock();
  auto sum = body.getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
  constexpr size_t kOps = 5;
  if (!sum || body.getOperations().size() != kOps)
    return false;
  auto isExtended = [&](Value value, unsigned argument) {
    auto extension = value.getDefiningOp<arith::ExtFOp>();
    return extension && extension.getIn() == body.getArgument(argument);
  };
  auto isProduct = [&](Value value) {
    auto product = value.getDefiningOp<arith::MulFOp>();
    if (!product)
      return false;
    Value lhs = product.getLhs(), rhs = product.getRhs();
    return (isExtended(lhs, 0) && isExtended(rhs, 1)) ||
           (isExtended(lhs, 1) && isExtended(rhs, 0));
  };
  Value out = body.getArgument(2);
  return (sum.getLhs() == out && isProduct(sum.getRhs())) ||
         (sum.getRhs() == out && isProduct(sum.getLhs()));
}

FailureOr<PairContraction> PairContraction::match(linalg::GenericOp op) {
  if (!linalg::isaContractionOpInterface(op) || op.hasDynamicShape() ||
      !op.hasPureBufferSemantics() || !addsExactProducts(op))
    return failure();
  Value rows = op.getInputs()[0], columns = op.getInputs()[1],
        out = op.getOutputs()[0];
  auto rowType = cast<MemRefType>(rows.getType()),
       columnType = cast<MemRefType>(columns.getType()),
       outType = cast<MemRefType>(out.getType());
  if (!rowType.getElementType().isBF16() ||
      !columnType.getElementType().isBF16() ||
      !outType.getElementType().isF32())
    return failure();
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  SmallVector<unsigned> rowLoops = getLoops(maps[0]),
                        columnLoops = getLoops(maps[1]),
                        outLoops = getLoops(maps[2]);
  // In tiles, k and n are two loops each.
  bool hasTiles = op.getNumLoops() == 6;
  if (op.getNumLoops() != (hasTiles ? 6 : 4) ||
      rowLoops.size() != (hasTiles ? 4 : 3) ||
      columnLoops.size() != (hasTiles ? 5 : 3) ||
      outLoops.size() != (hasTiles ? 3 : 2))
    return failure();
  unsigned m = outLoops[0], n = outLoops[1], k = rowLoops[1],
           v = rowLoops.back();
  SmallVector<unsigned> expected{k, n, v};
  if (hasTiles)
    expected = {k, n, rowLoops[2], outLoops[2], v};
  if (rowLoops[0] != m || columnLoops != expected ||
      rowType.getShape().back() != 2)
    return failure();
  if (!isContiguousFrom(rowType, 1) ||
      !isContiguousFrom(columnType, hasTiles ? 3 : 1) ||
      !isContiguousFrom(outType, 1))
    return failure();
  // Views of what has no element are of no use.
  if (rowType.getNumElements() == 0 || columnType.getNumElements() == 0)
    return failure();
  OpBuilder b(op);
  Location loc = op.getLoc();
  PairContraction contraction{};
  contraction.numRows = outType.getDimSize(0);
  contraction.numColumns = outType.getNumElements() / contraction.numRows;
  contraction.numPairs = rowType.getNumElements() / contraction.numRows / 2;
  contraction.zero = findZeroFill(op, out);
  if (hasTiles) {
    contraction.tilePairs = columnType.getDimSize(2);
    contraction.tileColumns = columnType.getDimSize(3);
    contraction.rows = joinDims(b, loc, rows, {{0}, {1, 2, 3}});
    contraction.columns = joinDims(b, loc, columns, {{0}, {1}, {2}, {3, 4}});
    contraction.out = joinDims(b, loc, out, {{0}, {1, 2}});
  } else {
    contraction.rows = joinDims(b, loc, rows, {{0}, {1, 2}});
    contraction.columns = joinDims(b, loc, columns, {{0}, {1, 2}});
    contraction.out = out;
  }
  return contraction;
}

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

void mqa::forEachBlock(OpBuilder &b, Location loc, int64_t size, int64_t step,
                       function_ref<void(Value, int64_t)> body) {
  auto constant = [&](int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  };
  int64_t full = size / step * step;
  if (full == step) {
    body(constant(0), step);
  } else if (full) {
    auto loop =
        scf::ForOp::create(b, loc, constant(0), constant(full), constant(step));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    body(loop.getInductionVar(), step);
  }
  if (full != size)
    body(constant(full), size - full);
}

Value mqa::offsetBy(OpBuilder &b, Location loc, Value base, int64_t offset) {
  return b.createOrFold<arith::AddIOp>(
      loc, base, arith::ConstantIndexOp::create(b, loc, offset));
}

/// Whether the unit can read the columns as they lie.
static bool canMultiply(const MatrixUnit &unit,
                        const PairContraction &contraction) {
  return !contraction.hasTiles() ||
         (&unit == &kAmx && contraction.tileColumns <= kAmx.maxColumns &&
          contraction.tilePairs <= kAmx.stepBytes / 4);
}

namespace {
struct UseMatrixUnitPass
    : mqa::impl::MQAUseMatrixUnitPassBase<UseMatrixUnitPass> {
  void runOnOperation() override {
    const MatrixUnit *unit = getCpuMatrixUnit(getOperation());
    if (!unit)
      return;
    SmallVector<linalg::GenericOp> ops;
    getOperation().walk([&](linalg::GenericOp op) { ops.push_back(op); });
    for (linalg::GenericOp op : ops) {
      FailureOr<PairContraction> contraction = PairContraction::match(op);
      if (failed(contraction) || !canMultiply(*unit, *contraction)) {
        LDBG() << "leaves: " << op;
        continue;
      }
      OpBuilder b(op);
      if (unit == &kAmx)
        buildAmxContraction(b, op.getLoc(), *contraction);
      else
        buildDotContraction(b, op.getLoc(), *contraction, *unit);
      op.erase();
      if (contraction->zero)
        contraction->zero.erase();
    }
  }
};
} // namespace
