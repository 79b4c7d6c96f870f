//===- CpuKernel.cpp - Loads and launches kernels on a CPU ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"
#include "ThreadPool.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

using namespace mqa::runtime;

namespace {
/// A memref descriptor as LLVM code sees it (ranks 1 to 3).
struct MemrefDescriptor {
  const void *allocated, *aligned;
  int64_t offset;
  /// Sizes, then strides.
  int64_t shape[2 * kMaxRank];
};

/// One task: the descriptors of all parameters, and the task's position in
/// queries and in keys.
using TaskFunction = void (*)(const MemrefDescriptor *const *operands,
                              int64_t queryTask, int64_t keyTask);

class CpuKernel final : public Kernel {
public:
  CpuKernel(std::shared_ptr<const Bundle> bundle,
            const KernelDescription &description, int numThreads)
      : Kernel(std::move(bundle), description), pool(numThreads) {}
  ~CpuKernel() override {
    if (library)
      dlclose(library);
    if (file >= 0)
      close(file);
  }

  mqa_status load();
  mqa_status launch(const Tensors &tensors, void *stream) override;
  mqa_status prepare(const Tensors &tensors,
                     std::unique_ptr<PreparedLaunch> &launch) override;

private:
  mqa_status openLibrary();

  /// Stays open while the library is loaded: dlopen knows libraries by their
  /// path, and this one's is the number of the file.
  int file = -1;
  void *library = nullptr;
  TaskFunction function = nullptr;
  ThreadPool pool;
};
} // namespace

static mqa_status systemError(const std::string &what) {
  return fail(MQA_ERROR_SYSTEM, what + ": " + std::strerror(errno));
}

/// Loads the object from memory: the bundle is one file, and nothing of it
/// should be left on disk.
mqa_status CpuKernel::openLibrary() {
  file = memfd_create("mqa-kernel", MFD_CLOEXEC);
  if (file < 0)
    return systemError("memfd_create");
  const std::vector<char> &object = bundle->object;
  for (size_t written = 0; written < object.size();) {
    ssize_t count =
        write(file, object.data() + written, object.size() - written);
    if (count < 0)
      return systemError("write to a memory file");
    written += count;
  }
  std::string path = "/proc/self/fd/" + std::to_string(file);
  library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library)
    return MQA_SUCCESS;
  std::string message = dlerror();
  // Of a file that nobody can open, the system is to blame.
  int again = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (again < 0)
    return systemError("cannot open the object as '" + path + "'");
  close(again);
  return fail(MQA_ERROR_INVALID_BUNDLE,
              "bundle: the object cannot be loaded: " + message);
}

/// The features of this machine's processor by the names of /proc/cpuinfo.
static std::string readCpuFlags() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.rfind("flags", 0) == 0 || line.rfind("Features", 0) == 0)
      return line.substr(line.find(':') + 1) + " ";
  return {};
}

mqa_status CpuKernel::load() {
  static const std::string flags = readCpuFlags();
  for (const std::string &feature : bundle->cpuFeatures)
    if (flags.find(" " + feature + " ") == std::string::npos)
      return fail(MQA_ERROR_UNSUPPORTED, "kernel '" + description->name +
                                             "' needs a processor with " +
                                             feature);
  MQA_RETURN_IF_FAILED(openLibrary());
  std::string symbol = "mqa_task_" + description->name;
  function = reinterpret_cast<TaskFunction>(dlsym(library, symbol.c_str()));
  if (!function)
    return fail(MQA_ERROR_INVALID_BUNDLE,
                "bundle: the object has no function " + symbol);
  return MQA_SUCCESS;
}

mqa_status CpuKernel::launch(const Tensors &tensors, void *stream) {
  if (stream)
    return fail(MQA_ERROR_INVALID_ARGUMENT,
                "stream must be null for a CPU kernel");
  MemrefDescriptor descriptors[kNumOperands];
  const MemrefDescriptor *operands[kNumOperands];
  for (size_t i = 0; i < description->parameters.size(); ++i) {
    const Tensor &tensor =
        tensors[static_cast<int>(description->parameters[i].operand)];
    descriptors[i].allocated = descriptors[i].aligned = tensor.data;
    descriptors[i].offset = 0;
    for (int dim = 0; dim < tensor.rank; ++dim) {
      descriptors[i].shape[dim] = tensor.sizes[dim];
      descriptors[i].shape[tensor.rank + dim] = tensor.strides[dim];
    }
    operands[i] = &descriptors[i];
  }
  // Tasks divide queries x keys, or, of a paged cache, sequences x columns.
  bool paged = description->paged;
  const Tensor &out = tensors[static_cast<int>(Operand::Out)];
  const Tensor &k = tensors[static_cast<int>(Operand::K)];
  const Tensor &q = tensors[static_cast<int>(Operand::Q)];
  auto numTasks = [](int64_t size, int64_t step) {
    return (size + step - 1) / step;
  };
  int64_t queryTasks = numTasks(q.sizes[0], description->taskQueries);
  // Compressed rows are cleaned by the first task, without a key too.
  int64_t keys = paged ? out.sizes[1] : k.sizes[0];
  if (description->compressed && description->clean)
    keys = std::max<int64_t>(keys, 1);
  int64_t keyTasks = numTasks(keys, description->taskKeys);
  pool.run(queryTasks * keyTasks,
           [&](int64_t i) { function(operands, i / keyTasks, i % keyTasks); });
  return MQA_SUCCESS;
}

namespace {
/// Descriptors are made at each launch: that is nothing beside a task.
class CpuLaunch final : public PreparedLaunch {
public:
  CpuLaunch(CpuKernel &kernel, const Tensors &tensors)
      : kernel(kernel), tensors(tensors) {}
  mqa_status run(void *stream) const override {
    return kernel.launch(tensors, stream);
  }

private:
  CpuKernel &kernel;
  Tensors tensors;
};
} // namespace

mqa_status CpuKernel::prepare(const Tensors &tensors,
                              std::unique_ptr<PreparedLaunch> &launch) {
  launch = std::make_unique<CpuLaunch>(*this, tensors);
  return MQA_SUCCESS;
}

mqa_status mqa::runtime::loadCpuKernel(std::shared_ptr<const Bundle> bundle,
                                       const KernelDescription &description,
                                       int numThreads,
                                       std::unique_ptr<Kernel> &kernel) {
  constexpr int kMaxThreads = 4096;
  if (numThreads < 0 || numThreads > kMaxThreads)
    return fail(MQA_ERROR_INVALID_ARGUMENT,
                "device (the number of threads) must be from 0 to " +
                    std::to_string(kMaxThreads) + ", found " +
                    std::to_string(numThreads));
  auto loaded =
      std::make_unique<CpuKernel>(std::move(bundle), description, numThreads);
  MQA_RETURN_IF_FAILED(loaded->load());
  kernel = std::move(loaded);
  return MQA_SUCCESS;
}
