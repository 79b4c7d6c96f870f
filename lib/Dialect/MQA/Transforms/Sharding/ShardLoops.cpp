//===- ShardLoops.cpp - What of an op may be sharded ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ShardLoops.h"

#include "mqa/Dialect/MQA/IR/EnumCases.h"

#include "mlir/IR/AffineMap.h"

using namespace mlir;
using namespace mlir::mqa;
using shard::GridAxis;
using shard::Sharding;

namespace {

/// Numbers the loops of an op while its operands are gone through.
class LoopBuilder {
public:
  explicit LoopBuilder(Operation *op) : op(op) {}

  /// An operand or result with these loops as dimensions, `kWhole` for those
  /// that are not sharded, as are those behind: the block scales of a word. One
  /// that is absent adds nothing.
  static constexpr int kWhole = -1;
  void add(Value value, ArrayRef<int> loops) {
    if (!value)
      return;
    SmallVector<AffineExpr> exprs;
    for (int loop : loops)
      exprs.push_back(getAffineDimExpr(loop == kWhole ? numLoops++ : loop,
                                       op->getContext()));
    int64_t rank = cast<ShapedType>(value.getType()).getRank();
    while (static_cast<int64_t>(exprs.size()) < rank)
      exprs.push_back(getAffineDimExpr(numLoops++, op->getContext()));
    dims.push_back(std::move(exprs));
  }
  /// One that is no tensor.
  void addScalar(Value value) {
    if (value)
      dims.emplace_back();
  }

  ShardLoops finish(bool sumsHeads, bool selectsKeys) {
    ShardLoops result;
    result.types.assign(numLoops, utils::IteratorType::parallel);
    if (selectsKeys)
      result.types[ShardLoops::Keys] = utils::IteratorType::reduction;
    if (sumsHeads)
      result.types[ShardLoops::Heads] = utils::IteratorType::reduction;
    for (ArrayRef<AffineExpr> exprs : dims)
      result.maps.push_back(
          AffineMap::get(numLoops, /*symbolCount=*/0, exprs, op->getContext()));
    return result;
  }

private:
  Operation *op;
  unsigned numLoops = ShardLoops::NumShardable;
  SmallVector<SmallVector<AffineExpr>> dims;
};

constexpr int kWhole = LoopBuilder::kWhole;
constexpr int kQueries = ShardLoops::Queries;
constexpr int kKeys = ShardLoops::Keys;
constexpr int kHeads = ShardLoops::Heads;

} // namespace

/// The sum of the maxima of several shards of heads is not the maximum of their
/// sum. Nor is it the maximum of all heads.
static int getHeads(LogitsOpInterface op) {
  bool addsUp = op.getColumnKeys() == 1 && isSum(op.getHeadReduction());
  return addsUp ? kHeads : kWhole;
}

/// In the order of the op's operands, as in each of the functions below.
ShardLoops mqa::getShardLoops(LogitsOp op) {
  LoopBuilder loops(op);
  // A column of compressed rows is no key, and so no shard of keys has it.
  // Nor is a column of maxima, as a shard might cut a block, or a column of a
  // query's own key blocks.
  int keys = op.hasKeyColumns() ? kKeys : kWhole;
  int heads = getHeads(op);
  // Shards of heads read shards of the groups, or all of the only one.
  SmallVector<int> k{keys}, scale{keys};
  if (op.hasKeyGroups()) {
    int groups = op.getNumGroups() == 1 ? kWhole : heads;
    k.push_back(groups);
    scale.push_back(groups);
  }
  k.push_back(kWhole);
  loops.add(op.getQ(), {kQueries, heads, kWhole});
  loops.add(op.getK(), k);
  loops.add(op.getKScale(), scale);
  loops.add(op.getWeights(), {kQueries, heads});
  loops.add(op.getKs(), {kQueries});
  loops.add(op.getKe(), {kQueries});
  loops.addScalar(op.getRanges());
  loops.addScalar(op.getKeyOffset());
  loops.add(op.getOut(), {kQueries, keys});
  loops.add(op.getKeyBlocks(), {kQueries, kWhole});
  loops.add(op.getNumKeyBlocks(), {kQueries});
  loops.add(op.getQScale(), {kQueries, heads});
  loops.add(op.getResult(), {kQueries, keys});
  return loops.finish(/*sumsHeads=*/true, /*selectsKeys=*/false);
}

