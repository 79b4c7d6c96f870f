//===- CandidateList.h - The list of a kernel that selects ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_CANDIDATELIST_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_CANDIDATELIST_H

#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir {
namespace mqa {

/// The candidates of a row, in the dynamic shared memory of a block.
class CandidateList {
public:
  /// A block as large as can be hides the latency of barriers and loads best;
  /// two of them are there at a time where registers and shared memory suffice.
  /// Measured on an H200: blocks of 512 and 768 threads were slower for few
  /// rows, vectors of 8 would not leave room for the list.
  static constexpr int64_t kThreads = 1024, kVectorSize = 4;
  static constexpr int64_t kTileKeys = kThreads * kVectorSize;
  /// Room for the most keys that are selected and for a whole tile more: what
  /// remains of a list that was cut always has it.
  static constexpr int64_t kCapacity = 2 * kTileKeys;
  static constexpr int64_t kBytes = 2 * kCapacity * sizeof(int32_t);
  /// So many keys may be selected.
  static constexpr int64_t kMostSelected = kCapacity - kTileKeys;

  /// How many candidates there are, and what a further one has to reach.
  struct State {
    Value count, threshold;
  };

  /// Of which `numSelected` are selected; `ties` as mqa.cut_candidates has it.
  CandidateList(ImplicitLocOpBuilder &b, int64_t numSelected, Ties ties,
                int64_t numThreads = kThreads, int64_t capacity = kCapacity)
      : numThreads(numThreads), capacity(capacity), b(b),
        numSelected(numSelected), ties(ties) {}
  /// A list that is there, of the first `numThreads` threads.
  CandidateList(ImplicitLocOpBuilder &b, int64_t numSelected, Ties ties,
                int64_t numThreads, Value codes, Value keys);
  void create();
  /// All memory of the list, as one: codes, then keys.
  Value getMemory() const;

  /// Keys that all threads load at a time.
  int64_t getTileKeys() const { return numThreads * kVectorSize; }
  /// Positions from this thread's on, each thread's apart, below `end`.
  void forEach(Value end, function_ref<void(Value)> body) const;
  /// Appends what `build` makes the op for. Where that has no room, the list is
  /// cut before: then it has.
  State append(const State &state,
               function_ref<AppendCandidatesOp(const State &)> build);
  /// Cuts a list of more keys than are selected, and returns how many remain.
  Value cut(Value count);
  /// Writes row `row` of `indices`, and of `values` unless it is null: what
  /// `read` gives for each of `count` places, and padding behind them.
  void write(Value indices, Value values, Value row, Value count,
             function_ref<SmallVector<Value>(Value place)> read);

  Value constant(int64_t value);

  /// While there is one, the number of the thread is one that LLVM does not
  /// know (readThread).
  class Phase {
  public:
    explicit Phase(CandidateList &list);
    ~Phase() { list.thread = before; }
    Phase(const Phase &) = delete;

  private:
    CandidateList &list;
    Value before;
  };

  const int64_t numThreads, capacity;
  Value codes, keys, thread;

private:
  ImplicitLocOpBuilder &b;
  int64_t numSelected;
  Ties ties;
};

/// The body of a kernel of `op`, which is on the kernel's arguments.
void buildMergeTopkBody(ImplicitLocOpBuilder &b, MergeTopkOp op);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_CANDIDATELIST_H
