//===- CodeGenerators.h - LLVM's code generators ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_TARGET_CODEGENERATORS_H
#define MQA_LIB_TARGET_CODEGENERATORS_H

namespace mlir {
namespace mqa {

/// Registers the code generators that kernels need, once for the process. LLVM
/// keeps them in a list without a lock: two threads that register the same one
/// make a circle of it, in which a search never ends.
void registerCodeGenerators();

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_TARGET_CODEGENERATORS_H
