//===- RuntimeVerification.cpp - Sizes that only a run knows --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/RuntimeVerification.h"
#include "OperandRules.h"
#include "Slices.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Interfaces/RuntimeVerifiableOpInterface.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::mqa;

namespace {
using MessageFn = function_ref<std::string(Operation *, StringRef)>;

/// A dimension of an operand, and how many of its elements belong together.
struct Size {
  StringRef operand;
  int64_t dim, perElement;
  OpFoldResult value;
};

/// So many elements of dimension `many` belong to each element of `one`.
struct Multiple {
  char many, one;
  uint64_t count;
};

/// Rows belong to sequences, and columns to key blocks. A tile has some of the
/// columns.
SmallVector<Multiple> getMultiples(KernelOpInterface op) {
  SmallVector<Multiple> multiples;
  llvm::TypeSwitch<Operation *>(op)
      .Case([&](LogitsOp logits) {
        if (logits.hasKeyBlocks() && !logits.isTile())
          multiples.push_back({'C', 'B', *logits.getKeyBlockSize()});
      })
      .Case([&](PagedLogitsOp paged) {
        if (!paged.namesSequences())
          multiples.push_back({'R', 'B', uint64_t(paged.getSequenceQueries())});
        if (paged.hasKeyBlocks() && !paged.isTile())
          multiples.push_back({'K', 'L', *paged.getKeyBlockSize()});
      })
      .Case([&](TopkOp topk) {
        if (topk.hasSequencesInOrder())
          multiples.push_back({'M', 'B', uint64_t(topk.getRowsOfSequence())});
        if (topk.hasKeyBlocks())
          multiples.push_back({'C', 'L', *topk.getKeyBlockSize()});
      });
  return multiples;
}

void verifySizes(KernelOpInterface op, OpBuilder &b, Location loc,
                 MessageFn makeMessage) {
  // Of each letter, the first; the others are compared with it.
  llvm::MapVector<char, Size> known;
  SmallVector<Multiple> multiples = getMultiples(op);
  auto check = [&](const Size &size, const Size &other) {
    int64_t least = std::min(size.perElement, other.perElement);
    auto scale = [&](const Size &s) {
      Value value = getValueOrCreateConstantIndexOp(b, loc, s.value);
      if (s.perElement == least)
        return value;
      return Value(arith::MulIOp::create(
          b, loc, value, arith::ConstantIndexOp::create(b, loc, s.perElement)));
    };
    if (isa<Attribute>(size.value) && isa<Attribute>(other.value))
      return;
    Value equal = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                        scale(size), scale(other));
    std::string message = ("dimension " + Twine(size.dim) + " of '" +
                           size.operand + "' does not go with dimension " +
                           Twine(other.dim) + " of '" + other.operand + "'")
                              .str();
    cf::AssertOp::create(b, loc, equal, makeMessage(op, message));
  };
  for (auto [value, rule] :
       llvm::zip_equal(op.getDataOperands(), getOperandRules(op))) {
    // What the ranges of a tile were made from has the rows of all tiles.
    if (!value || !llvm::is_contained(op->getOperands(), value))
      continue;
    for (auto [dim, name] : llvm::enumerate(rule.dims)) {
      char letter = name;
      Size size{rule.name, static_cast<int64_t>(dim), 1,
                getDim(b, loc, value, dim)};
      auto [place, isNew] = known.try_emplace(letter, size);
      if (!isNew) {
        check(size, place->second);
        continue;
      }
      for (const Multiple &multiple : multiples) {
        bool isMany = letter == multiple.many;
        auto other = known.find(isMany ? multiple.one : multiple.many);
        if ((!isMany && letter != multiple.one) || other == known.end())
          continue;
        Size one = isMany ? other->second : size;
        one.perElement = multiple.count;
        check(isMany ? size : one, isMany ? one : other->second);
      }
    }
  }
}

/// Columns of maxima: as many as there are blocks of keys.
void verifyBlocks(LogitsOp op, OpBuilder &b, Location loc,
                  MessageFn makeMessage) {
  auto getSize = [&](Value operand, int64_t dim) -> Value {
    return getValueOrCreateConstantIndexOp(b, loc,
                                           getDim(b, loc, operand, dim));
  };
  Value size = arith::ConstantIndexOp::create(b, loc, op.getColumnKeys());
  Value blocks =
      arith::CeilDivUIOp::create(b, loc, getSize(op.getK(), 0), size);
  Value equal = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, blocks,
                                      getSize(op.getOut(), 1));
  cf::AssertOp::create(b, loc, equal,
                       makeMessage(op, "dimension 1 of 'out' is not the number "
                                       "of blocks of dimension 0 of 'k'"));
}

template <typename OpTy>
struct SizesModel
    : RuntimeVerifiableOpInterface::ExternalModel<SizesModel<OpTy>, OpTy> {
  void generateRuntimeVerification(Operation *op, OpBuilder &b, Location loc,
                                   MessageFn makeMessage) const {
    verifySizes(cast<KernelOpInterface>(op), b, loc, makeMessage);
    if (auto logits = dyn_cast<LogitsOp>(op))
      if (logits.getColumnKeys() > 1)
        verifyBlocks(logits, b, loc, makeMessage);
  }
};
} // namespace

void mqa::registerRuntimeVerifiableOpInterfaceExternalModels(
    DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, MQADialect *) {
    LogitsOp::attachInterface<SizesModel<LogitsOp>>(*context);
    PagedLogitsOp::attachInterface<SizesModel<PagedLogitsOp>>(*context);
    TopkOp::attachInterface<SizesModel<TopkOp>>(*context);
    MergeTopkOp::attachInterface<SizesModel<MergeTopkOp>>(*context);
    context->loadDialect<arith::ArithDialect, cf::ControlFlowDialect>();
  });
}
