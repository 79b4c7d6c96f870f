//===- StreamSelection.h - Selection from a row that is read once -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_STREAMSELECTION_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_STREAMSELECTION_H

#include "CandidateList.h"
#include "DeviceBuilder.h"
#include "TopkRow.h"

namespace mlir {
namespace mqa {

/// Selects from most rows of mqa.topk with few barriers. A sample tells which
/// logits are probably among the best (StreamSample.cpp). Warps put these in a
/// list without waiting for each other, and in any order (StreamList.cpp). A
/// histogram of the list finds the worst of the best (StreamBins.cpp,
/// StreamMarks.cpp). Where each part of the row is in the list gives the order
/// of keys back (StreamOrder.cpp).
///
/// If the sample misleads, or too many logits are equal, this selects nothing,
/// and the caller selects from the row tile by tile.
class StreamSelection {
public:
  /// Threads of a block, blocks for each multiprocessor, and places of the
  /// list.
  struct Shape {
    int64_t threads, blocks, capacity;
  };
  /// Of a kernel that selects `numSelected` keys of each of many rows, or of
  /// some. A few large blocks are quicker for few rows, and more and smaller
  /// ones for many: for more than kManyRows, for which there is work for most
  /// multiprocessors.
  static Shape getShape(int64_t numSelected, bool hasManyRows);
  static constexpr int64_t kManyRows = 256;
  /// Bytes of shared memory beside the list.
  static constexpr int64_t kBytes = 12 * 1024 + 512;

  StreamSelection(DeviceBuilder &b, TopkOp op, gpu::GPUFuncOp kernel,
                  CandidateList &list);
  /// Ahead of the loop over rows, where all threads come by.
  void allocate();
  /// Whether the stream takes a row of that many columns.
  Value fits(const TopkRow &row);
  /// Calls `write` for each key that is selected, an index, and its place among
  /// them, in the order of keys. Returns how many they are, an index: k, or 0
  /// where it does not select.
  Value select(const TopkRow &row,
               function_ref<void(Value place, Value key)> write);

private:
  /// A warp takes so many logits of a row at a time, a chunk. A lane has
  /// kVectors vectors of kVectorSize of them.
  static constexpr int64_t kVectorSize = 4, kVectors = 4;
  static constexpr int64_t kStep = 32 * kVectorSize;
  static constexpr int64_t kChunkKeys = kStep * kVectors;
  static constexpr int64_t kMaxChunks = 512;
  /// One of 2^kSampleShift logits is in the sample, of a row of more than
  /// kLongRow logits half as many, and of even longer ones a quarter.
  /// 2^kGroupShift are neighbours: memory brings them together.
  static constexpr int64_t kSampleShift = 5, kMostSampleShift = 7,
                           kGroupShift = 3;
  static constexpr int64_t kLongRow = 65536;
  /// So many logits of the sample a thread loads together.
  static constexpr int64_t kSampleLoads = 4;
  /// Logits are counted in at most so many bins.
  static constexpr int64_t kMaxBins = 1024;
  /// So many logits of the last bin are compared with each other.
  static constexpr int64_t kListed = 192;
  /// So many times a bin that has more is cut into narrower ones.
  static constexpr int64_t kSteps = 4;

  /// Words that threads share.
  enum Word : int64_t {
    kCount,
    kNumListed,
    kBin,
    kLeft,
    kInBin,
    kUpper,
    kWords
  };

  /// Numbers of bins are linear in the logit: (logit - low) * scale, rounded,
  /// and the first or last bin for what is beyond. So they are in the order of
  /// the logits, whatever is rounded.
  struct Bins {
    Value low, scale;
  };
  /// The smallest and the greatest finite logits of a sample.
  struct Ends {
    Value least, greatest;
  };
  /// What the sample tells: logits from `threshold` on are listed; bins for
  /// these; and whether there is anything to go on.
  struct Guess {
    Value threshold;
    Bins bins;
    Ends ends;
    Value isUsable;
  };
  /// Where a search for a rank ends: in a bin of these. In the first step, with
  /// the bin of a second rank, logits were at most `upper` there.
  struct Found {
    Bins bins;
    Value upper;
  };
  /// What is selected of a list: its bins from `from` on, and of the bin `last`
  /// ahead of it some.
  struct Bounds {
    Bins bins;
    Value from, last, left, inBin;
  };

