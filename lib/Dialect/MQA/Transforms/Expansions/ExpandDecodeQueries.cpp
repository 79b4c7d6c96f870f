//===- ExpandDecodeQueries.cpp - Expands mqa.decode_queries ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExpandWithBarriers.h"
#include "Rings/MxDecoder.h"
#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/IR/MxFolding.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"
#include "mqa/Dialect/MQA/IR/Target.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Pass/Pass.h"
#include "llvm/Support/DebugLog.h"

#define DEBUG_TYPE "mqa-expand-decode-queries"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQAEXPANDDECODEQUERIESPASS
#include "mqa/Dialect/MQA/Transforms/Passes/MQAExpandDecodeQueriesPass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::shapes;
using arith::CmpIPredicate;

namespace {
class DecodeQueriesExpansion {
public:
  DecodeQueriesExpansion(DecodeQueriesOp op, int64_t barrier, bool isAsync)
      : op(op), b(op.getLoc(), op), barrier(barrier), isAsync(isAsync),
        format(*mx::getFormat(op.getPacked().getType().getElementType(),
                              b.getI32Type())) {
    MemRefType q = op.getQ().getType();
    element = cast<FloatType>(q.getElementType());
    numQueries = q.getDimSize(0);
    numHeads = q.getDimSize(1);
    numBlocks = q.getDimSize(2) / mx::kBlock;
  }
  void run();

private:
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  Value i32(int64_t value) {
    return arith::ConstantIntOp::create(b, static_cast<int32_t>(value), 32);
  }
  Value f32(double value) {
    return arith::ConstantOp::create(b, b.getF32FloatAttr(value));
  }
  template <typename Op> Value make(Value lhs, Value rhs) {
    return Op::create(b, lhs, rhs);
  }
  Value compare(CmpIPredicate predicate, Value lhs, Value rhs) {
    return arith::CmpIOp::create(b, predicate, lhs, rhs);
  }
  /// Those of a row's blocks.
  MxScales loadScales(Value query, Value head) {
    Value word =
        memref::LoadOp::create(b, op.getWords(), ValueRange{query, head});
    return getMxScales(b, word, numBlocks);
  }
  int decodeBlock(Value query, Value head, Value block);
  int decodeBlocks(Value thread, Value numThreads);
  void foldWeights(int shift, Value lane, Value warp, Value numWarps);
  void foldQuery(int shift, Value query, Value lane);
  void synchronize(Value numThreads);

  DecodeQueriesOp op;
  ImplicitLocOpBuilder b;
  int64_t barrier;
  /// Whether the matrix unit reads shared memory by another proxy.
  bool isAsync;
  const mx::Format &format;
  FloatType element;
  int64_t numQueries, numHeads, numBlocks;
};
} // namespace

