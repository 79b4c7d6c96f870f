//===- MQAToLinalg.cpp - mqa.logits to linalg on f32 scratch --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExpandPages.h"
#include "LogitsToLinalg.h"
#include "mqa/Conversion/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
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

/// Static scratch lives on the stack of the function, once; what is dynamic or
/// large on the heap. A dimension of size kDynamic has `keyColumns` elements.
Value LogitsToLinalg::allocate(ArrayRef<int64_t> shape) {
  auto type = MemRefType::get(shape, b.getF32Type());
  auto alignment = b.getI64IntegerAttr(64);
  constexpr int64_t kMaxStackElements = 1 << 17;
  if (type.hasStaticShape() && type.getNumElements() <= kMaxStackElements) {
    OpBuilder::InsertionGuard guard(b);
    auto func = op->getParentOfType<FunctionOpInterface>();
    b.setInsertionPointToStart(&func.getFunctionBody().front());
    return memref::AllocaOp::create(b, loc, type, alignment);
  }
  SmallVector<Value> sizes(type.getNumDynamicDims(), keyColumns);
  Value buffer = memref::AllocOp::create(b, loc, type, sizes, alignment);
  heapBuffers.push_back(buffer);
  return buffer;
}

Value LogitsToLinalg::dropDim(Value memref, unsigned dim,
                              OpFoldResult position) {
  auto type = cast<MemRefType>(memref.getType());
  SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0));
  SmallVector<OpFoldResult> sizes = memref::getMixedSizes(b, loc, memref);
  SmallVector<OpFoldResult> strides(type.getRank(), b.getIndexAttr(1));
  offsets[dim] = position;
  sizes[dim] = b.getIndexAttr(1);
  SmallVector<int64_t> shape(type.getShape());
  shape.erase(shape.begin() + dim);
  auto reduced = memref::SubViewOp::inferRankReducedResultType(
      shape, type, offsets, sizes, strides);
  return memref::SubViewOp::create(b, loc, reduced, memref, offsets, sizes,
                                   strides);
}

Value LogitsToLinalg::getColumns(Value row, Value from, Value count) {
  return memref::SubViewOp::create(b, loc, row, ArrayRef<OpFoldResult>{from},
                                   ArrayRef<OpFoldResult>{count},
                                   ArrayRef<OpFoldResult>{b.getIndexAttr(1)});
}

Value LogitsToLinalg::getRows(Value memref, OpFoldResult first, int64_t count) {
  int64_t rank = cast<MemRefType>(memref.getType()).getRank();
  SmallVector<OpFoldResult> offsets(rank, b.getIndexAttr(0));
  SmallVector<OpFoldResult> sizes = memref::getMixedSizes(b, loc, memref);
  SmallVector<OpFoldResult> strides(rank, b.getIndexAttr(1));
  offsets[0] = first;
  sizes[0] = b.getIndexAttr(count);
  return memref::SubViewOp::create(b, loc, memref, offsets, sizes, strides);
}

/// Writes a loop from 0 to `count`.
void LogitsToLinalg::forEach(Value count, function_ref<void(Value)> body) {
  OpBuilder::InsertionGuard guard(b);
  auto loop = scf::ForOp::create(b, loc, constant(0), count, constant(1));
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

/// out[m, n] = sums[n] * k_scale[n] for from <= n < to, rounded if need be; of
/// compressed rows the columns that these keys have, as far as there are any.
void LogitsToLinalg::writeQuery(Value m, Value from, Value to) {
  Value column = from;
  if (ranges.areCompressed()) {
    // Key n of this op is key key_offset + n.
    Value start = ranges.loadStart(b, loc, m);
    if (op.getKeyOffset())
      start = arith::SubIOp::create(b, loc, start, op.getKeyOffset());
    column = ranges.getColumn(b, loc, from, start);
    Value numColumns = memref::DimOp::create(b, loc, op.getOut(), int64_t(1));
    to = arith::MinSIOp::create(
        b, loc, to, arith::AddIOp::create(b, loc, start, numColumns));
    to = arith::MaxSIOp::create(b, loc, from, to);
  }
  Value count = arith::SubIOp::create(b, loc, to, from);
  Value source = getColumns(totals ? totals : sums, from, count);
  Value target = getColumns(getRow(op.getOut(), m), column, count);
  Type type = op.getOutType().getElementType();
  SmallVector<Value> inputs{source};
  bool isScaled = scales && !totals;
  if (isScaled)
    inputs.push_back(getColumns(scales, from, count));
  SmallVector<AffineMap> maps(inputs.size() + 1, b.getMultiDimIdentityMap(1));
  linalg::GenericOp::create(
      b, loc, inputs, ValueRange{target}, maps, IteratorType::parallel,
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        Value logit = args[0];
        if (isScaled)
          logit = arith::MulFOp::create(nested, loc, logit, args[1]);
        if (!type.isF32())
          logit = arith::TruncFOp::create(nested, loc, type, logit);
        linalg::YieldOp::create(nested, loc, logit);
      });
}

