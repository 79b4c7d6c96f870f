//===- GpuCodeTest.cpp - Which code each GPU is given ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GpuCode.h"

#include <gtest/gtest.h>

#include <map>

using namespace mqa::runtime;

static constexpr int64_t kKiB = 1024;

/// Shared memory of a block (CUDA C++ Programming Guide, "Compute
/// Capabilities").
static int64_t getSharedMemory(int capability) {
  static const std::map<int, int64_t> sizes = {
      {75, 64},   {80, 163},  {86, 99},   {87, 163}, {89, 99},  {90, 227},
      {100, 227}, {103, 227}, {110, 227}, {120, 99}, {121, 99}, {130, 227}};
  return sizes.at(capability) * kKiB;
}

static GpuCode makeCode(const std::string &target, int64_t kiB,
                        bool hasCubin = true, bool hasPtx = true) {
  return {target, hasCubin, hasPtx, kiB * kKiB};
}

/// The target that is taken; "" for none.
static std::string choose(int capability, const std::vector<GpuCode> &codes,
                          int64_t sharedMemory = -1) {
  if (sharedMemory < 0)
    sharedMemory = getSharedMemory(capability);
  std::optional<size_t> best = chooseCode(codes, {capability, sharedMemory});
  return best ? codes[*best].target : "";
}

TEST(GpuCodeTest, Images) {
  struct Case {
    const char *target;
    int capability;
    GpuImage image;
  };
  const Case cases[] = {
      {"sm_80", 75, GpuImage::None},    {"sm_80", 80, GpuImage::Cubin},
      {"sm_80", 86, GpuImage::Cubin},   {"sm_80", 89, GpuImage::Cubin},
      {"sm_80", 90, GpuImage::Ptx},     {"sm_80", 120, GpuImage::Ptx},
      {"sm_86", 80, GpuImage::None},    {"sm_86", 87, GpuImage::Ptx},
      {"sm_89", 86, GpuImage::None},    {"sm_89", 100, GpuImage::Ptx},
      {"sm_90a", 89, GpuImage::None},   {"sm_90a", 90, GpuImage::Cubin},
      {"sm_90a", 100, GpuImage::None},  {"sm_90a", 120, GpuImage::None},
      {"sm_120", 100, GpuImage::None},  {"sm_120", 103, GpuImage::None},
      {"sm_120", 120, GpuImage::Cubin}, {"sm_120", 121, GpuImage::Cubin},
      {"sm_120", 130, GpuImage::Ptx}};
  for (const Case &c : cases) {
    EXPECT_EQ(chooseImage(makeCode(c.target, 0), c.capability), c.image)
        << c.target << " on " << c.capability;
    // What there is not is not taken.
    GpuImage ptx = c.image == GpuImage::None ? GpuImage::None : GpuImage::Ptx;
    EXPECT_EQ(chooseImage(makeCode(c.target, 0, false, true), c.capability),
              ptx)
        << c.target << " on " << c.capability;
    GpuImage cubin =
        c.image == GpuImage::Cubin ? GpuImage::Cubin : GpuImage::None;
    EXPECT_EQ(chooseImage(makeCode(c.target, 0, true, false), c.capability),
              cubin)
        << c.target << " on " << c.capability;
    EXPECT_EQ(chooseImage(makeCode(c.target, 0, false, false), c.capability),
              GpuImage::None);
  }
}

TEST(GpuCodeTest, AllTargets) {
  const std::vector<GpuCode> all = {
      makeCode("sm_80", 160), makeCode("sm_86", 96), makeCode("sm_89", 96),
      makeCode("sm_90a", 220), makeCode("sm_120", 96)};
  const std::map<int, std::string> expected = {
      {75, ""},       {80, "sm_80"},   {86, "sm_86"},   {87, "sm_86"},
      {89, "sm_89"},  {90, "sm_90a"},  {100, "sm_89"},  {103, "sm_89"},
      {110, "sm_89"}, {120, "sm_120"}, {121, "sm_120"}, {130, "sm_120"}};
  for (const auto &[capability, target] : expected) {
    EXPECT_EQ(choose(capability, all), target) << capability;
    std::vector<GpuCode> reversed(all.rbegin(), all.rend());
    EXPECT_EQ(choose(capability, reversed), target) << capability;
  }
}

TEST(GpuCodeTest, SomeTargets) {
  GpuCode sm80 = makeCode("sm_80", 96), sm86 = makeCode("sm_86", 96),
          sm90a = makeCode("sm_90a", 220), sm120 = makeCode("sm_120", 96);
  EXPECT_EQ(choose(86, {sm80, sm90a}), "sm_80");
  EXPECT_EQ(choose(90, {sm80, sm90a}), "sm_90a");
  EXPECT_EQ(choose(90, {sm90a, sm80}), "sm_90a");
  EXPECT_EQ(choose(90, {sm80, sm86}), "sm_86");
  EXPECT_EQ(choose(100, {sm80, sm120}), "sm_80");
  EXPECT_EQ(choose(120, {sm80, sm90a}), "sm_80");
  EXPECT_EQ(choose(89, {sm86, sm80}), "sm_86");
  EXPECT_EQ(choose(80, {sm86, sm90a, sm120}), "");
  for (int capability : {75, 80, 86, 87, 89, 100, 120, 121})
    EXPECT_EQ(choose(capability, {sm90a}), "") << capability;
  EXPECT_EQ(choose(86, {}), "");
}

// The closest chip counts, compiled by the driver or not: its kernel is the
// faster one.
TEST(GpuCodeTest, PtxOfACloserChip) {
  GpuCode cubin = makeCode("sm_80", 96, true, false);
  EXPECT_EQ(choose(89, {cubin, makeCode("sm_89", 96, false, true)}), "sm_89");
  EXPECT_EQ(choose(90, {cubin}), "") << "no PTX for another major version";
}

TEST(GpuCodeTest, SharedMemory) {
  std::vector<GpuCode> codes = {makeCode("sm_80", 160), makeCode("sm_86", 99)};
  EXPECT_EQ(choose(86, codes), "sm_86");
  EXPECT_EQ(choose(86, {codes[0]}), "");
  EXPECT_EQ(choose(86, {codes[0]}, 160 * kKiB), "sm_80");
  EXPECT_EQ(choose(86, {codes[0]}, 160 * kKiB - 1), "");
  // The best that fits.
  codes = {makeCode("sm_80", 40), makeCode("sm_86", 99), makeCode("sm_89", 99)};
  EXPECT_EQ(choose(89, codes, 48 * kKiB), "sm_80");
  EXPECT_EQ(
      choose(90, {makeCode("sm_80", 40), makeCode("sm_90a", 220)}, 100 * kKiB),
      "sm_80");
}
