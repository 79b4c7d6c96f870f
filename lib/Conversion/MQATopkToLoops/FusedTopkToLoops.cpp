//===- FusedTopkToLoops.cpp - Logits and mqa.topk as loops of tiles -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which rows are selected from together, for each op that computes logits, and
// what a tile of their logits is.
//
//===----------------------------------------------------------------------===//

#include "FusedTopk.h"
#include "mqa/Dialect/MQA/IR/EmptyOperands.h"
#include "mqa/Dialect/MQA/IR/KeyBlockTiles.h"
#include "mqa/Dialect/MQA/IR/SequenceTiles.h"
#include "mqa/Dialect/MQA/Transforms/KernelFunctions.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"

using namespace mlir;
using namespace mlir::mqa;
using arith::CmpIPredicate;

/// Puts `out` in the place of the slice that a tile has.
static void replaceOut(LogitsOp tile, Value out) {
  Operation *slice = tile.getOut().getDefiningOp();
  tile.getOutMutable().assign(out);
  slice->erase();
}

/// Rows are those of queries next to each other.
static LogicalResult convert(ImplicitLocOpBuilder &b, TopkOp topk,
                             LogitsOp logits, CandidateBuffer &buffer,
                             int64_t numRows) {
  if (!logits.getRanges())
    logits.replaceBounds(logits.getOrMakeRanges(b));
  FusedTopk select(b, topk, logits, numRows, buffer, Ranges::get(b, topk));
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value step = arith::ConstantIndexOp::create(b, numRows);
  Value end = memref::DimOp::create(b, topk.getIndices(), int64_t(0));
  auto blocks = scf::ForOp::create(b, zero, end, step);
  b.setInsertionPointToStart(blocks.getBody());
  OpFoldResult row = blocks.getInductionVar();
  AffineExpr d0, d1;
  bindDims(b.getContext(), d0, d1);
  OpFoldResult count = affine::makeComposedFoldedAffineMin(
      b, b.getLoc(),
      AffineMap::get(2, 0, {b.getAffineConstantExpr(numRows), d1 - d0},
                     b.getContext()),
      {row, end});
  return select.writeRows(
      blocks.getInductionVar(), count,
      [&](Value first, OpFoldResult size, Value out) -> LogicalResult {
        FailureOr<TilingResult> tiling =
            logits.getTiledImplementation(b, {row, first}, {count, size});
        if (failed(tiling))
          return logits.emitOpError("has no tiles to select from");
        replaceOut(cast<LogitsOp>(tiling->tiledOps.front()), out);
        return success();
      });
}

/// Selects from `count` rows from `row` on, of which `rows` says what `tiles`
/// makes tiles of their logits from. `rows` has an `out` that nobody needs
/// then.
template <typename TilesT, typename RowsT>
static LogicalResult writeTiles(ImplicitLocOpBuilder &b, FusedTopk &select,
                                TilesT &tiles, const RowsT &rows, Value row,
                                OpFoldResult count) {
  LogicalResult result = select.writeRows(
      row, count,
      [&](Value first, OpFoldResult size, Value out) -> LogicalResult {
        Value numKeys = getValueOrCreateConstantIndexOp(b, b.getLoc(), size);
        replaceOut(tiles.createTile(b, rows, first, numKeys), out);
        return success();
      });
  rows.out.getDefiningOp()->erase();
  return result;
}

/// Rows are those of a sequence.
static LogicalResult convert(ImplicitLocOpBuilder &b, TopkOp topk,
                             PagedLogitsOp logits, CandidateBuffer &buffer,
                             int64_t numRows) {
  SequenceTiles tiles(logits);
  // They end where the table does.
  Value ranges = tiles.makeRanges(b);
  FusedTopk select(b, topk, logits, numRows, buffer, Ranges::get(b, ranges));
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value one = arith::ConstantIndexOp::create(b, 1);
  Value end =
      getValueOrCreateConstantIndexOp(b, b.getLoc(), tiles.getNumSequences(b));
  auto sequences = scf::ForOp::create(b, zero, end, one);
  b.setInsertionPointToStart(sequences.getBody());
  Value index = sequences.getInductionVar();
  Sequence sequence =
      tiles.getSequence(b, ranges, index, getRows,
                        /*getsRowsOfWeights=*/true, /*getsRowsOfQScale=*/true);
  Value row = arith::MulIOp::create(
      b, index, arith::ConstantIndexOp::create(b, numRows).getResult());
  return writeTiles(b, select, tiles, sequence, row, b.getIndexAttr(numRows));
}

/// The run that begins at `row`: it and those behind it that are of its
/// sequence, as far as there are `numRows` and as many rows as `numAll`.
static Run findRun(ImplicitLocOpBuilder &b, const Ranges &runs, Value row,
                   int64_t numRows, Value numAll) {
  Value one = arith::ConstantIndexOp::create(b, 1);
  Run run;
  run.row = row;
  run.sequence = runs.loadSequence(b, b.getLoc(), row).first;
  Value most = arith::AddIOp::create(
      b, row, arith::ConstantIndexOp::create(b, numRows).getResult());
  Value behind = arith::MinSIOp::create(b, most, numAll);
  auto end = scf::ForOp::create(
      b, arith::AddIOp::create(b, row, one), behind, one, ValueRange{behind},
      [&](OpBuilder &nested, Location loc, Value next, ValueRange carried) {
        Value sequence = runs.loadSequence(nested, loc, next).first;
        Value isOther = arith::CmpIOp::create(nested, loc, CmpIPredicate::ne,
                                              sequence, run.sequence);
        Value here =
            arith::SelectOp::create(nested, loc, isOther, next, behind);
        scf::YieldOp::create(
            nested, loc,
            Value(arith::MinSIOp::create(nested, loc, carried[0], here)));
      });
  run.numRows = arith::SubIOp::create(b, end.getResult(0), row);
  return run;
}

