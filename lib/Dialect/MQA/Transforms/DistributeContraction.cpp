//===- DistributeContraction.cpp - Contractions on the tensor cores -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DistributeOps.h"
#include "mqa/Dialect/MQA/IR/Hopper.h"
#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::hopper;

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
  if (to.size() + 1 != from.size() ||
      to[0] * to[1] != from[0] * from[1] * from[2] ||
      to.drop_front(2) != from.drop_front(3))
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

LogicalResult mqa::distributeContraction(IRRewriter &b,
                                         const FragmentLayout &layout,
                                         VectorScalars &scalars,
                                         vector::ContractionOp contract) {
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
  int64_t queries = layout.getNumQueries();
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
