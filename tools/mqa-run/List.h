//===- List.h - What is in a bundle -----------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_MQA_RUN_LIST_H
#define MQA_TOOLS_MQA_RUN_LIST_H

#include "mqa/Runtime.h"

namespace mqa::tools {

/// Prints the kernels of a bundle, each as often as it has targets. No kernel
/// is loaded, so no device is needed.
void listBundle(const mqa_bundle *bundle, bool asJson);

} // namespace mqa::tools

#endif // MQA_TOOLS_MQA_RUN_LIST_H
