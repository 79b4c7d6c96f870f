//===- TileTopk.cpp - Makes a kernel of each mqa.topk ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Expansions/LogitCode.h"
#include "KernelBody.h"
#include "PersistentLoops.h"
#include "TopkRow.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"
#include "mqa/Dialect/MQA/Transforms/KernelFunctions.h"
#include "mqa/Dialect/MQA/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/DebugLog.h"

#define DEBUG_TYPE "mqa-tile-topk"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQATILETOPKPASS
#include "mqa/Dialect/MQA/Transforms/Passes.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;
using arith::CmpIPredicate;

/// A block as large as can be hides the latency of barriers and loads best;
/// two of them are there at a time where registers and shared memory suffice.
/// Measured on an H200: blocks of 512 and 768 threads were slower for few rows,
/// vectors of 8 would not leave room for the list.
static constexpr int64_t kThreads = 1024, kVectorSize = 4;
static constexpr int64_t kTileKeys = kThreads * kVectorSize;
/// Room for the most keys that are selected and for a whole tile more: what
/// remains of a list that was cut always has it.
static constexpr int64_t kCapacity = 2 * kTileKeys;
static constexpr int64_t kListBytes = 2 * kCapacity * sizeof(int32_t);
/// Of the histogram and of the words of warps, beside the list.
static constexpr int64_t kScratchBytes = 9 * 1024;

namespace {
/// The body of a kernel of `op`, which is on the kernel's arguments.
class TopkBody {
public:
  TopkBody(ImplicitLocOpBuilder &b, TopkOp op)
      : b(b), op(op), numSelected(op.getNumSelected()) {}
  void build();

private:
  /// The candidates so far, and what a further one has to reach.
  struct List {
    Value count, threshold;
  };

  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  void createList();
  /// Positions from `thread` on, each thread's apart, below `end`.
  void forEach(Value end, function_ref<void(Value)> body);
  void buildRow(Value row);
  void takeAll(const TopkRow &row);
  Value select(const TopkRow &row);
  List append(const List &list, Value logits, Value forced, Value key,
              Value turn);
  void sort(const TopkRow &row, Value count);
  void write(const TopkRow &row, Value rowIndex, Value count);

  bool isDescending() { return op.getTieBreak() == TieBreak::Greatest; }

  ImplicitLocOpBuilder &b;
  TopkOp op;
  int64_t numSelected;
  Value codes, keys, thread;
};
} // namespace

void TopkBody::createList() {
  auto workgroup =
      gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  Value memory = gpu::DynamicSharedMemoryOp::create(
      b, MemRefType::get({ShapedType::kDynamic}, b.getI8Type(),
                         MemRefLayoutAttrInterface{}, workgroup));
  auto type = MemRefType::get({kCapacity}, b.getI32Type(),
                              MemRefLayoutAttrInterface{}, workgroup);
  codes = memref::ViewOp::create(b, type, memory, constant(0), ValueRange());
  keys = memref::ViewOp::create(b, type, memory, constant(kListBytes / 2),
                                ValueRange());
  thread = gpu::ThreadIdOp::create(b, gpu::Dimension::x);
}

