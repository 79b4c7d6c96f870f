//===- Manifest.cpp - How to launch compiled kernels ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Target/Manifest.h"

#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/IR/Steps.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/StringMap.h"

#include <limits>

using namespace mlir;
using namespace mlir::mqa;

static int64_t getSwizzleBytes(nvgpu::TensorMapSwizzleKind swizzle) {
  switch (swizzle) {
  case nvgpu::TensorMapSwizzleKind::SWIZZLE_NONE:
    return 0;
  case nvgpu::TensorMapSwizzleKind::SWIZZLE_32B:
    return 32;
  case nvgpu::TensorMapSwizzleKind::SWIZZLE_64B:
    return 64;
  case nvgpu::TensorMapSwizzleKind::SWIZZLE_128B:
    return 128;
  }
  llvm_unreachable("unknown swizzle");
}

/// By the name that MLIR prints.
static std::string getElementTypeName(Type type) {
  auto map = dyn_cast<nvgpu::TensorMapDescriptorType>(type);
  std::string name;
  llvm::raw_string_ostream(name)
      << getElementTypeOrSelf(map ? map.getTensor() : type);
  return name;
}

/// `type` is the argument's, which is how it is passed.
static llvm::json::Object describeParameter(OperandAttr operand, Type type) {
  llvm::json::Object parameter{{"operand", operand.getName()},
                               {"element_type", getElementTypeName(type)}};
  if (auto map = dyn_cast<nvgpu::TensorMapDescriptorType>(type)) {
    parameter["kind"] = "tensor_map";
    parameter["box"] = llvm::json::Array(map.getTensor().getShape());
    auto dims = llvm::to_vector(llvm::seq(map.getTensor().getRank()));
    parameter["dims"] =
        llvm::json::Array(operand.getBoxDims().empty() ? ArrayRef<int64_t>(dims)
                                                       : operand.getBoxDims());
    parameter["swizzle_bytes"] = getSwizzleBytes(map.getSwizzle());
    return parameter;
  }
  auto memref = dyn_cast<MemRefType>(type);
  if (!memref) {
    parameter["kind"] = "index";
    return parameter;
  }
  parameter["kind"] = "memref";
  parameter["rank"] = memref.getRank();
  if (operand.getAlignment() != 1)
    parameter["alignment"] = operand.getAlignment();
  if (operand.getName() == "k_scale")
    parameter["strided"] = memref.getStridesAndOffset().first[0] != 1;
  return parameter;
}

static int64_t getSize(int64_t size) {
  return ShapedType::isDynamic(size) ? -1 : size;
}

/// Several operands may say how many sequences there are, and some of them not.
static void describeBatch(llvm::json::Object &kernel, int64_t size) {
  std::optional<int64_t> known = kernel.getInteger("batch");
  if (!known || *known < 0)
    kernel["batch"] = getSize(size);
}

/// What the operand `name` says of the kernel's sizes.
static void describeSizes(llvm::json::Object &kernel, bool paged,
                          StringRef name, RankedTensorType type) {
  ArrayRef<int64_t> shape = type.getShape();
  if (name == "q") {
    kernel["num_heads"] = getSize(shape.take_back(2)[0]);
    // A byte of MXFP4 has two elements.
    int64_t perElement = type.getElementType().isInteger(8) ? 2 : 1;
    kernel["head_dim"] = perElement * getSize(shape.back());
    // Without a dimension of the queries of a sequence, each row names its own.
    bool ofRows = shape.size() == 3;
    if (paged && !ofRows)
      describeBatch(kernel, shape[0]);
    if (paged)
      kernel["next_n"] = ofRows ? 1 : getSize(shape[1]);
  } else if (name == "k" && paged) {
    kernel["num_blocks"] = getSize(shape[0]);
    kernel["block_kv"] = getSize(shape[1]);
  } else if (name == "block_table") {
    kernel["max_blocks"] = getSize(shape[1]);
    if (paged)
      describeBatch(kernel, shape[0]);
  } else if (name == "k") {
    bool grouped = shape.size() == 3;
    kernel["has_key_groups"] = grouped;
    kernel["num_groups"] = grouped ? getSize(shape[1]) : 1;
    kernel["num_keys"] = getSize(shape[0]);
  } else if (name == "key_blocks") {
    kernel["max_key_blocks"] = getSize(shape[1]);
  } else if (name == "out") {
    kernel["num_queries"] = getSize(shape[0]);
    kernel["num_columns"] = getSize(shape[1]);
  }
}

