//===- DistributeContraction.cpp - Contractions on the tensor cores -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DistributeOps.h"
#include "Kernels/WorkgroupMemory.h"
#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Remarks.h"
#include "llvm/Support/DebugLog.h"

#define DEBUG_TYPE "mqa-distribute-vectors"

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::shapes;

/// The memref that `vector` is all of, where it is one in shared memory.
static Value getWholeTile(Value vector) {
  if (!vector)
    return {};
  auto read = vector.getDefiningOp<vector::TransferReadOp>();
  if (!read || read.hasOutOfBoundsDim() || read.getMask() ||
      !read.getPermutationMap().isIdentity())
    return {};
  auto type = dyn_cast<MemRefType>(read.getBase().getType());
  if (!type || type.getShape() != read.getVectorType().getShape() ||
      !gpu::GPUDialect::hasWorkgroupMemoryAddressSpace(type))
    return {};
  return read.getBase();
}

/// Whether `op` may change what a tile in shared memory holds, or give its slot
/// back.
static bool mayChangeTile(Operation *op) {
  return !isa<WgmmaOp, WgmmaWaitOp, NVVM::WgmmaFenceAlignedOp,
              NVVM::WgmmaGroupSyncAlignedOp>(op) &&
         mayWriteWorkgroupMemory(op);
}

/// An op after which `contract` could read another tile than `read`, which is
/// ahead of it, did. Null if there is none.
static Operation *findChangeBetween(Operation *read, Operation *contract) {
  Operation *end = read->getBlock()->findAncestorOpInBlock(*contract);
  if (!end)
    return contract;
  for (Operation *op = read->getNextNode(); op != end; op = op->getNextNode())
    if (mayChangeTile(op))
      return op;
  // Inside of a loop, what comes behind the contraction comes before the next.
  Operation *found = nullptr;
  if (end != contract)
    end->walk([&](Operation *op) {
      if (op->getNumRegions() == 0 && mayChangeTile(op))
        found = op;
    });
  return found;
}

/// Whether `op`, or an op in it, hands a slot over, or may change a tile that
/// is held. A get and a put are of other slots.
static bool endsReads(Operation *op) {
  return op
      ->walk([](Operation *nested) {
        return nested->getNumRegions() == 0 &&
                       !isa<RingGetOp, RingPutOp>(nested) &&
                       mayChangeTile(nested)
                   ? WalkResult::interrupt()
                   : WalkResult::advance();
      })
      .wasInterrupted();
}

/// Where `contract` must be done: ahead of the first op of its block that uses
/// it, itself or in a region, or that ends what it reads. Null if another block
/// uses it.
static Operation *findWaitPoint(vector::ContractionOp contract) {
  Operation *first = nullptr;
  for (Operation *user : contract->getUsers()) {
    Operation *inBlock = contract->getBlock()->findAncestorOpInBlock(*user);
    if (!inBlock)
      return nullptr;
    if (!first || inBlock->isBeforeInBlock(first))
      first = inBlock;
  }
  for (Operation *op = contract->getNextNode(); first && op != first;
       op = op->getNextNode())
    if (endsReads(op))
      return op;
  return first;
}

namespace {
/// A contraction as a matrix unit computes it: the fragment of the 64 rows of
/// a head tile, or of as many keys, times the other. Rows are the tile `a`, or
/// keys that `decode` gives.
struct Product {
  vector::ContractionOp contract;
  Value a, b;
  DecodeMxOp decode;
  FragmentType fragment;
};
} // namespace

/// Whether `unit` reads `tile` in this role: whether its elements lie as it
/// wants them.
static LogicalResult verifyOperand(vector::ContractionOp contract,
                                   const MatrixUnit &unit, StringRef name,
                                   OperandRole role, MemRefType tile) {
  StagedLayoutAttr wanted =
      unit.getOperandLayout(role, tile.getShape(), tile.getElementType());
  auto found = dyn_cast<StagedLayoutAttr>(tile.getLayout());
  if (found && found.isSameOrder(wanted))
    return success();
  LDBG() << unit.name << " cannot read " << tile << ", it wants " << wanted;
  return contract.emitError()
         << "operand '" << name << "' must lie in shared memory as "
         << unit.name << " reads it, " << wanted << ", found " << tile;
}

