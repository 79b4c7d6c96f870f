//===- Bundle.h - The file that the compiler hands the runtime --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One or more parts, each for one target, one behind the other. A part,
// little-endian:
//
//   0   8 bytes  magic "MQABNDL1"
//   8   u64      size of the manifest
//   16  u32      CRC-32 of the manifest
//   20  u32      0
//   24  ...      the manifest: JSON, described in docs/bundle.md
//   ... ...      the sections, one behind the other
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_BUNDLE_H
#define MQA_RUNTIME_LIB_BUNDLE_H

#include "Status.h"

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace mqa::runtime {

/// The version of the manifest that this runtime reads.
constexpr int kBundleVersion = 8;

constexpr size_t kHeaderBytes = 24;

/// Bytes of a bundle and of its manifest at most.
constexpr uint64_t kMaxBundleBytes = uint64_t(1) << 30;
constexpr uint64_t kMaxManifestBytes = uint64_t(1) << 24;
/// Parts that one may say are behind it: more than there are targets.
constexpr int64_t kMaxPartsBehind = 15;

/// Queries, keys and columns at most: ranges are 32-bit, and kernels step past
/// the last key by at most one stage.
constexpr int64_t kMaxSize = std::numeric_limits<int32_t>::max() - 1024;

/// Why some bytes are no bundle. Thrown, so that nothing reads on behind the
/// first error; readBundle makes a status of it.
struct InvalidBundle {
  std::string message;
};

/// The data operands of mqa.logits, in the order of the op, then those that
/// only mqa.paged_logits has.
enum class Operand {
  Q,
  K,
  KScale,
  Weights,
  Ks,
  Ke,
  Out,
  ContextLens,
  BlockTable
};
constexpr int kNumOperands = 9;
/// Dimensions that one of them has at most.
constexpr int kMaxRank = 4;

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

int getElementBytes(mqa_element_type type);

struct KernelDescription {
  std::string name, schedule;
  bool clean = false, compressed = false, fast = false, relu = true;
  /// -1: given at launch. Columns of `out` are keys where it is not compressed.
  int64_t numQueries = -1, numHeads = 0, headDim = 0, numGroups = 1;
  int64_t numKeys = -1, numColumns = -1;
  /// Whether keys have a dimension of groups, of which there may be one.
  bool hasKeyGroups = false;
  /// Whether the op is mqa.paged_logits, and its sizes: sequences, queries of
  /// each, blocks of the cache, keys of a block, columns of the block table.
  bool paged = false;
  int64_t batch = -1, nextN = 0, numBlocks = -1, blockKv = 0, maxBlocks = -1;
  std::vector<Parameter> parameters;
  /// Null for an operand that the kernel was compiled without.
  const Parameter *find(Operand operand) const;
  /// That of the parameter, or f32.
  mqa_element_type getElementType(Operand operand) const;
  /// Scales of several groups lie in rows, which may be strided.
  bool acceptsStridedScales() const {
    const Parameter *scale = find(Operand::KScale);
    return scale && (hasKeyGroups || paged || scale->strided);
  }
  /// Of a paged kernel: whether every query has a length of its own.
  bool hasLengthPerQuery() const {
    const Parameter *lens = find(Operand::ContextLens);
    return lens && lens->rank == 2;
  }
  /// GPU: threads and dynamic shared memory of a block, queries and keys that
  /// it works on at a time, keys of one tile of those, whether the keys of a
  /// query block may go to several blocks, and whether it waits for the kernel
  /// before it, so that it may be launched before that is over.
  uint32_t blockThreads = 0, sharedMemoryBytes = 0;
  uint32_t blockQueries = 0, blockKeys = 0, tileKeys = 0;
  bool splitsKeys = false, overlapsLaunches = false;
  /// CPU: queries and keys of a task, and bytes of memory that it works in.
  int64_t taskQueries = 0, taskKeys = 0, scratchBytes = 0;
};

/// One part of a bundle: what was compiled for one target.
struct Bundle {
  std::string target;
  /// How many parts are at least behind this one.
  int64_t partsBehind = 0;
  /// CPU: what the processor must have, by LLVM's names.
  std::vector<std::string> cpuFeatures;
  std::vector<KernelDescription> kernels;
  /// Empty where the bundle has no such section.
  std::vector<char> ptx, cubin, object;
  /// What the object is for, as ELF numbers machines.
  uint16_t objectMachine = 0;
};

/// The parts in the order of the file, each of another target. Kernels keep
/// their own part alone.
using BundleParts = std::vector<std::shared_ptr<const Bundle>>;

/// "a", "a and b", "a, b and c".
std::string listNames(const std::vector<std::string> &names);

/// Parses and checks all parts; throws InvalidBundle.
BundleParts parseBundle(const char *data, uint64_t size);

/// Parses and checks the part at the start of `data`, as far as it can be
/// alone, and gives its size. Throws InvalidBundle.
uint64_t parsePart(const char *data, uint64_t size, Bundle &bundle);

/// Checks the first kHeaderBytes of a bundle of `size` bytes, which may be all
/// that is there of it; throws InvalidBundle.
void checkHeader(const char *data, uint64_t size);

/// Parses a bundle that is in memory.
mqa_status readBundle(const void *data, size_t size, BundleParts &parts);

/// Reads a bundle from a regular file. What is none is not read further than to
/// its header.
mqa_status readBundle(const std::string &path, BundleParts &parts);

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_BUNDLE_H