/// What the operand `name` says of the sizes of a kernel that selects.
static void describeSelectionSizes(llvm::json::Object &kernel, StringRef name,
                                   ArrayRef<int64_t> shape) {
  if (name == "logits")
    kernel["num_columns"] = getSize(shape[1]);
  else if (name == "list_indices")
    kernel["num_lists"] = getSize(shape[0]);
  else if (name == "indices")
    kernel["num_queries"] = getSize(shape[0]);
  else if (name == "context_lens")
    kernel["batch"] = getSize(shape[0]);
  else if (name == "block_table") {
    kernel["num_sequences"] = getSize(shape[0]);
    kernel["max_blocks"] = getSize(shape[1]);
  } else if (name == "key_blocks") {
    kernel["max_key_blocks"] = getSize(shape[1]);
  }
}

static void describeSelection(llvm::json::Object &kernel, bool merges,
                              SelectionAttr selection) {
  kernel["k"] = selection.getK();
  kernel["tie_break"] = stringifyTieBreak(selection.getTieBreak());
  kernel["order"] = stringifyOrder(selection.getOrder());
  kernel["base"] = stringifyIndexBase(selection.getBase());
  if (merges)
    return;
  kernel["force_first"] = selection.getForceFirst();
  kernel["force_last"] = selection.getForceLast();
  if (selection.getNextN())
    kernel["next_n"] = selection.getNextN();
  if (selection.getBlockKv())
    kernel["block_kv"] = selection.getBlockKv();
}

/// By which the runtime knows what a kernel computes.
static std::string getOpName(KernelAttr attr) {
  return attr.getOp().str() + (attr.isFused() ? "_topk" : "");
}

/// What the ops of a kernel say, apart from sizes.
static void describeOps(llvm::json::Object &kernel, KernelAttr attr) {
  bool merges = attr.getOp() == MergeTopkOp::getOperationName();
  if (!merges)
    kernel["compressed"] = attr.getCompressed();
  if (attr.isOfLogits()) {
    kernel["clean"] = attr.getClean();
    kernel["block_max"] = attr.getBlockMax();
    kernel["activation"] = stringifyActivation(attr.getActivation());
    kernel["head_reduction"] = stringifyHeadReduction(attr.getHeadReduction());
    if (attr.getRowsPerSequence())
      kernel["rows_per_sequence"] = attr.getRowsPerSequence();
  }
  // Of other kernels, bundles say nothing of blocks.
  if (attr.getKeyBlockSize())
    kernel["key_block_size"] = attr.getKeyBlockSize();
  if (SelectionAttr selection = attr.getSelection())
    describeSelection(kernel, merges, selection);
  if (RankedTensorType logits = attr.getLogitsType()) {
    kernel["logits_type"] = getElementTypeName(logits);
    kernel["num_columns"] = getSize(logits.getDimSize(1));
    // A task of a CPU has no memory of the caller's.
    if (!attr.getTaskSizes())
      kernel["list_places"] = attr.getListPlaces();
  }
}

/// What is common to both targets.
static FailureOr<llvm::json::Object> describeKernel(FunctionOpInterface func,
                                                    KernelAttr attr) {
  llvm::json::Object kernel{{"name", func.getName()}, {"op", getOpName(attr)}};
  describeOps(kernel, attr);
  llvm::json::Array parameters;
  for (auto [i, type] : llvm::enumerate(func.getArgumentTypes())) {
    auto operand =
        func.getArgAttrOfType<OperandAttr>(i, OperandAttr::getAttrName());
    if (!operand)
      continue;
    parameters.push_back(describeParameter(operand, type));
    RankedTensorType tensor = operand.getTensorType();
    if (!tensor)
      continue;
    StringRef name = operand.getName();
    if (attr.isOfLogits())
      describeSizes(kernel, attr.isPaged(), name, tensor);
    // The other sizes of a paged kernel are those of its logits.
    if (attr.selects() && (!attr.isPaged() || name == "indices"))
      describeSelectionSizes(kernel, name, tensor.getShape());
  }
  bool merges = attr.getOp() == MergeTopkOp::getOperationName();
  SmallVector<StringRef> needed{merges ? "num_lists" : "num_columns",
                                "num_queries"};
  if (attr.isOfLogits())
    needed.append({"num_heads", attr.isPaged() ? "block_kv" : "num_keys"});
  for (StringRef name : needed)
    if (!kernel.get(name))
      return func.emitError("is no kernel: it lacks an argument that is ")
             << (attr.isFused()      ? "operand 'q', 'k' or 'indices'"
                 : attr.isOfLogits() ? "operand 'q', 'k' or 'out'"
                 : merges            ? "operand 'list_indices' or 'indices'"
                                     : "operand 'logits' or 'indices'");
  // The runtime would refuse the bundle.
  constexpr int64_t kMaxSize = std::numeric_limits<int32_t>::max();
  for (const auto &field : kernel)
    if (std::optional<int64_t> size = field.second.getAsInteger())
      if (*size > kMaxSize)
        return func.emitError() << StringRef(field.first) << " must be at most "
                                << kMaxSize << ", found " << *size;
  kernel["parameters"] = std::move(parameters);
  return kernel;
}