void TopkBody::forEach(Value end, function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(b, thread, end, constant(kThreads));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

/// A range of at most k keys selects all of them.
void TopkBody::takeAll(const TopkRow &row) {
  Value one = constant(1);
  forEach(row.length, [&](Value i) {
    Value place = i;
    if (isDescending())
      place = arith::SubIOp::create(
          b, arith::SubIOp::create(b, row.length, one), i);
    Value key = arith::AddIOp::create(b, row.firstKey, i);
    memref::StoreOp::create(
        b, arith::IndexCastOp::create(b, b.getI32Type(), key), keys, place);
  });
}

/// Appends a vector of each thread. Where it has no room, the list is cut
/// before: then it has.
TopkBody::List TopkBody::append(const List &list, Value logits, Value forced,
                                Value key, Value turn) {
  Type index = b.getIndexType(), f32 = b.getF32Type();
  auto build = [&](const List &list) {
    return AppendCandidatesOp::create(b, index, b.getI1Type(), logits, key,
                                      list.threshold, forced, turn, codes, keys,
                                      list.count, isDescending());
  };
  auto appended = build(list);
  auto choose = scf::IfOp::create(b, TypeRange{index, f32}, appended.getFits(),
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(choose.thenBlock());
  scf::YieldOp::create(b, ValueRange{appended.getNewCount(), list.threshold});
  b.setInsertionPointToStart(choose.elseBlock());
  Value threshold =
      CutCandidatesOp::create(b, f32, codes, keys, list.count, numSelected);
  auto again = build({constant(numSelected), threshold});
  scf::YieldOp::create(b, ValueRange{again.getNewCount(), threshold});
  return {choose.getResult(0), choose.getResult(1)};
}

/// Leaves the k best keys of a longer range in the list, or fewer where others
/// are NaN, and returns how many.
Value TopkBody::select(const TopkRow &row) {
  Value zero = constant(0), one = constant(1), size = constant(kVectorSize);
  // A thread's first column, from the last one that is aligned at or before the
  // first, on; or before the first that is aligned at or behind the end.
  Value own = arith::MulIOp::create(b, thread, size), first, distance;
  if (isDescending()) {
    Value over = row.getMisalignment(b, row.endColumn, kVectorSize);
    over =
        arith::RemUIOp::create(b, arith::SubIOp::create(b, size, over), size);
    Value end = arith::AddIOp::create(b, row.endColumn, over);
    distance = arith::SubIOp::create(b, end, row.firstColumn);
    first = arith::SubIOp::create(b, end, arith::AddIOp::create(b, own, size));
  } else {
    Value start = arith::SubIOp::create(
        b, row.firstColumn,
        row.getMisalignment(b, row.firstColumn, kVectorSize));
    distance = arith::SubIOp::create(b, row.endColumn, start);
    first = arith::AddIOp::create(b, start, own);
  }
  Value least = arith::ConstantOp::create(
      b, b.getF32FloatAttr(-std::numeric_limits<float>::infinity()));
  auto tiles = scf::ForOp::create(b, zero, distance, constant(kTileKeys),
                                  ValueRange{zero, least, zero});
  List list{tiles.getResult(0), tiles.getResult(1)};
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(tiles.getBody());
    Value column =
        isDescending()
            ? Value(arith::SubIOp::create(b, first, tiles.getInductionVar()))
            : Value(arith::AddIOp::create(b, first, tiles.getInductionVar()));
    Value logits = row.loadLogits(b, column, kVectorSize);
    SmallVector<Value> elements, forced;
    Value key = arith::AddIOp::create(b, column, row.keyOfColumn0);
    for (int64_t i = 0; i < kVectorSize; ++i) {
      int64_t at = isDescending() ? kVectorSize - 1 - i : i;
      elements.push_back(vector::ExtractOp::create(b, logits, at));
      if (op.getForceFirst() || op.getForceLast())
        forced.push_back(
            row.isForced(b, arith::AddIOp::create(b, column, constant(at))));
    }
    if (isDescending()) {
      logits = vector::FromElementsOp::create(
          b, cast<VectorType>(logits.getType()), elements);
      key = arith::AddIOp::create(b, key, constant(kVectorSize - 1));
    }
    Value mask;
    if (!forced.empty())
      mask = vector::FromElementsOp::create(
          b, VectorType::get(kVectorSize, b.getI1Type()), forced);
    Value turn = tiles.getRegionIterArg(2);
    List next = append({tiles.getRegionIterArg(0), tiles.getRegionIterArg(1)},
                       logits, mask, key, turn);
    scf::YieldOp::create(b, ValueRange{next.count, next.threshold,
                                       arith::SubIOp::create(b, one, turn)});
  }
  Value most = constant(numSelected);
  Value isLong = arith::CmpIOp::create(b, CmpIPredicate::ugt, list.count, most);
  auto cut = scf::IfOp::create(b, isLong, /*withElseRegion=*/false);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(cut.thenBlock());
    CutCandidatesOp::create(b, b.getF32Type(), codes, keys, list.count,
                            numSelected);
  }
  return arith::MinUIOp::create(b, list.count, most);
}

/// By their logits, which are read again: a forced key stands where its own
/// puts it.
void TopkBody::sort(const TopkRow &row, Value count) {
  forEach(count, [&](Value i) {
    Value key = arith::IndexCastOp::create(b, b.getIndexType(),
                                           memref::LoadOp::create(b, keys, i));
    Value column = arith::SubIOp::create(b, key, row.keyOfColumn0);
    memref::StoreOp::create(b, emitCode(b, row.loadLogit(b, column)), codes, i);
  });
  SortCandidatesOp::create(b, codes, keys, count,
                           llvm::PowerOf2Ceil(numSelected), op.getTieBreak());
}

