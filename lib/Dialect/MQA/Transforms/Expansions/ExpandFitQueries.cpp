//===- ExpandFitQueries.cpp - Expands mqa.fit_queries ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExpandWithBarriers.h"
#include "FitQueries.h"
#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"
#include "mqa/Dialect/MQA/IR/Target.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/Pass.h"
#include "llvm/Support/DebugLog.h"
#include "llvm/Support/MathExtras.h"

#define DEBUG_TYPE "mqa-expand-fit-queries"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQAEXPANDFITQUERIESPASS
#include "mqa/Dialect/MQA/Transforms/Passes/MQAExpandFitQueriesPass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::shapes;
using arith::CmpIPredicate;

namespace {
constexpr int64_t kLaneBytes = kFitLaneBytes;
constexpr int64_t kWarpBytes = kWarpThreads * kLaneBytes;
/// The largest magnitude of f8E4M3FN, and what a score may reach: a little less
/// than the largest f16, since the magnitudes are added up in f16.
constexpr double kMaxKey = 448, kMaxScore = 64000;

class FitQueriesExpansion {
public:
  FitQueriesExpansion(gpu::GPUFuncOp kernel, FitQueriesOp op, int64_t barrier)
      : kernel(kernel), op(op), b(op), loc(op.getLoc()), barrier(barrier) {
    MemRefType q = op.getQ().getType();
    layout = cast<StagedLayoutAttr>(q.getLayout());
    numQueries = q.getDimSize(0);
    numHeads = q.getDimSize(1);
    headDim = q.getDimSize(2);
    numRows = numQueries * numHeads;
  }
  void run();

private:
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  Value i32(int64_t value) {
    return arith::ConstantIntOp::create(b, loc, value, 32);
  }
  Value f32(double value) {
    return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(value));
  }
  template <typename Op> Value make(Value lhs, Value rhs) {
    return Op::create(b, loc, lhs, rhs);
  }
  Value compare(CmpIPredicate predicate, Value lhs, Value rhs) {
    return arith::CmpIOp::create(b, loc, predicate, lhs, rhs);
  }
  Value bitcast(Type type, Value value) {
    return arith::BitcastOp::create(b, loc, type, value);
  }
  Value allocate(ArrayRef<int64_t> shape, Type element) {
    return addWorkgroupVariable(kernel, shape, element, loc);
  }
  /// 2^exponent as f32; the exponent is that of a normal number.
  Value powerOfTwo(Value exponent) {
    Value biased = make<arith::AddIOp>(exponent, i32(127));
    return bitcast(b.getF32Type(), make<arith::ShLIOp>(biased, i32(23)));
  }
  SmallVector<Value> unpack(Value bytes);
  Value pack(ArrayRef<Value> pairs);
  Value computeExponent(ArrayRef<Value> pairs);
  void scaleHeads(Value bytes, ArrayRef<Value> offsets);
  void scaleQueries();
  Value getRow(Value query, Value head);
  void scaleWeights();
  void synchronize();

  gpu::GPUFuncOp kernel;
  FitQueriesOp op;
  IRRewriter b;
  Location loc;
  int64_t barrier;
  StagedLayoutAttr layout;
  int64_t headDim, numRows, numQueries, numHeads;
  Value lane, warp, numThreads, numWarps, exponents, factors;
};
} // namespace

/// The f16 values of 16 bytes, two by two.
SmallVector<Value> FitQueriesExpansion::unpack(Value bytes) {
  SmallVector<Value> pairs;
  auto f8 = TypeAttr::get(op.getQ().getType().getElementType());
  auto type = VectorType::get({2}, b.getF16Type());
  for (int64_t i = 0; i < kLaneBytes; i += 2) {
    Value pair = vector::ShuffleOp::create(b, loc, bytes, bytes,
                                           ArrayRef<int64_t>{i, i + 1});
    pairs.push_back(NVVM::ConvertF8x2ToF16x2Op::create(
        b, loc, type, pair, /*relu=*/b.getBoolAttr(false), f8));
  }
  return pairs;
}

