//===- Compile.h - From a module to a bundle --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_COMPILER_COMPILE_H
#define MQA_COMPILER_COMPILE_H

#include "mqa/Dialect/MQA/IR/Target.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/Error.h"

#include <string>

namespace mlir {
namespace mqa {

/// What `compileModule` writes.
enum class EmitKind {
  /// What the runtime loads.
  Bundle,
  PTX,
  /// Machine code; needs ptxas.
  Cubin,
  /// The last level of MLIR, in the LLVM dialect.
  MLIR
};

/// A target as a user names it.
struct CompileTarget {
  /// The whole name: of a chip, or "cpu:PROCESSOR..." (`CPUTarget::parse`).
  std::string name;
  const ChipInfo *chip;

  bool isGpu() const { return chip->isGpu(); }
};

struct CompileOptions {
  /// A name of `ChipInfo`'s, "cpu" for this machine's, "cpu:PROCESSOR..." for
  /// another one's; or several, separated by ',', of which a bundle has a part
  /// each.
  std::string target = kDefaultChip.str();
  /// As the pipeline's option: "exact", "fast" or parameters; empty: by the
  /// table. Not for a CPU.
  std::string schedule;
  EmitKind emit = EmitKind::Bundle;
  /// Whether ptxas, where there is one, makes machine code for a bundle.
  /// Without it, the driver compiles the PTX.
  bool assemble = true;
  /// Whether each diagnostic ends with the target: for one of several.
  bool namesTarget = false;

  /// The same for one of the targets of `targets`.
  CompileOptions forTarget(const CompileTarget &target,
                           ArrayRef<CompileTarget> targets) const;
};

/// The targets that `CompileOptions::target` names. The words of an error are
/// to follow what names the option: "must be ..., found ...".
llvm::Expected<SmallVector<CompileTarget>> parseTargets(StringRef list);

/// Compiles every op of `module` that kernels are made of, and writes the
/// result to `os`. The module is consumed. The context must have what
/// `registerAllDialects` registers. Errors, warnings (a kernel that spills) and
/// notes are diagnostics of the context.
///
/// Functions that consist of one op, or of logits and their mqa.topk, are
/// kernels as a whole. Where `module` has anything else, its other ops become a
/// program on memrefs that calls the kernels, as `mqa-outline-kernels` says:
/// `host` is set to it, or left null where there is none. Without `host`, such
/// a program is dropped with a warning.
LogicalResult compileModule(ModuleOp module, const CompileOptions &options,
                            raw_ostream &os,
                            OwningOpRef<ModuleOp> *host = nullptr);

/// What text becomes.
struct CompiledText {
  /// What `CompileOptions::emit` asks for.
  std::string output;
  /// The host program; "" where the text has kernel functions alone.
  std::string host;
};

/// As `compileModule`, and prints the host program.
FailureOr<CompiledText> compileToText(ModuleOp module,
                                      const CompileOptions &options);

/// Refuses text whose brackets are nested deeper than MLIR's parser can stand:
/// it would use up the stack. `name` is for the diagnostic.
LogicalResult checkNesting(MLIRContext *context, StringRef text,
                           StringRef name = "input");

} // namespace mqa
} // namespace mlir

#endif // MQA_COMPILER_COMPILE_H
