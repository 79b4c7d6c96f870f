//===- CompilerAPITest.cpp - The compiler's C API -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Compilation.h"
#include "mqa/Runtime.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

static Compilation compileText(const std::string &text, const char *target,
                               const char *schedule = nullptr) {
  mqa_compile_options options = {target, schedule, nullptr};
  return Compilation(mqa_compile_text(text.data(), text.size(), &options));
}

static Compilation compileLogits(const mqa_logits_description &op,
                                 const char *target) {
  mqa_compile_options options = {target, nullptr, nullptr};
  return Compilation(mqa_compile_logits(&op, &options));
}

static Compilation compileLogits(const mqa_paged_logits_description &op,
                                 const char *target) {
  mqa_compile_options options = {target, nullptr, nullptr};
  return Compilation(mqa_compile_paged_logits(&op, &options));
}

static mqa_paged_logits_description makePagedOp() {
  mqa_paged_logits_description op = {};
  op.num_heads = 64;
  op.head_dim = 128;
  op.block_kv = 64;
  return op;
}

/// What the runtime says of a bundle's first kernel.
static mqa_kernel_info getInfo(const Compilation &compilation,
                               mqa_bundle **bundle) {
  std::string data = compilation.bundle();
  mqa_kernel_info info = {};
  EXPECT_EQ(mqa_bundle_load_memory(data.data(), data.size(), bundle),
            MQA_SUCCESS)
      << mqa_last_error();
  EXPECT_EQ(mqa_bundle_kernel_info(*bundle, 0, &info), MQA_SUCCESS);
  return info;
}

TEST(CompilerAPITest, Versions) {
  EXPECT_EQ(mqa_compiler_api_version(), MQA_COMPILER_API_VERSION);
  EXPECT_EQ(std::string(mqa_compiler_version()).find("0."), 0u);
}

TEST(CompilerAPITest, DescriptionsOfEveryForm) {
  mqa_logits_description op = makeOp();
  op.name = "scores$1";
  op.num_groups = 4;
  op.num_queries = 100;
  op.num_keys = 1000;
  op.max_seqlen_k = 300;
  op.input_type = "bf16";
  op.weights_type = "bf16";
  op.out_type = "f16";
  op.activation = "none";
  op.clean = 1;
  op.compressed = 1;
  Compilation cpu = compileLogits(op, "cpu");
  ASSERT_TRUE(cpu.succeeded()) << cpu.diagnostics();
  mqa_bundle *bundle;
  mqa_kernel_info info = getInfo(cpu, &bundle);
  EXPECT_STREQ(info.name, op.name);
  EXPECT_STREQ(info.target, "cpu");
  EXPECT_EQ(info.num_queries, 100);
  EXPECT_EQ(info.num_keys, 1000);
  EXPECT_EQ(info.num_groups, 4);
  EXPECT_EQ(info.max_seqlen_k, 300);
  EXPECT_EQ(info.input_type, MQA_BF16);
  EXPECT_EQ(info.weights_type, MQA_BF16);
  EXPECT_EQ(info.out_type, MQA_F16);
  EXPECT_EQ(info.activation, MQA_ACTIVATION_NONE);
  EXPECT_EQ(info.clean, 1);
  EXPECT_EQ(info.compressed, 1);
  mqa_bundle_destroy(bundle);

  op = makeOp();
  op.weights_type = "none";
  op.no_k_scale = 1;
  Compilation gpu(mqa_compile_logits(&op, nullptr));
  ASSERT_TRUE(gpu.succeeded()) << gpu.diagnostics();
  info = getInfo(gpu, &bundle);
  EXPECT_STREQ(info.name, "logits");
  EXPECT_STREQ(info.target, "sm_90a");
  EXPECT_EQ(info.num_queries, -1);
  EXPECT_EQ(info.has_weights, 0);
  EXPECT_EQ(info.has_k_scale, 0);
  mqa_bundle_destroy(bundle);
}