static FailureOr<Product> getProduct(const FragmentLayout &layout,
                                     vector::ContractionOp contract) {
  MLIRContext *context = contract.getContext();
  FailureOr<const ChipInfo *> chip = requireGpu(contract);
  if (failed(chip))
    return failure();
  const MatrixUnit &unit = *(*chip)->matrixUnit;
  if (layout.hasKeyRows() && !unit.isAsync)
    return contract.emitError()
           << "rows of keys are for WGMMA, found " << unit.name;
  Value a = getWholeTile(contract.getLhs()),
        tileB = getWholeTile(contract.getRhs());
  auto decode = contract.getLhs().getDefiningOp<DecodeMxOp>();
  if ((!a && !decode) || !tileB)
    return contract.emitError(
        "operands must be whole tiles in workgroup memory");
  auto resultType = dyn_cast<VectorType>(contract.getResultType());
  AffineExpr p, h, n, d;
  bindDims(context, p, h, n, d);
  bool hasKeyRows = layout.hasKeyRows();
  auto expected = AffineMap::inferFromExprList(
      hasKeyRows ? ArrayRef<ArrayRef<AffineExpr>>{{n, d}, {p, h, d}, {n, p, h}}
                 : ArrayRef<ArrayRef<AffineExpr>>{{p, h, d}, {n, d}, {p, h, n}},
      context);
  if (!resultType || !resultType.getElementType().isF32() ||
      contract.getKind() != vector::CombiningKind::ADD ||
      contract.getIndexingMapsArray() != ArrayRef(expected) ||
      !matchPattern(contract.getAcc(), m_AnyZeroFloat()))
    return contract.emitError()
           << "must add up "
           << (hasKeyRows ? "(n, d) x (p, h, d) -> (n, p, h)"
                          : "(p, h, d) x (n, d) -> (p, h, n)")
           << " in f32 onto zero";
  if (failed(layout.verifyShape(contract, unit.name, unit.maxColumns)))
    return failure();
  Type element = contract.getLhsType().getElementType();
  if (!isa<Float8E4M3FNType, Float8E5M2Type, BFloat16Type, Float16Type>(
          element) ||
      contract.getRhsType().getElementType() != element)
    return contract.emitError()
           << "operands must be of the same 8-bit or 16-bit floats, found "
           << element << " and " << contract.getRhsType().getElementType();
  if (unit.getOperandType(element) != element)
    return contract.emitError()
           << "the " << unit.name << " of " << (*chip)->name
           << " does not multiply " << element;
  OperandRole roles[] = {OperandRole::QueryRows, OperandRole::Keys};
  if (hasKeyRows) {
    roles[0] = OperandRole::Keys;
    roles[1] = OperandRole::QueryColumns;
  }
  auto typeB = cast<MemRefType>(tileB.getType());
  if ((a && failed(verifyOperand(contract, unit, "lhs", roles[0],
                                 cast<MemRefType>(a.getType())))) ||
      failed(verifyOperand(contract, unit, "rhs", roles[1], typeB)))
    return failure();
  int64_t columns = llvm::product_of(typeB.getShape().drop_back());
  auto f32 = Float32Type::get(context);
  return Product{
      contract, a, tileB, decode,
      FragmentType::get(context, VectorType::get({kGroupRows, columns}, f32))};
}

LogicalResult mqa::verifyContraction(const FragmentLayout &layout,
                                     vector::ContractionOp contract) {
  if (failed(getProduct(layout, contract)))
    return failure();
  // The unit reads the tiles where the contraction stands.
  for (Value vector : {contract.getLhs(), contract.getRhs()})
    if (Operation *change =
            findChangeBetween(vector.getDefiningOp(), contract)) {
      InFlightDiagnostic error = contract.emitError(
          "a tile may change between its read and the contraction");
      error.attachNote(change->getLoc()) << "by this";
      return error;
    }
  return success();
}

/// The thread's registers of a product that is done.
static void setRegisters(IRRewriter &b, VectorScalars &scalars,
                         const Product &product, Value done) {
  SmallVector<Type> types(product.fragment.getNumRegisters(), b.getF32Type());
  auto unpacked = UnpackFragmentOp::create(b, done.getLoc(), types, done);
  scalars.setRegisters(product.contract, unpacked.getRegisters());
}

