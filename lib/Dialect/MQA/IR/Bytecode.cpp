//===- Bytecode.cpp - Versions of the dialect's bytecode ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/Bytecode.h"
#include "mqa/Dialect/MQA/IR/MQA.h"

using namespace mlir;
using namespace mlir::mqa;

void BytecodeVersions::writeVersion(DialectBytecodeWriter &writer) const {
  uint64_t number = BytecodeVersion::kCurrent;
  // A caller may ask for another one (BytecodeWriterConfig::setDialectVersion).
  FailureOr<const DialectVersion *> asked =
      writer.getDialectVersion(MQADialect::getDialectNamespace());
  if (succeeded(asked))
    number = static_cast<const BytecodeVersion *>(*asked)->number;
  writer.writeVarInt(number);
}

std::unique_ptr<DialectVersion>
BytecodeVersions::readVersion(DialectBytecodeReader &reader) const {
  uint64_t number;
  if (failed(reader.readVarInt(number)))
    return nullptr;
  if (number >= 1 && number <= BytecodeVersion::kCurrent)
    return std::make_unique<BytecodeVersion>(number);
  reader.emitError() << "the mqa dialect is of bytecode version " << number
                     << ", but this compiler reads versions 1 to "
                     << BytecodeVersion::kCurrent;
  return nullptr;
}

/// What version 2 added, an op that was read without it has at its default.
LogicalResult
BytecodeVersions::upgradeFromVersion(Operation *,
                                     const DialectVersion &) const {
  return success();
}

//===----------------------------------------------------------------------===//
// Attributes that were added
//===----------------------------------------------------------------------===//

/// The version that added 'block_max'.
static constexpr uint64_t kBlockMax = 2;
/// The version that added 'key_block_size', and the operands that go with it.
static constexpr uint64_t kKeyBlocks = 3;
/// The version that added 'rows_per_sequence', and 'sequence' of logits.
static constexpr uint64_t kRowsOfSequences = 4;
/// The version that added 'key_block_size' of paged logits, and the operands
/// that go with it.
static constexpr uint64_t kPagedKeyBlocks = 5;
/// The version that added 'rows' of tiles.
static constexpr uint64_t kTileRows = 6;
/// The version that added 'key_block_size' of mqa.topk, and the operands that
/// go with it.
static constexpr uint64_t kTopkKeyBlocks = 7;
// Version 8 added the operand 'q_scale'.
/// The version that added 'head_reduction', and the operand 'scales_onto' of
/// tiles.
static constexpr uint64_t kHeadReduction = 9;

template <typename StreamT>
static uint64_t getVersion(const StreamT &stream, uint64_t unversioned) {
  FailureOr<const DialectVersion *> version =
      stream.getDialectVersion(MQADialect::getDialectNamespace());
  return succeeded(version)
             ? static_cast<const BytecodeVersion *>(*version)->number
             : unversioned;
}

/// Attributes one behind the other, as upstream's encoding of properties has
/// them: it has no names, and so no place for one that is not there.
template <typename... AttrT>
static LogicalResult readAttributes(DialectBytecodeReader &reader,
                                    AttrT &...attributes) {
  return failure(
      (failed(reader.readOptionalAttribute(attributes)) || ... || false));
}

template <typename... AttrT>
static void writeAttributes(DialectBytecodeWriter &writer,
                            AttrT... attributes) {
  (writer.writeOptionalAttribute(attributes), ...);
}

/// An attribute that version `since` added.
template <typename AttrT>
static LogicalResult readSince(uint64_t since, DialectBytecodeReader &reader,
                               AttrT &attribute) {
  if (getVersion(reader, /*unversioned=*/1) < since)
    return success();
  return reader.readOptionalAttribute(attribute);
}

template <typename AttrT>
static void writeSince(uint64_t since, DialectBytecodeWriter &writer,
                       AttrT attribute) {
  if (getVersion(writer, BytecodeVersion::kCurrent) >= since)
    writer.writeOptionalAttribute(attribute);
}

