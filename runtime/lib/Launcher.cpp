//===- Launcher.cpp - Launches on tensor objects of a framework -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DLPack.h"
#include "Handles.h"
#include "RepeatedLaunches.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

using namespace mqa::runtime;

namespace {
/// All of the tensors' descriptions but their addresses, and the options.
class Key {
public:
  explicit Key(uint64_t options) : words{options} {}

  void add(const dlpack::Tensor &tensor) {
    add(static_cast<uint32_t>(tensor.device.type),
        static_cast<uint32_t>(tensor.device.id));
    add(static_cast<uint32_t>(tensor.rank),
        tensor.type.code << 24 | tensor.type.bits << 16 | tensor.type.lanes);
    for (int i = 0; i < tensor.rank; ++i) {
      words[size++] = tensor.shape[i];
      words[size++] = tensor.strides ? tensor.strides[i] : -1;
    }
  }
  void addAbsent() { words[size++] = ~uint64_t(0); }

  bool operator==(const Key &other) const {
    return size == other.size &&
           std::equal(words.begin(), words.begin() + size, other.words.begin());
  }
  size_t hash() const {
    // FNV-1a, a word at a time.
    uint64_t hash = 0xcbf29ce484222325;
    for (int i = 0; i < size; ++i)
      hash = (hash ^ words[i]) * 0x100000001b3;
    return hash ^ hash >> 32;
  }

private:
  void add(uint32_t high, uint32_t low) {
    words[size++] = static_cast<uint64_t>(high) << 32 | low;
  }
  std::array<uint64_t, 1 + kMaxObjects *(2 + 2 * kMaxRank)> words;
  int size = 1;
};

struct HashKey {
  size_t operator()(const Key &key) const { return key.hash(); }
};

/// The tensors of one call.
struct Call {
  Addresses addresses{};
  dlpack::Device device{};
  Key key;
};
} // namespace

struct mqa_launcher {
  mqa_launcher(const dlpack::ExchangeAPI *api, const void *none)
      : api(api), none(none) {}

  const dlpack::ExchangeAPI *api;
  /// The object that stands for no tensor.
  const void *none;
  std::shared_mutex mutex;
  struct NumberedPlan {
    LaunchPlan plan;
    uint64_t number;
  };
  std::unordered_map<Key, NumberedPlan, HashKey> plans;
  uint64_t numPlans = 0;
  RepeatedLaunches repeated;

  mqa_status describe(void *const *objects, int count, Call &call) const;
  mqa_status add(void *const *objects, int count, uint64_t options,
                 LaunchPlan plan);
  mqa_status run(const Call &call);
};

mqa_status mqa_launcher::describe(void *const *objects, int count,
                                  Call &call) const {
  for (int i = 0; i < count; ++i) {
    if (!objects[i])
      return fail(MQA_ERROR_INVALID_ARGUMENT,
                  "argument " + std::to_string(i) + " is null");
    if (objects[i] == none) {
      call.key.addAbsent();
      continue;
    }
    dlpack::Tensor tensor;
    if (api->describe(objects[i], &tensor))
      return fail(MQA_ERROR_INVALID_ARGUMENT,
                  "argument " + std::to_string(i) + " is no tensor");
    if (tensor.rank > kMaxRank)
      return fail(MQA_ERROR_INVALID_ARGUMENT,
                  "argument " + std::to_string(i) + " has " +
                      std::to_string(tensor.rank) + " dimensions");
    call.addresses[i] = static_cast<char *>(tensor.data) + tensor.byteOffset;
    call.key.add(tensor);
    if (i == 0)
      call.device = tensor.device;
  }
  return MQA_SUCCESS;
}

mqa_status mqa_launcher::add(void *const *objects, int count, uint64_t options,
                             LaunchPlan plan) {
  Call call{{}, {}, Key(options)};
  MQA_RETURN_IF_FAILED(describe(objects, count, call));
  // Nobody has as many shapes that come back.
  constexpr size_t kMaxPlans = 4096;
  std::unique_lock lock(mutex);
  if (plans.size() >= kMaxPlans) {
    plans.clear();
    repeated.clear();
  }
  // What was encoded for a plan before has another number.
  plans.insert_or_assign(call.key, NumberedPlan{std::move(plan), ++numPlans});
  return MQA_SUCCESS;
}

