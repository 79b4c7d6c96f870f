//===- MakeLayout.cpp - The layout of a kernel's products -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MakeLayout.h"
#include "HeadRowsLayout.h"
#include "KeyRowsLayout.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::shapes;

namespace {
/// Which operand of a contraction has the rows, and how many queries and heads
/// there are: what the layout of all contractions of a kernel depends on.
struct ProductShape {
  bool hasKeyRows;
  int64_t queries, heads;

  explicit ProductShape(vector::ContractionOp contract)
      : hasKeyRows(contract.getLhsType().getRank() == 2) {
    auto type = hasKeyRows ? contract.getRhsType() : contract.getLhsType();
    queries = type.getDimSize(0);
    heads = type.getRank() > 1 ? type.getDimSize(1) : 0;
  }
};
} // namespace

FailureOr<std::unique_ptr<FragmentLayout>>
mqa::makeLayout(OpBuilder &b, gpu::GPUFuncOp kernel) {
  std::optional<ProductShape> shape;
  WalkResult result = kernel.walk([&](vector::ContractionOp contract) {
    ProductShape own(contract);
    if (!llvm::is_contained({1, 2, 4, 8, 16, 32}, own.queries)) {
      contract.emitError() << "must have 1, 2, 4, 8, 16 or 32 queries, found "
                           << own.queries;
      return WalkResult::interrupt();
    }
    if (shape && own.queries != shape->queries) {
      contract.emitError("has not as many queries as the kernel's others");
      return WalkResult::interrupt();
    }
    if (shape && (own.hasKeyRows != shape->hasKeyRows ||
                  (own.hasKeyRows && own.heads != shape->heads))) {
      contract.emitError("has other rows or columns than the kernel's others");
      return WalkResult::interrupt();
    }
    shape = own;
    return WalkResult::advance();
  });
  if (result.wasInterrupted())
    return failure();
  Location loc = kernel.getLoc();
  std::unique_ptr<FragmentLayout> layout;
  if (shape && shape->hasKeyRows)
    layout =
        std::make_unique<KeyRowsLayout>(b, loc, shape->queries, shape->heads);
  else
    layout = std::make_unique<HeadRowsLayout>(
        b, loc, shape ? shape->queries : kGroupWarps);
  return layout;
}
