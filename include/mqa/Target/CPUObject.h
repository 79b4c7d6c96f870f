//===- CPUObject.h - Task functions to a loadable object --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TARGET_CPUOBJECT_H
#define MQA_TARGET_CPUOBJECT_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"

#include <optional>
#include <string>

namespace llvm {
class TargetMachine;
} // namespace llvm

namespace mlir {
namespace mqa {

/// The processor for which code is made.
struct CPUTarget {
  /// This machine's.
  static CPUTarget getHost();
  /// Of the option "PROCESSOR[:+FEATURE|:-FEATURE]...": "native" for this
  /// machine's, else a name of LLVM's for x86-64 ("sapphirerapids",
  /// "x86-64-v3") or AArch64 ("neoverse-v1", or "aarch64" for what all of them
  /// have). The words of an error are to follow what names the option: "must be
  /// ..., found ...".
  static llvm::Expected<CPUTarget> parse(StringRef spec);
  /// Of the target "cpu", this machine's, or "cpu:" and what `parse` takes.
  static llvm::Expected<CPUTarget> fromName(StringRef target);

  bool hasFeature(StringRef name) const {
    return llvm::is_contained(features, name);
  }
  /// What LLVM's option says: "+a,-b".
  std::string getFeatureString() const;
  /// Rows and columns of f32 that a contraction can keep in vector registers.
  SmallVector<int64_t> getRegisterTile() const;

  std::string triple;
  /// The processor whose instructions `features` add to, and the one whose
  /// timing counts.
  std::string cpu, tune;
  /// Instruction sets that kernels may use, by LLVM's names.
  SmallVector<std::string> features;
};

/// The instruction sets that code for this machine may use, by LLVM's names.
SmallVector<std::string>
getRequiredFeatures(const llvm::TargetMachine &machine);

/// Where a linker for the triple is on PATH: `ld` for this machine's, else that
/// of the GNU tools for the other machine, or `ld.lld`.
std::optional<std::string> findLinker(StringRef triple);

/// A shared object, and what it needs of the processor, by LLVM's names.
struct CPUObject {
  std::string data;
  SmallVector<std::string> features;
};

/// Makes scratch of a static size an alloca of its task function: what of it is
/// large is on the heap, and a task does not allocate. For `addTaskEntryPoints`
/// after the lowering to the LLVM dialect, which takes it from the stack.
void moveScratchToStack(ModuleOp module);

/// Gives each task function a C entry point `mqa_task_<name>(const memref
/// descriptors[], i64, i64, scratch)`: one signature for all kernels. Allocas
/// of the task become parts of `scratch`. Returns the bytes of scratch of each
/// function.
FailureOr<llvm::StringMap<int64_t>> addTaskEntryPoints(ModuleOp module);

/// Compiles a module in the LLVM dialect to a shared object that exports the
/// entry points alone and needs no symbol of anybody else.
FailureOr<CPUObject> translateToSharedObject(ModuleOp module,
                                             const CPUTarget &target);

} // namespace mqa
} // namespace mlir

#endif // MQA_TARGET_CPUOBJECT_H