/// The cache is whole on each process; shards of keys are shards of columns.
ShardLoops mqa::getShardLoops(PagedLogitsOp op) {
  LoopBuilder loops(op);
  int heads = getHeads(op);
  bool ofRows = op.namesSequences();
  if (ofRows)
    loops.add(op.getQ(), {kQueries, heads, kWhole});
  else
    loops.add(op.getQ(), {kQueries, kWhole, heads, kWhole});
  loops.add(op.getK(), {kWhole, kWhole, kWhole});
  loops.add(op.getKScale(), {kWhole, kWhole});
  loops.add(op.getWeights(), {kQueries, heads});
  if (op.hasLengthPerQuery() && !ofRows)
    loops.add(op.getContextLens(), {kQueries, kWhole});
  else
    loops.add(op.getContextLens(), {kQueries});
  // `sequence` names any row of the table.
  loops.add(op.getBlockTable(), {ofRows ? kWhole : kQueries, kWhole});
  loops.addScalar(op.getKeyOffset());
  // Nor is a column of maxima a shard's, or one of a query's own blocks.
  int keys = op.getBlockMax() || op.hasKeyBlocks() ? kWhole : kKeys;
  loops.add(op.getOut(), {kQueries, keys});
  loops.add(op.getSequence(), {kQueries});
  loops.add(op.getKeyBlocks(), {kQueries, kWhole});
  loops.add(op.getNumKeyBlocks(), {kQueries});
  loops.add(op.getQScale(), {kQueries, heads});
  loops.add(op.getResult(), {kQueries, keys});
  return loops.finish(/*sumsHeads=*/true, /*selectsKeys=*/false);
}

/// Whether `mqa.merge_topk` can put together what shards of keys select.
static bool canMerge(TopkOp op) {
  return op.getKe() && !op.getCompressed() && !op.hasKeyBlocks() &&
         !op.getBlockTable() && !op.getOffset() && op.getForceFirst() == 0 &&
         op.getForceLast() == 0;
}

ShardLoops mqa::getShardLoops(TopkOp op) {
  LoopBuilder loops(op);
  loops.add(op.getLogits(), {kQueries, canMerge(op) ? kKeys : kWhole});
  loops.add(op.getKs(), {kQueries});
  loops.add(op.getKe(), {kQueries});
  if (Value lens = op.getContextLens()) {
    if (cast<ShapedType>(lens.getType()).getRank() == 2)
      loops.add(lens, {kQueries, kWhole});
    else
      loops.add(lens, {kQueries});
  }
  // `sequence` names any row of the table.
  loops.add(op.getBlockTable(), {op.getSequence() ? kWhole : kQueries, kWhole});
  loops.add(op.getSequence(), {kQueries});
  loops.add(op.getOffset(), {kQueries});
  loops.addScalar(op.getNumKeys());
  loops.add(op.getIndices(), {kQueries, kWhole});
  loops.add(op.getValues(), {kQueries, kWhole});
  loops.add(op.getKeyBlocks(), {kQueries, kWhole});
  loops.add(op.getNumKeyBlocks(), {kQueries});
  for (Value result : op.getResults())
    loops.add(result, {kQueries, kWhole});
  return loops.finish(/*sumsHeads=*/false, /*selectsKeys=*/true);
}

ShardLoops mqa::getShardLoops(MergeTopkOp op) {
  LoopBuilder loops(op);
  loops.add(op.getListIndices(), {kWhole, kQueries, kWhole});
  loops.add(op.getListValues(), {kWhole, kQueries, kWhole});
  loops.add(op.getKs(), {kQueries});
  loops.add(op.getKe(), {kQueries});
  loops.addScalar(op.getNumKeys());
  loops.add(op.getIndices(), {kQueries, kWhole});
  loops.add(op.getValues(), {kQueries, kWhole});
  for (Value result : op.getResults())
    loops.add(result, {kQueries, kWhole});
  return loops.finish(/*sumsHeads=*/false, /*selectsKeys=*/false);
}

