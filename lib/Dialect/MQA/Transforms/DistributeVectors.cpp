//===- DistributeVectors.cpp - From warpgroup vectors to registers --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Works backwards from each write. The elements that a lane stores follow from
// the layout of the WGMMA accumulator and from the reduction over columns;
// every vector op is then computed at just the elements that are needed, where
// it stood, so that what was hoisted stays hoisted.
//
//===----------------------------------------------------------------------===//

#include "VectorScalars.h"
#include "mqa/Dialect/MQA/Transforms/Passes.h"
#include "mqa/Dialect/MQA/Transforms/TilePlan.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/RegionUtils.h"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQADISTRIBUTEVECTORSPASS
#include "mqa/Dialect/MQA/Transforms/Passes.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::hopper;

namespace {
class Distributor {
public:
  Distributor(IRRewriter &b, FragmentLayout &layout)
      : b(b), layout(layout), scalars(b, layout) {}

  LogicalResult distribute(vector::TransferWriteOp write);

private:
  LogicalResult startContraction(vector::ContractionOp contract);
  FailureOr<Value> sumOwnColumns(vector::MultiDimReductionOp reduction,
                                 Coordinate row, int64_t query);
  LogicalResult reduce(vector::MultiDimReductionOp reduction);
  void reduceOverQuad(Location loc, SmallVector<Element> &elements, int64_t bit,
                      int64_t dim);
  LogicalResult store(vector::TransferWriteOp write, const Element &element);

  IRRewriter &b;
  FragmentLayout &layout;
  VectorScalars scalars;
  /// Which quad bits no reduced element differs in: those lanes hold copies.
  bool replicated[2] = {false, false};
};
} // namespace

//===----------------------------------------------------------------------===//
// Contraction
//===----------------------------------------------------------------------===//

/// The memref that `vector` is all of, where it is one in shared memory.
static Value getWholeTile(Value vector) {
  auto read = vector.getDefiningOp<vector::TransferReadOp>();
  if (!read || read.hasOutOfBoundsDim() || read.getMask() ||
      !read.getPermutationMap().isIdentity())
    return {};
  auto type = dyn_cast<MemRefType>(read.getBase().getType());
  if (!type || type.getShape() != read.getVectorType().getShape() ||
      !gpu::GPUDialect::hasWorkgroupMemoryAddressSpace(type))
    return {};
  return read.getBase();
}

LogicalResult Distributor::startContraction(vector::ContractionOp contract) {
  if (scalars.hasRegisters(contract))
    return success();
  Value a = getWholeTile(contract.getLhs()),
        tileB = getWholeTile(contract.getRhs());
  if (!a || !tileB)
    return contract.emitError(
        "operands must be whole tiles in workgroup memory");
  auto resultType = dyn_cast<VectorType>(contract.getResultType());
  AffineExpr n, m, h, d;
  bindDims(b.getContext(), n, m, h, d);
  auto expected = AffineMap::inferFromExprList(
      ArrayRef<ArrayRef<AffineExpr>>{{n, d}, {m, h, d}, {m, n, h}},
      b.getContext());
  if (!resultType || contract.getIndexingMapsArray() != ArrayRef(expected) ||
      !matchPattern(contract.getAcc(), m_AnyZeroFloat()))
    return contract.emitError(
        "must be (n, d) x (m, h, d) -> (m, n, h) onto zero");
  ArrayRef<int64_t> shape = resultType.getShape();
  if (shape[2] % FragmentLayout::kColumnsPerQuad)
    return contract.emitError()
           << "heads must be a multiple of " << FragmentLayout::kColumnsPerQuad
           << ", found " << shape[2];
  int64_t columns = shape[0] * shape[2];
  if (shape[1] != kWgmmaRows || columns > kWgmmaMaxColumns)
    return contract.emitError()
           << "one WGMMA has " << kWgmmaRows << " x up to " << kWgmmaMaxColumns
           << " results, found " << shape[1] << " x " << columns;

  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(contract);
  Location loc = contract.getLoc();
  auto fragment = FragmentType::get(
      b.getContext(), VectorType::get({shape[1], columns}, b.getF32Type()));
  NVVM::WgmmaFenceAlignedOp::create(b, loc);
  Value started = WgmmaOp::create(b, loc, fragment, a, tileB);
  NVVM::WgmmaGroupSyncAlignedOp::create(b, loc);
  Value done = WgmmaWaitOp::create(b, loc, fragment, started, /*pending=*/0);
  auto unpacked = UnpackFragmentOp::create(
      b, loc, SmallVector<Type>(fragment.getNumRegisters(), b.getF32Type()),
      done);
  scalars.setRegisters(contract, unpacked.getRegisters());
  return success();
}

