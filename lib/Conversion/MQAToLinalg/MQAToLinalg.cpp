//===- MQAToLinalg.cpp - mqa.logits to linalg on f32 scratch --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Conversion/Passes.h"
#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Interfaces/ValueBoundsOpInterface.h"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_CONVERTMQATOLINALGPASS
#include "mqa/Conversion/Passes.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;
using utils::IteratorType;

namespace {
/// Writes one op. Scratch holds `keyColumns` keys: the static bound of the op's
/// number of keys where there is one.
class LogitsToLinalg {
public:
  LogitsToLinalg(IRRewriter &b, LogitsOp op)
      : b(b), op(op), loc(op.getLoc()), numHeads(op.getNumHeads()),
        headDim(op.getHeadDim()) {}
  void run();

private:
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  Value allocate(ArrayRef<int64_t> shape);
  void fill(Value memref, double value) {
    Type type = getElementTypeOrSelf(memref);
    Value filling =
        arith::ConstantOp::create(b, loc, b.getFloatAttr(type, value));
    linalg::FillOp::create(b, loc, ValueRange{filling}, ValueRange{memref});
  }
  /// Drops the first dimension of `memref` at `row`; columns from `from` on, if
  /// given, `count` of them.
  Value getRow(Value memref, OpFoldResult row);
  Value getColumns(Value row, Value from, Value count);
  void decode(Value source, Value target);
  void decodeKeys();
  void scoreQuery(Value m);
  Value clipBound(Value bounds, Value m);
  void writeQuery(Value m, Value from, Value to);

  IRRewriter &b;
  LogitsOp op;
  Location loc;
  int64_t numHeads, headDim;
  Value numKeys, keyColumns;
  bool keysMayEndEarly = false;
  /// Decoded keys [D, N], decoded heads of a query [H, D], scores [H, N], sums
  /// [N].
  Value keys, query, scores, sums;
  SmallVector<Value> heapBuffers;
};
} // namespace

/// Static scratch lives on the stack of the function, once; dynamic on the
/// heap. A dimension of size kDynamic has `keyColumns` elements.
Value LogitsToLinalg::allocate(ArrayRef<int64_t> shape) {
  auto type = MemRefType::get(shape, b.getF32Type());
  auto alignment = b.getI64IntegerAttr(64);
  if (type.hasStaticShape()) {
    OpBuilder::InsertionGuard guard(b);
    auto func = op->getParentOfType<FunctionOpInterface>();
    b.setInsertionPointToStart(&func.getFunctionBody().front());
    return memref::AllocaOp::create(b, loc, type, alignment);
  }
  Value buffer =
      memref::AllocOp::create(b, loc, type, ValueRange{keyColumns}, alignment);
  heapBuffers.push_back(buffer);
  return buffer;
}

Value LogitsToLinalg::getRow(Value memref, OpFoldResult row) {
  auto type = cast<MemRefType>(memref.getType());
  SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0));
  SmallVector<OpFoldResult> sizes = memref::getMixedSizes(b, loc, memref);
  SmallVector<OpFoldResult> strides(type.getRank(), b.getIndexAttr(1));
  offsets[0] = row;
  sizes[0] = b.getIndexAttr(1);
  auto reduced = memref::SubViewOp::inferRankReducedResultType(
      type.getShape().drop_front(), type, offsets, sizes, strides);
  return memref::SubViewOp::create(b, loc, reduced, memref, offsets, sizes,
                                   strides);
}

Value LogitsToLinalg::getColumns(Value row, Value from, Value count) {
  return memref::SubViewOp::create(b, loc, row, ArrayRef<OpFoldResult>{from},
                                   ArrayRef<OpFoldResult>{count},
                                   ArrayRef<OpFoldResult>{b.getIndexAttr(1)});
}

