//===- RowSelection.h - Selection from whole rows ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_ROWSELECTION_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_ROWSELECTION_H

#include "FusedSelection.h"

namespace mlir {
namespace mqa {

/// Logits go to rows of the caller's memory (mqa.word_rows), which the L2 cache
/// has room for where queries are few. The consumers of the block of the grid
/// that ends last with a query block select from its rows, all of them from one
/// row after the other.
class RowSelection final : public FusedSelection {
public:
  RowSelection(TopkOp op, Value scratch, const TilePlan &plan,
               int64_t blockRows)
      : FusedSelection(op, scratch, plan, blockRows) {}

  /// A kernel without lists has rows.
  KernelAttr describe(KernelAttr attr) const override { return attr; }
  void allocate(OpBuilder &b, Value numBlocks) override;
  Value open(OpBuilder &b, const QueryBlock &block, MemRefType type) override;
  void close(OpBuilder &b, const QueryBlock &block) override;

private:
  /// Codes are searched so many bits at a time.
  static constexpr int64_t kBinBits = 11, kNumBins = 1 << kBinBits;
  /// Loads of a thread that are under way, of a row and of a list. More of them
  /// make short ones slower: what lies behind their end is loaded, too.
  static constexpr int64_t kLoads = 16, kListLoads = 4;
  /// A row has a multiple of so many words: the scratch is aligned to as many,
  /// and its end has to stay where it is. The runtime knows this, `kPlaces` and
  /// `kMaxBlocks`, too (LogitsTopkRules.cpp).
  static constexpr int64_t kVectorWords = 4;
  /// So few logits of a bin are listed, with their keys.
  static constexpr int64_t kListed = 128;
  /// A warp copies so many logits of a row that may be among the best.
  static constexpr int64_t kPlaces = 1024;
  /// Counters have room for so many query blocks: they are in one place then,
  /// whatever the sizes of a launch are.
  static constexpr int64_t kMaxBlocks = 65536;
  /// Of a long row, so many logits tell about where the best ones begin.
  static constexpr int64_t kSample = 4096;

  /// What selects: this thread, its warp, and its lane, an i32.
  struct Team {
    Value thread, warp, lane;
  };
  /// A row: its first word in memory; and its keys, of which there are
  /// `length`, as i32.
  struct Row {
    Value words, start, end, length;
  };
  /// Logits in memory: all of the row, whose places are keys, or some that a
  /// warp copied to a list, with their keys.
  struct Source {
    Value words, isList, keys;
  };
  struct Logit {
    Value isThere, word, place;
    /// Null: it is not needed of each logit.
    Value key;
  };
  /// A search among codes from `lo` to `lo` + `width`, in bins of 2^`shift`,
  /// for number `need` from the greatest down.
  struct Search {
    Value lo, width, shift, need;
  };
  /// Keys that are selected: with a code of at least `from`, and of those with
  /// the code `tie` the ones from number `tieBegin` to ahead of `tieEnd`.
  struct Bounds {
    Value from, tie, tieBegin, tieEnd;
  };
  /// What is selected of a row, and of a warp's keys in it: how many are
  /// selected before ties, and are tied; whether (an i32) the warp has copied
  /// all of its keys that may be selected, and how many of them.
  struct Selected {
    Bounds bounds;
    Value better, tied, isList, copied;
  };
  /// The bin that has the worst of the best: codes from `lo` to `lo` + `width`.
  /// It has `count` logits, and `need` of them are selected.
  struct LastBin {
    Value lo, width, need, count;
  };
  /// Words that threads share.
  enum Word : int64_t { kBin, kLeft, kInBin, kNumListed, kIsFull, kNumWords };

  Value load(DeviceBuilder &b, Value memref, Value at) {
    return memref::LoadOp::create(b, memref, ValueRange{at});
  }
  void store(DeviceBuilder &b, Value value, Value memref, Value at) {
    memref::StoreOp::create(b, value, memref, ValueRange{at});
  }
  bool hasForced() { return op.getForceFirst() || op.getForceLast(); }
  /// Words of a row: whole vectors.
  Value getRowWords(DeviceBuilder &b, const QueryBlock &block);
  Value isForced(DeviceBuilder &b, const Row &row, Value key);
  Row getRow(DeviceBuilder &b, const QueryBlock &block, Value number);
  void select(DeviceBuilder &b, const QueryBlock &block, const Team &team,
              Value number);
  Selected selectLong(DeviceBuilder &b, const Team &team, const Row &row,
                      Value begin, Value end);

  // RowOutput.cpp
  std::pair<Value, Value> listLastBin(DeviceBuilder &b, const Team &team,
                                      const Row &row, const Source &source,
                                      const LastBin &bin, Value isListed,
                                      Value begin, Value end);
  std::pair<Value, Value> countListed(DeviceBuilder &b, const Team &team,
                                      const LastBin &bin, const Bounds &bounds,
                                      Value begin, Value end);
  Value
  write(DeviceBuilder &b, const Team &team, const Row &row,
        const Source &source, const Bounds &bounds, Value begin, Value end,
        Value place, Value tied,
        function_ref<void(DeviceBuilder &, Value key, Value word, Value place)>
            body);

  // RowBins.cpp
  Source getList(DeviceBuilder &b, const Team &team);
  Value getKey(DeviceBuilder &b, const Source &source, Value place);
  SmallVector<Logit> loadLogits(DeviceBuilder &b, const Source &source,
                                Value place, Value end, int64_t step,
                                int64_t count);
  Value encode(DeviceBuilder &b, const Row &row, const Logit &logit);
  Value getThreshold(DeviceBuilder &b, Value code);
  Value isGood(DeviceBuilder &b, const Row &row, const Logit &logit,
               Value threshold);
  void clearBins(DeviceBuilder &b, const Team &team);
  void count(DeviceBuilder &b, const Row &row, const Logit &logit,
             const Search &search, Value threshold);
  Value readWord(DeviceBuilder &b, Word word) {
    return load(b, found, b.index(word));
  }
  void findBin(DeviceBuilder &b, const Team &team, Value need);

  // RowSearch.cpp
  Value fitShift(DeviceBuilder &b, Value width);
  Search getAll(DeviceBuilder &b, Value need);
  Search guess(DeviceBuilder &b, const Team &team, const Row &row);
  Value copyGood(DeviceBuilder &b, const Team &team, const Row &row,
                 const Search &search, Value begin, Value end);
  SmallVector<Value> getNext(DeviceBuilder &b, const Search &search);
  SmallVector<Value> searchStep(DeviceBuilder &b, const Team &team,
                                const Row &row, const Search &search);
  LastBin search(DeviceBuilder &b, const Team &team, const Row &row,
                 ValueRange state);
  Bounds resolve(DeviceBuilder &b, const Team &team, const LastBin &bin,
                 Value isListed);

  Value numBlocks;
  /// Where the lists of warps begin.
  Value lists;
  /// Shared by the threads: a number for each bin of codes, two for each warp,
  /// and what one thread tells the others.
  Value histogram, sums, found;
  /// Of the query block: where its first row begins.
  Value first;
};

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_ROWSELECTION_H
