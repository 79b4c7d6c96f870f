//===- OutlineKernels.cpp - Kernels, and the host program that calls them -===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LaunchABI.h"
#include "LaunchedPairs.h"

#include "mqa/Dialect/MQA/IR/MxOperands.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Pass/Pass.h"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQAOUTLINEKERNELSPASS
#include "mqa/Dialect/MQA/Transforms/Passes/MQAOutlineKernelsPass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

//===----------------------------------------------------------------------===//
// What is launched
//===----------------------------------------------------------------------===//

/// The module inside of `program` that holds its kernels; null if there is
/// none.
static ModuleOp findKernels(ModuleOp program) {
  for (auto module : program.getOps<ModuleOp>())
    if (module->hasAttr(LaunchAttr::getKernelsAttrName()))
      return module;
  return {};
}

/// `op` can be launched from where it stands.
static LogicalResult verifyPlace(KernelOpInterface op, ModuleOp program) {
  Operation *parent = op->getParentOp();
  while (!isa<FunctionOpInterface>(parent) && parent != program) {
    if (isa_and_present<gpu::GPUDialect>(parent->getDialect()))
      break;
    parent = parent->getParentOp();
  }
  if (!isa<func::FuncOp>(parent) || parent->getParentOp() != program)
    return op->emitOpError("is launched from a func.func of the outermost "
                           "module, found it in a '")
           << parent->getName() << "'";
  if (!cast<DestinationStyleOpInterface>(*op).hasPureBufferSemantics())
    return op->emitOpError("on tensors cannot be launched: bufferize the "
                           "module first (one-shot-bufferize)");
  if (op.isTile())
    return op->emitOpError(
        "with 'key_offset', 'num_keys' or 'ranges' cannot become a kernel");
  return verifyPackedOperands(op);
}

//===----------------------------------------------------------------------===//
// Outliner
//===----------------------------------------------------------------------===//

namespace {
class Outliner {
public:
  explicit Outliner(ModuleOp program)
      : program(program), kernels(findKernels(program)),
        b(program.getContext()) {}

  LogicalResult run();

private:
  LogicalResult outline(KernelOpInterface op);
  /// The function of the host program whose calls launch `kernel`.
  func::FuncOp getDeclaration(const KernelFunction &kernel,
                              ArrayRef<LaunchOperand> operands);
  func::FuncOp createKernel(const KernelFunction &kernel, StringRef name,
                            ArrayRef<LaunchOperand> operands);
  /// Takes `func` out of the program, if it is a kernel function that is
  /// called alone.
  bool moveKernelFunction(func::FuncOp func);
  void insertKernel(func::FuncOp kernel);
  std::string makeName(func::FuncOp caller, const KernelFunction &kernel);

  ModuleOp program, kernels;
  IRRewriter b;
  /// Declarations, by all that makes a kernel what it is.
  DenseMap<Attribute, func::FuncOp> known;
};
} // namespace

void Outliner::insertKernel(func::FuncOp kernel) {
  if (!kernels) {
    OpBuilder detached(b.getContext());
    kernels = ModuleOp::create(detached, program.getLoc(), "mqa_kernels");
    kernels->setAttr(LaunchAttr::getKernelsAttrName(), b.getUnitAttr());
    SymbolTable(program).insert(kernels);
  }
  SymbolTable(kernels).insert(kernel);
}

/// A name that a kernel may have, and that nobody has.
std::string Outliner::makeName(func::FuncOp caller,
                               const KernelFunction &kernel) {
  std::string name;
  for (char c : caller.getName())
    name += llvm::isAlnum(c) || c == '_' || c == '$' ? c : '_';
  if (name.empty() || !llvm::isAlpha(name.front()) ||
      StringRef(name).starts_with("mqa_"))
    name = "kernel_" + name;
  name += "_" + getShortName(kernel);
  std::string unique = name;
  for (int i = 0; program.lookupSymbol(unique) ||
                  (kernels && kernels.lookupSymbol(unique));
       ++i)
    unique = name + "_" + std::to_string(i);
  return unique;
}

