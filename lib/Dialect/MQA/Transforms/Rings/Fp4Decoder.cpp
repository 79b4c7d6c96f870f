//===- Fp4Decoder.cpp - MXFP4 keys on their way to a matrix unit ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fp4Tables.h"

using namespace mlir;
using namespace mlir::mqa;

namespace {
class Fp4Decoder : public MxDecoder {
public:
  Fp4Decoder(OpBuilder &builder, Location loc, FloatType type,
             MxScales mxScales)
      : MxDecoder(builder, loc, type, Fp4Tables::getShift(type),
                  std::move(mxScales)),
        tables(b, type, scales) {}

  Value decode(Value bytes, int64_t i) override;

private:
  Fp4Tables tables;
};
} // namespace

Value Fp4Decoder::decode(Value bytes, int64_t i) {
  SmallVector<Value> table = tables.getTable(i);
  Value packed = getWords(bytes);
  SmallVector<Value> words;
  for (int64_t at = 0; at < mx::kBlock / 8; ++at)
    tables.lookUp(table, vector::ExtractOp::create(b, packed, at), words);
  return makeElements(words);
}

std::unique_ptr<MxDecoder> mqa::makeFp4Decoder(OpBuilder &b, Location loc,
                                               FloatType type,
                                               MxScales scales) {
  return std::make_unique<Fp4Decoder>(b, loc, type, std::move(scales));
}