/// Rows are those of a run, some at a time.
static LogicalResult convertRuns(ImplicitLocOpBuilder &b, TopkOp topk,
                                 PagedLogitsOp logits, CandidateBuffer &buffer,
                                 int64_t numRows) {
  SequenceTiles tiles(logits);
  Value ranges = tiles.makeRanges(b);
  // A row that names no line of the table sees no key.
  Ranges runs = Ranges::get(b, tiles.nameSequences(b, ranges));
  FusedTopk select(b, topk, logits, numRows, buffer, runs);
  Type index = b.getIndexType();
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value numAll = runs.getNumRows(b, b.getLoc());
  auto loop = scf::WhileOp::create(b, TypeRange(index), ValueRange(zero));
  Block *before =
      b.createBlock(&loop.getBefore(), {}, TypeRange(index), b.getLoc());
  Value isThere = arith::CmpIOp::create(b, CmpIPredicate::slt,
                                        before->getArgument(0), numAll);
  scf::ConditionOp::create(b, isThere, before->getArguments());
  Block *body =
      b.createBlock(&loop.getAfter(), {}, TypeRange(index), b.getLoc());
  Run run = findRun(b, runs, body->getArgument(0), numRows, numAll);
  Value next = arith::AddIOp::create(b, run.row, run.numRows);
  // Rows without a key name no line; nothing is read of the first.
  run.sequence = arith::MaxSIOp::create(b, run.sequence, zero);
  Sequence sequence =
      tiles.getRun(b, ranges, run, getRows, /*getsRowsOfWeights=*/true,
                   /*getsRowsOfQScale=*/true);
  LogicalResult result =
      writeTiles(b, select, tiles, sequence, run.row, run.numRows);
  scf::YieldOp::create(b, next);
  return result;
}

/// A row has key blocks of its own.
static LogicalResult convertKeyBlocks(ImplicitLocOpBuilder &b, TopkOp topk,
                                      LogitsOpInterface logits,
                                      CandidateBuffer &buffer) {
  auto contiguous = dyn_cast<LogitsOp>(*logits);
  KeyBlockTiles tiles =
      contiguous ? KeyBlockTiles(contiguous,
                                 memref::DimOp::create(b, logits.getK(), 0))
                 : KeyBlockTiles(cast<PagedLogitsOp>(*logits));
  tiles.makeRanges(b);
  FusedTopk select(b, topk, logits, /*numRows=*/1, buffer,
                   Ranges::get(b, topk));
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value one = arith::ConstantIndexOp::create(b, 1);
  Value end =
      getValueOrCreateConstantIndexOp(b, b.getLoc(), tiles.getNumRows(b));
  auto rows = scf::ForOp::create(b, zero, end, one);
  b.setInsertionPointToStart(rows.getBody());
  Value row = rows.getInductionVar();
  std::optional<TableLine> line;
  if (tiles.namesSequences()) {
    Value sequence = Ranges::get(b, tiles.getKeyRanges())
                         .loadSequence(b, b.getLoc(), row)
                         .first;
    line = {arith::MaxSIOp::create(b, sequence, zero), b.getIndexAttr(1)};
  }
  KeyBlockRow blocks = tiles.getRow(b, row, getRows, /*getsRowsOfWeights=*/true,
                                    /*getsRowsOfQScale=*/true, line);
  return writeTiles(b, select, tiles, blocks, row, b.getIndexAttr(1));
}

LogicalResult mqa::convertFusedTopk(IRRewriter &rewriter, TopkOp topk,
                                    LogitsOpInterface logits) {
  // There are no slices of it.
  if (hasEmptyOperand(logits) || hasEmptyOperand(topk))
    return topk.emitOpError("fused with logits must have no operand that is "
                            "known to have no element");
  ImplicitLocOpBuilder b(topk.getLoc(), topk);
  UnstoredLogitsOp unstored = getUnstoredLogits(logits);
  auto paged = dyn_cast<PagedLogitsOp>(*logits);
  int64_t numRows = getFusedTaskRows();
  if (logits.hasKeyBlocks())
    numRows = 1;
  else if (paged && !paged.namesSequences())
    numRows = logits.getNextN();
  CandidateBuffer buffer(b, topk, topk.getNumSelected(),
                         /*blockSize=*/getFusedTileKeys(logits),
                         topk.getTieBreak(),
                         /*keepsLogits=*/bool(topk.getValues()), numRows);
  LogicalResult result = success();
  if (logits.hasKeyBlocks())
    result = convertKeyBlocks(b, topk, logits, buffer);
  else if (!paged)
    result = convert(b, topk, cast<LogitsOp>(*logits), buffer, numRows);
  else if (paged.namesSequences())
    result = convertRuns(b, topk, paged, buffer, numRows);
  else
    result = convert(b, topk, paged, buffer, numRows);
  if (failed(result))
    return failure();
  rewriter.eraseOp(topk);
  rewriter.eraseOp(logits);
  resolveSizes(rewriter, unstored);
  return success();
}
