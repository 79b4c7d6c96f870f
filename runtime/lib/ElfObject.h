//===- ElfObject.h - A shared object, before and after it is loaded -*- C++
//-*-//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_ELFOBJECT_H
#define MQA_RUNTIME_LIB_ELFOBJECT_H

#include "Status.h"

#include <cstdint>
#include <vector>

namespace mqa::runtime {

/// Checks that `object` is a whole shared object for this machine which needs
/// no library and no symbol of anybody else: what it would call there depends
/// on the host program.
mqa_status checkSelfContained(const std::vector<char> &object);

/// Whether what was loaded at `base` is `object`, which is checked: the same
/// bytes in every part of it that is not written to.
bool isLoadedAt(const std::vector<char> &object, const char *base);

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_ELFOBJECT_H
