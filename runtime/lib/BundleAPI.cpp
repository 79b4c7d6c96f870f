//===- BundleAPI.cpp - The C API of bundles and of loading ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Handles.h"
#include "OpRules.h"
#include "SharedObject.h"
#include "mqa/Runtime.h"

#include <algorithm>

using namespace mqa::runtime;

struct mqa_bundle {
  BundleParts parts;
  /// Of all parts, in their order.
  std::vector<BundleKernel> kernels;
};

//===----------------------------------------------------------------------===//
// Bundles
//===----------------------------------------------------------------------===//

/// `read(parts)` fills them.
template <typename Read>
static mqa_status loadBundle(Read read, mqa_bundle **bundle) {
  auto handle = std::make_unique<mqa_bundle>();
  MQA_RETURN_IF_FAILED(read(handle->parts));
  for (const auto &part : handle->parts)
    for (const KernelDescription &kernel : part->kernels)
      handle->kernels.push_back({part, &kernel});
  *bundle = handle.release();
  return MQA_SUCCESS;
}

mqa_status mqa_bundle_load_memory(const void *data, size_t size,
                                  mqa_bundle **bundle) {
  return guard([&]() -> mqa_status {
    MQA_RETURN_IF_FAILED(requireNotNull(bundle, "bundle"));
    *bundle = nullptr;
    MQA_RETURN_IF_FAILED(requireNotNull(data, "data"));
    return loadBundle(
        [&](BundleParts &parts) { return readBundle(data, size, parts); },
        bundle);
  });
}

mqa_status mqa_bundle_load_file(const char *path, mqa_bundle **bundle) {
  return guard([&]() -> mqa_status {
    MQA_RETURN_IF_FAILED(requireNotNull(bundle, "bundle"));
    *bundle = nullptr;
    MQA_RETURN_IF_FAILED(requireNotNull(path, "path"));
    return loadBundle(
        [&](BundleParts &parts) {
          return readBundle(std::string(path), parts);
        },
        bundle);
  });
}

void mqa_bundle_destroy(mqa_bundle *bundle) { delete bundle; }

size_t mqa_bundle_num_kernels(const mqa_bundle *bundle) {
  return bundle ? bundle->kernels.size() : 0;
}

static mqa_kernel_info getInfo(const std::string &target,
                               const KernelDescription &kernel) {
  auto has = [&](Operand operand) { return kernel.find(operand) ? 1 : 0; };
  const Selection &selection = kernel.selection;
  mqa_op op = kernel.rules->op;
  bool isTopk = op == MQA_OP_TOPK, isMerge = op == MQA_OP_MERGE_TOPK;
  bool isPagedTopk = op == MQA_OP_PAGED_LOGITS_TOPK;
  bool isFused = op == MQA_OP_LOGITS_TOPK || isPagedTopk;
  bool onlySelects = isTopk || isMerge;
  mqa_kernel_info info = {};
  info.name = kernel.name.c_str();
  info.target = target.c_str();
  info.op = op;
  info.num_queries = kernel.numQueries;
  info.num_heads = kernel.numHeads;
  info.head_dim = kernel.headDim;
  // Columns of compressed rows, and of blocks, are not all keys.
  bool areKeys = isTopk && !kernel.compressed && !kernel.keyBlockSize;
  info.num_keys = areKeys ? kernel.numColumns : kernel.numKeys;
  info.num_groups = onlySelects ? 0 : kernel.numGroups;
  info.max_seqlen_k = kernel.compressed ? kernel.numColumns : 0;
  info.input_type = kernel.getElementType(isMerge  ? Operand::ListValues
                                          : isTopk ? Operand::Logits
                                                   : Operand::Q);
  info.key_type =
      onlySelects ? info.input_type : kernel.getElementType(Operand::K);
  info.k_scale_type = kernel.getElementType(Operand::KScale);
  info.out_type =
      onlySelects || isFused ? MQA_I32 : kernel.getElementType(Operand::Out);
  info.weights_type = kernel.getElementType(Operand::Weights);
  info.has_weights = has(Operand::Weights);
  info.has_k_scale = has(Operand::KScale);
  info.has_q_scale = has(Operand::QScale);
  info.strided_k_scale = kernel.acceptsStridedScales();
  info.has_ks = has(Operand::Ks);
  info.activation = kernel.activation;
  info.head_reduction = kernel.headReduction;
  info.clean = kernel.clean;
  info.compressed = kernel.compressed;
  info.block_max = kernel.blockMax;
  info.fast = kernel.isFast();
  info.schedule = kernel.schedule.c_str();
  info.needs_zeroed_scratch = kernel.rules->needsZeroedScratch(kernel);
  info.scratch_bytes = kernel.scratchBytes;
  info.batch = kernel.batch;
  info.next_n = kernel.nextN;
  info.num_blocks = kernel.numBlocks;
  info.block_kv = kernel.blockKv;
  info.max_blocks = kernel.maxBlocks;
  info.lens_per_query = kernel.hasLengthPerQuery();
  bool hasMaxContextLen = op == MQA_OP_PAGED_LOGITS || isPagedTopk;
  // Columns of key blocks do not say how long a sequence may be.
  info.max_context_len =
      !hasMaxContextLen || kernel.numColumns < 0 || kernel.keyBlockSize
          ? -int64_t(hasMaxContextLen)
          : kernel.numColumns * kernel.getColumnKeys();
  info.rows_per_sequence = kernel.rowsPerSequence;
  info.key_block_size = kernel.keyBlockSize;
  info.max_key_blocks = kernel.keyBlockSize ? kernel.maxKeyBlocks : 0;
  info.k = selection.k;
  info.tie_break = selection.tieBreak;
  info.order = selection.order;
  info.base = selection.base;
  info.force_first = selection.forceFirst;
  info.force_last = selection.forceLast;
  info.num_sequences = kernel.numSequences;
  info.has_context_lens = has(Operand::ContextLens);
  info.has_sequence = has(Operand::Sequence);
  info.has_offset = has(Operand::Offset);
  info.has_values = has(Operand::Values);
  info.has_num_keys = isTopk && kernel.hasIndex();
  info.num_lists = isMerge ? kernel.numLists : 0;
  info.logits_type = isFused       ? kernel.logitsType
                     : onlySelects ? info.input_type
                                   : info.out_type;
  return info;
}

