//===- SplitPairs.cpp - When logits and top-k can be two kernels ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/Transforms/KernelFunctions.h"

using namespace mlir;
using namespace mlir::mqa;

/// How many queries there are, if an operand of `op` says so.
static std::optional<int64_t> getNumQueries(KernelOpInterface op, TopkOp topk,
                                            bool namesSequences) {
  for (auto [name, operand] :
       llvm::zip_equal(op.getDataOperandNames(), op.getDataOperands())) {
    bool isOfKeys = name == "k" || name == "k_scale";
    bool isOfAll = name == "block_table" && namesSequences;
    auto type = operand ? cast<ShapedType>(operand.getType()) : ShapedType();
    if (!type || isOfKeys || isOfAll || type.isDynamicDim(0))
      continue;
    bool isOfSequences = name == "context_lens" || name == "block_table" ||
                         (name == "q" && type.getRank() == 4);
    return type.getDimSize(0) * (isOfSequences ? topk.getRowsOfSequence() : 1);
  }
  return std::nullopt;
}

/// Whether the logits fit what a launch keeps of them (as the runtime has it,
/// in LogitsTopkSteps.cpp). A kernel for any number of queries takes a part of
/// them at a time.
static bool haveRoom(LogitsOpInterface logits, TopkOp topk) {
  constexpr int64_t kMostBytes = int64_t(512) << 20;
  auto paged = dyn_cast<PagedLogitsOp>(*logits);
  bool namesSequences = topk.getSequence() || (paged && paged.getSequence());
  auto ofLogits = cast<KernelOpInterface>(*logits);
  auto ofTopk = cast<KernelOpInterface>(*topk);
  std::optional<int64_t> numQueries =
      getNumQueries(ofLogits, topk, namesSequences);
  if (!numQueries)
    numQueries = getNumQueries(ofTopk, topk, namesSequences);
  if (!numQueries)
    return true;
  auto type = cast<ShapedType>(topk.getLogits().getType());
  int64_t row = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  return !type.isDynamicDim(1) && *numQueries <= kMostBytes / row &&
         *numQueries * row <=
             kMostBytes / std::max<int64_t>(type.getDimSize(1), 1);
}

/// Whether mqa.topk knows where rows of logits end without the ranges of the op
/// that computes them. Of a paged cache, a line of the block table may end
/// ahead of a number of columns that the type says.
static bool knowsEnds(TopkOp topk) {
  auto type = cast<ShapedType>(topk.getLogits().getType());
  return !topk.getContextLens() || type.isDynamicDim(1) || topk.getBlockTable();
}

std::string mqa::explainNotSplit(LogitsOpInterface logits, TopkOp topk) {
  if (!haveRoom(logits, topk))
    return "the logits of a static number of queries must have a static number "
           "of columns, and at most 512 MiB";
  if (!knowsEnds(topk))
    return "the number of columns must be dynamic, or mqa.topk have "
           "'block_table'";
  return "";
}

bool mqa::mustSplit(LogitsOpInterface logits) {
  return logits.hasRowsOfSequences() || logits.hasKeyBlocks();
}
