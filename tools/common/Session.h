//===- Session.h - One kernel on one problem --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_COMMON_SESSION_H
#define MQA_TOOLS_COMMON_SESSION_H

#include "Check.h"
#include "Device.h"

#include <optional>

namespace mqa::tools {

/// Whether a kernel computes logits, and selects keys by them.
inline bool isFused(const mqa_kernel_info &info) {
  return info.op == MQA_OP_LOGITS_TOPK || info.op == MQA_OP_PAGED_LOGITS_TOPK;
}

/// Whether a kernel that computes logits has a paged cache.
inline bool isPaged(const mqa_kernel_info &info) {
  return info.op == MQA_OP_PAGED_LOGITS || info.op == MQA_OP_PAGED_LOGITS_TOPK;
}

/// What problems for a kernel look like.
Format getFormat(const mqa_kernel_info &info);
/// The kernel's own sizes where it has them. A compressed output has as many
/// columns as keys where nothing else is asked for.
Shape getShape(const mqa_kernel_info &info, int64_t numQueries, int64_t numKeys,
               int64_t maxSeqlenK = -1);

/// Elements of k in 16 bytes, of which the distances of its rows are multiples.
inline int64_t getKeyStep(const mqa_kernel_info &info) {
  return info.key_type == MQA_I8 ? 16 : 16 / getBytes(info.key_type);
}

/// Elements between the rows of each operand, more than there must be, and rows
/// of q, k, k_scale and weights before the first; they hold NaN. k_scale has
/// rows only in kernels that take strided ones.
struct Slack {
  int64_t q = 0, k = 0, kScale = 0, weights = 0, out = 0;
  int64_t rowsBefore = 0;
  /// Of a paged problem: between sequences (q), blocks of keys and of scales,
  /// in elements, and rows of lengths and of the table, or of lists of blocks
  /// of keys. With `fused` the scales of a block lie behind its keys, as in
  /// DeepGEMM's cache, and `k` is in bytes.
  int64_t lens = 0, table = 0;
  bool fused = false;
};

/// Whether a kernel is for a CPU.
inline bool isForCpu(const mqa_kernel_info &info) {
  return std::string(info.target).rfind("cpu", 0) == 0;
}

/// The kernels of a bundle by their names: one that it has for several targets
/// once, as it is for the first of them.
std::vector<mqa_kernel_info> listKernels(const mqa_bundle *bundle);

/// The targets of a bundle, in its order.
std::vector<std::string> listTargets(const mqa_bundle *bundle);

/// The device that kernels of the bundle are loaded for: a GPU, if it has one
/// among its targets.
std::unique_ptr<Device> createDevice(const mqa_bundle *bundle);

/// A bundle's kernel that is loaded.
class LoadedKernel {
public:
  /// The bundle's first kernel that cleans or does not, as asked; any, if it
  /// does not matter. Without a `kind`, for the device of `createDevice`.
  LoadedKernel(const mqa_bundle *bundle, std::optional<bool> clean,
               int device = 0, std::optional<mqa_device_kind> kind = {});
  /// Its kernel of this name.
  LoadedKernel(const mqa_bundle *bundle, const char *name, int device = 0,
               std::optional<mqa_device_kind> kind = {});
  /// Kernel `index` of the bundle, as mqa_bundle_kernel_info counts. Null where
  /// this machine cannot run it: mqa_last_error says why.
  static std::unique_ptr<LoadedKernel> tryLoad(const mqa_bundle *bundle,
                                               size_t index, int device);
  ~LoadedKernel() { mqa_kernel_destroy(kernel); }
  LoadedKernel(const LoadedKernel &) = delete;

  mqa_kernel *get() const { return kernel; }
  const mqa_kernel_info &getInfo() const { return info; }

private:
  LoadedKernel() = default;
  void load(const mqa_bundle *bundle, const char *name, int device,
            std::optional<mqa_device_kind> kind);

  mqa_kernel *kernel = nullptr;
  mqa_kernel_info info{};
};

/// A problem's buffers on a device.
class Session {
public:
  Session(Device &device, const Problem &problem, const Slack &slack = {});

  void poison();
  void launch(const LoadedKernel &kernel, void *stream = nullptr) {
    if (problem.paging.nextN)
      require(mqa_paged_logits_launch(kernel.get(), &pagedArgs, stream));
    else
      require(mqa_logits_launch(kernel.get(), &args, stream));
  }
  /// To be run again and again with `mqa_launch_run`.
  std::unique_ptr<mqa_launch, void (*)(mqa_launch *)>
  prepare(const LoadedKernel &kernel) {
    mqa_launch *launch;
    if (problem.paging.nextN)
      require(mqa_paged_logits_prepare(kernel.get(), &pagedArgs, &launch));
    else
      require(mqa_logits_prepare(kernel.get(), &args, &launch));
    return {launch, mqa_launch_destroy};
  }
  /// The same launch with nothing to do but to find that out: every range is
  /// empty.
  void launchEmpty(const LoadedKernel &kernel);
  /// Where the weights are that launches read, in `getWeightBytes` bytes, and
  /// another place of as many for the launches to come.
  const void *getWeights() const;
  /// What launches are given: of a paged problem, the second.
  const mqa_logits_args &getArgs() const { return args; }
  const mqa_paged_logits_args &getPagedArgs() const { return pagedArgs; }
  size_t getWeightBytes() const;
  void setWeights(const void *moved);
  /// The ranges of a problem that is not paged, which are others now, for the
  /// launches to come.
  void updateRanges();
  /// Other lengths and another table for the launches to come, of the same
  /// sizes.
  void updatePaging(const Paging &paging);
  /// The output on the host, after all launches.
  const Output &download();
  /// As it was downloaded last.
  const Output &getOutput() const { return output; }
  CheckResult check(const LoadedKernel &kernel, int64_t maxPairs);

private:
  void uploadContiguous();
  void uploadPaged();
  void uploadCache();
  template <typename Args> void uploadKeyBlocks(Args &args);
  std::unique_ptr<Buffer> uploadBytes(const std::vector<uint8_t> &data,
                                      mqa_element_type type, int64_t row,
                                      int64_t stride);

  Device &device;
  const Problem &problem;
  Slack slack;
  std::unique_ptr<Buffer> qScale, q, k, kScale, weights, ks, ke, lens, table,
      out, noRanges, sequences, keyBlocks, numKeyBlocks;
  Output output;
  mqa_logits_args args{};
  mqa_paged_logits_args pagedArgs{};
};

} // namespace mqa::tools

#endif // MQA_TOOLS_COMMON_SESSION_H