static mqa_status requireIndex(const mqa_bundle *bundle, size_t index) {
  if (index < bundle->kernels.size())
    return MQA_SUCCESS;
  return fail(MQA_ERROR_NOT_FOUND,
              "the bundle has " + std::to_string(bundle->kernels.size()) +
                  " kernels, index is " + std::to_string(index));
}

mqa_status mqa_bundle_kernel_info(const mqa_bundle *bundle, size_t index,
                                  mqa_kernel_info *info) {
  return guard([&]() -> mqa_status {
    MQA_RETURN_IF_FAILED(requireNotNull(bundle, "bundle"));
    MQA_RETURN_IF_FAILED(requireNotNull(info, "info"));
    MQA_RETURN_IF_FAILED(requireIndex(bundle, index));
    const BundleKernel &kernel = bundle->kernels[index];
    *info = getInfo(kernel.bundle->target, *kernel.description);
    return MQA_SUCCESS;
  });
}

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

static bool isForCpu(const BundleKernel &kernel) {
  return kernel.bundle->target == "cpu";
}

/// Of the kernels that this machine can run, the one that uses most of its
/// instruction sets. If there is none, the error is of the one that needs
/// least.
static mqa_status loadBestForCpu(std::vector<BundleKernel> candidates,
                                 const mqa_executor *executor, int numThreads,
                                 std::unique_ptr<Kernel> &loaded) {
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const BundleKernel &a, const BundleKernel &b) {
                     return a.bundle->cpuFeatures.size() >
                            b.bundle->cpuFeatures.size();
                   });
  // Those of another architecture first: the last error is the one to show.
  std::stable_partition(
      candidates.begin(), candidates.end(), [](const BundleKernel &candidate) {
        return checkMachine(candidate.bundle->objectMachine) != MQA_SUCCESS;
      });
  mqa_status status = MQA_ERROR_UNSUPPORTED;
  for (const BundleKernel &candidate : candidates) {
    status = checkMachine(candidate.bundle->objectMachine);
    if (status == MQA_SUCCESS)
      status = loadCpuKernel(candidate, executor, numThreads, loaded);
    if (status != MQA_ERROR_UNSUPPORTED)
      break;
  }
  return status;
}

/// `candidates` are kernels for the CPU, or for GPUs; an executor is for a CPU
/// alone.
static mqa_status loadBest(const std::vector<BundleKernel> &candidates,
                           int device, mqa_kernel **kernel,
                           const mqa_executor *executor = nullptr) {
  auto handle = std::make_unique<mqa_kernel>();
  std::unique_ptr<Kernel> loaded;
  if (isForCpu(candidates.front())) {
    MQA_RETURN_IF_FAILED(loadBestForCpu(candidates, executor, device, loaded));
  } else {
    MQA_RETURN_IF_FAILED(loadGpuKernel(candidates, device, loaded));
  }
  handle->kernel = std::move(loaded);
  *kernel = handle.release();
  return MQA_SUCCESS;
}

/// All kernels of this name; null: of the first one's.
static mqa_status findKernels(const mqa_bundle *bundle, const char *name,
                              std::vector<BundleKernel> &found) {
  const std::string wanted =
      name ? name : bundle->kernels.front().description->name;
  for (const BundleKernel &kernel : bundle->kernels)
    if (kernel.description->name == wanted)
      found.push_back(kernel);
  if (found.empty())
    return fail(MQA_ERROR_NOT_FOUND,
                "the bundle has no kernel '" + wanted + "'");
  return MQA_SUCCESS;
}

