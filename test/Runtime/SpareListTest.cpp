//===- SpareListTest.cpp - What a launch works in, for the next one -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SpareList.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

using mqa::runtime::SpareList;

namespace {
struct Counted {
  explicit Counted(int &alive) : alive(alive) { ++alive; }
  ~Counted() { --alive; }
  int &alive;
};
} // namespace

TEST(SpareListTest, GivesBackWhatItWasGiven) {
  int alive = 0;
  {
    SpareList<Counted> list;
    EXPECT_EQ(list.take(), nullptr);
    auto object = std::make_unique<Counted>(alive);
    Counted *address = object.get();
    list.give(std::move(object));
    object = list.take();
    EXPECT_EQ(object.get(), address);
    EXPECT_EQ(list.take(), nullptr);
    list.give(std::move(object));
    EXPECT_EQ(alive, 1);
  }
  EXPECT_EQ(alive, 0);
}

TEST(SpareListTest, FreesWhatIsTooMuch) {
  int alive = 0;
  {
    SpareList<Counted> list;
    for (int i = 0; i < 100; ++i)
      list.give(std::make_unique<Counted>(alive));
    EXPECT_EQ(alive, 16);
    std::set<std::unique_ptr<Counted>> taken;
    while (auto object = list.take())
      taken.insert(std::move(object));
    EXPECT_EQ(taken.size(), 16u);
  }
  EXPECT_EQ(alive, 0);
}

TEST(SpareListTest, NobodyHasWhatAnotherHas) {
  struct Object {
    std::atomic<int> users{0};
  };
  SpareList<Object> list;
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) {
        auto object = list.take();
        if (!object)
          object = std::make_unique<Object>();
        wrong += object->users++ != 0;
        --object->users;
        list.give(std::move(object));
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(wrong, 0);
}
