//===- KernelDescription.h - What a bundle says of a kernel -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_KERNELDESCRIPTION_H
#define MQA_RUNTIME_LIB_KERNELDESCRIPTION_H

#include "Status.h"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace mqa::runtime {

class OpRules;

/// Queries, keys and columns at most: ranges are 32-bit, and kernels step past
/// the last key by at most one stage.
constexpr int64_t kMaxSize = std::numeric_limits<int32_t>::max() - 1024;

/// The data operands of all ops. Operands.cpp says what each may be.
enum class Operand {
  // What tensor maps may load.
  Q,
  K,
  KScale,
  Weights,
  QScale,
  // The rest.
  Ks,
  Ke,
  Out,
  ContextLens,
  BlockTable,
  Logits,
  Sequence,
  Offset,
  Indices,
  Values,
  ListIndices,
  ListValues,
  KeyBlocks,
  NumKeyBlocks,
  // Memory of the caller's that a launch on a GPU works in: no operand of an
  // op.
  Scratch
};
constexpr int kNumOperands = 20;
/// The first ones.
constexpr int kNumTiledOperands = 5;
/// Dimensions that one of them has at most.
constexpr int kMaxRank = 4;

/// What is true of an operand in every op that has it.
struct OperandInfo {
  const char *name;
  /// The argument of a launch that says how far its rows are apart.
  const char *strideName;
  /// A bit for each mqa_element_type.
  unsigned elementTypes;

  bool accepts(mqa_element_type type) const { return elementTypes >> type & 1; }
};
const OperandInfo &getInfo(Operand operand);

int getElementBytes(mqa_element_type type);

/// One parameter of a kernel's signature, as the compiler left it.
struct Parameter {
  /// Index: the number of keys, which no memref of the kernel says.
  enum class Kind { TensorMap, Memref, Index } kind;
  /// Not of an Index.
  Operand operand = Operand::Out;
  mqa_element_type elementType = MQA_F32;
  /// TensorMap: the box that one load brings, outermost dimension first, which
  /// dimension of the operand each of them is, and the swizzle of its rows in
  /// bytes (0: no swizzle).
  std::vector<uint32_t> box, dims;
  int swizzleBytes = 0;
  /// Dimensions of the operand: with key groups, k and k_scale have one more;
  /// context_lens has one or two.
  int rank = 0;
  /// k_scale: whether it may be strided.
  bool strided = false;
  /// Memref: bytes of which the address of the operand, and of each of its
  /// rows, is a multiple.
  int alignment = 1;
};

/// What a kernel that selects keys selects, and how it says so.
struct Selection {
  int64_t k = 0, forceFirst = 0, forceLast = 0;
  mqa_tie_break tieBreak = MQA_TIE_BREAK_SMALLEST;
  mqa_order order = MQA_ORDER_KEY;
  mqa_base base = MQA_BASE_RELATIVE;
  /// Whether logits decide where the selected keys stand.
  bool isByScore() const {
    switch (order) {
    case MQA_ORDER_SCORE:
      return true;
    case MQA_ORDER_KEY:
    case MQA_ORDER_ANY:
      break;
    }
    return false;
  }
  /// Whether an index is a place in a paged cache.
  bool needsBlockTable() const {
    switch (base) {
    case MQA_BASE_SLOT:
      return true;
    case MQA_BASE_RELATIVE:
    case MQA_BASE_ABSOLUTE:
      break;
    }
    return false;
  }
};

/// The type that heads are summed in.
enum class Reduction { F32, F16 };

/// How work is handed to the blocks of a grid: each gets as many tiles of keys,
/// or whole query blocks in turn.
enum class Split { Tiles, Blocks };

