//===- TopkBody.cpp - The kernel of an mqa.topk ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Expansions/LogitCode.h"
#include "PersistentLoops.h"
#include "RegisterSelection.h"
#include "StreamSelection.h"
#include "mqa/Dialect/MQA/IR/EnumCases.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::mqa;
using arith::CmpIPredicate;

static constexpr int64_t kVectorSize = CandidateList::kVectorSize;
/// Tiles whose logits are under way at a time. They take turns: two.
static constexpr int64_t kTiles = 2;

namespace {
/// The body of a kernel of `op`, which is on the kernel's arguments.
class TopkBody {
public:
  TopkBody(DeviceBuilder &b, TopkOp op, gpu::GPUFuncOp kernel,
           const StreamSelection::Shape &shape, bool hasStream)
      : b(b), op(op), numSelected(op.getNumSelected()),
        list(b, numSelected, Ties::Place, shape.threads, shape.capacity) {
    if (shape.threads == CandidateList::kThreads &&
        RegisterSelection::supports(op))
      registers.emplace(b, op, kernel, list);
    if (hasStream)
      stream.emplace(b, op, kernel, list);
  }
  void build();

private:
  /// How many keys are selected, and whether the results are written; if not,
  /// the keys are in the list.
  struct Selected {
    Value count, isWritten;
  };

  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  void buildRow(Value row);
  void takeAll(const TopkRow &row);
  Value filter(const TopkRow &row, Value threshold);
  CandidateList::State append(const TopkRow &row,
                              const CandidateList::State &state, Value column,
                              Value logits, Value turn);
  Selected tryFirst(Value fits, function_ref<Value()> first, bool isWritten,
                    function_ref<Selected()> otherwise);
  Selected select(const TopkRow &row, Value rowIndex);
  Value selectFromStream(const TopkRow &row, Value rowIndex);
  Value selectByTiles(const TopkRow &row);
  void sort(const TopkRow &row, Value count);
  SmallVector<Value> getResults(const TopkRow &row, Value key);
  void write(const TopkRow &row, Value rowIndex, Value count);

  bool isDescending() { return prefersGreatest(op.getTieBreak()); }

  DeviceBuilder &b;
  TopkOp op;
  int64_t numSelected;
  CandidateList list;
  /// Of a kernel that has it: for short rows, and for longer ones.
  std::optional<RegisterSelection> registers;
  std::optional<StreamSelection> stream;
};
} // namespace

/// A range of at most k keys selects all of them.
void TopkBody::takeAll(const TopkRow &row) {
  Value one = constant(1);
  list.forEach(row.length, [&](Value i) {
    Value place = i;
    if (isDescending())
      place = arith::SubIOp::create(
          b, arith::SubIOp::create(b, row.length, one), i);
    Value key = arith::AddIOp::create(b, row.firstKey, i);
    memref::StoreOp::create(b,
                            arith::IndexCastOp::create(b, b.getI32Type(), key),
                            list.keys, place);
  });
}