/// What dimension `dim` of an operand or result is called in a diagnostic.
static std::string describeDim(Operation *op, unsigned position, unsigned dim) {
  unsigned numOperands = op->getNumOperands();
  std::string name = position < numOperands
                         ? "operand " + std::to_string(position)
                         : "result " + std::to_string(position - numOperands);
  return "dimension " + std::to_string(dim) + " of " + name;
}

FailureOr<OpShards> mqa::getOpShards(Operation *op, const ShardLoops &loops,
                                     ArrayRef<Sharding> operandShardings,
                                     ArrayRef<Sharding> resultShardings,
                                     SymbolTableCollection &symbolTables) {
  OpShards result;
  SmallVector<std::optional<SmallVector<GridAxis>>> found(loops.types.size());
  std::vector<Sharding> shardings(operandShardings.begin(),
                                  operandShardings.end());
  shardings.insert(shardings.end(), resultShardings.begin(),
                   resultShardings.end());
  SmallVector<Value> values(op->getOperands());
  llvm::append_range(values, op->getResults());
  for (auto [position, value] : llvm::enumerate(values)) {
    const Sharding &sharding = shardings[position];
    if (!sharding)
      continue;
    auto grid = shard::getGridOrNull(op, sharding.getGridAttr(), symbolTables);
    if (!grid)
      return op->emitOpError("is sharded on '")
             << sharding.getGrid() << "', which is no shard.grid";
    if (result.grid && result.grid != grid)
      return op->emitOpError("is sharded on two grids, '")
             << result.grid.getSymName() << "' and '" << grid.getSymName()
             << "'";
    result.grid = grid;
    if (!sharding.getStaticHaloSizes().empty() ||
        !sharding.getStaticShardedDimsOffsets().empty())
      return op->emitOpError("cannot be sharded with halos or with offsets of "
                             "shards: shards must be equal");
    ArrayRef<shard::GridAxesAttr> splitAxes = sharding.getSplitAxes();
    ArrayRef<int64_t> shape = cast<ShapedType>(value.getType()).getShape();
    for (auto [dim, expr] :
         llvm::enumerate(loops.maps[position].getResults())) {
      // Dimensions behind the last that is named are whole.
      SmallVector<GridAxis> axes;
      if (dim < splitAxes.size())
        llvm::append_range(axes, splitAxes[dim].asArrayRef());
      unsigned loop = cast<AffineDimExpr>(expr).getPosition();
      if (!axes.empty() && loop >= ShardLoops::NumShardable)
        return op->emitOpError("cannot be sharded over ")
               << describeDim(op, position, dim);
      if (!axes.empty() && !ShapedType::isDynamic(shape[dim])) {
        int64_t count =
            shard::collectiveProcessGroupSize(axes, grid.getShape());
        if (!ShapedType::isDynamic(count) && shape[dim] % count != 0)
          return op->emitOpError("cannot be sharded equally over ")
                 << count << " processes: " << describeDim(op, position, dim)
                 << " has " << shape[dim] << " elements";
      }
      if (!found[loop])
        found[loop] = axes;
      else if (*found[loop] != axes)
        return op->emitOpError("is sharded in two ways: ")
               << describeDim(op, position, dim)
               << " is sharded over other axes than the same dimension of an "
                  "operand before it";
    }
  }
  for (unsigned loop = 0; loop < ShardLoops::NumShardable; ++loop)
    result.axes.push_back(found[loop].value_or(SmallVector<GridAxis>()));
  llvm::SmallDenseSet<GridAxis> used;
  for (ArrayRef<GridAxis> axes : result.axes)
    for (GridAxis axis : axes)
      if (!used.insert(axis).second)
        return op->emitOpError("is sharded twice over axis ") << axis;
  return result;
}
