//===- ScheduleTable.cpp - Schedules found by measurement -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/Transforms/ScheduleTable.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace mlir::mqa;

/// schedules.json, which the build embeds.
static constexpr StringLiteral kTable =
#include "schedules.inc"
    ;

ScheduleAttr mqa::parseSchedule(MLIRContext *context, StringRef parameters) {
  std::string text = ("#mqa.schedule<" + parameters + ">").str();
  ScopedDiagnosticHandler silence(context, [](Diagnostic &) {});
  return dyn_cast_or_null<ScheduleAttr>(
      parseAttribute(text, context, Type(), nullptr,
                     /*isKnownNullTerminated=*/true));
}

FailureOr<ScheduleAttr> mqa::parseScheduleOption(Location loc,
                                                 StringRef option) {
  if (option.empty() || option == "exact" || option == "fast")
    return ScheduleAttr();
  if (ScheduleAttr schedule = parseSchedule(loc.getContext(), option))
    return schedule;
  return emitError(loc) << "cannot parse '#mqa.schedule<" << option
                        << ">', expected 'exact', 'fast' or for instance "
                        << "'block_q = 8, block_kv = 256, tile_kv = 128, "
                           "stages = 2'";
}

/// Whether `entry` says nothing else about `key` than `value`.
static bool fits(const llvm::json::Object &entry, StringRef key,
                 int64_t value) {
  std::optional<int64_t> wanted = entry.getInteger(key);
  return !wanted || *wanted == value;
}

/// Whether `entry` was measured with the element type of q, by MLIR's name, and
/// with keys of the same format, by its name.
static bool fitsTypes(const llvm::json::Object &entry, LogitsOpInterface op) {
  const mx::Format *format = op.getMxFormat();
  StringRef mxKeys = format ? StringRef(format->name) : "";
  std::string type;
  llvm::raw_string_ostream(type) << op.getInputElementType();
  return entry.getString("input_type").value_or("f8E4M3FN") == type &&
         entry.getString("mx_keys").value_or("") == mxKeys;
}

ScheduleAttr mqa::lookUpSchedule(LogitsOpInterface op, const ChipInfo &chip,
                                 StringRef name, bool areSelected) {
  static const llvm::json::Value table = [] {
    llvm::Expected<llvm::json::Value> parsed = llvm::json::parse(kTable);
    if (!parsed)
      llvm::report_fatal_error(parsed.takeError());
    return std::move(*parsed);
  }();
  const llvm::json::Array *entries = table.getAsObject()->getArray(chip.name);
  if (!entries)
    return {};
  auto q = cast<ShapedType>(op.getDataOperands().front().getType());
  int64_t numQueries = q.getDimSize(0);
  // Rows that name their sequences are tiled as those of one sequence, or as
  // the queries of each.
  int64_t nextN = op.hasRowsOfSequences() ? op.getRunRows() : op.getNextN();
  for (const llvm::json::Value &value : *entries) {
    const llvm::json::Object &entry = *value.getAsObject();
    if (entry.getString("name") != name || !fitsTypes(entry, op) ||
        !fits(entry, "num_heads", op.getNumHeads()) ||
        !fits(entry, "head_dim", op.getHeadDim()) ||
        !fits(entry, "compressed", op.hasCompressedRows()) ||
        !fits(entry, "weights", bool(op.getWeights())) ||
        !fits(entry, "selected", areSelected) ||
        !fits(entry, "sequence", op.hasRowsOfSequences()) ||
        !fits(entry, "key_blocks", op.hasKeyBlocks()) ||
        entry.getInteger("next_n").value_or(0) != nextN)
      continue;
    // Where the number of queries is only known at launch, it may be any.
    std::optional<int64_t> maxQueries = entry.getInteger("max_queries");
    if (maxQueries &&
        (ShapedType::isDynamic(numQueries) || numQueries > *maxQueries))
      continue;
    return parseSchedule(op->getContext(), *entry.getString("schedule"));
  }
  return {};
}
