//===- BindKernels.cpp - Declared kernels call the runtime ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Only ops that upstream lowers to LLVM are made here: whoever lowers the host
// program needs to know nothing of this dialect.
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/Transforms/HostPrograms.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQABINDKERNELSPASS
#include "mqa/Dialect/MQA/Transforms/Passes/MQABindKernelsPass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

/// mqa_program_operand of mqa/Program.h in words of 64 bits: address, rank,
/// sizes, strides.
static constexpr int64_t kMaxRank = 4, kOperandWords = 2 + 2 * kMaxRank;

static constexpr StringLiteral kLaunchFunction = "mqa_program_launch";

namespace {
class Binder {
public:
  Binder(ModuleOp program, StringRef bundle)
      : program(program), symbols(program), bundle(bundle),
        b(program.getLoc(), program.getContext()) {}

  LogicalResult bind(func::FuncOp func, LaunchAttr launch);

private:
  /// A constant of these bytes.
  memref::GlobalOp createBytes(StringRef name, StringRef bytes);
  memref::GlobalOp createState(StringRef name);
  memref::GlobalOp insert(memref::GlobalOp global);
  /// The function of the runtime.
  FailureOr<func::FuncOp> getLaunchFunction();
  /// The bytes of `global`, of any number of elements.
  Value getGlobal(memref::GlobalOp global);
  void storeOperand(Value operand, Value words, int64_t at);

  ModuleOp program;
  SymbolTable symbols;
  StringRef bundle;
  ImplicitLocOpBuilder b;
  memref::GlobalOp bundleGlobal;
};
} // namespace

static MemRefType getWordsType(OpBuilder &b, int64_t size) {
  return MemRefType::get({size}, b.getI64Type());
}

memref::GlobalOp Binder::insert(memref::GlobalOp global) {
  global->remove();
  symbols.insert(global, program.getBody()->begin());
  return global;
}

memref::GlobalOp Binder::createBytes(StringRef name, StringRef bytes) {
  auto size = static_cast<int64_t>(bytes.size());
  auto type = RankedTensorType::get({size}, b.getI8Type());
  auto value = DenseElementsAttr::getFromRawBuffer(
      type, ArrayRef(bytes.data(), bytes.size()));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(program.getBody());
  return insert(memref::GlobalOp::create(
      b, name, b.getStringAttr("private"),
      MemRefType::get({size}, b.getI8Type()), value, /*constant=*/true,
      /*alignment=*/b.getI64IntegerAttr(16)));
}

memref::GlobalOp Binder::createState(StringRef name) {
  auto value = DenseElementsAttr::get(
      RankedTensorType::get({1}, b.getI64Type()), b.getI64IntegerAttr(0));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(program.getBody());
  return insert(memref::GlobalOp::create(
      b, name, b.getStringAttr("private"), getWordsType(b, 1),
      cast<ElementsAttr>(value), /*constant=*/false,
      /*alignment=*/IntegerAttr()));
}

FailureOr<func::FuncOp> Binder::getLaunchFunction() {
  constexpr int64_t kAny = ShapedType::kDynamic;
  auto bytes = MemRefType::get({kAny}, b.getI8Type());
  auto words = getWordsType(b, kAny);
  FunctionType type = b.getFunctionType({bytes, bytes, words, words}, {});
  if (Operation *known = program.lookupSymbol(kLaunchFunction)) {
    auto func = dyn_cast<func::FuncOp>(known);
    if (func && func.isExternal() && func.getFunctionType() == type)
      return func;
    return known->emitError("symbol '")
           << kLaunchFunction
           << "' has the name of the runtime's function that launches kernels";
  }
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(program.getBody());
  auto func = func::FuncOp::create(b, kLaunchFunction, type);
  func.setPrivate();
  func->setAttr(LLVM::LLVMDialect::getEmitCWrapperAttrName(), b.getUnitAttr());
  return func;
}

Value Binder::getGlobal(memref::GlobalOp global) {
  MemRefType type = global.getType();
  Value whole = memref::GetGlobalOp::create(b, type, global.getSymName());
  return memref::CastOp::create(
      b, MemRefType::get({ShapedType::kDynamic}, type.getElementType()), whole);
}

