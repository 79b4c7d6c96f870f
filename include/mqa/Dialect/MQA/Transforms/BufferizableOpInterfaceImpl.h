//===- BufferizableOpInterfaceImpl.h - Bufferization of mqa -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_DIALECT_MQA_TRANSFORMS_BUFFERIZABLEOPINTERFACEIMPL_H
#define MQA_DIALECT_MQA_TRANSFORMS_BUFFERIZABLEOPINTERFACEIMPL_H

namespace mlir {
class DialectRegistry;

namespace mqa {
/// Lets One-Shot Bufferize handle `mqa.logits`.
void registerBufferizableOpInterfaceExternalModels(DialectRegistry &registry);
} // namespace mqa
} // namespace mlir

#endif // MQA_DIALECT_MQA_TRANSFORMS_BUFFERIZABLEOPINTERFACEIMPL_H
