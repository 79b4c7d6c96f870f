//===- DistributeOps.h - Single ops of a group's vectors --------*- C++ -*-===//
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_DISTRIBUTEOPS_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_DISTRIBUTEOPS_H

#include "HeadRowsLayout.h"
#include "Kernels/WorkgroupMemory.h"
#include "KeyRowsLayout.h"
#include "VectorScalars.h"
#include "mqa/Dialect/MQA/IR/MQA.h"

namespace mlir {
namespace mqa {

/// The tables of f4E2M1FN in blocks that are 0, 1 and so on powers of two below
/// the greatest of their key: a kernel's threads compute them once.
class MxTables {
public:
  explicit MxTables(gpu::GPUFuncOp kernel) : kernel(kernel) {}

  /// Words by halvings and half of the table, in shared memory.
  Value get();

private:
  gpu::GPUFuncOp kernel;
  Value memory;
};

/// Reports why a matrix unit cannot compute `contract` where it stands. Of the
/// kernel as it is before anything in it is distributed.
LogicalResult verifyContraction(const FragmentLayout &layout,
                                vector::ContractionOp contract);

/// Starts the WGMMA where the contraction stands, waits for it where it is
/// first used, and gives its registers to `scalars`: those of `contracts`,
/// which all become WGMMAs, that were started in between stay in flight.
LogicalResult distributeContraction(IRRewriter &b, FragmentLayout &layout,
                                    VectorScalars &scalars, MxTables &tables,
                                    vector::ContractionOp contract,
                                    ArrayRef<vector::ContractionOp> contracts);

/// Gives `scalars` the registers in which this thread has its part of the 64
/// keys of `op`, as the operand of a product whose rows they are, and the
/// exponent of the key whose sum it ends with.
void distributeDecode(IRRewriter &b, KeyRowsLayout &layout,
                      VectorScalars &scalars, MxTables &tables, DecodeMxOp op);

/// Whether `reduction` may be over heads: a sum, or a maximum, that begins with
/// what changes nothing or with another one of its kind; else reports it.
LogicalResult verifyHeadReduction(vector::MultiDimReductionOp reduction);

/// Combines heads (adds them up, or takes the maximum) in the thread, then over
/// the lanes, then over warps, and gives
/// `scalars` the elements that each lane ends with. The warps of a query share
/// the columns, or (`sharesColumns` is false) each ends with all of them.
LogicalResult distributeReduction(IRRewriter &b, HeadRowsLayout &layout,
                                  VectorScalars &scalars,
                                  NamedBarriers &barriers,
                                  vector::MultiDimReductionOp reduction,
                                  bool sharesColumns);

/// The same where rows are keys: in the thread, then over the lanes of its
/// quad. The elements are those of `sums`: the result of the only one of
/// `reductions`, or all of them joined along the keys. Where two lanes end with
/// the same elements, returns whether this is the first of them, else null.
FailureOr<Value> distributeKeyRowReduction(
    IRRewriter &b, KeyRowsLayout &layout, VectorScalars &scalars,
    ArrayRef<vector::MultiDimReductionOp> reductions, Value sums);

/// Combines the elements of lanes that differ in lane bit `bit`. Of two
/// elements whose coordinates `dim` are `delta` apart, each lane sends one and
/// keeps the other: half the shuffles, and no lane ends with a copy of
/// another's.
void combineOverLanes(OpBuilder &b, Location loc, FragmentLayout &layout,
                      vector::CombiningKind kind,
                      SmallVector<Element> &elements, int64_t dim, int64_t bit,
                      int64_t delta);

/// Whether `reduction` is a maximum over blocks of columns of logits, which are
/// [query, key].
bool isBlockMaximum(vector::MultiDimReductionOp reduction);

/// Checks such a reduction; returns the columns of a block.
FailureOr<int64_t> getBlockColumns(const HeadRowsLayout &layout,
                                   vector::MultiDimReductionOp reduction);

/// Whether the warps of a query may share the columns where maxima are over
/// blocks of so many: each block is one warp's.
bool mayShareColumns(int64_t blockColumns);

/// Takes the maximum of each block over `owned`, a thread's elements of
/// logits, and over the lanes. Gives `scalars` the blocks that each lane ends
/// with; where several lanes end with the same ones, returns whether this is
/// the first of them, else null.
FailureOr<Value> distributeBlockMaximum(IRRewriter &b, HeadRowsLayout &layout,
                                        VectorScalars &scalars,
                                        vector::MultiDimReductionOp reduction,
                                        ArrayRef<Element> owned);

/// The value of the lane whose number differs in bit `bit`.
Value exchange(OpBuilder &b, Location loc, Value value, int64_t bit);

/// Appends `owned`, a thread's elements, to the list of their row.
LogicalResult distributeAppend(IRRewriter &b, HeadRowsLayout &layout,
                               VectorScalars &scalars, AppendLogitsOp op,
                               ArrayRef<Element> owned);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_DISTRIBUTEOPS_H