static LogicalResult readBlockMax(DialectBytecodeReader &reader,
                                  IntegerAttr &attribute) {
  return readSince(kBlockMax, reader, attribute);
}

static void writeBlockMax(DialectBytecodeWriter &writer,
                          IntegerAttr attribute) {
  writeSince(kBlockMax, writer, attribute);
}

/// What has no such attribute is a sum.
static LogicalResult readHeadReduction(DialectBytecodeReader &reader,
                                       HeadReductionAttr &attribute) {
  attribute = HeadReductionAttr::get(reader.getContext(), HeadReduction::Sum);
  return readSince(kHeadReduction, reader, attribute);
}

/// Whether segments of operands are no attribute: from version 6 of MLIR's
/// bytecode on.
template <typename StreamT>
static bool usesNativeSegments(const StreamT &stream) {
  return static_cast<int64_t>(stream.getBytecodeVersion()) >= 6;
}

template <typename SegmentsT>
static LogicalResult readSegmentsAttribute(DialectBytecodeReader &reader,
                                           SegmentsT &segments) {
  if (usesNativeSegments(reader))
    return success();
  DenseI32ArrayAttr attribute;
  if (failed(reader.readAttribute(attribute)))
    return failure();
  if (attribute.size() > static_cast<int64_t>(segments.size()))
    return reader.emitError("has more segments of operands than the op");
  llvm::copy(attribute.asArrayRef(), segments.begin());
  return success();
}

template <typename SegmentsT>
static LogicalResult readSegments(DialectBytecodeReader &reader,
                                  SegmentsT &segments) {
  if (!usesNativeSegments(reader))
    return success();
  return reader.readSparseArray(MutableArrayRef(segments));
}

template <typename SegmentsT>
static void writeSegmentsAttribute(DialectBytecodeWriter &writer,
                                   MLIRContext *context,
                                   const SegmentsT &segments) {
  if (!usesNativeSegments(writer))
    writer.writeAttribute(DenseI32ArrayAttr::get(context, segments));
}

template <typename SegmentsT>
static void writeSegments(DialectBytecodeWriter &writer,
                          const SegmentsT &segments) {
  if (usesNativeSegments(writer))
    writer.writeSparseArray(ArrayRef(segments));
}

LogicalResult LogitsOp::readProperties(DialectBytecodeReader &reader,
                                       OperationState &state) {
  auto &prop = state.getOrAddProperties<Properties>();
  return failure(
      failed(readAttributes(reader, prop.activation, prop.clean,
                            prop.compressed)) ||
      failed(readSegmentsAttribute(reader, prop.operandSegmentSizes)) ||
      failed(readAttributes(reader, prop.schedule)) ||
      failed(readBlockMax(reader, prop.block_max)) ||
      failed(readSince(kKeyBlocks, reader, prop.key_block_size)) ||
      failed(readHeadReduction(reader, prop.head_reduction)) ||
      failed(readSegments(reader, prop.operandSegmentSizes)));
}

void LogitsOp::writeProperties(DialectBytecodeWriter &writer) {
  auto &prop = getProperties();
  writeAttributes(writer, prop.activation, prop.clean, prop.compressed);
  writeSegmentsAttribute(writer, getContext(), prop.operandSegmentSizes);
  writeAttributes(writer, prop.schedule);
  writeBlockMax(writer, prop.block_max);
  writeSince(kKeyBlocks, writer, prop.key_block_size);
  writeSince(kHeadReduction, writer, prop.head_reduction);
  writeSegments(writer, prop.operandSegmentSizes);
}

LogicalResult PagedLogitsOp::readProperties(DialectBytecodeReader &reader,
                                            OperationState &state) {
  auto &prop = state.getOrAddProperties<Properties>();
  return failure(
      failed(readAttributes(reader, prop.activation, prop.clean)) ||
      failed(readSegmentsAttribute(reader, prop.operandSegmentSizes)) ||
      failed(readAttributes(reader, prop.schedule)) ||
      failed(readBlockMax(reader, prop.block_max)) ||
      failed(readSince(kRowsOfSequences, reader, prop.rows_per_sequence)) ||
      failed(readSince(kPagedKeyBlocks, reader, prop.key_block_size)) ||
      failed(readHeadReduction(reader, prop.head_reduction)) ||
      failed(readSegments(reader, prop.operandSegmentSizes)));
}

