//===- Affinity.cpp - The processors that a thread may run on -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Affinity.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <thread>

using namespace mqa::runtime;

Affinity Affinity::getOfThread() {
  Affinity affinity;
  // The system refuses room for fewer processors than it was made for.
  constexpr size_t kMaxProcessors = 1 << 16;
  for (size_t processors = CPU_SETSIZE; processors <= kMaxProcessors;
       processors *= 2) {
    affinity.words.assign(CPU_ALLOC_SIZE(processors) / sizeof(unsigned long),
                          0);
    if (!sched_getaffinity(
            0, affinity.words.size() * sizeof(unsigned long),
            reinterpret_cast<cpu_set_t *>(affinity.words.data())))
      return affinity;
    if (errno != EINVAL)
      break;
  }
  affinity.words.clear();
  return affinity;
}

int Affinity::count() const {
  int number =
      words.empty()
          ? static_cast<int>(std::thread::hardware_concurrency())
          : CPU_COUNT_S(words.size() * sizeof(unsigned long),
                        reinterpret_cast<const cpu_set_t *>(words.data()));
  return std::max(number, 1);
}
