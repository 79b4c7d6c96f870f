//===- RowWriter.cpp - A row of selected keys and what is behind them -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelectionToLoops.h"

#include <limits>

using namespace mlir;
using namespace mlir::mqa;

void RowWriter::write(Value place, Value index, Value logit) {
  Value word = arith::IndexCastOp::create(b, b.getI32Type(), index);
  store(word, indices, {row, place});
  if (values)
    store(logit, values, {row, place});
}

void RowWriter::pad(Value place) {
  Value none = constant(-1);
  Value logit;
  if (values)
    logit = arith::ConstantOp::create(
        b, b.getF32FloatAttr(-std::numeric_limits<float>::infinity()));
  forEach(place, getSize(indices, 1), 1, {}, [&](Value i, ValueRange) {
    write(i, none, logit);
    return SmallVector<Value>();
  });
}
