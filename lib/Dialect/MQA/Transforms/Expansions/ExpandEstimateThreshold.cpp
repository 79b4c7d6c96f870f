//===- ExpandEstimateThreshold.cpp - Expands mqa.estimate_threshold -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One step of a radix selection: the threshold is where the bin of the rank'th
// sample begins.
//
//===----------------------------------------------------------------------===//

#include "LogitCode.h"
#include "RadixSearch.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::mqa;
using arith::CmpIPredicate;

void mqa::expandEstimate(BlockBuilder &b, CandidateScratch &scratch,
                         EstimateThresholdOp op) {
  // Others may still read what an op ahead left in the scratch.
  b.barrier();
  RadixSearch search(b, scratch);
  Value count = b.toWord(op.getCount());
  for (int64_t i = 0, e = op.getSamples().getType().getNumElements(); i < e;
       ++i) {
    Value number = b.add(b.thread, b.constant(i * b.numThreads));
    search.counts.push_back(b.compare(CmpIPredicate::ult, number, count));
    search.numbers.push_back(
        emitCode(b, vector::ExtractOp::create(b, op.getSamples(), i)));
  }
  Value rank = arith::MinUIOp::create(b, b.toWord(op.getRank()), count);
  RadixSearch::Step step =
      search.narrow(search.findWhole(rank, /*isFirst=*/true));
  // A bin may begin where no logit has the code.
  Value least =
      arith::MaxUIOp::create(b, step.interval.low, b.constant(kInfinityCode));
  op.getThreshold().replaceAllUsesWith(emitLogit(b, least));
  op.erase();
}