/// What is the same of two ops that can share a kernel.
static Attribute getKey(const KernelFunction &kernel,
                        ArrayRef<LaunchOperand> operands) {
  KernelOpInterface op = kernel.op;
  TopkOp topk = kernel.topk;
  Builder b(op->getContext());
  SmallVector<Attribute> key{b.getStringAttr(op->getName().getStringRef()),
                             op->getAttrDictionary()};
  for (const LaunchOperand &operand : operands) {
    key.push_back(b.getStringAttr(operand.name));
    key.push_back(TypeAttr::get(operand.type));
  }
  if (topk) {
    key.push_back(topk->getAttrDictionary());
    key.push_back(TypeAttr::get(topk.getLogits().getType()));
  }
  return b.getArrayAttr(key);
}

/// The logits that are not stored, inside of a kernel whose operands are
/// `arguments`.
static Value createUnstored(OpBuilder &b, const KernelFunction &kernel,
                            const llvm::StringMap<Value> &arguments) {
  KernelOpInterface op = kernel.op;
  auto logits = cast<LogitsOpInterface>(op.getOperation());
  Location loc = op.getLoc();
  auto type = cast<MemRefType>(getUnstoredLogits(logits).getType());
  SmallVector<Value> sizes;
  auto paged = dyn_cast<PagedLogitsOp>(*logits);
  if (type.isDynamicDim(0)) {
    Value rows = memref::DimOp::create(b, loc, arguments.lookup("q"), 0);
    if (int64_t nextN = paged ? paged.getSequenceQueries() : 1; nextN > 1)
      rows = arith::MulIOp::create(
          b, loc, rows, arith::ConstantIndexOp::create(b, loc, nextN));
    sizes.push_back(rows);
  }
  if (type.isDynamicDim(1) && logits.hasKeyBlocks())
    sizes.push_back(arith::MulIOp::create(
        b, loc,
        memref::DimOp::create(b, loc, arguments.lookup("key_blocks"), 1),
        arith::ConstantIndexOp::create(b, loc, logits.getBlockKv())));
  else if (type.isDynamicDim(1))
    sizes.push_back(
        paged ? arguments.lookup("num_keys")
              : Value(memref::DimOp::create(b, loc, arguments.lookup("k"), 0)));
  return UnstoredLogitsOp::create(b, loc, type, sizes);
}

/// `op` on the operands of a kernel. `unstored` are logits between two ops.
static void cloneOn(OpBuilder &b, KernelOpInterface op,
                    const llvm::StringMap<Value> &arguments, Value unstored) {
  Operation *clone = b.clone(*op);
  SmallVector<Value> values;
  for (auto [value, name] :
       llvm::zip_equal(op.getDataOperands(), op.getDataOperandNames()))
    if (value)
      values.push_back(unstored && (name == "out" || name == "logits")
                           ? unstored
                           : arguments.lookup(name));
  // Of a pair, the other op has the keys.
  Value numKeys = arguments.lookup("num_keys");
  auto topk = dyn_cast<TopkOp>(*op);
  if (unstored && topk && topk.getNumKeys()) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(clone);
    numKeys = memref::DimOp::create(b, op.getLoc(), arguments.lookup("k"), 0);
  }
  auto next = values.begin();
  for (OpOperand &operand : clone->getOpOperands())
    operand.set(isa<MemRefType>(operand.get().getType()) ? *next++ : numKeys);
}

