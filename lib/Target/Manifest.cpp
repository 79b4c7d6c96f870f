//===- Manifest.cpp - How to launch compiled kernels ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Target/Manifest.h"

#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

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

/// `boxDims`: the dims of the operand in the order of a tensor map's box; null
/// means as they are.
static llvm::json::Object describeParameter(StringRef operand, Type type,
                                            DenseI64ArrayAttr boxDims) {
  llvm::json::Object parameter{{"operand", operand},
                               {"element_type", getElementTypeName(type)}};
  if (auto map = dyn_cast<nvgpu::TensorMapDescriptorType>(type)) {
    parameter["kind"] = "tensor_map";
    parameter["box"] = llvm::json::Array(map.getTensor().getShape());
    auto dims = llvm::to_vector(llvm::seq(map.getTensor().getRank()));
    parameter["dims"] = llvm::json::Array(boxDims ? boxDims.asArrayRef()
                                                  : ArrayRef<int64_t>(dims));
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
  if (operand == "k_scale")
    parameter["strided"] = memref.getStridesAndOffset().first[0] != 1;
  return parameter;
}

/// The shape of whatever a parameter loads or holds.
static ArrayRef<int64_t> getShape(Type type) {
  if (auto map = dyn_cast<nvgpu::TensorMapDescriptorType>(type))
    return map.getTensor().getShape();
  return cast<MemRefType>(type).getShape();
}

static int64_t getSize(int64_t size) {
  return ShapedType::isDynamic(size) ? -1 : size;
}

/// What is common to both targets. Arguments carry `mqa.operand`.
static FailureOr<llvm::json::Object> describeKernel(FunctionOpInterface func) {
  // Which of the ops it is, its operands tell.
  bool paged = false;
  for (unsigned i = 0, e = func.getNumArguments(); i < e; ++i)
    if (auto operand = func.getArgAttrOfType<StringAttr>(i, "mqa.operand"))
      paged |= operand == "block_table";
  llvm::json::Object kernel{{"name", func.getName()},
                            {"op", paged ? "mqa.paged_logits" : "mqa.logits"},
                            {"clean", func->hasAttr("mqa.clean")},
                            {"compressed", func->hasAttr("mqa.compressed")},
                            {"relu", !func->hasAttr("mqa.no_activation")}};
  auto getAttr = [&](StringRef name, int64_t otherwise) {
    auto attr = func->getAttrOfType<IntegerAttr>(name);
    return attr ? attr.getInt() : otherwise;
  };
  // Of the operand's first dimension; a tensor map's box has another.
  auto getOuter = [&](StringRef name, Type type) {
    bool isMap = isa<nvgpu::TensorMapDescriptorType>(type);
    return getSize(
        getAttr(name, isMap ? ShapedType::kDynamic : getShape(type)[0]));
  };
  llvm::json::Array parameters;
  for (auto [i, type] : llvm::enumerate(func.getArgumentTypes())) {
    auto operand = func.getArgAttrOfType<StringAttr>(i, "mqa.operand");
    if (!operand)
      continue;
    parameters.push_back(describeParameter(
        operand, type,
        func.getArgAttrOfType<DenseI64ArrayAttr>(i, "mqa.box_dims")));
    // A tensor map's box has not all heads of q, nor all of their elements, nor
    // all keys and groups of k: attributes say how many there are.
    if (operand == "q") {
      ArrayRef<int64_t> heads = getShape(type).take_back(2);
      kernel["num_heads"] = getAttr("mqa.num_heads", heads[0]);
      kernel["head_dim"] = getAttr("mqa.head_dim", heads[1]);
      if (paged) {
        kernel["batch"] = getOuter("mqa.batch", type);
        kernel["next_n"] = getAttr("mqa.next_n", getShape(type)[1]);
      }
    } else if (operand == "k" && paged) {
      kernel["num_blocks"] = getOuter("mqa.num_blocks", type);
      kernel["block_kv"] = getAttr("mqa.block_kv", getShape(type)[1]);
    } else if (operand == "block_table") {
      kernel["max_blocks"] = getSize(getShape(type)[1]);
    } else if (operand == "k") {
      bool grouped = getShape(type).size() == 3;
      kernel["has_key_groups"] = grouped;
      kernel["num_groups"] =
          getAttr("mqa.num_groups", grouped ? getShape(type)[1] : 1);
      kernel["num_keys"] = getOuter("mqa.num_keys", type);
    } else if (operand == "out") {
      kernel["num_queries"] = getSize(getShape(type)[0]);
      kernel["num_columns"] = getSize(getShape(type)[1]);
    }
  }
  if (!kernel.get("num_heads") || !kernel.get(paged ? "block_kv" : "num_keys"))
    return func.emitError("is no kernel: arguments lack 'mqa.operand'");
  kernel["parameters"] = std::move(parameters);
  return kernel;
}

FailureOr<llvm::json::Array> mqa::describeGpuKernels(ModuleOp module) {
  llvm::json::Array kernels;
  WalkResult result = module.walk([&](gpu::GPUFuncOp func) {
    auto schedule = func->getAttrOfType<ScheduleAttr>("mqa.schedule");
    auto sharedMemory =
        func->getAttrOfType<IntegerAttr>("mqa.dynamic_shared_memory");
    DenseI32ArrayAttr block = func.getKnownBlockSizeAttr();
    if (!schedule || !sharedMemory || !block) {
      func.emitError("is no kernel of level 6: it lacks 'mqa.schedule', "
                     "'mqa.dynamic_shared_memory' or 'known_block_size'");
      return WalkResult::interrupt();
    }
    FailureOr<llvm::json::Object> kernel =
        describeKernel(cast<FunctionOpInterface>(func.getOperation()));
    if (failed(kernel))
      return WalkResult::interrupt();
    std::string scheduleText;
    llvm::raw_string_ostream(scheduleText) << schedule;
    // Its parameters alone, as the table and --mqa-schedule have them.
    StringRef parameters = scheduleText;
    (void)parameters.consume_front("#mqa.schedule<");
    (void)parameters.consume_back(">");
    (*kernel)["schedule"] = parameters.str();
    (*kernel)["block_threads"] = block[0];
    (*kernel)["block_queries"] = schedule.getBlockQ();
    (*kernel)["block_keys"] = schedule.getBlockKv();
    (*kernel)["tile_keys"] = schedule.getTileKv();
    (*kernel)["fast"] = schedule.getReduction() == Reduction::F16;
    (*kernel)["splits_keys"] = schedule.getSplit() == Split::Tiles;
    (*kernel)["shared_memory_bytes"] = sharedMemory.getInt();
    (*kernel)["overlaps_launches"] = func->hasAttr("mqa.overlaps_launches");
    kernels.push_back(std::move(*kernel));
    return WalkResult::advance();
  });
  if (result.wasInterrupted())
    return failure();
  return kernels;
}

FailureOr<llvm::json::Array> mqa::describeCpuKernels(ModuleOp module) {
  llvm::json::Array kernels;
  for (auto func : module.getOps<func::FuncOp>()) {
    auto sizes = func->getAttrOfType<DenseI64ArrayAttr>("mqa.task_sizes");
    if (!sizes)
      continue;
    if (sizes.size() != 2)
      return func.emitError("needs two 'mqa.task_sizes': queries and keys");
    FailureOr<llvm::json::Object> kernel =
        describeKernel(cast<FunctionOpInterface>(func.getOperation()));
    if (failed(kernel))
      return failure();
    (*kernel)["task_queries"] = sizes[0];
    (*kernel)["task_keys"] = sizes[1];
    kernels.push_back(std::move(*kernel));
  }
  return kernels;
}
