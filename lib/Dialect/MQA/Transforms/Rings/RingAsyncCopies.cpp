//===- RingAsyncCopies.cpp - Slots that lanes fill by chunks --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The lanes of the warps that fill a ring copy 16 bytes each, asynchronously or
// not, and write them where the swizzle of TMA would have put them.
//
//===----------------------------------------------------------------------===//

#include "DecodeFp8.h"
#include "RingLowering.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::shapes;

namespace {
/// Where a chunk comes from: elements of a row of `memref`, at `indices` of it,
/// and how many of them there are (the others become zero).
struct ChunkSource {
  Value memref;
  SmallVector<Value> indices;
  Value count;
};

/// Copies one tile of a slot.
class ChunkCopier {
public:
  ChunkCopier(OpBuilder &b, Location loc, FillTileOp op, Value lane,
              int64_t numLanes)
      : b(b), loc(loc), op(op), lane(lane), numLanes(numLanes),
        tile(op.getTileType()), layout(mqa::getLayout(tile)),
        perChunk(kChunkBytes * 8 / tile.getElementTypeBitWidth()) {}

  /// Into a flat memref of which element `first` is the slot's first:
  /// asynchronously, or by loads and stores.
  void copy(Value flat, Value first);

private:
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  Value add(Value lhs, Value rhs) {
    return arith::AddIOp::create(b, loc, lhs, rhs);
  }
  Value divide(Value value, int64_t by) {
    return arith::DivUIOp::create(b, loc, value, constant(by));
  }
  Value remainder(Value value, int64_t by) {
    return arith::RemUIOp::create(b, loc, value, constant(by));
  }
  Value isBelow(Value value, Value end) {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, value, end);
  }
  SmallVector<Value> getSourceCoordinates(Value chunk);
  Value getCount(Value isInside, Value at, Value size);
  Value getRow(Value source, Value row) { return takeRow(b, loc, source, row); }
  ChunkSource fromView(memref::SubViewOp view, ArrayRef<Value> at);
  ChunkSource fromBlocks(GatherBlocksOp blocks, ArrayRef<Value> at);
  ChunkSource fromBlocksOfMatrix(GatherBlocksOp blocks, Value block, Value slot,
                                 ArrayRef<Value> at);
  Value swizzle(Value chunk);
  Value load(const ChunkSource &from);

  OpBuilder &b;
  Location loc;
  FillTileOp op;
  /// This one of so many, of all warps that fill the tile.
  Value lane;
  int64_t numLanes;
  MemRefType tile;
  StagedLayoutAttr layout;
  int64_t perChunk;
};
} // namespace

/// Where the chunk's first element is in the source.
SmallVector<Value> ChunkCopier::getSourceCoordinates(Value chunk) {
  ArrayRef<int64_t> shape = layout.getShape();
  int64_t rank = shape.size();
  SmallVector<OpFoldResult> at(rank);
  for (int64_t dim = rank - 1; dim >= 0; --dim) {
    bool isLast = dim == rank - 1;
    int64_t size = shape[dim] / (isLast ? perChunk : 1);
    Value own = dim == 0 ? chunk : remainder(chunk, size);
    chunk = divide(chunk, size);
    if (isLast)
      own = arith::MulIOp::create(b, loc, own, constant(perChunk));
    at[dim] = own;
  }
  AffineMap map = layout.getTileMap();
  SmallVector<Value> coordinates;
  for (unsigned i = 0; i < map.getNumResults(); ++i)
    coordinates.push_back(getValueOrCreateConstantIndexOp(
        b, loc,
        affine::makeComposedFoldedAffineApply(b, loc, map.getSubMap({i}), at)));
  return coordinates;
}

/// How many of the chunk's elements lie below `size`, from `at` on; none
/// outside.
Value ChunkCopier::getCount(Value isInside, Value at, Value size) {
  Value rest = arith::SubIOp::create(b, loc, size, at);
  rest = arith::MaxSIOp::create(b, loc, rest, constant(0));
  rest = arith::MinSIOp::create(b, loc, rest, constant(perChunk));
  if (!isInside)
    return rest;
  return arith::SelectOp::create(b, loc, isInside, rest, constant(0));
}

Value mqa::takeRow(OpBuilder &b, Location loc, Value source, Value row) {
  auto type = cast<MemRefType>(source.getType());
  SmallVector<int64_t> shape{ShapedType::kDynamic};
  llvm::append_range(shape, type.getShape().drop_front());
  auto rowType =
      MemRefType::get(shape, type.getElementType(),
                      StridedLayoutAttr::get(b.getContext(), 0,
                                             type.getStridesAndOffset().first),
                      type.getMemorySpace());
  return RowBlockOp::create(b, loc, rowType, source, row,
                            arith::ConstantIndexOp::create(b, loc, 1));
}

