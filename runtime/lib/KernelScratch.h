//===- KernelScratch.h - Memory that launches work in -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_KERNELSCRATCH_H
#define MQA_RUNTIME_LIB_KERNELSCRATCH_H

#include "CudaDriver.h"
#include "Kernel.h"

#include <map>
#include <memory>
#include <mutex>
#include <utility>

namespace mqa::runtime {

/// Memory on GPUs for callers that bring none: one piece for each kernel and
/// stream, on which launches are one behind the other. It is zeroed once.
class ScratchTable {
  struct Piece;

public:
  /// A piece, which no other thread uses meanwhile: launches on it are in the
  /// order of its stream.
  class Use {
  public:
    void *getData() const;
    size_t getSize() const;
    /// It may hold anything: the next launch gets other memory.
    void drop();

  private:
    friend class ScratchTable;
    std::shared_ptr<Piece> piece;
    std::unique_lock<std::mutex> lock;
  };

  /// Memory of at least `size` bytes, for a launch of `kernel` on `stream`,
  /// whose context is current.
  mqa_status get(const CudaDriver &driver,
                 const std::shared_ptr<Kernel> &kernel, void *stream,
                 size_t size, Use &use);

private:
  using Key = std::pair<const Kernel *, void *>;

  std::mutex mutex;
  std::map<Key, std::shared_ptr<Piece>> pieces;
};

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_KERNELSCRATCH_H
