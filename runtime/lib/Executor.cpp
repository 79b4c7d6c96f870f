//===- Executor.cpp - Tasks on threads of the caller's --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Executor.h"

#include "mqa/Support/FloatEnvironment.h"

#include <algorithm>
#include <thread>
#include <vector>

using namespace mqa::runtime;

/// What the executor's threads see of one run. It outlives the run, so that a
/// call which comes too late finds it closed.
class CallersExecutor::Run {
public:
  explicit Run(int numThreads)
      : maxChunks(std::max(4096, 16 * numThreads)), workers(numThreads),
        claimed(maxChunks / 64) {}

  mqa_status run(const mqa_executor &executor, int64_t count, const Task &task);

private:
  /// The caller's first mistake.
  enum class Mistake { None, Index, Worker, BusyWorker, Twice };

  /// Of a worker alone, and its cache line.
  struct alignas(64) Worker {
    std::atomic<bool> busy{false};
  };

  static void call(void *self, int64_t index, int worker);
  void runChunk(int64_t index, int worker);
  void runTasks(int64_t chunk, int worker);
  void close();
  void blame(Mistake what, int64_t value);
  std::string describeMistake() const;

  /// Tasks go to the executor in chunks of neighbours, so that there is a bit
  /// for each chunk without allocation: a multiple of 64.
  const int64_t maxChunks;
  std::vector<Worker> workers;
  std::vector<std::atomic<uint64_t>> claimed;

  // Of one run.
  const Task *task = nullptr;
  int64_t numTasks = 0, numChunks = 0;
  int64_t mistakenValue = 0;
  std::atomic<Mistake> mistake{Mistake::None};
  std::atomic<bool> open{false};
  /// Calls that are under way.
  std::atomic<int64_t> active{0};
  /// Chunks.
  std::atomic<int64_t> done{0};
};

void CallersExecutor::Run::call(void *self, int64_t index, int worker) {
  Run &run = *static_cast<Run *>(self);
  // In this order: `close` shuts first, and counts then.
  ++run.active;
  if (run.open)
    run.runChunk(index, worker);
  --run.active;
}

void CallersExecutor::Run::blame(Mistake what, int64_t value) {
  Mistake none = Mistake::None;
  if (mistake.compare_exchange_strong(none, what))
    mistakenValue = value;
}

void CallersExecutor::Run::runChunk(int64_t index, int worker) {
  if (index < 0 || index >= numChunks)
    return blame(Mistake::Index, index);
  if (worker < 0 || worker >= static_cast<int64_t>(workers.size()))
    return blame(Mistake::Worker, worker);
  if (workers[worker].busy.exchange(true, std::memory_order_acquire))
    return blame(Mistake::BusyWorker, worker);
  uint64_t bit = uint64_t(1) << index % 64;
  if (claimed[index / 64].fetch_or(bit, std::memory_order_relaxed) & bit) {
    blame(Mistake::Twice, index);
  } else {
    runTasks(index, worker);
    done.fetch_add(1, std::memory_order_relaxed);
  }
  workers[worker].busy.store(false, std::memory_order_release);
}

void CallersExecutor::Run::runTasks(int64_t chunk, int worker) {
  // The first chunks have one more where tasks cannot be divided evenly.
  int64_t size = numTasks / numChunks, larger = numTasks % numChunks;
  int64_t begin = chunk * size + std::min(chunk, larger);
  int64_t end = begin + size + (chunk < larger);
  mqa::support::FloatEnvironment environment;
  for (int64_t i = begin; i < end; ++i)
    (*task)(i, worker);
}

/// No task runs any more, and none will. Where the executor kept its word, none
/// did when it returned.
void CallersExecutor::Run::close() {
  open = false;
  while (active)
    std::this_thread::yield();
}

std::string CallersExecutor::Run::describeMistake() const {
  std::string value = std::to_string(mistakenValue);
  switch (mistake) {
  case Mistake::None:
    break;
  case Mistake::Index:
    return "task " + value + " was called, of " + std::to_string(numChunks) +
           " tasks";
  case Mistake::Worker:
    return "a task was called as worker " + value + ", of " +
           std::to_string(workers.size()) + " workers";
  case Mistake::BusyWorker:
    return "two tasks were called at once as worker " + value;
  case Mistake::Twice:
    return "task " + value + " was called twice";
  }
  return "";
}

mqa_status CallersExecutor::Run::run(const mqa_executor &executor,
                                     int64_t count, const Task &newTask) {
  task = &newTask;
  numTasks = count;
  numChunks = std::min(count, maxChunks);
  for (int64_t i = 0; i < (numChunks + 63) / 64; ++i)
    claimed[i].store(0, std::memory_order_relaxed);
  mistake = Mistake::None;
  done = 0;
  open = true;
  int code;
  {
    // Also where the executor throws.
    struct Closer {
      Run &run;
      ~Closer() { run.close(); }
    } closer{*this};
    code = executor.run(executor.context, numChunks, call, this);
  }
  std::string found = describeMistake();
  if (found.empty() && !code && done == numChunks)
    return MQA_SUCCESS;
  if (found.empty())
    found = "'run' returned " + std::to_string(code) + " when " +
            std::to_string(done) + " of " + std::to_string(numChunks) +
            " tasks were done";
  return fail(MQA_ERROR_EXECUTOR, "executor: " + found);
}

CallersExecutor::CallersExecutor(const mqa_executor &executor)
    : executor(executor) {
  spare.give(std::make_unique<Run>(executor.num_threads));
}

CallersExecutor::~CallersExecutor() = default;

mqa_status CallersExecutor::check(const mqa_executor &executor) {
  if (!executor.run)
    return fail(MQA_ERROR_INVALID_ARGUMENT, "executor->run is null");
  if (executor.num_threads < 1 || executor.num_threads > kMaxThreads)
    return fail(MQA_ERROR_INVALID_ARGUMENT,
                "executor->num_threads must be from 1 to " +
                    std::to_string(kMaxThreads) + ", found " +
                    std::to_string(executor.num_threads));
  return MQA_SUCCESS;
}

mqa_status CallersExecutor::run(int64_t count, const Task &task) {
  std::unique_ptr<Run> run = spare.take();
  if (!run)
    run = std::make_unique<Run>(executor.num_threads);
  mqa_status status = run->run(executor, count, task);
  spare.give(std::move(run));
  return status;
}