void PagedLogitsOp::writeProperties(DialectBytecodeWriter &writer) {
  auto &prop = getProperties();
  writeAttributes(writer, prop.activation, prop.clean);
  writeSegmentsAttribute(writer, getContext(), prop.operandSegmentSizes);
  writeAttributes(writer, prop.schedule);
  writeBlockMax(writer, prop.block_max);
  writeSince(kRowsOfSequences, writer, prop.rows_per_sequence);
  writeSince(kPagedKeyBlocks, writer, prop.key_block_size);
  writeSince(kHeadReduction, writer, prop.head_reduction);
  writeSegments(writer, prop.operandSegmentSizes);
}

LogicalResult TopkOp::readProperties(DialectBytecodeReader &reader,
                                     OperationState &state) {
  auto &prop = state.getOrAddProperties<Properties>();
  return failure(
      failed(readAttributes(reader, prop.base, prop.block_kv, prop.compressed,
                            prop.force_first, prop.force_last, prop.next_n)) ||
      failed(readSegmentsAttribute(reader, prop.operandSegmentSizes)) ||
      failed(readAttributes(reader, prop.order, prop.tie_break)) ||
      failed(readSince(kTopkKeyBlocks, reader, prop.key_block_size)) ||
      failed(readSegments(reader, prop.operandSegmentSizes)));
}

void TopkOp::writeProperties(DialectBytecodeWriter &writer) {
  auto &prop = getProperties();
  writeAttributes(writer, prop.base, prop.block_kv, prop.compressed,
                  prop.force_first, prop.force_last, prop.next_n);
  writeSegmentsAttribute(writer, getContext(), prop.operandSegmentSizes);
  writeAttributes(writer, prop.order, prop.tie_break);
  writeSince(kTopkKeyBlocks, writer, prop.key_block_size);
  writeSegments(writer, prop.operandSegmentSizes);
}

LogicalResult MakeRangesOp::readProperties(DialectBytecodeReader &reader,
                                           OperationState &state) {
  auto &prop = state.getOrAddProperties<Properties>();
  return failure(failed(readAttributes(reader, prop.compressed, prop.next_n)) ||
                 failed(readBlockMax(reader, prop.block_max)));
}

void MakeRangesOp::writeProperties(DialectBytecodeWriter &writer) {
  auto &prop = getProperties();
  writeAttributes(writer, prop.compressed, prop.next_n);
  writeBlockMax(writer, prop.block_max);
}

LogicalResult TileLogitsOp::readProperties(DialectBytecodeReader &reader,
                                           OperationState &state) {
  auto &prop = state.getOrAddProperties<Properties>();
  prop.rows = RowsAttr::get(reader.getContext(), Rows::Heads);
  return failure(
      failed(readAttributes(reader, prop.accumulators, prop.activation)) ||
      failed(readSegmentsAttribute(reader, prop.operandSegmentSizes)) ||
      failed(readAttributes(reader, prop.reduction, prop.relu)) ||
      failed(readSince(kTileRows, reader, prop.rows)) ||
      failed(readHeadReduction(reader, prop.head_reduction)) ||
      failed(readSegments(reader, prop.operandSegmentSizes)));
}

void TileLogitsOp::writeProperties(DialectBytecodeWriter &writer) {
  auto &prop = getProperties();
  writeAttributes(writer, prop.accumulators, prop.activation);
  writeSegmentsAttribute(writer, getContext(), prop.operandSegmentSizes);
  writeAttributes(writer, prop.reduction, prop.relu);
  writeSince(kTileRows, writer, prop.rows);
  writeSince(kHeadReduction, writer, prop.head_reduction);
  writeSegments(writer, prop.operandSegmentSizes);
}