TEST(CompilerAPITest, BlockMaxima) {
  mqa_logits_description op = makeOp();
  op.num_keys = 1000;
  op.block_max = 128;
  for (const char *target : {"cpu", "sm_90a"}) {
    Compilation result = compileLogits(op, target);
    ASSERT_TRUE(result.succeeded()) << result.diagnostics();
    mqa_bundle *bundle;
    mqa_kernel_info info = getInfo(result, &bundle);
    EXPECT_EQ(info.block_max, 128);
    EXPECT_EQ(info.num_keys, 1000);
    mqa_bundle_destroy(bundle);
  }
  op.block_max = 0;
  op.num_keys = 0;
  mqa_bundle *bundle;
  EXPECT_EQ(getInfo(compileLogits(op, "cpu"), &bundle).block_max, 0);
  mqa_bundle_destroy(bundle);
}

TEST(CompilerAPITest, BlocksOfKeys) {
  mqa_logits_description op = makeOp();
  op.key_block_size = 16;
  op.max_key_blocks = 64;
  Compilation fixed = compileLogits(op, "cpu");
  ASSERT_TRUE(fixed.succeeded()) << fixed.diagnostics();
  mqa_bundle *bundle;
  mqa_kernel_info info = getInfo(fixed, &bundle);
  EXPECT_EQ(info.key_block_size, 16);
  EXPECT_EQ(info.max_key_blocks, 64);
  mqa_bundle_destroy(bundle);
  op.max_key_blocks = 0;
  Compilation dynamic = compileLogits(op, "sm_90a");
  ASSERT_TRUE(dynamic.succeeded()) << dynamic.diagnostics();
  info = getInfo(dynamic, &bundle);
  EXPECT_EQ(info.key_block_size, 16);
  EXPECT_EQ(info.max_key_blocks, -1);
  mqa_bundle_destroy(bundle);
}

TEST(CompilerAPITest, KeysWithBlockScales) {
  for (bool isFp4 : {true, false}) {
    const char *target = isFp4 ? "sm_90a" : "cpu";
    mqa_logits_description op = makeOp();
    mqa_paged_logits_description paged = makePagedOp();
    op.mx_keys = paged.mx_keys = isFp4 ? "MXFP4" : "MXFP8";
    op.input_type = paged.input_type = "bf16";
    Compilation results[] = {compileLogits(op, target),
                             compileLogits(paged, target)};
    for (const Compilation &result : results) {
      ASSERT_TRUE(result.succeeded()) << result.diagnostics();
      mqa_bundle *bundle;
      mqa_kernel_info info = getInfo(result, &bundle);
      EXPECT_EQ(info.input_type, MQA_BF16);
      EXPECT_EQ(info.key_type, isFp4 ? MQA_I8 : MQA_F8E4M3FN);
      EXPECT_EQ(info.k_scale_type, MQA_I32);
      EXPECT_EQ(info.head_dim, 128);
      mqa_bundle_destroy(bundle);
    }
  }
}

TEST(CompilerAPITest, QueriesWithBlockScales) {
  for (const char *target : {"cpu", "sm_90a"}) {
    for (bool isFp4 : {true, false}) {
      mqa_logits_description op = makeOp();
      mqa_paged_logits_description paged = makePagedOp(), rows = makePagedOp();
      op.mx_queries = paged.mx_queries = rows.mx_queries =
          isFp4 ? "MXFP4" : "MXFP8";
      paged.next_n = 2;
      paged.batch = 3;
      op.mx_keys = rows.mx_keys = "MXFP4";
      paged.input_type = "bf16";
      paged.no_k_scale = 1;
      rows.has_sequence = 1;
      rows.key_block_size = 8;
      Compilation results[] = {compileLogits(op, target),
                               compileLogits(paged, target),
                               compileLogits(rows, target)};
      mqa_element_type keys[] = {MQA_I8, MQA_BF16, MQA_I8};
      for (int i = 0; i < 3; ++i) {
        const Compilation &result = results[i];
        ASSERT_TRUE(result.succeeded()) << result.diagnostics();
        mqa_bundle *bundle;
        mqa_kernel_info info = getInfo(result, &bundle);
        EXPECT_EQ(info.has_q_scale, 1);
        EXPECT_EQ(info.input_type, isFp4 ? MQA_I8 : MQA_F8E4M3FN);
        EXPECT_EQ(info.key_type, keys[i]);
        EXPECT_EQ(info.head_dim, 128);
        mqa_bundle_destroy(bundle);
      }
    }
  }
}

