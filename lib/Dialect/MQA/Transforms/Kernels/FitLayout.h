//===- FitLayout.h - Buffers that an op can take ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_KERNELS_FITLAYOUT_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_KERNELS_FITLAYOUT_H

#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"

namespace mlir {
namespace mqa {

/// A buffer whose layout an op takes.
struct FittingBuffer {
  Value buffer;
  /// Whether it is a copy: known when the program is compiled, or an i1 that
  /// says so when it runs.
  bool isCopy = false;
  Value isCopyAtRunTime;
};

/// `buffer` itself, if it is contiguous behind its first `numStrided`
/// dimensions; else a copy that is. Where the type does not say which, the
/// program looks at the strides when it runs. The copy has the elements of
/// `buffer` only if `isRead`.
FailureOr<FittingBuffer>
fitLayout(OpBuilder &b, Location loc, Value buffer, unsigned numStrided,
          bool isRead, const bufferization::BufferizationOptions &options);

/// Writes what is in a copy to `buffer`, which it was made of.
LogicalResult copyBack(OpBuilder &b, Location loc, const FittingBuffer &copy,
                       Value buffer,
                       const bufferization::BufferizationOptions &options);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_KERNELS_FITLAYOUT_H