/// -inf outside of the range [from, to) of this op's keys. Compressed rows are
/// cleaned by the tile at key 0, from the range's length on.
void LogitsToLinalg::cleanQuery(Value m, Value from, Value to) {
  double inf = -std::numeric_limits<double>::infinity();
  Value row = getRow(op.getOut(), m);
  Value numColumns = memref::DimOp::create(b, loc, row, int64_t(0));
  if (!ranges.areCompressed()) {
    fill(getColumns(row, constant(0), from), inf);
    fill(getColumns(row, to, arith::SubIOp::create(b, loc, numColumns, to)),
         inf);
    return;
  }
  OpBuilder::InsertionGuard guard(b);
  if (op.getKeyOffset()) {
    Value isFirst = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                          op.getKeyOffset(), constant(0));
    auto ifFirst = scf::IfOp::create(b, loc, isFirst, /*withElseRegion=*/false);
    b.setInsertionPointToStart(ifFirst.thenBlock());
  }
  Value length = ranges.loadColumns(b, loc, m, numColumns).second;
  fill(getColumns(row, length,
                  arith::SubIOp::create(b, loc, numColumns, length)),
       inf);
}

void LogitsToLinalg::run() {
  // Tiles of the rest of a sequence may have no key of `k`, but columns.
  Value shaped = ranges.areCompressed() ? op.getK() : op.getOut();
  int64_t dim = ranges.areCompressed() ? 0 : 1;
  numKeys = memref::DimOp::create(b, loc, shaped, dim);
  FailureOr<int64_t> bound = ValueBoundsConstraintSet::computeConstantBound(
      presburger::BoundType::UB, {shaped, dim},
      /*stopCondition=*/nullptr, /*closedUB=*/true);
  // A bound this large is that of a whole problem, not of a tile.
  constexpr int64_t kMaxColumns = 4096;
  // Scratch for one key where there is none: there is no memory of size 0.
  int64_t columns = succeeded(bound) && *bound <= kMaxColumns
                        ? std::max<int64_t>(*bound, 1)
                        : ShapedType::kDynamic;
  keyColumns = numKeys;
  keysMayEndEarly = cast<MemRefType>(shaped.getType()).isDynamicDim(dim);
  SmallVector<int64_t> keyShape{headDim, columns};
  if (op.hasKeyGroups())
    keyShape.insert(keyShape.begin(), numGroups);
  keys = allocate(keyShape);
  query = allocate({op.getNumHeads(), headDim});
  scores = allocate({groupHeads, columns});
  sums = allocate({columns});
  if (op.hasKeyGroups())
    totals = allocate({columns});
  scales = op.getKScale();
  if (scales && scales.getDefiningOp<GatherPagesOp>())
    scales = allocate({columns});
  decodeKeys();

  Value numQueries = memref::DimOp::create(b, loc, op.getOut(), int64_t(0));
  forEach(numQueries, [&](Value m) {
    // A bound as a key of this op: from 0 to the number of keys.
    auto clipBound = [&](Value bound) -> Value {
      if (op.getKeyOffset())
        bound = arith::SubIOp::create(b, loc, bound, op.getKeyOffset());
      bound = arith::MaxSIOp::create(b, loc, bound, constant(0));
      return arith::MinSIOp::create(b, loc, bound, numKeys);
    };
    Value from = clipBound(ranges.loadStart(b, loc, m)),
          to = clipBound(ranges.loadEnd(b, loc, m));
    // An empty or reversed range ends where it begins.
    to = arith::MaxSIOp::create(b, loc, from, to);
    Value some =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, from, to);
    auto ifSome = scf::IfOp::create(b, loc, some, /*withElseRegion=*/false);
    b.setInsertionPointToStart(ifSome.thenBlock());
    scoreQuery(m);
    writeQuery(m, from, to);
    b.setInsertionPointAfter(ifSome);
    if (op.getClean())
      cleanQuery(m, from, to);
  });
  for (Value buffer : heapBuffers)
    memref::DeallocOp::create(b, loc, buffer);
  b.eraseOp(op);
}

namespace {
struct ConvertMQAToLinalgPass
    : mqa::impl::ConvertMQAToLinalgPassBase<ConvertMQAToLinalgPass> {
  void runOnOperation() override {
    WalkResult result = getOperation().walk([&](LogitsOpInterface op) {
      if (op->getNumResults() == 0)
        return WalkResult::advance();
      op->emitOpError("must be bufferized before it is converted to linalg");
      return WalkResult::interrupt();
    });
    if (result.wasInterrupted())
      return signalPassFailure();
    IRRewriter rewriter(&getContext());
    // Where there is no logit, there is nothing to do.
    getOperation().walk([&](LogitsOpInterface op) {
      if (llvm::is_contained(op.getOutType().getShape(), 0))
        rewriter.eraseOp(op);
    });
    SmallVector<PagedLogitsOp> paged;
    getOperation().walk([&](PagedLogitsOp op) { paged.push_back(op); });
    for (PagedLogitsOp op : paged)
      expandPages(rewriter, op);
    SmallVector<LogitsOp> ops;
    getOperation().walk([&](LogitsOp op) { ops.push_back(op); });
    for (LogitsOp op : ops) {
      rewriter.setInsertionPoint(op);
      LogitsToLinalg(rewriter, op).run();
    }
    eraseUnusedRanges(rewriter, getOperation());
    getOperation().walk([&](GatherPagesOp op) {
      if (op->use_empty())
        rewriter.eraseOp(op);
    });
  }
};
} // namespace
