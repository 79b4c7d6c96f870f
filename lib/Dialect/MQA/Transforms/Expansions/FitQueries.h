//===- FitQueries.h - What mqa.fit_queries can be expanded ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_FITQUERIES_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_FITQUERIES_H

#include "mqa/Dialect/MQA/IR/MQA.h"

namespace mlir {
namespace mqa {

/// Bytes of queries that a lane takes at a time.
inline constexpr int64_t kFitLaneBytes = 16;

/// Reports why `op` cannot be expanded to code of its threads.
LogicalResult verifyFitQueries(FitQueriesOp op);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_FITQUERIES_H
