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
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
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
/// A write of a vector [query, key].
struct Write {
  Operation *op;
  Value vector, base, mask;
  /// Of a vector.transfer_write: where it begins, and in which dims it ends
  /// with the memref.
  SmallVector<Value> indices;
  SmallVector<bool> inBounds;
  /// Of an mqa.scatter_columns.
  Value columns;
};

class Distributor {
public:
  Distributor(IRRewriter &b, FragmentLayout &layout)
      : b(b), layout(layout), scalars(b, layout) {}

  LogicalResult distribute(Operation *op);

private:
  LogicalResult startContraction(vector::ContractionOp contract);
  FailureOr<SmallVector<Element>>
  sumInThread(vector::MultiDimReductionOp reduction);
  void sumOverLanes(Location loc, SmallVector<Element> &elements, int64_t bit,
                    int64_t delta);
  LogicalResult reduce(vector::MultiDimReductionOp reduction);
  LogicalResult carry(OpResult result, ArrayRef<Element> owned);
  FailureOr<SmallVector<Value>> getStoreIndices(const Write &write,
                                                const Coordinates &at);
  LogicalResult store(const Write &write, const Element &element);

  IRRewriter &b;
  FragmentLayout &layout;
  VectorScalars scalars;
};
} // namespace

//===----------------------------------------------------------------------===//
// Contraction
//===----------------------------------------------------------------------===//

/// The read behind the left operand of a contraction: a head tile whose rows
/// are warps x heads x queries, as queries x heads.
static Value getHeadTileRead(Value vector) {
  auto cast = vector.getDefiningOp<vector::ShapeCastOp>();
  auto transpose = cast ? cast.getSource().getDefiningOp<vector::TransposeOp>()
                        : vector::TransposeOp();
  if (!transpose ||
      (transpose.getPermutation() != ArrayRef<int64_t>{0, 2, 1, 3} &&
       transpose.getPermutation() != ArrayRef<int64_t>{1, 3, 2, 0, 4}))
    return {};
  ArrayRef<int64_t> from = transpose.getResultVectorType().getShape(),
                    to = cast.getResultVectorType().getShape();
  if (to.size() + 1 != from.size() || to[0] != from[0] * from[1] ||
      to.drop_front() != from.drop_front(2))
    return {};
  return transpose.getVector();
}

