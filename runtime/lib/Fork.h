//===- Fork.h - Whether this process was forked -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_FORK_H
#define MQA_RUNTIME_LIB_FORK_H

#include <cstdint>

namespace mqa::runtime {

/// How many forks lie between the process that loaded the runtime and this one.
/// What was made under another count belongs to a parent: its threads and its
/// contexts of the driver are not here.
uint64_t getForkCount();

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_FORK_H
