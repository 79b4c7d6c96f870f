//===- Fork.cpp - Whether this process was forked -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fork.h"

#include <atomic>
#include <pthread.h>

using namespace mqa::runtime;

static std::atomic<uint64_t> forkCount{0};

/// When the library is loaded, not at the first use, so that no fork can come
/// in between. (A process id would not do: in a new namespace of process ids
/// the child may have its parent's.) It fails only where memory has ended, and
/// then nothing can be loaded either.
[[maybe_unused]] static const int registered =
    pthread_atfork(nullptr, nullptr, [] { ++forkCount; });

uint64_t mqa::runtime::getForkCount() {
  return forkCount.load(std::memory_order_relaxed);
}