func::FuncOp Outliner::createKernel(const KernelFunction &kernel,
                                    StringRef name,
                                    ArrayRef<LaunchOperand> operands) {
  KernelOpInterface op = kernel.op;
  TopkOp topk = kernel.topk;
  auto types = llvm::map_to_vector(
      operands, [](const LaunchOperand &operand) { return operand.type; });
  OpBuilder detached(b.getContext());
  auto func = func::FuncOp::create(detached, op.getLoc(), name,
                                   b.getFunctionType(types, {}));
  OpBuilder body = OpBuilder::atBlockBegin(func.addEntryBlock());
  llvm::StringMap<Value> arguments;
  for (auto [operand, argument] :
       llvm::zip_equal(operands, func.getArguments()))
    arguments[operand.name] = argument;
  Value unstored = topk ? createUnstored(body, kernel, arguments) : Value();
  cloneOn(body, op, arguments, unstored);
  if (topk)
    cloneOn(body, cast<KernelOpInterface>(topk.getOperation()), arguments,
            unstored);
  func::ReturnOp::create(body, op.getLoc());
  return func;
}

func::FuncOp Outliner::getDeclaration(const KernelFunction &kernel,
                                      ArrayRef<LaunchOperand> operands) {
  KernelOpInterface op = kernel.op;
  func::FuncOp &declaration = known[getKey(kernel, operands)];
  if (declaration)
    return declaration;
  std::string name = makeName(op->getParentOfType<func::FuncOp>(), kernel);
  func::FuncOp created = createKernel(kernel, name, operands);
  insertKernel(created);
  OpBuilder detached(b.getContext());
  declaration = func::FuncOp::create(detached, op.getLoc(), name,
                                     created.getFunctionType());
  declaration.setPrivate();
  declaration->setAttr(LaunchAttr::getAttrName(),
                       getLaunch(kernel, name, operands));
  SymbolTable(program).insert(declaration, program.getBody()->begin());
  return declaration;
}

/// How far apart the rows of `type` are at least if they do not overlap, where
/// the type says that they do.
static std::optional<int64_t> findOverlappingRows(MemRefType type) {
  auto [strides, offset] = type.getStridesAndOffset();
  if (type.getRank() < 2)
    return std::nullopt;
  int64_t row = 1;
  for (auto [size, stride] : llvm::reverse(llvm::zip(
           type.getShape().drop_front(), ArrayRef(strides).drop_front()))) {
    if (ShapedType::isDynamic(size) || stride != row)
      return std::nullopt;
    row *= size;
  }
  if (ShapedType::isDynamic(strides[0]) || strides[0] >= row)
    return std::nullopt;
  return row;
}

/// A launch refuses rows that overlap, such as one list for all queries. That
/// is said here, where the type knows.
static LogicalResult verifyRows(KernelOpInterface op,
                                const LaunchOperand &operand) {
  auto type = dyn_cast<MemRefType>(operand.value.getType());
  std::optional<int64_t> row = type ? findOverlappingRows(type) : std::nullopt;
  if (!row)
    return success();
  return op.emitOpError() << "rows of the operand '" << operand.name
                          << "' of a launch must lie at least " << *row
                          << " elements apart, found "
                          << type.getStridesAndOffset().first.front();
}

LogicalResult Outliner::outline(KernelOpInterface op) {
  FailureOr<KernelFunction> kernel = getLaunched(op);
  if (failed(kernel))
    return failure();
  SmallVector<LaunchOperand> operands = getLaunchOperands(*kernel);
  for (const LaunchOperand &operand : operands)
    if (failed(verifyRows(op, operand)))
      return failure();
  func::FuncOp declaration = getDeclaration(*kernel, operands);
  TopkOp topk = kernel->topk;
  Operation *last = topk ? topk.getOperation() : op.getOperation();
  b.setInsertionPoint(last);
  SmallVector<Value> values;
  for (const LaunchOperand &operand : operands)
    values.push_back(
        castForLaunch(b, op.getLoc(), operand.value, operand.type));
  func::CallOp::create(b, op.getLoc(), declaration, values);
  UnstoredLogitsOp unstored =
      topk ? getUnstoredLogits(cast<LogitsOpInterface>(op.getOperation()))
           : UnstoredLogitsOp();
  if (topk)
    b.eraseOp(topk);
  b.eraseOp(op);
  if (unstored)
    resolveSizes(b, unstored);
  return success();
}

