//===- Status.cpp - Errors inside the runtime -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Status.h"

#include <new>

using namespace mqa::runtime;

namespace {
/// A constant is one that says what no string can: there is no memory for it.
struct LastError {
  std::string message;
  const char *constant = nullptr;
};
} // namespace

static LastError &lastError() {
  thread_local LastError error;
  return error;
}

mqa_status mqa::runtime::fail(mqa_status status, const std::string &message) {
  std::string line = message;
  // Paths, and what loaders and drivers say, may be of several lines.
  for (char &c : line)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      c = c == '\n' || c == '\t' ? ' ' : '?';
  lastError() = {std::move(line), nullptr};
  return status;
}

mqa_status mqa::runtime::failWithoutMemory() noexcept {
  lastError().constant = "out of memory";
  return MQA_ERROR_SYSTEM;
}

mqa_status mqa::runtime::failWith(const std::exception &error) noexcept {
  try {
    return fail(MQA_ERROR_SYSTEM, error.what());
  } catch (const std::bad_alloc &) {
    return failWithoutMemory();
  }
}

void mqa::runtime::clearError() noexcept {
  lastError().message.clear();
  lastError().constant = nullptr;
}

const char *mqa::runtime::getLastError() noexcept {
  const LastError &error = lastError();
  return error.constant ? error.constant : error.message.c_str();
}
