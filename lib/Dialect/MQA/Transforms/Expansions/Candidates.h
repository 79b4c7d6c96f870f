//===- Candidates.h - Expansions of the candidate ops -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_CANDIDATES_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_CANDIDATES_H

#include "Loops/WarpOps.h"
#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir {
namespace mqa {

/// What the first threads of a kernel do together, in words of 32 bits: whole
/// warps, at most as many as a warp has lanes.
class BlockBuilder : public ImplicitLocOpBuilder {
public:
  /// Builds for `numThreads` threads of `kernel`, ahead of `op`.
  BlockBuilder(gpu::GPUFuncOp kernel, int64_t numThreads, Operation *op);

  Value constant(int64_t value);
  Value index(int64_t value);
  Value toIndex(Value word);
  Value toWord(Value index);
  Value compare(arith::CmpIPredicate predicate, Value lhs, Value rhs) {
    return arith::CmpIOp::create(*this, predicate, lhs, rhs);
  }
  Value select(Value condition, Value yes, Value no) {
    return arith::SelectOp::create(*this, condition, yes, no);
  }
  Value add(Value lhs, Value rhs) {
    return arith::AddIOp::create(*this, lhs, rhs);
  }
  Value sub(Value lhs, Value rhs) {
    return arith::SubIOp::create(*this, lhs, rhs);
  }
  Value load(Value memref, Value word);
  void store(Value value, Value memref, Value word);
  void barrier() { gpu::BarrierOp::create(*this); }

  /// A bit for each lane, set where `condition` holds.
  Value ballot(Value condition) { return emitBallot(*this, condition); }
  Value countBits(Value word) { return math::CtPopOp::create(*this, word); }
  /// How many lanes ahead of this one have their bit set.
  Value countLanesAhead(Value ballot) {
    return mqa::countLanesAhead(*this, lane, ballot);
  }
  /// The sum of `word` over this lane and those ahead of it.
  Value addUpToLane(Value word) { return mqa::addUpToLane(*this, lane, word); }
  /// Over the lanes of a warp, the same value for all of them.
  Value reduce(Value word, NVVM::ReduxKind kind) {
    return reduceOverWarp(*this, word, kind);
  }
  /// Of `words`, which has one for each warp, those whose warp `isWanted` says
  /// yes to, added up by each warp.
  Value sumOverWarps(Value words, Value start,
                     function_ref<Value(Value warp)> isWanted);
  /// Lane 0 of each warp writes `word` to words[start + warp].
  void publish(Value word, Value words, Value start);

  gpu::GPUFuncOp kernel;
  const int64_t numThreads, numWarps;
  Value thread, lane, warp;
};

/// Shared memory that expansions use one after another. What an op left there,
/// another one may only read behind a barrier; ops begin with one for that.
class CandidateScratch {
public:
  explicit CandidateScratch(gpu::GPUFuncOp kernel) : kernel(kernel) {}
  /// A number of candidates for each bin of their codes. Who uses it clears it.
  Value getHistogram(BlockBuilder &b);
  /// `kWords` words of mqa.cut_candidates.
  Value getCutWords(BlockBuilder &b);
  /// Two words for each warp, of mqa.append_candidates.
  Value getAppendWords(BlockBuilder &b);

  static constexpr int64_t kBinBits = 11, kNumBins = 1 << kBinBits;

  /// kNumBins words of `kernel` for who builds it, too: the histogram will lie
  /// there, so the ops leave no words as they were.
  static Value share(gpu::GPUFuncOp kernel, Location loc);
  /// Whether there is such a one.
  static bool isShared(gpu::GPUFuncOp kernel);

private:
  static constexpr StringLiteral kSharedAttrName = "mqa.shared_scratch";

  Value get(Value &buffer, int64_t size, Location loc);

  gpu::GPUFuncOp kernel;
  Value histogram, cutWords, appendWords;
};

/// `count` teams of `warps` warps each.
struct WarpTeams {
  int64_t count, warps;
};

void expandCutLists(BlockBuilder &b, CandidateScratch &scratch, CutListsOp op,
                    const WarpTeams &teams, int64_t firstBarrier);
void expandAppend(BlockBuilder &b, CandidateScratch &scratch,
                  AppendCandidatesOp op);
void expandCut(BlockBuilder &b, CandidateScratch &scratch, CutCandidatesOp op);
void expandEstimate(BlockBuilder &b, CandidateScratch &scratch,
                    EstimateThresholdOp op);
void expandSort(BlockBuilder &b, CandidateScratch &scratch,
                SortCandidatesOp op);
/// Of an op that sorts by keys; `sortOtherwise` builds how keys that lie far
/// apart are sorted.
void expandSortByKey(BlockBuilder &b, CandidateScratch &scratch,
                     SortCandidatesOp op, function_ref<void()> sortOtherwise);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_CANDIDATES_H
