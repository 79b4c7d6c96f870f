//===- DistributeReduction.cpp - Reductions over heads, over the lanes ----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DistributeOps.h"
#include "mqa/Dialect/MQA/IR/CombineHeads.h"
#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/Support/DebugLog.h"

#define DEBUG_TYPE "mqa-distribute-vectors"

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::shapes;

namespace {
class ReductionDistributor {
public:
  ReductionDistributor(IRRewriter &b, HeadRowsLayout &layout,
                       VectorScalars &scalars, NamedBarriers &barriers,
                       vector::MultiDimReductionOp reduction,
                       bool sharesColumns)
      : b(b), layout(layout), scalars(scalars), barriers(barriers),
        reduction(reduction), kind(reduction.getKind()),
        sharesColumns(sharesColumns) {}
  LogicalResult run();

private:
  FailureOr<SmallVector<Element>>
  reduceInThread(vector::MultiDimReductionOp reduction);
  void synchronize(Location loc, Value warp, int64_t firstBarrier);
  LogicalResult reduceOverWarps(Location loc, SmallVector<Element> &elements);
  Value combine(Location loc, Value lhs, Value rhs) {
    return combineTerms(b, loc, kind, lhs, rhs);
  }

  IRRewriter &b;
  HeadRowsLayout &layout;
  VectorScalars &scalars;
  NamedBarriers &barriers;
  vector::MultiDimReductionOp reduction;
  vector::CombiningKind kind;
  bool sharesColumns;
};
} // namespace

LogicalResult mqa::verifyHeadReduction(vector::MultiDimReductionOp reduction) {
  vector::CombiningKind kind = reduction.getKind();
  if (!combinesHeads(kind))
    return reduction.emitError() << "must add up, or take the maximum, found "
                                 << vector::stringifyCombiningKind(kind);
  auto previous =
      reduction.getAcc().getDefiningOp<vector::MultiDimReductionOp>();
  if (previous ? previous.getKind() == kind
               : isNeutralTerm(kind, reduction.getAcc()))
    return success();
  bool sums = kind == vector::CombiningKind::ADD;
  return reduction.emitError()
         << (sums ? "must add to zero or to another sum"
                  : "must begin with -inf or with another maximum");
}

/// The thread's own part of the reduction: over its rows for each of its
/// columns, on top of that of the reduction it goes on from.
FailureOr<SmallVector<Element>>
ReductionDistributor::reduceInThread(vector::MultiDimReductionOp reduction) {
  VectorType type = reduction.getSourceVectorType();
  if (type.getRank() != 3 ||
      reduction.getReductionMask() != SmallVector<bool>{false, true, false})
    return reduction.emitError("must reduce the second of three dims");
  if (failed(verifyHeadReduction(reduction)))
    return failure();
  Type element = type.getElementType();
  if (type.getDimSize(0) != layout.getNumQueries() ||
      type.getDimSize(1) != layout.getHeads() ||
      !(element.isF32() || element.isF16()))
    return reduction.emitError()
           << "must be of f32 or f16 and of a WGMMA's "
           << layout.getNumQueries() << " queries and " << layout.getHeads()
           << " heads, found " << type;
  SmallVector<Element> sums;
  if (auto previous =
          reduction.getAcc().getDefiningOp<vector::MultiDimReductionOp>()) {
    FailureOr<SmallVector<Element>> partial = reduceInThread(previous);
    if (failed(partial))
      return failure();
    sums = std::move(*partial);
  }

  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(reduction);
  Location loc = reduction.getLoc();
  bool packed = element.isF16();
  int64_t step = packed ? HeadRowsLayout::kColumnPair : 1;
  // Where the source is a product, sum by fused multiply-add.
  auto product = kind == vector::CombiningKind::ADD
                     ? reduction.getSource().getDefiningOp<arith::MulFOp>()
                     : nullptr;
  auto emit = [&](Value vector, const Coordinates &at) {
    return packed ? scalars.emitPair(vector, at) : scalars.emit(vector, at);
  };
  // Row by row: neighbours multiply by the same weight, which then is read
  // once.
  for (int64_t half = 0; half < HeadRowsLayout::kRowHalves; ++half) {
    size_t next = 0;
    for (int64_t j = 0; j < type.getDimSize(2);
         j += HeadRowsLayout::kColumnsPerQuad) {
      for (int64_t e = 0; e < HeadRowsLayout::kColumnPair; e += step, ++next) {
        Coordinate query = layout.getQuery(), column = layout.getColumn(j + e);
        Coordinates at{query, layout.getHead(half), column};
        bool first = next == sums.size();
        if (product && !first) {
          FailureOr<Value> lhs = emit(product.getLhs(), at);
          FailureOr<Value> rhs = emit(product.getRhs(), at);
          if (failed(lhs) || failed(rhs))
            return failure();
          Value &sum = sums[next].value;
          sum = math::FmaOp::create(b, loc, *lhs, *rhs, sum);
          continue;
        }
        FailureOr<Value> term = emit(reduction.getSource(), at);
        if (failed(term))
          return failure();
        if (first)
          sums.push_back({{query, column}, *term});
        else
          sums[next].value = combine(loc, sums[next].value, *term);
      }
    }
  }
  return sums;
}