/// target = f32(source), element by element.
void LogitsToLinalg::decode(Value source, Value target) {
  int64_t rank = cast<MemRefType>(source.getType()).getRank();
  SmallVector<AffineMap> maps(2, b.getMultiDimIdentityMap(rank));
  SmallVector<IteratorType> iterators(rank, IteratorType::parallel);
  linalg::GenericOp::create(
      b, loc, ValueRange{source}, ValueRange{target}, maps, iterators,
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        Value f32 =
            arith::ExtFOp::create(nested, loc, nested.getF32Type(), args[0]);
        linalg::YieldOp::create(nested, loc, f32);
      });
}

/// Key n becomes column n of `keys`.
void LogitsToLinalg::decodeKeys() {
  // Columns past the last key are multiplied too, and their sums dropped.
  if (keysMayEndEarly)
    fill(keys, 0.0);
  OpBuilder::InsertionGuard guard(b);
  auto loop = scf::ForOp::create(b, loc, constant(0), numKeys, constant(1));
  b.setInsertionPointToStart(loop.getBody());
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  auto type = cast<MemRefType>(keys.getType());
  SmallVector<OpFoldResult> offsets{zero, loop.getInductionVar()};
  SmallVector<OpFoldResult> sizes{b.getIndexAttr(headDim), one},
      strides{one, one};
  auto columnType = memref::SubViewOp::inferRankReducedResultType(
      {headDim}, type, offsets, sizes, strides);
  Value column = memref::SubViewOp::create(b, loc, columnType, keys, offsets,
                                           sizes, strides);
  decode(getRow(op.getK(), loop.getInductionVar()), column);
}

/// sums[n] = sum over h of weights[m, h] * max(q[m, h] . k[n], 0).
void LogitsToLinalg::scoreQuery(Value m) {
  decode(getRow(op.getQ(), m), query);
  fill(scores, 0.0);
  linalg::MatmulOp::create(b, loc, ValueRange{query, keys}, ValueRange{scores});
  fill(sums, 0.0);
  AffineExpr h, n;
  bindDims(b.getContext(), n, h);
  auto map = [&](ArrayRef<AffineExpr> results) {
    return AffineMap::get(2, 0, results, b.getContext());
  };
  SmallVector<Value> inputs{scores};
  SmallVector<AffineMap> maps{map({h, n})};
  if (op.getWeights()) {
    inputs.push_back(getRow(op.getWeights(), m));
    maps.push_back(map({h}));
  }
  maps.push_back(map({n}));
  linalg::GenericOp::create(
      b, loc, inputs, ValueRange{sums}, maps,
      ArrayRef<IteratorType>{IteratorType::parallel, IteratorType::reduction},
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        Value score = args[0];
        if (op.getActivation() == Activation::Relu) {
          Value zero = arith::ConstantOp::create(nested, loc,
                                                 nested.getF32FloatAttr(0.0));
          // maximumf, not maxnumf: NaN must reach the logit.
          score = arith::MaximumFOp::create(nested, loc, score, zero);
        }
        if (op.getWeights()) {
          Value weight = args[1];
          if (!weight.getType().isF32())
            weight =
                arith::ExtFOp::create(nested, loc, nested.getF32Type(), weight);
          score = arith::MulFOp::create(nested, loc, score, weight);
        }
        Value sum = arith::AddFOp::create(nested, loc, args.back(), score);
        linalg::YieldOp::create(nested, loc, sum);
      });
}

/// bounds[m] as a column of this op: from 0 to the number of keys.
Value LogitsToLinalg::clipBound(Value bounds, Value m) {
  Value bound = memref::LoadOp::create(b, loc, bounds, m);
  bound = arith::IndexCastOp::create(b, loc, b.getIndexType(), bound);
  if (op.getKeyOffset())
    bound = arith::SubIOp::create(b, loc, bound, op.getKeyOffset());
  bound = arith::MaxSIOp::create(b, loc, bound, constant(0));
  return arith::MinSIOp::create(b, loc, bound, numKeys);
}