/// Returns the exponent by which elements become too great.
int DecodeQueriesExpansion::decodeBlock(Value query, Value head, Value block) {
  int64_t blockBytes = format.getBlockBytes();
  Type byte = op.getPacked().getType().getElementType();
  constexpr int64_t kAlignment = 16;
  Value bytes = vector::LoadOp::create(
      b, VectorType::get(blockBytes, byte), op.getPacked(),
      ValueRange{query, head, make<arith::MulIOp>(block, constant(blockBytes))},
      /*nontemporal=*/false, llvm::Align(kAlignment));
  Value word =
      memref::LoadOp::create(b, op.getWords(), ValueRange{query, head});
  MxScales scales = getMxScales(b, word, numBlocks);
  // The thread decodes one of them.
  Value places = make<arith::MulIOp>(
      arith::IndexCastOp::create(b, b.getI32Type(), block), i32(8));
  Value own =
      make<arith::AndIOp>(make<arith::ShRUIOp>(word, places), i32(0xff));
  scales.all = {own};
  scales.least = own;
  std::unique_ptr<MxDecoder> decoder =
      makeMxDecoder(b, b.getLoc(), format, element, std::move(scales));
  SmallVector<Value> at{query, head,
                        make<arith::MulIOp>(block, constant(mx::kBlock))};
  vector::TransferWriteOp::create(b, decoder->decode(bytes, 0), op.getQ(), at,
                                  ArrayRef<bool>{true});
  Value hasNaN = decoder->hasNaN();
  // A weight of 0 makes NaN of a score that an infinite key has made infinite,
  // while NaN counts as 0.
  if (op.getDropsNan() &&
      APFloat::semanticsHasInf(element.getFloatSemantics())) {
    Value isNaN = compare(CmpIPredicate::eq, own, i32(mx::kScaleNaN));
    hasNaN = hasNaN ? make<arith::OrIOp>(hasNaN, isNaN) : isNaN;
  }
  if (!hasNaN)
    return decoder->getShift();
  // A score with one NaN is what one with several is.
  auto ifNaN = scf::IfOp::create(b, hasNaN, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(ifNaN.thenBlock());
  Value nan = arith::ConstantOp::create(
      b,
      b.getFloatAttr(element, APFloat::getQNaN(element.getFloatSemantics())));
  memref::StoreOp::create(b, nan, op.getQ(), at);
  return decoder->getShift();
}

/// Neighbouring threads have neighbouring blocks. Returns what `decodeBlock`
/// does.
int DecodeQueriesExpansion::decodeBlocks(Value thread, Value numThreads) {
  int64_t numUnits = numQueries * numHeads * numBlocks;
  auto loop = scf::ForOp::create(b, thread, constant(numUnits), numThreads);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value unit = loop.getInductionVar();
  Value row = make<arith::DivUIOp>(unit, constant(numBlocks));
  return decodeBlock(make<arith::DivUIOp>(row, constant(numHeads)),
                     make<arith::RemUIOp>(row, constant(numHeads)),
                     make<arith::RemUIOp>(unit, constant(numBlocks)));
}

/// By the lanes of a warp, each of which has some heads.
void DecodeQueriesExpansion::foldQuery(int shift, Value query, Value lane) {
  struct Head {
    Value index, exists, weight, greatest;
  };
  SmallVector<Head> heads;
  Value most = i32(mx::kNoExponent);
  for (int64_t i = 0; i < numHeads; i += kWarpThreads) {
    Head head;
    Value index = make<arith::AddIOp>(lane, constant(i));
    head.exists = compare(CmpIPredicate::ult, index, constant(numHeads));
    head.index = arith::SelectOp::create(b, head.exists, index, constant(0));
    head.greatest = loadScales(query, head.index).greatest;
    head.weight = op.getWeights()
                      ? memref::LoadOp::create(b, op.getWeights(),
                                               ValueRange{query, head.index})
                            .getResult()
                      : f32(1.0);
    Value own =
        mx::emitWeightExponent(b, b.getLoc(), head.weight, head.greatest);
    most = make<arith::MaxSIOp>(most, own);
    heads.push_back(head);
  }
  most = gpu::SubgroupReduceOp::create(b, most, gpu::AllReduceOperation::MAXSI,
                                       /*uniform=*/true,
                                       /*cluster_size=*/std::nullopt);
  Value exponent = mx::emitQueryExponent(b, b.getLoc(), most);
  // The shift of elements goes out of the weights alone.
  Value shifted = make<arith::AddIOp>(exponent, i32(shift));
  double ofNaN =
      op.getDropsNan() ? 0.0 : std::numeric_limits<double>::quiet_NaN();
  for (const Head &head : heads) {
    Value folded = mx::emitFoldedWeight(b, b.getLoc(), head.weight,
                                        head.greatest, shifted, ofNaN);
    auto ifExists = scf::IfOp::create(b, head.exists, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(ifExists.thenBlock());
    memref::StoreOp::create(b, folded, op.getFolded(),
                            ValueRange{query, head.index});
  }
  auto isFirst = scf::IfOp::create(
      b, compare(CmpIPredicate::eq, lane, constant(0)), false);
  b.setInsertionPointToStart(isFirst.thenBlock());
  auto [low, high] = mx::emitFactors(b, b.getLoc(), exponent);
  memref::StoreOp::create(b, low, op.getFactors(),
                          ValueRange{constant(0), query});
  memref::StoreOp::create(b, high, op.getFactors(),
                          ValueRange{constant(1), query});
}

void DecodeQueriesExpansion::foldWeights(int shift, Value lane, Value warp,
                                         Value numWarps) {
  auto loop = scf::ForOp::create(b, warp, constant(numQueries), numWarps);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  foldQuery(shift, loop.getInductionVar(), lane);
}

void DecodeQueriesExpansion::synchronize(Value numThreads) {
  // WGMMA reads what ordinary stores wrote.
  if (isAsync)
    NVVM::FenceProxyOp::create(
        b,
        NVVM::ProxyKindAttr::get(b.getContext(), NVVM::ProxyKind::async_shared),
        NVVM::SharedSpaceAttr::get(b.getContext(),
                                   NVVM::SharedSpace::shared_cta));
  // Only the threads of the op come here.
  Value count = arith::IndexCastOp::create(b, b.getI32Type(), numThreads);
  NVVM::BarrierOp::create(b, /*res=*/Type(), i32(barrier), count,
                          NVVM::BarrierReductionAttr(), Value());
}

void DecodeQueriesExpansion::run() {
  Value thread = op.getThread(), numThreads = op.getNumThreads();
  Value warpThreads = constant(kWarpThreads);
  if (!thread) {
    numThreads = warpThreads;
    thread = make<arith::RemUIOp>(gpu::ThreadIdOp::create(b, gpu::Dimension::x),
                                  warpThreads);
  }
  int shift = decodeBlocks(thread, numThreads);
  foldWeights(shift, make<arith::RemUIOp>(thread, warpThreads),
              make<arith::DivUIOp>(thread, warpThreads),
              make<arith::DivUIOp>(numThreads, warpThreads));
  synchronize(numThreads);
  op.erase();
}

namespace {
struct ExpandDecodeQueriesPass
    : mqa::impl::MQAExpandDecodeQueriesPassBase<ExpandDecodeQueriesPass> {
  void runOnOperation() override {
    gpu::GPUFuncOp kernel = getOperation();
    const ChipInfo *chip = nullptr;
    auto verify = [&](DecodeQueriesOp op) -> LogicalResult {
      FailureOr<const ChipInfo *> found = requireGpu(kernel);
      if (failed(found))
        return failure();
      chip = *found;
      return verifyWholeWarps(op, op.getNumThreads());
    };
    auto expand = [&](DecodeQueriesOp op, int64_t barrier) {
      LDBG() << "barrier " << barrier << " for " << op;
      DecodeQueriesExpansion(op, barrier, chip->matrixUnit->isAsync).run();
    };
    if (failed(expandWithBarriers<DecodeQueriesOp>(kernel, verify, expand)))
      signalPassFailure();
  }
};
} // namespace
