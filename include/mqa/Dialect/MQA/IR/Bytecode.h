//===- Bytecode.h - Versions of the dialect's bytecode ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_DIALECT_MQA_IR_BYTECODE_H
#define MQA_DIALECT_MQA_IR_BYTECODE_H

#include "mlir/Bytecode/BytecodeImplementation.h"

namespace mlir {
namespace mqa {

/// What a file says of how our ops are written in it. A file that says nothing
/// is older than versions, and is written as version 1 is.
struct BytecodeVersion : public DialectVersion {
  /// Raised when what an op has (an operand, an attribute, a default) is no
  /// longer what it was, so that an older file would be read as something else.
  /// Then `upgradeFromVersion` gets a case for the version before.
  static constexpr uint64_t kCurrent = 9;

  explicit BytecodeVersion(uint64_t number) : number(number) {}
  uint64_t number;
};

/// Writes the version, and refuses files of a later one.
struct BytecodeVersions : public BytecodeDialectInterface {
  explicit BytecodeVersions(Dialect *dialect)
      : BytecodeDialectInterface(dialect) {}

  void writeVersion(DialectBytecodeWriter &writer) const override;
  std::unique_ptr<DialectVersion>
  readVersion(DialectBytecodeReader &reader) const override;
  LogicalResult
  upgradeFromVersion(Operation *top,
                     const DialectVersion &version) const override;
};

} // namespace mqa
} // namespace mlir

#endif // MQA_DIALECT_MQA_IR_BYTECODE_H