/// The opposite of `unpack`.
Value FitQueriesExpansion::pack(ArrayRef<Value> pairs) {
  auto f8 = TypeAttr::get(op.getQ().getType().getElementType());
  auto type = VectorType::get({2}, b.getI8Type());
  SmallVector<Value> parts;
  for (Value pair : pairs)
    parts.push_back(NVVM::ConvertF16x2ToF8x2Op::create(
        b, loc, type, pair, /*relu=*/b.getBoolAttr(false), f8));
  while (parts.size() > 1) {
    SmallVector<Value> joined;
    for (size_t i = 0; i < parts.size(); i += 2) {
      int64_t size = cast<VectorType>(parts[i].getType()).getNumElements();
      auto order = llvm::to_vector(llvm::seq<int64_t>(0, 2 * size));
      joined.push_back(
          vector::ShuffleOp::create(b, loc, parts[i], parts[i + 1], order));
    }
    parts = std::move(joined);
  }
  return parts.front();
}

/// The exponent s of the head that this lane holds 16 bytes of.
Value FitQueriesExpansion::computeExponent(ArrayRef<Value> pairs) {
  Value sum;
  for (Value pair : pairs) {
    Value magnitude = math::AbsFOp::create(b, loc, pair);
    sum = sum ? make<arith::AddFOp>(sum, magnitude) : magnitude;
  }
  auto extend = [&](int64_t i) -> Value {
    Value half = vector::ExtractOp::create(b, loc, sum, i);
    return arith::ExtFOp::create(b, loc, b.getF32Type(), half);
  };
  Value total = make<arith::AddFOp>(extend(0), extend(1));
  for (int64_t step = 1; step < headDim / kLaneBytes; step *= 2) {
    auto other = gpu::ShuffleOp::create(b, loc, total, step, kWarpThreads,
                                        gpu::ShuffleMode::XOR);
    total = make<arith::AddFOp>(total, other.getShuffleResult());
  }
  // ceil(log2) of how far the bound is off, by the bits of the float. A head of
  // zeros or with NaN is left alone.
  Value excess = make<arith::MulFOp>(total, f32(kMaxKey / kMaxScore));
  Value bits = bitcast(b.getI32Type(), excess);
  Value exponent =
      make<arith::ShRUIOp>(make<arith::AddIOp>(bits, i32(0x7fffff)), i32(23));
  exponent = make<arith::SubIOp>(exponent, i32(127));
  // 2^-s must be an f16.
  exponent = make<arith::MaxSIOp>(exponent, i32(-15));
  Value isPositive =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, excess, f32(0));
  return arith::SelectOp::create(b, loc, isPositive, exponent, i32(0));
}

/// Scales the heads at `offsets` of `bytes`: first all are read and judged, so
/// that their latencies overlap, then those that are off are written.
void FitQueriesExpansion::scaleHeads(Value bytes, ArrayRef<Value> offsets) {
  auto f8s =
      VectorType::get({kLaneBytes}, op.getQ().getType().getElementType());
  auto words = VectorType::get({kLaneBytes}, b.getI8Type());
  SmallVector<Value> loaded, found;
  for (Value offset : offsets)
    loaded.push_back(
        bitcast(words, vector::LoadOp::create(b, loc, f8s, bytes, offset)));
  for (Value value : loaded)
    found.push_back(computeExponent(unpack(value)));
  for (auto [offset, value, exponent] :
       llvm::zip_equal(offsets, loaded, found)) {
    OpBuilder::InsertionGuard guard(b);
    Value inRow = make<arith::RemUIOp>(offset, constant(headDim));
    Value row = make<arith::DivUIOp>(offset, constant(headDim));
    auto isFirst = scf::IfOp::create(
        b, loc, compare(CmpIPredicate::eq, inRow, constant(0)), false);
    auto isOff = scf::IfOp::create(
        b, loc, compare(CmpIPredicate::ne, exponent, i32(0)), false);
    b.setInsertionPointToStart(isFirst.thenBlock());
    memref::StoreOp::create(b, loc, exponent, exponents, row);

    b.setInsertionPointToStart(isOff.thenBlock());
    Value biased = make<arith::SubIOp>(i32(15), exponent);
    Value half = arith::TruncIOp::create(b, loc, b.getI16Type(),
                                         make<arith::ShLIOp>(biased, i32(10)));
    Value scale = vector::BroadcastOp::create(
        b, loc, VectorType::get({2}, b.getF16Type()),
        bitcast(b.getF16Type(), half));
    SmallVector<Value> pairs = unpack(value);
    for (Value &pair : pairs)
      pair = make<arith::MulFOp>(pair, scale);
    vector::StoreOp::create(b, loc, bitcast(f8s, pack(pairs)), bytes, offset);
  }
}

