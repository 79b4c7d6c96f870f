//===- InitAll.h - Registers what the tools need ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_INITALL_H
#define MQA_INITALL_H

namespace mlir {
class DialectRegistry;

namespace mqa {
/// The mqa dialect, the upstream dialects that its passes read and write, and
/// their interfaces and translations.
void registerAllDialects(DialectRegistry &registry);

/// Our passes and pipelines, and the upstream passes that the pipelines use.
void registerAllPasses();
} // namespace mqa
} // namespace mlir

#endif // MQA_INITALL_H
