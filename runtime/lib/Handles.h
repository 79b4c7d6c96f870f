//===- Handles.h - What the handles of the C API are ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_HANDLES_H
#define MQA_RUNTIME_LIB_HANDLES_H

#include "Kernel.h"

#include <exception>
#include <new>

struct mqa_kernel {
  std::shared_ptr<mqa::runtime::Kernel> kernel;
};

namespace mqa::runtime {

/// Runs `body` so that no exception crosses the C API.
template <typename Body> mqa_status guard(Body body) noexcept {
  try {
    clearError();
    return body();
  } catch (const std::bad_alloc &) {
    return failWithoutMemory();
  } catch (const std::exception &error) {
    return failWith(error);
  }
}

inline mqa_status requireNotNull(const void *pointer, const char *name) {
  if (pointer)
    return MQA_SUCCESS;
  return fail(MQA_ERROR_INVALID_ARGUMENT, std::string(name) + " is null");
}

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_HANDLES_H
