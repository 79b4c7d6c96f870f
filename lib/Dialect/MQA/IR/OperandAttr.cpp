//===- OperandAttr.cpp - Operands of a kernel's function ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace mlir::mqa;

static constexpr StringLiteral kNumKeys = "num_keys";

//===----------------------------------------------------------------------===//
// Which operands there are
//===----------------------------------------------------------------------===//

namespace {
/// The ranks from `least` to `most`; 0 is that of an index.
ArrayRef<int64_t> getRanks(int64_t least, int64_t most) {
  static constexpr int64_t kRanks[] = {0, 1, 2, 3, 4};
  return ArrayRef(kRanks).slice(least, most - least + 1);
}
ArrayRef<int64_t> getRanks(int64_t rank) { return getRanks(rank, rank); }
} // namespace

using Ranks = ArrayRef<int64_t>;

static Ranks getRanksOfMerge(StringRef name) {
  return llvm::StringSwitch<Ranks>(name)
      .Cases({"list_indices", "list_values"}, getRanks(3))
      .Cases({"ks", "ke"}, getRanks(1))
      .Cases({"indices", "values"}, getRanks(2))
      .Default({});
}

static Ranks getRanksOfTopk(StringRef name) {
  return llvm::StringSwitch<Ranks>(name)
      .Cases({"logits", "block_table", "indices", "values", "key_blocks"},
             getRanks(2))
      .Cases({"ks", "ke", "sequence", "offset", "num_key_blocks"}, getRanks(1))
      .Case("context_lens", getRanks(1, 2))
      .Default({});
}

static Ranks getRanksOfLogits(StringRef name, bool isPaged) {
  if (isPaged)
    return llvm::StringSwitch<Ranks>(name)
        .Case("q", getRanks(3, 4))
        .Case("k", getRanks(3))
        .Cases({"sequence", "num_key_blocks"}, getRanks(1))
        .Cases({"k_scale", "weights", "block_table", "out", "key_blocks",
                "q_scale"},
               getRanks(2))
        .Case("context_lens", getRanks(1, 2))
        .Default({});
  return llvm::StringSwitch<Ranks>(name)
      .Case("q", getRanks(3))
      .Case("k", getRanks(2, 3))
      .Case("k_scale", getRanks(1, 2))
      .Cases({"weights", "out", "key_blocks", "q_scale"}, getRanks(2))
      .Cases({"ks", "ke", "num_key_blocks"}, getRanks(1))
      .Default({});
}

/// Of a kernel of two ops: what is stored is what the second one writes.
static Ranks getRanksOfFused(StringRef name, bool isPaged) {
  if (name == "logits" || name == "out" ||
      (name == "context_lens" && !isPaged) ||
      (isPaged && llvm::is_contained({"ks", "ke"}, name)))
    return {};
  // What a launch on a GPU works in is no operand of the ops.
  if (name == "scratch")
    return getRanks(1);
  if (name == kNumKeys)
    return getRanks(0);
  Ranks ranks = getRanksOfLogits(name, isPaged);
  return ranks.empty() ? getRanksOfTopk(name) : ranks;
}

ArrayRef<int64_t> KernelAttr::getOperandRanks(StringRef name) const {
  if (!getKeyBlockSize() && (name == "key_blocks" || name == "num_key_blocks"))
    return {};
  if (isFused())
    return getRanksOfFused(name, isPaged());
  // Where columns are no keys, the number of keys is no operand of the op.
  if (name == kNumKeys)
    return getCompressed() ||
                   ((getKeyBlockSize() || getBlockMax()) && !isPaged())
               ? getRanks(0)
               : Ranks();
  if (getOp() == MergeTopkOp::getOperationName())
    return getRanksOfMerge(name);
  if (getOp() == TopkOp::getOperationName())
    return getRanksOfTopk(name);
  return getRanksOfLogits(name, isPaged());
}

//===----------------------------------------------------------------------===//
// The attribute
//===----------------------------------------------------------------------===//

OperandAttr OperandAttr::get(StringRef name, Type type) {
  auto shaped = dyn_cast<ShapedType>(type);
  if (shaped)
    type = RankedTensorType::get(shaped.getShape(), shaped.getElementType());
  return get(type.getContext(), name, type, {}, 1);
}

OperandAttr OperandAttr::withBoxDims(ArrayRef<int64_t> dims) const {
  return get(getContext(), getName(), getType(), dims, getAlignment());
}

OperandAttr OperandAttr::withAlignment(int64_t alignment) const {
  return get(getContext(), getName(), getType(), getBoxDims(), alignment);
}

LogicalResult OperandAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                  StringRef name, Type type,
                                  ArrayRef<int64_t> boxDims,
                                  int64_t alignment) {
  if (alignment < 1 || alignment > 128 || !llvm::isPowerOf2_64(alignment))
    return emitError() << "'alignment' must be a power of two from 1 to 128, "
                          "found "
                       << alignment;
  if (name == kNumKeys ? !type.isIndex() : !isa<RankedTensorType>(type))
    return emitError() << "operand '" << name << "' must have the type "
                       << (name == kNumKeys ? "index" : "of a ranked tensor")
                       << ", found " << type;
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (boxDims.empty() ||
      (tensor && static_cast<int64_t>(boxDims.size()) == tensor.getRank() &&
       isPermutationVector(boxDims)))
    return success();
  InFlightDiagnostic error = emitError()
                             << "operand '" << name << "' of " << type
                             << " must have its dims as "
                                "'box_dims', found [";
  llvm::interleaveComma(boxDims, error);
  return error << "]";
}
