//===- Bytecode.cpp - Versions of the dialect's bytecode ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/Bytecode.h"
#include "mqa/Dialect/MQA/IR/MQA.h"

using namespace mlir;
using namespace mlir::mqa;

void BytecodeVersions::writeVersion(DialectBytecodeWriter &writer) const {
  uint64_t number = BytecodeVersion::kCurrent;
  // A caller may ask for another one (BytecodeWriterConfig::setDialectVersion).
  FailureOr<const DialectVersion *> asked =
      writer.getDialectVersion(MQADialect::getDialectNamespace());
  if (succeeded(asked))
    number = static_cast<const BytecodeVersion *>(*asked)->number;
  writer.writeVarInt(number);
}

std::unique_ptr<DialectVersion>
BytecodeVersions::readVersion(DialectBytecodeReader &reader) const {
  uint64_t number;
  if (failed(reader.readVarInt(number)))
    return nullptr;
  if (number >= 1 && number <= BytecodeVersion::kCurrent)
    return std::make_unique<BytecodeVersion>(number);
  reader.emitError() << "the mqa dialect is of bytecode version " << number
                     << ", but this compiler reads versions 1 to "
                     << BytecodeVersion::kCurrent;
  return nullptr;
}

/// There is one version so far, and nothing to upgrade.
LogicalResult
BytecodeVersions::upgradeFromVersion(Operation *,
                                     const DialectVersion &) const {
  return success();
}
