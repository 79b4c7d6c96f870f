//===- MQAOps.cpp - The generated classes and how ops are spelled ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/MQA.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace mlir::mqa;

// Inputs of which some may be left out: the custom directives of the formats.

namespace {
/// One of them: `optional` may be spelled `none`, and then has no type.
struct InputSlot {
  OpAsmParser::UnresolvedOperand *required;
  std::optional<OpAsmParser::UnresolvedOperand> *optional;
  Type *type;
};
} // namespace

/// `operand, (operand | none), ... : types of those present`, of which the last
/// `numDroppable` may be missing together.
static ParseResult parseInputs(OpAsmParser &parser, ArrayRef<InputSlot> slots,
                               size_t numDroppable = 0) {
  SmallVector<Type *> types;
  auto parseSlot = [&](const InputSlot &slot) -> ParseResult {
    if (slot.optional && succeeded(parser.parseOptionalKeyword("none")))
      return success();
    if (slot.optional)
      slot.optional->emplace();
    types.push_back(slot.type);
    return parser.parseOperand(slot.optional ? **slot.optional
                                             : *slot.required);
  };
  for (auto [i, slot] : llvm::enumerate(slots)) {
    if (numDroppable && i + numDroppable == slots.size()) {
      if (failed(parser.parseOptionalComma()))
        break;
    } else if (i && parser.parseComma()) {
      return failure();
    }
    if (parseSlot(slot))
      return failure();
  }
  if (parser.parseColon())
    return failure();
  for (auto [i, type] : llvm::enumerate(types))
    if ((i && parser.parseComma()) || parser.parseType(*type))
      return failure();
  return success();
}

static void printInputs(OpAsmPrinter &printer, ArrayRef<Value> operands) {
  llvm::interleaveComma(operands, printer, [&](Value operand) {
    if (operand)
      printer << operand;
    else
      printer << "none";
  });
  printer << " : ";
  llvm::interleaveComma(
      llvm::make_filter_range(operands, [](Value v) { return bool(v); }),
      printer, [&](Value operand) { printer << operand.getType(); });
}

static ParseResult parseLogitsInputs(
    OpAsmParser &parser, OpAsmParser::UnresolvedOperand &q, Type &qType,
    OpAsmParser::UnresolvedOperand &k, Type &kType,
    std::optional<OpAsmParser::UnresolvedOperand> &kScale, Type &kScaleType,
    std::optional<OpAsmParser::UnresolvedOperand> &weights, Type &weightsType,
    std::optional<OpAsmParser::UnresolvedOperand> &ks, Type &ksType,
    std::optional<OpAsmParser::UnresolvedOperand> &ke, Type &keType) {
  // A tile has ranges in the place of its bounds.
  return parseInputs(parser,
                     {{&q, nullptr, &qType},
                      {&k, nullptr, &kType},
                      {nullptr, &kScale, &kScaleType},
                      {nullptr, &weights, &weightsType},
                      {nullptr, &ks, &ksType},
                      {nullptr, &ke, &keType}},
                     /*numDroppable=*/2);
}

static void printLogitsInputs(OpAsmPrinter &printer, Operation *, Value q, Type,
                              Value k, Type, Value kScale, Type, Value weights,
                              Type, Value ks, Type, Value ke, Type) {
  SmallVector<Value> operands{q, k, kScale, weights};
  if (ks || ke)
    operands.append({ks, ke});
  printInputs(printer, operands);
}

static ParseResult parsePagedInputs(
    OpAsmParser &parser, OpAsmParser::UnresolvedOperand &q, Type &qType,
    OpAsmParser::UnresolvedOperand &k, Type &kType,
    std::optional<OpAsmParser::UnresolvedOperand> &kScale, Type &kScaleType,
    std::optional<OpAsmParser::UnresolvedOperand> &weights, Type &weightsType,
    OpAsmParser::UnresolvedOperand &contextLens, Type &contextLensType,
    OpAsmParser::UnresolvedOperand &blockTable, Type &blockTableType) {
  return parseInputs(parser, {{&q, nullptr, &qType},
                              {&k, nullptr, &kType},
                              {nullptr, &kScale, &kScaleType},
                              {nullptr, &weights, &weightsType},
                              {&contextLens, nullptr, &contextLensType},
                              {&blockTable, nullptr, &blockTableType}});
}

static void printPagedInputs(OpAsmPrinter &printer, Operation *, Value q, Type,
                             Value k, Type, Value kScale, Type, Value weights,
                             Type, Value contextLens, Type, Value blockTable,
                             Type) {
  printInputs(printer, {q, k, kScale, weights, contextLens, blockTable});
}

/// `(ks | none), ke`, the types of which come later.
static ParseResult
parseBounds(OpAsmParser &parser,
            std::optional<OpAsmParser::UnresolvedOperand> &ks,
            OpAsmParser::UnresolvedOperand &ke) {
  if (failed(parser.parseOptionalKeyword("none")) &&
      parser.parseOperand(ks.emplace()))
    return failure();
  return failure(parser.parseComma() || parser.parseOperand(ke));
}