/// The memref that `vector` is all of, where it is one in shared memory.
static Value getWholeTile(Value vector) {
  if (!vector)
    return {};
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

/// Starts the WGMMA where the contraction stands, and waits for it where it is
/// first used: WGMMAs that were started in between stay in flight.
LogicalResult Distributor::startContraction(vector::ContractionOp contract) {
  if (scalars.hasRegisters(contract))
    return success();
  Value a = getWholeTile(getHeadTileRead(contract.getLhs())),
        tileB = getWholeTile(contract.getRhs());
  if (!a || !tileB)
    return contract.emitError(
        "operands must be whole tiles in workgroup memory, the left one of "
        "warps x heads x queries");
  auto resultType = dyn_cast<VectorType>(contract.getResultType());
  AffineExpr p, h, n, d, c;
  bindDims(b.getContext(), p, h, n, d, c);
  auto expected = AffineMap::inferFromExprList(
      ArrayRef<ArrayRef<AffineExpr>>{{p, h, d}, {n, d}, {p, h, n}},
      b.getContext());
  bindDims(b.getContext(), p, h, n, c, d);
  auto inChunks = AffineMap::inferFromExprList(
      ArrayRef<ArrayRef<AffineExpr>>{{p, h, c, d}, {c, n, d}, {p, h, n}},
      b.getContext());
  if (!resultType ||
      (contract.getIndexingMapsArray() != ArrayRef(expected) &&
       contract.getIndexingMapsArray() != ArrayRef(inChunks)) ||
      !matchPattern(contract.getAcc(), m_AnyZeroFloat()))
    return contract.emitError(
        "must be (p, h, d) x (n, d) -> (p, h, n) onto zero, or the same in "
        "chunks");
  ArrayRef<int64_t> shape = resultType.getShape();
  int64_t queries = kWarpgroupWarps * layout.getWarpQueries();
  if (shape[0] != queries || shape[1] != layout.getHeads() ||
      shape[2] > kWgmmaMaxColumns || shape[2] % FragmentLayout::kColumnsPerQuad)
    return contract.emitError()
           << "one WGMMA has " << queries << " x " << layout.getHeads()
           << " rows and a multiple of " << FragmentLayout::kColumnsPerQuad
           << " up to " << kWgmmaMaxColumns << " columns, found " << shape[0]
           << " x " << shape[1] << " and " << shape[2];

  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(contract);
  Location loc = contract.getLoc();
  auto fragment = FragmentType::get(
      b.getContext(), VectorType::get({kWgmmaRows, shape[2]}, b.getF32Type()));
  NVVM::WgmmaFenceAlignedOp::create(b, loc);
  Value started = WgmmaOp::create(b, loc, fragment, a, tileB);
  NVVM::WgmmaGroupSyncAlignedOp::create(b, loc);

  Operation *firstUse = nullptr;
  for (Operation *user : contract->getUsers())
    if (user->getBlock() == contract->getBlock() &&
        (!firstUse || user->isBeforeInBlock(firstUse)))
      firstUse = user;
  int64_t pending = 0;
  for (Operation *op = contract->getNextNode(); op && op != firstUse;
       op = op->getNextNode())
    pending += isa<vector::ContractionOp>(op);
  if (firstUse)
    b.setInsertionPoint(firstUse);
  Value done = WgmmaWaitOp::create(b, loc, fragment, started, pending);
  auto unpacked = UnpackFragmentOp::create(
      b, loc, SmallVector<Type>(fragment.getNumRegisters(), b.getF32Type()),
      done);
  scalars.setRegisters(contract, unpacked.getRegisters());
  return success();
}

//===----------------------------------------------------------------------===//
// Reduction
//===----------------------------------------------------------------------===//

/// The thread's own part of the reduction: a sum over its rows for each of its
/// columns, on top of that of the reduction it adds to.
FailureOr<SmallVector<Element>>
Distributor::sumInThread(vector::MultiDimReductionOp reduction) {
  VectorType type = reduction.getSourceVectorType();
  if (type.getRank() != 3 ||
      reduction.getKind() != vector::CombiningKind::ADD ||
      reduction.getReductionMask() != SmallVector<bool>{false, true, false})
    return reduction.emitError("must add up the second of three dims");
  SmallVector<Element> sums;
  if (auto previous =
          reduction.getAcc().getDefiningOp<vector::MultiDimReductionOp>()) {
    FailureOr<SmallVector<Element>> partial = sumInThread(previous);
    if (failed(partial))
      return failure();
    sums = std::move(*partial);
  } else if (!matchPattern(reduction.getAcc(), m_AnyZeroFloat())) {
    return reduction.emitError("must add to zero or to another reduction");
  }

  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(reduction);
  Location loc = reduction.getLoc();
  bool packed = type.getElementType().isF16();
  int64_t step = packed ? FragmentLayout::kColumnPair : 1;
  // Where the source is a product, sum by fused multiply-add.
  auto product = reduction.getSource().getDefiningOp<arith::MulFOp>();
  auto emit = [&](Value vector, const Coordinates &at) {
    return packed ? scalars.emitPair(vector, at) : scalars.emit(vector, at);
  };
  // Row by row: neighbours multiply by the same weight, which then is read
  // once.
  for (int64_t half = 0; half < FragmentLayout::kRowHalves; ++half) {
    size_t next = 0;
    for (int64_t j = 0; j < type.getDimSize(2);
         j += FragmentLayout::kColumnsPerQuad) {
      for (int64_t e = 0; e < FragmentLayout::kColumnPair; e += step, ++next) {
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
          sums[next].value =
              arith::AddFOp::create(b, loc, sums[next].value, *term);
      }
    }
  }
  return sums;
}

/// The value of the lane whose number differs in bit `bit`.
static Value exchange(OpBuilder &b, Location loc, Value value, int64_t bit) {
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

/// Adds the elements of lanes that differ in lane bit `bit`. Of two elements
/// whose columns are `delta` apart, each lane sends one and keeps the other:
/// half the shuffles, and no lane ends with a copy of another's sums.
void Distributor::sumOverLanes(Location loc, SmallVector<Element> &elements,
                               int64_t bit, int64_t delta) {
  SmallVector<Element> result;
  Value isSecond = layout.getLaneBit(bit);
  for (const Element &first : elements) {
    if (first.at[1].offset / delta % 2)
      continue;
    Coordinates partner = first.at;
    partner[1].offset += delta;
    // There is one: the columns are whole multiples of `kStoreKeys`.
    auto second = llvm::find_if(
        elements, [&](const Element &e) { return e.at == partner; });
    Value keep =
        arith::SelectOp::create(b, loc, isSecond, second->value, first.value);
    Value send =
        arith::SelectOp::create(b, loc, isSecond, first.value, second->value);
    Coordinates at = first.at;
    at[1] = layout.select(at[1], delta, bit);
    result.push_back(
        {at, arith::AddFOp::create(b, loc, keep, exchange(b, loc, send, bit))});
  }
  elements = std::move(result);
}

LogicalResult Distributor::reduce(vector::MultiDimReductionOp reduction) {
  FailureOr<SmallVector<Element>> sums = sumInThread(reduction);
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
    sumOverLanes(loc, elements, bit,
                 FragmentLayout::kColumnsPerQuad << (bit - first - 1));
  if (reduction.getSourceVectorType().getElementType().isF16())
    elements = scalars.unpackPairs(loc, elements);
  if (first < kLaneBits)
    sumOverLanes(loc, elements, first, /*delta=*/1);
  scalars.setElements(reduction.getResult(), elements);
  return success();
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

/// Makes a loop carry this thread's elements of a vector that it carries.
LogicalResult Distributor::carry(OpResult result, ArrayRef<Element> owned) {
  auto loop = cast<scf::ForOp>(result.getOwner());
  unsigned index = result.getResultNumber();
  Location loc = loop.getLoc();
  SmallVector<Value> inits;
  for (const Element &element : owned) {
    FailureOr<Value> init = scalars.emit(loop.getInitArgs()[index], element.at);
    if (failed(init))
      return failure();
    inits.push_back(*init);
  }
  LogicalResult status = success();
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(loop);
  FailureOr<LoopLikeOpInterface> replaced = loop.replaceWithAdditionalYields(
      b, inits, /*replaceInitOperandUsesInLoop=*/false,
      [&](OpBuilder &, Location, ArrayRef<BlockArgument> carried) {
        // Here the body is still the old loop's.
        SmallVector<Element> elements(owned);
        for (auto [element, value] : llvm::zip_equal(elements, carried))
          element.value = value;
        scalars.setElements(loop.getRegionIterArg(index), elements);
        SmallVector<Value> yields;
        for (const Element &element : owned) {
          FailureOr<Value> next =
              scalars.emit(loop.getYieldedValues()[index], element.at);
          if (failed(next))
            status = failure();
          yields.push_back(failed(next) ? element.value : *next);
        }
        return yields;
      });
  if (failed(replaced) || failed(status))
    return loop.emitError("cannot carry the elements of a vector");
  auto carrying = cast<scf::ForOp>(replaced->getOperation());
  SmallVector<Element> elements(owned);
  for (auto [element, value] :
       llvm::zip_equal(elements, carrying.getResults().take_back(owned.size())))
    element.value = value;
  scalars.setElements(carrying.getResult(index), elements);
  // The vector itself is no longer needed.
  (*carrying.getYieldedValuesMutable())[index].set(
      carrying.getRegionIterArg(index));
  return success();
}

//===----------------------------------------------------------------------===//
// Write
//===----------------------------------------------------------------------===//

FailureOr<SmallVector<Value>>
Distributor::getStoreIndices(const Write &write, const Coordinates &at) {
  Location loc = write.op->getLoc();
  if (write.columns) {
    FailureOr<Value> column = scalars.emit(write.columns, at);
    if (failed(column))
      return failure();
    b.setInsertionPoint(write.op);
    return SmallVector<Value>{scalars.emitCoordinate(loc, at[0]), *column};
  }
  b.setInsertionPoint(write.op);
  SmallVector<Value> indices;
  for (auto [start, coordinate] : llvm::zip_equal(write.indices, at)) {
    // What the thread's elements share first, and then a constant that cannot
    // overflow: it becomes part of the store instruction.
    Value index = start;
    if (coordinate.base)
      index = arith::AddIOp::create(b, loc, index, coordinate.base);
    Value offset = arith::ConstantIndexOp::create(b, loc, coordinate.offset);
    indices.push_back(arith::AddIOp::create(
        b, loc, index, offset,
        arith::IntegerOverflowFlags::nsw | arith::IntegerOverflowFlags::nuw));
  }
  return indices;
}

LogicalResult Distributor::store(const Write &write, const Element &element) {
  Location loc = write.op->getLoc();
  FailureOr<Value> value = scalars.emit(write.vector, element.at);
  if (failed(value))
    return failure();
  Value condition;
  if (write.mask) {
    FailureOr<Value> mask = scalars.emit(write.mask, element.at);
    if (failed(mask))
      return failure();
    condition = *mask;
  }
  FailureOr<SmallVector<Value>> indices = getStoreIndices(write, element.at);
  if (failed(indices))
    return failure();
  for (auto [dim, inBounds] : llvm::enumerate(write.inBounds)) {
    if (inBounds)
      continue;
    Value size = memref::DimOp::create(b, loc, write.base, dim);
    Value fits = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt,
                                       (*indices)[dim], size);
    condition =
        condition ? arith::AndIOp::create(b, loc, condition, fits) : fits;
  }
  auto write1 = [&](OpBuilder &nested) {
    memref::StoreOp::create(nested, loc, *value, write.base, *indices);
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

/// What `op` writes: a vector.transfer_write or an mqa.scatter_columns.
static FailureOr<Write> getWrite(Operation *op) {
  if (auto scatter = dyn_cast<ScatterColumnsOp>(op))
    return Write{
        op, scatter.getVector(), scatter.getBase(), scatter.getMask(), {},
        {}, scatter.getColumns()};
  auto transfer = cast<vector::TransferWriteOp>(op);
  if (!transfer.getPermutationMap().isIdentity() ||
      transfer.getVectorType().getRank() != 2)
    return transfer.emitError("must be of a 2-D vector, not permuted");
  return Write{op,
               transfer.getVector(),
               transfer.getBase(),
               transfer.getMask(),
               llvm::to_vector(transfer.getIndices()),
               transfer.getInBoundsValues(),
               Value()};
}

LogicalResult Distributor::distribute(Operation *op) {
  FailureOr<Write> found = getWrite(op);
  if (failed(found))
    return failure();
  // The reduction that the value comes from, the contractions behind it, and
  // the loop that carries it, if there is one.
  vector::MultiDimReductionOp reduction;
  SmallVector<vector::ContractionOp> contracts;
  OpResult carried;
  SmallVector<Value> worklist{found->vector};
  DenseSet<Value> seen;
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    Operation *source = value.getDefiningOp();
    if (!source || !isa<VectorType>(value.getType()) ||
        !seen.insert(value).second)
      continue;
    if (auto loop = dyn_cast<scf::ForOp>(source)) {
      if (carried)
        return op->emitError("comes from more than one loop");
      carried = cast<OpResult>(value);
      worklist.push_back(loop.getYieldedValues()[carried.getResultNumber()]);
      continue;
    }
    if (auto candidate = dyn_cast<vector::MultiDimReductionOp>(source)) {
      bool isAddedTo = llvm::any_of(source->getUsers(),
                                    llvm::IsaPred<vector::MultiDimReductionOp>);
      if (!isAddedTo && reduction)
        return op->emitError("comes from more than one reduction");
      if (!isAddedTo)
        reduction = candidate;
    } else if (auto contract = dyn_cast<vector::ContractionOp>(source)) {
      contracts.push_back(contract);
      continue;
    }
    llvm::append_range(worklist, source->getOperands());
  }
  if (!reduction || contracts.empty())
    return op->emitError("must come from a reduction of a contraction");
  for (vector::ContractionOp contract : contracts)
    if (failed(startContraction(contract)))
      return failure();
  if (failed(reduce(reduction)))
    return failure();

  SmallVector<Element> owned =
      llvm::to_vector(scalars.getElements(reduction.getResult()));
  if (carried && failed(carry(carried, owned)))
    return failure();
  // The loop is another one now.
  Write write = *getWrite(op);
  for (const Element &element : owned)
    if (failed(store(write, element)))
      return failure();
  return success();
}

/// Queries of one warp's rows, which all contractions of the kernel agree on.
static FailureOr<int64_t> getWarpQueries(gpu::GPUFuncOp kernel) {
  int64_t warpQueries = 0;
  WalkResult result = kernel.walk([&](vector::ContractionOp contract) {
    int64_t rows = contract.getLhsType().getDimSize(0);
    int64_t own = rows / kWarpgroupWarps;
    if (rows % kWarpgroupWarps || !llvm::is_contained({1, 2, 4, 8}, own)) {
      contract.emitError() << "must have 4, 8, 16 or 32 queries, found "
                           << rows;
      return WalkResult::interrupt();
    }
    if (warpQueries && own != warpQueries) {
      contract.emitError("has not as many queries as the kernel's others");
      return WalkResult::interrupt();
    }
    warpQueries = own;
    return WalkResult::advance();
  });
  if (result.wasInterrupted())
    return failure();
  return warpQueries ? warpQueries : 1;
}

/// Makes loops forget the vectors that nothing needs of them.
static void dropCarriedVectors(IRRewriter &rewriter, gpu::GPUFuncOp kernel) {
  SmallVector<Operation *> loops;
  kernel.walk([&](scf::ForOp loop) {
    if (llvm::any_of(loop.getResultTypes(), llvm::IsaPred<VectorType>))
      loops.push_back(loop);
  });
  RewritePatternSet patterns(rewriter.getContext());
  scf::ForOp::getCanonicalizationPatterns(patterns, rewriter.getContext());
  (void)applyOpPatternsGreedily(loops, std::move(patterns));
}

namespace {
struct DistributeVectorsPass
    : mqa::impl::MQADistributeVectorsPassBase<DistributeVectorsPass> {
  void runOnOperation() override {
    gpu::GPUFuncOp kernel = getOperation();
    SmallVector<Operation *> writes;
    kernel.walk([&](Operation *op) {
      if (isa<vector::TransferWriteOp, ScatterColumnsOp>(op))
        writes.push_back(op);
    });
    if (writes.empty())
      return;
    IRRewriter rewriter(&getContext());
    rewriter.setInsertionPointToStart(&kernel.getBody().front());
    FailureOr<int64_t> warpQueries = getWarpQueries(kernel);
    if (failed(warpQueries))
      return signalPassFailure();
    FragmentLayout layout(rewriter, kernel.getLoc(), *warpQueries);
    for (Operation *op : writes) {
      Distributor distributor(rewriter, layout);
      if (failed(distributor.distribute(op)))
        return signalPassFailure();
      rewriter.eraseOp(op);
    }
    // What the scalars replaced.
    dropCarriedVectors(rewriter, kernel);
    (void)runRegionDCE(rewriter, kernel->getRegions());
  }
};
} // namespace
