//===- Parallel.h - A parallel loop on the host -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_COMMON_PARALLEL_H
#define MQA_TOOLS_COMMON_PARALLEL_H

#include "ThreadPool.h"

#include <algorithm>
#include <functional>

namespace mqa::tools {

/// Calls body(begin, end) for pieces of [0, count) of at most `grain`.
inline void parallelFor(int64_t count, int64_t grain,
                        const std::function<void(int64_t, int64_t)> &body) {
  int64_t numPieces = (count + grain - 1) / grain;
  auto runPiece = [&](int64_t i, int) {
    body(i * grain, std::min(count, (i + 1) * grain));
  };
  // Others would only be woken for nothing.
  if (numPieces == 1)
    return runPiece(0, 0);
  static runtime::ThreadPool pool;
  static const mqa_status started = pool.start(0);
  if (!started && !pool.run(numPieces, runPiece))
    return;
  // Where no threads can be had, this one does it all.
  for (int64_t i = 0; i < numPieces; ++i)
    runPiece(i, 0);
}

} // namespace mqa::tools

#endif // MQA_TOOLS_COMMON_PARALLEL_H