  bool hasForced() { return op.getForceFirst() || op.getForceLast(); }
  Value load(Value memref, Value at);
  void store(Value value, Value memref, Value at);
  Value readWord(Word word) { return load(words, b.index(word)); }
  void writeWord(Word word, Value value) { store(value, words, b.index(word)); }
  Value toFloat(Value word);
  Value countWord(Word word, Value number);
  Value constantTrue() { return arith::ConstantIntOp::create(b, true, 1); }
  /// The sum over this lane and those ahead of it.
  Value addUpTo(Value number);
  /// The sum over the lanes and warps ahead of this thread, with a barrier.
  Value addAhead(Value number, Value sums);

  /// While there is one, numbers of thread, warp and lane are others to LLVM.
  class Phase {
  public:
    explicit Phase(StreamSelection &selection);
    ~Phase();

  private:
    CandidateList::Phase thread;
    StreamSelection &selection;
    std::array<Value, 3> before;
  };

  // StreamSample.cpp
  std::pair<Value, Value> loadSample(const TopkRow &row, Value count,
                                     Value shift);
  Value getSampleColumn(Value number, Value shift);
  std::pair<Ends, Bins> findEnds(Value least, Value greatest);
  Guess guess(const TopkRow &row);

  // StreamList.cpp
  void fill(const TopkRow &row, Value threshold, Value firstColumn,
            Value numChunks);
  Value appendChunk(const TopkRow &row, Value threshold, Value same,
                    Value chunk, Value column);
  SmallVector<Value> loadChunk(const TopkRow &row, Value column);
  Value takePlaces(Value chunk, Value total, Value none);

  // StreamBins.cpp
  Value invert(Value value);
  Bins fitBins(Value low, Value high);
  Value isFinite(const Bins &bins);
  Value getBin(Value logit, const Bins &bins, bool isListed);
  Value getEdge(const Bins &bins, Value bin, float distance);
  void count(Value bin);
  void findBin(Value need, Value upper);
  Found find(Value need, Value upper, Value most, const Bins &bins,
             const Ends &ends, function_ref<void(const Bins &)> countAll);

  // StreamMarks.cpp
  Bounds search(Value count, const Guess &guess);
  void mark(Value count, const Bounds &bounds);
  void markTies(const Bounds &bounds);

  // StreamOrder.cpp
  Value countAhead(Value place);
  void addMarks(Value count);
  void moveChunks(Value numChunks);
  void forEachMarked(Value count,
                     function_ref<void(Value at, Value ahead)> body);
  void order(const TopkRow &row, Value count, Value firstColumn,
             Value numChunks, function_ref<void(Value place, Value key)> write);

  DeviceBuilder &b;
  TopkOp op;
  gpu::GPUFuncOp kernel;
  CandidateList &list;
  int64_t numSelected, capacity, numThreads, numWarps, maxChunks;
  /// The last bin is for forced keys, and the one ahead of it for what is
  /// beyond the others.
  int64_t numBins, topBin;
  /// Logits (as words) and columns of the list: as many places as there are.
  Value logits, columns;
  /// The sample, which lies where the list will be.
  Value sample;
  /// Numbers of bins; for each chunk, where it is in the list; for 32 places of
  /// the list, which are selected, and how many are ahead; logits, columns and
  /// places of the last bin; sums of warps; single words.
  Value histogram, chunks, marks, ahead, listed, sums, words;
  Value thread, warp, lane;
};

/// The body of `kernel`, of `op`, which is on the kernel's arguments; with a
/// stream or without one.
void buildTopkBody(DeviceBuilder &b, TopkOp op, gpu::GPUFuncOp kernel,
                   const StreamSelection::Shape &shape, bool hasStream);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_STREAMSELECTION_H