/// What `first` selects of a row that it fits, whose results it has written or
/// not, or else `otherwise`.
TopkBody::Selected TopkBody::tryFirst(Value fits, function_ref<Value()> first,
                                      bool isWritten,
                                      function_ref<Selected()> otherwise) {
  SmallVector<Type> types{b.getIndexType(), b.getI1Type()};
  auto tried = scf::IfOp::create(b, TypeRange(types).take_front(1), fits,
                                 /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(tried.thenBlock());
  scf::YieldOp::create(b, first());
  b.setInsertionPointToStart(tried.elseBlock());
  scf::YieldOp::create(b, constant(0));
  b.setInsertionPointAfter(tried);
  Value count = tried.getResult(0);
  Value isNone = b.compare(CmpIPredicate::eq, count, constant(0));
  auto chosen = scf::IfOp::create(b, types, isNone, /*withElseRegion=*/true);
  b.setInsertionPointToStart(chosen.thenBlock());
  Selected other = otherwise();
  scf::YieldOp::create(b, ValueRange{other.count, other.isWritten});
  b.setInsertionPointToStart(chosen.elseBlock());
  Value written = arith::ConstantIntOp::create(b, isWritten, 1);
  scf::YieldOp::create(b, ValueRange{count, written});
  return {chosen.getResult(0), chosen.getResult(1)};
}

/// Selects from a row as it streams by, and returns how many keys, or 0 where
/// that does not work. In the order of keys, the results are written then; for
/// another order, the keys are in the list.
Value TopkBody::selectFromStream(const TopkRow &row, Value rowIndex) {
  auto keep = [&](Value place, Value key) {
    memref::StoreOp::create(b, b.toWord(key), list.keys, place);
  };
  if (isByScore(op.getOrder()))
    return stream->select(row, keep);
  auto getBlock = [&](Value results) {
    return results ? getRowBlock(b, b.getLoc(), results, rowIndex,
                                 b.getIndexAttr(1))
                   : Value();
  };
  Value indices = getBlock(op.getIndices()), values = getBlock(op.getValues());
  return stream->select(row, [&](Value place, Value key) {
    SmallVector<Value> results = getResults(row, key);
    SmallVector<Value> at{constant(0), place};
    memref::StoreOp::create(b, results[0], indices, at);
    if (values)
      memref::StoreOp::create(b, results[1], values, at);
  });
}

/// Leaves the k best keys of a longer range in the list, or fewer where others
/// are NaN, or writes them.
TopkBody::Selected TopkBody::select(const TopkRow &row, Value rowIndex) {
  auto byTiles = [&]() -> Selected {
    Value no = arith::ConstantIntOp::create(b, false, 1);
    if (!stream)
      return {selectByTiles(row), no};
    CandidateList::Phase phase(list);
    return {selectByTiles(row), no};
  };
  auto byStream = [&] {
    return stream ? tryFirst(
                        stream->fits(row),
                        [&] { return selectFromStream(row, rowIndex); },
                        !isByScore(op.getOrder()), byTiles)
                  : byTiles();
  };
  return registers
             ? tryFirst(
                   registers->fits(row), [&] { return registers->select(row); },
                   /*isWritten=*/false, byStream)
             : byStream();
}

/// The same, where a tile of logits after the other is looked at.
Value TopkBody::selectByTiles(const TopkRow &row) {
  Type f32 = b.getF32Type(), index = b.getIndexType();
  Value least = arith::ConstantOp::create(
      b, b.getF32FloatAttr(-std::numeric_limits<float>::infinity()));
  // Where too few keys reach the guess, all are looked at again.
  auto loop = scf::WhileOp::create(b, TypeRange(index),
                                   guessThreshold(b, row, list, numSelected));
  {
    OpBuilder::InsertionGuard guard(b);
    Block *before = b.createBlock(&loop.getBefore(), {}, f32, b.getLoc());
    Value threshold = before->getArgument(0);
    Value count = filter(row, threshold);
    Value isGuess =
        arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, threshold, least);
    Value areFew = arith::CmpIOp::create(b, CmpIPredicate::ult, count,
                                         constant(numSelected));
    scf::ConditionOp::create(b, arith::AndIOp::create(b, isGuess, areFew),
                             count);
    // The last tile had the other turn than the first one has.
    static_assert(kTiles % 2 == 0);
    b.createBlock(&loop.getAfter(), {}, index, b.getLoc());
    scf::YieldOp::create(b, least);
  }
  return list.cut(loop.getResult(0));
}

/// Puts the keys of a longer range whose logits reach `threshold` in the list,
/// or at least the k best of them, and returns how many there are.
Value TopkBody::filter(const TopkRow &row, Value threshold) {
  Value zero = constant(0), size = constant(kVectorSize);
  // A thread's first column, from the last one that is aligned at or before the
  // first, on; or before the first that is aligned at or behind the end.
  Value own = arith::MulIOp::create(b, list.thread, size), first, distance;
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
  int64_t step = kTiles * list.getTileKeys();
  auto tiles = scf::ForOp::create(b, zero, distance, constant(step),
                                  ValueRange{zero, threshold});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(tiles.getBody());
  SmallVector<Value> columns, logits;
  for (int64_t i = 0; i < kTiles; ++i) {
    Value ahead = arith::AddIOp::create(b, tiles.getInductionVar(),
                                        constant(i * list.getTileKeys()));
    columns.push_back(isDescending()
                          ? Value(arith::SubIOp::create(b, first, ahead))
                          : Value(arith::AddIOp::create(b, first, ahead)));
    logits.push_back(row.loadLogits(b, columns.back(), kVectorSize));
  }
  CandidateList::State state{tiles.getRegionIterArg(0),
                             tiles.getRegionIterArg(1)};
  for (auto [turn, column, vector] : llvm::enumerate(columns, logits))
    state = append(row, state, column, vector, constant(turn));
  scf::YieldOp::create(b, ValueRange{state.count, state.threshold});
  return tiles.getResult(0);
}

/// Appends this thread's `logits` of `column` and those behind it.
CandidateList::State TopkBody::append(const TopkRow &row,
                                      const CandidateList::State &state,
                                      Value column, Value logits, Value turn) {
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
  return list.append(state, [&](const CandidateList::State &state) {
    return AppendCandidatesOp::create(
        b, b.getIndexType(), b.getI1Type(), logits, key,
        /*own_keys=*/Value(), state.threshold, mask,
        /*takes_nan=*/Value(), turn, list.codes, list.keys, state.count,
        isDescending());
  });
}

