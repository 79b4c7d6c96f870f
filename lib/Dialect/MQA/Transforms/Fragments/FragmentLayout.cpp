//===- FragmentLayout.cpp - Which elements a thread owns ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FragmentLayout.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::mqa;

Value FragmentLayout::constant(OpBuilder &b, int64_t value) {
  return arith::ConstantIndexOp::create(b, loc, value);
}

void FragmentLayout::emitLaneBits(OpBuilder &b) {
  for (int64_t i = 0; i < 5; ++i) {
    Value above = arith::DivUIOp::create(b, loc, lane, constant(b, 1 << i));
    laneBitIndices[i] = arith::RemUIOp::create(b, loc, above, constant(b, 2));
    laneBits[i] = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne,
                                        laneBitIndices[i], constant(b, 0));
  }
  builder.setInsertionPoint(b.getInsertionBlock(), b.getInsertionPoint());
}

Coordinate FragmentLayout::add(Coordinate a, int64_t delta, Value times,
                               int64_t most) {
  Coordinate result{a.offset, Value(), a.maxBase + delta * most};
  for (const Selected &s : selected)
    if (s.from == a.base && s.delta == delta && s.times == times)
      result.base = s.to;
  if (result.base)
    return result;
  Value step = times;
  if (delta != 1)
    step = arith::MulIOp::create(
        builder, loc, step,
        arith::ConstantIndexOp::create(builder, loc, delta));
  result.base =
      a.base ? arith::AddIOp::create(builder, loc, a.base, step) : step;
  selected.push_back({a.base, delta, times, result.base});
  return result;
}

std::optional<FragmentLayout::Choice>
FragmentLayout::getChoice(const Coordinate &a, int64_t delta) const {
  for (const Selected &s : selected)
    for (int64_t bit = 0; bit < static_cast<int64_t>(std::size(laneBits));
         ++bit)
      if (s.to == a.base && s.delta == delta && s.times == laneBitIndices[bit])
        return Choice{{a.offset, s.from, a.maxBase - delta}, bit};
  return std::nullopt;
}
