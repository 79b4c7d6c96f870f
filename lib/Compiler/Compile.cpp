//===- Compile.cpp - From a module to a bundle ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Compiler/Compile.h"

#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/Transforms/KernelFunctions.h"
#include "mqa/Dialect/MQA/Transforms/Passes.h"
#include "mqa/Dialect/MQA/Transforms/ScheduleTable.h"
#include "mqa/Pipelines/Pipelines.h"
#include "mqa/Support/FloatEnvironment.h"
#include "mqa/Target/Bundle.h"
#include "mqa/Target/CPUObject.h"
#include "mqa/Target/Manifest.h"
#include "mqa/Target/PTX.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::mqa;

/// A manifest with what is common to all targets.
static llvm::json::Object makeManifest(ModuleOp module,
                                       llvm::json::Array kernels) {
  return llvm::json::Object{{"version", 18},
                            {"compiler", "mqa " MQA_VERSION},
                            {"target", getTarget(module).getChip()},
                            {"kernels", std::move(kernels)}};
}

static void printModule(ModuleOp module, llvm::raw_ostream &os) {
  module.print(os);
  os << "\n";
}

static LogicalResult
requireKernels(ModuleOp module, const FailureOr<llvm::json::Array> &kernels) {
  if (failed(kernels))
    return failure();
  if (kernels->empty())
    return module.emitError("has no function with an mqa.logits to compile");
  return success();
}

static LogicalResult compileForGpu(ModuleOp module,
                                   const CompileOptions &options,
                                   llvm::raw_ostream &os) {
  ToNVVMPipelineOptions pipeline;
  pipeline.schedule = options.schedule;
  pipeline.chip = options.target;
  EmitKind emit = options.emit;
  PassManager toFragments(module.getContext());
  buildToFragmentsPipeline(toFragments, pipeline);
  if (failed(toFragments.run(module)))
    return failure();
  // The last level whose signatures say how to launch the kernels.
  llvm::json::Array kernels;
  if (emit == EmitKind::Bundle) {
    FailureOr<llvm::json::Array> described = describeGpuKernels(module);
    if (failed(requireKernels(module, described)))
      return failure();
    kernels = std::move(*described);
  }
  PassManager toNVVM(module.getContext());
  buildFragmentsToNVVMPipeline(toNVVM);
  if (failed(toNVVM.run(module)))
    return failure();
  if (emit == EmitKind::MLIR) {
    printModule(module, os);
    return success();
  }

  FailureOr<std::string> ptx = translateToPTX(module);
  if (failed(ptx))
    return failure();
  if (emit == EmitKind::PTX) {
    os << *ptx;
    return success();
  }
  BundleContents bundle;
  bundle.manifest = makeManifest(module, std::move(kernels));
  bundle.sections.push_back({"ptx", *ptx});
  std::optional<std::string> ptxas;
  if (options.assemble || emit == EmitKind::Cubin)
    ptxas = findPtxas();
  if (!ptxas && emit == EmitKind::Cubin)
    return module.emitError(
        "no ptxas found: --emit=cubin needs the CUDA toolkit");
  if (ptxas) {
    FailureOr<std::string> cubin =
        assemblePTX(module.getLoc(), *ptxas, options.target, *ptx);
    if (failed(cubin))
      return failure();
    if (emit == EmitKind::Cubin) {
      os << *cubin;
      return success();
    }
    bundle.sections.push_back({"cubin", *cubin});
  }
  writeBundle(std::move(bundle), os);
  return success();
}