//===----------------------------------------------------------------------===//
// Reduction
//===----------------------------------------------------------------------===//

/// The sum of the thread's own columns of `query` in `row`.
FailureOr<Value>
Distributor::sumOwnColumns(vector::MultiDimReductionOp reduction,
                           Coordinate row, int64_t query) {
  Location loc = reduction.getLoc();
  int64_t heads = reduction.getSourceVectorType().getDimSize(2);
  // Where the source is a product, sum by fused multiply-add.
  auto product = reduction.getSource().getDefiningOp<arith::MulFOp>();
  // Two chains, even and odd columns: half the latency. (One chain was 2 %
  // slower, and so were chains that take both rows of a column in turn.)
  Value sums[FragmentLayout::kColumnPair];
  for (int64_t head = 0; head < heads;
       head += FragmentLayout::kColumnsPerQuad) {
    for (int64_t e = 0; e < FragmentLayout::kColumnPair; ++e) {
      Coordinates at{Coordinate{query, Value(), 0}, row,
                     layout.getColumn(head + e)};
      Value &sum = sums[e];
      if (sum && product) {
        FailureOr<Value> lhs = scalars.emit(product.getLhs(), at);
        FailureOr<Value> rhs = scalars.emit(product.getRhs(), at);
        if (failed(lhs) || failed(rhs))
          return failure();
        sum = math::FmaOp::create(b, loc, *lhs, *rhs, sum);
        continue;
      }
      FailureOr<Value> term = scalars.emit(reduction.getSource(), at);
      if (failed(term))
        return failure();
      sum = sum ? arith::AddFOp::create(b, loc, sum, *term) : *term;
    }
  }
  return arith::AddFOp::create(b, loc, sums[0], sums[1]).getResult();
}

/// Adds the elements of lanes that differ in quad bit `bit`. Where elements
/// come in pairs along `dim`, each lane sends one of the pair and keeps the
/// other: half the shuffles, and no lane ends with a copy of another's sums.
void Distributor::reduceOverQuad(Location loc, SmallVector<Element> &elements,
                                 int64_t bit, int64_t dim) {
  auto exchange = [&](Value value) -> Value {
    return gpu::ShuffleOp::create(b, loc, value, 1 << bit, kWarpThreads,
                                  gpu::ShuffleMode::XOR)
        .getShuffleResult();
  };
  SmallVector<Element> result;
  SmallVector<bool> used(elements.size(), false);
  for (size_t i = 0; i < elements.size(); ++i) {
    if (used[i])
      continue;
    const Element &first = elements[i];
    // Its partner: the next one that differs in `dim` alone.
    size_t partner = i + 1;
    int64_t delta = 0;
    for (; partner < elements.size(); ++partner) {
      Coordinates other = elements[partner].at;
      delta = other[dim].offset - first.at[dim].offset;
      other[dim].offset = first.at[dim].offset;
      if (!used[partner] && delta > 0 && other == first.at)
        break;
    }
    if (partner == elements.size()) {
      Value other = exchange(first.value);
      result.push_back(
          {first.at, arith::AddFOp::create(b, loc, first.value, other)});
      replicated[bit] = true;
      continue;
    }
    used[partner] = true;
    Value isSecond = layout.getQuadBit(bit);
    Value second = elements[partner].value;
    Value keep = arith::SelectOp::create(b, loc, isSecond, second, first.value);
    Value send = arith::SelectOp::create(b, loc, isSecond, first.value, second);
    Coordinates at = first.at;
    at[dim] = layout.select(at[dim], delta, bit);
    result.push_back({at, arith::AddFOp::create(b, loc, keep, exchange(send))});
  }
  elements = std::move(result);
}

LogicalResult Distributor::reduce(vector::MultiDimReductionOp reduction) {
  if (!scalars.getElements(reduction.getResult()).empty())
    return success();
  auto type = reduction.getSourceVectorType();
  if (type.getRank() != 3 ||
      reduction.getKind() != vector::CombiningKind::ADD ||
      reduction.getReductionMask() != SmallVector<bool>{false, false, true} ||
      !matchPattern(reduction.getAcc(), m_AnyZeroFloat()))
    return reduction.emitError("must add up the last of three dims onto zero");

  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(reduction);
  SmallVector<Element> elements;
  for (int64_t half = 0; half < FragmentLayout::kRowHalves; ++half) {
    for (int64_t query = 0; query < type.getDimSize(0); ++query) {
      Coordinate row = layout.getRow(half);
      FailureOr<Value> sum = sumOwnColumns(reduction, row, query);
      if (failed(sum))
        return failure();
      elements.push_back({{Coordinate{query, Value(), 0}, row}, *sum});
    }
  }
  // Queries are paired first, then the two halves of the rows; with one query
  // the halves are paired at once.
  replicated[0] = replicated[1] = false;
  bool pairQueries = type.getDimSize(0) % 2 == 0;
  reduceOverQuad(reduction.getLoc(), elements, 0, pairQueries ? 0 : 1);
  reduceOverQuad(reduction.getLoc(), elements, 1, 1);
  scalars.setElements(reduction.getResult(), elements);
  return success();
}

