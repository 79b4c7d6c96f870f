//===- CaseShapes.cpp - Shapes that fit a kernel --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CaseShapes.h"

using namespace mqa::tools;

PagedShape mqa::tools::getPagedShape(const mqa_kernel_info &info, int64_t batch,
                                     int32_t (*length)(int64_t)) {
  PagedShape shape{info.batch < 0 ? batch : info.batch,
                   info.next_n,
                   info.num_heads,
                   info.head_dim,
                   info.block_kv,
                   {}};
  for (int64_t b = 0; b < shape.batch; ++b)
    for (int64_t t = 0, e = info.lens_per_query ? info.next_n : 1; t < e; ++t)
      shape.lens.push_back(static_cast<int32_t>(length(b) - e + t + 1));
  return shape;
}

void mqa::tools::setStaticSizes(const mqa_kernel_info &info,
                                PagedShape &shape) {
  if (info.max_context_len >= 0)
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