/// The elements of queries and keys are 1: what is left are the scales.
TEST(CompilerAPITest, LogitsOfQueriesWithBlockScales) {
  mqa_logits_description op = {};
  op.num_heads = 2;
  op.head_dim = 64;
  op.input_type = "bf16";
  op.mx_queries = "MXFP4";
  op.no_k_scale = 1;
  Compilation result = compileLogits(op, "cpu");
  ASSERT_TRUE(result.succeeded()) << result.diagnostics();
  mqa_bundle *bundle;
  getInfo(result, &bundle);
  mqa_kernel *kernel;
  ASSERT_EQ(mqa_kernel_load(bundle, nullptr, /*device=*/1, &kernel),
            MQA_SUCCESS)
      << mqa_last_error();
  constexpr int kQueries = 2, kKeys = 3, kHeads = 2, kRow = 64;
  std::vector<uint8_t> q(kQueries * kHeads * kRow / 2, 0x22);
  std::vector<uint16_t> k(kKeys * kRow, 0x3f80);
  // 1 and 2; 4 and 1/2; 8 and 8; 1 and 1.
  std::vector<int32_t> scales = {127 | 128 << 8, 129 | 126 << 8, 130 | 130 << 8,
                                 127 | 127 << 8};
  std::vector<float> weights = {1, 2, -1, 10}, out(kQueries * kKeys, -1);
  std::vector<int32_t> ks(kQueries, 0), ke(kQueries, kKeys);
  mqa_logits_args args = {};
  args.q = q.data();
  args.q_stride = kHeads * kRow / 2;
  args.k = k.data();
  args.k_stride = kRow;
  args.weights = weights.data();
  args.weights_stride = kHeads;
  args.ks = ks.data();
  args.ke = ke.data();
  args.out = out.data();
  args.out_stride = args.num_keys = kKeys;
  args.num_queries = kQueries;
  args.q_scale = scales.data();
  args.q_scale_stride = kHeads;
  ASSERT_EQ(mqa_logits_launch(kernel, &args, nullptr), MQA_SUCCESS)
      << mqa_last_error();
  float first = 32 * (1 + 2) + 2 * 32 * (4 + 0.5f);
  float second = -32 * (8 + 8) + 10 * 32 * (1 + 1);
  EXPECT_EQ(out,
            (std::vector<float>{first, first, first, second, second, second}));
  mqa_kernel_destroy(kernel);
  mqa_bundle_destroy(bundle);
}

TEST(CompilerAPITest, MaximumOverTheHeads) {
  for (const char *target : {"cpu", "sm_90a"}) {
    mqa_logits_description op = makeOp();
    mqa_paged_logits_description paged = makePagedOp();
    for (const char *name :
         {"max", "sum", static_cast<const char *>(nullptr)}) {
      op.head_reduction = paged.head_reduction = name;
      bool isMax = name && name == std::string("max");
      Compilation results[] = {compileLogits(op, target),
                               compileLogits(paged, target)};
      for (const Compilation &result : results) {
        ASSERT_TRUE(result.succeeded()) << result.diagnostics();
        mqa_bundle *bundle;
        EXPECT_EQ(getInfo(result, &bundle).head_reduction,
                  isMax ? MQA_HEAD_REDUCTION_MAX : MQA_HEAD_REDUCTION_SUM);
        mqa_bundle_destroy(bundle);
      }
    }
  }
}