static void printBounds(OpAsmPrinter &printer, Operation *, Value ks,
                        Value ke) {
  if (ks)
    printer << ks;
  else
    printer << "none";
  printer << ", " << ke;
}

/// `[type(ks),] type(ke)`.
static ParseResult parseBoundTypes(OpAsmParser &parser, Type &ks, Type &ke) {
  if (parser.parseType(ke))
    return failure();
  if (failed(parser.parseOptionalComma()))
    return success();
  ks = ke;
  return parser.parseType(ke);
}

static void printBoundTypes(OpAsmPrinter &printer, Operation *, Type ks,
                            Type ke) {
  if (ks)
    printer << ks << ", ";
  printer << ke;
}

static ParseResult parseTileInputs(
    OpAsmParser &parser, OpAsmParser::UnresolvedOperand &q, Type &qType,
    OpAsmParser::UnresolvedOperand &k, Type &kType,
    std::optional<OpAsmParser::UnresolvedOperand> &kScale, Type &kScaleType,
    std::optional<OpAsmParser::UnresolvedOperand> &weights, Type &weightsType) {
  return parseInputs(parser, {{&q, nullptr, &qType},
                              {&k, nullptr, &kType},
                              {nullptr, &kScale, &kScaleType},
                              {nullptr, &weights, &weightsType}});
}

static void printTileInputs(OpAsmPrinter &printer, Operation *, Value q, Type,
                            Value k, Type, Value kScale, Type, Value weights,
                            Type) {
  printInputs(printer, {q, k, kScale, weights});
}

static ParseResult
parseTopkInputs(OpAsmParser &parser, OpAsmParser::UnresolvedOperand &logits,
                Type &logitsType,
                std::optional<OpAsmParser::UnresolvedOperand> &ks, Type &ksType,
                std::optional<OpAsmParser::UnresolvedOperand> &ke,
                Type &keType) {
  return parseInputs(parser, {{&logits, nullptr, &logitsType},
                              {nullptr, &ks, &ksType},
                              {nullptr, &ke, &keType}});
}

static void printTopkInputs(OpAsmPrinter &printer, Operation *, Value logits,
                            Type, Value ks, Type, Value ke, Type) {
  printInputs(printer, {logits, ks, ke});
}

static ParseResult parseMergeInputs(
    OpAsmParser &parser, OpAsmParser::UnresolvedOperand &indices,
    Type &indicesType, OpAsmParser::UnresolvedOperand &values, Type &valuesType,
    std::optional<OpAsmParser::UnresolvedOperand> &ks, Type &ksType,
    OpAsmParser::UnresolvedOperand &ke, Type &keType) {
  return parseInputs(parser, {{&indices, nullptr, &indicesType},
                              {&values, nullptr, &valuesType},
                              {nullptr, &ks, &ksType},
                              {&ke, nullptr, &keType}});
}

static void printMergeInputs(OpAsmPrinter &printer, Operation *, Value indices,
                             Type, Value values, Type, Value ks, Type, Value ke,
                             Type) {
  printInputs(printer, {indices, values, ks, ke});
}

/// `indices [, values] : types of those present`.
static ParseResult parseSelectionOutputs(
    OpAsmParser &parser, OpAsmParser::UnresolvedOperand &indices,
    Type &indicesType, std::optional<OpAsmParser::UnresolvedOperand> &values,
    Type &valuesType) {
  if (parser.parseOperand(indices))
    return failure();
  if (succeeded(parser.parseOptionalComma()) &&
      parser.parseOperand(values.emplace()))
    return failure();
  if (parser.parseColonType(indicesType))
    return failure();
  return failure(values &&
                 (parser.parseComma() || parser.parseType(valuesType)));
}

static void printSelectionOutputs(OpAsmPrinter &printer, Operation *,
                                  Value indices, Type indicesType, Value values,
                                  Type valuesType) {
  printer << indices;
  if (values)
    printer << ", " << values;
  printer << " : " << indicesType;
  if (values)
    printer << ", " << valuesType;
}

/// Nothing of its own: 'of' says the keys of a key block, so the attributes
/// behind it must not say them again.
static ParseResult parseOneKeyBlockSize(OpAsmParser &parser,
                                        const NamedAttrList &attributes,
                                        IntegerAttr size) {
  Attribute other = attributes.get("key_block_size");
  if (!size || !other)
    return success();
  return parser.emitError(parser.getCurrentLocation())
         << "'key_block_size' is given twice: 'of " << size.getInt()
         << "', and among the attributes " << other;
}

static void printOneKeyBlockSize(OpAsmPrinter &, Operation *, DictionaryAttr,
                                 IntegerAttr) {}

#define GET_OP_CLASSES
#include "mqa/Dialect/MQA/IR/MQAOps.cpp.inc"