static LogicalResult compileForCpu(ModuleOp module,
                                   const CompileOptions &options,
                                   llvm::raw_ostream &os) {
  if (options.emit == EmitKind::PTX || options.emit == EmitKind::Cubin)
    return module.emitError("a CPU has neither PTX nor a cubin");
  // A CPU has no use for a schedule, but a wrong one is a mistake all the same.
  module.getContext()->loadDialect<MQADialect>();
  if (failed(parseScheduleOption(UnknownLoc::get(module.getContext()),
                                 options.schedule)))
    return failure();
  llvm::Expected<CPUTarget> cpu = CPUTarget::fromName(options.target);
  if (!cpu)
    return module.emitError("the target ") << llvm::toString(cpu.takeError());
  ToCPUPipelineOptions pipeline;
  pipeline.registerTile = cpu->getRegisterTile();
  pipeline.features = llvm::join(cpu->features, ",");
  PassManager toTasks(module.getContext());
  buildToTasksPipeline(toTasks, pipeline);
  if (failed(toTasks.run(module)))
    return failure();
  FailureOr<llvm::json::Array> kernels = describeCpuKernels(module);
  if (failed(requireKernels(module, kernels)))
    return failure();
  PassManager toLLVM(module.getContext());
  buildTasksToLLVMPipeline(toLLVM);
  moveScratchToStack(module);
  if (failed(toLLVM.run(module)))
    return failure();
  FailureOr<llvm::StringMap<int64_t>> scratch = addTaskEntryPoints(module);
  if (failed(scratch))
    return failure();
  if (options.emit == EmitKind::MLIR) {
    printModule(module, os);
    return success();
  }
  FailureOr<CPUObject> object = translateToSharedObject(module, *cpu);
  if (failed(object))
    return failure();
  for (llvm::json::Value &kernel : *kernels) {
    llvm::json::Object &fields = *kernel.getAsObject();
    fields["scratch_bytes"] = scratch->lookup(*fields.getString("name"));
  }
  BundleContents bundle;
  bundle.manifest = makeManifest(module, std::move(*kernels));
  bundle.manifest["cpu"] = cpu->tune;
  bundle.manifest["cpu_features"] = llvm::json::Array(object->features);
  bundle.sections.push_back({"object", object->data});
  writeBundle(std::move(bundle), os);
  return success();
}

//===----------------------------------------------------------------------===//
// Targets
//===----------------------------------------------------------------------===//

llvm::Expected<SmallVector<CompileTarget>>
mlir::mqa::parseTargets(StringRef list) {
  SmallVector<StringRef> names;
  list.split(names, ',');
  // As many parts as a bundle may have.
  constexpr size_t kMaxTargets = 16;
  if (names.size() > kMaxTargets)
    return llvm::createStringError("must be at most " + Twine(kMaxTargets) +
                                   ", found " + Twine(names.size()) + " in '" +
                                   list + "'");
  SmallVector<CompileTarget> targets;
  for (StringRef name : names) {
    StringRef chipName = name.split(':').first;
    const ChipInfo *chip = ChipInfo::lookUp(chipName);
    if (!chip || (chip->isGpu() && chipName != name))
      return llvm::createStringError(
          "must be " + ChipInfo::listNames() +
          (names.size() > 1 ? ", separated by ','" : "") + ", found '" + name +
          (names.size() > 1 ? "' in '" + list + "'" : "'"));
    if (!chip->isGpu())
      if (llvm::Expected<CPUTarget> cpu = CPUTarget::fromName(name); !cpu)
        return cpu.takeError();
    auto isSame = [&](const CompileTarget &other) {
      return other.name == name;
    };
    if (llvm::any_of(targets, isSame))
      return llvm::createStringError("must name '" + name + "' once, found '" +
                                     list + "'");
    targets.push_back({name.str(), chip});
  }
  return targets;
}

CompileOptions
CompileOptions::forTarget(const CompileTarget &target,
                          ArrayRef<CompileTarget> targets) const {
  CompileOptions options = *this;
  options.target = target.name;
  options.namesTarget |= targets.size() > 1;
  return options;
}

static LogicalResult compileForOne(ModuleOp module, const CompileTarget &target,
                                   const CompileOptions &options,
                                   llvm::raw_ostream &os) {
  ScopedDiagnosticHandler handler(
      module.getContext(), [&](Diagnostic &diagnostic) {
        if (options.namesTarget)
          diagnostic << " (target '" << target.name << "')";
        // For the handler that was there before.
        return failure();
      });
  return target.isGpu() ? compileForGpu(module, options, os)
                        : compileForCpu(module, options, os);
}

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

