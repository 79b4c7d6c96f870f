//===- SharedObject.h - What dlopen relies on in an object ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_SHAREDOBJECT_H
#define MQA_RUNTIME_LIB_SHAREDOBJECT_H

#include "Bundle.h"

namespace mqa::runtime {

/// Throws InvalidBundle unless the section `object` is a shared object for a
/// 64-bit machine that can be loaded and searched as it says, and of which
/// nothing runs meanwhile. It needs no library and no symbol of anybody else:
/// what it would call there depends on the host program. Returns the number of
/// the machine.
///
/// dlopen looks at little of this, and crashes where it is not so.
uint16_t checkSharedObject(const std::vector<char> &object);

/// Whether this process can load code for an ELF machine.
mqa_status checkMachine(uint16_t machine);

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_SHAREDOBJECT_H
