//===- OperandRules.cpp - What the operands of a public op are ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OperandRules.h"
#include "MemorySpaces.h"

#include "mqa/Dialect/MQA/IR/OperandStrides.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "mlir/IR/Matchers.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::mqa;

/// What the ops are defined for.
static constexpr int64_t kMaxHeads = 128, kMaxHeadDim = 256,
                         kHeadDimMultiple = 16;

SmallVector<OperandRule> mqa::getOperandRules(KernelOpInterface op) {
  return llvm::TypeSwitch<Operation *, SmallVector<OperandRule>>(op)
      .Case<LogitsOp, PagedLogitsOp, TopkOp, MergeTopkOp>(
          [](auto op) { return getOperandRules(op); })
      .Default([](Operation *) -> SmallVector<OperandRule> {
        llvm_unreachable("an op of the interface without rules");
      });
}

SmallVector<unsigned> mqa::getNumStridedDims(KernelOpInterface op) {
  return llvm::map_to_vector(getOperandRules(op), [](const OperandRule &rule) {
    return rule.numStrided;
  });
}

SmallVector<Type> mqa::getInputTypes(Builder &b) {
  return {b.getType<Float8E4M3FNType>(), b.getType<Float8E5M2Type>(),
          b.getBF16Type(), b.getF16Type()};
}

SmallVector<Type> mqa::getQueryTypes(LogitsOpInterface op) {
  Builder b(op->getContext());
  if (op.hasMxQueries())
    return {getElementTypeOrSelf(op.getQ())};
  if (op.getQScale())
    return {b.getI8Type(), b.getType<Float4E2M1FNType>(),
            b.getType<Float8E4M3FNType>()};
  return getInputTypes(b);
}

SmallVector<Type> mqa::getKeyTypes(LogitsOpInterface op) {
  if (op.hasMxKeys())
    return {getElementTypeOrSelf(op.getK())};
  // Queries with block scales become what keys are multiplied as.
  if (op.hasMxQueries()) {
    Builder b(op->getContext());
    return getInputTypes(b);
  }
  return {op.getInputElementType()};
}

SmallVector<Type> mqa::getKeyScaleTypes(LogitsOpInterface op) {
  Builder b(op->getContext());
  if (op.hasMxKeys())
    return getBlockScaleTypes(b);
  return {b.getF32Type()};
}

SmallVector<Type> mqa::getBlockScaleTypes(Builder &b) {
  return {b.getI32Type(), b.getType<Float8E8M0FNUType>()};
}

bool mqa::areTypedScales(Value scales) {
  return scales && isa<Float8E8M0FNUType>(getElementTypeOrSelf(scales));
}

LogicalResult mqa::emitSizeError(Operation *op, StringRef what,
                                 const Twine &allowed, int64_t size) {
  return op->emitOpError() << what << " must be " << allowed << ", found "
                           << (ShapedType::isDynamic(size)
                                   ? Twine("a dynamic one")
                                   : Twine(size));
}

static std::string formatDims(StringRef dims) {
  std::string text;
  for (char dim : dims) {
    if (!text.empty())
      text += 'x';
    text += dim;
  }
  return text;
}

namespace {
/// The operands that were seen, and the sizes that they gave to dimensions.
class OperandVerifier {
public:
  OperandVerifier(Operation *op, StringRef outName, Type out)
      : op(op), outName(outName), out(out) {}
  LogicalResult verify(Value value, const OperandRule &rule);

private:
  LogicalResult verifySizes(ShapedType type, const OperandRule &rule);

  Operation *op;
  StringRef outName;
  Type out;
  struct KnownDim {
    char name;
    int64_t size;
    StringRef operand;
  };
  SmallVector<KnownDim> known;
};
} // namespace