/// Whether there is more in `module` than functions that are kernels as a
/// whole. A module of kernels that were written by hand is none.
static bool isProgram(ModuleOp module) {
  bool hasOp =
      module.walk([](KernelOpInterface) { return WalkResult::interrupt(); })
          .wasInterrupted();
  return hasOp && !llvm::all_of(module.getOps(), [](Operation &op) {
           auto func = dyn_cast<func::FuncOp>(op);
           return func && hasKernelBody(func);
         });
}

/// Takes the kernels out of `program`, which becomes the host program; or null,
/// where `program` has become a module of kernels alone.
static FailureOr<OwningOpRef<ModuleOp>> splitProgram(ModuleOp program) {
  // It may be kernels, and casts around them.
  PassManager simplify(program.getContext());
  simplify.addPass(createMQAFuseTopkPass());
  simplify.addPass(createCanonicalizerPass());
  if (failed(simplify.run(program)))
    return failure();
  if (!isProgram(program))
    return OwningOpRef<ModuleOp>();
  PassManager split(program.getContext());
  buildSplitProgramPipeline(split);
  if (failed(split.run(program)))
    return failure();
  for (auto kernels : program.getOps<ModuleOp>())
    if (kernels->hasAttr(LaunchAttr::getKernelsAttrName())) {
      kernels->remove();
      kernels->removeAttr(LaunchAttr::getKernelsAttrName());
      kernels.setSymName(std::nullopt);
      return OwningOpRef<ModuleOp>(kernels);
    }
  return program.emitError("has no function with an mqa.logits to compile");
}

static LogicalResult compileKernels(ModuleOp module,
                                    ArrayRef<CompileTarget> targets,
                                    const CompileOptions &options,
                                    llvm::raw_ostream &os) {
  if (targets.size() == 1)
    return compileForOne(module, targets.front(), options, os);
  if (options.emit != EmitKind::Bundle)
    return module.emitError("only a bundle has several targets, found '")
           << options.target << "'";
  SmallVector<std::string> bundles;
  for (const CompileTarget &target : targets) {
    OwningOpRef<ModuleOp> copy(module.clone());
    llvm::raw_string_ostream bundle(bundles.emplace_back());
    if (failed(compileForOne(*copy, target, options.forTarget(target, targets),
                             bundle)))
      return failure();
  }
  os << joinBundles(bundles);
  return success();
}

LogicalResult mlir::mqa::compileModule(ModuleOp module,
                                       const CompileOptions &options,
                                       llvm::raw_ostream &os,
                                       OwningOpRef<ModuleOp> *host) {
  ::mqa::support::FloatEnvironment environment;
  llvm::Expected<SmallVector<CompileTarget>> targets =
      parseTargets(options.target);
  if (!targets)
    return module.emitError("the target ")
           << llvm::toString(targets.takeError());
  if (!isProgram(module))
    return compileKernels(module, *targets, options, os);
  OwningOpRef<ModuleOp> program(module.clone());
  FailureOr<OwningOpRef<ModuleOp>> kernels = splitProgram(*program);
  if (failed(kernels))
    return failure();
  if (!*kernels)
    return compileKernels(*program, *targets, options, os);
  if (failed(compileKernels(**kernels, *targets, options, os)))
    return failure();
  if (host)
    *host = std::move(program);
  else
    module.emitWarning("the host program, which launches the kernels, is not "
                       "kept");
  return success();
}

FailureOr<CompiledText>
mlir::mqa::compileToText(ModuleOp module, const CompileOptions &options) {
  CompiledText result;
  llvm::raw_string_ostream os(result.output);
  OwningOpRef<ModuleOp> host;
  if (failed(compileModule(module, options, os, &host)))
    return failure();
  if (host) {
    llvm::raw_string_ostream hostStream(result.host);
    host->print(hostStream);
    hostStream << "\n";
  }
  return result;
}
