//===- RegisterSelection.h - Selection from a row in registers --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_REGISTERSELECTION_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_REGISTERSELECTION_H

#include "CandidateList.h"
#include "DeviceBuilder.h"
#include "TopkRow.h"

namespace mlir {
namespace mqa {

/// Selects from rows of mqa.topk that the registers of a block have room for.
/// What such a row takes is barriers, and instructions of all warps: so it is
/// read once, no list of it is made, and warps that have no key of the row do
/// next to nothing.
///
/// A histogram between the least and the greatest logit tells which bin has the
/// k-th logit (RegisterSearch.cpp). That bin has few logits, and each is
/// compared with the others. That gives a cut: a logit, and a column among
/// equal ones.
/// Then each thread knows what is selected of its own, and where it goes.
class RegisterSelection {
public:
  /// Bytes of shared memory beside the list, and beside what the ops on
  /// candidates have.
  static constexpr int64_t kBytes = 1024;

  RegisterSelection(DeviceBuilder &b, TopkOp op, gpu::GPUFuncOp kernel,
                    const CandidateList &list);
  /// Whether `op` selects any key beside the forced ones.
  static bool supports(TopkOp op);
  /// To be called where all threads of the block run, ahead of any row.
  void allocate();
  /// Whether registers have room for a row.
  Value fits(const TopkRow &row);
  /// Leaves the keys that are selected in `list.keys`, and returns how many
  /// they are, an index; 0 where it does not select. They ascend, or descend
  /// where the greatest of equal ones is best.
  Value select(const TopkRow &row);

private:
  /// A thread has kVectors vectors of kVectorSize logits. Those of a warp
  /// follow each other, and so do the warps.
  static constexpr int64_t kVectorSize = 4, kVectors = 2;
  static constexpr int64_t kHeld = kVectorSize * kVectors;
  static constexpr int64_t kWarpKeys = 32 * kHeld;
  /// Logits are counted in so many bins.
  static constexpr int64_t kBins = 2048;
  /// So many logits of the last bin are compared with each other: one for each
  /// lane.
  static constexpr int64_t kListed = 32;
  /// The most histograms that a search makes, the first one included: each of
  /// the bin of the one before, if that has more than kListed logits.
  static constexpr int64_t kSteps = 4;

  /// Words that threads share.
  enum Word : int64_t { kNumListed, kBin, kLeft, kInBin, kCut, kWords };
  /// Where sums of warps begin, for each use: who reads one does not wait for
  /// who writes the next.
  enum Sums : int64_t {
    kLeast = 0,
    kGreatest = 32,
    kBinSums = 64,
    kTieSums = 96,
    kPlaceSums = 128,
    kAllSums = 160
  };

  /// The row in registers: whether this warp has some of it; the column of this
  /// thread's first logit, a word; its logits, NaN where there is none, or
  /// where a key is forced; and which are forced.
  struct Held {
    Value isMine, column;
    SmallVector<Value> logits, isForced;
  };
  /// The least and the greatest logit that a search is among, as codes:
  /// integers in the order of the logits.
  struct Range {
    Value least, greatest;
  };
  /// (logit - low) * scale, rounded, is the number of a bin.
  struct Bins {
    Value low, scale;
  };
  /// Where a search ends: among logits of these codes, in a bin that has
  /// `inBin` of them, the last of the best is number `left`. No bin: all are
  /// equal, or there is no logit.
  struct Found {
    Range range;
    Value left, inBin, hasBins;
  };
  /// Selected are logits greater than `logit`, and equal ones up to `column`,
  /// or from there on where the greatest key is best.
  struct Cut {
    Value logit, column;
  };
  /// Where this thread's vectors begin among all that are selected, and how
  /// many there are.
  struct Places {
    SmallVector<Value> first;
    Value total;
  };

  bool isDescending();
  bool hasForced() { return op.getForceFirst() || op.getForceLast(); }
  int64_t getWanted() {
    return numSelected - op.getForceFirst() - op.getForceLast();
  }
  Value load(Value memref, Value at);
  void store(Value value, Value memref, Value at);
  Value readWord(Word word) { return load(words, b.index(word)); }
  void writeWord(Word word, Value value) { store(value, words, b.index(word)); }
  Value select(Value condition, Value yes, Value no);
  void clearBins();
  Held loadRow(const TopkRow &row);
  Value getColumn(const Held &held, int64_t number);
  Value getMask(function_ref<Value(int64_t)> isSet);
  void forEachInMask(Value mask, Places places,
                     function_ref<void(int64_t, Value)> body);
  Places getPlaces(Value mask, Sums from);
  Value write(const TopkRow &row, const Held &held, const Cut &cut);

  // RegisterSearch.cpp
  Range findRange(const Held &held, function_ref<Value(Value)> isIn);
  Value getBin(Value logit, const Bins &bins);
  void findBin(Value need);
  SmallVector<Value> step(const Held &held, const Range &range, Value need,
                          const Bins &bins);
  Bins fitBins(const Range &range);
  Value isUsable(const Bins &bins);
  Found search(const Held &held);
  Cut compareListed(const Found &found);
  Cut cutTies(const Held &held, const Found &found);
  Cut findCut(const Held &held, const Found &found);

  DeviceBuilder &b;
  TopkOp op;
  gpu::GPUFuncOp kernel;
  const CandidateList &list;
  int64_t numSelected, numThreads, numWarps;
  /// Numbers of bins; logits and columns of the last bin; sums of warps; single
  /// words.
  Value histogram, listed, listedColumns, sums, words;
  Value thread, warp, lane;
};

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_REGISTERSELECTION_H