void TopkBody::write(const TopkRow &row, Value rowIndex, Value count) {
  Value zero = constant(0), one = constant(1);
  Location loc = b.getLoc();
  Value indices =
      getRowBlock(b, loc, op.getIndices(), rowIndex, b.getIndexAttr(1));
  Value values;
  if (op.getValues())
    values = getRowBlock(b, loc, op.getValues(), rowIndex, b.getIndexAttr(1));
  Value none = arith::ConstantIntOp::create(b, -1, 32);
  Value least = arith::ConstantOp::create(
      b, b.getF32FloatAttr(-std::numeric_limits<float>::infinity()));
  // The list has descending keys where the greatest of equal ones is best.
  bool isReversed = isDescending() && op.getOrder() == Order::Key;
  forEach(constant(numSelected), [&](Value i) {
    Value isSelected = arith::CmpIOp::create(b, CmpIPredicate::ult, i, count);
    SmallVector<Type> types{b.getI32Type()};
    if (values)
      types.push_back(b.getF32Type());
    auto chosen = scf::IfOp::create(b, types, isSelected,
                                    /*withElseRegion=*/true);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(chosen.thenBlock());
      Value place = i;
      if (isReversed)
        place =
            arith::SubIOp::create(b, arith::SubIOp::create(b, count, one), i);
      Value key = arith::IndexCastOp::create(
          b, b.getIndexType(), memref::LoadOp::create(b, keys, place));
      SmallVector<Value> results{row.getIndex(b, key)};
      if (values)
        results.push_back(
            row.loadLogit(b, arith::SubIOp::create(b, key, row.keyOfColumn0)));
      scf::YieldOp::create(b, results);
      b.setInsertionPointToStart(chosen.elseBlock());
      results[0] = none;
      if (values)
        results[1] = least;
      scf::YieldOp::create(b, results);
    }
    memref::StoreOp::create(b, chosen.getResult(0), indices,
                            ValueRange{zero, i});
    if (values)
      memref::StoreOp::create(b, chosen.getResult(1), values,
                              ValueRange{zero, i});
  });
}

void TopkBody::buildRow(Value rowIndex) {
  TopkRow row(b, op, rowIndex);
  Value isShort = arith::CmpIOp::create(b, CmpIPredicate::ule, row.length,
                                        constant(numSelected));
  auto choose = scf::IfOp::create(b, TypeRange(b.getIndexType()), isShort,
                                  /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(choose.thenBlock());
    takeAll(row);
    scf::YieldOp::create(b, row.length);
    b.setInsertionPointToStart(choose.elseBlock());
    scf::YieldOp::create(b, select(row));
  }
  Value count = choose.getResult(0);
  gpu::BarrierOp::create(b);
  if (op.getOrder() == Order::Score)
    sort(row, count);
  write(row, rowIndex, count);
  // The next row uses the list again.
  gpu::BarrierOp::create(b);
}

void TopkBody::build() {
  createList();
  OpFoldResult rows = memref::getMixedSize(b, b.getLoc(), op.getIndices(), 0);
  buildGridLoop(b, b.getLoc(), rows, [&](OpBuilder &nested, Value row) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(nested.getInsertionBlock(), nested.getInsertionPoint());
    buildRow(row);
  });
}

static LogicalResult makeKernel(RewriterBase &rewriter, gpu::GPUModuleOp module,
                                func::FuncOp func) {
  FailureOr<KernelOpInterface> found = verifyKernelFunction(func);
  if (failed(found))
    return failure();
  auto topk = cast<TopkOp>(found->getOperation());
  if (topk->getNumResults())
    return topk.emitOpError("must be bufferized before it is tiled");
  FailureOr<const ChipInfo *> chip = requireGpu(topk);
  if (failed(chip))
    return failure();
  if (topk.getNumSelected() + kTileKeys > kCapacity)
    return topk.emitOpError() << "must select at most " << kCapacity - kTileKeys
                              << " keys, found " << topk.getNumSelected();
  gpu::GPUFuncOp kernel = createKernel(rewriter, module, func, *found,
                                       /*schedule=*/{}, kThreads);
  StringRef name = KernelAttr::getAttrName();
  kernel->setAttr(
      name, kernel->getAttrOfType<KernelAttr>(name).withDynamicSharedMemory(
                kListBytes));
  // Two blocks hide each other's barriers.
  bool hasTwo = 2 * (kListBytes + kScratchBytes) <= (*chip)->blockSharedMemory;
  LDBG() << func.getName() << ": " << (hasTwo ? "two blocks" : "one block")
         << " for a multiprocessor of " << (*chip)->name;
  if (hasTwo)
    kernel->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                    rewriter.getI32IntegerAttr(2));

  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPointToStart(&kernel.getBody().front());
  IRMapping mapping;
  mapping.map(func.getArguments(), kernel.getArguments());
  auto onDevice = cast<TopkOp>(rewriter.clone(*topk, mapping));
  ImplicitLocOpBuilder b(topk.getLoc(), onDevice);
  TopkBody(b, onDevice).build();
  rewriter.eraseOp(onDevice);
  rewriter.eraseOp(func);
  return success();
}

namespace {
struct TileTopkPass : mqa::impl::MQATileTopkPassBase<TileTopkPass> {
  void runOnOperation() override {
    if (failed(makeKernels(getOperation(), llvm::IsaPred<TopkOp>, makeKernel)))
      signalPassFailure();
  }
};
} // namespace
