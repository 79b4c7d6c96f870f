//===- ZeroSizesTest.cpp - Ops on no query, no key, no block --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sizes of zero, in types and at launch: compiled for every target, executed on
// the CPU. Without keys every logit is -inf with `clean`, and none is written
// without.
//
//===----------------------------------------------------------------------===//

#include "mqa/Compiler.h"
#include "mqa/Runtime.h"

#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace {
/// A size that the type says, or (kDynamic) that the launch alone says.
constexpr int64_t kDynamic = -1;
constexpr float kPoison = 12345, kInf = std::numeric_limits<float>::infinity();
constexpr int64_t kHeads = 4, kHeadDim = 32, kNextN = 2, kBlockKv = 16;

struct Form {
  bool clean, compressed;
};

class ZeroSizesTest : public testing::Test {
protected:
  void TearDown() override { reset(); }
  void reset() {
    mqa_kernel_destroy(kernel);
    mqa_bundle_destroy(bundle);
    kernel = nullptr;
    bundle = nullptr;
  }
  /// Compiles `text` for `target`, to a bundle that the runtime takes.
  void compile(const std::string &text, const char *target) {
    reset();
    mqa_compile_options options = {target, nullptr, nullptr};
    std::unique_ptr<mqa_compilation, void (*)(mqa_compilation *)> compilation(
        mqa_compile_text(text.data(), text.size(), &options),
        mqa_compilation_destroy);
    ASSERT_TRUE(mqa_compilation_succeeded(compilation.get()))
        << target << ":\n"
        << text << mqa_compilation_diagnostics(compilation.get());
    size_t size;
    const void *data = mqa_compilation_bundle(compilation.get(), &size);
    ASSERT_EQ(mqa_bundle_load_memory(data, size, &bundle), MQA_SUCCESS)
        << mqa_last_error() << text;
  }
  /// For both, and loads what is for the CPU.
  void compileForAll(const std::string &text) {
    ASSERT_NO_FATAL_FAILURE(compile(text, "sm_90a"));
    ASSERT_NO_FATAL_FAILURE(compile(text, "cpu"));
    ASSERT_EQ(mqa_kernel_load(bundle, nullptr, /*device=*/2, &kernel),
              MQA_SUCCESS)
        << mqa_last_error();
  }
  void launchLogits(int64_t numQueries, int64_t numKeys, int64_t columns,
                    Form form);
  void launchPaged(int64_t batch, int64_t numBlocks, int64_t maxBlocks,
                   int64_t columns, bool clean);

  mqa_bundle *bundle = nullptr;
  mqa_kernel *kernel = nullptr;
};
} // namespace

static std::string formatSize(int64_t size) {
  return size == kDynamic ? "?" : std::to_string(size);
}

static std::string
makeFunction(const std::string &op, const std::string &attributes,
             const std::vector<std::pair<std::string, std::string>> &operands) {
  std::string arguments, names, types;
  for (const auto &[name, type] : operands) {
    bool isOut = name == "out";
    arguments += "%" + name + ": " + type + (isOut ? "" : ", ");
    if (isOut)
      continue;
    names += (names.empty() ? "%" : ", %") + name;
    types += (types.empty() ? "" : ", ") + type;
  }
  const std::string &out = operands.back().second;
  return "func.func @f(" + arguments + ") -> " + out + " {\n  %0 = " + op +
         " ins(" + names + " : " + types + ") outs(%out : " + out + ") {" +
         attributes + "} -> " + out + "\n  return %0 : " + out + "\n}\n";
}

static std::string makeLogits(int64_t numQueries, int64_t numKeys,
                              int64_t columns, Form form) {
  std::string m = formatSize(numQueries), n = formatSize(numKeys);
  std::string h = std::to_string(kHeads), d = std::to_string(kHeadDim);
  std::string attributes = form.clean ? "clean" : "";
  if (form.compressed)
    attributes += form.clean ? ", compressed" : "compressed";
  std::string s = form.compressed ? formatSize(columns) : n;
  return makeFunction("mqa.logits", attributes,
                      {{"q", "tensor<" + m + "x" + h + "x" + d + "xbf16>"},
                       {"k", "tensor<" + n + "x" + d + "xbf16>"},
                       {"k_scale", "tensor<" + n + "xf32>"},
                       {"weights", "tensor<" + m + "x" + h + "xf32>"},
                       {"ks", "tensor<" + m + "xi32>"},
                       {"ke", "tensor<" + m + "xi32>"},
                       {"out", "tensor<" + m + "x" + s + "xf32>"}});
}