/// out[m, n] = sums[n] * k_scale[n] for from <= n < to, rounded if need be.
void LogitsToLinalg::writeQuery(Value m, Value from, Value to) {
  Value count = arith::SubIOp::create(b, loc, to, from);
  Value source = getColumns(sums, from, count);
  Value target = getColumns(getRow(op.getOut(), m), from, count);
  Type type = op.getOutType().getElementType();
  SmallVector<Value> inputs{source};
  if (op.getKScale())
    inputs.push_back(getColumns(op.getKScale(), from, count));
  SmallVector<AffineMap> maps(inputs.size() + 1, b.getMultiDimIdentityMap(1));
  linalg::GenericOp::create(
      b, loc, inputs, ValueRange{target}, maps, IteratorType::parallel,
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        Value logit = args[0];
        if (op.getKScale())
          logit = arith::MulFOp::create(nested, loc, logit, args[1]);
        if (!type.isF32())
          logit = arith::TruncFOp::create(nested, loc, type, logit);
        linalg::YieldOp::create(nested, loc, logit);
      });
}

void LogitsToLinalg::run() {
  b.setInsertionPoint(op);
  numKeys = memref::DimOp::create(b, loc, op.getOut(), int64_t(1));
  FailureOr<int64_t> bound = ValueBoundsConstraintSet::computeConstantBound(
      presburger::BoundType::UB, {op.getOut(), /*dim=*/int64_t(1)},
      /*stopCondition=*/nullptr, /*closedUB=*/true);
  // A bound this large is that of a whole problem, not of a tile.
  constexpr int64_t kMaxColumns = 4096;
  int64_t columns = succeeded(bound) && *bound <= kMaxColumns && *bound > 0
                        ? *bound
                        : ShapedType::kDynamic;
  keyColumns = numKeys;
  keysMayEndEarly = op.getOutType().isDynamicDim(1);
  keys = allocate({headDim, columns});
  query = allocate({numHeads, headDim});
  scores = allocate({numHeads, columns});
  sums = allocate({columns});
  decodeKeys();

  Value numQueries = memref::DimOp::create(b, loc, op.getOut(), int64_t(0));
  auto queries =
      scf::ForOp::create(b, loc, constant(0), numQueries, constant(1));
  b.setInsertionPointToStart(queries.getBody());
  Value m = queries.getInductionVar();
  Value from = clipBound(op.getKs(), m), to = clipBound(op.getKe(), m);
  // An empty or reversed range ends where it begins.
  to = arith::MaxSIOp::create(b, loc, from, to);
  Value some =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, from, to);
  auto ifSome = scf::IfOp::create(b, loc, some, /*withElseRegion=*/false);
  b.setInsertionPointToStart(ifSome.thenBlock());
  scoreQuery(m);
  writeQuery(m, from, to);
  b.setInsertionPointAfter(ifSome);
  if (op.getClean()) {
    Value row = getRow(op.getOut(), m);
    Value rest = arith::SubIOp::create(b, loc, numKeys, to);
    fill(getColumns(row, constant(0), from),
         -std::numeric_limits<double>::infinity());
    fill(getColumns(row, to, rest), -std::numeric_limits<double>::infinity());
  }
  b.setInsertionPointAfter(queries);
  for (Value buffer : heapBuffers)
    memref::DeallocOp::create(b, loc, buffer);
  b.eraseOp(op);
}

namespace {
struct ConvertMQAToLinalgPass
    : mqa::impl::ConvertMQAToLinalgPassBase<ConvertMQAToLinalgPass> {
  void runOnOperation() override {
    SmallVector<LogitsOp> ops;
    getOperation().walk([&](LogitsOp op) { ops.push_back(op); });
    IRRewriter rewriter(&getContext());
    for (LogitsOp op : ops) {
      if (op.getResult()) {
        op.emitOpError("must be bufferized before it is converted to linalg");
        return signalPassFailure();
      }
      LogitsToLinalg(rewriter, op).run();
    }
  }
};
} // namespace
