//===- SpareList.h - What a launch works in, for the next one ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_SPARELIST_H
#define MQA_RUNTIME_LIB_SPARELIST_H

#include <array>
#include <atomic>
#include <memory>

namespace mqa::runtime {

/// Objects that nobody uses now, from any thread. Without a lock, which in a
/// forked child might be taken for ever.
template <typename T> class SpareList {
public:
  SpareList() = default;
  ~SpareList() {
    for (std::atomic<T *> &slot : slots)
      delete slot.load(std::memory_order_relaxed);
  }
  SpareList(const SpareList &) = delete;

  /// Null if there is none.
  std::unique_ptr<T> take() {
    for (std::atomic<T *> &slot : slots)
      if (slot.load(std::memory_order_relaxed))
        if (T *object = slot.exchange(nullptr, std::memory_order_acquire))
          return std::unique_ptr<T>(object);
    return nullptr;
  }

  /// Keeps it; frees it where there are enough.
  void give(std::unique_ptr<T> object) {
    for (std::atomic<T *> &slot : slots) {
      T *none = nullptr;
      if (slot.compare_exchange_strong(none, object.get(),
                                       std::memory_order_release,
                                       std::memory_order_relaxed)) {
        object.release();
        return;
      }
    }
  }

private:
  /// As many launches of a kernel at once as allocate nothing.
  std::array<std::atomic<T *>, 16> slots{};
};

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_SPARELIST_H