/// Writes what a launch must know of `operand` to `words`, from `at` on.
void Binder::storeOperand(Value operand, Value words, int64_t at) {
  auto store = [&](Value value, int64_t place) {
    if (value.getType().isIndex())
      value = arith::IndexCastOp::create(b, b.getI64Type(), value);
    Value index = arith::ConstantIndexOp::create(b, at + place);
    memref::StoreOp::create(b, value, words, index);
  };
  auto type = dyn_cast<MemRefType>(operand.getType());
  if (!type) {
    store(operand, 0);
    store(arith::ConstantIndexOp::create(b, 0), 1);
    return;
  }
  auto metadata = memref::ExtractStridedMetadataOp::create(b, operand);
  Value address = memref::ExtractAlignedPointerAsIndexOp::create(
      b, b.getIndexType(), operand);
  Value bytes =
      arith::ConstantIndexOp::create(b, type.getElementTypeBitWidth() / 8);
  Value offset = arith::MulIOp::create(b, metadata.getOffset(), bytes);
  store(arith::AddIOp::create(b, address, offset), 0);
  store(arith::ConstantIndexOp::create(b, type.getRank()), 1);
  for (auto [dim, size] : llvm::enumerate(metadata.getSizes()))
    store(size, 2 + dim);
  for (auto [dim, stride] : llvm::enumerate(metadata.getStrides()))
    store(stride, 2 + kMaxRank + dim);
}

/// What the runtime can be told of an argument.
static LogicalResult verifyArgument(func::FuncOp func, unsigned index) {
  Type type = func.getArgumentTypes()[index];
  auto memref = dyn_cast<MemRefType>(type);
  if (type.isIndex() || (memref && memref.getRank() <= kMaxRank &&
                         memref.getElementType().isIntOrFloat() &&
                         memref.getElementTypeBitWidth() % 8 == 0))
    return success();
  return func.emitOpError() << "cannot be bound: argument #" << index
                            << " must be an index, or a memref of at most "
                            << kMaxRank << " dimensions, found " << type;
}

LogicalResult Binder::bind(func::FuncOp func, LaunchAttr launch) {
  if (func.getNumResults() ||
      func.getNumArguments() != launch.getOperands().size())
    return func.emitOpError("cannot be bound: a launch has no results, and an "
                            "argument for each operand");
  for (unsigned i = 0, e = func.getNumArguments(); i < e; ++i)
    if (failed(verifyArgument(func, i)))
      return failure();
  // A name and the operands' names, each with a 0 behind it.
  std::string description = launch.getKernel().str() + '\0';
  for (auto name : launch.getOperands().getAsRange<StringAttr>())
    description += name.str() + '\0';
  b.setLoc(func.getLoc());
  if (!bundleGlobal)
    bundleGlobal = createBytes("mqa_bundle", bundle);
  memref::GlobalOp described =
      createBytes((func.getName() + "_launch").str(), description);
  memref::GlobalOp state = createState((func.getName() + "_state").str());
  FailureOr<func::FuncOp> function = getLaunchFunction();
  if (failed(function))
    return failure();

  b.setInsertionPointToStart(func.addEntryBlock());
  Value words = memref::AllocaOp::create(
      b, getWordsType(b, func.getNumArguments() * kOperandWords));
  for (BlockArgument argument : func.getArguments())
    storeOperand(argument, words, argument.getArgNumber() * kOperandWords);
  Value operands =
      memref::CastOp::create(b, getWordsType(b, ShapedType::kDynamic), words);
  func::CallOp::create(b, *function,
                       ValueRange{getGlobal(bundleGlobal), getGlobal(described),
                                  getGlobal(state), operands});
  func::ReturnOp::create(b);
  func->removeAttr(LaunchAttr::getAttrName());
  return success();
}

LogicalResult mqa::bindKernels(ModuleOp program, StringRef bundle) {
  for (auto module : program.getOps<ModuleOp>())
    if (module->hasAttr(LaunchAttr::getKernelsAttrName()))
      return module.emitError("the kernels are still in the host program: "
                              "compile them first (mqa-compile)");
  Binder binder(program, bundle);
  for (auto func : llvm::to_vector(program.getOps<func::FuncOp>()))
    if (auto launch =
            func->getAttrOfType<LaunchAttr>(LaunchAttr::getAttrName());
        launch && func.isExternal() && failed(binder.bind(func, launch)))
      return failure();
  return success();
}

namespace {
struct BindKernelsPass : mqa::impl::MQABindKernelsPassBase<BindKernelsPass> {
  using MQABindKernelsPassBase::MQABindKernelsPassBase;

  void runOnOperation() override {
    ModuleOp program = getOperation();
    std::string message;
    std::unique_ptr<llvm::MemoryBuffer> file = openInputFile(bundle, &message);
    if (!file) {
      program.emitError("option 'bundle' of mqa-bind-kernels: ") << message;
      return signalPassFailure();
    }
    if (failed(bindKernels(program, file->getBuffer())))
      signalPassFailure();
  }
};
} // namespace