/// The scores of the heads are 16 and 32.
TEST(CompilerAPITest, LogitsOfHeads) {
  constexpr int kQueries = 2, kKeys = 3, kHeads = 2, kHeadDim = 16;
  std::vector<uint16_t> q(kQueries * kHeads * kHeadDim, 0x3f80);
  for (int m = 0; m < kQueries; ++m)
    std::fill_n(q.begin() + (m * kHeads + 1) * kHeadDim, kHeadDim, 0x4000);
  std::vector<uint16_t> k(kKeys * kHeadDim, 0x3f80);
  std::vector<float> kScale = {1, -2, 0.5f}, weights = {3, 1, -1, -1};
  std::vector<int32_t> ks(kQueries, 0), ke(kQueries, kKeys);
  mqa_logits_args args = {};
  args.q = q.data();
  args.q_stride = kHeads * kHeadDim;
  args.k = k.data();
  args.k_stride = kHeadDim;
  args.k_scale = kScale.data();
  args.k_scale_stride = 1;
  args.weights = weights.data();
  args.weights_stride = kHeads;
  args.ks = ks.data();
  args.ke = ke.data();
  args.out_stride = args.num_keys = kKeys;
  args.num_queries = kQueries;
  auto compute = [&](const char *headReduction) {
    mqa_logits_description op = {};
    op.num_heads = kHeads;
    op.head_dim = kHeadDim;
    op.input_type = "bf16";
    op.head_reduction = headReduction;
    Compilation result = compileLogits(op, "cpu");
    EXPECT_TRUE(result.succeeded()) << result.diagnostics();
    mqa_bundle *bundle;
    getInfo(result, &bundle);
    mqa_kernel *kernel = nullptr;
    EXPECT_EQ(mqa_kernel_load(bundle, nullptr, /*device=*/1, &kernel),
              MQA_SUCCESS)
        << mqa_last_error();
    std::vector<float> out(kQueries * kKeys, 7);
    args.out = out.data();
    EXPECT_EQ(mqa_logits_launch(kernel, &args, nullptr), MQA_SUCCESS)
        << mqa_last_error();
    mqa_kernel_destroy(kernel);
    mqa_bundle_destroy(bundle);
    return out;
  };
  EXPECT_EQ(compute("max"), (std::vector<float>{48, -96, 24, -16, 32, -8}));
  EXPECT_EQ(compute(nullptr), (std::vector<float>{80, -160, 40, -48, 96, -24}));
}

TEST(CompilerAPITest, PagedDescriptionsOfEveryForm) {
  mqa_paged_logits_description op = makePagedOp();
  op.name = "decode";
  op.next_n = 2;
  op.batch = 3;
  op.num_blocks = 100;
  op.max_blocks = 20;
  op.max_context_len = 1280;
  op.input_type = "f16";
  op.weights_type = "bf16";
  op.out_type = "bf16";
  op.activation = "relu_nan_as_zero";
  op.no_k_scale = 1;
  op.clean = 1;
  op.lens_per_query = 1;
  op.block_max = 64;
  Compilation fixed = compileLogits(op, "cpu");
  ASSERT_TRUE(fixed.succeeded()) << fixed.diagnostics();
  mqa_bundle *bundle;
  mqa_kernel_info info = getInfo(fixed, &bundle);
  EXPECT_STREQ(info.name, "decode");
  EXPECT_EQ(info.op, MQA_OP_PAGED_LOGITS);
  EXPECT_EQ(info.num_queries, 6);
  EXPECT_EQ(info.batch, 3);
  EXPECT_EQ(info.next_n, 2);
  EXPECT_EQ(info.block_kv, 64);
  EXPECT_EQ(info.num_blocks, 100);
  EXPECT_EQ(info.max_blocks, 20);
  EXPECT_EQ(info.max_context_len, 1280);
  EXPECT_EQ(info.input_type, MQA_F16);
  EXPECT_EQ(info.weights_type, MQA_BF16);
  EXPECT_EQ(info.out_type, MQA_BF16);
  EXPECT_EQ(info.activation, MQA_ACTIVATION_RELU_NAN_AS_ZERO);
  EXPECT_EQ(info.has_k_scale, 0);
  EXPECT_EQ(info.clean, 1);
  EXPECT_EQ(info.lens_per_query, 1);
  EXPECT_EQ(info.block_max, 64);
  mqa_bundle_destroy(bundle);

  op = makePagedOp();
  Compilation dynamic = compileLogits(op, "sm_90a");
  ASSERT_TRUE(dynamic.succeeded()) << dynamic.diagnostics();
  info = getInfo(dynamic, &bundle);
  EXPECT_STREQ(info.name, "paged_logits");
  EXPECT_EQ(info.next_n, 1);
  EXPECT_EQ(info.batch, -1);
  EXPECT_EQ(info.num_blocks, -1);
  EXPECT_EQ(info.max_blocks, -1);
  EXPECT_EQ(info.max_context_len, -1);
  EXPECT_EQ(info.lens_per_query, 0);
  EXPECT_EQ(info.has_sequence, 0);
  mqa_bundle_destroy(bundle);

  op.has_sequence = 1;
  op.rows_per_sequence = 2;
  op.num_rows = 12;
  Compilation rows = compileLogits(op, "sm_90a");
  ASSERT_TRUE(rows.succeeded()) << rows.diagnostics();
  info = getInfo(rows, &bundle);
  EXPECT_EQ(info.has_sequence, 1);
  EXPECT_EQ(info.rows_per_sequence, 2);
  EXPECT_EQ(info.num_queries, 12);
  mqa_bundle_destroy(bundle);
}

