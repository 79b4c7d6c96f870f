//===- Status.h - Errors inside the runtime ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_STATUS_H
#define MQA_RUNTIME_LIB_STATUS_H

#include "mqa/Runtime.h"

#include <exception>
#include <string>

namespace mqa::runtime {

/// Records `message`, as one line, as this thread's last error and returns
/// `status`.
[[nodiscard]] mqa_status fail(mqa_status status, const std::string &message);

/// Records that memory is exhausted, for which it needs none.
[[nodiscard]] mqa_status failWithoutMemory() noexcept;

/// Records an exception that nobody expected.
[[nodiscard]] mqa_status failWith(const std::exception &error) noexcept;

/// Forgets this thread's last error.
void clearError() noexcept;

/// "" if there was none.
const char *getLastError() noexcept;

} // namespace mqa::runtime

/// Returns the status of `call` from the enclosing function unless it
/// succeeded.
#define MQA_RETURN_IF_FAILED(call)                                             \
  do {                                                                         \
    if (mqa_status status_ = (call))                                           \
      return status_;                                                          \
  } while (false)

#endif // MQA_RUNTIME_LIB_STATUS_H