LogicalResult OperandVerifier::verify(Value value, const OperandRule &rule) {
  Type type = value.getType();
  if (!isa<RankedTensorType, MemRefType>(type))
    return op->emitOpError()
           << "operand '" << rule.name
           << "' must be a ranked tensor or a memref, found " << type;
  if (isa<RankedTensorType>(type) != isa<RankedTensorType>(out))
    return op->emitOpError()
           << "operands must be all tensors or all memrefs: '" << outName
           << "' is " << out << " and '" << rule.name << "' is " << type;
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (tensor && tensor.getEncoding())
    return op->emitOpError() << "operand '" << rule.name
                             << "' must be a tensor without an encoding, found "
                             << tensor.getEncoding();
  if (failed(verifyGlobal(op, rule.name, value)))
    return failure();
  auto shaped = cast<ShapedType>(type);
  if (shaped.getRank() != static_cast<int64_t>(rule.dims.size()))
    return op->emitOpError()
           << "operand '" << rule.name << "' must have shape "
           << formatDims(rule.dims) << " (rank " << rule.dims.size()
           << "), found rank " << shaped.getRank();
  if (!llvm::is_contained(rule.elementTypes, shaped.getElementType())) {
    InFlightDiagnostic error = op->emitOpError();
    error << "operand '" << rule.name << "' must have element type ";
    llvm::interleave(
        rule.elementTypes, [&](Type type) { error << type; },
        [&] { error << " or "; });
    return error << ", found " << shaped.getElementType();
  }
  return verifySizes(shaped, rule);
}

LogicalResult OperandVerifier::verifySizes(ShapedType type,
                                           const OperandRule &rule) {
  for (auto [i, dim, size] : llvm::enumerate(rule.dims, type.getShape())) {
    if (llvm::isDigit(dim)) {
      // D may have fewer blocks than a word has scales.
      if (size != dim - '0')
        return emitSizeError(op,
                             ("number of block scales (dimension " + Twine(i) +
                              " of '" + rule.name + "')")
                                 .str(),
                             Twine(dim) + ", as many as a word has", size);
      continue;
    }
    if (ShapedType::isDynamic(size))
      continue;
    auto *it =
        llvm::find_if(known, [dim = dim](auto &k) { return k.name == dim; });
    if (it == known.end())
      known.push_back({dim, size, rule.name});
    else if (it->size != size)
      return op->emitOpError()
             << "dimension " << Twine(dim) << " of '" << rule.name << "' is "
             << size << ", but '" << it->operand << "' has " << it->size;
  }
  return success();
}

LogicalResult mqa::verifyOperands(Operation *op, ValueRange operands,
                                  ArrayRef<OperandRule> rules) {
  size_t last = operands.size() - 1;
  while (!operands[last])
    --last;
  OperandVerifier verifier(op, rules[last].name, operands[last].getType());
  for (auto [value, rule] : llvm::zip_equal(operands, rules))
    if (value && failed(verifier.verify(value, rule)))
      return failure();
  return success();
}

/// Everything inside a row of a memref operand must be contiguous: TMA boxes
/// and vector loads step by one element there.
static LogicalResult verifyLayout(Operation *op, const OperandRule &rule,
                                  MemRefType type) {
  SmallVector<int64_t> strides;
  int64_t offset;
  if (failed(type.getStridesAndOffset(strides, offset)))
    return op->emitOpError() << "operand '" << rule.name
                             << "' must have a strided layout, found " << type;
  int64_t expected = 1;
  for (int64_t i = type.getRank() - 1; i >= rule.numStrided; --i) {
    if (strides[i] != expected)
      return op->emitOpError()
             << "operand '" << rule.name
             << "' must be contiguous inside a row: "
             << "stride of dimension " << i << " must be " << expected
             << ", found "
             << (ShapedType::isDynamic(strides[i]) ? Twine("a dynamic one")
                                                   : Twine(strides[i]));
    if (i > rule.numStrided)
      expected *= type.getDimSize(i);
  }
  // A row begins with a whole byte or word.
  int64_t count = mx::getPackedCount(type.getElementType());
  auto isWhole = [&](int64_t number) {
    return ShapedType::isDynamic(number) || number % count == 0;
  };
  if (!llvm::all_of(ArrayRef(strides).drop_back(), isWhole) || !isWhole(offset))
    return op->emitOpError()
           << "operand '" << rule.name << "' of " << type.getElementType()
           << " must have strides and an offset of multiples of " << count
           << ", found " << type;
  return success();
}

LogicalResult mqa::verifyLayouts(Operation *op, ValueRange operands,
                                 ArrayRef<OperandRule> rules) {
  for (auto [value, rule] : llvm::zip_equal(operands, rules))
    if (auto memref =
            value ? dyn_cast<MemRefType>(value.getType()) : MemRefType())
      if (failed(verifyLayout(op, rule, memref)))
        return failure();
  return success();
}

LogicalResult mqa::verifyMemory(Operation *op, ValueRange operands,
                                ArrayRef<OperandRule> rules, Value result) {
  if (failed(verifyLayouts(op, operands, rules)))
    return failure();
  const auto *rule = llvm::find_if(
      rules, [](const OperandRule &rule) { return rule.name == "out"; });
  Type out = operands[rule - rules.begin()].getType();
  bool isTensor = isa<RankedTensorType>(out);
  if (isTensor && !result)
    return op->emitOpError() << "on tensors must have a result of type " << out;
  if (!isTensor && result)
    return op->emitOpError() << "on memrefs writes 'out' and has no result";
  return success();
}