bool Outliner::moveKernelFunction(func::FuncOp func) {
  FailureOr<KernelFunction> kernel = getKernelFunction(func);
  if (failed(kernel) || !kernel->getLast().hasPureBufferSemantics())
    return false;
  auto uses = SymbolTable::getSymbolUses(func, program);
  if (!uses || !llvm::all_of(*uses, [](SymbolTable::SymbolUse use) {
        return isa<func::CallOp>(use.getUser());
      }))
    return false;
  // The operands in the order of the arguments.
  SmallVector<LaunchOperand> operands = getLaunchOperands(*kernel);
  // Then the op is outlined, and that says what is wrong.
  for (const LaunchOperand &operand : operands)
    if (auto type = dyn_cast<MemRefType>(operand.value.getType());
        type && findOverlappingRows(type))
      return false;
  llvm::erase_if(operands, [](const LaunchOperand &operand) {
    return !isa<BlockArgument>(operand.value);
  });
  llvm::sort(operands, [](const LaunchOperand &a, const LaunchOperand &b) {
    return cast<BlockArgument>(a.value).getArgNumber() <
           cast<BlockArgument>(b.value).getArgNumber();
  });
  SmallVector<unsigned> returned;
  for (Value value : func.getBody().front().getTerminator()->getOperands())
    returned.push_back(cast<BlockArgument>(value).getArgNumber());
  LaunchAttr launch = getLaunch(*kernel, func.getName(), operands);

  // There are no results that they would be of.
  func.removeResAttrsAttr();
  auto moved = cast<func::FuncOp>(func->clone());
  auto types = llvm::map_to_vector(
      operands, [](const LaunchOperand &operand) { return operand.type; });
  for (auto [argument, type] : llvm::zip_equal(moved.getArguments(), types))
    argument.setType(type);
  moved.getBody().front().getTerminator()->setOperands({});
  moved.setFunctionType(b.getFunctionType(types, {}));
  moved.setPublic();
  insertKernel(moved);

  for (SymbolTable::SymbolUse use : *uses) {
    auto call = cast<func::CallOp>(use.getUser());
    b.setInsertionPoint(call);
    SmallVector<Value> values;
    for (auto [value, type] : llvm::zip_equal(call.getOperands(), types))
      values.push_back(castForLaunch(b, call.getLoc(), value, type));
    func::CallOp::create(b, call.getLoc(), func.getName(), TypeRange(), values);
    SmallVector<Value> results;
    for (auto [argument, type] :
         llvm::zip_equal(returned, call.getResultTypes()))
      results.push_back(
          castForLaunch(b, call.getLoc(), call.getOperand(argument), type));
    b.replaceOp(call, results);
  }
  func.eraseBody();
  func.setFunctionType(b.getFunctionType(types, {}));
  func.setPrivate();
  func->setAttr(LaunchAttr::getAttrName(), launch);
  return true;
}

LogicalResult Outliner::run() {
  for (auto func : llvm::to_vector(program.getOps<func::FuncOp>()))
    if (!func.isExternal())
      moveKernelFunction(func);
  SmallVector<KernelOpInterface> ops;
  program.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (op == kernels)
      return WalkResult::skip();
    if (auto kernelOp = dyn_cast<KernelOpInterface>(op))
      ops.push_back(kernelOp);
    return WalkResult::advance();
  });
  LogicalResult result = success();
  for (KernelOpInterface op : ops)
    if (failed(verifyPlace(op, program)))
      result = failure();
  if (failed(result))
    return failure();
  // A fused mqa.topk goes with the op whose logits it reads.
  llvm::erase_if(ops, [](KernelOpInterface op) {
    auto topk = dyn_cast<TopkOp>(*op);
    return topk && getFusedLogits(topk);
  });
  for (KernelOpInterface op : ops)
    if (failed(outline(op)))
      return failure();
  return success();
}

namespace {
struct OutlineKernelsPass
    : mqa::impl::MQAOutlineKernelsPassBase<OutlineKernelsPass> {
  void runOnOperation() override {
    if (failed(Outliner(getOperation()).run()))
      signalPassFailure();
  }
};
} // namespace
