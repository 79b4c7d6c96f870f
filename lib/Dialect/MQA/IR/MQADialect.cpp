//===- MQADialect.cpp - Registration, attributes and types ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/Bytecode.h"
#include "mqa/Dialect/MQA/IR/EnumCases.h"
#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Transforms/InliningUtils.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::mqa;

#include "mqa/Dialect/MQA/IR/MQADialect.cpp.inc"
#include "mqa/Dialect/MQA/IR/MQAEnums.cpp.inc"

#include "mqa/Dialect/MQA/IR/MQAInterfaces.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "mqa/Dialect/MQA/IR/MQAAttrs.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "mqa/Dialect/MQA/IR/MQATypes.cpp.inc"

namespace {
/// Layouts are long, and mostly a few in a kernel.
struct LayoutAliases : OpAsmDialectInterface {
  using OpAsmDialectInterface::OpAsmDialectInterface;

  AliasResult getAlias(Attribute attr, raw_ostream &os) const override {
    if (!isa<StagedLayoutAttr>(attr))
      return AliasResult::NoAlias;
    os << "staged";
    return AliasResult::OverridableAlias;
  }
};

/// An op means the same in whatever function or loop it stands.
struct Inlining : DialectInlinerInterface {
  using DialectInlinerInterface::DialectInlinerInterface;

  bool isLegalToInline(Operation *, Region *, bool,
                       IRMapping &) const override {
    return true;
  }
};
} // namespace

void MQADialect::initialize() {
  addInterfaces<LayoutAliases, Inlining, BytecodeVersions>();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "mqa/Dialect/MQA/IR/MQAAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "mqa/Dialect/MQA/IR/MQATypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "mqa/Dialect/MQA/IR/MQAOps.cpp.inc"
      >();
}

SmallVector<Type> mqa::getResultTypesOf(ArrayRef<Value> outputs) {
  SmallVector<Type> types;
  for (Value output : outputs)
    if (output && isa<TensorType>(output.getType()))
      types.push_back(output.getType());
  return types;
}

LogicalResult mqa::verifyNoNegativeSizes(Operation *op) {
  auto verify = [&](TypeRange types, StringRef what) -> LogicalResult {
    for (auto [i, type] : llvm::enumerate(types)) {
      auto shaped = dyn_cast<ShapedType>(type);
      if (!shaped || !shaped.hasRank())
        continue;
      for (int64_t size : shaped.getShape())
        if (size < 0 && !ShapedType::isDynamic(size))
          return op->emitOpError() << what << " #" << i << " has the size "
                                   << size << ", which is negative";
    }
    return success();
  };
  return failure(failed(verify(op->getOperandTypes(), "operand")) ||
                 failed(verify(op->getResultTypes(), "result")));
}

LogicalResult ScheduleAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                   int64_t blockQ, int64_t blockKv,
                                   int64_t tileQ, int64_t tileKv,
                                   int64_t queryStages, int64_t stages,
                                   int64_t accumulators, Relu, Reduction, Split,
                                   int64_t blockCost, int64_t blockHeads,
                                   Rows rows) {
  std::pair<StringRef, int64_t> parameters[] = {{"block_q", blockQ},
                                                {"block_kv", blockKv},
                                                {"tile_kv", tileKv},
                                                {"stages", stages}};
  for (auto [name, value] : parameters)
    if (value < 1)
      return emitError() << "schedule parameter '" << name
                         << "' must be positive, found " << value;
  if (!llvm::is_contained({1, 2, 4, 8, 16, 32}, tileQ))
    return emitError() << "schedule parameter 'tile_q' must be 1, 2, 4, 8, 16 "
                          "or 32, found "
                       << tileQ;
  if (blockQ % tileQ)
    return emitError() << "schedule parameter 'block_q' must be a multiple of "
                          "tile_q = "
                       << tileQ << ", found " << blockQ;
  bool areKeys = hasKeyRows(rows);
  if (areKeys && tileQ > shapes::kMaxColumnQueries)
    return emitError() << "schedule parameter 'tile_q' must be at most "
                       << shapes::kMaxColumnQueries
                       << " where rows are keys, found " << tileQ;
  if (areKeys && tileKv % shapes::kGroupRows)
    return emitError() << "schedule parameter 'tile_kv' must be a multiple of "
                       << shapes::kGroupRows << " where rows are keys, found "
                       << tileKv;
  int64_t queryThreads = 32 * (tileQ < 4 ? 4 / tileQ : 1);
  if (!areKeys && tileKv % queryThreads)
    return emitError() << "schedule parameter 'tile_kv' must be a multiple of "
                       << queryThreads
                       << ", a key for each thread that has a query of tile_q "
                          "= "
                       << tileQ << ", found " << tileKv;
  if (blockKv % tileKv)
    return emitError() << "schedule parameter 'block_kv' must be a multiple "
                          "of tile_kv = "
                       << tileKv << ", found " << blockKv;
  if (queryStages < 1 || queryStages > 2)
    return emitError() << "schedule parameter 'query_stages' must be 1 or 2, "
                          "found "
                       << queryStages;
  if (blockCost < 0)
    return emitError() << "schedule parameter 'block_cost' must not be "
                          "negative, found "
                       << blockCost;
  if (areKeys && blockHeads != 0)
    return emitError() << "schedule parameter 'block_heads' must be 0 where "
                          "rows are keys, found "
                       << blockHeads;
  if (int64_t tileHeads = shapes::kGroupRows / tileQ;
      blockHeads < 0 || blockHeads % tileHeads)
    return emitError() << "schedule parameter 'block_heads' must be a multiple "
                          "of "
                       << shapes::kGroupRows << " / tile_q = " << tileHeads
                       << ", found " << blockHeads;
  if (accumulators < 1 || accumulators > 2)
    return emitError() << "schedule parameter 'accumulators' must be 1 or 2, "
                          "found "
                       << accumulators;
  return success();
}

