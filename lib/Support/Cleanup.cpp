//===- Cleanup.cpp - What a signal must not leave behind ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Support/Cleanup.h"

#include <atomic>
#include <csignal>
#include <filesystem>
#include <mutex>
#include <pthread.h>
#include <system_error>
#include <thread>

using namespace mqa::support;

/// Set once, before there are threads.
static std::atomic<bool> enabled{false};

namespace {
struct Registry {
  std::mutex mutex;
  std::list<Cleanup::Target> targets;
};
} // namespace

/// Never destroyed: a signal may come while the program ends.
static Registry &getRegistry() {
  static auto *registry = new Registry;
  return *registry;
}

void Cleanup::begin() {
  if (enabled)
    getRegistry().mutex.lock();
}

void Cleanup::end(Target target) {
  if (!enabled)
    return;
  Registry &registry = getRegistry();
  entry = registry.targets.insert(registry.targets.end(), std::move(target));
  registered = true;
  registry.mutex.unlock();
}

Cleanup::~Cleanup() {
  if (!registered)
    return;
  Registry &registry = getRegistry();
  std::lock_guard<std::mutex> lock(registry.mutex);
  registry.targets.erase(entry);
}

/// Waits for one of `signals`, cleans up, and ends the process by it. Keeps the
/// lock, so that nothing new is created meanwhile.
static void endBySignal(sigset_t signals) {
  int number = 0;
  if (sigwait(&signals, &number))
    return;
  Registry &registry = getRegistry();
  registry.mutex.lock();
  for (const Cleanup::Target &target : registry.targets)
    if (target.processGroup)
      kill(-target.processGroup, SIGKILL);
  for (const Cleanup::Target &target : registry.targets) {
    std::error_code error;
    if (!target.path.empty())
      std::filesystem::remove_all(target.path, error);
  }
  std::signal(number, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  raise(number);
}

void mqa::support::cleanUpOnSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  // What the caller told us to ignore (nohup) stays ignored.
  for (int number : {SIGHUP, SIGINT, SIGTERM}) {
    struct sigaction action;
    if (!sigaction(number, nullptr, &action) && action.sa_handler != SIG_IGN)
      sigaddset(&signals, number);
  }
  // A thread takes the signals, since a handler could neither lock nor walk a
  // folder. All threads that start later inherit the mask.
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  try {
    std::thread(endBySignal, signals).detach();
    enabled = true;
  } catch (const std::system_error &) {
    // Without a thread, signals end the tool as they always did.
    pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  }
}
