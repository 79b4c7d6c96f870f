//===- CaseShapes.cpp - Shapes that fit a kernel --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CaseShapes.h"

#include <random>

using namespace mqa::tools;

PagedShape mqa::tools::getPagedShape(const mqa_kernel_info &info, int64_t batch,
                                     int32_t (*length)(int64_t)) {
  PagedShape shape{info.batch < 0 ? batch : info.batch,
                   info.next_n,
                   info.num_heads,
                   info.head_dim,
                   info.block_kv,
                   {}};
  if (info.has_sequence) {
    for (int64_t b = 0; b < shape.batch; ++b)
      shape.lens.push_back(length(b));
    makeRows(info, shape, [](int64_t b) { return 1 + b * 5 % 8; });
    return shape;
  }
  for (int64_t b = 0; b < shape.batch; ++b)
    for (int64_t t = 0, e = info.lens_per_query ? info.next_n : 1; t < e; ++t)
      shape.lens.push_back(static_cast<int32_t>(length(b) - e + t + 1));
  return shape;
}

void mqa::tools::makeRows(const mqa_kernel_info &info, PagedShape &shape,
                          const std::function<int64_t(int64_t)> &rows) {
  std::vector<int32_t> lengths;
  std::swap(lengths, shape.lens);
  shape.ofRows = true;
  shape.sequence.clear();
  for (int64_t b = 0; b < shape.batch; ++b)
    for (int64_t t = 0, count = rows(b); t < count; ++t) {
      shape.lens.push_back(static_cast<int32_t>(lengths[b] - count + t + 1));
      shape.sequence.push_back(static_cast<int32_t>(b));
    }
  if (info.num_queries < 0)
    return;
  constexpr int32_t kNoSequence = 0x7fffffff;
  shape.lens.resize(info.num_queries, 0);
  shape.sequence.resize(info.num_queries, kNoSequence);
}

void mqa::tools::shuffleRows(PagedShape &shape, uint64_t seed) {
  std::mt19937_64 random(seed);
  for (size_t i = shape.sequence.size(); i > 1; --i) {
    size_t other = random() % i;
    std::swap(shape.sequence[i - 1], shape.sequence[other]);
    std::swap(shape.lens[i - 1], shape.lens[other]);
  }
}

void mqa::tools::setStaticSizes(const mqa_kernel_info &info,
                                PagedShape &shape) {
  // Columns of key blocks do not end a sequence.
  if (info.max_context_len >= 0 || info.key_block_size)
    shape.maxContextLen = info.max_context_len;
  if (info.max_blocks >= 0)
    shape.maxBlocks = info.max_blocks;
  if (info.num_blocks >= 0)
    shape.numBlocks = info.num_blocks;
}

void mqa::tools::setKeyBlocks(const mqa_kernel_info &info, Problem &problem,
                              int64_t maxBlocks, BlockLists lists,
                              uint64_t seed) {
  if (info.key_block_size)
    setKeyBlocks(problem, info.key_block_size,
                 info.max_key_blocks < 0 ? maxBlocks : info.max_key_blocks,
                 lists, seed);
}
