//===- KernelScratch.cpp - Memory that launches work in -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelScratch.h"
#include "GpuContext.h"
#include "OpRules.h"

using namespace mqa::runtime;

struct ScratchTable::Piece {
  /// The address of a kernel is its own as long as the kernel is there.
  std::shared_ptr<Kernel> kernel;
  std::mutex mutex;
  CUdeviceptr data = 0;
  size_t size = 0;
  bool isClean = false;
};

void *ScratchTable::Use::getData() const {
  return reinterpret_cast<void *>(piece->data);
}

size_t ScratchTable::Use::getSize() const { return piece->size; }

void ScratchTable::Use::drop() { piece->isClean = false; }

mqa_status ScratchTable::get(const CudaDriver &driver,
                             const std::shared_ptr<Kernel> &kernel,
                             void *stream, size_t size, Use &use) {
  {
    std::lock_guard lock(mutex);
    std::shared_ptr<Piece> &piece = pieces[{kernel.get(), stream}];
    if (!piece) {
      piece = std::make_shared<Piece>();
      piece->kernel = kernel;
    }
    use.piece = piece;
  }
  Piece &piece = *use.piece;
  use.lock = std::unique_lock(piece.mutex);
  if (piece.size < size) {
    ScopedCaptureMode captures(driver);
    // Launches that still work in it end first: the driver waits for them.
    if (piece.data)
      MQA_CUDA(driver, cuMemFree, piece.data);
    piece.data = 0;
    piece.size = 0;
    piece.isClean = false;
    MQA_CUDA(driver, cuMemAlloc, &piece.data, size);
    piece.size = size;
  }
  const KernelDescription &description = kernel->getDescription();
  if (!piece.isClean && description.rules->needsZeroedScratch(description)) {
    MQA_CUDA(driver, cuMemsetD32Async, piece.data, 0,
             piece.size / sizeof(uint32_t), static_cast<CUstream>(stream));
    piece.isClean = true;
  }
  return MQA_SUCCESS;
}