TEST(CompilerAPITest, KeyBlocksOfAPagedCache) {
  for (const char *target : {"cpu", "sm_90a"}) {
    for (bool ofRows : {false, true}) {
      mqa_paged_logits_description op = makePagedOp();
      op.next_n = ofRows ? 0 : 2;
      op.has_sequence = ofRows;
      op.key_block_size = 8;
      op.max_key_blocks = 100;
      op.mx_keys = "MXFP4";
      Compilation result = compileLogits(op, target);
      ASSERT_TRUE(result.succeeded()) << result.diagnostics();
      mqa_bundle *bundle;
      mqa_kernel_info info = getInfo(result, &bundle);
      EXPECT_EQ(info.op, MQA_OP_PAGED_LOGITS);
      EXPECT_EQ(info.key_block_size, 8);
      EXPECT_EQ(info.max_key_blocks, 100);
      EXPECT_EQ(info.has_sequence, ofRows);
      EXPECT_EQ(info.key_type, MQA_I8);
      mqa_bundle_destroy(bundle);
    }
  }
}

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

/// Logits in a loop, on tensors.
static const std::string kProgram = R"mlir(
  func.func @sums(%q: tensor<4x1x16xbf16>, %k: tensor<8x16xbf16>, %ke: tensor<4xi32>, %sum: tensor<4x8xf32>, %n: index) -> tensor<4x8xf32> {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %e = tensor.empty() : tensor<4x8xf32>
    %r = scf.for %i = %c0 to %n step %c1 iter_args(%acc = %sum) -> tensor<4x8xf32> {
      %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<4x1x16xbf16>, tensor<8x16xbf16>, tensor<4xi32>) outs(%e : tensor<4x8xf32>) {clean} -> tensor<4x8xf32>
      %1 = linalg.add ins(%0, %acc : tensor<4x8xf32>, tensor<4x8xf32>) outs(%acc : tensor<4x8xf32>) -> tensor<4x8xf32>
      scf.yield %1 : tensor<4x8xf32>
    }
    return %r : tensor<4x8xf32>
  })mlir";

TEST(CompilerAPITest, HostPrograms) {
  Compilation result = compileText(kProgram, "cpu");
  ASSERT_TRUE(result.succeeded()) << result.diagnostics();
  EXPECT_EQ(result.diagnostics(), "");
  mqa_bundle *bundle;
  EXPECT_STREQ(getInfo(result, &bundle).name, "sums_logits");
  mqa_bundle_destroy(bundle);
  size_t size = 0;
  const char *text = mqa_compilation_host(result.handle.get(), &size);
  ASSERT_NE(text, nullptr);
  std::string host = text;
  EXPECT_EQ(host.size(), size);
  EXPECT_NE(host.find("mqa.launch = #mqa.launch<kernel = \"sums_logits\", "
                      "function = \"mqa_logits_launch\""),
            std::string::npos)
      << host;
  EXPECT_NE(host.find("call @sums_logits("), std::string::npos) << host;
  EXPECT_EQ(host.find("mqa.logits"), std::string::npos) << host;
  // The caller's compiler needs to know nothing of the dialect.
  text = mqa_compilation_bound_host(result.handle.get(), &size);
  ASSERT_NE(text, nullptr) << result.diagnostics();
  std::string bound = text;
  EXPECT_EQ(bound.size(), size);
  EXPECT_NE(bound.find("func.func private @mqa_program_launch("),
            std::string::npos);
  EXPECT_NE(bound.find("memref.global \"private\" constant @mqa_bundle"),
            std::string::npos);
  EXPECT_EQ(bound.find("#mqa."), std::string::npos);
  EXPECT_EQ(mqa_compilation_bound_host(result.handle.get(), nullptr), text)
      << "it is made once";
  EXPECT_EQ(mqa_compilation_host(result.handle.get(), nullptr), host);
}