/// How work is handed to the blocks of a launch; a kernel that selects, which
/// has no schedule, has a block for each row.
static void describeSchedule(llvm::json::Object &kernel,
                             ScheduleAttr schedule) {
  std::string text;
  if (!schedule) {
    kernel["schedule"] = text;
    kernel["block_queries"] = 1;
    return;
  }
  llvm::raw_string_ostream(text) << schedule;
  // Its parameters alone, as the table and --mqa-schedule have them.
  StringRef parameters = text;
  (void)parameters.consume_front("#mqa.schedule<");
  (void)parameters.consume_back(">");
  kernel["schedule"] = parameters.str();
  kernel["block_queries"] = schedule.getBlockQ();
  kernel["block_keys"] = schedule.getBlockKv();
  kernel["tile_keys"] = schedule.getTileKv();
  kernel["reduction"] = stringifyReduction(schedule.getReduction());
  kernel["split"] = stringifySplit(schedule.getSplit());
}

/// Puts kernels that are launched one behind the other in one entry, behind all
/// others.
static FailureOr<llvm::json::Array>
joinSteps(ModuleOp module, DictionaryAttr steps, llvm::json::Array kernels) {
  llvm::StringMap<llvm::json::Object> parts;
  llvm::StringMap<StringRef> owners;
  for (NamedAttribute entry : steps)
    for (StringAttr name :
         cast<ArrayAttr>(entry.getValue()).getAsRange<StringAttr>())
      owners[name.getValue()] = entry.getName().getValue();
  auto getName = [](const llvm::json::Value &kernel) {
    return *kernel.getAsObject()->getString("name");
  };
  llvm::json::Array joined;
  for (llvm::json::Value &kernel : kernels) {
    StringRef owner = owners.lookup(getName(kernel));
    if (owner.empty())
      joined.push_back(std::move(kernel));
    else
      parts[getName(kernel)] = std::move(*kernel.getAsObject());
  }
  for (NamedAttribute entry : steps) {
    llvm::json::Array own;
    for (StringAttr name :
         cast<ArrayAttr>(entry.getValue()).getAsRange<StringAttr>()) {
      auto found = parts.find(name.getValue());
      if (found == parts.end())
        return module.emitError("has no kernel '")
               << name.getValue() << "', which '" << kStepsAttrName
               << "' names";
      own.push_back(std::move(found->second));
    }
    std::string op = (*own[0].getAsObject()->getString("op") + "_topk").str();
    joined.push_back(llvm::json::Object{{"name", entry.getName().getValue()},
                                        {"op", op},
                                        {"steps", std::move(own)}});
  }
  return joined;
}

FailureOr<llvm::json::Array> mqa::describeGpuKernels(ModuleOp module) {
  llvm::json::Array kernels;
  WalkResult result = module.walk([&](gpu::GPUFuncOp func) {
    auto attr = func->getAttrOfType<KernelAttr>(KernelAttr::getAttrName());
    DenseI32ArrayAttr block = func.getKnownBlockSizeAttr();
    if (!attr || !attr.getDynamicSharedMemory() || !block) {
      func.emitError("is no kernel of level 6: it lacks 'mqa.kernel' with "
                     "'dynamic_shared_memory', or 'known_block_size'");
      return WalkResult::interrupt();
    }
    FailureOr<llvm::json::Object> kernel =
        describeKernel(cast<FunctionOpInterface>(func.getOperation()), attr);
    if (failed(kernel))
      return WalkResult::interrupt();
    describeSchedule(*kernel, attr.getSchedule());
    (*kernel)["block_threads"] = block[0];
    (*kernel)["shared_memory_bytes"] = attr.getDynamicSharedMemory();
    (*kernel)["overlaps_launches"] = attr.getOverlapsLaunches();
    kernels.push_back(std::move(*kernel));
    return WalkResult::advance();
  });
  if (result.wasInterrupted())
    return failure();
  if (auto steps = module->getAttrOfType<DictionaryAttr>(kStepsAttrName))
    return joinSteps(module, steps, std::move(kernels));
  return kernels;
}

FailureOr<llvm::json::Array> mqa::describeCpuKernels(ModuleOp module) {
  llvm::json::Array kernels;
  for (auto func : module.getOps<func::FuncOp>()) {
    auto attr = func->getAttrOfType<KernelAttr>(KernelAttr::getAttrName());
    if (!attr || !attr.getTaskSizes())
      continue;
    DenseI64ArrayAttr sizes = attr.getTaskSizes();
    FailureOr<llvm::json::Object> kernel =
        describeKernel(cast<FunctionOpInterface>(func.getOperation()), attr);
    if (failed(kernel))
      return failure();
    (*kernel)["task_queries"] = sizes[0];
    if (attr.isOfLogits())
      (*kernel)["task_keys"] = sizes[1];
    kernels.push_back(std::move(*kernel));
  }
  return kernels;
}
