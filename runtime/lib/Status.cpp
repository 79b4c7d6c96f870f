//===- Status.cpp - Errors inside the runtime -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Status.h"

using namespace mqa::runtime;

static std::string &lastError() {
  thread_local std::string message;
  return message;
}

mqa_status mqa::runtime::fail(mqa_status status, const std::string &message) {
  lastError() = message;
  return status;
}

void mqa::runtime::clearError() { lastError().clear(); }

const std::string &mqa::runtime::getLastError() { return lastError(); }
