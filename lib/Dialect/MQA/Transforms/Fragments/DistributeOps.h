//===- DistributeOps.h - Single ops of a group's vectors --------*- C++ -*-===//
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_DISTRIBUTEOPS_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_DISTRIBUTEOPS_H

#include "Kernels/WorkgroupMemory.h"
#include "VectorScalars.h"
#include "mqa/Dialect/MQA/IR/MQA.h"

namespace mlir {
namespace mqa {

/// Reports why a matrix unit cannot compute `contract` where it stands. Of the
/// kernel as it is before anything in it is distributed.
LogicalResult verifyContraction(const FragmentLayout &layout,
                                vector::ContractionOp contract);

/// Starts the WGMMA where the contraction stands, waits for it where it is
/// first used, and gives its registers to `scalars`: those of `contracts`,
/// which all become WGMMAs, that were started in between stay in flight.
LogicalResult distributeContraction(IRRewriter &b, const FragmentLayout &layout,
                                    VectorScalars &scalars,
                                    vector::ContractionOp contract,
                                    ArrayRef<vector::ContractionOp> contracts);

/// Adds up in the thread, then over the lanes, then over warps, and gives
/// `scalars` the elements that each lane ends with.
LogicalResult distributeReduction(IRRewriter &b, FragmentLayout &layout,
                                  VectorScalars &scalars,
                                  NamedBarriers &barriers,
                                  vector::MultiDimReductionOp reduction);

/// Appends `owned`, a thread's elements, to the list of their row.
LogicalResult distributeAppend(IRRewriter &b, FragmentLayout &layout,
                               VectorScalars &scalars, AppendLogitsOp op,
                               ArrayRef<Element> owned);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_DISTRIBUTEOPS_H