void FitQueriesExpansion::scaleQueries() {
  MemRefType type = layout.getMemoryType(op.getQ().getType());
  Value memory = LayoutCastOp::create(b, loc, type, op.getQ());
  SmallVector<ReassociationIndices> all{
      llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()))};
  // A swizzle permutes the bytes of a row among themselves: that is no matter
  // here.
  Value bytes = memref::CollapseShapeOp::create(b, loc, memory, all);
  Value first =
      make<arith::AddIOp>(make<arith::MulIOp>(warp, constant(kWarpBytes)),
                          make<arith::MulIOp>(lane, constant(kLaneBytes)));
  int64_t numBytes = numRows * headDim;
  std::optional<int64_t> threads = getConstantIntValue(numThreads);
  if (threads && numBytes % (*threads * kLaneBytes) == 0) {
    LDBG() << "each of " << *threads << " threads reads all of its "
           << numBytes / *threads << " bytes of q at once";
    SmallVector<Value> offsets;
    for (int64_t i = 0; i < numBytes; i += *threads * kLaneBytes)
      offsets.push_back(make<arith::AddIOp>(first, constant(i)));
    return scaleHeads(bytes, offsets);
  }
  LDBG() << "threads whose number is not known, or does not divide " << numBytes
         << " bytes of q, read them in a loop";
  Value step = make<arith::MulIOp>(numWarps, constant(kWarpBytes));
  auto loop = scf::ForOp::create(b, loc, first, constant(numBytes), step);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  scaleHeads(bytes, loop.getInductionVar());
}

/// The number of a head's row in memory.
Value FitQueriesExpansion::getRow(Value query, Value head) {
  ArrayRef<int64_t> shape = layout.getShape().drop_back(),
                    dims = layout.getDims().drop_back();
  // How often each dim of memory is at its next one: the last one first.
  Value rest[] = {query, head};
  SmallVector<Value> at(shape.size());
  for (int64_t i = shape.size() - 1; i >= 0; --i) {
    Value &own = rest[dims[i]];
    Value size = constant(shape[i]);
    bool isFirst = !llvm::is_contained(dims.take_front(i), dims[i]);
    at[i] = own;
    if (isFirst)
      continue;
    own = make<arith::DivUIOp>(at[i], size);
    at[i] = make<arith::RemUIOp>(at[i], size);
  }
  Value row = at.front();
  for (auto [size, index] :
       llvm::zip(shape.drop_front(), ArrayRef(at).drop_front()))
    row = make<arith::AddIOp>(make<arith::MulIOp>(row, constant(size)), index);
  return row;
}

