//===- LogitsTopkSteps.h - Logits and top-k as two kernels -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A kernel of mqa.logits_topk may be two: one that stores logits in the
// scratch, and one that selects from them. Rows are taken so many at a time
// that the scratch stays small.
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_LOGITSTOPKSTEPS_H
#define MQA_RUNTIME_LIB_LOGITSTOPKSTEPS_H

#include "Arguments.h"
#include "Manifest.h"

#include <algorithm>

namespace mqa::runtime {

/// Of a kernel that is two.
enum Step { kLogitsStep, kTopkStep, kNumSteps };

/// Reads both, and what `kernel` is by them. Throws InvalidBundle.
void readSteps(Fields &fields, bool isCpu, KernelDescription &kernel);

/// Bytes of scratch for the rows that are worked on at a time.
size_t getPieceBytes(const KernelDescription &kernel, int64_t numQueries,
                     int64_t numColumns);

/// Rows that are worked on at a time, of `numQueries`.
int64_t getPieceRows(const KernelDescription &kernel, int64_t numQueries,
                     int64_t numColumns);

/// Rows `first` to `first` + `count` of `tensors`, of both steps.
Tensors getPiece(const KernelDescription &kernel, const Tensors &tensors,
                 int64_t first, int64_t count);

/// Columns of the logits. Of a paged cache, no row has more keys than a line of
/// the block table; kernels for a number of columns count all of these.
int64_t getNumColumns(const KernelDescription &kernel, const Tensors &tensors);

/// Whether rows are short enough, and the scratch is large enough.
mqa_status checkPieces(const KernelDescription &kernel, const Tensors &tensors);

/// Calls `launch(step, tensors)` for each launch, in order, on the operands of
/// both: rows of logits become `out` of one and `logits` of the other. Stops at
/// an error.
template <typename Launch>
mqa_status forEachStep(const KernelDescription &kernel, const Tensors &tensors,
                       Launch launch) {
  MQA_RETURN_IF_FAILED(checkPieces(kernel, tensors));
  int64_t numQueries = tensors[Operand::Indices].sizes[0];
  int64_t rows =
      getPieceRows(kernel, numQueries, getNumColumns(kernel, tensors));
  for (int64_t first = 0; first < numQueries; first += rows) {
    Tensors some =
        getPiece(kernel, tensors, first, std::min(rows, numQueries - first));
    for (Step step : {kLogitsStep, kTopkStep})
      if (hasWork(kernel.steps[step], some))
        MQA_RETURN_IF_FAILED(launch(step, some));
  }
  return MQA_SUCCESS;
}

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_LOGITSTOPKSTEPS_H
