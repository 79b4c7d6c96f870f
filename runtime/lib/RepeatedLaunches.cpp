//===- RepeatedLaunches.cpp - Launches that come again --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RepeatedLaunches.h"

using namespace mqa::runtime;

size_t RepeatedLaunches::Id::hash() const {
  // FNV-1a, a word at a time.
  constexpr uint64_t kPrime = 0x100000001b3;
  uint64_t hash = 0xcbf29ce484222325;
  auto add = [&](uint64_t word) { hash = (hash ^ word) * kPrime; };
  add(plan);
  add(static_cast<uint64_t>(maxMultiprocessors));
  for (const void *address : addresses)
    add(reinterpret_cast<uintptr_t>(address));
  return hash ^ hash >> 32;
}

bool RepeatedLaunches::comesAgain(const Id &id) {
  size_t hash = id.hash();
  std::atomic<size_t> &place = seen[hash % seen.size()];
  return place.exchange(hash, std::memory_order_relaxed) == hash;
}

void RepeatedLaunches::add(const Id &id, std::shared_ptr<const Launch> launch) {
  if (launches.size() >= kMaxLaunches)
    launches.clear();
  launches.insert_or_assign(id, std::move(launch));
}