/// Leaves those for the CPU, or those for GPUs.
static void keepKind(std::vector<BundleKernel> &kernels, bool forCpu) {
  std::vector<BundleKernel> kept;
  for (BundleKernel &kernel : kernels)
    if (isForCpu(kernel) == forCpu)
      kept.push_back(std::move(kernel));
  kernels = std::move(kept);
}

mqa_status mqa_kernel_load(const mqa_bundle *bundle, const char *name,
                           int device, mqa_kernel **kernel) {
  return guard([&]() -> mqa_status {
    MQA_RETURN_IF_FAILED(requireNotNull(kernel, "kernel"));
    *kernel = nullptr;
    MQA_RETURN_IF_FAILED(requireNotNull(bundle, "bundle"));
    std::vector<BundleKernel> found;
    MQA_RETURN_IF_FAILED(findKernels(bundle, name, found));
    bool forCpu = std::all_of(found.begin(), found.end(), isForCpu);
    keepKind(found, forCpu);
    return loadBest(found, device, kernel);
  });
}

/// All kernels of this name for the CPU, or for GPUs: at least one.
static mqa_status findKernelsOfKind(const mqa_bundle *bundle, const char *name,
                                    bool forCpu,
                                    std::vector<BundleKernel> &found) {
  MQA_RETURN_IF_FAILED(findKernels(bundle, name, found));
  std::string wanted = found.front().description->name;
  std::vector<std::string> targets;
  for (const BundleKernel &candidate : found)
    targets.push_back(candidate.bundle->target);
  keepKind(found, forCpu);
  if (found.empty())
    return fail(MQA_ERROR_NOT_FOUND, "the bundle has no kernel '" + wanted +
                                         "' for " +
                                         (forCpu ? "the CPU" : "a GPU") +
                                         ", it is for " + listNames(targets));
  return MQA_SUCCESS;
}

mqa_status mqa_kernel_load_for(const mqa_bundle *bundle, const char *name,
                               int kind, int device, mqa_kernel **kernel) {
  return guard([&]() -> mqa_status {
    MQA_RETURN_IF_FAILED(requireNotNull(kernel, "kernel"));
    *kernel = nullptr;
    MQA_RETURN_IF_FAILED(requireNotNull(bundle, "bundle"));
    if (kind != MQA_DEVICE_CPU && kind != MQA_DEVICE_CUDA)
      return fail(MQA_ERROR_INVALID_ARGUMENT,
                  "kind must be MQA_DEVICE_CPU or MQA_DEVICE_CUDA, found " +
                      std::to_string(kind));
    std::vector<BundleKernel> found;
    MQA_RETURN_IF_FAILED(
        findKernelsOfKind(bundle, name, kind == MQA_DEVICE_CPU, found));
    return loadBest(found, device, kernel);
  });
}

mqa_status mqa_kernel_load_cpu(const mqa_bundle *bundle, const char *name,
                               const mqa_executor *executor,
                               mqa_kernel **kernel) {
  return guard([&]() -> mqa_status {
    MQA_RETURN_IF_FAILED(requireNotNull(kernel, "kernel"));
    *kernel = nullptr;
    MQA_RETURN_IF_FAILED(requireNotNull(bundle, "bundle"));
    MQA_RETURN_IF_FAILED(requireNotNull(executor, "executor"));
    std::vector<BundleKernel> found;
    MQA_RETURN_IF_FAILED(
        findKernelsOfKind(bundle, name, /*forCpu=*/true, found));
    return loadBest(found, /*device=*/0, kernel, executor);
  });
}

mqa_status mqa_kernel_load_at(const mqa_bundle *bundle, size_t index,
                              int device, mqa_kernel **kernel) {
  return guard([&]() -> mqa_status {
    MQA_RETURN_IF_FAILED(requireNotNull(kernel, "kernel"));
    *kernel = nullptr;
    MQA_RETURN_IF_FAILED(requireNotNull(bundle, "bundle"));
    MQA_RETURN_IF_FAILED(requireIndex(bundle, index));
    return loadBest({bundle->kernels[index]}, device, kernel);
  });
}

mqa_status mqa_kernel_get_info(const mqa_kernel *kernel,
                               mqa_kernel_info *info) {
  return guard([&]() -> mqa_status {
    MQA_RETURN_IF_FAILED(requireNotNull(kernel, "kernel"));
    MQA_RETURN_IF_FAILED(requireNotNull(info, "info"));
    const Kernel &loaded = *kernel->kernel;
    *info = getInfo(loaded.getTarget(), loaded.getDescription());
    info->num_threads = loaded.getNumThreads();
    return MQA_SUCCESS;
  });
}