mqa_status mqa_launcher::run(const Call &call) {
  void *stream = nullptr;
  if (call.device.type == dlpack::kCuda &&
      api->getCurrentStream(call.device.type, call.device.id, &stream))
    return fail(MQA_ERROR_SYSTEM, "no current stream");
  // They must stay, whoever replaces the plan meanwhile.
  std::shared_ptr<Kernel> kernel;
  std::shared_ptr<const RepeatedLaunches::Launch> known;
  Tensors tensors;
  RepeatedLaunches::Id id{0, maxMultiprocessors, call.addresses};
  {
    std::shared_lock lock(mutex);
    auto found = plans.find(call.key);
    // Not an error with a message: the caller adds it then.
    if (found == plans.end())
      return MQA_ERROR_NOT_FOUND;
    const LaunchPlan &plan = found->second.plan;
    bool fits;
    MQA_RETURN_IF_FAILED(checkStream(plan, stream, fits));
    if (!fits)
      return MQA_ERROR_NOT_FOUND;
    id.plan = found->second.number;
    known = repeated.find(id);
    if (!known) {
      kernel = plan.kernel;
      MQA_RETURN_IF_FAILED(checkArguments(plan, call.addresses, tensors));
    }
  }
  if (known)
    return known->prepared->run(stream);
  if (!hasWork(kernel->getDescription(), tensors))
    return MQA_SUCCESS;
  // A CPU encodes nothing.
  if (call.device.type != dlpack::kCuda || !repeated.comesAgain(id))
    return kernel->launch(tensors, stream);
  auto launch = std::make_shared<RepeatedLaunches::Launch>();
  MQA_RETURN_IF_FAILED(kernel->prepare(tensors, launch->prepared));
  launch->kernel = std::move(kernel);
  MQA_RETURN_IF_FAILED(launch->prepared->run(stream));
  std::unique_lock lock(mutex);
  repeated.add(id, std::move(launch));
  return MQA_SUCCESS;
}

mqa_status mqa_launcher_create(const void *exchange_api, const void *none,
                               mqa_launcher **launcher) {
  return guard([&]() -> mqa_status {
    MQA_RETURN_IF_FAILED(requireNotNull(launcher, "launcher"));
    *launcher = nullptr;
    MQA_RETURN_IF_FAILED(requireNotNull(exchange_api, "exchange_api"));
    auto *api = static_cast<const dlpack::ExchangeAPI *>(exchange_api);
    if (api->major != dlpack::kMajorVersion || !api->describe ||
        !api->getCurrentStream)
      return fail(MQA_ERROR_UNSUPPORTED,
                  "the exchange API has version " + std::to_string(api->major) +
                      ", or cannot describe tensors without owning them");
    *launcher = new mqa_launcher(api, none);
    return MQA_SUCCESS;
  });
}

void mqa_launcher_destroy(mqa_launcher *launcher) { delete launcher; }

template <typename Args>
static mqa_status addPlan(mqa_launcher *launcher, void *const *objects,
                          uint64_t options, const mqa_kernel *kernel,
                          const Args *args, int64_t kScaleOffset = -1,
                          int count = kNumLogitsObjects) {
  return guard([&]() -> mqa_status {
    MQA_RETURN_IF_FAILED(requireNotNull(launcher, "launcher"));
    MQA_RETURN_IF_FAILED(requireNotNull(objects, "objects"));
    MQA_RETURN_IF_FAILED(requireNotNull(kernel, "kernel"));
    MQA_RETURN_IF_FAILED(requireNotNull(args, "args"));
    return launcher->add(objects, count, options,
                         {kernel->kernel, *args, kScaleOffset});
  });
}

mqa_status mqa_launcher_add_logits(mqa_launcher *launcher, void *const *objects,
                                   uint64_t options, const mqa_kernel *kernel,
                                   const mqa_logits_args *args) {
  return addPlan(launcher, objects, options, kernel, args);
}

mqa_status mqa_launcher_add_paged_logits(mqa_launcher *launcher,
                                         void *const *objects, uint64_t options,
                                         const mqa_kernel *kernel,
                                         const mqa_paged_logits_args *args,
                                         int64_t k_scale_offset) {
  for (auto [operand, what] :
       {std::pair(Operand::Sequence, "rows that name their sequences have an "
                                     "operand"),
        {Operand::KeyBlocks, "key blocks are operands"}})
    if (kernel && kernel->kernel->getDescription().find(operand))
      return guard([&, what = what]() -> mqa_status {
        return fail(MQA_ERROR_UNSUPPORTED,
                    std::string(what) +
                        " more than a launcher knows: launch or prepare them");
      });
  return addPlan(launcher, objects, options, kernel, args, k_scale_offset);
}

