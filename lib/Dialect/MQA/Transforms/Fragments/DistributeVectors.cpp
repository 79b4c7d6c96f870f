//===- DistributeVectors.cpp - From group-level vectors to registers ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Works backwards from each write. The elements that a lane stores follow from
// the layout of the WGMMA accumulator and from the reduction over columns;
// every vector op is then computed at just the elements that are needed, where
// it stood, so that what was hoisted stays hoisted.
//
//===----------------------------------------------------------------------===//

#include "DistributeOps.h"
#include "Kernels/AllOrNothing.h"
#include "Kernels/ModuleTargets.h"
#include "MakeLayout.h"
#include "VectorWrites.h"
#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/Support/DebugLog.h"

#define DEBUG_TYPE "mqa-distribute-vectors"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQADISTRIBUTEVECTORSPASS
#include "mqa/Dialect/MQA/Transforms/Passes/MQADistributeVectorsPass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::shapes;

namespace {
class Distributor {
public:
  Distributor(IRRewriter &b, FragmentLayout &layout, NamedBarriers &barriers,
              MxTables &tables)
      : b(b), layout(layout), scalars(b, layout), barriers(barriers),
        tables(tables) {}

  LogicalResult distribute(Operation *op);

private:
  HeadRowsLayout &getHeadRows() {
    assert(!layout.hasKeyRows());
    return static_cast<HeadRowsLayout &>(layout);
  }
  LogicalResult carry(OpResult result, ArrayRef<Element> owned);
  FailureOr<Value> reduce(Operation *op, const VectorOrigin &origin);
  FailureOr<SmallVector<Value>> getStoreIndices(const VectorWrite &write,
                                                const Coordinates &at);
  LogicalResult store(const VectorWrite &write, const Element &element,
                      Value condition);

  IRRewriter &b;
  FragmentLayout &layout;
  VectorScalars scalars;
  NamedBarriers &barriers;
  MxTables &tables;
};
} // namespace

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