LogicalResult RingType::verify(function_ref<InFlightDiagnostic()> emitError,
                               int64_t stages, ArrayRef<MemRefType> tiles) {
  if (stages < 1)
    return emitError() << "a ring has at least one stage, found " << stages;
  if (tiles.empty())
    return emitError() << "a ring has at least one tile type";
  for (MemRefType tile : tiles) {
    auto layout = dyn_cast<StagedLayoutAttr>(tile.getLayout());
    if (!tile.hasStaticShape() || (!layout && !tile.getLayout().isIdentity()))
      return emitError() << "a ring tile must have a static shape and the "
                            "layout #mqa.staged or none, found "
                         << tile;
    if (tile.getRank() == 0)
      return emitError() << "a ring tile has at least one dimension, found "
                         << tile;
    if (!tile.getElementType().isIntOrFloat() ||
        tile.getElementTypeBitWidth() % 8 != 0)
      return emitError() << "a ring tile must hold integers or floats of whole "
                            "bytes, found "
                         << tile;
    if (layout && !layout.fits(tile.getElementType()))
      return emitError()
             << "a ring tile must have as many elements in 16 bytes "
                "as its swizzle says, found "
             << tile;
    if (!gpu::GPUDialect::hasWorkgroupMemoryAddressSpace(tile))
      return emitError() << "a ring tile must lie in workgroup memory, found "
                         << tile;
  }
  return success();
}

MemRefType RingType::getSlotType(unsigned i) const {
  MemRefType tile = getTiles()[i];
  if (isa<StagedLayoutAttr>(tile.getLayout()))
    return tile;
  SmallVector<int64_t> strides;
  int64_t offset;
  (void)tile.getStridesAndOffset(strides, offset);
  auto layout =
      StridedLayoutAttr::get(getContext(), ShapedType::kDynamic, strides);
  return MemRefType::get(tile.getShape(), tile.getElementType(), layout,
                         tile.getMemorySpace());
}

int64_t ScheduleAttr::getTileHeads(int64_t heads) const {
  return hasKeyRows(getRows()) ? shapes::getColumnHeads(getTileQ(), heads)
                               : shapes::kGroupRows / getTileQ();
}

int64_t ScheduleAttr::getQueryWarps() const {
  if (hasKeyRows(getRows()))
    return 1;
  return std::max<int64_t>(shapes::kGroupWarps / getTileQ(), 1);
}

LogicalResult FragmentType::verify(function_ref<InFlightDiagnostic()> emitError,
                                   VectorType tile) {
  if (tile.getRank() != 2 || tile.isScalable() ||
      tile.getDimSize(0) != shapes::kGroupRows ||
      !tile.getElementType().isF32())
    return emitError() << "a fragment is a vector of 64xNxf32, found " << tile;
  int64_t n = tile.getDimSize(1);
  if (n % 8 != 0 || n > 256)
    return emitError() << "a fragment's N must be a multiple of 8 up to 256, "
                          "found "
                       << n;
  return success();
}

LogicalResult
OperandFragmentType::verify(function_ref<InFlightDiagnostic()> emitError,
                            VectorType tile) {
  constexpr int64_t kMaxRowBytes = 512;
  Type element = tile.getElementType();
  if (tile.getRank() != 2 || tile.isScalable() ||
      tile.getDimSize(0) != shapes::kGroupRows ||
      !isa<Float8E4M3FNType, Float8E5M2Type, BFloat16Type, Float16Type>(
          element))
    return emitError() << "an operand fragment is a vector of 64xK 8-bit or "
                          "16-bit floats, found "
                       << tile;
  int64_t bytes = tile.getDimSize(1) * element.getIntOrFloatBitWidth() / 8;
  if (bytes % shapes::kStepBytes || bytes > kMaxRowBytes)
    return emitError() << "an operand fragment's rows must be a multiple of "
                       << shapes::kStepBytes << " bytes up to " << kMaxRowBytes
                       << ", found " << bytes;
  return success();
}