mqa_status mqa_launcher_add_topk(mqa_launcher *launcher, void *const *objects,
                                 uint64_t options, const mqa_kernel *kernel,
                                 const mqa_topk_args *args) {
  return addPlan(launcher, objects, options, kernel, args,
                 /*kScaleOffset=*/-1, kNumTopkObjects);
}

/// Of kernels of both ops; `Both` has the arguments of the two, and the stream.
template <typename Both, typename Args>
static mqa_status addBoth(mqa_launcher *launcher, void *const *objects,
                          uint64_t options, const mqa_kernel *kernel,
                          const Args *args, const mqa_topk_args *selection,
                          void *stream, int count) {
  return guard([&]() -> mqa_status {
    MQA_RETURN_IF_FAILED(requireNotNull(launcher, "launcher"));
    MQA_RETURN_IF_FAILED(requireNotNull(objects, "objects"));
    MQA_RETURN_IF_FAILED(requireNotNull(kernel, "kernel"));
    MQA_RETURN_IF_FAILED(requireNotNull(args, "args"));
    MQA_RETURN_IF_FAILED(requireNotNull(selection, "selection"));
    return launcher->add(objects, count, options,
                         {kernel->kernel, Both{*args, *selection, stream},
                          /*kScaleOffset=*/-1});
  });
}

mqa_status mqa_launcher_add_logits_topk(mqa_launcher *launcher,
                                        void *const *objects, uint64_t options,
                                        const mqa_kernel *kernel,
                                        const mqa_logits_args *args,
                                        const mqa_topk_args *selection,
                                        void *stream) {
  return addBoth<LogitsTopkArgs>(launcher, objects, options, kernel, args,
                                 selection, stream, kNumLogitsTopkObjects);
}

mqa_status mqa_launcher_add_paged_logits_topk(
    mqa_launcher *launcher, void *const *objects, uint64_t options,
    const mqa_kernel *kernel, const mqa_paged_logits_args *args,
    const mqa_topk_args *selection, void *stream) {
  return addBoth<PagedLogitsTopkArgs>(launcher, objects, options, kernel, args,
                                      selection, stream,
                                      kNumPagedLogitsTopkObjects);
}

mqa_status mqa_launcher_clear(mqa_launcher *launcher) {
  return guard([&]() -> mqa_status {
    MQA_RETURN_IF_FAILED(requireNotNull(launcher, "launcher"));
    std::unique_lock lock(launcher->mutex);
    launcher->plans.clear();
    launcher->repeated.clear();
    return MQA_SUCCESS;
  });
}

static mqa_status runObjects(mqa_launcher *launcher, uint64_t options,
                             void *const *objects, int count) {
  return guard([&]() -> mqa_status {
    MQA_RETURN_IF_FAILED(requireNotNull(launcher, "launcher"));
    MQA_RETURN_IF_FAILED(requireNotNull(objects, "objects"));
    Call call{{}, {}, Key(options)};
    MQA_RETURN_IF_FAILED(launcher->describe(objects, count, call));
    return launcher->run(call);
  });
}

mqa_status mqa_launcher_run(mqa_launcher *launcher, uint64_t options,
                            void *const *objects) {
  return runObjects(launcher, options, objects, kNumLogitsObjects);
}

mqa_status mqa_launcher_run_topk(mqa_launcher *launcher, uint64_t options,
                                 void *const *objects) {
  return runObjects(launcher, options, objects, kNumTopkObjects);
}

mqa_status mqa_launcher_run_logits_topk(mqa_launcher *launcher,
                                        uint64_t options,
                                        void *const *objects) {
  return runObjects(launcher, options, objects, kNumLogitsTopkObjects);
}

mqa_status mqa_launcher_run_paged_logits_topk(mqa_launcher *launcher,
                                              uint64_t options,
                                              void *const *objects) {
  return runObjects(launcher, options, objects, kNumPagedLogitsTopkObjects);
}
