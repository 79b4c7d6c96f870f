//===- DynamicSection.h - What an object tells dlopen -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_DYNAMICSECTION_H
#define MQA_RUNTIME_LIB_DYNAMICSECTION_H

#include "Elf.h"

namespace mqa::runtime {

/// Throws InvalidBundle unless the one dynamic section of a shared object can
/// be believed: its strings, symbols, hash tables and relocations lie in what
/// is loaded, and lead nowhere else. It loads nothing, and runs nothing.
void checkDynamicSection(const ElfFile &file);

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_DYNAMICSECTION_H
