//===- ConsumerFusionTest.cpp - Our ops in the loops of their producers ---===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Upstream's transform dialect has no op for it: scf::tileAndFuseConsumer.
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/InitAll.h"

#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"

#include "gtest/gtest.h"

using namespace mlir;

namespace {
class ConsumerFusionTest : public ::testing::Test {
protected:
  ConsumerFusionTest() {
    DialectRegistry registry;
    mqa::registerAllDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }

  /// Tiles the op of linalg in `text` by `tileSizes`, and fuses the op of ours,
  /// which uses its result, into the loops. The loops that then hold the op of
  /// ours, or nothing if it was refused.
  std::optional<unsigned> fuse(StringRef text, ArrayRef<int64_t> tileSizes) {
    module = parseSourceString<ModuleOp>(text, &context);
    if (!module)
      return std::nullopt;
    TilingInterface producer;
    mqa::KernelOpInterface consumer;
    module->walk([&](Operation *op) {
      if (auto kernelOp = dyn_cast<mqa::KernelOpInterface>(op))
        consumer = kernelOp;
      else if (auto tiled = dyn_cast<TilingInterface>(op))
        producer = tiled;
    });
    IRRewriter rewriter(&context);
    rewriter.setInsertionPoint(producer);
    scf::SCFTilingOptions options;
    options.setTileSizes(llvm::map_to_vector(tileSizes, [&](int64_t size) {
      return OpFoldResult(rewriter.getIndexAttr(size));
    }));
    FailureOr<scf::SCFTilingResult> tiled =
        scf::tileUsingSCF(rewriter, producer, options);
    EXPECT_TRUE(succeeded(tiled));
    rewriter.replaceOp(producer, tiled->replacements);
    FailureOr<scf::SCFFuseConsumerOfSliceResult> fused =
        scf::tileAndFuseConsumer(rewriter, consumer, tiled->loops);
    if (failed(fused))
      return std::nullopt;
    EXPECT_TRUE(succeeded(verify(*module)));
    unsigned depth = 0;
    for (Operation *op = fused->tiledOps.front(); op; op = op->getParentOp())
      depth += isa<LoopLikeOpInterface>(op);
    return depth;
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

TEST_F(ConsumerFusionTest, SelectionTakesRowsOfLogits) {
  const char *text = R"mlir(
func.func @f(%a: tensor<8x32xf32>, %init: tensor<8x32xf32>, %ke: tensor<8xi32>, %i: tensor<8x4xi32>) -> tensor<8x4xi32> {
  %l = linalg.exp ins(%a : tensor<8x32xf32>) outs(%init : tensor<8x32xf32>) -> tensor<8x32xf32>
  %0 = mqa.topk ins(%l, none, %ke : tensor<8x32xf32>, tensor<8xi32>) outs(%i : tensor<8x4xi32>) -> tensor<8x4xi32>
  return %0 : tensor<8x4xi32>
}
)mlir";
  EXPECT_EQ(fuse(text, {2, 0}), 1u);
  // A row is selected as a whole.
  EXPECT_EQ(fuse(text, {2, 8}), std::nullopt);
}

TEST_F(ConsumerFusionTest, LogitsTakeQueries) {
  for (const char *form : {"", "{clean}", "{clean, compressed}"}) {
    std::string text = std::string(R"mlir(
func.func @f(%a: tensor<8x4x32xbf16>, %init: tensor<8x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<8xi32>, %out: tensor<8x?xf32>) -> tensor<8x?xf32> {
  %q = linalg.negf ins(%a : tensor<8x4x32xbf16>) outs(%init : tensor<8x4x32xbf16>) -> tensor<8x4x32xbf16>
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<8x4x32xbf16>, tensor<?x32xbf16>, tensor<8xi32>) outs(%out : tensor<8x?xf32>) )mlir") +
                       form + R"mlir( -> tensor<8x?xf32>
  return %0 : tensor<8x?xf32>
}
)mlir";
    EXPECT_EQ(fuse(text, {2, 0, 0}), 1u) << form;
    // A tile of logits has all heads.
    EXPECT_EQ(fuse(text, {2, 2, 0}), std::nullopt) << form;
  }
}

