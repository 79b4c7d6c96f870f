// Another compiler, which has MLIR and an op of ours in its module: builds it
// with OpBuilder, compiles it for the CPU, and writes the bundle to a file.

#include "mqa/Compiler/Compile.h"
#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/InitAll.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

int main(int argc, char **argv) {
  if (argc != 2)
    return 2;
  DialectRegistry registry;
  mqa::registerAllDialects(registry);
  MLIRContext context(registry);
  context.loadAllAvailableDialects();
  OpBuilder b(&context);
  Location loc = b.getUnknownLoc();
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  b.setInsertionPointToEnd(module->getBody());

  constexpr int64_t kAny = ShapedType::kDynamic;
  Type fp8 = Float8E4M3FNType::get(&context), f32 = b.getF32Type();
  auto tensor = [](ArrayRef<int64_t> shape, Type type) -> Type {
    return RankedTensorType::get(shape, type);
  };
  Type ranges = tensor({kAny}, b.getI32Type()), out = tensor({kAny, kAny}, f32);
  SmallVector<Type> types{tensor({kAny, 64, 128}, fp8),
                          tensor({kAny, 128}, fp8),
                          tensor({kAny}, f32),
                          tensor({kAny, 64}, f32),
                          ranges,
                          ranges,
                          out};
  auto func =
      func::FuncOp::create(b, loc, "indexer", b.getFunctionType(types, {out}));
  Block *body = func.addEntryBlock();
  b.setInsertionPointToStart(body);
  auto logits = mqa::LogitsOp::create(
      b, loc, body->getArgument(0), body->getArgument(1), body->getArgument(2),
      body->getArgument(3), body->getArgument(4), body->getArgument(5),
      body->getArgument(6));
  logits.setClean(true);
  func::ReturnOp::create(b, loc, logits.getResult());

  mqa::CompileOptions options;
  options.target = "cpu";
  std::error_code error;
  llvm::raw_fd_ostream file(argv[1], error);
  if (error || failed(mqa::compileModule(*module, options, file)))
    return 1;
  llvm::outs() << "embed: compiled " << file.tell() << " bytes\n";
  return 0;
}