TEST(CompilerAPITest, KernelFunctionsHaveNoHostProgram) {
  Compilation result = compileLogits(makeOp(), "cpu");
  size_t size = 1;
  EXPECT_EQ(mqa_compilation_host(result.handle.get(), &size), nullptr);
  EXPECT_EQ(size, 0u);
  EXPECT_EQ(mqa_compilation_bound_host(result.handle.get(), nullptr), nullptr);
}

/// That no CPU kernel is compiled from `op`, with a diagnostic of these words.
template <typename DescriptionT>
static void expectError(const DescriptionT &op, const char *words) {
  Compilation result = compileLogits(op, "cpu");
  EXPECT_FALSE(result.succeeded());
  EXPECT_NE(result.diagnostics().find(words), std::string::npos)
      << result.diagnostics();
  size_t size = 1;
  EXPECT_EQ(mqa_compilation_bundle(result.handle.get(), &size), nullptr);
  EXPECT_EQ(size, 0u);
}

TEST(CompilerAPITest, BadDescriptions) {
  mqa_logits_description op = makeOp();
  op.input_type = "f64";
  expectError(op, "input_type is not a type that mqa.logits takes there");
  op = makeOp();
  op.activation = "gelu";
  expectError(op, "activation is none that mqa.logits has, found 'gelu'");
  op = makeOp();
  op.head_reduction = "mean";
  expectError(op, "head_reduction must be \"sum\" or \"max\", found \"mean\"");
  op = makeOp();
  op.weights_type = "f16";
  expectError(op, "weights_type is not a type");
  op = makeOp();
  op.out_type = "f8E4M3FN";
  expectError(op, "out_type is not a type");
  op = makeOp();
  op.name = "a name, \"quoted\"";
  expectError(op, "kernel name 'a name, \\22quoted\\22' must be a letter "
                  "followed by letters, digits, '_' and '$'");
  op.name = "";
  expectError(op, "kernel name '' must be a letter");
  op.name = "malloc";
  expectError(op, "kernel name 'malloc' is a function of the C library");
  op = makeOp();
  op.num_keys = -1;
  expectError(op, "num_keys must not be negative, found -1");
  op = makeOp();
  op.num_heads = 0;
  expectError(op, "number of heads H (dimension 1 of 'q') must be from 1 to "
                  "128, found 0");
  op = makeOp();
  op.num_groups = 5;
  expectError(op, "must be a divisor of H = 64, found 5");
  op = makeOp();
  op.block_max = 7;
  expectError(op, "'block_max' must be 8, 64 or 128, found 7");
  op.block_max = -8;
  expectError(op, "block_max must not be negative, found -8");
  op = makeOp();
  op.key_block_size = 7;
  expectError(op, "found 7");
  op.key_block_size = 16;
  op.max_key_blocks = int64_t(1) << 60;
  expectError(op, "max_key_blocks times key_block_size must fit 64 bits, found "
                  "1152921504606846976 times 16");
  op.key_block_size = 0;
  expectError(op, "but key_block_size is 0");
  op = makeOp();
  op.max_seqlen_k = 64;
  expectError(op, "but compressed is 0");
  op = makeOp();
  op.mx_keys = "mxfp4";
  expectError(op, "mx_keys must be \"MXFP4\" or \"MXFP8\", found \"mxfp4\"");
  op.mx_keys = "MXFP8";
  op.no_k_scale = 1;
  expectError(op, "but mx_keys is \"MXFP8\"");
  op.no_k_scale = 0;
  op.head_dim = 48;
  expectError(op, "32, 64, 96 or 128");
  op.mx_keys = nullptr;
  op.mx_queries = "MXFP4";
  expectError(op, "32, 64, 96 or 128");
  op = makeOp();
  op.mx_queries = "";
  expectError(op, "mx_queries must be \"MXFP4\" or \"MXFP8\", found \"\"");
  op.mx_queries = "MXFP8";
  op.mx_keys = "MXFP8";
  op.input_type = "bf16";
  expectError(op, "input_type is of queries or keys without block scales, but "
                  "there are both mx_keys and mx_queries, found \"bf16\"");
  op.mx_keys = nullptr;
  op.num_groups = 4;
  expectError(op, "group");
  Compilation none(mqa_compile_logits(nullptr, nullptr));
  EXPECT_EQ(none.diagnostics(), "error: description is null\n");
}