ChunkSource ChunkCopier::fromView(memref::SubViewOp view, ArrayRef<Value> at) {
  llvm::SmallBitVector dropped = view.getDroppedDims();
  SmallVector<Value> indices;
  Value isInside, count;
  unsigned kept = 0;
  int64_t last = view.getSourceType().getRank() - 1;
  for (auto [dim, offset, size] :
       llvm::enumerate(view.getMixedOffsets(), view.getMixedSizes())) {
    Value first = getValueOrCreateConstantIndexOp(b, loc, offset);
    if (dropped.test(dim)) {
      indices.push_back(first);
      continue;
    }
    Value own = at[kept++];
    Value end = getValueOrCreateConstantIndexOp(b, loc, size);
    indices.push_back(add(first, own));
    if (static_cast<int64_t>(dim) == last) {
      count = getCount(isInside, own, end);
      continue;
    }
    Value fits = isBelow(own, end);
    isInside = isInside ? arith::AndIOp::create(b, loc, isInside, fits) : fits;
  }
  Value row = getRow(view.getSource(), indices.front());
  indices.front() = constant(0);
  return {row, indices, count};
}

/// Row `slot` of block `block` of a matrix or vector.
ChunkSource ChunkCopier::fromBlocksOfMatrix(GatherBlocksOp blocks, Value block,
                                            Value slot, ArrayRef<Value> at) {
  MemRefType matrix = blocks.getCache().getType();
  Value row =
      add(arith::MulIOp::create(b, loc, block, constant(blocks.getBlockKeys())),
          slot);
  Value numRows = memref::DimOp::create(b, loc, blocks.getCache(), 0);
  // Below zero is above all.
  Value isInside = isBelow(row, numRows);
  SmallVector<Value> indices{constant(0)};
  Value count;
  if (matrix.getRank() == 1) {
    count = getCount(isInside, row, numRows);
  } else {
    indices.push_back(at.back());
    count = getCount(isInside, at.back(), constant(matrix.getShape().back()));
  }
  return {getRow(blocks.getCache(), row), indices, count};
}

/// Each lane has read the number of one of the tile's blocks.
ChunkSource ChunkCopier::fromBlocks(GatherBlocksOp blocks, ArrayRef<Value> at) {
  MemRefType cache = blocks.getCache().getType();
  int64_t blockKv = blocks.getBlockKeys();
  int64_t rank = blocks.getKeys().getType().getRank();
  bool isPart = tile.getDimSize(0) < blockKv;
  Value key = at.front();
  if (isPart)
    key = add(key, remainder(blocks.getFirst(), blockKv));
  Value fromLane = isPart ? constant(0) : divide(key, blockKv);
  Value id = gpu::ShuffleOp::create(
                 b, loc, blocks.getIds(),
                 arith::IndexCastOp::create(b, loc, b.getI32Type(), fromLane),
                 arith::ConstantIntOp::create(b, loc, kWarpThreads, 32),
                 gpu::ShuffleMode::IDX)
                 .getShuffleResult();
  Value block = arith::IndexCastOp::create(b, loc, b.getIndexType(), id);
  Value slot = isPart ? key : remainder(key, blockKv);
  if (!blocks.isPaged())
    return fromBlocksOfMatrix(blocks, block, slot, at);
  std::tie(block, slot) =
      findInPage(b, loc, block, slot, blocks.getPageBlocks(), blockKv);
  // Below zero is above all.
  Value isInside =
      isBelow(block, memref::DimOp::create(b, loc, blocks.getCache(), 0));
  SmallVector<Value> indices{constant(0), slot};
  Value last = rank == 1 ? indices.back() : at.back();
  if (rank == 2)
    indices.push_back(last);
  Value count = getCount(isInside, last, constant(cache.getShape().back()));
  return {getRow(blocks.getCache(), block), indices, count};
}

/// The chunk's place in the tile, by its layout.
Value ChunkCopier::swizzle(Value chunk) {
  int64_t columns = layout.getColumns();
  if (!columns)
    return chunk;
  Value row = divide(chunk, columns * layout.getRowsPerLine());
  return arith::XOrIOp::create(b, loc, chunk, remainder(row, columns));
}

/// The elements of a chunk: all are there, or none, which is zeros.
Value ChunkCopier::load(const ChunkSource &from) {
  auto type = VectorType::get(
      perChunk, cast<MemRefType>(from.memref.getType()).getElementType());
  Value isThere = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sgt,
                                        from.count, constant(0));
  auto ifThere = scf::IfOp::create(
      b, loc, isThere,
      [&](OpBuilder &nested, Location loc) {
        Value loaded = vector::LoadOp::create(
            nested, loc, type, from.memref, from.indices,
            /*nontemporal=*/false,
            llvm::Align(perChunk * type.getElementTypeBitWidth() / 8));
        scf::YieldOp::create(nested, loc, loaded);
      },
      [&](OpBuilder &nested, Location loc) {
        Value none =
            arith::ConstantOp::create(nested, loc, nested.getZeroAttr(type));
        scf::YieldOp::create(nested, loc, none);
      });
  return ifThere.getResult(0);
}

