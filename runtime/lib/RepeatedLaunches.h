//===- RepeatedLaunches.h - Launches that come again ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_REPEATEDLAUNCHES_H
#define MQA_RUNTIME_LIB_REPEATEDLAUNCHES_H

#include "LaunchPlan.h"

#include <array>
#include <atomic>
#include <memory>
#include <unordered_map>

namespace mqa::runtime {

/// Keeps launches encoded that come again on the same addresses, as those of an
/// engine's buffers do. Encoding takes longer than all else that is ours in a
/// launch. `find` and `comesAgain` may run on several threads at once.
class RepeatedLaunches {
public:
  /// What an encoded launch depends on but for what the plan says.
  struct Id {
    uint64_t plan;
    /// As the process allows it.
    int maxMultiprocessors;
    Addresses addresses;

    bool operator==(const Id &other) const {
      return plan == other.plan &&
             maxMultiprocessors == other.maxMultiprocessors &&
             addresses == other.addresses;
    }
    size_t hash() const;
  };

  /// With the kernel, which must outlive it.
  struct Launch {
    std::shared_ptr<Kernel> kernel;
    std::unique_ptr<PreparedLaunch> prepared;
  };

  /// Null if it is not kept.
  std::shared_ptr<const Launch> find(const Id &id) const {
    auto found = launches.find(id);
    return found == launches.end() ? nullptr : found->second;
  }
  /// Whether there was such a launch not long before: only then it pays to
  /// encode it for later ones.
  bool comesAgain(const Id &id);
  /// Drops all others where there are too many.
  void add(const Id &id, std::shared_ptr<const Launch> launch);
  void clear() { launches.clear(); }

private:
  struct HashId {
    size_t operator()(const Id &id) const { return id.hash(); }
  };
  /// Of the layers of a few models; some kilobytes each.
  static constexpr size_t kMaxLaunches = 512;

  std::unordered_map<Id, std::shared_ptr<const Launch>, HashId> launches;
  /// Hashes of launches before, each where the next of its place replaces it.
  std::array<std::atomic<size_t>, 1024> seen{};
};

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_REPEATEDLAUNCHES_H