TEST(CompilerAPITest, BadPagedDescriptions) {
  mqa_paged_logits_description op = makePagedOp();
  op.block_kv = 0;
  expectError(op, "block_kv P (dimension 1 of 'k') must be a power of two from "
                  "16 to 256, found 0");
  op = makePagedOp();
  op.next_n = 9;
  expectError(op, "next_n T (dimension 1 of 'q') must be from 1 to 8, found 9");
  op.next_n = -1;
  expectError(op, "next_n must not be negative, found -1");
  op.mx_queries = "mxfp8";
  expectError(op, "mx_queries must be \"MXFP4\" or \"MXFP8\", found "
                  "\"mxfp8\"");
  op.mx_queries = nullptr;
  op.next_n = 2;
  op.has_sequence = 1;
  expectError(op, "next_n is of queries in the order of their sequences, but "
                  "has_sequence is 1");
  op.next_n = 0;
  op.lens_per_query = 1;
  expectError(op, "lens_per_query is of queries in the order");
  op = makePagedOp();
  op.head_reduction = "";
  expectError(op, "head_reduction must be \"sum\" or \"max\", found \"\"");
  op = makePagedOp();
  op.num_rows = 4;
  expectError(op, "but has_sequence is 0");
  op = makePagedOp();
  op.key_block_size = 8;
  op.max_context_len = 1000;
  expectError(op, "max_context_len is of logits of all keys, but "
                  "key_block_size is 8");
  op = makePagedOp();
  op.next_n = 8;
  op.batch = int64_t(1) << 61;
  expectError(op, "batch times next_n must fit 64 bits");
  op = makePagedOp();
  op.out_type = "f64";
  expectError(op, "out_type is not a type that mqa.paged_logits takes there");
  Compilation none(mqa_compile_paged_logits(nullptr, nullptr));
  EXPECT_EQ(none.diagnostics(), "error: description is null\n");
}

TEST(CompilerAPITest, BadText) {
  Compilation none(mqa_compile_text(nullptr, 5, nullptr));
  EXPECT_EQ(none.diagnostics(), "error: text is null\n");
  Compilation syntax = compileText("func.func @f() {\n  oops\n}\n", "cpu");
  EXPECT_FALSE(syntax.succeeded());
  EXPECT_EQ(syntax.diagnostics().find("2:3: error: "), 0u)
      << syntax.diagnostics();
  Compilation empty = compileText("", "sm_90a");
  EXPECT_NE(
      empty.diagnostics().find("has no function with an mqa.logits to compile"),
      std::string::npos)
      << empty.diagnostics();
  Compilation target = compileText("", "sm_100");
  EXPECT_NE(
      target.diagnostics().find(
          "the target must be sm_80, sm_86, sm_89, sm_90a, sm_120 or cpu, "
          "found 'sm_100'"),
      std::string::npos)
      << target.diagnostics();
  // MLIR's parser would use up the stack.
  for (std::string nested :
       {std::string(100000, '['),
        "module attributes {m.a = " + std::string(100000, '[') +
            std::string(100000, ']') + "} {}"}) {
    Compilation deep = compileText(nested, "cpu");
    EXPECT_NE(deep.diagnostics().find("error: brackets are nested more than "
                                      "256 deep"),
              std::string::npos)
        << deep.diagnostics();
  }
  // Brackets that are none.
  std::string quoted = "// " + std::string(1000, '(') +
                       "\nmodule attributes {m.a = \"\\\"" +
                       std::string(1000, '{') + "\"} {}";
  EXPECT_NE(compileText(quoted, "cpu").diagnostics().find("has no function"),
            std::string::npos);
  // Not text, and not ended by a 0.
  std::string bytes = "\x00\xff\x7fMLIR";
  EXPECT_FALSE(compileText(bytes, "cpu").succeeded());
}