static std::string makePaged(int64_t batch, int64_t numBlocks,
                             int64_t maxBlocks, int64_t columns, bool clean) {
  std::string b = formatSize(batch), c = formatSize(numBlocks);
  std::string rows = formatSize(batch == kDynamic ? batch : batch * kNextN);
  std::string h = std::to_string(kHeads), d = std::to_string(kHeadDim);
  std::string t = std::to_string(kNextN), p = std::to_string(kBlockKv);
  return makeFunction(
      "mqa.paged_logits", clean ? "clean" : "",
      {{"q", "tensor<" + b + "x" + t + "x" + h + "x" + d + "xbf16>"},
       {"k", "tensor<" + c + "x" + p + "x" + d + "xbf16>"},
       {"k_scale", "tensor<" + c + "x" + p + "xf32>"},
       {"weights", "tensor<" + rows + "x" + h + "xf32>"},
       {"context_lens", "tensor<" + b + "xi32>"},
       {"block_table", "tensor<" + b + "x" + formatSize(maxBlocks) + "xi32>"},
       {"out", "tensor<" + rows + "x" + formatSize(columns) + "xf32>"}});
}

/// Every cell is `expected`, and the rows are one poisoned cell apart.
static void checkCells(const std::vector<float> &out, int64_t rows,
                       int64_t columns, float expected) {
  int64_t stride = columns + 1;
  ASSERT_EQ(out.size(), static_cast<size_t>(rows * stride + 1));
  for (int64_t m = 0; m < rows; ++m)
    for (int64_t j = 0; j < stride; ++j)
      EXPECT_EQ(out[m * stride + j], j < columns ? expected : kPoison)
          << "row " << m << ", column " << j;
  EXPECT_EQ(out.back(), kPoison);
}

/// Operands of no element are null.
template <typename T> static const T *getData(const std::vector<T> &data) {
  return data.empty() ? nullptr : data.data();
}

void ZeroSizesTest::launchLogits(int64_t numQueries, int64_t numKeys,
                                 int64_t columns, Form form) {
  ASSERT_TRUE(numQueries == 0 || numKeys == 0 || columns == 0);
  std::vector<uint16_t> q(numQueries * kHeads * kHeadDim, 0x3f80);
  std::vector<uint16_t> k(numKeys * kHeadDim, 0x3f80);
  std::vector<float> kScale(numKeys, 1), weights(numQueries * kHeads, 1);
  std::vector<int32_t> ks(numQueries, 0), ke(numQueries, 1000);
  std::vector<float> out(numQueries * (columns + 1) + 1, kPoison);
  mqa_logits_args args = {};
  args.q = getData(q);
  args.q_stride = kHeads * kHeadDim;
  args.k = getData(k);
  args.k_stride = kHeadDim;
  args.k_scale = getData(kScale);
  args.k_scale_stride = 1;
  args.weights = getData(weights);
  args.weights_stride = kHeads;
  args.ks = getData(ks);
  args.ke = getData(ke);
  args.out = out.data();
  args.out_stride = columns + 1;
  args.num_queries = numQueries;
  args.num_keys = numKeys;
  args.max_seqlen_k = form.compressed ? columns : 0;
  ASSERT_EQ(mqa_logits_launch(kernel, &args, nullptr), MQA_SUCCESS)
      << mqa_last_error();
  checkCells(out, numQueries, columns, form.clean ? -kInf : kPoison);
}

