//===- MQAInterfaces.td - What the public ops have in common -*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_INTERFACES_TD
#define MQA_INTERFACES_TD

include "mlir/IR/OpBase.td"

def MQA_KernelOpInterface : OpInterface<"KernelOpInterface"> {
  let cppNamespace = "::mlir::mqa";
  let description = [{
    An op from which a kernel is made: `mqa.logits`, `mqa.paged_logits`, `mqa.topk`,
    `mqa.merge_topk`. Its data operands become the arguments of the kernel.
  }];
  let methods = [
    InterfaceMethod<"The operands that carry data; one that is left out is null.",
                    "::llvm::SmallVector<::mlir::Value>", "getDataOperands">,
    InterfaceMethod<"The names of `getDataOperands()`, in the same order.",
                    "::llvm::ArrayRef<::llvm::StringRef>", "getDataOperandNames">,
    InterfaceMethod<"Whether this is a tile of an op. No kernel is made from a tile.",
                    "bool", "isTile">,
    InterfaceMethod<"The number of keys, an index, where it is an operand of its own, which becomes an "
                    "argument of the kernel too; else null.",
                    "::mlir::Value", "getNumKeysOperand", (ins), /*methodBody=*/"",
                    /*defaultImplementation=*/"return {};">,
  ];
}