struct KernelDescription {
  std::string name, schedule;
  /// Of the op that the kernel was compiled from.
  const OpRules *rules = nullptr;
  bool clean = false, compressed = false;
  /// Keys of a block whose maximum is a column; 0: columns are no maxima.
  int64_t blockMax = 0;
  mqa_activation activation = MQA_ACTIVATION_RELU;
  mqa_head_reduction headReduction = MQA_HEAD_REDUCTION_SUM;
  /// -1: given at launch. Columns are those of `out` or `logits`, which are
  /// keys where rows are not compressed, and no maxima are taken.
  int64_t numQueries = -1, numHeads = 0, headDim = 0, numGroups = 1;
  int64_t numKeys = -1, numColumns = -1;
  /// Lists of candidates of each row, where a kernel merges such.
  int64_t numLists = -1;
  /// Whether keys have a dimension of groups, of which there may be one.
  bool hasKeyGroups = false;
  /// Where rows belong to sequences: how many there are, rows of each (0: in no
  /// order), blocks of the cache, keys of a block, rows and columns of the
  /// block table.
  int64_t batch = -1, nextN = 0, numBlocks = -1, blockKv = 0;
  int64_t numSequences = -1, maxBlocks = -1;
  /// Where each query has key blocks of its own: keys of a block (else 0),
  /// and how many blocks it may have.
  int64_t keyBlockSize = 0, maxKeyBlocks = -1;
  /// Where rows name their sequences: neighbouring rows of one that the kernel
  /// is made for; 0: many.
  int64_t rowsPerSequence = 0;
  Selection selection;
  /// Of a kernel that selects from logits which are never stored: what they
  /// are rounded to, and the places of a list of candidates (on a GPU).
  mqa_element_type logitsType = MQA_F32;
  int64_t listPlaces = 0;
  /// Of a kernel that is two, launched one behind the other: what computes the
  /// logits, and what selects from them. Everything else here then says what
  /// both are together.
  std::vector<KernelDescription> steps;
  std::vector<Parameter> parameters;
  /// Null for an operand that the kernel was compiled without.
  const Parameter *find(Operand operand) const;
  /// Whether the number of keys is a parameter of its own.
  bool hasIndex() const;
  /// That of the parameter, or f32.
  mqa_element_type getElementType(Operand operand) const;
  /// Scales of several groups or blocks lie in rows, which may be strided.
  bool acceptsStridedScales() const {
    const Parameter *scale = find(Operand::KScale);
    return scale && (scale->strided || scale->rank > 1);
  }
  /// Whether every query has a length of its own.
  bool hasLengthPerQuery() const {
    const Parameter *lens = find(Operand::ContextLens);
    return lens && lens->rank == 2;
  }
  /// GPU: threads and dynamic shared memory of a block, queries and keys that
  /// it works on at a time, keys of one tile of those, how heads are summed and
  /// work is split, and whether it waits for the kernel before it, so that it
  /// may be launched before that is over.
  uint32_t blockThreads = 0, sharedMemoryBytes = 0;
  uint32_t blockQueries = 0, blockKeys = 0, tileKeys = 0;
  Reduction reduction = Reduction::F32;
  Split split = Split::Blocks;
  bool overlapsLaunches = false;
  /// Whether the keys of a query block may go to several blocks.
  bool splitsKeys() const {
    switch (split) {
    case Split::Tiles:
      return true;
    case Split::Blocks:
      break;
    }
    return false;
  }
  /// Keys of a column.
  int64_t getColumnKeys() const { return blockMax ? blockMax : 1; }
  /// Columns for so many keys, in rows that are not compressed.
  int64_t countColumns(int64_t keys) const {
    return keys / getColumnKeys() + (keys % getColumnKeys() != 0);
  }
  /// Columns of a row with so many key blocks: one for each of their keys.
  int64_t countKeyBlockColumns(int64_t blocks) const {
    return blocks * keyBlockSize;
  }
  /// Whether keys have block scales, whose words are `k_scale`.
  bool hasMxKeys() const { return getElementType(Operand::KScale) == MQA_I32; }
  /// Whether queries have block scales, whose words are `q_scale`.
  bool hasMxQueries() const { return find(Operand::QScale) != nullptr; }
  /// Elements of q for a vector of a head: two of MXFP4 are one.
  int64_t getQueryRow() const {
    return getElementType(Operand::Q) == MQA_I8 ? headDim / 2 : headDim;
  }
  /// Elements of k for a vector of a key: two of MXFP4 are one.
  int64_t getKeyRow() const {
    return getElementType(Operand::K) == MQA_I8 ? headDim / 2 : headDim;
  }
  bool isFast() const {
    switch (reduction) {
    case Reduction::F16:
      return true;
    case Reduction::F32:
      break;
    }
    return false;
  }
  /// CPU: queries and keys of a task, and bytes of memory that it works in.
  int64_t taskQueries = 0, taskKeys = 0, scratchBytes = 0;
};

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_KERNELDESCRIPTION_H