void ZeroSizesTest::launchPaged(int64_t batch, int64_t numBlocks,
                                int64_t maxBlocks, int64_t columns,
                                bool clean) {
  ASSERT_TRUE(batch == 0 || numBlocks == 0 || maxBlocks == 0 || columns == 0);
  int64_t rows = batch * kNextN;
  std::vector<uint16_t> q(rows * kHeads * kHeadDim, 0x3f80);
  std::vector<uint16_t> k(numBlocks * kBlockKv * kHeadDim, 0x3f80);
  std::vector<float> kScale(numBlocks * kBlockKv, 1), weights(rows * kHeads, 1);
  std::vector<int32_t> lens(batch, 20), table(batch * maxBlocks, 0);
  std::vector<float> out(rows * (columns + 1) + 1, kPoison);
  mqa_paged_logits_args args = {};
  args.q = getData(q);
  args.q_stride = kNextN * kHeads * kHeadDim;
  args.k = getData(k);
  args.k_stride = kBlockKv * kHeadDim;
  args.k_scale = getData(kScale);
  args.k_scale_stride = kBlockKv;
  args.weights = getData(weights);
  args.weights_stride = kHeads;
  args.context_lens = getData(lens);
  args.block_table = getData(table);
  args.block_table_stride = maxBlocks;
  args.out = out.data();
  args.out_stride = columns + 1;
  args.batch = batch;
  args.num_blocks = numBlocks;
  args.max_blocks = maxBlocks;
  args.max_context_len = columns;
  ASSERT_EQ(mqa_paged_logits_launch(kernel, &args, nullptr), MQA_SUCCESS)
      << mqa_last_error();
  checkCells(out, rows, columns, clean ? -kInf : kPoison);
}

/// Queries, keys and, of compressed rows, columns.
TEST_F(ZeroSizesTest, Logits) {
  for (Form form :
       {Form{false, false}, {true, false}, {false, true}, {true, true}}) {
    SCOPED_TRACE(std::string(form.clean ? "clean " : "") +
                 (form.compressed ? "compressed" : ""));
    ASSERT_NO_FATAL_FAILURE(
        compileForAll(makeLogits(kDynamic, kDynamic, kDynamic, form)));
    int64_t columns = form.compressed ? 7 : 0;
    launchLogits(0, 0, 0, form);
    launchLogits(0, 9, form.compressed ? 7 : 9, form);
    launchLogits(5, 0, columns, form);
    if (form.compressed)
      launchLogits(5, 9, 0, form);

    ASSERT_NO_FATAL_FAILURE(compileForAll(makeLogits(0, 0, 0, form)));
    launchLogits(0, 0, 0, form);
    ASSERT_NO_FATAL_FAILURE(compileForAll(makeLogits(0, 9, 7, form)));
    launchLogits(0, 9, form.compressed ? 7 : 9, form);
    ASSERT_NO_FATAL_FAILURE(compileForAll(makeLogits(5, 0, 7, form)));
    launchLogits(5, 0, columns, form);
    if (!form.compressed)
      continue;
    ASSERT_NO_FATAL_FAILURE(compileForAll(makeLogits(5, 9, 0, form)));
    launchLogits(5, 9, 0, form);
  }
}

/// Sequences, blocks of the cache, columns of the table and of `out`.
TEST_F(ZeroSizesTest, PagedLogits) {
  struct Sizes {
    int64_t batch, numBlocks, maxBlocks, columns;
  };
  const Sizes sizes[] = {{0, 4, 3, 10}, {2, 0, 3, 10}, {2, 4, 0, 10},
                         {2, 0, 0, 10}, {2, 4, 3, 0},  {0, 0, 0, 0}};
  for (bool clean : {false, true}) {
    SCOPED_TRACE(clean ? "clean" : "");
    ASSERT_NO_FATAL_FAILURE(compileForAll(
        makePaged(kDynamic, kDynamic, kDynamic, kDynamic, clean)));
    for (const Sizes &s : sizes)
      launchPaged(s.batch, s.numBlocks, s.maxBlocks, s.columns, clean);
    for (const Sizes &s : sizes) {
      ASSERT_NO_FATAL_FAILURE(compileForAll(
          makePaged(s.batch, s.numBlocks, s.maxBlocks, s.columns, clean)));
      launchPaged(s.batch, s.numBlocks, s.maxBlocks, s.columns, clean);
    }
  }
}