def MQA_LogitsOpInterface : OpInterface<"LogitsOpInterface", [MQA_KernelOpInterface]> {
  let cppNamespace = "::mlir::mqa";
  let description = [{
    An op that computes attention logits: `mqa.logits` and `mqa.paged_logits`. It
    says what schedules, plans and manifests depend on, so that the passes
    above the tiles of an op need not know which it is.
  }];
  let methods = [
    InterfaceMethod<"Heads H.", "int64_t", "getNumHeads">,
    InterfaceMethod<"Groups G of heads that share a key.", "int64_t", "getNumGroups">,
    InterfaceMethod<"Whether keys have a dimension of groups.", "bool", "hasKeyGroups">,
    InterfaceMethod<"Queries of a sequence, which a block works on together; 0 where all "
                    "queries are of one sequence.", "int64_t", "getNextN">,
    InterfaceMethod<"Keys of a cache block, or of a block of a query's own; 0 without such blocks.",
                    "int64_t", "getBlockKv">,
    InterfaceMethod<"", "::mlir::Value", "getQ">,
    InterfaceMethod<"Block scales of queries. Null: queries have none.", "::mlir::Value", "getQScale">,
    InterfaceMethod<"", "::mlir::Value", "getK">,
    InterfaceMethod<"The type of `out`.", "::mlir::ShapedType", "getOutType">,
    InterfaceMethod<"Null: 1.", "::mlir::Value", "getKScale">,
    InterfaceMethod<"Null: 1.", "::mlir::Value", "getWeights">,
    InterfaceMethod<"", "::mlir::mqa::Activation", "getActivation">,
    InterfaceMethod<"", "::mlir::mqa::HeadReduction", "getHeadReduction">,
    InterfaceMethod<"Whether -inf is written outside of the ranges.", "bool", "getClean">,
    InterfaceMethod<"Whether rows begin with their ranges.", "bool", "hasCompressedRows">,
    InterfaceMethod<"Keys of a column of `out`: R, where it is the maximum of a block of R keys; else 1.",
                    "int64_t", "getColumnKeys">,
    InterfaceMethod<"", "::mlir::mqa::ScheduleAttr", "getScheduleAttr">,
    InterfaceMethod<"", "void", "setScheduleAttr", (ins "::mlir::mqa::ScheduleAttr":$schedule)>,
    InterfaceMethod<"Whether each query names its sequence, and has no blocks of its own. Then a block works on some "
                    "neighbouring queries of one sequence.", "bool", "hasRowsOfSequences">,
    InterfaceMethod<"Whether each query has key blocks of its own.", "bool", "hasKeyBlocks">,
    InterfaceMethod<"How many neighbouring queries of one sequence there mostly are, where each query names its "
                    "sequence; 0: many.", "int64_t", "getRunRows">,
  ];
  let extraSharedClassDeclaration = [{
    /// Whether a block works on as many neighbouring queries of a sequence as
    /// there is room for, each of which names its sequence.
    bool hasManyRows() { return $_op.hasRowsOfSequences() && !$_op.getRunRows(); }
    /// Heads that share a key.
    int64_t getGroupHeads() { return $_op.getNumHeads() / $_op.getNumGroups(); }
    /// The format of keys with block scales; null for other keys.
    const ::mlir::mqa::mx::Format *getMxFormat() {
      auto key = ::llvm::dyn_cast<::mlir::ShapedType>($_op.getK().getType());
      ::mlir::Value scales = $_op.getKScale();
      auto scale = ::llvm::dyn_cast_if_present<::mlir::ShapedType>(scales ? scales.getType() : ::mlir::Type());
      return key ? ::mlir::mqa::mx::getFormat(key.getElementType(), scale ? scale.getElementType() : ::mlir::Type())
                 : nullptr;
    }
    bool hasMxKeys() { return $_op.getMxFormat(); }
    /// The format of queries with block scales; null for other queries.
    const ::mlir::mqa::mx::Format *getQueryFormat() {
      auto query = ::llvm::dyn_cast<::mlir::ShapedType>($_op.getQ().getType());
      ::mlir::Value scales = $_op.getQScale();
      auto scale = ::llvm::dyn_cast_if_present<::mlir::ShapedType>(scales ? scales.getType() : ::mlir::Type());
      return query ? ::mlir::mqa::mx::getFormat(query.getElementType(), scale ? scale.getElementType() : ::mlir::Type())
                   : nullptr;
    }
    bool hasMxQueries() { return $_op.getQueryFormat(); }
    /// The element type of q, and of k unless keys have block scales. Queries
    /// with block scales become this type.
    ::mlir::Type getInputElementType() {
      ::mlir::Type query = ::llvm::cast<::mlir::ShapedType>($_op.getQ().getType()).getElementType();
      const ::mlir::mqa::mx::Format *format = $_op.getQueryFormat();
      if (!format)
        return query;
      ::mlir::Type key = ::llvm::cast<::mlir::ShapedType>($_op.getK().getType()).getElementType();
      return format->getInputType(query.getContext(), $_op.hasMxKeys() ? ::mlir::Type() : key);
    }
    /// Elements of q for a head of a query: two of MXFP4 are one byte.
    int64_t getQueryRow() {
      return ::llvm::cast<::mlir::ShapedType>($_op.getQ().getType()).getShape().back();
    }
    /// Elements D of a key.
    int64_t getHeadDim() {
      const ::mlir::mqa::mx::Format *format = $_op.getQueryFormat();
      int64_t row = $_op.getQueryRow();
      if (!format || ::mlir::ShapedType::isDynamic(row))
        return row;
      return row * format->getPerStorage(::llvm::cast<::mlir::ShapedType>($_op.getQ().getType()).getElementType());
    }
    /// The element type of the products, whatever units the target has: that
    /// of q, or a wider one that keys with block scales need.
    ::mlir::Type getProductElementType() {
      const ::mlir::mqa::mx::Format *format = $_op.getMxFormat();
      ::mlir::Type query = $_op.getInputElementType();
      return format ? format->getProductType(query) : query;
    }
    /// Whether every score of this op is finite or NaN: f8E4M3FN has no
    /// infinity, and keys with block scales become finite ones beside it.
    bool hasOnlyFiniteScores() {
      return ::llvm::isa<::mlir::Float8E4M3FNType>($_op.getInputElementType());
    }
  }];
}

def MQA_RoleOpInterface : OpInterface<"RoleOpInterface"> {
  let cppNamespace = "::mlir::mqa";
  let description = [{
    An op that only some warps of a kernel execute, once `mqa-specialize-warps` has split the
    kernel. The ring says the role of an op on the ring: `filler` if the op fills slots, `reader` if
    it reads them. An op without a role that uses an acquired slot, or a slot that a converter gets,
    has the role of that slot. Every role that uses the results of another op without a role
    executes that op.
  }];
  let methods = [
    InterfaceMethod<"The role whose warps execute the op.", "::mlir::mqa::Role", "getRole">,
    InterfaceMethod<"What the op's one result goes on from, which stands for it where a role "
                    "does not execute the op; null if there is nothing.",
                    "::mlir::Value", "getCarried", (ins), /*methodBody=*/"",
                    /*defaultImplementation=*/"return {};">,
  ];
}

#endif // MQA_INTERFACES_TD