/// By their logits, which are read again: a forced key stands where its own
/// puts it.
void TopkBody::sort(const TopkRow &row, Value count) {
  list.forEach(count, [&](Value i) {
    Value key = arith::IndexCastOp::create(
        b, b.getIndexType(), memref::LoadOp::create(b, list.keys, i));
    Value column = arith::SubIOp::create(b, key, row.keyOfColumn0);
    memref::StoreOp::create(b, emitCode(b, row.loadLogit(b, column)),
                            list.codes, i);
  });
  SortCandidatesOp::create(b, list.codes, list.keys, count,
                           llvm::PowerOf2Ceil(numSelected), SortBy::Score,
                           op.getTieBreak());
}

/// What row `row` gets for `key`: an index, and a logit where it has values.
SmallVector<Value> TopkBody::getResults(const TopkRow &row, Value key) {
  SmallVector<Value> results{row.getIndex(b, key)};
  if (op.getValues())
    results.push_back(
        row.loadLogit(b, arith::SubIOp::create(b, key, row.keyOfColumn0)));
  return results;
}

void TopkBody::write(const TopkRow &row, Value rowIndex, Value count) {
  Value one = constant(1);
  // The list has descending keys where the greatest of equal ones is best.
  bool isReversed = isDescending() && isByKey(op.getOrder());
  list.write(
      op.getIndices(), op.getValues(), rowIndex, count, [&](Value place) {
        if (isReversed)
          place = arith::SubIOp::create(b, arith::SubIOp::create(b, count, one),
                                        place);
        Value key = arith::IndexCastOp::create(
            b, b.getIndexType(), memref::LoadOp::create(b, list.keys, place));
        return getResults(row, key);
      });
}

void TopkBody::buildRow(Value rowIndex) {
  TopkRow row(b, op, rowIndex);
  Value isShort = arith::CmpIOp::create(b, CmpIPredicate::ule, row.length,
                                        constant(numSelected));
  SmallVector<Type> types{b.getIndexType(), b.getI1Type()};
  auto choose = scf::IfOp::create(b, types, isShort, /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(choose.thenBlock());
    takeAll(row);
    Value no = arith::ConstantIntOp::create(b, false, 1);
    scf::YieldOp::create(b, ValueRange{row.length, no});
    b.setInsertionPointToStart(choose.elseBlock());
    Selected selected = select(row, rowIndex);
    scf::YieldOp::create(b, ValueRange{selected.count, selected.isWritten});
  }
  Value count = choose.getResult(0), isWritten = choose.getResult(1);
  auto finish = [&] {
    gpu::BarrierOp::create(b);
    if (isByScore(op.getOrder()))
      sort(row, count);
    write(row, rowIndex, count);
  };
  if (stream && !isByScore(op.getOrder())) {
    Value isLeft = b.compare(CmpIPredicate::eq, isWritten,
                             arith::ConstantIntOp::create(b, false, 1));
    b.ifTrue(isLeft, [&] {
      CandidateList::Phase phase(list);
      finish();
    });
  } else {
    finish();
  }
  // The next row uses the list again.
  gpu::BarrierOp::create(b);
}

/// Keeps LLVM from computing ahead of the loop over rows what does not depend
/// on the row. That of all ways to select does not fit the registers, it would
/// be spilled and loaded again, and most blocks have one row.
static void keepInside(scf::ForOp rows) {
  MLIRContext *context = rows.getContext();
  auto licm =
      LLVM::LoopLICMAttr::get(context, /*disable=*/BoolAttr::get(context, true),
                              /*versioningDisable=*/{});
  rows->setDiscardableAttr(
      LLVM::LoopAnnotationAttr::name,
      LLVM::LoopAnnotationAttr::get(
          context, /*disableNonforced=*/{}, /*vectorize=*/{}, /*interleave=*/{},
          /*unroll=*/{}, /*unrollAndJam=*/{}, licm, /*distribute=*/{},
          /*pipeline=*/{}, /*peeled=*/{}, /*unswitch=*/{}, /*mustProgress=*/{},
          /*isVectorized=*/{}, /*startLoc=*/{}, /*endLoc=*/{},
          /*parallelAccesses=*/{}));
}

void TopkBody::build() {
  list.create();
  if (registers)
    registers->allocate();
  if (stream)
    stream->allocate();
  OpFoldResult rows = memref::getMixedSize(b, b.getLoc(), op.getIndices(), 0);
  auto loop =
      buildGridLoop(b, b.getLoc(), rows, [&](OpBuilder &nested, Value row) {
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPoint(nested.getInsertionBlock(),
                            nested.getInsertionPoint());
        buildRow(row);
      });
  keepInside(loop);
}

void mqa::buildTopkBody(DeviceBuilder &b, TopkOp op, gpu::GPUFuncOp kernel,
                        const StreamSelection::Shape &shape, bool hasStream) {
  TopkBody(b, op, kernel, shape, hasStream).build();
}