//===----------------------------------------------------------------------===//
// Write
//===----------------------------------------------------------------------===//

LogicalResult Distributor::store(vector::TransferWriteOp write,
                                 const Element &element) {
  Location loc = write.getLoc();
  FailureOr<Value> value = scalars.emit(write.getVector(), element.at);
  if (failed(value))
    return failure();
  b.setInsertionPoint(write);
  Value condition;
  auto require = [&](Value other) {
    condition =
        condition ? arith::AndIOp::create(b, loc, condition, other) : other;
  };
  if (write.getMask()) {
    FailureOr<Value> mask = scalars.emit(write.getMask(), element.at);
    if (failed(mask))
      return failure();
    require(*mask);
  }
  SmallVector<Value> indices;
  for (auto [dim, coordinate] : llvm::enumerate(element.at)) {
    Value index =
        arith::AddIOp::create(b, loc, write.getIndices()[dim],
                              scalars.emitCoordinate(loc, coordinate));
    indices.push_back(index);
    if (write.isDimInBounds(dim))
      continue;
    Value size = memref::DimOp::create(b, loc, write.getBase(), dim);
    require(
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, index, size));
  }
  for (int64_t bit = 0; bit < 2; ++bit) {
    if (!replicated[bit])
      continue;
    Value zero = arith::ConstantIndexOp::create(b, loc, 0);
    require(arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                  layout.getQuadBitAsIndex(bit), zero));
  }
  auto write1 = [&](OpBuilder &nested) {
    memref::StoreOp::create(nested, loc, *value, write.getBase(), indices);
  };
  if (!condition) {
    write1(b);
    return success();
  }
  scf::IfOp::create(b, loc, condition, [&](OpBuilder &nested, Location loc) {
    write1(nested);
    scf::YieldOp::create(nested, loc);
  });
  return success();
}

LogicalResult Distributor::distribute(vector::TransferWriteOp write) {
  // The reduction that the value comes from, and the contraction behind it.
  vector::MultiDimReductionOp reduction;
  vector::ContractionOp contract;
  SmallVector<Value> worklist{write.getVector()};
  DenseSet<Value> seen;
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    Operation *op = value.getDefiningOp();
    if (!op || !isa<VectorType>(value.getType()) || !seen.insert(value).second)
      continue;
    if (auto candidate = dyn_cast<vector::MultiDimReductionOp>(op)) {
      if (reduction)
        return write.emitError("comes from more than one reduction");
      reduction = candidate;
    } else if (auto candidate = dyn_cast<vector::ContractionOp>(op)) {
      if (contract)
        return write.emitError("comes from more than one contraction");
      contract = candidate;
      continue;
    }
    llvm::append_range(worklist, op->getOperands());
  }
  if (!reduction || !contract)
    return write.emitError("must come from a reduction of a contraction");
  if (!write.getPermutationMap().isIdentity() ||
      write.getVectorType().getRank() != 2)
    return write.emitError("must be of a 2-D vector, not permuted");
  if (failed(startContraction(contract)) || failed(reduce(reduction)))
    return failure();

  SmallVector<Element> owned =
      llvm::to_vector(scalars.getElements(reduction.getResult()));
  for (const Element &element : owned)
    if (failed(store(write, element)))
      return failure();
  return success();
}

namespace {
struct DistributeVectorsPass
    : mqa::impl::MQADistributeVectorsPassBase<DistributeVectorsPass> {
  void runOnOperation() override {
    gpu::GPUFuncOp kernel = getOperation();
    SmallVector<vector::TransferWriteOp> writes;
    kernel.walk([&](vector::TransferWriteOp op) { writes.push_back(op); });
    if (writes.empty())
      return;
    IRRewriter rewriter(&getContext());
    rewriter.setInsertionPointToStart(&kernel.getBody().front());
    FragmentLayout layout(rewriter, kernel.getLoc());
    for (vector::TransferWriteOp write : writes) {
      Distributor distributor(rewriter, layout);
      if (failed(distributor.distribute(write)))
        return signalPassFailure();
      rewriter.eraseOp(write);
    }
    // What the scalars replaced.
    (void)runRegionDCE(rewriter, kernel->getRegions());
  }
};
} // namespace