/// A warp for each query.
void FitQueriesExpansion::scaleWeights() {
  auto loop = scf::ForOp::create(b, loc, warp, constant(numQueries), numWarps);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value query = loop.getInductionVar();
  struct Head {
    Value index, exists, weight, exponent;
  };
  SmallVector<Head> heads;
  Value greatest = i32(-1000);
  for (int64_t i = 0; i < numHeads; i += kWarpThreads) {
    Head head;
    Value index = make<arith::AddIOp>(lane, constant(i));
    head.exists = compare(CmpIPredicate::ult, index, constant(numHeads));
    head.index =
        arith::SelectOp::create(b, loc, head.exists, index, constant(0));
    Value row = getRow(query, head.index);
    head.exponent = memref::LoadOp::create(b, loc, exponents, row);
    head.weight = memref::LoadOp::create(b, loc, op.getWeights(),
                                         ValueRange{query, head.index});
    Value bits = make<arith::AndIOp>(bitcast(b.getI32Type(), head.weight),
                                     i32(0x7fffffff));
    Value own =
        make<arith::SubIOp>(make<arith::ShRUIOp>(bits, i32(23)), i32(127));
    own = make<arith::AddIOp>(own, head.exponent);
    Value counts = make<arith::AndIOp>(
        head.exists, compare(CmpIPredicate::ne, bits, i32(0)));
    own = arith::SelectOp::create(b, loc, counts, own, i32(-1000));
    greatest = make<arith::MaxSIOp>(greatest, own);
    heads.push_back(head);
  }
  greatest = gpu::SubgroupReduceOp::create(
      b, loc, greatest, gpu::AllReduceOperation::MAXSI, /*uniform=*/true,
      /*cluster_size=*/std::nullopt);
  // Each weight is below 2^(greatest + 1).
  Value exponent =
      make<arith::AddIOp>(greatest, i32(1 + llvm::Log2_64_Ceil(numHeads)));
  Value some = compare(CmpIPredicate::ne, greatest, i32(-1000));
  exponent = arith::SelectOp::create(b, loc, some, exponent, i32(0));
  // In two steps: a single power of two could be too large for an f32.
  auto split = [&](Value whole) {
    Value half = make<arith::ShRSIOp>(whole, i32(1));
    return std::pair<Value, Value>{half, make<arith::SubIOp>(whole, half)};
  };
  for (const Head &head : heads) {
    auto [low, high] = split(make<arith::SubIOp>(head.exponent, exponent));
    Value scaled = make<arith::MulFOp>(head.weight, powerOfTwo(low));
    scaled = make<arith::MulFOp>(scaled, powerOfTwo(high));
    scf::IfOp::create(b, loc, head.exists, [&](OpBuilder &nested, Location l) {
      memref::StoreOp::create(nested, l, scaled, op.getWeights(),
                              ValueRange{query, head.index});
      scf::YieldOp::create(nested, l);
    });
  }
  auto isFirst = scf::IfOp::create(
      b, loc, compare(CmpIPredicate::eq, lane, constant(0)), false);
  b.setInsertionPointToStart(isFirst.thenBlock());
  auto [low, high] = split(exponent);
  memref::StoreOp::create(b, loc, powerOfTwo(low), factors,
                          ValueRange{constant(0), query});
  memref::StoreOp::create(b, loc, powerOfTwo(high), factors,
                          ValueRange{constant(1), query});
}

void FitQueriesExpansion::synchronize() {
  // Only consumers come here.
  Value count = arith::IndexCastOp::create(b, loc, b.getI32Type(), numThreads);
  NVVM::BarrierOp::create(b, loc, /*res=*/Type(), i32(barrier), count,
                          NVVM::BarrierReductionAttr(), Value());
}

void FitQueriesExpansion::run() {
  Value warpThreads = constant(kWarpThreads);
  Value thread = op.getThread();
  numThreads = op.getNumThreads() ? op.getNumThreads() : warpThreads;
  if (!thread)
    thread = make<arith::RemUIOp>(
        gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x), warpThreads);
  lane = make<arith::RemUIOp>(thread, warpThreads);
  warp = make<arith::DivUIOp>(thread, warpThreads);
  numWarps = make<arith::DivUIOp>(numThreads, warpThreads);
  exponents = allocate({numRows}, b.getI32Type());
  factors = allocate(op.getFactors().getType().getShape(), b.getF32Type());

  scaleQueries();
  // WGMMA reads what ordinary stores wrote.
  NVVM::FenceProxyOp::create(
      b, loc,
      NVVM::ProxyKindAttr::get(b.getContext(), NVVM::ProxyKind::async_shared),
      NVVM::SharedSpaceAttr::get(b.getContext(),
                                 NVVM::SharedSpace::shared_cta));
  synchronize();
  scaleWeights();
  synchronize();
  b.replaceOp(op, factors);
}

namespace {
struct ExpandFitQueriesPass
    : mqa::impl::MQAExpandFitQueriesPassBase<ExpandFitQueriesPass> {
  void runOnOperation() override {
    gpu::GPUFuncOp kernel = getOperation();
    auto expand = [&](FitQueriesOp op, int64_t barrier) {
      LDBG() << "barrier " << barrier << " for " << op;
      FitQueriesExpansion(kernel, op, barrier).run();
    };
    if (failed(
            expandWithBarriers<FitQueriesOp>(kernel, verifyFitQueries, expand)))
      signalPassFailure();
  }
};
} // namespace
