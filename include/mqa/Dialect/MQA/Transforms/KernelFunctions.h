//===- KernelFunctions.h - The functions that become kernels ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a function must be to become a kernel, for every target alike.
//
//===----------------------------------------------------------------------===//

#ifndef MQA_DIALECT_MQA_TRANSFORMS_KERNELFUNCTIONS_H
#define MQA_DIALECT_MQA_TRANSFORMS_KERNELFUNCTIONS_H

#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir {
namespace mqa {

//===----------------------------------------------------------------------===//
// Fused pairs
//===----------------------------------------------------------------------===//

/// The op that computes what `topk` selects from; null if it is not known.
LogitsOpInterface getLogitsOf(TopkOp topk);

/// What the logits of `op` go to where they are fused with an op that selects
/// from them; else null.
UnstoredLogitsOp getUnstoredLogits(LogitsOpInterface op);

/// The op that `op` is fused with; null if there is none.
TopkOp getFusedTopk(LogitsOpInterface op);
LogitsOpInterface getFusedLogits(TopkOp op);

/// Why `topk` and the op that computes its logits, fused or not, cannot be one
/// kernel; empty if they can.
std::string explainNotFused(LogitsOpInterface logits, TopkOp topk);

/// Why the pair, fused or not, cannot be two kernels of one launch, with the
/// logits in its scratch; empty if it can.
std::string explainNotSplit(LogitsOpInterface logits, TopkOp topk);

/// Whether a GPU has no kernel that selects from such logits: a pair is two
/// kernels there.
bool mustSplit(LogitsOpInterface logits);

/// Replaces questions for the sizes of `op`, which is on memrefs, by its
/// operands, erases views that nothing uses, and `op` itself if nothing does.
void resolveSizes(RewriterBase &rewriter, UnstoredLogitsOp op);

/// On a CPU: the rows that are selected from together where they are of one
/// sequence, and the keys of a tile of logits. They are as in a task of
/// mqa.logits alone.
constexpr int64_t getFusedTaskRows() { return 16; }
int64_t getFusedTileKeys(LogitsOpInterface op);

//===----------------------------------------------------------------------===//
// Kernel functions
//===----------------------------------------------------------------------===//

/// What a kernel function consists of.
struct KernelFunction {
  /// The op; of a fused pair the one that computes logits.
  KernelOpInterface op;
  /// The op that selects from these logits, if they are fused; else null.
  TopkOp topk;

  /// The operands that carry data, and their names. Of a fused pair, what both
  /// ops have is there once, and logits are not: those of `op`, then those of
  /// `topk`. One that is left out is null.
  SmallVector<Value> getDataOperands() const;
  SmallVector<StringRef> getDataOperandNames() const;
  /// The op that has the operand `name`.
  Operation *getOwner(StringRef name) const;
  /// The number of keys, where it is an argument of its own; else null. Of a
  /// fused pair with a paged cache, the most keys that a row may have.
  Value getNumKeysOperand() const;
  /// The op whose results are the function's.
  DestinationStyleOpInterface getLast() const;
};

/// Nothing in the module refers to `func`: what becomes of it has another
/// signature, or is no function that can be called.
LogicalResult verifyNobodyRefersTo(func::FuncOp func);

/// The one op that `func`, a function of the module, on tensors or on memrefs,
/// consists of, or the fused pair. An error says why `func` is no kernel
/// function.
FailureOr<KernelFunction> verifyKernelFunction(func::FuncOp func);

/// The same without a word, whoever calls `func`.
FailureOr<KernelFunction> getKernelFunction(func::FuncOp func);

/// Whether `func` has the body of a kernel function, of one op or a pair; what
/// is wrong with it otherwise, an error of the pipelines says.
bool hasKernelBody(func::FuncOp func);

/// Every op of `module` that kernels are made of is the body of a kernel
/// function, and nothing in the module takes a name that kernels need.
LogicalResult verifyKernelFunctions(ModuleOp module);

} // namespace mqa
} // namespace mlir

#endif // MQA_DIALECT_MQA_TRANSFORMS_KERNELFUNCTIONS_H
