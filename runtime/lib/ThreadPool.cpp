//===- ThreadPool.cpp - The runtime's own threads -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ThreadPool.h"
#include "Affinity.h"
#include "Fork.h"
#include "ThreadTeam.h"

#include "mqa/Support/FloatEnvironment.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <vector>

using namespace mqa::runtime;

/// The threads of some pools.
struct ThreadPool::Team {
  const Affinity affinity;
  const uint64_t fork = getForkCount();
  ThreadTeam threads{};
  int numPools = 0;
  /// That the pools would have started, had each its own.
  size_t numHelpers = 0;

  bool isOurs() const { return fork == getForkCount(); }
};

/// All teams of one process.
class ThreadPool::Teams {
public:
  static Teams &getOfProcess();

  mqa_status join(int numThreads, Team *&joined);
  void leave(int numThreads, Team *team);

private:
  const uint64_t fork = getForkCount();
  std::mutex mutex;
  std::vector<std::unique_ptr<Team>> teams;
};

/// Never destroyed: kernels may be, after all that is static. In a child, the
/// parent's teams are left as they are, and their memory is lost: a mutex may
/// be locked, and a condition waited for, by threads that are not here, so that
/// neither can be used nor destroyed.
ThreadPool::Teams &ThreadPool::Teams::getOfProcess() {
  static std::atomic<Teams *> current{nullptr};
  Teams *teams = current;
  if (teams && teams->fork == getForkCount())
    return *teams;
  auto made = std::make_unique<Teams>();
  // If another thread was faster, its teams are now `teams`.
  if (current.compare_exchange_strong(teams, made.get()))
    return *made.release();
  return *teams;
}

mqa_status ThreadPool::Teams::join(int numThreads, Team *&joined) {
  Affinity affinity = Affinity::getOfThread();
  std::lock_guard<std::mutex> lock(mutex);
  auto found = std::find_if(teams.begin(), teams.end(), [&](const auto &team) {
    return team->affinity == affinity;
  });
  if (found == teams.end()) {
    teams.push_back(std::unique_ptr<Team>(new Team{affinity}));
    found = std::prev(teams.end());
  }
  Team &team = **found;
  // As many as if no other pool were there. More only where there are cores for
  // them: then pools that are used at once do not wait for each other.
  size_t needed = numThreads - 1;
  size_t cores = affinity.count() - 1;
  size_t wanted = std::max(needed, std::min(team.numHelpers + needed, cores));
  if (mqa_status status = team.threads.grow(needed, wanted)) {
    if (team.numPools == 0)
      teams.erase(found);
    return status;
  }
  ++team.numPools;
  team.numHelpers += needed;
  joined = &team;
  return MQA_SUCCESS;
}

void ThreadPool::Teams::leave(int numThreads, Team *team) {
  // Ends its threads without the lock.
  std::unique_ptr<Team> last;
  std::lock_guard<std::mutex> lock(mutex);
  team->numHelpers -= numThreads - 1;
  if (--team->numPools)
    return;
  auto found = std::find_if(teams.begin(), teams.end(), [&](const auto &other) {
    return other.get() == team;
  });
  last = std::move(*found);
  teams.erase(found);
}

ThreadPool::~ThreadPool() {
  Team *team = current;
  if (team && team->isOurs())
    Teams::getOfProcess().leave(numThreads, team);
}

mqa_status ThreadPool::getTeam(Team *&team) {
  team = current;
  if (team && team->isOurs())
    return MQA_SUCCESS;
  Team *joined;
  MQA_RETURN_IF_FAILED(Teams::getOfProcess().join(numThreads, joined));
  // If another thread of the child was faster, its team is now `team`.
  if (current.compare_exchange_strong(team, joined))
    team = joined;
  else
    Teams::getOfProcess().leave(numThreads, joined);
  return MQA_SUCCESS;
}

mqa_status ThreadPool::start(int number) {
  numThreads = number ? number : Affinity::getOfThread().count();
  if (numThreads == 1)
    return MQA_SUCCESS;
  Team *team;
  return getTeam(team);
}

mqa_status ThreadPool::run(int64_t count, const Task &task) {
  if (numThreads == 1 || count == 1) {
    mqa::support::FloatEnvironment environment;
    for (int64_t i = 0; i < count; ++i)
      task(i, /*worker=*/0);
    return MQA_SUCCESS;
  }
  Team *team;
  MQA_RETURN_IF_FAILED(getTeam(team));
  team->threads.run(numThreads, count, task);
  return MQA_SUCCESS;
}
