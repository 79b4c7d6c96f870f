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
  static runtime::ThreadPool pool(0);
  pool.run((count + grain - 1) / grain, [&](int64_t i) {
    body(i * grain, std::min(count, (i + 1) * grain));
  });
}

} // namespace mqa::tools

#endif // MQA_TOOLS_COMMON_PARALLEL_H