TEST(CompilerAPITest, Schedules) {
  std::string text = R"mlir(
    func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %r: tensor<?xi32>, %e: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
      %0 = mqa.logits ins(%q, %k, %s, %w, %r, %e : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
      return %0 : tensor<?x?xf32>
    })mlir";
  Compilation fast = compileText(text, "sm_90a", "fast");
  ASSERT_TRUE(fast.succeeded()) << fast.diagnostics();
  mqa_bundle *bundle;
  EXPECT_EQ(getInfo(fast, &bundle).fast, 1);
  mqa_bundle_destroy(bundle);
  for (const char *target : {"sm_90a", "cpu"}) {
    Compilation bad = compileText(text, target, "block_q = 7");
    EXPECT_FALSE(bad.succeeded());
    EXPECT_NE(bad.diagnostics().find("cannot parse"), std::string::npos)
        << bad.diagnostics();
  }
}

TEST(CompilerAPITest, SeveralTargets) {
  mqa_logits_description op = makeOp();
  Compilation both = compileLogits(op, "sm_80,cpu");
  ASSERT_TRUE(both.succeeded()) << both.diagnostics();
  mqa_bundle *bundle;
  EXPECT_STREQ(getInfo(both, &bundle).target, "sm_80");
  ASSERT_EQ(mqa_bundle_num_kernels(bundle), 2u);
  mqa_kernel_info info;
  ASSERT_EQ(mqa_bundle_kernel_info(bundle, 1, &info), MQA_SUCCESS);
  EXPECT_STREQ(info.target, "cpu");
  EXPECT_STREQ(info.name, "logits");
  mqa_kernel *kernel;
  ASSERT_EQ(mqa_kernel_load_for(bundle, "logits", MQA_DEVICE_CPU, 1, &kernel),
            MQA_SUCCESS)
      << mqa_last_error();
  mqa_kernel_destroy(kernel);
  mqa_bundle_destroy(bundle);
  // The last part is the bundle for that target alone.
  std::string cpu = compileLogits(op, "cpu").bundle();
  ASSERT_LT(cpu.size(), both.bundle().size());
  EXPECT_EQ(both.bundle().substr(both.bundle().size() - cpu.size()), cpu);

  auto expectError = [&](const char *target, const std::string &words) {
    Compilation result = compileLogits(op, target);
    EXPECT_FALSE(result.succeeded()) << target;
    EXPECT_NE(result.diagnostics().find(words), std::string::npos)
        << result.diagnostics();
  };
  expectError("sm_80,sm_100", "the target must be sm_80, sm_86, ");
  expectError("sm_80,sm_100",
              " or cpu, separated by ',', found 'sm_100' in 'sm_80,sm_100'");
  expectError("sm_80, cpu", "separated by ',', found ' cpu' in 'sm_80, cpu'");
  expectError("sm_80,", "found '' in 'sm_80,'");
  expectError("cpu,sm_80,cpu",
              "the target must name 'cpu' once, found 'cpu,sm_80,cpu'");
}

TEST(CompilerAPITest, ThreadsDoNotShare) {
  constexpr int kThreads = 8;
  std::vector<std::string> bundles(kThreads);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i)
    threads.emplace_back([&, i] {
      mqa_logits_description op = makeOp();
      op.num_heads = 16;
      op.head_dim = i % 4 == 3 ? 24 : 32;
      Compilation result = compileLogits(op, i % 2 ? "cpu" : "sm_90a");
      EXPECT_EQ(result.succeeded(), i % 4 != 3);
      EXPECT_EQ(result.diagnostics().find("found 24") != std::string::npos,
                i % 4 == 3);
      bundles[i] = result.bundle();
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(bundles[0], bundles[2]) << "the same input gives the same bytes";
  EXPECT_EQ(bundles[1], bundles[5]);
}

TEST(CompilerAPITest, NullResults) {
  mqa_compilation_destroy(nullptr);
  EXPECT_EQ(mqa_compilation_succeeded(nullptr), 0);
  EXPECT_EQ(mqa_compilation_bundle(nullptr, nullptr), nullptr);
  EXPECT_EQ(mqa_compilation_host(nullptr, nullptr), nullptr);
  EXPECT_EQ(mqa_compilation_bound_host(nullptr, nullptr), nullptr);
}
