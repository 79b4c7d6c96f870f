//===- LogitsTopkArgumentsTest.cpp - Arguments of logits and top-k --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which arguments a launch takes, and which it names as wrong.
//
//===----------------------------------------------------------------------===//

#include "LogitsTopkKernelFixture.h"

using namespace mqa::test;

namespace {
struct LogitsTopkArgumentsTest : LogitsTopkKernelFixture {};
using Logits = mqa_logits_args;
using Paged = mqa_paged_logits_args;
using Selection = mqa_topk_args;
} // namespace

TEST_F(LogitsTopkArgumentsTest, NullArguments) {
  loadKernel(makeLogitsTopkManifest());
  Logits logits = makeFusedLogitsArgs();
  Paged paged = makeFusedPagedArgs();
  Selection selection = makeSelectionArgs();
  auto expectNull = [](mqa_status status, const std::string &name) {
    EXPECT_EQ(status, MQA_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(std::string(mqa_last_error()), name + " is null");
  };
  mqa_launch *launch;
  expectNull(mqa_logits_topk_launch(nullptr, &logits, &selection, nullptr),
             "kernel");
  expectNull(mqa_logits_topk_launch(kernel, nullptr, &selection, nullptr),
             "args");
  expectNull(mqa_logits_topk_launch(kernel, &logits, nullptr, nullptr),
             "selection");
  expectNull(mqa_logits_topk_prepare(nullptr, &logits, &selection, &launch),
             "kernel");
  expectNull(mqa_logits_topk_prepare(kernel, nullptr, &selection, &launch),
             "args");
  expectNull(mqa_logits_topk_prepare(kernel, &logits, nullptr, &launch),
             "selection");
  expectNull(mqa_logits_topk_prepare(kernel, &logits, &selection, nullptr),
             "launch");
  loadKernel(makePagedTopkManifest());
  expectNull(mqa_paged_logits_topk_launch(nullptr, &paged, &selection, nullptr),
             "kernel");
  expectNull(mqa_paged_logits_topk_launch(kernel, nullptr, &selection, nullptr),
             "args");
  expectNull(mqa_paged_logits_topk_launch(kernel, &paged, nullptr, nullptr),
             "selection");
  expectNull(mqa_paged_logits_topk_prepare(kernel, &paged, nullptr, &launch),
             "selection");
  expectNull(mqa_paged_logits_topk_prepare(kernel, &paged, &selection, nullptr),
             "launch");
}

TEST_F(LogitsTopkArgumentsTest, OperandsOfTheLogits) {
  loadKernel(makeLogitsTopkManifest());
  launch(makeFusedLogitsArgs());
  auto expect = [&](void (*change)(Logits &), const std::string &message) {
    expectInvalid([&](Logits &args, Selection &) { change(args); }, message);
  };
  expect([](Logits &a) { a.q = nullptr; }, "q is null");
  expect([](Logits &a) { a.k = nullptr; }, "k is null");
  expect([](Logits &a) { a.k_scale = nullptr; }, "k_scale is null");
  expect([](Logits &a) { a.weights = nullptr; }, "weights is null");
  expect([](Logits &a) { a.ks = nullptr; }, "ks is null");
  expect([](Logits &a) { a.ke = nullptr; }, "ke is null");
  expect([](Logits &a) { a.q_stride = 8191; },
         "q_stride must be from 8192 to 2^40, found 8191");
  expect([](Logits &a) { a.k_stride = 127; },
         "k_stride must be from 128 to 2^40, found 127");
  expect([](Logits &a) { a.k_scale_stride = 2; },
         "k_scale_stride must be 1 for this kernel, which was compiled for "
         "contiguous scales, found 2");
  expect([](Logits &a) { a.weights_stride = 63; },
         "weights_stride must be from 64 to 2^40, found 63");
  expect([](Logits &a) { a.num_queries = -1; },
         "num_queries must be from 0 to 2147482623, found -1");
  expect([](Logits &a) { a.num_keys = int64_t(1) << 31; },
         "num_keys must be from 0 to 2147482623, found 2147483648");
  nlohmann::json manifest = makeLogitsTopkManifest();
  manifest["kernels"][0]["num_queries"] = 300;
  manifest["kernels"][0]["num_columns"] = 4097;
  loadKernel(manifest);
  launch(makeFusedLogitsArgs());
  expect([](Logits &a) { a.num_queries = 299; },
         "num_queries must be 300 for this kernel, found 299");
  expect([](Logits &a) { a.num_keys = 4096; },
         "num_keys must be 4097 for this kernel, found 4096");
}

TEST_F(LogitsTopkArgumentsTest, OperandsOfThePagedLogits) {
  loadKernel(makePagedTopkManifest());
  launch(makeFusedPagedArgs());
  auto expect = [&](void (*change)(Paged &), const std::string &message) {
    expectPagedInvalid([&](Paged &args, Selection &) { change(args); },
                       message);
  };
  expect([](Paged &a) { a.q = nullptr; }, "q is null");
  expect([](Paged &a) { a.context_lens = nullptr; }, "context_lens is null");
  expect([](Paged &a) { a.block_table = nullptr; }, "block_table is null");
  expect([](Paged &a) { a.block_table_stride = 15; },
         "block_table_stride must be from 16 to 2^40, found 15");
  expect([](Paged &a) { a.batch = -1; },
         "batch must be from 0 to 2147482623, found -1");
  expect([](Paged &a) { a.max_context_len = -1; },
         "max_context_len must be from 0 to 2147482623, found -1");
  expect([](Paged &a) { a.max_blocks = -1; },
         "max_blocks must be from 0 to 2147482623, found -1");
}

TEST_F(LogitsTopkArgumentsTest, OperandsOfTheSelection) {
  auto check = [&](auto args) {
    auto expect = [&](void (*change)(Selection &), const std::string &message) {
      expectInvalidArgs(
          args, [&](auto &, Selection &selection) { change(selection); },
          message);
    };
    size_t needed = getScratchSize(300, 1000);
    expect([](Selection &a) { a.offset = nullptr; }, "offset is null");
    expect([](Selection &a) { a.indices = nullptr; }, "indices is null");
    expect([](Selection &a) { a.values = nullptr; }, "values is null");
    expect([](Selection &a) { a.indices_stride = 4; },
           "indices_stride must be from 5 to 2^40, found 4");
    expect([](Selection &a) { a.values_stride = -5; },
           "values_stride must be from 5 to 2^40, found -5");
    expect([](Selection &a) { a.indices_stride = int64_t(1) << 31; },
           "indices_stride must be below 2^31 for this kernel, found "
           "2147483648");
    expect([](Selection &a) { a.k = 6; },
           "k must be 5 for this kernel, found 6");
    expect([](Selection &a) { a.scratch = nullptr; },
           "scratch is null, and scratch_size is 1048576");
    expect([](Selection &a) { a.scratch = address<void>(0x200000008); },
           "scratch must be aligned to 16 bytes, found address 8589934600");
    expect(
        [](Selection &a) {
          a.scratch = nullptr;
          a.scratch_size = 0;
        },
        "scratch_size must be at least " + std::to_string(needed) +
            " for this launch, found 0");
    expect([](Selection &a) { a.scratch_size = 1000; },
           "scratch_size must be at least " + std::to_string(needed) +
               " for this launch, found 1000");
    Selection selection = makeSelectionArgs();
    selection.scratch_size = needed;
    launch(args, selection);
  };
  loadKernel(makeLogitsTopkManifest());
  check(makeFusedLogitsArgs());
  loadKernel(makePagedTopkManifest());
  check(makeFusedPagedArgs());
}

TEST_F(LogitsTopkArgumentsTest, TooManyQueriesForScratch) {
  nlohmann::json manifest = makeLogitsTopkManifest();
  manifest["kernels"][0]["block_queries"] = 1;
  loadKernel(manifest);
  expectInvalid(
      [&](Logits &args, Selection &selection) {
        args.num_queries = int64_t(1) << 30;
        args.q_stride = 8192;
        selection.scratch_size = size_t(1) << 40;
        // Beyond all that is read.
        selection.scratch = address<void>(uint64_t(1) << 50);
        args.ks = address<int32_t>(uint64_t(1) << 51);
        args.ke = address<int32_t>(uint64_t(1) << 52);
        args.q = address<void>(uint64_t(1) << 53);
        args.weights = address<void>(uint64_t(1) << 54);
        selection.offset = address<int32_t>(uint64_t(1) << 55);
        selection.indices = address<int32_t>(uint64_t(1) << 56);
        selection.values = address<float>(uint64_t(1) << 57);
      },
      "num_queries is too large for this kernel: it needs 17180004352 bytes of "
      "scratch, and finds fewer than 2^33");
}

TEST_F(LogitsTopkArgumentsTest, Slots) {
  loadKernel(makeLogitsSlotManifest());
  launch(makeFusedLogitsArgs());
  auto expect = [&](void (*change)(Logits &, Selection &),
                    const std::string &message) {
    expectInvalid(change, message);
  };
  expect([](Logits &a, Selection &) { a.num_queries = 301; },
         "num_queries must be a multiple of next_n = 3, found 301");
  expect([](Logits &, Selection &a) { a.num_sequences = 99; },
         "num_sequences must be num_queries / next_n = 100, found 99");
  expect([](Logits &, Selection &a) { a.max_blocks = -2; },
         "max_blocks must be from 0 to 2147482623, found -2");
  expect([](Logits &, Selection &a) { a.block_table = nullptr; },
         "block_table is null");
  expect([](Logits &, Selection &a) { a.block_table_stride = 15; },
         "block_table_stride must be from 16 to 2^40, found 15");
  loadKernel(makeLogitsSlotManifest(/*hasSequence=*/true));
  Selection selection = makeSelectionArgs();
  selection.num_sequences = 7;
  Logits args = makeFusedLogitsArgs();
  args.num_queries = 301;
  launch(args, selection);
  selection.num_sequences = 0;
  selection.block_table = nullptr;
  launch(args, selection);
  expect([](Logits &, Selection &a) { a.sequence = nullptr; },
         "sequence is null");
  expect([](Logits &, Selection &a) { a.num_sequences = -1; },
         "num_sequences must be from 0 to 2147482623, found -1");
}

TEST_F(LogitsTopkArgumentsTest, OverlappingOperands) {
  loadKernel(makeLogitsTopkManifest());
  expectInvalid([](auto &, auto &s) { s.values = address<float>(0x180000000); },
                "indices and values overlap");
  expectInvalid(
      [](auto &, auto &s) { s.indices = address<int32_t>(0x50000000); },
      "indices and ks overlap");
  expectInvalid([](auto &, auto &s) { s.values = address<float>(0x10000000); },
                "values and q overlap");
  expectInvalid([](auto &, auto &s) { s.scratch = address<void>(0x20000000); },
                "scratch and k overlap");
  // From the first byte to the last.
  expectInvalid(
      [](auto &args, auto &s) {
        s.scratch = address<void>(0x200000000);
        args.ke = address<int32_t>(0x200000000 + (1 << 20) - 4);
      },
      "scratch and ke overlap");
  Logits args = makeFusedLogitsArgs();
  args.ke = address<int32_t>(0x200000000 + (1 << 20));
  launch(args);
}

TEST_F(LogitsTopkArgumentsTest, OtherOps) {
  Logits logits = makeFusedLogitsArgs();
  Paged paged = makeFusedPagedArgs();
  Selection selection = makeSelectionArgs();
  auto expectOther = [](mqa_status status, const std::string &message) {
    EXPECT_EQ(status, MQA_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(std::string(mqa_last_error()), message);
  };
  loadKernel(makeLogitsTopkManifest());
  const std::string other =
      "kernel 'topk' is of mqa.logits_topk: use mqa_logits_topk_launch";
  expectOther(mqa_paged_logits_topk_launch(kernel, &paged, &selection, nullptr),
              other);
  expectOther(mqa_logits_launch(kernel, &logits, nullptr), other);
  expectOther(mqa_topk_launch(kernel, &selection, nullptr), other);
  loadKernel(makePagedTopkManifest());
  expectOther(mqa_logits_topk_launch(kernel, &logits, &selection, nullptr),
              "kernel 'topk' is of mqa.paged_logits_topk: use "
              "mqa_paged_logits_topk_launch");
  loadKernel(makeGpuManifest());
  expectOther(mqa_logits_topk_launch(kernel, &logits, &selection, nullptr),
              "kernel 'logits' is of mqa.logits: use mqa_logits_launch");
}
