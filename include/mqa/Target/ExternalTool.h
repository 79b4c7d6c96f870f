//===- ExternalTool.h - ptxas and ld ----------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TARGET_EXTERNALTOOL_H
#define MQA_TARGET_EXTERNALTOOL_H

#include "mlir/IR/Location.h"
#include "mlir/Support/LLVM.h"
#include "llvm/ADT/STLFunctionalExtras.h"

#include <optional>
#include <string>
#include <vector>

namespace mlir {
namespace mqa {

/// A program that makes an ELF file of one input file.
struct ExternalTool {
  /// For messages.
  StringRef name;
  StringRef path;
  /// With which ending the input's name comes.
  StringRef inputSuffix;
  llvm::function_ref<std::vector<std::string>(const std::string &input,
                                              const std::string &output)>
      getArguments;
  /// The machine that the output must be for, as ELF numbers them, and its ELF
  /// type, where it can have but one.
  uint16_t machine;
  std::optional<uint16_t> elfType;
};

struct ToolOutput {
  /// A whole ELF file.
  std::string file;
  /// What the tool said.
  std::string log;
};

/// Runs `tool` on `input` in a private temporary folder. That the tool says it
/// succeeded is not enough: its output must be there, whole, and of the kind
/// that was asked for.
FailureOr<ToolOutput> runExternalTool(Location loc, const ExternalTool &tool,
                                      StringRef input);

/// What tells one version of a file from another without reading it: where it
/// really is, its size and its time.
std::optional<std::string> describeFile(StringRef path);

} // namespace mqa
} // namespace mlir

#endif // MQA_TARGET_EXTERNALTOOL_H
