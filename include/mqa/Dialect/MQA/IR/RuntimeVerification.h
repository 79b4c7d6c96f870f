//===- RuntimeVerification.h - Sizes that only a run knows ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_DIALECT_MQA_IR_RUNTIMEVERIFICATION_H
#define MQA_DIALECT_MQA_IR_RUNTIMEVERIFICATION_H

namespace mlir {
class DialectRegistry;

namespace mqa {
/// For upstream's `--generate-runtime-verification`: checks of the sizes that
/// must agree between operands of the public ops, where the types do not say
/// them.
void registerRuntimeVerifiableOpInterfaceExternalModels(
    DialectRegistry &registry);
} // namespace mqa
} // namespace mlir

#endif // MQA_DIALECT_MQA_IR_RUNTIMEVERIFICATION_H