TEST_F(ConsumerFusionTest, LogitsTakeKeys) {
  std::string text = R"mlir(
func.func @f(%a: tensor<16x32xbf16>, %init: tensor<16x32xbf16>, %q: tensor<8x4x32xbf16>, %ke: tensor<8xi32>, %out: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %k = linalg.negf ins(%a : tensor<16x32xbf16>) outs(%init : tensor<16x32xbf16>) -> tensor<16x32xbf16>
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<8x4x32xbf16>, tensor<16x32xbf16>, tensor<8xi32>) outs(%out : tensor<8x16xf32>) FORM -> tensor<8x16xf32>
  return %0 : tensor<8x16xf32>
}
)mlir";
  auto withForm = [&](StringRef form) {
    std::string whole = text;
    return whole.replace(whole.find("FORM"), 4, form);
  };
  EXPECT_EQ(fuse(withForm("{clean}"), {4, 0}), 1u);
  // The columns of a compressed row do not go with keys.
  EXPECT_EQ(fuse(withForm("{compressed}"), {4, 0}), std::nullopt);
}

TEST_F(ConsumerFusionTest, DestinationsAreRefused) {
  const char *text = R"mlir(
func.func @f(%x: f32, %q: tensor<8x4x32xbf16>, %k: tensor<16x32xbf16>, %ke: tensor<8xi32>, %init: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %out = linalg.fill ins(%x : f32) outs(%init : tensor<8x16xf32>) -> tensor<8x16xf32>
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<8x4x32xbf16>, tensor<16x32xbf16>, tensor<8xi32>) outs(%out : tensor<8x16xf32>) -> tensor<8x16xf32>
  return %0 : tensor<8x16xf32>
}
)mlir";
  EXPECT_EQ(fuse(text, {2, 0}), std::nullopt);
}

TEST_F(ConsumerFusionTest, PagedLogitsTakeSequences) {
  const char *text = R"mlir(
func.func @f(%a: tensor<6x2x4x32xbf16>, %init: tensor<6x2x4x32xbf16>, %k: tensor<9x16x32xbf16>, %lens: tensor<6xi32>, %table: tensor<6x2xi32>, %out: tensor<12x32xf32>) -> tensor<12x32xf32> {
  %q = linalg.negf ins(%a : tensor<6x2x4x32xbf16>) outs(%init : tensor<6x2x4x32xbf16>) -> tensor<6x2x4x32xbf16>
  %0 = mqa.paged_logits ins(%q, %k, none, none, %lens, %table : tensor<6x2x4x32xbf16>, tensor<9x16x32xbf16>, tensor<6xi32>, tensor<6x2xi32>) outs(%out : tensor<12x32xf32>) -> tensor<12x32xf32>
  return %0 : tensor<12x32xf32>
}
)mlir";
  EXPECT_EQ(fuse(text, {2, 0, 0, 0}), 1u);
}

TEST_F(ConsumerFusionTest, MergeTakesRowsOfLists) {
  const char *text = R"mlir(
func.func @f(%a: tensor<3x8x4xf32>, %init: tensor<3x8x4xf32>, %li: tensor<3x8x4xi32>, %ke: tensor<8xi32>, %i: tensor<8x4xi32>) -> tensor<8x4xi32> {
  %lv = linalg.exp ins(%a : tensor<3x8x4xf32>) outs(%init : tensor<3x8x4xf32>) -> tensor<3x8x4xf32>
  %0 = mqa.merge_topk ins(%li, %lv, none, %ke : tensor<3x8x4xi32>, tensor<3x8x4xf32>, tensor<8xi32>) outs(%i : tensor<8x4xi32>) -> tensor<8x4xi32>
  return %0 : tensor<8x4xi32>
}
)mlir";
  EXPECT_EQ(fuse(text, {0, 2, 0}), 1u);
  EXPECT_EQ(fuse(text, {1, 0, 0}), std::nullopt);
}
} // namespace
