//===- Runtime.cpp - The C API --------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Runtime.h"
#include "Bundle.h"
#include "Handles.h"
#include "SharedObject.h"

using namespace mqa::runtime;

struct mqa_bundle {
  std::shared_ptr<const Bundle> bundle;
};

struct mqa_launch {
  std::shared_ptr<Kernel> kernel;
  /// Null where there is nothing to do.
  std::unique_ptr<PreparedLaunch> prepared;
};

int mqa_runtime_abi_version(void) { return MQA_RUNTIME_ABI_VERSION; }

const char *mqa_runtime_version(void) { return MQA_VERSION; }

const char *mqa_last_error(void) { return getLastError(); }

const char *mqa_status_name(mqa_status status) {
  switch (status) {
  case MQA_SUCCESS:
    return "success";
  case MQA_ERROR_INVALID_ARGUMENT:
    return "invalid argument";
  case MQA_ERROR_INVALID_BUNDLE:
    return "invalid bundle";
  case MQA_ERROR_NOT_FOUND:
    return "not found";
  case MQA_ERROR_UNSUPPORTED:
    return "unsupported";
  case MQA_ERROR_DRIVER:
    return "driver error";
  case MQA_ERROR_SYSTEM:
    return "system error";
  }
  return "unknown status";
}

mqa_status mqa_bundle_load_memory(const void *data, size_t size,
                                  mqa_bundle **bundle) {
  return guard([&]() -> mqa_status {
    MQA_RETURN_IF_FAILED(requireNotNull(bundle, "bundle"));
    *bundle = nullptr;
    MQA_RETURN_IF_FAILED(requireNotNull(data, "data"));
    auto handle = std::make_unique<mqa_bundle>();
    MQA_RETURN_IF_FAILED(readBundle(data, size, handle->bundle));
    *bundle = handle.release();
    return MQA_SUCCESS;
  });
}

mqa_status mqa_bundle_load_file(const char *path, mqa_bundle **bundle) {
  return guard([&]() -> mqa_status {
    MQA_RETURN_IF_FAILED(requireNotNull(bundle, "bundle"));
    *bundle = nullptr;
    MQA_RETURN_IF_FAILED(requireNotNull(path, "path"));
    auto handle = std::make_unique<mqa_bundle>();
    MQA_RETURN_IF_FAILED(readBundle(std::string(path), handle->bundle));
    *bundle = handle.release();
    return MQA_SUCCESS;
  });
}

void mqa_bundle_destroy(mqa_bundle *bundle) { delete bundle; }

size_t mqa_bundle_num_kernels(const mqa_bundle *bundle) {
  return bundle ? bundle->bundle->kernels.size() : 0;
}

mqa_status mqa_bundle_kernel_info(const mqa_bundle *bundle, size_t index,
                                  mqa_kernel_info *info) {
  return guard([&]() -> mqa_status {
    MQA_RETURN_IF_FAILED(requireNotNull(bundle, "bundle"));
    MQA_RETURN_IF_FAILED(requireNotNull(info, "info"));
    const auto &kernels = bundle->bundle->kernels;
    if (index >= kernels.size())
      return fail(MQA_ERROR_NOT_FOUND,
                  "the bundle has " + std::to_string(kernels.size()) +
                      " kernels, index is " + std::to_string(index));
    const KernelDescription &kernel = kernels[index];
    *info = {kernel.name.c_str(),
             bundle->bundle->target.c_str(),
             kernel.numQueries,
             kernel.numHeads,
             kernel.headDim,
             kernel.numKeys,
             kernel.numGroups,
             kernel.compressed ? kernel.numColumns : 0,
             kernel.getElementType(Operand::Q),
             kernel.getElementType(Operand::Out),
             kernel.getElementType(Operand::Weights),
             kernel.find(Operand::Weights) ? 1 : 0,
             kernel.find(Operand::KScale) ? 1 : 0,
             kernel.acceptsStridedScales() ? 1 : 0,
             kernel.find(Operand::Ks) ? 1 : 0,
             kernel.relu ? 1 : 0,
             kernel.clean ? 1 : 0,
             kernel.compressed ? 1 : 0,
             kernel.fast ? 1 : 0,
             kernel.schedule.c_str(),
             kernel.paged ? 1 : 0,
             kernel.batch,
             kernel.nextN,
             kernel.numBlocks,
             kernel.blockKv,
             kernel.maxBlocks,
             kernel.hasLengthPerQuery() ? 1 : 0,
             kernel.paged ? kernel.numColumns : 0};
    return MQA_SUCCESS;
  });
}