/// WGMMA is started where the contraction stands, and waited for where its
/// result is first used, or its tiles are given up: those of `contracts`, which
/// all become WGMMAs, that are started in between stay in flight.
static void buildWgmma(IRRewriter &b, FragmentLayout &layout,
                       VectorScalars &scalars, MxTables &tables,
                       const Product &product,
                       ArrayRef<vector::ContractionOp> contracts) {
  vector::ContractionOp contract = product.contract;
  Location loc = contract.getLoc();
  Value decoded;
  if (product.decode) {
    // Where it stands, and once for all products.
    if (!scalars.getOperand(product.decode))
      distributeDecode(b, static_cast<KeyRowsLayout &>(layout), scalars, tables,
                       product.decode);
    decoded = scalars.getOperand(product.decode);
  }
  b.setInsertionPoint(contract);
  // The registers of an operand have a fence of their own.
  if (!decoded)
    NVVM::WgmmaFenceAlignedOp::create(b, loc);
  Value started = WgmmaOp::create(b, loc, product.fragment,
                                  decoded ? decoded : product.a, product.b);
  NVVM::WgmmaGroupSyncAlignedOp::create(b, loc);

  // WGMMAs that are started before the first use stay in flight. Those in
  // regions are not counted: waiting for more is right, for fewer is not.
  int64_t pending = 0;
  if (Operation *point = findWaitPoint(contract)) {
    for (Operation *op = contract->getNextNode(); op != point;
         op = op->getNextNode())
      if (auto other = dyn_cast<vector::ContractionOp>(op))
        pending += llvm::is_contained(contracts, other);
    // The most that the instruction can be told.
    pending = std::min(pending, WgmmaWaitOp::kMaxPending);
    LDBG() << "waits with " << pending << " pending ahead of "
           << OpWithFlags(point, OpPrintingFlags().skipRegions());
    b.setInsertionPoint(point);
  } else {
    remark::missed(loc, remark::RemarkOpts::name("wait").category(
                            "mqa-distribute-vectors"))
        << "a contraction that is used in another block is waited for where it "
           "starts";
  }
  Value done =
      WgmmaWaitOp::create(b, loc, product.fragment, started, decoded, pending);
  setRegisters(b, scalars, product, done);
}

/// What can be computed together with `first`: contractions of other rows by
/// the same keys behind it, up to where something needs one of them, or may
/// change what they read.
static SmallVector<Product>
getProductsWith(const FragmentLayout &layout, const Product &first,
                ArrayRef<vector::ContractionOp> contracts) {
  SmallVector<Product> products{first};
  vector::ContractionOp contract = first.contract;
  for (Operation *op = contract->getNextNode(); op; op = op->getNextNode()) {
    bool needsOne = llvm::any_of(products, [&](Product product) {
      return llvm::is_contained(op->getOperands(),
                                product.contract.getResult());
    });
    if (needsOne || op->getNumRegions() != 0 ||
        !(isMemoryEffectFree(op) || hasSingleEffect<MemoryEffects::Read>(op)))
      break;
    auto next = dyn_cast<vector::ContractionOp>(op);
    if (!next || !llvm::is_contained(contracts, next) ||
        getWholeTile(next.getRhs()) != first.b)
      continue;
    ScopedDiagnosticHandler silence(op->getContext(), [](Diagnostic &) {});
    FailureOr<Product> product = getProduct(layout, next);
    if (failed(product) || product->fragment != first.fragment ||
        product->a.getType() != first.a.getType())
      break;
    products.push_back(*product);
  }
  return products;
}

/// mma.sync computes what it can share the keys' registers between at once,
/// where the last of the contractions stands.
static void buildMmaSync(IRRewriter &b, const FragmentLayout &layout,
                         VectorScalars &scalars, const Product &first,
                         ArrayRef<vector::ContractionOp> contracts) {
  SmallVector<Product> products = getProductsWith(layout, first, contracts);
  LDBG() << products.size() << " contractions by the same keys as "
         << first.contract;
  SmallVector<Value> as = llvm::map_to_vector(
      products, [](const Product &product) { return product.a; });
  vector::ContractionOp last = products.back().contract;
  b.setInsertionPoint(last);
  SmallVector<Type> types(products.size(), first.fragment);
  auto op = MmaSyncOp::create(b, last.getLoc(), types, as, first.b);
  for (auto [product, fragment] : llvm::zip_equal(products, op.getFragments()))
    setRegisters(b, scalars, product, fragment);
}

LogicalResult
mqa::distributeContraction(IRRewriter &b, FragmentLayout &layout,
                           VectorScalars &scalars, MxTables &tables,
                           vector::ContractionOp contract,
                           ArrayRef<vector::ContractionOp> contracts) {
  if (scalars.hasRegisters(contract))
    return success();
  FailureOr<Product> product = getProduct(layout, contract);
  FailureOr<const ChipInfo *> chip = requireGpu(contract);
  if (failed(product) || failed(chip))
    return failure();
  OpBuilder::InsertionGuard guard(b);
  if ((*chip)->matrixUnit->isAsync)
    buildWgmma(b, layout, scalars, tables, *product, contracts);
  else
    buildMmaSync(b, layout, scalars, *product, contracts);
  return success();
}