Value mqa::exchange(OpBuilder &b, Location loc, Value value, int64_t bit) {
  Type type = value.getType(), i32 = b.getI32Type(), i16 = b.getI16Type();
  auto shuffle = [&](Value word) -> Value {
    return gpu::ShuffleOp::create(b, loc, word, 1 << bit, kWarpThreads,
                                  gpu::ShuffleMode::XOR)
        .getShuffleResult();
  };
  if (isa<VectorType>(type)) {
    // Two f16 travel as one word.
    auto words = VectorType::get({1}, i32);
    value = vector::BitCastOp::create(b, loc, words, value);
    value = shuffle(vector::ExtractOp::create(b, loc, value, 0));
    value = vector::BroadcastOp::create(b, loc, words, value);
    return vector::BitCastOp::create(b, loc, type, value);
  }
  if (type.isF16()) {
    value = arith::BitcastOp::create(b, loc, i16, value);
    value = shuffle(arith::ExtUIOp::create(b, loc, i32, value));
    value = arith::TruncIOp::create(b, loc, i16, value);
    return arith::BitcastOp::create(b, loc, type, value);
  }
  return shuffle(value);
}

void mqa::combineOverLanes(OpBuilder &b, Location loc, FragmentLayout &layout,
                           vector::CombiningKind kind,
                           SmallVector<Element> &elements, int64_t dim,
                           int64_t bit, int64_t delta) {
  SmallVector<Element> result;
  Value isSecond = layout.getLaneBit(bit);
  for (const Element &first : elements) {
    if (first.at[dim].offset / delta % 2)
      continue;
    Coordinates partner = first.at;
    partner[dim].offset += delta;
    // There is one: columns are whole multiples of `kStoreKeys`, keys halves of
    // rows, and queries a power of two.
    auto second = llvm::find_if(
        elements, [&](const Element &e) { return e.at == partner; });
    Value keep =
        arith::SelectOp::create(b, loc, isSecond, second->value, first.value);
    Value send =
        arith::SelectOp::create(b, loc, isSecond, first.value, second->value);
    Coordinates at = first.at;
    at[dim] = layout.select(at[dim], delta, bit);
    result.push_back(
        {at, combineTerms(b, loc, kind, keep, exchange(b, loc, send, bit))});
  }
  elements = std::move(result);
}

/// Waits for the consumer group of `warp`, each at a barrier of its own.
void ReductionDistributor::synchronize(Location loc, Value warp,
                                       int64_t firstBarrier) {
  Type i32 = b.getI32Type();
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIntOp::create(b, loc, value, 32);
  };
  Value group = arith::DivUIOp::create(
      b, loc, arith::IndexCastOp::create(b, loc, i32, warp),
      constant(kGroupWarps));
  Value barrier = arith::AddIOp::create(b, loc, group, constant(firstBarrier));
  NVVM::BarrierOp::create(b, loc, /*res=*/Type(), barrier,
                          constant(kGroupThreads), NVVM::BarrierReductionAttr(),
                          Value());
}

/// The warps of the block that get here, which are its first: those that give
/// slots of rings back, or where there are no rings, all. 0 if nothing says.
static int64_t countConsumerWarps(gpu::GPUFuncOp kernel) {
  int64_t warps = 0;
  kernel.walk([&](RingCreateOp op) {
    warps = std::max<int64_t>(warps, op.getConsumers() * op.getTurns());
  });
  if (DenseI32ArrayAttr size = kernel.getKnownBlockSizeAttr(); size && !warps)
    warps = size[0] / kWarpThreads;
  return warps;
}

