//===- Elf.h - Whether an ELF file is whole ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The loaders believe what an ELF file says of itself: where its tables end
// behind the file, dlopen dies of SIGBUS, and the CUDA driver, which is given
// no size, reads what lies behind. What the code does is not looked at.
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_ELF_H
#define MQA_RUNTIME_LIB_ELF_H

#include "Bundle.h"

namespace mqa::runtime {

/// Throws InvalidBundle unless the section `object` is a whole shared object
/// for a 64-bit machine, whose number is returned.
uint16_t checkObject(const std::vector<char> &object);

/// Throws InvalidBundle unless the section `cubin` is a whole file for a GPU.
void checkCubin(const std::vector<char> &cubin);

/// Whether this process can load code for an ELF machine.
mqa_status checkMachine(uint16_t machine);

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_ELF_H