LogicalResult mqa::verifyMxKeys(LogitsOpInterface op, StringRef keysAt) {
  const mx::Format *format = op.getMxFormat();
  if (!format)
    return success();
  auto key = cast<ShapedType>(op.getK().getType());
  auto emitNeeds = [&]() -> InFlightDiagnostic {
    return op->emitOpError() << "with 'k' of " << key.getElementType() << " ("
                             << format->name << ") needs ";
  };
  if (!op.getKScale())
    return emitNeeds() << "'k_scale', which has the block scales";
  Type input = op.getInputElementType();
  if (!isa<Float8E4M3FNType, BFloat16Type, Float16Type>(input))
    return emitNeeds() << "'q' of f8E4M3FN, bf16 or f16, found " << input;
  // A word has the scales of four blocks.
  int64_t headDim = op.getHeadDim();
  if (headDim % mx::kBlock || headDim > mx::kBlock * mx::kBlocksOfWord)
    return emitSizeError(op, ("head dim D of " + format->name + " keys").str(),
                         "32, 64, 96 or 128", headDim);
  int64_t size = key.getShape().back();
  int64_t perElement = format->getPerStorage(key.getElementType());
  if (size == headDim / perElement)
    return success();
  if (perElement == 1)
    return emitSizeError(op,
                         ("number of elements of a key (" + keysAt + ")").str(),
                         "D = " + Twine(headDim), size);
  return emitSizeError(op, ("number of bytes of a key (" + keysAt + ")").str(),
                       "D / 2 = " + Twine(headDim / 2), size);
}

LogicalResult mqa::verifyQueryScales(LogitsOpInterface op) {
  const mx::Format *format = op.getQueryFormat();
  if (!format || op.getQScale())
    return success();
  return op->emitOpError() << "with 'q' of " << getElementTypeOrSelf(op.getQ())
                           << " (" << format->name
                           << ") needs 'q_scale', which has the block scales";
}

LogicalResult mqa::verifyMxQueries(LogitsOpInterface op, StringRef keysAt) {
  const mx::Format *format = op.getQueryFormat();
  if (!format)
    return success();
  if (op.hasKeyGroups())
    return op->emitOpError() << "with 'q_scale' has no key groups";
  int64_t headDim = op.getHeadDim();
  if (headDim % mx::kBlock || headDim > mx::kBlock * mx::kBlocksOfWord)
    return emitSizeError(op,
                         ("head dim D of " + format->name + " queries").str(),
                         "32, 64, 96 or 128", headDim);
  // The dimension of q counts bytes of MXFP4.
  int64_t size = cast<ShapedType>(op.getK().getType()).getShape().back();
  if (!op.hasMxKeys() && size != headDim)
    return emitSizeError(op,
                         ("number of elements of a key (" + keysAt + ")").str(),
                         "D = " + Twine(headDim), size);
  return success();
}

LogicalResult mqa::verifyBlockMax(Operation *op,
                                  std::optional<int64_t> blockMax,
                                  Value keyOffset) {
  if (!blockMax)
    return success();
  if (!shapes::isBlockMax(*blockMax))
    return op->emitOpError()
           << "'block_max' must be 8, 64 or 128, found " << *blockMax;
  APInt first;
  if (keyOffset && matchPattern(keyOffset, m_ConstantInt(&first)) &&
      first.srem(*blockMax) != 0)
    return op->emitOpError()
           << "'key_offset' must be a multiple of 'block_max' = " << *blockMax
           << ", found " << first.getSExtValue();
  return success();
}

LogicalResult mqa::verifyHeads(Operation *op, StringRef headsAt,
                               int64_t numHeads, StringRef headDimAt,
                               int64_t headDim) {
  // A dynamic size is negative.
  if (numHeads < 1 || numHeads > kMaxHeads)
    return emitSizeError(op, ("number of heads H (" + headsAt + ")").str(),
                         "from 1 to 128", numHeads);
  if (headDim < 1 || headDim > kMaxHeadDim || headDim % kHeadDimMultiple)
    return emitSizeError(op, ("head dim D (" + headDimAt + ")").str(),
                         "a multiple of 16 up to 256", headDim);
  return success();
}