mqa_status mqa_kernel_load(const mqa_bundle *bundle, const char *name,
                           int device, mqa_kernel **kernel) {
  return guard([&]() -> mqa_status {
    MQA_RETURN_IF_FAILED(requireNotNull(kernel, "kernel"));
    *kernel = nullptr;
    MQA_RETURN_IF_FAILED(requireNotNull(bundle, "bundle"));
    const Bundle &contents = *bundle->bundle;
    const KernelDescription *found = name ? nullptr : &contents.kernels.front();
    // No two have the same name.
    for (const KernelDescription &candidate : contents.kernels)
      if (name && candidate.name == name)
        found = &candidate;
    if (!found)
      return fail(MQA_ERROR_NOT_FOUND,
                  "the bundle has no kernel '" + std::string(name) + "'");
    bool isCpu = contents.target == "cpu";
    if (isCpu)
      MQA_RETURN_IF_FAILED(checkMachine(contents.objectMachine));
    auto handle = std::make_unique<mqa_kernel>();
    auto load = isCpu ? loadCpuKernel : loadGpuKernel;
    std::unique_ptr<Kernel> loaded;
    MQA_RETURN_IF_FAILED(load(bundle->bundle, *found, device, loaded));
    handle->kernel = std::move(loaded);
    *kernel = handle.release();
    return MQA_SUCCESS;
  });
}

void mqa_kernel_destroy(mqa_kernel *kernel) { delete kernel; }

template <typename Args>
static mqa_status launchKernel(mqa_kernel *kernel, const Args *args,
                               void *stream) {
  return guard([&]() -> mqa_status {
    MQA_RETURN_IF_FAILED(requireNotNull(kernel, "kernel"));
    MQA_RETURN_IF_FAILED(requireNotNull(args, "args"));
    const KernelDescription &description = kernel->kernel->getDescription();
    Tensors tensors;
    MQA_RETURN_IF_FAILED(checkArguments(description, *args, tensors));
    if (!hasWork(description, tensors))
      return MQA_SUCCESS;
    return kernel->kernel->launch(tensors, stream);
  });
}

template <typename Args>
static mqa_status prepareLaunch(mqa_kernel *kernel, const Args *args,
                                mqa_launch **launch) {
  return guard([&]() -> mqa_status {
    MQA_RETURN_IF_FAILED(requireNotNull(launch, "launch"));
    *launch = nullptr;
    MQA_RETURN_IF_FAILED(requireNotNull(kernel, "kernel"));
    MQA_RETURN_IF_FAILED(requireNotNull(args, "args"));
    const KernelDescription &description = kernel->kernel->getDescription();
    Tensors tensors;
    MQA_RETURN_IF_FAILED(checkArguments(description, *args, tensors));
    auto handle = std::make_unique<mqa_launch>();
    handle->kernel = kernel->kernel;
    if (hasWork(description, tensors))
      MQA_RETURN_IF_FAILED(kernel->kernel->prepare(tensors, handle->prepared));
    *launch = handle.release();
    return MQA_SUCCESS;
  });
}

mqa_status mqa_logits_launch(mqa_kernel *kernel, const mqa_logits_args *args,
                             void *stream) {
  return launchKernel(kernel, args, stream);
}

mqa_status mqa_paged_logits_launch(mqa_kernel *kernel,
                                   const mqa_paged_logits_args *args,
                                   void *stream) {
  return launchKernel(kernel, args, stream);
}

mqa_status mqa_logits_prepare(mqa_kernel *kernel, const mqa_logits_args *args,
                              mqa_launch **launch) {
  return prepareLaunch(kernel, args, launch);
}

mqa_status mqa_paged_logits_prepare(mqa_kernel *kernel,
                                    const mqa_paged_logits_args *args,
                                    mqa_launch **launch) {
  return prepareLaunch(kernel, args, launch);
}

mqa_status mqa_launch_run(const mqa_launch *launch, void *stream) {
  return guard([&]() -> mqa_status {
    MQA_RETURN_IF_FAILED(requireNotNull(launch, "launch"));
    return launch->prepared ? launch->prepared->run(stream) : MQA_SUCCESS;
  });
}

void mqa_launch_destroy(mqa_launch *launch) { delete launch; }

void mqa_set_launch_overlap(int enabled) {
  launchOverlapEnabled = enabled != 0;
}

int mqa_get_launch_overlap(void) { return launchOverlapEnabled; }