void ChunkCopier::copy(Value flat, Value first) {
  int64_t numChunks = tile.getNumElements() / perChunk;
  // So many copies of a lane are written out in one step of the loop.
  constexpr int64_t kBatch = 8;
  int64_t batch =
      std::min<int64_t>(llvm::divideCeil(numChunks, numLanes), kBatch);
  auto loop = scf::ForOp::create(b, loc, constant(0), constant(numChunks),
                                 constant(batch * numLanes));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  bool isWhole = numChunks % (batch * numLanes) == 0;
  // Behind the tile's last chunk, lanes do nothing.
  auto ifInTile = [&](Value chunk, function_ref<void(OpBuilder &)> act) {
    if (isWhole)
      return act(b);
    scf::IfOp::create(b, loc, isBelow(chunk, constant(numChunks)),
                      [&](OpBuilder &nested, Location loc) {
                        act(nested);
                        scf::YieldOp::create(nested, loc);
                      });
  };
  struct Loaded {
    Value chunk, into, elements;
  };
  SmallVector<Loaded> chunks;
  for (int64_t i = 0; i < batch; ++i) {
    Value chunk =
        add(loop.getInductionVar(), add(lane, constant(i * numLanes)));
    SmallVector<Value> at = getSourceCoordinates(chunk);
    Value source = op.getSource();
    auto view = source.getDefiningOp<memref::SubViewOp>();
    ChunkSource from =
        view ? fromView(view, at)
             : fromBlocks(source.getDefiningOp<GatherBlocksOp>(), at);
    Value into = add(first, arith::MulIOp::create(b, loc, swizzle(chunk),
                                                  constant(perChunk)));
    if (op.getKind() == FillKind::Chunks) {
      if (!isWhole)
        from.count =
            arith::SelectOp::create(b, loc, isBelow(chunk, constant(numChunks)),
                                    from.count, constant(0));
      chunks.push_back({chunk, into, load(from)});
    } else {
      ifInTile(chunk, [&](OpBuilder &nested) {
        AsyncCopyOp::create(nested, loc, from.memref, from.indices, flat, into,
                            from.count);
      });
    }
  }
  // All loads are under way before the first is waited for.
  for (const Loaded &loaded : chunks) {
    Value elements =
        op.isConverted() ? decodeFp8(b, loc, loaded.elements) : loaded.elements;
    ifInTile(loaded.chunk, [&](OpBuilder &nested) {
      vector::StoreOp::create(nested, loc, elements, flat, loaded.into,
                              /*nontemporal=*/false, llvm::Align(kChunkBytes));
    });
  }
}

/// The thread's number among those that fill the ring, which LLVM must take for
/// another one in every slot. Where the lane's chunks lie in a tile is the same
/// for all tiles: LLVM would compute it before the loop, for all chunks of all
/// rings, which no warp has the registers for.
Value RingLowering::getOwnLane(const LoweredRing &ring) {
  Value thread = gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x);
  Type i32 = b.getI32Type();
  auto opaque = LLVM::InlineAsmOp::create(
      b, loc, i32, arith::IndexCastOp::create(b, loc, i32, thread).getResult(),
      "mov.b32 $0, $1;", "=r,r", /*has_side_effects=*/true,
      /*is_align_stack=*/false, LLVM::TailCallKind::None,
      LLVM::AsmDialectAttr::get(b.getContext(), LLVM::AsmDialect::AD_ATT),
      /*operand_attrs=*/ArrayAttr());
  Value number =
      arith::IndexCastOp::create(b, loc, b.getIndexType(), opaque.getRes());
  // Behind the copy, so that LLVM knows how large it is.
  return arith::RemUIOp::create(b, loc, number, constant(ring.threads));
}

/// Fills a tile in chunks: thread `lane` of those that fill the ring.
void RingLowering::fillByChunks(const LoweredRing &ring, FillTileOp op,
                                Value lane, Slot slot) {
  unsigned tile = op.getTileIndex();
  auto buffer = cast<MemRefType>(ring.buffers[tile].getType());
  ReassociationIndices all(
      llvm::to_vector(llvm::seq<int64_t>(buffer.getRank())));
  Value flat = memref::CollapseShapeOp::create(
      b, loc, ring.buffers[tile], ArrayRef<ReassociationIndices>{all});
  Value first = arith::MulIOp::create(
      b, loc, slot.index,
      constant(ring.type.getTiles()[tile].getNumElements()));
  if (!copyByBlocks(b, loc, op, lane, ring.threads, flat, first))
    ChunkCopier(b, loc, op, lane, ring.threads).copy(flat, first);
}