/// Makes a loop carry this thread's elements of a vector that it carries.
LogicalResult Distributor::carry(OpResult result, ArrayRef<Element> owned) {
  auto loop = cast<scf::ForOp>(result.getOwner());
  unsigned index = result.getResultNumber();
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
// Stores
//===----------------------------------------------------------------------===//

FailureOr<SmallVector<Value>>
Distributor::getStoreIndices(const VectorWrite &write, const Coordinates &at) {
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

/// Stores an element, where its mask and `condition` (null: always) say so.
LogicalResult Distributor::store(const VectorWrite &write,
                                 const Element &element, Value condition) {
  Location loc = write.op->getLoc();
  FailureOr<Value> value = scalars.emit(write.vector, element.at);
  if (failed(value))
    return failure();
  Value mask;
  if (write.mask) {
    FailureOr<Value> emitted = scalars.emit(write.mask, element.at);
    if (failed(emitted))
      return failure();
    mask = *emitted;
  }
  FailureOr<SmallVector<Value>> indices = getStoreIndices(write, element.at);
  if (failed(indices))
    return failure();
  if (mask)
    condition =
        condition ? arith::AndIOp::create(b, loc, condition, mask) : mask;
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

/// Computes this thread's elements of the sums of `origin`, from which `op`
/// writes logits. Where several threads end with the same, returns whether this
/// is the first of them, else null.
FailureOr<Value> Distributor::reduce(Operation *op,
                                     const VectorOrigin &origin) {
  if (layout.hasKeyRows()) {
    if (origin.maximum || isa<AppendLogitsOp>(op))
      return op->emitError("needs products whose rows are heads");
    return distributeKeyRowReduction(b, static_cast<KeyRowsLayout &>(layout),
                                     scalars, origin.reductions, origin.sums);
  }
  if (origin.reductions.size() > 1)
    return op->emitError("writes joined sums, which needs products whose rows "
                         "are keys");
  bool sharesColumns = true;
  if (origin.maximum) {
    FailureOr<int64_t> blockColumns =
        getBlockColumns(getHeadRows(), origin.maximum);
    if (failed(blockColumns))
      return failure();
    sharesColumns = mayShareColumns(*blockColumns);
  }
  if (failed(distributeReduction(b, getHeadRows(), scalars, barriers,
                                 origin.reductions.front(), sharesColumns)))
    return failure();
  return Value();
}

LogicalResult Distributor::distribute(Operation *op) {
  FailureOr<VectorWrite> found = getWrite(op);
  if (failed(found))
    return failure();
  FailureOr<VectorOrigin> origin = findOrigin(op, found->vector);
  if (failed(origin))
    return failure();
  auto &[reductions, sums, maximum, contracts, carried] = *origin;
  LDBG() << *op << "\n  comes from " << sums << "\n  of " << contracts.size()
         << " contractions" << (carried ? ", carried by a loop" : "");
  for (vector::ContractionOp contract : contracts)
    if (failed(distributeContraction(b, layout, scalars, tables, contract,
                                     contracts)))
      return failure();
  FailureOr<Value> isFirst = reduce(op, *origin);
  if (failed(isFirst))
    return failure();
  Value condition = *isFirst;
  SmallVector<Element> owned = llvm::to_vector(scalars.getElements(sums));
  // What is written is indexed [query, key].
  if (layout.hasKeyRows())
    for (Element &element : owned)
      std::swap(element.at[0], element.at[1]);
  if (carried && failed(carry(carried, owned)))
    return failure();
  if (auto append = dyn_cast<AppendLogitsOp>(op))
    return distributeAppend(b, getHeadRows(), scalars, append, owned);
  if (maximum) {
    isFirst = distributeBlockMaximum(b, getHeadRows(), scalars, maximum, owned);
    if (failed(isFirst))
      return failure();
    condition = *isFirst;
    owned = llvm::to_vector(scalars.getElements(maximum.getResult()));
  }
  // The loop is another one now.
  VectorWrite write = *getWrite(op);
  for (const Element &element : owned)
    if (failed(store(write, element, condition)))
      return failure();
  return success();
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

/// Contractions are vectors of a whole consumer group. One that is still needed
/// goes where its elements cannot follow.
static LogicalResult verifyNoContractions(gpu::GPUFuncOp kernel) {
  WalkResult result = kernel.walk([](vector::ContractionOp contract) {
    InFlightDiagnostic error = contract.emitError(
        "is needed by more than the vectors that are written, and cannot be "
        "distributed");
    for (Operation *user : contract->getUsers())
      error.attachNote(user->getLoc()) << "used by this";
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

/// Whether a thread fills a slot by what it has computed itself: no vector of a
/// consumer group is written to a tile that a matrix unit reads.
static bool fillsSlot(Operation *op) {
  auto write = dyn_cast<vector::TransferWriteOp>(op);
  auto type = write ? dyn_cast<MemRefType>(write.getBase().getType()) : nullptr;
  return type && isa<StagedLayoutAttr>(type.getLayout());
}

static LogicalResult distribute(gpu::GPUFuncOp kernel) {
  SmallVector<Operation *> writes;
  kernel.walk([&](Operation *op) {
    if (!fillsSlot(op) &&
        isa<vector::TransferWriteOp, ScatterColumnsOp, AppendLogitsOp>(op))
      writes.push_back(op);
  });
  if (writes.empty())
    return success();
  if (failed(verifyModuleTargets(kernel)))
    return failure();
  IRRewriter rewriter(kernel.getContext());
  rewriter.setInsertionPointToStart(&kernel.getBody().front());
  FailureOr<std::unique_ptr<FragmentLayout>> made =
      makeLayout(rewriter, kernel);
  if (failed(made))
    return failure();
  FragmentLayout &layout = **made;
  // Before what is built here, barriers among it, comes in between.
  for (Operation *op : writes) {
    FailureOr<VectorWrite> write = getWrite(op);
    if (failed(write))
      return failure();
    FailureOr<VectorOrigin> origin = findOrigin(op, write->vector);
    if (failed(origin))
      return failure();
    for (vector::ContractionOp contract : origin->contracts)
      if (failed(verifyContraction(layout, contract)))
        return failure();
  }
  NamedBarriers barriers(kernel);
  MxTables tables(kernel);
  for (Operation *op : writes) {
    Distributor distributor(rewriter, layout, barriers, tables);
    if (failed(distributor.distribute(op)))
      return failure();
    rewriter.eraseOp(op);
  }
  // What the scalars replaced.
  dropCarriedVectors(rewriter, kernel);
  (void)runRegionDCE(rewriter, kernel->getRegions());
  return verifyNoContractions(kernel);
}

namespace {
struct DistributeVectorsPass
    : mqa::impl::MQADistributeVectorsPassBase<DistributeVectorsPass> {
  void runOnOperation() override {
    gpu::GPUFuncOp kernel = getOperation();
    // Whether an element can be computed is known when it is.
    if (failed(changeOrRestore(kernel, [&] { return distribute(kernel); })))
      signalPassFailure();
  }
};
} // namespace
