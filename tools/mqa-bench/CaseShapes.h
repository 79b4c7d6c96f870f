//===- CaseShapes.h - Shapes that fit a kernel ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_MQA_BENCH_CASESHAPES_H
#define MQA_TOOLS_MQA_BENCH_CASESHAPES_H

#include "Session.h"

#include <functional>

namespace mqa::tools {

/// A paged shape of the sizes that the kernel knows, else of `batch` sequences
/// of `length(b)` keys.
PagedShape getPagedShape(const mqa_kernel_info &info, int64_t batch,
                         int32_t (*length)(int64_t));

/// Rows that name sequences instead of queries of each: `rows(b)` neighbouring
/// ones of sequence b, the last of which sees all of the `shape.lens[b]` keys;
/// or as many rows as the kernel knows. Rows behind these see no key, and name
/// no sequence.
void makeRows(const mqa_kernel_info &info, PagedShape &shape,
              const std::function<int64_t(int64_t)> &rows);

/// Brings rows into any order.
void shuffleRows(PagedShape &shape, uint64_t seed);

/// Columns, blocks and entries of the table that the kernel knows.
void setStaticSizes(const mqa_kernel_info &info, PagedShape &shape);

/// Gives each query of a problem a list of blocks where the kernel wants one:
/// of as many blocks as the kernel knows, else of at most `maxBlocks`.
void setKeyBlocks(const mqa_kernel_info &info, Problem &problem,
                  int64_t maxBlocks, BlockLists lists, uint64_t seed);

} // namespace mqa::tools

#endif // MQA_TOOLS_MQA_BENCH_CASESHAPES_H