/// Combines the elements of the warps that have heads of the same query,
/// through shared memory; each warp ends with those of a part of the columns,
/// or of all.
LogicalResult
ReductionDistributor::reduceOverWarps(Location loc,
                                      SmallVector<Element> &elements) {
  auto kernel = reduction->getParentOfType<gpu::GPUFuncOp>();
  int64_t consumerWarps = countConsumerWarps(kernel);
  VectorType type = reduction.getSourceVectorType();
  int64_t keys = type.getDimSize(2), queryWarps = layout.getQueryWarps();
  if (!consumerWarps || !type.getElementType().isF32() ||
      keys % (queryWarps * kStoreKeys))
    return reduction.emitError()
           << "over " << queryWarps
           << " warps must be of f32, of a multiple of as many times "
           << kStoreKeys
           << " keys, in a kernel with rings or 'known_block_size'";
  if (consumerWarps % kGroupWarps)
    return reduction.emitError()
           << "over " << queryWarps
           << " warps must be in a kernel whose consumers are whole "
           << "consumer groups, found " << consumerWarps << " warps";
  // A consumer group comes to one sum after the other.
  FailureOr<int64_t> barrier = barriers.take(consumerWarps / kGroupWarps,
                                             reduction, kernel.getOperation());
  if (failed(barrier))
    return failure();
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, loc, value);
  };
  LDBG() << "combines heads over " << queryWarps << " warps of "
         << consumerWarps << ", at barriers from " << *barrier
         << " on: " << reduction;
  Value partials =
      addWorkgroupVariable(kernel, {consumerWarps, keys}, b.getF32Type(), loc);
  Value thread = gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x);
  Value warp = arith::DivUIOp::create(b, loc, thread, constant(kWarpThreads));
  // Those of the tile before have been read.
  synchronize(loc, warp, *barrier);
  for (const Element &element : elements)
    memref::StoreOp::create(
        b, loc, element.value, partials,
        ValueRange{warp, scalars.emitCoordinate(loc, element.at[1])});
  synchronize(loc, warp, *barrier);
  Value first = arith::SubIOp::create(b, loc, warp, layout.getQueryWarp());
  SmallVector<Element> result;
  for (const Element &element : elements) {
    if (sharesColumns && element.at[1].offset / kStoreKeys % queryWarps)
      continue;
    Coordinates at = element.at;
    if (sharesColumns)
      at[1] = layout.selectByWarp(at[1], kStoreKeys);
    Value column = scalars.emitCoordinate(loc, at[1]), sum;
    for (int64_t i = 0; i < queryWarps; ++i) {
      Value row = arith::AddIOp::create(b, loc, first, constant(i));
      Value partial =
          memref::LoadOp::create(b, loc, partials, ValueRange{row, column});
      sum = sum ? combine(loc, sum, partial) : partial;
    }
    result.push_back({at, sum});
  }
  elements = std::move(result);
  return success();
}

LogicalResult ReductionDistributor::run() {
  FailureOr<SmallVector<Element>> sums = reduceInThread(reduction);
  if (failed(sums))
    return failure();
  if (reduction.getSourceVectorType().getDimSize(2) % kStoreKeys)
    return reduction.emitError()
           << "keys must be a multiple of " << kStoreKeys << ", found "
           << reduction.getSourceVectorType().getDimSize(2);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(reduction);
  Location loc = reduction.getLoc();
  SmallVector<Element> elements = std::move(*sums);
  // The lane bits that are heads become the column bits that the lane does not
  // have yet, so that the lanes of a query end with neighbouring columns.
  int64_t first = layout.getFirstHeadBit();
  for (int64_t bit = kLaneBits - 1; bit > first; --bit)
    combineOverLanes(b, loc, layout, kind, elements, /*dim=*/1, bit,
                     layout.getColumnStep(bit));
  if (reduction.getSourceVectorType().getElementType().isF16())
    elements = scalars.unpackPairs(loc, elements);
  if (first < kLaneBits)
    combineOverLanes(b, loc, layout, kind, elements, /*dim=*/1, first,
                     layout.getColumnStep(first));
  if (layout.getQueryWarps() > 1 && failed(reduceOverWarps(loc, elements)))
    return failure();
  scalars.setElements(reduction.getResult(), elements);
  return success();
}

LogicalResult mqa::distributeReduction(IRRewriter &b, HeadRowsLayout &layout,
                                       VectorScalars &scalars,
                                       NamedBarriers &barriers,
                                       vector::MultiDimReductionOp reduction,
                                       bool sharesColumns) {
  return ReductionDistributor(b, layout, scalars, barriers, reduction,
                              sharesColumns)
      .run();
}
