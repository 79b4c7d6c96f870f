//===- Compilation.h - Calls of the compiler's C API ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TEST_COMPILER_COMPILATION_H
#define MQA_TEST_COMPILER_COMPILATION_H

#include "mqa/Compiler.h"

#include <memory>
#include <string>

struct Compilation {
  explicit Compilation(mqa_compilation *handle)
      : handle(handle, mqa_compilation_destroy) {}
  bool succeeded() const { return mqa_compilation_succeeded(handle.get()); }
  std::string bundle() const {
    size_t size;
    const void *data = mqa_compilation_bundle(handle.get(), &size);
    return std::string(static_cast<const char *>(data), size);
  }
  std::string diagnostics() const {
    return mqa_compilation_diagnostics(handle.get());
  }
  std::unique_ptr<mqa_compilation, void (*)(mqa_compilation *)> handle;
};

inline mqa_logits_description makeOp() {
  mqa_logits_description op = {};
  op.num_heads = 64;
  op.head_dim = 128;
  return op;
}

#endif // MQA_TEST_COMPILER_COMPILATION_H
